// One row as cells. Pressing a cell makes it void or puts back what stood there; a value of its distribution, or one that is
// typed, fills it. The cells change at once, the distributions when the server has answered.
const SHOWN = 6 // values of a category with bars; the others are chosen from a list
const TALL = 100
const percent = (share) => (share > 0 && share < 0.01 ? "< 1%" : `${Math.round(100 * share)}%`)

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.$ = (name) => root.querySelector(name)
    this.buttons = []
  }

  update(data, { setStateValue }) {
    const focused = this.$(".answers").contains(this.dom.getRootNode().activeElement)
    this.data = data
    this.values = data.cells.map((cell) => cell.value)
    this.send = () => setStateValue("changed", this.values)
    if (this.buttons.length !== data.cells.length) this.lay()
    this.paintRow()
    this.paintAnswers()
    if (focused) this.buttons[this.last]?.focus()
    this.dom.dataset.void = this.values.filter((value) => value === null).length
  }

  lay() {
    const row = this.$(".row")
    row.replaceChildren()
    this.buttons = this.data.cells.map((_, at) => {
      const button = add(row, "button", "", "cell")
      button.type = "button"
      add(button, "small"); add(button, "b")
      button.onclick = () => this.set(at, this.values[at] === null ? this.data.cells[at].stood : null)
      return button
    })
  }

  // What stood there may be nothing: a cell of a row that was typed.
  set(at, value) {
    if (value === this.values[at]) return
    this.last = at
    this.values[at] = value
    this.paintRow()
    this.send()
  }

  paintRow() {
    this.data.cells.forEach(({ name, answer }, at) => {
      const button = this.buttons[at], value = this.values[at], [small, bold] = button.children
      small.textContent = name
      bold.textContent = value ?? (answer ? `? ${answer.said}` : "?")
      button.title = `${name}: ${value ?? "void"}`
      button.setAttribute("aria-pressed", value === null)
      button.setAttribute("aria-label", value === null ? `${name}: void${answer ? `, ${answer.said}` : ""}` : `${name}: ${value}`)
    })
  }

  paintAnswers() {
    const { cells, most } = this.data, all = cells.flatMap(({ answer }, at) => (answer ? [at] : [])), shown = all.slice(0, most)
    this.$(".answers").replaceChildren(...shown.map((at) => this.answer(cells[at], at)))
    this.$(".legend").hidden = !shown.length
    this.$(".legend").lastElementChild.hidden = !shown.some((at) => cells[at].answer.stood !== null)
    this.$(".more").textContent = all.length > shown.length ? `${all.length - shown.length} more void cells: their likeliest values stand in the row above.` : ""
  }

  answer({ name, answer }, at) {
    const figure = document.createElement("figure"), caption = add(figure, "figcaption")
    add(caption, "b", name)
    add(caption, "span", answer.said)
    if (answer.ordered) this.histogram(figure, name, answer, at)
    else this.bars(figure, name, answer, at)
    return figure
  }

  bars(figure, name, { values, shares, stood }, at) {
    const top = Math.max(...shares)
    values.slice(0, SHOWN).forEach((value, i) => {
      const button = add(figure, "button", "", i === stood ? "value is" : "value")
      button.type = "button"
      button.title = `Put ${value} into ${name}`
      button.setAttribute("aria-label", `${value}: ${percent(shares[i])}${i === stood ? ", what stood there" : ""}. Put it into ${name}.`)
      add(button, "span", value)
      add(button, "i").style.width = `${(100 * shares[i]) / top}%`
      add(button, "output", percent(shares[i]))
      button.onclick = () => this.set(at, value)
    })
    if (values.length > SHOWN) this.list(figure, name, values.slice(SHOWN), at)
  }

  list(figure, name, values, at) {
    const select = add(add(figure, "div", "", "typed"), "select")
    select.setAttribute("aria-label", `Another value of ${name}`)
    add(select, "option", `${values.length} more values`).value = ""
    for (const value of values) add(select, "option", value).value = value
    select.onchange = () => select.value && this.set(at, select.value)
  }

  histogram(figure, name, { values, shares, stood, said }, at) {
    const n = values.length, top = Math.max(...shares), chart = figure.appendChild(svg("svg", { class: "histogram", viewBox: `0 0 ${n} ${TALL}`, preserveAspectRatio: "none", role: "img" }))
    chart.setAttribute("aria-label", `Distribution of ${name}: ${said}.`)
    let below = 0, median = 0
    shares.forEach((share, i) => {
      const height = (share / top) * (TALL - 14)
      chart.append(svg("rect", { class: "bar", x: i + 0.08, width: 0.84, y: TALL - 8 - height, height }))
      if (below < 0.5) median = i + 0.5
      below += share
      const hit = chart.appendChild(svg("rect", { class: "hit", x: i, y: 0, width: 1, height: TALL }))
      hit.append(svg("title", {}, `${values[i]}: ${percent(share)}`))
      hit.onclick = () => this.set(at, values[i])
    })
    chart.append(svg("line", { class: "base", x1: 0, x2: n, y1: TALL - 8, y2: TALL - 8 }), svg("line", { class: "median", x1: median, x2: median, y1: 2, y2: TALL - 8 }))
    if (stood !== null) chart.append(svg("rect", { class: "was", x: stood + 0.08, width: 0.84, y: TALL - 6, height: 6 }))
    const ends = add(figure, "div", "", "ends")
    add(ends, "span", values[0]); add(ends, "span", values.at(-1))
    this.field(figure, name, at)
  }

  field(figure, name, at) {
    const form = add(figure, "div", "", "typed"), input = add(form, "input"), button = add(form, "button", "Set")
    Object.assign(input, { placeholder: "or type a value", maxLength: 40, inputMode: "text" })
    input.setAttribute("aria-label", `Value of ${name}`)
    button.type = "button"
    button.setAttribute("aria-label", `Set ${name}`)
    const take = () => input.value.trim() && this.set(at, input.value.trim())
    button.onclick = take
    input.onkeydown = (e) => { if (e.key === "Enter") take() }
  }
}

export default mounted(View)
