// One clock drives all: at each beat the next moment of each picture, every few beats the next phase of the loop.
const BEAT_MS = 120, BEATS_OF_PHASE = 8, BEATS_OF_MOMENT = 5
const PICTURES = { landscape: ["training", LandscapePicture, BEATS_OF_MOMENT], digits: ["images", ImagesPicture, 1], ising: ["lattices", LatticePicture, 3] }

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.loop = new Loop(this, this.dom.querySelector(".loop"))
    this.beat = 0
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches
    this.button = this.dom.querySelector(".clock button")
    this.button.onclick = () => (this.timer ? this.stop() : this.play())
    this.sets = this.dom.querySelector(".clock select")
    this.sets.onchange = () => this.report("settled", this.sets.value)
    this.dom.style.setProperty("--beat", `${BEAT_MS * BEATS_OF_PHASE}ms`)
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.dom)
  }

  update(data, { setTriggerValue }) {
    this.report = setTriggerValue
    const name = data.training?.name
    if (name !== this.name && this.name) this.begun = this.beat
    this.name = name
    this.data = data
    this.buildCards()
    this.loop.root.hidden = !data.training
    if (data.training) {
      this.sets.replaceChildren(...data.training.names.map((one) => new Option(one, one, false, one === name)))
      this.loop.take(data.training)
    }
    if (this.still) this.stop()
    else if (!this.timer && !this.stopped) this.play()
    this.paint()
  }

  buildCards() {
    const box = this.dom.querySelector(".cards")
    if (box.childElementCount !== this.data.cards.length) box.replaceChildren(...this.data.cards.map((card) => this.newCard(card)))
    this.pictures = this.data.cards.map((card, k) => {
      const node = box.children[k], [part, Picture] = PICTURES[card.kind], link = node.querySelector("a")
      node.querySelector("h2").textContent = card.title
      node.querySelector("p").textContent = card.text
      link.textContent = card.link
      link.href = card.href
      node.querySelector("canvas").setAttribute("aria-label", card.alt)
      return this.data[part] ? new Picture(this, this.data[part]) : null
    })
  }

  newCard({ kind }) {
    const node = document.createElement("article"), canvas = add(node, "canvas"), words = add(node, "div")
    node.className = "card"
    canvas.setAttribute("role", "img")
    add(words, "h2"); add(words, "p"); add(words, "p", "", "now")
    const link = add(words, "a")
    link.onclick = (e) => {
      if (e.ctrlKey || e.metaKey || e.shiftKey) return
      e.preventDefault()
      this.report("open", kind)
    }
    return node
  }

  // Nothing moves by itself for a visitor who wants less motion: the end of each story is shown until it is played.
  atRest() { return this.still && this.beat === 0 }

  // The moment of a picture at this beat.
  momentOf(picture, beats, since = 0) {
    const { length, hold } = picture
    if (this.atRest()) return length - 1
    return Math.min(length - 1, Math.floor((this.beat - since) / beats) % (length + hold))
  }

  paint() {
    cancelAnimationFrame(this.pending)
    this.pending = requestAnimationFrame(() => this.paintNow())
  }

  paintNow() {
    if (!this.data) return
    this.dark = isDark(this.dom)
    const canvases = this.dom.querySelectorAll(".card canvas"), moments = {}
    this.pictures.forEach((picture, k) => {
      if (!picture) return
      const { kind } = this.data.cards[k], moment = this.momentOf(picture, PICTURES[kind][2], kind === "landscape" ? this.begun ?? 0 : 0)
      moments[kind] = moment
      this.dom.querySelectorAll(".card .now")[k].textContent = picture.words(moment)
      picture.paint(canvases[k].getContext("2d"), fitted(canvases[k]), moment)
    })
    if (this.data.training) {
      this.loop.light(this.atRest() ? -1 : Math.floor(this.beat / BEATS_OF_PHASE) % PHASES)
      this.loop.paint(moments.landscape ?? this.data.training.moments.length - 1)
    }
  }

  label(playing) {
    this.button.textContent = playing ? "❚❚" : "▶"
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play")
    this.dom.classList.toggle("moving", playing)
  }

  play() {
    this.stopped = false
    this.timer = setInterval(() => { this.beat++; this.paint() }, BEAT_MS)
    this.label(true)
  }

  stop() {
    clearInterval(this.timer)
    this.timer = null
    this.stopped = true
    this.label(false)
  }
}

export default mounted(View)
