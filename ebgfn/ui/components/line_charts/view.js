// Line charts, redrawn in place; what stands at the pointer is read off in every chart's legend.
const LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 22, TITLE = 18
const DASHES = { solid: "none", dot: "2 4", dash: "7 4", dashdot: "9 3 2 3", longdash: "13 4" }

function ticks(low, high, n) {
  const raw = (high - low) / n, power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? power
  const out = []
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) out.push(v)
  return { values: out, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) }
}

const powers = (low, high) => Array.from({ length: 20 }, (_, i) => 10 ** (i - 9)).filter((v) => v >= low && v <= high)
const number = (v, digits) => v.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1")
const finite = (v) => v !== null && v !== undefined && Number.isFinite(v)

class Charts {
  constructor(root) {
    this.dom = root.querySelector(".charts")
    this.watch = new ResizeObserver(() => this.draw())
    this.watch.observe(this.dom)
  }

  update(data) {
    this.data = data
    this.dom.classList.toggle("tall", data.tall)
    if (this.dom.childElementCount !== data.charts.length) this.dom.replaceChildren(...data.charts.map((_, i) => this.newChart(i)))
    this.draw()
  }

  newChart(i) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), chart = svg("svg", { class: "chart", role: "img" })
    caption.append(document.createElement("b"), document.createElement("span"))
    chart.onpointermove = (e) => {
      const box = chart.getBoundingClientRect(), share = (e.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)
      this.moment = share >= 0 && share <= 1 ? this.scale(this.data.charts[i].axis).back(share) : null
      this.draw()
    }
    chart.onpointerleave = () => { this.moment = null; this.draw() }
    const [legend, words] = [document.createElement("div"), document.createElement("p")]
    legend.className = "legend"
    figure.append(caption, chart, legend, words)
    return figure
  }

  draw() {
    if (!this.data) return
    const dark = isDark(this.dom)
    ;[...this.dom.children].forEach((figure, i) => this.drawChart(figure, this.data.charts[i], dark))
  }

  // Shares of an axis and back.
  scale({ low, high, log }) {
    const way = log ? Math.log : (v) => v, inverse = log ? Math.exp : (v) => v, [a, b] = [way(low), way(high)]
    return { share: (v) => (way(v) - a) / (b - a), back: (s) => inverse(a + s * (b - a)) }
  }

  // The very first values of a training would squeeze all that follow.
  range(chart) {
    if (chart.limits) return chart.limits
    const values = chart.lines.flatMap((l) => l.y.flatMap((y, i) => (chart.course && i < Math.floor(l.y.length * 0.04) ? [] : l.bars ? [y - l.error[i], y + l.error[i]] : [y]))).filter(finite)
    if (chart.floor !== null) values.push(chart.floor)
    if (!values.length) return [0, 1]
    const low = Math.min(...values), high = Math.max(...values), pad = Math.max(chart.least, 0.08 * (high - low))
    return [low - pad, high + pad]
  }

  drawChart(figure, chart, dark) {
    figure.querySelector("b").textContent = chart.title
    figure.querySelector("span").textContent = chart.note
    figure.querySelector("p").textContent = chart.words
    const drawing = figure.querySelector(".chart"), width = Math.max(160, drawing.clientWidth || 360), height = drawing.clientHeight || 184
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`)
    drawing.setAttribute("aria-label", chart.alt)
    const [low, high] = this.range(chart), { share } = this.scale(chart.axis), bottom = height - BOTTOM - (chart.axis.title ? TITLE : 0)
    const px = (x) => LEFT + share(x) * (width - LEFT - RIGHT)
    const py = (y) => TOP + ((high - clamp(y, low, high)) / (high - low)) * (bottom - TOP)
    const across = (y, kind) => svg("line", { class: kind, x1: LEFT, x2: width - RIGHT, y1: py(y), y2: py(y) })
    const upright = (x, kind) => svg("line", { class: kind, x1: px(x), x2: px(x), y1: TOP, y2: bottom })
    const parts = this.axes(chart, { px, py, across, width, height, bottom, low, high })
    parts.push(...chart.marks.map((x) => upright(x, "floor")))
    parts.push(...chart.mark_names.map((name, i) => this.called(name, px(chart.marks[i]), TOP + 10 + 13 * (i % 4), width)))
    if (chart.floor !== null) parts.push(across(chart.floor, "floor"))
    for (const line of chart.lines) parts.push(...this.line(line, role(line.role, dark), px, py))
    if (finite(this.moment)) parts.push(upright(this.moment, "hair"))
    drawing.replaceChildren(...parts)
    figure.querySelector(".legend").replaceChildren(...this.legend(chart, dark))
  }

  // A name beside an upright line, on the side where there is room.
  called(name, x, y, width) {
    const left = x > width * 0.7
    return svg("text", { class: "called", x: x + (left ? -4 : 4), y, "text-anchor": left ? "end" : "start" }, name)
  }

  axes(chart, { px, py, across, width, height, bottom, low, high }) {
    const parts = [], rows = ticks(low, high, height > 220 ? 6 : 4), { axis } = chart
    for (const v of rows.values) parts.push(across(v, "grid"), svg("text", { x: LEFT - 6, y: py(v) + 4, "text-anchor": "end" }, number(v, rows.digits)))
    const plain = axis.log ? { values: powers(axis.low, axis.high) } : ticks(axis.low, axis.high, clamp(width / 64, 3, 8))
    for (const v of axis.ticks ?? plain.values) parts.push(svg("text", { x: px(v), y: bottom + 16, "text-anchor": "middle" }, (axis.ticks || axis.log ? String(+v.toPrecision(6)) : number(v, plain.digits)) + axis.unit))
    if (axis.title) parts.push(svg("text", { x: (LEFT + width - RIGHT) / 2, y: height - 5, "text-anchor": "middle" }, axis.title))
    return parts
  }

  // A line, with a band or with bars for its errors, and points where it has them.
  line({ x, y, error, dash, points, bars, joined }, colour, px, py) {
    const known = x.map((_, i) => i).filter((i) => finite(y[i])), wide = known.filter((i) => finite(error[i])), parts = []
    const at = (i, sign = 0) => `${px(x[i]).toFixed(1)} ${py(y[i] + (sign && sign * error[i])).toFixed(1)}`
    if (bars) parts.push(svg("path", { class: "bars", d: wide.map((i) => `M${at(i, 1)}L${at(i, -1)}`).join(""), stroke: colour }))
    else if (wide.length > 1) parts.push(svg("path", { class: "band", d: `M${[...wide.map((i) => at(i, 1)), ...wide.reverse().map((i) => at(i, -1))].join("L")}Z`, fill: colour }))
    const d = known.map((i) => `${i && finite(y[i - 1]) ? "L" : "M"}${at(i)}`).join("")
    if (joined) parts.push(svg("path", { class: "line", d, stroke: colour, "stroke-dasharray": DASHES[dash] }))
    if (points) parts.push(...known.map((i) => svg("circle", { class: points, cx: px(x[i]), cy: py(y[i]), r: points === "hollow" ? 4.5 : 3.2, fill: colour, stroke: colour })))
    return parts
  }

  legend(chart, dark) {
    const entries = chart.lines.map((line) => {
      let i = line.x.length - 1
      if (finite(this.moment)) while (i > 0 && line.x[i] > this.moment) i--
      const said = chart.digits !== null && (chart.course || finite(this.moment)) && finite(line.y[i])
      return [line, line.name + (said ? ` ${number(line.y[i], chart.digits)}` : ""), role(line.role, dark)]
    })
    if (chart.floor !== null && chart.floor_name) entries.push([{ joined: true, dash: "dash" }, `${chart.floor_name} ${number(chart.floor, chart.digits)}`, "currentColor"])
    return entries.map(([line, text, colour]) => {
      const item = document.createElement("span"), mark = svg("svg", { viewBox: "0 0 26 10", class: "mark" })
      if (line.joined) mark.append(svg("path", { class: "line", d: "M0 5h26", stroke: colour, "stroke-dasharray": DASHES[line.dash] }))
      if (line.points) mark.append(svg("circle", { class: line.points, cx: 13, cy: 5, r: 3.5, fill: colour, stroke: colour }))
      item.append(mark, document.createTextNode(text))
      return item
    })
  }
}

export default mounted(Charts)
