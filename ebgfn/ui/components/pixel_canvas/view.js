// Pixels to paint as ink, paper or void.
const STATES = ["paper", "ink", "void"]

class View extends Painting {
  constructor(root) {
    super(root.querySelector(".canvas"), root.querySelector(".board"))
    this.tool = 1
    this.spotted = root.querySelector(".spot")
    this.squares = []
  }

  // One square for each pixel, whose look follows its class.
  lay() {
    const at = (i) => ({ x: i % this.side, y: Math.floor(i / this.side), width: 1, height: 1 })
    this.board.setAttribute("viewBox", `0 0 ${this.side} ${this.side}`)
    this.squares = Array.from(this.cells, (_, i) => svg("rect", at(i)))
    this.board.querySelector(".cells").replaceChildren(...this.squares)
  }

  paint() {
    if (this.squares.length !== this.cells.length) this.lay()
    this.squares.forEach((square, i) => square.setAttribute("class", STATES[this.cells[i]]))
    this.spotted.toggleAttribute("hidden", !this.spot)
    if (this.spot) { this.spotted.setAttribute("x", this.spot[0]); this.spotted.setAttribute("y", this.spot[1]) }
  }

  // A broad brush is as wide as a pen on such a picture; the void one is wider, or it would take long to erase.
  dab(column, row) {
    const radius = Math.max(0.71, this.broad ? this.side * (this.tool === 2 ? 0.09 : 0.05) : 0.5)
    this.cells = this.cells.map((v, i) => (this.distance(i, column, row) < radius ? this.tool : v))
    this.paint()
  }

  press(tool) {
    if (tool === "broad") this.broad = !this.broad
    else this.tool = STATES.indexOf(tool)
  }

  pressed(tool) { return tool === "broad" ? this.broad : STATES[this.tool] === tool }
}

export default mounted(View)
