// Couplings as matrices and as bonds, and samples beside data, on canvases and in place: data may be replaced twice a second
// while zoom, scale and the moment shown stay.
const LUTS = __LUTS__
const FAINT = __FAINT__
const MATRICES = ["truth", "recovered", "difference"]
const HINT = "Point at a picture to read a coupling. With the keyboard: focus a picture, then the arrows; + and − zoom, 0 shows all."
const instances = new WeakMap()

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const signed = (v, digits = 4) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${Math.abs(v).toFixed(digits)}`

function isDark(element) {
  const [r, g, b] = (getComputedStyle(element).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"])
  return parseInt(r, 16) + parseInt(g, 16) + parseInt(b, 16) < 384
}

// Couplings above the diagonal travel row by row as 16-bit parts of the largest one.
function unpack(packed, dim) {
  const parts = new Int16Array(bytes(packed.parts).buffer), values = new Float32Array(dim * dim)
  let next = 0
  for (let i = 0; i < dim; i++) for (let j = i + 1; j < dim; j++) values[i * dim + j] = values[j * dim + i] = (packed.largest * parts[next++]) / 32767
  return values
}

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.log = false
    this.cursor = null
    const paint = () => this.paint()
    this.zooms = { matrix: new Zoom(paint), bonds: new Zoom(paint) }
    this.time = new Timeline(this.dom.querySelector(".time"), paint)
    this.wireTools()
    this.watch = new ResizeObserver(paint)
    this.watch.observe(this.dom)
  }

  update(data) {
    if (data.source !== this.data?.source) this.time.begin()
    if (data.dim !== this.data?.dim || data.side !== this.data?.side) {
      this.cursor = null
      this.bonds = new Bonds(data.dim, data.side)
      this.zooms.matrix.most = Math.max(16, data.dim / 6)
      for (const zoom of Object.values(this.zooms)) zoom.home()
    }
    this.data = data
    this.truth = data.truth && unpack(data.truth, data.dim)
    this.drawn = bytes(data.data)
    this.time.add(data.frames.map((f) => ({ ...f, recovered: unpack(f.couplings, data.dim), samples: bytes(f.samples) })))
    this.buildPanels()
    this.paint()
  }

  buildPanels() {
    const grid = this.dom.querySelector(".panels"), kinds = this.data.panels.map((panel) => panel.kind).join()
    if (kinds !== this.kinds) {
      this.kinds = kinds
      grid.style.setProperty("--columns", this.data.panels.length > 4 ? 3 : this.data.panels.length)
      grid.replaceChildren(...this.data.panels.map((panel) => this.newPanel(panel.kind)))
      this.canvases = [...grid.querySelectorAll("canvas")]
    }
    ;[...grid.children].forEach((figure, i) => {
      figure.querySelector("b").textContent = this.data.panels[i].title
      figure.querySelector("span").textContent = this.data.panels[i].note
    })
  }

  newPanel(kind) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption")
    caption.append(document.createElement("b"), document.createElement("span"))
    const canvas = document.createElement("canvas")
    canvas.className = "plane"
    canvas.setAttribute("role", "img")
    figure.append(caption, canvas, document.createElement("dl"))
    const zoom = this.zoomOf(kind)
    if (!zoom) canvas.classList.add("still")
    else {
      canvas.tabIndex = 0
      canvas.onblur = () => this.lookAt(null)
      zoom.wire(canvas, (point) => this.lookAt(point && this.pairAt(kind, point)), (across, down) => this.walk(kind, across, down))
    }
    return figure
  }

  zoomOf(kind) {
    return MATRICES.includes(kind) ? this.zooms.matrix : kind === "bonds" ? this.zooms.bonds : null
  }

  pairAt(kind, point) {
    if (kind === "bonds") return this.bonds.pair(point)
    const cell = (v) => Math.max(0, Math.min(this.data.dim - 1, Math.floor(((v + 1) / 2) * this.data.dim)))
    return { i: cell(point[1]), j: cell(point[0]) }
  }

  // An arrow key moves the cell that is read, or from spin to spin, and the picture with it.
  walk(kind, across, down) {
    const { dim, side } = this.data, { i, j } = this.cursor ?? { i: 0, j: 1 }
    const within = (v) => Math.max(0, Math.min(dim - 1, v))
    if (kind !== "bonds") {
      this.lookAt({ i: within(i + down), j: within(j + across) })
      return this.zooms.matrix.show((2 * this.cursor.j + 1) / dim - 1, (2 * this.cursor.i + 1) / dim - 1)
    }
    const around = (v, n) => (v + n) % n, row = Math.floor(i / side), column = i % side
    const to = side ? side * around(row + down, side) + around(column + across, side) : around(i + across + down, dim)
    this.lookAt({ i: to, j: i })
    this.zooms.bonds.show(...this.bonds.place(to))
  }

  lookAt(cursor) {
    this.cursor = cursor
    this.paint()
  }

  paint() {
    cancelAnimationFrame(this.pending)
    this.pending = requestAnimationFrame(() => this.paintNow())
  }

  paintNow() {
    const f = this.data && this.time.frame()
    if (!f || !this.canvases) return
    this.dark = isDark(this.dom)
    this.dom.dataset.zoom = this.zooms.matrix.k.toFixed(2)
    f.bonds ??= this.bonds.list(f.recovered, this.truth)
    f.difference ??= this.truth && f.recovered.map((v, i) => v - this.truth[i])
    this.writeNumbers(f)
    this.data.panels.forEach((panel, i) => this.paintPanel(this.canvases[i], panel.kind, f))
    this.paintScale()
    this.writeReading(f)
    this.time.paint()
  }

  writeNumbers(f) {
    if (this.written === f) return
    this.written = f
    ;[...this.dom.querySelectorAll("figure")].forEach((figure, i) => {
      const panel = this.data.panels[i], rows = f.numbers[panel.kind] ?? []
      figure.querySelector("dl").replaceChildren(...rows.map(([name, value]) => {
        const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd")
        dt.textContent = name
        dt.title = this.data.meaning[name] ?? ""
        dd.textContent = value
        row.append(dt, dd)
        return row
      }))
      const spoken = rows.map(([name, value]) => `${name} ${value}`).join("; ")
      this.canvases[i].setAttribute("aria-label", `${panel.alt}, ${this.data.name}. ${spoken}`)
    })
  }

  writeReading(f) {
    const { side, dim } = this.data
    const spin = (i) => (side ? `spin ${i + 1} (row ${Math.floor(i / side) + 1}, column ${(i % side) + 1})` : `column ${i + 1}`)
    let text = HINT
    if (this.cursor) {
      const { i, j } = this.cursor, at = i * dim + j
      const values = [["true", this.truth], ["recovered", f.recovered], ["difference", f.difference]].filter(([, v]) => v)
      text = i === j ? `${spin(i)}: a spin has no coupling to itself` : `${spin(i)} and ${spin(j)} · ${values.map(([name, v]) => `${name} ${signed(v[at])}`).join(" · ")}`
    }
    const line = this.dom.querySelector(".reading")
    if (line.textContent !== text) line.textContent = text
  }

  paintPanel(canvas, kind, f) {
    const size = Math.max(1, Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2)))
    if (canvas.width !== size) canvas.width = canvas.height = size
    const ctx = canvas.getContext("2d"), zoom = this.zoomOf(kind)
    ctx.setTransform(1, 0, 0, 1, 0, 0)
    ctx.fillStyle = this.colour(0)
    ctx.fillRect(0, 0, size, size)
    canvas.classList.toggle("zoomed", zoom?.k > 1)
    if (MATRICES.includes(kind)) this.paintMatrix(ctx, kind === "truth" ? this.truth : f[kind], zoom, size)
    else if (kind === "bonds") this.paintBonds(ctx, f, zoom, size)
    else this.paintSpins(ctx, kind === "data" ? this.drawn : f.samples, size)
  }

  // Byte of the colour table for a share -1..1 of the scale's end.
  tone(share) {
    const m = Math.min(1, Math.abs(share)), t = this.log ? Math.log1p(FAINT * m) / Math.log1p(FAINT) : m
    return Math.round(127.5 + 127.5 * Math.sign(share) * t)
  }

  table(name = "signed") {
    this.tables ??= {}
    const key = name + (this.dark ? "_dark" : "_light")
    return (this.tables[key] ??= bytes(LUTS[key]))
  }

  colour(share) {
    const c = 3 * Math.round(127.5 + 127.5 * share), table = this.table()
    return `rgb(${table[c]},${table[c + 1]},${table[c + 2]})`
  }

  paintMatrix(ctx, values, zoom, size) {
    const dim = this.data.dim, off = new OffscreenCanvas(dim, dim), pixels = new ImageData(dim, dim), table = this.table()
    const words = new Uint32Array(pixels.data.buffer)
    const words_of = Uint32Array.from({ length: 256 }, (_, q) => (255 << 24) | (table[3 * q + 2] << 16) | (table[3 * q + 1] << 8) | table[3 * q])
    for (let i = 0; i < words.length; i++) words[i] = words_of[this.tone(values[i] / this.data.top)]
    off.getContext("2d").putImageData(pixels, 0, 0)
    const pixel = zoom.pixel(size), [left, top] = pixel([-1, -1])
    ctx.imageSmoothingEnabled = (zoom.k * size) / dim < 1.5
    ctx.drawImage(off, left, top, zoom.k * size, zoom.k * size)
    if (this.cursor) this.paintCross(ctx, values, pixel, size)
  }

  paintCross(ctx, values, pixel, size) {
    const { i, j } = this.cursor, dim = this.data.dim, text = getComputedStyle(this.dom).color
    const [px, py] = pixel([(2 * j + 1) / dim - 1, (2 * i + 1) / dim - 1])
    ctx.strokeStyle = text; ctx.globalAlpha = 0.55; ctx.lineWidth = 1
    ctx.beginPath(); ctx.moveTo(px, 0); ctx.lineTo(px, size); ctx.moveTo(0, py); ctx.lineTo(size, py); ctx.stroke()
    ctx.globalAlpha = 1
    const label = signed(values[i * dim + j]), font = Math.round(size / 17)
    ctx.font = `600 ${font}px ${getComputedStyle(this.dom).fontFamily}`
    ctx.fillStyle = this.dark ? "rgba(18,21,28,.8)" : "rgba(255,255,255,.85)"
    ctx.fillRect(4, 4, ctx.measureText(label).width + 12, font * 1.5)
    ctx.fillStyle = text
    ctx.fillText(label, 10, 4 + font * 1.12)
  }

  paintBonds(ctx, f, zoom, size) {
    const how = { pixel: zoom.pixel(size), scale: zoom.k * size, top: this.data.top, colour: (v) => this.colour(v), text: getComputedStyle(this.dom).color }
    this.bonds.paint(ctx, f.bonds, how)
    if (this.cursor) for (const i of [this.cursor.i, this.cursor.j]) this.bonds.ring(ctx, i, how)
  }

  // Sixteen lattices, four in a row; without a lattice a line for each sample.
  paintSpins(ctx, spins, size) {
    const { dim, side } = this.data, table = this.table("amount")
    const shade = [16, 190].map((q) => `rgb(${table[3 * q]},${table[3 * q + 1]},${table[3 * q + 2]})`)
    const [across, columns, rows] = side ? [4, side, side] : [1, dim, 1], margin = size / 60
    const lines = side ? across : Math.max(1, Math.floor(spins.length / dim))
    const width = (size - margin) / across - margin, height = (size - margin) / lines - (side ? margin : margin / 2)
    for (let n = 0; n < spins.length; n++) {
      const sample = Math.floor(n / dim), at = n % dim
      const left = margin + (sample % across) * (width + margin), top = margin + Math.floor(sample / across) * (height + (side ? margin : margin / 2))
      const x = left + ((at % columns) * width) / columns, y = top + (Math.floor(at / columns) * height) / rows
      ctx.fillStyle = shade[spins[n]]
      ctx.fillRect(Math.round(x), Math.round(y), Math.ceil(width / columns), Math.ceil(height / rows))
    }
  }

  paintScale() {
    const ctx = this.dom.querySelector(".scale canvas").getContext("2d"), row = ctx.createImageData(256, 1), table = this.table()
    for (let i = 0; i < 256; i++) {
      const c = 3 * this.tone((i - 127.5) / 127.5)
      row.data.set([table[c], table[c + 1], table[c + 2], 255], 4 * i)
    }
    ctx.putImageData(row, 0, 0)
    const top = this.data.top.toFixed(this.data.top < 0.1 ? 3 : 2), labels = [`≤ −${top}`, "coupling, and its difference", `≥ +${top}`]
    if (this.labelled === top) return
    this.labelled = top
    this.dom.querySelector(".ticks").replaceChildren(...labels.map((t) => Object.assign(document.createElement("span"), { textContent: t })))
  }

  wireTools() {
    const all = (act) => () => Object.values(this.zooms).forEach(act)
    const actions = {
      in: all((zoom) => zoom.by(1.6)), out: all((zoom) => zoom.by(1 / 1.6)), home: all((zoom) => zoom.home()), png: () => this.savePng(),
      log: (button) => { this.log = !this.log; button.setAttribute("aria-pressed", this.log); this.paint() },
    }
    for (const button of this.dom.querySelectorAll(".tools button")) button.onclick = () => actions[button.dataset.tool](button)
  }

  savePng() {
    const size = this.canvases[0].width, gap = 16, head = 34
    const sheet = document.createElement("canvas")
    sheet.width = this.canvases.length * (size + gap) + gap
    sheet.height = size + head + gap
    const ctx = sheet.getContext("2d"), style = getComputedStyle(this.dom)
    ctx.fillStyle = style.getPropertyValue("--st-background-color")
    ctx.fillRect(0, 0, sheet.width, sheet.height)
    ctx.fillStyle = style.color
    ctx.font = `600 16px ${style.fontFamily}`
    this.canvases.forEach((canvas, i) => {
      ctx.fillText(this.data.panels[i].title, gap + i * (size + gap), 23)
      ctx.drawImage(canvas, gap + i * (size + gap), head)
    })
    sheet.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${this.data.name}.png` })
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 1000)
    })
  }
}

export default function (component) {
  const { parentElement, data } = component
  let view = instances.get(parentElement)
  if (!view) instances.set(parentElement, (view = new View(parentElement)))
  view.update(data)
  return () => { view.time.stop(); view.watch.disconnect(); instances.delete(parentElement) }
}
