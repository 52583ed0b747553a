// A dial that asks the server for another value while it is moved, one question at a time: the next is asked when the answer
// to the last is here, so a drag never piles up.
class Dial {
  // `show` is told the value that the dial stands at.
  constructor(range, show) {
    Object.assign(this, { range, show, wanted: null })
    range.oninput = () => { this.wanted = Number(range.value); show(this.wanted); this.ask() }
    range.onchange = () => this.report.setTriggerValue("settled", Number(range.value))
  }

  ask() {
    if (this.asking || this.wanted === null) return
    Object.assign(this, { asking: true, sent: this.wanted, asked: Date.now() % 1e9 })
    this.report.setStateValue("asked", { value: this.sent, n: this.asked })
  }

  // The server's value, and the number of the question that it answers.
  answer(value, n, report) {
    this.report = report
    if (this.asking && n === this.asked) {
      this.asking = false
      if (this.wanted === this.sent) this.wanted = null
    }
    if (this.wanted !== null) this.ask()
    else this.range.value = value
    this.show(this.wanted ?? value)
  }
}
