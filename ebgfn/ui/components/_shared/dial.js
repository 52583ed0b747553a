// A dial that asks the server for another value while it is moved, one question at a time: the next is asked when the answer
// to the last is here, so a drag never piles up.
class Dial {
  // `note` says in words what the value that it stands at means.
  constructor(parent, note = () => "") {
    const id = `dial-${parent.childElementCount}`, dom = add(parent, "div", "", "dial"), label = add(dom, "label"), track = add(dom, "div", "", "track")
    label.htmlFor = id
    Object.assign(this, { note, wanted: null, name: add(label, "span"), value: add(label, "output") })
    this.range = Object.assign(add(track, "input"), { id, type: "range", step: 1 })
    this.range.setAttribute("aria-describedby", `${id}-words`)
    this.marks = add(track, "span", "", "marks")
    this.marks.setAttribute("aria-hidden", "true")
    this.words = add(dom, "span", "", "note")
    this.words.id = `${id}-words`
    this.ends = add(track, "span", "", "ends")
    this.ends.setAttribute("aria-hidden", "true")
    this.range.oninput = () => { this.wanted = Number(this.range.value); this.show(this.wanted); this.ask() }
    this.range.onchange = () => this.report.setTriggerValue(`settled_${this.data.parameter}`, Number(this.range.value))
  }

  ask() {
    if (this.asking || this.wanted === null) return
    Object.assign(this, { asking: true, sent: this.wanted, asked: Date.now() % 1e9 })
    this.report.setStateValue(`asked_${this.data.parameter}`, { value: this.sent, n: this.asked })
  }

  // The server's dial: its value, and the number of the question that it answers.
  update(data, report) {
    Object.assign(this, { data, report })
    Object.assign(this.range, { min: data.low, max: data.high })
    this.name.textContent = data.name
    this.value.style.minWidth = `${Math.max(...[data.low, data.high].map((end) => this.text(end).length))}ch`
    this.ends.replaceChildren()
    for (const words of data.ends) add(this.ends, "span", words)
    this.marks.replaceChildren()
    for (const at of data.marks) add(this.marks, "i").style.left = `${(100 * (at - data.low)) / (data.high - data.low)}%`
    if (this.asking && data.answers === this.asked) {
      this.asking = false
      if (this.wanted === this.sent) this.wanted = null
    }
    if (this.wanted !== null) this.ask()
    else this.range.value = data.value
    this.show(this.wanted ?? data.value)
  }

  text(value) { return (value * this.data.unit).toFixed(this.data.digits).replace("-", "−") }

  show(value) {
    this.value.textContent = this.text(value)
    this.range.setAttribute("aria-valuetext", this.text(value))
    this.words.textContent = this.note(value) || this.data.ends.join(", ")
    this.words.hidden = !this.note(value)
  }
}
