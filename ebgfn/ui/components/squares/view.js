// Lattices and images as squares, one or several a panel, drawn as paths whose colours follow the theme by themselves. Data
// are replaced in place. Dials ask the server for other values while they are moved; moments, sent at once, are played here.
const STAY = 1400 // milliseconds that a moment worth stopping at stays
const MARK = { void: 1, same: 2, changed: 3 }
const SHADES = { first: 8, count: 16 } // codes of void squares by the probability of 1
const FILLED = 24 // codes of squares that the model has filled
const WHOLE = "M0 0h10v10h-10z"
// What stands in the legend for a kind of square: paths by class.
const SWATCHES = {
  up: { up: WHOLE }, down: { down: WHOLE }, void: { void: WHOLE, dot: "M4 4h2v2h-2z" },
  same: { down: WHOLE, same: "M1.2 1.2h7.6v7.6h-7.6z" }, changed: { down: WHOLE, changed: "M2.6 2.6h4.8v4.8h-4.8z" },
  shade: { void: WHOLE, shade: "M0 10L10 0v10z" }, fresh: { fresh: WHOLE },
}
const FINE = 20 // sides from here on are pictures, without lines between squares

class Panel {
  constructor(parent) {
    this.dom = add(parent, "figure")
    const caption = add(this.dom, "figcaption")
    this.title = add(caption, "b")
    this.note = add(caption, "span")
    this.svg = this.dom.appendChild(svg("svg", { class: "lattice", role: "img" }))
    const shades = Array.from({ length: SHADES.count }, (_, i) => `shade${i}`)
    const names = ["down", "up", "void", ...shades, "tint", "fresh", "picked", "lines", "dot", "same", "changed"]
    this.paths = Object.fromEntries(names.map((name) => {
      return [name, this.svg.appendChild(svg("path", { class: name.replace(/\d+$/, "") }))]
    }))
    shades.forEach((name, i) => this.paths[name].setAttribute("fill-opacity", i / (SHADES.count - 1)))
    this.numbers = add(this.dom, "dl")
  }

  // Number of the lattice below the pointer, -1 between them.
  below(e) {
    const { side, count, columns } = this.data, box = this.svg.getBoundingClientRect(), step = side + 1
    const [x, y] = [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]
    const n = Math.floor((y * (Math.ceil(count / columns) * step - 1)) / step) * columns + Math.floor((x * (columns * step - 1)) / step)
    return n >= 0 && n < count ? n : -1
  }

  update(data) {
    this.data = data
    this.cells = bytes(data.cells)
    inRole(this.dom, data.role)
    this.title.textContent = data.title
    this.note.textContent = data.note
    this.svg.setAttribute("aria-label", data.alt)
    writeRows(this.numbers, data.numbers)
  }

  // Draw moment `at`: `count` lattices in rows of `columns`, one square apart.
  paint(at) {
    const { side, count, columns, picked } = this.data, rows = Math.ceil(count / columns), step = side + 1
    const d = Object.fromEntries(Object.keys(this.paths).map((name) => [name, ""]))
    for (let n = 0; n < count; n++) {
      const left = (n % columns) * step, top = Math.floor(n / columns) * step, first = (at * count + n) * side * side
      d.down += `M${left} ${top}h${side}v${side}h-${side}z`
      if (n === picked) d.picked += `M${left - 0.5} ${top - 0.5}h${step}v${step}h-${step}z`
      for (let y = 0; y < side; y++) this.row(d, first + y * side, left, top + y)
    }
    if (count === 1 && side < FINE) for (let i = 1; i < side; i++) d.lines += `M${i} 0v${side}M0 ${i}h${side}`
    const edge = picked == null ? 0 : 1
    this.svg.setAttribute("viewBox", `${-edge} ${-edge} ${columns * step - 1 + 2 * edge} ${rows * step - 1 + 2 * edge}`)
    for (const [name, path] of Object.entries(this.paths)) path.setAttribute("d", d[name])
  }

