// Pixels to paint as ink, paper or void with pointer or keys; a finished stroke is sent to the server, one byte a pixel.
const STATES = ["paper", "ink", "void"]
const SVG = "http://www.w3.org/2000/svg"
const instances = new WeakMap()
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))

class Canvas {
  constructor(root) {
    this.root = root.querySelector(".canvas")
    this.board = root.querySelector(".board")
    this.spotted = root.querySelector(".spot")
    Object.assign(this, { tool: 1, broad: true, spot: null, cells: new Uint8Array() })
    this.wire()
  }

  update({ data, setStateValue }) {
    this.send = () => setStateValue("strokes", btoa(String.fromCharCode(...this.cells)))
    if (data.side !== this.side) this.lay(data.side)
    // What is being painted now is newer than what the server last heard of.
    if (data.cells !== this.given && !this.painting) { this.cells = bytes(data.cells); this.paint() }
    this.given = data.cells
  }

  lay(side) {
    this.side = side
    this.board.setAttribute("viewBox", `0 0 ${side} ${side}`)
    this.squares = Array.from({ length: side * side }, (_, i) => {
      const square = document.createElementNS(SVG, "rect")
      for (const [name, value] of Object.entries({ x: i % side, y: Math.floor(i / side), width: 1, height: 1 })) square.setAttribute(name, value)
      return square
    })
    this.board.querySelector(".cells").replaceChildren(...this.squares)
  }

  paint() {
    this.squares.forEach((square, i) => square.setAttribute("class", STATES[this.cells[i]]))
    this.spotted.toggleAttribute("hidden", !this.spot)
    if (this.spot) { this.spotted.setAttribute("x", this.spot[0]); this.spotted.setAttribute("y", this.spot[1]) }
  }

  // A broad brush is as wide as a pen on such a picture; the void one is wider, or it would take long to erase.
  dab(column, row) {
    const radius = this.broad ? this.side * (this.tool === 2 ? 0.09 : 0.05) : 0.5
    for (let i = 0; i < this.cells.length; i++) {
      const distance = Math.hypot((i % this.side) + 0.5 - column, Math.floor(i / this.side) + 0.5 - row)
      if (distance < Math.max(radius, 0.71)) this.cells[i] = this.tool
    }
    this.paint()
  }

  place(e) {
    const box = this.board.getBoundingClientRect()
    return [((e.clientX - box.left) / box.width) * this.side, ((e.clientY - box.top) / box.height) * this.side]
  }

  wire() {
    let last = null
    this.board.onpointerdown = (e) => {
      this.painting = true; this.spot = null; this.board.setPointerCapture(e.pointerId)
      last = this.place(e)
      this.dab(...last)
    }
    this.board.onpointermove = (e) => {
      if (!this.painting) return
      const here = this.place(e), n = Math.max(1, Math.ceil(2 * Math.hypot(here[0] - last[0], here[1] - last[1])))
      for (let i = 1; i <= n; i++) this.dab(last[0] + ((here[0] - last[0]) * i) / n, last[1] + ((here[1] - last[1]) * i) / n)
      last = here
    }
    this.board.onpointerup = this.board.onpointercancel = () => { if (this.painting) { this.painting = false; this.send() } }
    this.board.onkeydown = (e) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
      if (!moves[e.key] && e.key !== " ") return
      e.preventDefault()
      const [column, row] = this.spot ?? [this.side >> 1, this.side >> 1]
      const keep = (v) => Math.max(0, Math.min(this.side - 1, v))
      if (moves[e.key]) { this.spot = [keep(column + moves[e.key][0]), keep(row + moves[e.key][1])]; this.paint() }
      else { this.dab(column + 0.5, row + 0.5); this.send() }
    }
    this.board.onblur = () => { this.spot = null; this.paint() }
    for (const button of this.root.querySelectorAll("button")) button.onclick = () => {
      const at = STATES.indexOf(button.dataset.tool)
      if (at < 0) this.broad = !this.broad
      else this.tool = at
      for (const other of this.root.querySelectorAll("button")) {
        const on = other.dataset.tool === "broad" ? this.broad : STATES[this.tool] === other.dataset.tool
        other.setAttribute("aria-pressed", on)
      }
    }
  }
}

export default function (component) {
  const { parentElement } = component
  let canvas = instances.get(parentElement)
  if (!canvas) instances.set(parentElement, (canvas = new Canvas(parentElement)))
  canvas.update(component)
  return () => { instances.delete(parentElement) }
}
