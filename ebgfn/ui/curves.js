// Small line charts over training time, redrawn in place; the pointer's moment is read off in every chart's legend.
const SVG = "http://www.w3.org/2000/svg"
const instances = new WeakMap()
const WIDTH = 360, HEIGHT = 184, LEFT = 44, RIGHT = 6, TOP = 6, BOTTOM = 22

function node(name, attributes, text) {
  const element = document.createElementNS(SVG, name)
  for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, v)
  if (text !== undefined) element.textContent = text
  return element
}

function ticks(low, high, n) {
  const raw = (high - low) / n, power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? power
  const out = []
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) out.push(v)
  return { values: out, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) }
}

const number = (v, digits) => v.toFixed(digits).replace("-", "−")
const finite = (v) => v !== null && Number.isFinite(v)

class Curves {
  constructor(root) {
    this.dom = root.querySelector(".curves")
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.dom)
  }

  update(data) {
    this.data = data
    if (this.dom.childElementCount !== data.charts.length) this.dom.replaceChildren(...data.charts.map(() => this.newChart()))
    this.draw()
  }

  newChart() {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption")
    caption.append(document.createElement("b"), document.createElement("span"))
    const svg = node("svg", { role: "img" })
    svg.onpointermove = (e) => {
      const box = svg.getBoundingClientRect()
      const share = (e.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)
      this.moment = share >= 0 && share <= 1 ? share * this.end() : null
      this.draw()
    }
    svg.onpointerleave = () => { this.moment = null; this.draw() }
    const legend = document.createElement("div")
    legend.className = "legend"
    figure.append(caption, svg, legend)
    return figure
  }

  end() {
    const last = this.data.charts.flatMap((c) => c.lines.map((l) => l.x[l.x.length - 1] ?? 0))
    return Math.max(this.data.end ?? 0, ...last, 1)
  }

  draw() {
    if (!this.data) return
    const palette = getComputedStyle(this.dom).getPropertyValue("--st-chart-categorical-colors").split(",")
    ;[...this.dom.children].forEach((figure, i) => this.drawChart(figure, this.data.charts[i], palette))
  }

  range(chart) {
    if (chart.range) return chart.range
    const tail = chart.lines.flatMap((l) => l.y.slice(Math.floor(l.y.length * 0.04))).filter(finite)
    const values = chart.floor === null ? tail : [...tail, chart.floor]
    if (!values.length) return [0, 1]
    const low = Math.min(...values), high = Math.max(...values), pad = Math.max(0.02, 0.08 * (high - low))
    return [low - pad, high + pad]
  }

  drawChart(figure, chart, palette) {
    figure.querySelector("b").textContent = chart.title
    figure.querySelector("span").textContent = chart.note
    const svg = figure.querySelector("svg"), width = Math.max(160, svg.clientWidth || WIDTH)
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`)
    svg.setAttribute("aria-label", chart.alt)
    const [low, high] = this.range(chart), end = this.end()
    const px = (x) => LEFT + (x / end) * (width - LEFT - RIGHT)
    const py = (y) => TOP + ((high - Math.min(high, Math.max(low, y))) / (high - low)) * (HEIGHT - TOP - BOTTOM)
    const parts = []
    const rows = ticks(low, high, 4), columns = ticks(0, end, width < 260 ? 3 : 5)
    for (const v of rows.values) parts.push(node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: py(v), y2: py(v) }), node("text", { x: LEFT - 6, y: py(v) + 4, "text-anchor": "end" }, number(v, rows.digits)))
    for (const v of columns.values) parts.push(node("text", { x: px(v), y: HEIGHT - 6, "text-anchor": "middle" }, `${number(v, columns.digits)} s`))
    if (chart.floor !== null) parts.push(node("line", { class: "floor", x1: LEFT, x2: width - RIGHT, y1: py(chart.floor), y2: py(chart.floor) }))
    for (const line of chart.lines) {
      const colour = palette[line.colour % palette.length], edge = (i, sign) => `${px(line.x[i]).toFixed(1)} ${py(line.y[i] + sign * line.error[i]).toFixed(1)}`
      const banded = line.x.map((_, i) => i).filter((i) => finite(line.y[i]) && finite(line.error?.[i] ?? null))
      const outline = [...banded.map((i) => edge(i, 1)), ...banded.reverse().map((i) => edge(i, -1))]
      if (outline.length > 2) parts.push(node("path", { class: "band", d: `M${outline.join("L")}Z`, fill: colour }))
      const d = line.x.map((x, i) => (finite(line.y[i]) ? `${i && finite(line.y[i - 1]) ? "L" : "M"}${px(x).toFixed(1)} ${py(line.y[i]).toFixed(1)}` : "")).join("")
      parts.push(node("path", { class: line.other ? "line other" : "line", d, stroke: colour }))
    }
    if (finite(this.moment ?? null)) parts.push(node("line", { class: "hair", x1: px(this.moment), x2: px(this.moment), y1: TOP, y2: HEIGHT - BOTTOM }))
    svg.replaceChildren(...parts)
    figure.querySelector(".legend").replaceChildren(...this.legend(chart, palette))
  }

  legend(chart, palette) {
    const entries = chart.lines.map((line) => {
      let i = line.x.length - 1
      if (finite(this.moment ?? null)) while (i > 0 && line.x[i] > this.moment) i--
      const value = finite(line.y[i] ?? null) ? ` ${number(line.y[i], chart.digits)}` : ""
      return [line.name + value, line.other ? "other" : "", palette[line.colour % palette.length]]
    })
    if (chart.floor !== null) entries.push([`floor ${number(chart.floor, chart.digits)}`, "floor", "currentColor"])
    return entries.map(([text, kind, colour]) => {
      const item = document.createElement("span"), mark = document.createElement("i")
      mark.className = kind; mark.style.borderTopColor = colour
      item.append(mark, document.createTextNode(text))
      return item
    })
  }
}

export default function (component) {
  const { parentElement, data } = component
  let curves = instances.get(parentElement)
  if (!curves) instances.set(parentElement, (curves = new Curves(parentElement)))
  curves.update(data)
  return () => { curves.observer.disconnect(); instances.delete(parentElement) }
}
