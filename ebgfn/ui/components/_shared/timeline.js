// Moments of a training, kept as they arrive so that it can be played and scrubbed through without the server.
const MOST_FRAMES = 600

class Timeline {
  constructor(bar, changed) {
    this.bar = bar
    this.changed = changed
    this.range = bar.querySelector("input")
    this.button = bar.querySelector("button")
    this.range.oninput = () => { this.stop(); this.show(Number(this.range.value)) }
    this.button.onclick = () => this.play()
    this.timer = null
    this.begin()
  }

  begin() {
    this.frames = new Map()
    this.steps = []
    this.at = null // step shown; null follows the newest frame
    this.stop()
  }

  add(frames) {
    for (const frame of frames) this.frames.set(frame.step, frame)
    this.steps = [...this.frames.keys()].sort((a, b) => a - b)
    if (this.steps.length > MOST_FRAMES) this.thin()
  }

  // A long run: forget every other frame of the older half.
  thin() {
    const dropped = this.steps.slice(0, MOST_FRAMES / 2).filter((_, i) => i % 2)
    for (const step of dropped) this.frames.delete(step)
    this.steps = this.steps.filter((step) => this.frames.has(step))
  }

  frame() {
    return this.frames.get(this.at) ?? this.frames.get(this.steps[this.steps.length - 1])
  }

  show(index) {
    const i = clamp(index, 0, this.steps.length - 1)
    this.at = i === this.steps.length - 1 ? null : this.steps[i]
    this.changed()
  }

  stop() {
    clearInterval(this.timer)
    this.timer = null
    this.button.textContent = "▶"
    this.button.setAttribute("aria-label", "Play the training")
  }

  play() {
    if (this.timer) return this.stop()
    this.button.textContent = "❚❚"
    this.button.setAttribute("aria-label", "Stop playing")
    let i = this.at === null ? 0 : this.steps.indexOf(this.at)
    const pause = clamp(9000 / this.steps.length, 60, 400)
    this.timer = setInterval(() => {
      this.show(i)
      if (++i >= this.steps.length) this.stop()
    }, pause)
  }

  paint() {
    const frame = this.frame()
    this.bar.hidden = this.steps.length < 2
    this.range.max = this.steps.length - 1
    this.range.value = this.steps.indexOf(frame.step)
    const text = `step ${frame.step.toLocaleString("en")} · ${frame.seconds < 100 ? frame.seconds.toFixed(1) : Math.round(frame.seconds)} s`
    this.range.setAttribute("aria-valuetext", text)
    this.bar.querySelector("output").textContent = text
  }
}
