// Lattices as squares, one or several a panel, drawn as paths whose colours follow the theme by themselves. Data are replaced
// in place. A dial asks the server for another value while it is moved; moments, sent at once, are played here.
const LINGER = { stop: 1400, pass: 320 } // milliseconds that a moment stays while playing
const MARK = { void: 1, same: 2, changed: 3 }
const SVG = "http://www.w3.org/2000/svg"
const instances = new WeakMap()

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))

const add = (parent, tag, text = "") => {
  const node = parent.appendChild(document.createElement(tag))
  node.textContent = text
  return node
}

class Panel {
  constructor(parent) {
    this.dom = add(parent, "figure")
    const caption = add(this.dom, "figcaption")
    this.title = add(caption, "b")
    this.note = add(caption, "span")
    this.svg = this.dom.appendChild(document.createElementNS(SVG, "svg"))
    this.svg.setAttribute("class", "lattice")
    this.svg.setAttribute("role", "img")
    this.paths = Object.fromEntries(["down", "up", "void", "lines", "dot", "same", "changed"].map((name) => {
      const path = this.svg.appendChild(document.createElementNS(SVG, "path"))
      path.setAttribute("class", name)
      return [name, path]
    }))
    this.numbers = add(this.dom, "dl")
  }

  update(data) {
    this.data = data
    this.cells = bytes(data.cells)
    this.title.textContent = data.title
    this.note.textContent = data.note
    this.svg.setAttribute("aria-label", data.alt)
    this.numbers.replaceChildren(...data.numbers.map(([name, value, help]) => {
      const row = document.createElement("div")
      row.title = help
      add(row, "dt", name); add(row, "dd", value)
      return row
    }))
  }

  // Draw moment `at`: `count` lattices in rows of `columns`, one square apart.
  paint(at) {
    const { side, count, columns } = this.data, rows = Math.ceil(count / columns), step = side + 1
    const d = { down: "", up: "", void: "", lines: "", dot: "", same: "", changed: "" }
    for (let n = 0; n < count; n++) {
      const left = (n % columns) * step, top = Math.floor(n / columns) * step, first = (at * count + n) * side * side
      d.down += `M${left} ${top}h${side}v${side}h-${side}z`
      for (let i = 0; i < side * side; i++) this.square(d, this.cells[first + i], left + (i % side), top + Math.floor(i / side))
    }
    if (count === 1) for (let i = 1; i < side; i++) d.lines += `M${i} 0v${side}M0 ${i}h${side}`
    this.svg.setAttribute("viewBox", `0 0 ${columns * step - 1} ${rows * step - 1}`)
    for (const [name, path] of Object.entries(this.paths)) path.setAttribute("d", d[name])
  }

