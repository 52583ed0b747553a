// Line charts, redrawn in place; what stands at the pointer is read off at the names of every chart's lines.
const LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 22, TITLE = 18

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
    document.fonts.ready.then(() => this.draw())
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
      const box = chart.getBoundingClientRect(), share = (e.clientX - box.left - LEFT) / (chart.right - LEFT)
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
    const py = (y) => TOP + ((high - clamp(y, low, high)) / (high - low)) * (bottom - TOP)
    const entries = this.entries(chart, dark).map((entry) => ({ ...entry, end: finite(entry.y) ? py(entry.y) : null }))
    ruler.font = `11px ${getComputedStyle(drawing).fontFamily}`
    const beside = labels(entries, { width, high: bottom + 8 })
    const right = (drawing.right = width - (beside?.margin ?? RIGHT)), px = (x) => LEFT + share(x) * (right - LEFT)
    const across = (y, kind) => svg("line", { class: kind, x1: LEFT, x2: right, y1: py(y), y2: py(y) })
    const upright = (x, kind) => svg("line", { class: kind, x1: px(x), x2: px(x), y1: TOP, y2: bottom })
    const parts = this.axes(chart, { px, py, across, right, height, bottom, low, high })
    parts.push(...chart.marks.map((x) => upright(x, "floor")))
    parts.push(...this.called(chart.mark_names, chart.marks.map(px), right))
    if (chart.floor !== null) parts.push(across(chart.floor, "floor"))
    for (const line of chart.lines) parts.push(...this.line(line, role(line.role, dark), px, py))
    if (finite(this.moment)) parts.push(...this.hair(chart.axis, upright, px, right))
    if (beside) parts.push(...beside.named.map((entry) => this.name(entry, px(entry.x), right, beside.samples)))
    drawing.replaceChildren(...parts)
    figure.querySelector(".legend").replaceChildren(...(beside ? [] : entries.map(this.legend)))
  }

  // Names beside upright lines, on the side where there is room; each in the first row where it stands on no other.
  called(names, places, right) {
    const taken = []
    return names.map((name, i) => {
      const leftwards = places[i] > LEFT + (right - LEFT) * 0.65, width = widthOf(name) + 4
      const from = places[i] + (leftwards ? -4 - width : 4)
      let row = 0
      while (taken.some((other) => other.row === row && other.from < from + width && from < other.from + other.width)) row++
      taken.push({ row, from, width })
      return svg("text", { class: "called", x: places[i] + (leftwards ? -4 : 4), y: TOP + 10 + ROW * (row % 8), "text-anchor": leftwards ? "end" : "start" }, name)
    })
  }

  hair({ names }, upright, px, right) {
    const name = names[Math.round(this.moment) - 1]
    return [upright(this.moment, "hair"), ...this.called(name ? [name] : [], [px(this.moment)], right)]
  }

  // A line's name in the margin, in its colour, and a thin line that leads there from its end.
  name({ line, name, rows, value, colour, end, top }, x, right, samples) {
    const group = svg("g", { class: "name", color: colour }), middle = top + ROW / 2, left = right + LEAD
    group.append(svg("title", {}, name), svg("path", { class: "lead", d: `M${x} ${end}H${right + 2}L${left - 3} ${middle}` }))
    if (samples) group.append(...sample(line, colour, left, middle, SAMPLE - 4))
    group.append(...rows.map((row, i) => svg("text", { x: left + samples, y: middle + 4 + ROW * i }, row)))
    group.lastChild.append(svg("tspan", { dx: rows.at(-1) ? 2 : 0 }, rows.at(-1) && value ? ` ${value}` : value))
    return group
  }

  axes(chart, { px, py, across, right, height, bottom, low, high }) {
    const parts = [], rows = ticks(low, high, height > 220 ? 6 : 4), { axis } = chart
    for (const v of rows.values) parts.push(across(v, "grid"), svg("text", { x: LEFT - 6, y: py(v) + 4, "text-anchor": "end" }, number(v, rows.digits)))
    const plain = axis.log ? { values: powers(axis.low, axis.high) } : ticks(axis.low, axis.high, clamp(right / 64, 3, axis.names.length ? 16 : 8))
    const said = (v) => (axis.ticks || axis.log ? String(+v.toPrecision(6)) : number(v, plain.digits)) + axis.unit
    const named = (v) => shortened(axis.names[v - 1] ?? "", px(v) - px(v - (plain.values[1] - plain.values[0])) - 6)
    for (const v of axis.ticks ?? plain.values) parts.push(svg("text", { x: px(v), y: bottom + 16, "text-anchor": "middle" }, axis.names.length ? named(v) : said(v)))
    if (axis.title) parts.push(svg("text", { x: (LEFT + right) / 2, y: height - 5, "text-anchor": "middle" }, axis.title))
    return parts
  }

  // A line, with a band or with bars for its errors, and points where it has them; or steps around the places of its values.
  line({ x, y, error, dash, points, bars, joined, area }, colour, px, py) {
    const known = x.map((_, i) => i).filter((i) => finite(y[i])), wide = known.filter((i) => finite(error[i])), parts = []
    const at = (i, sign = 0) => `${px(x[i]).toFixed(1)} ${py(y[i] + (sign && sign * error[i])).toFixed(1)}`
    if (area) return this.steps({ x, y }, colour, px, py)
    if (bars) parts.push(svg("path", { class: "bars", d: wide.map((i) => `M${at(i, 1)}L${at(i, -1)}`).join(""), stroke: colour }))
    else if (wide.length > 1) parts.push(svg("path", { class: "band", d: `M${[...wide.map((i) => at(i, 1)), ...wide.reverse().map((i) => at(i, -1))].join("L")}Z`, fill: colour }))
    const d = known.map((i) => `${i && finite(y[i - 1]) ? "L" : "M"}${at(i)}`).join("")
    if (joined) parts.push(svg("path", { class: "line", d, stroke: colour, "stroke-dasharray": DASHES[dash] }))
    if (points) parts.push(...known.map((i) => svg("circle", { class: points, cx: px(x[i]), cy: py(y[i]), r: points === "hollow" ? 4.5 : 3.2, fill: colour, stroke: colour })))
    return parts
  }

  steps({ x, y }, colour, px, py) {
    const half = x.length > 1 ? (x[1] - x[0]) / 2 : 0.5
    const top = x.map((v, i) => `V${py(y[i]).toFixed(1)}H${px(v + half).toFixed(1)}`).join("")
    const d = `M${px(x[0] - half).toFixed(1)} ${py(0).toFixed(1)}${top}V${py(0).toFixed(1)}Z`
    return [svg("path", { class: "band", d, fill: colour }), svg("path", { class: "line steps", d, stroke: colour })]
  }

  // What is to be named: how it looks, where it ends, what is read off now, and the longest that this may be.
  entries(chart, dark) {
    const written = (v) => number(v, chart.digits), reading = finite(this.moment), moment = reading ? this.moment : Infinity
    const found = chart.lines.map((line) => {
      const known = line.y.flatMap((y, i) => (finite(y) ? [i] : [])), last = known.at(-1), values = known.map((i) => line.y[i])
      const low = Math.min(...values), high = Math.max(...values)
      const now = line.y[Math.max(0, line.x.findLastIndex((x) => x <= moment + (line.area ? 0.5 : 0)))]
      const value = finite(now) && (chart.course || reading || low === high) ? written(now) : ""
      const longest = [low, high].map(written).sort((a, b) => b.length - a.length)[0]
      return { line, name: line.name, colour: role(line.role, dark), x: line.x[last], y: line.y[last], value, longest }
    })
    if (chart.floor !== null && chart.floor_name) {
      const value = written(chart.floor)
      found.push({ line: { joined: true, dash: "dash" }, name: chart.floor_name, colour: "currentColor", x: chart.axis.high, y: chart.floor, value, longest: value })
    }
    return found
  }

  legend({ line, name, value, colour }) {
    const item = document.createElement("span"), mark = svg("svg", { viewBox: "0 0 26 10", class: "mark" })
    mark.append(...sample(line, colour, 0, 5, 26))
    item.append(mark, document.createTextNode(`${name} ${value}`.trim()))
    return item
  }
}

export default mounted(Charts)