  // Neighbours in a row that look alike are one piece.
  row(d, first, left, y) {
    const { side } = this.data
    for (let x = 0, end; x < side; x = end) {
      const code = this.cells[first + x]
      for (end = x + 1; end < side && this.cells[first + end] === code; end++);
      this.piece(d, code, left + x, y, end - x)
    }
  }

  // A square is its value, 0 or 1, and twice its mark; or void, by the probability of 1; or filled by the model.
  piece(d, code, x, y, width) {
    const whole = `M${x} ${y}h${width}v1h-${width}z`
    if (code >= FILLED) { d[code & 1 ? "fresh" : "tint"] += whole; return }
    if (code >= SHADES.first) { d.void += whole; d[`shade${code - SHADES.first}`] += whole; return }
    const mark = code >> 1
    if (mark === MARK.void) d.void += whole
    else if (code & 1) d.up += whole
    for (let i = x; mark && i < x + width; i++) this.mark(d, mark, i, y)
  }

  mark(d, mark, x, y) {
    if (mark === MARK.void) d.dot += `M${x + 0.42} ${y + 0.42}h.16v.16h-.16z`
    if (mark === MARK.same) d.same += `M${x + 0.14} ${y + 0.14}h.72v.72h-.72z`
    if (mark === MARK.changed) d.changed += `M${x + 0.27} ${y + 0.27}h.46v.46h-.46z`
  }
}

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.$ = (name) => root.querySelector(name)
    Object.assign(this, { panels: [], dials: [] })
    this.wire()
  }

  update(data, report) {
    Object.assign(this, { data, report })
    const grid = this.$(".panels")
    while (this.panels.length < data.panels.length) this.panels.push(new Panel(grid))
    while (this.panels.length > data.panels.length) this.panels.pop().dom.remove()
    this.panels.forEach((panel, i) => panel.update(data.panels[i]))
    this.panels.forEach((panel) => panel.svg.classList.toggle("choice", panel.data.picked != null))
    this.dom.style.setProperty("--count", this.panels.length)
    const moments = data.moments.length
    this.$(".legend").replaceChildren(...data.legend.map(([kind, word]) => this.entry(kind, word)))
    this.dom.style.setProperty("--width", `${data.width}rem`)
    while (this.dials.length < data.dials.length) this.dials.push(new Dial(this.$(".dials")))
    this.dials.forEach((dial, i) => dial.update(data.dials[i], report))
    if (data.token === this.token) this.player.paint()
    else this.player.begin(moments > 0)
    this.token = data.token
    this.dom.dataset.value = data.dials.map(({ value }) => value).join(" ")
  }

  paint(at) {
    const moment = this.data.moments[at], words = moment ? moment.words : this.data.words
    this.panels.forEach((panel) => panel.paint(at))
    const box = this.$(".words")
    box.replaceChildren()
    for (const text of words) add(box, "p", text)
    if (!moment) return
    const first = this.panels[0].svg
    first.setAttribute("tabindex", "0")
    first.setAttribute("aria-label", `${this.data.panels[0].alt} ${words.join(" ")}`)
    this.dom.dataset.moment = at
  }

  entry(kind, word) {
    const item = document.createElement("span"), swatch = item.appendChild(svg("svg", { viewBox: "0 0 10 10" }))
    for (const [name, d] of Object.entries(SWATCHES[kind])) swatch.appendChild(svg("path", { class: name, d }))
    item.append(word)
    return item
  }

  wire() {
    const moments = () => this.data.moments
    this.player = new Playback(this.dom, {
      last: () => moments().length - 1, show: (at) => this.paint(at), label: (at) => `${at} of ${moments().length - 1}`,
      words: () => moments()[this.player.at].words.join(" "), stay: (at) => (moments()[at].stop ? STAY : this.data.pace),
      stops: () => [...moments().keys()].filter((at) => moments()[at].stop),
    }, this.$(".panels"))
    this.$(".panels").onclick = (e) => {
      const panel = this.panels.find((candidate) => candidate.svg.contains(e.target)), at = panel?.below(e) ?? -1
      if (at >= 0 && panel.data.picked != null) this.report.setTriggerValue("picked", at)
    }
  }
}

export default mounted(View)
