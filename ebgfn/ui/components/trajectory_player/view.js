// One trajectory of a GFlowNet, step by step: bits fill in, and the cloud of what they may still become closes in on a point.
const STEP_MS = 520, REST_MS = 2600

class Player {
  constructor(root) {
    this.dom = root.querySelector(".story")
    this.canvas = this.dom.querySelector("canvas")
    this.player = new Playback(this.dom, {
      last: () => this.data.dim, show: (t) => this.show(t), label: (t) => `${t} of ${this.data.dim} bits`, words: () => this.words(this.player.at),
      stay: (t) => (t % this.data.dim ? STEP_MS : REST_MS), again: () => this.next(),
    }, this.canvas)
    this.dom.querySelector(".another").onclick = () => { this.next(); this.player.paint() }
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.canvas)
  }

  update(data) {
    const another = data.source !== this.data?.source
    this.data = data
    this.buildBits()
    if (another) {
      this.which = 0
      this.back = null
      this.stories = data.stories.map((s) => ({ ...s, clouds: new Int8Array(bytes(s.clouds).buffer) }))
      this.points = this.stories[0].clouds.length / (data.dim + 1)
      this.player.begin()
    } else this.player.paint()
  }

  next() { this.which = (this.which + 1) % this.stories.length }

  buildBits() {
    const grid = this.dom.querySelector(".bits"), half = this.data.dim / 2
    if (grid.childElementCount === this.data.dim + 2) return
    grid.style.setProperty("--bits", half)
    const axis = (name) => [Object.assign(document.createElement("span"), { textContent: name }), ...Array.from({ length: half }, () => document.createElement("i"))]
    grid.replaceChildren(...axis("x"), ...axis("y"))
    this.cells = [...grid.querySelectorAll("i")]
  }

  show(t) {
    const story = this.stories[this.which], filled = new Set(story.order.slice(0, t)), newest = story.order[t - 1]
    this.cells.forEach((cell, i) => {
      cell.textContent = filled.has(i) ? story.x[i] : ""
      cell.className = [filled.has(i) ? "filled" : "", filled.has(i) && story.x[i] ? "one" : "", i === newest ? "newest" : ""].join(" ")
    })
    this.dom.querySelector(".bits").setAttribute("aria-label", `${t} of ${this.data.dim} bits are filled`)
    this.dom.querySelector(".text").textContent = this.words(t)
    this.canvas.setAttribute("aria-label", `The plane with the learned density, and ${this.points / 2} points that the partial vector with ${t} bits may become.`)
    this.paint()
  }

  words(t) {
    const dim = this.data.dim
    if (t === 0) return "Nothing is decided yet. Each dot is one place where the GFlowNet may end up: together they are the whole density."
    if (t === dim) return "The vector is complete: it names one cell of the plane. Its probability is the sum over all orders in which its bits can be filled."
    const bit = this.stories[this.which].order[t - 1], half = dim / 2, axis = bit < half ? "x" : "y", place = bit % half
    const meaning = place === 0 ? `the sign of ${axis}` : place < 4 ? `a coarse bit of ${axis}` : `a fine bit of ${axis}`
    return `The GFlowNet just chose a place and a value: ${meaning}. The dots show where this vector may still end up; every choice rules some of them out.`
  }

  paint() {
    cancelAnimationFrame(this.pending)
    this.pending = requestAnimationFrame(() => this.paintNow())
  }

  paintNow() {
    if (!this.stories) return
    const size = fitted(this.canvas), ctx = this.canvas.getContext("2d"), style = getComputedStyle(this.dom), dark = isDark(this.dom)
    if (this.dark !== dark || !this.back) { this.dark = dark; this.back = this.backdrop(dark) }
    ctx.fillStyle = style.getPropertyValue("--st-background-color")
    ctx.fillRect(0, 0, size, size)
    ctx.globalAlpha = 0.42
    ctx.imageSmoothingQuality = "high"
    ctx.drawImage(this.back, 0, 0, size, size)
    const t = this.player.at, cloud = this.stories[this.which].clouds.subarray(t * this.points, (t + 1) * this.points), last = t === this.data.dim
    ctx.globalAlpha = last ? 1 : 0.85
    ctx.fillStyle = role("sampler", dark)
    const r = (size / 110) * (last ? 2.2 : 1)
    for (let i = 0; i < (last ? 2 : cloud.length); i += 2) {
      ctx.beginPath()
      ctx.arc((size / 2) * (1 + cloud[i] / 100), (size / 2) * (1 - cloud[i + 1] / 100), r, 0, 7)
      ctx.fill()
    }
    ctx.globalAlpha = 1
  }

  backdrop(dark) {
    const levels = bytes(this.data.backdrop)
    return bitmap(Math.round(Math.sqrt(levels.length)), colours("amount", dark), (i) => Math.round(255 * density(levels[i])), { below: true })
  }
}

export default mounted(Player)
