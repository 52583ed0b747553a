// A square of two halves: what real rows say of a pair of columns above the diagonal, drawn rows below.
const HINT = "Point at a pair, or walk with the arrow keys."

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.$ = (name) => root.querySelector(name)
    this.canvas = this.$("canvas")
    this.cursor = null
    this.canvas.onpointermove = (e) => {
      const box = this.canvas.getBoundingClientRect(), cell = (v) => clamp(Math.floor(v * this.n), 0, this.n - 1)
      this.look([cell((e.clientY - box.top) / box.height), cell((e.clientX - box.left) / box.width)])
    }
    this.canvas.onpointerleave = this.canvas.onblur = () => this.look(null)
    this.canvas.onkeydown = (e) => {
      const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key]
      if (!way) return
      e.preventDefault()
      const [i, j] = this.cursor ?? [0, 0]
      this.look([clamp(i + way[0], 0, this.n - 1), clamp(j + way[1], 0, this.n - 1)])
    }
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.dom)
    this.themes = matchMedia("(prefers-color-scheme: dark)")
    this.themes.onchange = () => this.paint()
  }

  stop() { this.themes.onchange = null }

  update(data) {
    this.data = data
    this.n = data.names.length
    this.values = Float32Array.from(new Uint16Array(bytes(data.parts).buffer), (part) => part / 65535)
    this.top = Math.max(0.05, ...this.values)
    this.canvas.setAttribute("aria-label", data.alt)
    this.$(".top").textContent = this.top.toFixed(2)
    this.look(null)
  }

  look(cursor) {
    this.cursor = cursor
    const read = (i, j) => this.values[i * this.n + j].toFixed(3)
    const [i, j] = cursor ? [Math.min(...cursor), Math.max(...cursor)] : [0, 0], { names } = this.data
    this.$(".reading").textContent = !cursor ? HINT : i === j ? names[i] : `${names[i]} and ${names[j]}: real rows ${read(i, j)}, drawn rows ${read(j, i)}`
    this.paint()
  }

  paint() {
    if (!this.data) return
    const size = fitted(this.canvas), ctx = this.canvas.getContext("2d"), table = colours("amount", isDark(this.dom)), { n } = this
    ctx.imageSmoothingEnabled = false
    ctx.drawImage(bitmap(n, table, (i) => Math.round((255 * this.values[i]) / this.top)), 0, 0, size, size)
    ctx.strokeStyle = getComputedStyle(this.dom).color
    ctx.globalAlpha = 0.35
    ctx.beginPath(); ctx.moveTo(0, 0); ctx.lineTo(size, size); ctx.stroke()
    ctx.globalAlpha = 1
    ctx.lineWidth = Math.max(1.5, size / 300)
    for (const [i, j] of this.cursor ? [this.cursor, [this.cursor[1], this.cursor[0]]] : []) ctx.strokeRect((j * size) / n, (i * size) / n, size / n, size / n)
    this.ramp(table)
  }

  ramp(table) {
    const ctx = this.$(".ramp").getContext("2d"), line = ctx.createImageData(256, 1)
    for (let q = 0; q < 256; q++) line.data.set([table[3 * q], table[3 * q + 1], table[3 * q + 2], 255], 4 * q)
    ctx.putImageData(line, 0, 0)
  }
}

export default mounted(View)
