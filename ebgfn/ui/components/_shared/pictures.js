// Square pictures side by side on canvases, with numbers below, one zoom or several, colour scales and a timeline. Data may
// be replaced twice a second while zoom, scale and the moment shown stay.
//
// A view of pictures has zoomOf(kind), lookAt(kind, point), walk(kind, across, down), paintPanel(canvas, kind, frame) and
// scales(): for each colour scale its table, whether it is signed, and three labels; and may have ready(frame) before painting.
class Pictures {
  constructor(root, zooms) {
    this.dom = root.querySelector(".view")
    this.log = false
    this.cursor = null
    const paint = () => this.paint()
    this.zooms = Object.fromEntries(zooms.map((name) => [name, new Zoom(paint)]))
    this.time = new Timeline(this.dom, paint)
    this.player = this.time.player
    this.wireTools()
    this.watch = new ResizeObserver(paint)
    this.watch.observe(this.dom)
  }

  // Data of the server with frames as the timeline keeps them; another source begins anew.
  take(data, frames) {
    const another = data.source !== this.data?.source
    if (another) this.time.begin()
    this.data = data
    this.time.add(frames)
    this.buildPanels()
    if (another) this.player.begin(data.autoplay === true)
    else this.player.paint()
  }

  buildPanels() {
    const grid = this.dom.querySelector(".panels"), kinds = this.data.panels.map((panel) => panel.kind).join()
    if (kinds !== this.kinds) {
      this.kinds = kinds
      grid.replaceChildren(...this.data.panels.map((panel) => this.newPanel(panel.kind)))
      this.canvases = [...grid.querySelectorAll("canvas")]
    }
    ;[...grid.children].forEach((figure, i) => {
      inRole(figure, this.data.panels[i].role)
      figure.querySelector("b").textContent = this.data.panels[i].title
      figure.querySelector("span").textContent = this.data.panels[i].note
    })
  }

  newPanel(kind) {
    const figure = document.createElement("figure"), caption = add(figure, "figcaption"), canvas = add(figure, "canvas", "", "plane"), zoom = this.zoomOf(kind)
    add(caption, "b"); add(caption, "span"); add(figure, "dl")
    canvas.setAttribute("role", "img")
    if (!zoom) canvas.classList.add("still")
    else {
      canvas.tabIndex = 0
      canvas.onblur = () => this.lookAt(kind, null)
      zoom.wire(canvas, (point) => this.lookAt(kind, point), (across, down) => this.walk(kind, across, down))
    }
    return figure
  }

  paint() {
    if (this.zooms) this.dom.dataset.zoom = Object.values(this.zooms)[0].k.toFixed(2)
    cancelAnimationFrame(this.pending)
    this.pending = requestAnimationFrame(() => this.paintNow())
  }

  paintNow() {
    const frame = this.data && this.time.frame()
    if (!frame || !this.canvases) return
    this.dark = isDark(this.dom)
    this.ready?.(frame)
    this.writeNumbers(frame)
    this.data.panels.forEach((panel, i) => {
      const canvas = this.canvases[i]
      canvas.classList.toggle("zoomed", this.zoomOf(panel.kind)?.k > 1)
      this.paintPanel(canvas.getContext("2d"), panel.kind, frame, fitted(canvas))
    })
    this.paintScales()
  }

  table(name) {
    this.tables ??= {}
    const key = name + this.dark
    return (this.tables[key] ??= colours(name, this.dark))
  }

  // Tone of a share of the scale's end, 0..1 or -1..1.
  tone(share, signed) {
    const m = Math.min(1, Math.abs(share)), t = this.log ? fine(m) : m
    return Math.round(signed ? 127.5 + 127.5 * Math.sign(share) * t : 255 * t)
  }

  writeNumbers(frame) {
    if (this.written === frame) return
    this.written = frame
    ;[...this.dom.querySelectorAll("figure")].forEach((figure, i) => {
      const panel = this.data.panels[i], rows = frame.numbers[panel.kind] ?? []
      writeRows(figure.querySelector("dl"), rows.map(([name, value]) => [name, value, this.data.meaning[name]]))
      const spoken = rows.map(([name, value]) => `${name} ${value}`).join("; ")
      this.canvases[i].setAttribute("aria-label", `${panel.alt}, ${this.data.name}. ${spoken}`)
    })
  }

  // A cross at a pixel, and in the corner what is read there.
  paintCross(ctx, [px, py], label, size) {
    const { color, fontFamily } = getComputedStyle(this.dom), font = Math.round(size / 17)
    ctx.strokeStyle = color; ctx.globalAlpha = 0.55; ctx.lineWidth = 1
    ctx.beginPath(); ctx.moveTo(px, 0); ctx.lineTo(px, size); ctx.moveTo(0, py); ctx.lineTo(size, py); ctx.stroke()
    ctx.globalAlpha = 1
    ctx.font = `600 ${font}px ${fontFamily}`
    ctx.fillStyle = this.dark ? "rgba(18,21,28,.8)" : "rgba(255,255,255,.85)"
    ctx.fillRect(4, 4, ctx.measureText(label).width + 12, font * 1.5)
    ctx.fillStyle = color
    ctx.fillText(label, 10, 4 + font * 1.12)
  }

  paintScales() {
    const box = this.dom.querySelector(".scales"), scales = this.scales(), wanted = JSON.stringify([scales, this.dark, this.log])
    if (this.scaled === wanted) return
    this.scaled = wanted
    box.replaceChildren(...scales.map(({ table, signed, labels }) => {
      const scale = document.createElement("div"), canvas = add(scale, "canvas"), ticks = add(scale, "div", "", "ticks")
      scale.className = "scale"
      Object.assign(canvas, { width: 256, height: 1 }).setAttribute("aria-hidden", "true")
      const ctx = canvas.getContext("2d")
      for (let i = 0; i < 256; i++) { ctx.fillStyle = rgb(this.table(table), this.tone(signed ? (i - 127.5) / 127.5 : i / 255, signed)); ctx.fillRect(i, 0, 1, 1) }
      for (const label of labels) add(ticks, "span", label)
      return scale
    }))
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
    const size = this.canvases[0].width, gap = 16, head = 34, sheet = document.createElement("canvas"), style = getComputedStyle(this.dom)
    sheet.width = this.canvases.length * (size + gap) + gap
    sheet.height = size + head + gap
    const ctx = sheet.getContext("2d")
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
