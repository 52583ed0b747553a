// Draws target, energy, sampler, difference and samples on canvases, in place: data may be replaced twice a second while
// zoom, scale and the moment shown stay. Frames are kept as they arrive, so that training can be scrubbed without the server.
const LUTS = __LUTS__
const FAINT = __FAINT__
const MOST_FRAMES = 600
const instances = new WeakMap()

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const lut = (name, dark) => bytes(LUTS[name + (dark ? "_dark" : "_light")])
// Densities travel as bytes on a scale that is fine near zero: q = 255 log(1 + FAINT p / top) / log(1 + FAINT).
const DECODED = Float32Array.from({ length: 256 }, (_, q) => Math.expm1((q / 255) * Math.log1p(FAINT)) / FAINT)
const short = (v) => (Math.abs(v) >= 0.095 ? v.toFixed(2) : Math.abs(v) >= 0.0005 ? v.toFixed(4) : "0")

function isDark(element) {
  const [r, g, b] = (getComputedStyle(element).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"])
  return parseInt(r, 16) + parseInt(g, 16) + parseInt(b, 16) < 384
}

function decode(levels) {
  return { values: Float32Array.from(levels, (q) => DECODED[q]), side: Math.round(Math.sqrt(levels.length)) }
}

class View {
  constructor(root) {
    this.root = root
    this.dom = root.querySelector(".view")
    this.frames = new Map()
    this.zoom = { x: 0, y: 0, k: 1 }
    this.log = false
    this.at = null // step shown; null follows the newest frame
    this.timer = null
    this.wireTools()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.dom)
  }

  update(data) {
    if (data.source !== this.source) {
      this.frames.clear(); this.at = null; this.source = data.source; this.stop()
      if (data.half !== this.data?.half) this.zoom = { x: 0, y: 0, k: 1 }
    }
    this.data = data
    this.target = decode(bytes(data.target))
    for (const f of data.frames) this.frames.set(f.step, { ...f, p: bytes(f.p), q: bytes(f.q), xy: new Int16Array(bytes(f.xy).buffer) })
    this.steps = [...this.frames.keys()].sort((a, b) => a - b)
    if (this.steps.length > MOST_FRAMES) this.thin()
    this.buildPanels()
    this.paint()
  }

  // A long run: forget every other frame of the older half.
  thin() {
    this.steps.slice(0, MOST_FRAMES / 2).filter((_, i) => i % 2).forEach((step) => this.frames.delete(step))
    this.steps = this.steps.filter((step) => this.frames.has(step))
  }

  buildPanels() {
    const grid = this.dom.querySelector(".panels")
    if (grid.childElementCount !== this.data.panels.length) {
      grid.replaceChildren(...this.data.panels.map(() => this.newPanel()))
      this.canvases = [...grid.querySelectorAll("canvas")]
      this.canvases.forEach((canvas, i) => this.wireCanvas(canvas, i))
    }
    ;[...grid.children].forEach((figure, i) => {
      const panel = this.data.panels[i]
      figure.querySelector("b").textContent = panel.title
      figure.querySelector("span").textContent = panel.note
    })
  }

  writeNumbers(f) {
    if (this.written === f) return
    this.written = f
    ;[...this.dom.querySelectorAll("figure")].forEach((figure, i) => {
      const panel = this.data.panels[i], rows = f.numbers[panel.kind] ?? []
      figure.querySelector("dl").replaceChildren(...rows.map(([name, value]) => {
        const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd")
        dt.textContent = name; dt.title = this.data.meaning[name] ?? ""; dd.textContent = value
        row.append(dt, dd)
        return row
      }))
      const spoken = rows.map(([name, value]) => `${name} ${value}`).join("; ")
      this.canvases[i].setAttribute("aria-label", `${panel.alt}, ${this.data.name}. ${spoken}`)
    })
  }

  newPanel() {
    const figure = document.createElement("figure")
    const caption = document.createElement("figcaption")
    caption.append(document.createElement("b"), document.createElement("span"))
    const canvas = document.createElement("canvas")
    canvas.className = "plane"; canvas.tabIndex = 0
    canvas.setAttribute("role", "img")
    figure.append(caption, canvas, document.createElement("dl"))
    return figure
  }

  frame() {
    return this.frames.get(this.at) ?? this.frames.get(this.steps[this.steps.length - 1])
  }

  paint() {
    cancelAnimationFrame(this.pending)
    this.pending = requestAnimationFrame(() => this.paintNow())
  }

  images(f) {
    const energy = decode(f.p), sampler = decode(f.q)
    const difference = { values: sampler.values.map((v, i) => v - energy.values[i]), side: sampler.side }
    return { target: this.target, energy, sampler, difference }
  }

  paintNow() {
    const f = this.data && this.frame()
    if (!f || !this.canvases) return
    this.dark = isDark(this.dom)
    this.shown = this.images(f)
    this.writeNumbers(f)
    this.data.panels.forEach((panel, i) => this.paintPanel(this.canvases[i], panel.kind, f))
    this.paintScales()
    this.paintTime(f)
  }

  paintPanel(canvas, kind, f) {
    const size = Math.max(1, Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2)))
    if (canvas.width !== size) canvas.width = canvas.height = size
    const ctx = canvas.getContext("2d")
    const amount = lut("amount", this.dark)
    ctx.setTransform(1, 0, 0, 1, 0, 0)
    ctx.fillStyle = `rgb(${amount[0]},${amount[1]},${amount[2]})`
    ctx.fillRect(0, 0, size, size)
    const { x, y, k } = this.zoom
    const corner = ([u, v]) => [size / 2 + ((u - x) * k * size) / 2, size / 2 - ((v - y) * k * size) / 2]
    const [left, top] = corner([-1, 1])
    canvas.classList.toggle("zoomed", k > 1)
    if (kind === "samples") this.paintDots(ctx, f.xy, corner, size)
    else {
      ctx.imageSmoothingEnabled = k * size / this.shown[kind].side < 12
      ctx.imageSmoothingQuality = "high"
      ctx.drawImage(this.bitmap(this.shown[kind], kind === "difference"), left, top, k * size, k * size)
    }
    if (this.cursor) this.paintCursor(ctx, kind, corner, size)
  }

  tone(v, signed) {
    const m = Math.min(1, Math.abs(v))
    const t = this.log ? Math.log1p(FAINT * m) / Math.log1p(FAINT) : m
    return signed ? Math.round(127.5 + 127.5 * Math.sign(v) * t) : Math.round(255 * t)
  }

  bitmap(image, signed) {
    const table = lut(signed ? "signed" : "amount", this.dark)
    const off = new OffscreenCanvas(image.side, image.side)
    const pixels = new ImageData(image.side, image.side)
    image.values.forEach((v, i) => {
      const row = image.side - 1 - Math.floor(i / image.side) // row 0 of the data is the bottom
      const o = 4 * (row * image.side + (i % image.side)), c = 3 * this.tone(v, signed)
      pixels.data.set([table[c], table[c + 1], table[c + 2], 255], o)
    })
    off.getContext("2d").putImageData(pixels, 0, 0)
    return off
  }

  paintDots(ctx, xy, corner, size) {
    const table = lut("amount", this.dark)
    ctx.fillStyle = `rgb(${table[3 * 168]},${table[3 * 168 + 1]},${table[3 * 168 + 2]})`
    ctx.globalAlpha = 0.75
    const r = Math.max(1, (size / 230) * Math.sqrt(this.zoom.k))
    for (let i = 0; i < xy.length; i += 2) {
      const [px, py] = corner([(1.2 * xy[i]) / 32767, (1.2 * xy[i + 1]) / 32767])
      ctx.beginPath(); ctx.arc(px, py, r, 0, 7); ctx.fill()
    }
    ctx.globalAlpha = 1
  }

  paintCursor(ctx, kind, corner, size) {
    const [px, py] = corner(this.cursor)
    const text = getComputedStyle(this.dom).color
    ctx.strokeStyle = text; ctx.globalAlpha = 0.55; ctx.lineWidth = 1
    ctx.beginPath(); ctx.moveTo(px, 0); ctx.lineTo(px, size); ctx.moveTo(0, py); ctx.lineTo(size, py); ctx.stroke()
    ctx.globalAlpha = 1
    const [u, v] = this.cursor
    let label = `(${(u * this.data.half).toFixed(2)}, ${(v * this.data.half).toFixed(2)})`
    if (kind !== "samples") {
      const { values, side } = this.shown[kind]
      const column = Math.floor(((u + 1) / 2) * side), row = Math.floor(((v + 1) / 2) * side)
      label = short((values[row * side + column] ?? 0) * this.data.top)
    }
    const font = Math.round(size / 17)
    ctx.font = `600 ${font}px ${getComputedStyle(this.dom).fontFamily}`
    const width = ctx.measureText(label).width
    ctx.fillStyle = this.dark ? "rgba(18,21,28,.8)" : "rgba(255,255,255,.85)"
    ctx.fillRect(4, 4, width + 12, font * 1.5)
    ctx.fillStyle = text
    ctx.fillText(label, 10, 4 + font * 1.12)
  }

  paintScales() {
    const top = short(this.data.top)
    for (const scale of this.dom.querySelectorAll(".scale")) {
      const signed = scale.dataset.scale === "signed"
      const ctx = scale.querySelector("canvas").getContext("2d")
      const table = lut(scale.dataset.scale, this.dark), row = ctx.createImageData(256, 1)
      for (let i = 0; i < 256; i++) {
        const c = 3 * this.tone(signed ? (i - 127.5) / 127.5 : i / 255, signed)
        row.data.set([table[c], table[c + 1], table[c + 2], 255], 4 * i)
      }
      ctx.putImageData(row, 0, 0)
      const labels = signed ? [`−${top}`, "difference", `+${top}`] : ["0", "probability per unit area", `≥ ${top}`]
      scale.querySelector(".ticks").replaceChildren(...labels.map((t) => Object.assign(document.createElement("span"), { textContent: t })))
    }
  }

  paintTime(f) {
    const bar = this.dom.querySelector(".time"), range = bar.querySelector("input")
    bar.hidden = this.steps.length < 2
    range.max = this.steps.length - 1
    range.value = this.steps.indexOf(f.step)
    const text = `step ${f.step.toLocaleString("en")} · ${f.seconds < 100 ? f.seconds.toFixed(1) : Math.round(f.seconds)} s`
    range.setAttribute("aria-valuetext", text)
    bar.querySelector("output").textContent = text
  }

  show(index) {
    const i = Math.max(0, Math.min(this.steps.length - 1, index))
    this.at = i === this.steps.length - 1 ? null : this.steps[i]
    this.paint()
  }

  stop() {
    clearInterval(this.timer); this.timer = null
    const button = this.dom.querySelector("[data-tool=play]")
    button.textContent = "▶"; button.setAttribute("aria-label", "Play the training")
  }

  play() {
    if (this.timer) return this.stop()
    const button = this.dom.querySelector("[data-tool=play]")
    button.textContent = "❚❚"; button.setAttribute("aria-label", "Stop playing")
    let i = this.at === null ? 0 : this.steps.indexOf(this.at)
    this.timer = setInterval(() => {
      this.show(i)
      if (++i >= this.steps.length) this.stop()
    }, Math.max(60, Math.min(400, 9000 / this.steps.length)))
  }

  zoomBy(factor, around = [this.zoom.x, this.zoom.y]) {
    const k = Math.max(1, Math.min(16, this.zoom.k * factor)), ratio = this.zoom.k / k
    this.moveTo(around[0] + (this.zoom.x - around[0]) * ratio, around[1] + (this.zoom.y - around[1]) * ratio, k)
  }

  moveTo(x, y, k = this.zoom.k) {
    const reach = 1 - 1 / k
    this.zoom = { x: Math.max(-reach, Math.min(reach, x)), y: Math.max(-reach, Math.min(reach, y)), k }
    this.dom.dataset.zoom = k.toFixed(2)
    this.paint()
  }

  wireTools() {
    const actions = {
      in: () => this.zoomBy(1.6), out: () => this.zoomBy(1 / 1.6), home: () => this.moveTo(0, 0, 1),
      play: () => this.play(), png: () => this.savePng(),
      log: (button) => { this.log = !this.log; button.setAttribute("aria-pressed", this.log); this.paint() },
    }
    for (const button of this.dom.querySelectorAll("button")) button.onclick = () => actions[button.dataset.tool](button)
    this.dom.querySelector("input").oninput = (e) => { this.stop(); this.show(Number(e.target.value)) }
  }

  wireCanvas(canvas) {
    const place = (e) => {
      const box = canvas.getBoundingClientRect(), { x, y, k } = this.zoom
      return [x + ((2 * (e.clientX - box.left)) / box.width - 1) / k, y - ((2 * (e.clientY - box.top)) / box.height - 1) / k]
    }
    let grip = null
    canvas.onpointerdown = (e) => { if (this.zoom.k > 1) { grip = place(e); canvas.setPointerCapture(e.pointerId) } }
    canvas.onpointerup = canvas.onpointercancel = () => { grip = null }
    canvas.onpointerleave = () => { this.cursor = null; this.paint() }
    canvas.onpointermove = (e) => {
      const here = place(e)
      this.cursor = here
      if (grip) this.moveTo(this.zoom.x + grip[0] - here[0], this.zoom.y + grip[1] - here[1])
      else this.paint()
    }
    canvas.ondblclick = (e) => this.zoomBy(2, place(e))
    // Plain scrolling stays the page's: only a pinch (which browsers report with ctrl held) or ctrl + wheel zooms.
    canvas.addEventListener("wheel", (e) => { if (e.ctrlKey) { e.preventDefault(); this.zoomBy(Math.exp(-e.deltaY / 200), place(e)) } }, { passive: false })
    canvas.onkeydown = (e) => {
      const step = 0.2 / this.zoom.k
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }
      if (e.key === "+" || e.key === "=") this.zoomBy(1.6)
      else if (e.key === "-") this.zoomBy(1 / 1.6)
      else if (e.key === "0") this.moveTo(0, 0, 1)
      else if (moves[e.key] && this.zoom.k > 1) this.moveTo(this.zoom.x + moves[e.key][0], this.zoom.y + moves[e.key][1])
      else return
      e.preventDefault()
    }
  }

  savePng() {
    const size = this.canvases[0].width, gap = 16, head = 34
    const sheet = document.createElement("canvas")
    sheet.width = this.canvases.length * (size + gap) + gap; sheet.height = size + head + gap
    const ctx = sheet.getContext("2d"), style = getComputedStyle(this.dom)
    ctx.fillStyle = style.getPropertyValue("--st-background-color"); ctx.fillRect(0, 0, sheet.width, sheet.height)
    ctx.fillStyle = style.color; ctx.font = `600 16px ${style.fontFamily}`
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
  return () => { view.stop(); view.watch.disconnect(); instances.delete(parentElement) }
}