  // A square is its spin, 0 or 1, and twice its mark.
  square(d, code, x, y) {
    const mark = code >> 1
    if (mark === MARK.void) { d.void += `M${x} ${y}h1v1h-1z`; d.dot += `M${x + 0.42} ${y + 0.42}h.16v.16h-.16z`; return }
    if (code & 1) d.up += `M${x} ${y}h1v1h-1z`
    if (mark === MARK.same) d.same += `M${x + 0.14} ${y + 0.14}h.72v.72h-.72z`
    if (mark === MARK.changed) d.changed += `M${x + 0.27} ${y + 0.27}h.46v.46h-.46z`
  }
}

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.$ = (name) => root.querySelector(name)
    Object.assign(this, { panels: [], at: 0, playing: false })
    this.wire()
  }

  update(data, report) {
    Object.assign(this, { data, report })
    const grid = this.$(".panels")
    while (this.panels.length < data.panels.length) this.panels.push(new Panel(grid))
    while (this.panels.length > data.panels.length) this.panels.pop().dom.remove()
    this.panels.forEach((panel, i) => panel.update(data.panels[i]))
    grid.style.setProperty("--count", this.panels.length)
    const moments = data.moments.length
    this.$(".transport").hidden = !moments
    this.$(".legend").hidden = !data.legend
    this.dom.querySelectorAll(".marked").forEach((item) => { item.hidden = !moments })
    this.$(".time").max = Math.max(0, moments - 1)
    // Another chain begins at its start.
    if (data.token !== this.token) { this.pause(); this.at = 0 }
    this.token = data.token
    this.at = Math.min(this.at, Math.max(0, moments - 1))
    this.$(".dial").hidden = !data.dial
    if (data.dial) this.answer(data)
    this.paint()
    this.dom.dataset.value = data.dial ? data.dial.value : ""
  }

  paint() {
    const moment = this.data.moments[this.at], words = moment ? moment.words : this.data.words
    this.panels.forEach((panel) => panel.paint(moment ? this.at : 0))
    const box = this.$(".words")
    box.replaceChildren()
    for (const text of words) add(box, "p", text)
    if (!moment) return
    const svg = this.panels[0].svg
    svg.setAttribute("tabindex", "0")
    svg.setAttribute("aria-label", `${this.data.panels[0].alt} ${words.join(" ")}`)
    this.$(".time").value = this.at
    this.$(".time").setAttribute("aria-valuetext", words[0])
    this.dom.dataset.moment = this.at
    this.$(".play").classList.toggle("on", this.playing)
    this.$(".play").setAttribute("aria-label", this.playing ? "Pause" : "Play")
  }

  // One question at a time: the next value is asked for when the answer to the last is here, so a drag never piles up.
  ask() {
    if (this.asking || this.wanted == null) return
    Object.assign(this, { asking: true, sent: this.wanted, asked: Date.now() % 1e9 })
    this.report.setStateValue("asked", { value: this.sent, n: this.asked })
  }

  answer({ dial, answers }) {
    const range = this.$(".range")
    Object.assign(range, { min: dial.min, max: dial.max, step: 1 })
    if (this.asking && answers === this.asked) {
      this.asking = false
      if (this.wanted === this.sent) this.wanted = null
    }
    if (this.wanted != null) this.ask()
    else range.value = dial.value
    this.$(".name").textContent = dial.name
    this.show(this.wanted ?? dial.value)
    this.$(".ends").querySelectorAll("span").forEach((end, i) => { end.textContent = dial.ends[i] })
    const marks = this.$(".marks")
    marks.replaceChildren()
    for (const at of dial.marks) add(marks, "i").style.left = `${(100 * (at - dial.min)) / (dial.max - dial.min)}%`
  }

  show(value) {
    const text = (value * this.data.dial.unit).toFixed(2).replace("-", "−")
    this.$(".value").textContent = text
    this.$(".range").setAttribute("aria-valuetext", text)
  }

  wire() {
    const range = this.$(".range")
    range.oninput = () => { this.wanted = Number(range.value); this.show(this.wanted); this.ask() }
    range.onchange = () => this.report.setTriggerValue("settled", Number(range.value))
    this.$(".time").oninput = (e) => this.go(Number(e.target.value))
    const actions = {
      Home: () => this.go(0), ArrowLeft: () => this.step(-1), " ": () => this.toggle(), ArrowRight: () => this.step(1),
      End: () => this.go(this.data.moments.length - 1),
    }
    const buttons = { ".first": "Home", ".back": "ArrowLeft", ".play": " ", ".forward": "ArrowRight", ".last": "End" }
    for (const [name, key] of Object.entries(buttons)) this.$(name).onclick = actions[key]
    this.$(".panels").onkeydown = (e) => {
      if (!this.data.moments.length || !actions[e.key] || e.ctrlKey || e.metaKey || e.altKey) return
      e.preventDefault()
      actions[e.key]()
    }
  }

  // Go to a moment and stay there.
  go(at) {
    this.pause()
    this.at = Math.max(0, Math.min(at, this.data.moments.length - 1))
    this.paint()
    this.$(".spoken").textContent = this.data.moments[this.at].words.join(" ")
  }

  // The next or previous of the moments worth stopping at.
  step(direction) {
    let at = this.at + direction
    while (this.data.moments[at] && !this.data.moments[at].stop) at += direction
    this.go(at)
  }

  toggle() {
    if (this.playing) return this.go(this.at)
    this.playing = true
    if (this.at >= this.data.moments.length - 1) this.at = 0
    this.paint()
    this.later()
  }

  later() {
    this.timer = setTimeout(() => {
      this.at += 1
      if (this.at >= this.data.moments.length - 1) return this.go(this.at)
      this.paint()
      this.later()
    }, this.data.moments[this.at].stop ? LINGER.stop : LINGER.pass)
  }

  pause() { this.playing = false; clearTimeout(this.timer) }
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component
  let view = instances.get(parentElement)
  if (!view) instances.set(parentElement, (view = new View(parentElement)))
  view.update(data, { setStateValue, setTriggerValue })
  return () => { view.pause(); instances.delete(parentElement) }
}
