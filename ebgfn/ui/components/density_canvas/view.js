// A canvas of patches to paint with pointer or keys; a finished stroke is sent to the server as one byte a patch.
const LUTS = __LUTS__
const TOP = 15
const instances = new WeakMap()
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))

class Drawing {
  constructor(root) {
    this.root = root.querySelector(".drawing")
    this.canvas = this.root.querySelector("canvas")
    this.erase = false; this.broad = true; this.spot = null
    this.wire()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.canvas)
  }

  update({ data, setStateValue }) {
    this.send = () => setStateValue("strokes", btoa(String.fromCharCode(...this.patches)))
    this.side = data.side
    if (data.patches !== this.given) {
      this.given = data.patches
      if (!this.painting) this.patches = bytes(data.patches)
    }
    this.paint()
  }

  paint() {
    if (!this.patches) return
    const background = getComputedStyle(this.root).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) ?? ["ff"]
    const dark = background.reduce((sum, c) => sum + parseInt(c, 16), 0) < 384
    const table = bytes(LUTS[dark ? "amount_dark" : "amount_light"])
    const size = Math.max(1, Math.round(this.canvas.clientWidth * (devicePixelRatio || 1)))
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size
    const ctx = this.canvas.getContext("2d"), cell = size / this.side
    this.patches.forEach((v, i) => {
      const c = 3 * Math.round((255 * v) / TOP)
      ctx.fillStyle = `rgb(${table[c]},${table[c + 1]},${table[c + 2]})`
      ctx.fillRect(Math.floor((i % this.side) * cell), Math.floor(Math.floor(i / this.side) * cell), Math.ceil(cell), Math.ceil(cell))
    })
    if (this.spot) {
      ctx.strokeStyle = getComputedStyle(this.root).color; ctx.lineWidth = 2
      ctx.strokeRect(this.spot[0] * cell, this.spot[1] * cell, cell, cell)
    }
  }

  // The brush is a round bump: patches only get stronger under it, or weaker if it erases.
  dab(column, row) {
    const radius = this.broad ? 2.2 : 1
    for (let r = 0; r < this.side; r++) for (let c = 0; c < this.side; c++) {
      const distance = Math.hypot(c + 0.5 - column, r + 0.5 - row)
      const strength = Math.round(TOP * Math.max(0, Math.min(1, 1.5 - distance / radius)))
      const i = r * this.side + c
      this.patches[i] = this.erase ? Math.min(this.patches[i], TOP - strength) : Math.max(this.patches[i], strength)
    }
    this.paint()
  }

  place(e) {
    const box = this.canvas.getBoundingClientRect()
    return [((e.clientX - box.left) / box.width) * this.side, ((e.clientY - box.top) / box.height) * this.side]
  }

  wire() {
    let last = null
    this.canvas.onpointerdown = (e) => {
      this.painting = true; this.spot = null; this.canvas.setPointerCapture(e.pointerId)
      last = this.place(e)
      this.dab(...last)
    }
    this.canvas.onpointermove = (e) => {
      if (!this.painting) return
      const here = this.place(e), n = Math.max(1, Math.ceil(Math.hypot(here[0] - last[0], here[1] - last[1])))
      for (let i = 1; i <= n; i++) this.dab(last[0] + ((here[0] - last[0]) * i) / n, last[1] + ((here[1] - last[1]) * i) / n)
      last = here
    }
    this.canvas.onpointerup = this.canvas.onpointercancel = () => { if (this.painting) { this.painting = false; this.send() } }
    this.canvas.onkeydown = (e) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
      if (!moves[e.key] && e.key !== " ") return
      e.preventDefault()
      const [column, row] = this.spot ?? [this.side / 2, this.side / 2]
      const keep = (v) => Math.max(0, Math.min(this.side - 1, v))
      if (moves[e.key]) { this.spot = [keep(column + moves[e.key][0]), keep(row + moves[e.key][1])]; this.paint() }
      else { this.dab(column + 0.5, row + 0.5); this.send() }
    }
    this.canvas.onblur = () => { this.spot = null; this.paint() }
    const press = (name, on) => this.root.querySelector(`[data-tool=${name}]`).setAttribute("aria-pressed", on)
    const actions = {
      draw: () => { this.erase = false }, erase: () => { this.erase = true }, broad: () => { this.broad = !this.broad },
      clear: () => { this.patches.fill(0); this.paint() },
    }
    for (const button of this.root.querySelectorAll("button")) button.onclick = () => {
      actions[button.dataset.tool]()
      press("draw", !this.erase); press("erase", this.erase); press("broad", this.broad)
    }
  }
}

export default function (component) {
  const { parentElement } = component
  let drawing = instances.get(parentElement)
  if (!drawing) instances.set(parentElement, (drawing = new Drawing(parentElement)))
  drawing.update(component)
  return () => { drawing.watch.disconnect(); instances.delete(parentElement) }
}
