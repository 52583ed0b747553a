// A density to draw, in patches of sixteen strengths.
const TOP = 15

class View extends Painting {
  constructor(root) {
    super(root.querySelector(".drawing"), root.querySelector("canvas"))
    this.erase = false
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.board)
  }

  paint() {
    if (!this.cells.length) return
    const table = colours("amount", isDark(this.root)), size = fitted(this.board), ctx = this.board.getContext("2d"), cell = size / this.side
    this.cells.forEach((v, i) => {
      ctx.fillStyle = rgb(table, Math.round((255 * v) / TOP))
      ctx.fillRect(Math.floor((i % this.side) * cell), Math.floor(Math.floor(i / this.side) * cell), Math.ceil(cell), Math.ceil(cell))
    })
    if (!this.spot) return
    ctx.strokeStyle = getComputedStyle(this.root).color; ctx.lineWidth = 2
    ctx.strokeRect(this.spot[0] * cell, this.spot[1] * cell, cell, cell)
  }

  // The brush is a round bump: patches only get stronger under it, or weaker if it erases.
  dab(column, row) {
    const radius = this.broad ? 2.2 : 1
    this.cells = this.cells.map((v, i) => {
      const strength = Math.round(TOP * clamp(1.5 - this.distance(i, column, row) / radius, 0, 1))
      return this.erase ? Math.min(v, TOP - strength) : Math.max(v, strength)
    })
    this.paint()
  }

  press(tool) {
    if (tool === "broad") this.broad = !this.broad
    else if (tool === "clear") { this.cells.fill(0); this.paint(); this.send() }
    else this.erase = tool === "erase"
  }

  pressed(tool) { return tool === "broad" ? this.broad : this.erase === (tool === "erase") }
}

export default mounted(View)
