// One player drives all: its moments are those of the stored training, and each lasts some beats, at which the other pictures
// and the phases of the loop go on.
const BEAT_MS = 120, BEATS_OF_PHASE = 8, BEATS_OF_MOMENT = 5, BEATS_OF_END = 45
const PICTURES = { landscape: ["training", LandscapePicture], digits: ["images", ImagesPicture, 1], ising: ["lattices", LatticePicture, 3] }

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.loop = new Loop(this, this.dom.querySelector(".loop"))
    this.passed = 0 // beats of earlier rounds
    this.player = new Playback(this.dom, {
      last: () => this.last(), show: () => this.show(), label: (at) => this.loop.label(Math.floor(at)),
      stay: (moment) => BEAT_MS * this.beatsOf(moment), again: () => { this.passed += this.beats(this.last() + 1) }, smooth: true,
    })
    this.sets = this.dom.querySelector(".sets")
    this.sets.onchange = () => this.report("settled_data", this.sets.value)
    this.dom.style.setProperty("--beat", `${BEAT_MS * BEATS_OF_PHASE}ms`)
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.dom)
  }

  update(data, { setTriggerValue }) {
    this.report = setTriggerValue
    const name = data.training?.name, another = !this.data || name !== this.data.training?.name
    if (another && this.data) this.passed += Math.floor(this.beats(this.player.at))
    this.data = data
    this.buildCards()
    this.loop.root.hidden = !data.training
    if (data.training) {
      this.sets.replaceChildren(...data.training.names.map((one) => new Option(one, one, false, one === name)))
      this.loop.take(data.training)
    }
    if (another) this.player.begin()
    this.paint()
  }

  last() { return (this.data.training?.moments.length ?? 1) - 1 }

  beatsOf(moment) { return moment < this.last() ? BEATS_OF_MOMENT : BEATS_OF_END }

  // Beats from the first moment to a time.
  beats(at) {
    const moment = Math.min(this.last(), Math.floor(at))
    return BEATS_OF_MOMENT * moment + this.beatsOf(moment) * (at - moment)
  }

  // Drawn once a beat. Whoever goes to the end sees that of each picture: it has no beat.
  show() {
    const { at, moving, playing } = this.player, before = this.beat
    this.dom.classList.toggle("moving", moving)
    this.beat = !playing && at === this.last() ? null : Math.floor(this.passed + this.beats(at))
    if (this.beat !== before) this.paint()
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

  // The moment of a picture: the training's, or one that goes on every few beats.
  momentOf({ length, hold }, beats) {
    if (this.beat === null) return length - 1
    return Math.min(length - 1, beats ? Math.floor(this.beat / beats) % (length + hold) : Math.floor(this.player.at))
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
      const { kind } = this.data.cards[k], moment = this.momentOf(picture, PICTURES[kind][2])
      moments[kind] = moment
      this.dom.querySelectorAll(".card .now")[k].textContent = picture.words(moment)
      picture.paint(canvases[k].getContext("2d"), fitted(canvases[k]), moment)
    })
    if (this.data.training) {
      this.loop.light(this.beat === null ? -1 : Math.floor(this.beat / BEATS_OF_PHASE) % PHASES)
      this.loop.paint(moments.landscape ?? this.data.training.moments.length - 1)
    }
  }
}

export default mounted(View)
