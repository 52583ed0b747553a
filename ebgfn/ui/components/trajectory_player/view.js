// One trajectory of a GFlowNet, step by step: bits fill in, and the cloud of what they may still become closes in on a point.
const STEP_MS = 520, REST_MS = 2600

class Player {
  constructor(root) {
    this.dom = root.querySelector(".story")
    this.canvas = this.dom.querySelector("canvas")
    this.t = 0; this.which = 0; this.blend = 1
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches
    this.wire()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.canvas)
  }

  update(data) {
    if (data.source !== this.source) {
      this.source = data.source; this.which = 0; this.t = 0
      this.back = null
      this.stories = data.stories.map((s) => ({ ...s, clouds: new Int8Array(bytes(s.clouds).buffer) }))
      this.states = data.dim + 1
      this.points = this.stories[0].clouds.length / this.states
    }
    this.data = data
    this.buildBits()
    this.show(this.t)
    if (!this.started) { this.started = true; if (!this.still) this.play() }
  }

  buildBits() {
    const grid = this.dom.querySelector(".bits"), half = this.data.dim / 2
    if (grid.childElementCount === this.data.dim + 2) return
    grid.style.setProperty("--bits", half)
    const axis = (name) => [Object.assign(document.createElement("span"), { textContent: name }), ...Array.from({ length: half }, () => document.createElement("i"))]
    grid.replaceChildren(...axis("x"), ...axis("y"))
    this.cells = [...grid.querySelectorAll("i")]
  }

  show(t) {
    this.t = clamp(t, 0, this.states - 1)
    const story = this.stories[this.which], dim = this.data.dim
    const filled = new Set(story.order.slice(0, this.t)), newest = story.order[this.t - 1]
    this.cells.forEach((cell, i) => {
      cell.textContent = filled.has(i) ? story.x[i] : ""
      cell.className = [filled.has(i) ? "filled" : "", filled.has(i) && story.x[i] ? "one" : "", i === newest ? "newest" : ""].join(" ")
    })
    const find = (name) => this.dom.querySelector(name)
    find(".bits").setAttribute("aria-label", `${this.t} of ${dim} bits are filled`)
    find(".count").textContent = `${this.t} of ${dim} bits`
    find(".text").textContent = this.words()
    const range = find("input")
    range.max = dim; range.value = this.t
    range.setAttribute("aria-valuetext", `${this.t} of ${dim} bits filled`)
    this.canvas.setAttribute("aria-label", `The plane with the learned density, and ${this.points / 2} points that the partial vector with ${this.t} bits may become.`)
    this.paint()
  }

  words() {
    const dim = this.data.dim
    if (this.t === 0) return "Nothing is decided yet. Each dot is one place where the GFlowNet may end up: together they are the whole density."
    if (this.t === dim) return "The vector is complete: it names one cell of the plane. Its probability is the sum over all orders in which its bits can be filled."
    const bit = this.stories[this.which].order[this.t - 1], half = dim / 2, axis = bit < half ? "x" : "y", place = bit % half
    const role = place === 0 ? `the sign of ${axis}` : place < 4 ? `a coarse bit of ${axis}` : `a fine bit of ${axis}`
    return `The GFlowNet just chose a place and a value: ${role}. The dots show where this vector may still end up; every choice rules some of them out.`
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
    const cloud = this.stories[this.which].clouds.subarray(this.t * this.points, (this.t + 1) * this.points)
    const last = this.t === this.states - 1
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

  stop() {
    clearTimeout(this.timer); this.timer = null
    this.label("▶", "Play")
  }

  label(text, name) {
    const button = this.dom.querySelector("[data-tool=play]")
    button.textContent = text; button.setAttribute("aria-label", name)
  }

  play() {
    this.label("❚❚", "Pause")
    const tick = () => {
      if (this.t < this.states - 1) this.show(this.t + 1)
      else { this.which = (this.which + 1) % this.stories.length; this.show(0) }
      this.timer = setTimeout(tick, this.t === this.states - 1 || this.t === 0 ? REST_MS : STEP_MS)
    }
    this.timer = setTimeout(tick, this.t === 0 ? REST_MS / 2 : STEP_MS)
  }

  wire() {
    const actions = {
      play: () => (this.timer ? this.stop() : this.play()),
      back: () => { this.stop(); this.show(this.t - 1) },
      next: () => { this.stop(); this.show(this.t + 1) },
      other: () => { this.which = (this.which + 1) % this.stories.length; this.show(this.t) },
    }
    for (const button of this.dom.querySelectorAll("button")) button.onclick = actions[button.dataset.tool]
    this.dom.querySelector("input").oninput = (e) => { this.stop(); this.show(Number(e.target.value)) }
  }
}

export default mounted(Player)
