// A square board of cells to paint on with pointer or keys; a finished stroke is sent to the server, one byte a cell.
//
// A painting has paint(), dab(column, row) and press(tool, button); `spot` is the cell that the keys have walked to.
class Painting {
  constructor(root, board) {
    Object.assign(this, { root, board, broad: true, spot: null, cells: new Uint8Array() })
    this.wirePointer()
    this.wireKeys()
    for (const button of root.querySelectorAll("button")) button.onclick = () => {
      this.press(button.dataset.tool)
      for (const other of root.querySelectorAll("button[aria-pressed]")) other.setAttribute("aria-pressed", this.pressed(other.dataset.tool))
    }
  }

  update(data, { setStateValue }) {
    this.send = () => setStateValue("strokes", btoa(String.fromCharCode(...this.cells)))
    this.side = data.side
    // What is being painted now is newer than what the server last heard of.
    if (data.cells !== this.given && !this.painting) this.cells = bytes(data.cells)
    this.given = data.cells
    this.paint()
  }

  // Distance of a cell's middle from a place.
  distance(i, column, row) {
    return Math.hypot((i % this.side) + 0.5 - column, Math.floor(i / this.side) + 0.5 - row)
  }

  wirePointer() {
    const { board } = this, place = (e) => {
      const box = board.getBoundingClientRect()
      return [((e.clientX - box.left) / box.width) * this.side, ((e.clientY - box.top) / box.height) * this.side]
    }
    let last = null
    board.onpointerdown = (e) => {
      this.painting = true; this.spot = null; board.setPointerCapture(e.pointerId)
      last = place(e)
      this.dab(...last)
    }
    board.onpointermove = (e) => {
      if (!this.painting) return
      const here = place(e), n = Math.max(1, Math.ceil(2 * Math.hypot(here[0] - last[0], here[1] - last[1])))
      for (let i = 1; i <= n; i++) this.dab(last[0] + ((here[0] - last[0]) * i) / n, last[1] + ((here[1] - last[1]) * i) / n)
      last = here
    }
    board.onpointerup = board.onpointercancel = () => { if (this.painting) { this.painting = false; this.send() } }
  }

  wireKeys() {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    this.board.onkeydown = (e) => {
      if (!steps[e.key] && e.key !== " ") return
      e.preventDefault()
      const [column, row] = this.spot ?? [this.side >> 1, this.side >> 1]
      if (e.key === " ") { this.dab(column + 0.5, row + 0.5); this.send(); return }
      const [across, down] = steps[e.key]
      this.spot = [clamp(column + across, 0, this.side - 1), clamp(row + down, 0, this.side - 1)]
      this.paint()
    }
    this.board.onblur = () => { this.spot = null; this.paint() }
  }
}
