// The player of back-and-forth moves: sent once, drawn here frame by frame, so that playing costs the server nothing.
// Time is counted in moves. Only K and the chosen chain are reported back.
const STOPS = [0, VOIDED, FILLED] // of a move: before, void, filled
const MOVE_MS = 4000

class Player {
  constructor(root) {
    this.dom = root.querySelector(".player")
    this.$ = (name) => root.querySelector(name)
    this.plane = new Plane(this.$("canvas"))
    this.panel = new Panel(this.$)
    this.chain = 0
    this.wire()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.$("canvas"))
  }

  // Data of the server. The same moment stays on show, so that moving K compares like with like.
  update(data, report) {
    const begun = Boolean(this.moves)
    this.report = report
    this.moves = new Moves(data)
    this.plane.load(this.moves, isDark(this.dom))
    this.chain = Math.min(this.chain, data.chains - 1)
    this.$(".chain").max = data.chains
    this.$("canvas").setAttribute("aria-label", data.alt)
    this.panel.sums(data.sums)
    this.dial.update(data.dial, report)
    if (begun) this.player.paint()
    else this.player.begin()
    this.dom.dataset.k = data.k
  }

  wire() {
    const chain = this.$(".chain")
    this.dial = new Dial(this.$(".dials"), (k) => Panel.erased(k, this.moves.dim))
    chain.onchange = () => this.choose(Math.round(Number(chain.value)) - 1)
    this.$("canvas").onclick = (e) => { const { m, f } = this.moment(); this.choose(this.plane.nearest(e, f >= 1 ? m + 1 : m)) }
    this.player = new Playback(this.dom, {
      last: () => this.moves.steps, show: () => this.paint(), label: () => `move ${this.moment().m + 1} of ${this.moves.steps}`, words: () => this.words(),
      stay: () => MOVE_MS, stops: () => [...Array(this.moves.steps).keys()].flatMap((m) => STOPS.map((stop) => m + stop)).concat(this.moves.steps), smooth: true,
    }, this.$(".plane"), { ArrowUp: () => this.choose(this.chain + 1), ArrowDown: () => this.choose(this.chain - 1) })
  }

  choose(index) {
    this.chain = (index + this.moves.chains) % this.moves.chains || 0
    this.paint()
    this.player.speak()
    clearTimeout(this.later)
    this.later = setTimeout(() => this.report.setStateValue("chain", this.chain), 120)
  }

  stop() { clearTimeout(this.later) }

  // Move and phase; the end of the last move stands for the moment after it.
  moment() {
    const { at } = this.player, m = Math.min(Math.floor(at + 1e-9), this.moves.steps - 1)
    return { m, f: Math.max(0, at - m) }
  }

  paint() {
    if (!this.moves) return
    const { m, f } = this.moment(), held = this.dom.getRootNode().activeElement
    this.plane.paint(m, f, this.chain)
    this.panel.show(this.moves, m, f, this.chain)
    // What is being typed is not overwritten.
    if (held !== this.$(".chain") || !this.player.playing) this.$(".chain").value = this.chain + 1
  }

  words() {
    const { m, f } = this.moment(), row = this.moves.row(m, this.chain)
    if (f < FILLED) return `Chain ${this.chain + 1}, move ${m + 1}: ${this.$(".phases .now").textContent}.`
    const result = this.moves.accepted[row] ? "accepted" : "rejected"
    return `Chain ${this.chain + 1}, move ${m + 1}: log alpha ${signed(this.moves.logAlpha[row])}, ${result}.`
  }
}

export default mounted(Player)
