// The player of back-and-forth moves: sent once, drawn here frame by frame, so that playing costs the server nothing.
// Time u is counted in moves. Only K and the chosen chain are reported back.
const STOPS = [0, VOIDED, FILLED]
const SECONDS_A_MOVE = 4, SECONDS_A_PAGE = 1.3

class Player {
  constructor(root) {
    this.dom = root.querySelector(".player")
    this.$ = (name) => root.querySelector(name)
    this.plane = new Plane(this.$("canvas"))
    this.panel = new Panel(this.$)
    Object.assign(this, { u: 0, chain: 0, speed: 1 })
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches
    this.playing = !this.calm
    this.wire()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.$("canvas"))
    this.tick = this.tick.bind(this)
    this.frame = requestAnimationFrame(this.tick)
  }

  // Data of the server. The same moment stays on show, so that moving K compares like with like.
  update(data, report) {
    this.report = report
    this.moves = new Moves(data)
    this.plane.load(this.moves, isDark(this.dom))
    this.u = Math.min(this.u, data.steps)
    this.chain = Math.min(this.chain, data.chains - 1)
    this.$(".time").max = data.steps
    this.$(".chain").max = data.chains
    this.$(".k-range").max = data.dim
    this.$("canvas").setAttribute("aria-label", data.alt)
    this.panel.sums(data.sums)
    this.dial.answer(data.k, data.answers, report)
    this.paint()
    this.dom.dataset.k = data.k
  }

  wire() {
    const time = this.$(".time"), chain = this.$(".chain")
    this.dial = new Dial(this.$(".k-range"), (k) => this.panel.dial(k, this.moves.dim))
    time.oninput = () => this.go(Number(time.value))
    chain.onchange = () => this.choose(Math.round(Number(chain.value)) - 1)
    this.$("select").onchange = (e) => { this.speed = Number(e.target.value) }
    this.$("canvas").onclick = (e) => { const { m, f } = this.moment(); this.choose(this.plane.nearest(e, f >= 1 ? m + 1 : m)) }
    wireTransport(this.dom, this.$(".plane"), {
      Home: () => this.go(0), ArrowLeft: () => this.step(-1), " ": () => this.toggle(), ArrowRight: () => this.step(1), End: () => this.go(this.moves.steps),
      ArrowUp: () => this.choose(this.chain + 1), ArrowDown: () => this.choose(this.chain - 1),
    })
  }

  // Go to a moment and stay there.
  go(u) {
    this.playing = false
    this.move(u)
    this.speak()
  }

  move(u) {
    this.u = Math.min(this.moves.steps, Math.max(0, u))
    this.paint()
  }

  toggle() {
    this.playing = !this.playing
    this.clock = 0
    this.move(this.playing && this.u >= this.moves.steps ? 0 : this.u)
  }

  // The next or previous of the moments worth stopping at: before, void, filled, and the end.
  next(direction) {
    const all = Array.from({ length: this.moves.steps }, (_, m) => STOPS.map((stop) => m + stop)).flat().concat(this.moves.steps)
    return (direction > 0 ? all.find((s) => s > this.u + 1e-6) : all.findLast((s) => s < this.u - 1e-6)) ?? this.u
  }

  step(direction) { this.go(this.next(direction)) }

  choose(index) {
    this.chain = (index + this.moves.chains) % this.moves.chains || 0
    this.paint()
    this.speak()
    clearTimeout(this.later)
    this.later = setTimeout(() => this.report.setStateValue("chain", this.chain), 120)
  }

  tick(now) {
    const seconds = (Math.min(100, now - (this.before ?? now)) / 1000) * this.speed
    this.before = now
    if (this.playing && this.moves) this.advance(seconds)
    this.frame = requestAnimationFrame(this.tick)
  }

  // With reduced motion the player turns pages instead of moving.
  advance(seconds) {
    this.clock = (this.clock ?? 0) + seconds
    if (!this.calm) this.move(this.u + seconds / SECONDS_A_MOVE)
    else if (this.clock > SECONDS_A_PAGE) { this.clock = 0; this.move(this.next(1)) }
    if (this.u >= this.moves.steps) this.go(this.u)
  }

  stop() { cancelAnimationFrame(this.frame); clearTimeout(this.later) }

  // Move and phase at time u; the end of the last move stands for the moment after it.
  moment() {
    const m = Math.min(Math.floor(this.u + 1e-9), this.moves.steps - 1)
    return { m, f: Math.max(0, this.u - m) }
  }

  paint() {
    if (!this.moves) return
    const { m, f } = this.moment(), held = this.dom.getRootNode().activeElement
    this.plane.paint(m, f, this.chain)
    this.panel.show(this.moves, m, f, this.chain)
    this.$(".time").value = this.u
    // What is being typed is not overwritten.
    if (held !== this.$(".chain") || !this.playing) this.$(".chain").value = this.chain + 1
    paintPlay(this.dom, this.playing)
  }

  speak() {
    const { m, f } = this.moment(), row = this.moves.row(m, this.chain)
    if (f < FILLED) return
    const result = this.moves.accepted[row] ? "accepted" : "rejected"
    this.$(".spoken").textContent = `Chain ${this.chain + 1}, move ${m + 1}: log alpha ${signed(this.moves.logAlpha[row])}, ${result}.`
  }
}

export default mounted(Player)
