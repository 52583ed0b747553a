// Moments of a training, kept as they arrive so that it can be played and scrubbed through without the server.
const MOST_FRAMES = 600

class Timeline {
  constructor(dom, show) {
    this.begin()
    this.player = new Playback(dom, {
      last: () => this.steps.length - 1, show, label: () => this.label(), stay: () => clamp(9000 / this.steps.length, 60, 400),
    })
  }

  begin() {
    this.frames = new Map()
    this.steps = []
  }

  // The step on show stays, unless it is the newest: then the one that becomes the newest is shown.
  add(frames) {
    const at = this.player.at, step = at < this.steps.length - 1 ? this.steps[at] : Infinity
    for (const frame of frames) this.frames.set(frame.step, frame)
    this.steps = [...this.frames.keys()].sort((a, b) => a - b)
    if (this.steps.length > MOST_FRAMES) this.thin()
    this.player.u += (step < Infinity ? this.steps.findIndex((one) => one >= step) : this.steps.length - 1) - at
  }

  // A long run: forget every other frame of the older half.
  thin() {
    const dropped = this.steps.slice(0, MOST_FRAMES / 2).filter((_, i) => i % 2)
    for (const step of dropped) this.frames.delete(step)
    this.steps = this.steps.filter((step) => this.frames.has(step))
  }

  frame() { return this.frames.get(this.steps[this.player.at]) }

  label() {
    const { step, seconds } = this.frame() ?? { step: 0, seconds: 0 }
    return `step ${step.toLocaleString("en")} · ${seconds < 100 ? seconds.toFixed(1) : Math.round(seconds)} s`
  }
}
