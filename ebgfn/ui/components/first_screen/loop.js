// The loop: three nodes whose pictures follow the stored training, arrows and terms that are lit in turn, three numbers.
const NUMBERS = [
  ["sampler", "nats from the best possible: the GFlowNet"],
  ["energy", "nats from the best possible: the energy"],
  ["", "of the GFlowNet's moves are accepted by the energy"],
]
const PHASES = 3

class Loop {
  constructor(view, root) {
    Object.assign(this, { view, root, phase: -1 })
    this.canvases = ["data", "energy", "sampler"].map((name) => root.querySelector(`.node.${name} canvas`))
    this.rows = NUMBERS.map(([name, meaning]) => {
      const row = add(root.querySelector("dl"), "div"), value = document.createElement("dd")
      add(row, "dt", meaning); row.prepend(value)
      if (name) value.style.color = `var(--${name})`
      return value
    })
  }

  take(training) {
    this.training = training
    this.target = unpack(bytes(training.target))
    this.points = new Int8Array(bytes(training.points).buffer)
    this.levels = training.moments.map((m) => [unpack(bytes(m.p)), unpack(bytes(m.q))])
    const names = ["Points of the data", "Density of the energy", "Density of what the GFlowNet draws"]
    this.canvases.forEach((canvas, i) => canvas.setAttribute("aria-label", `${names[i]}, ${training.name}`))
  }

  light(phase) {
    this.phase = phase
    for (const node of this.root.querySelectorAll("[data-phase]")) node.classList.toggle("lit", Number(node.dataset.phase) === phase)
  }

  paint(moment) {
    const [data, energy, sampler] = this.canvases
    this.paintPoints(data.getContext("2d"), fitted(data))
    for (const [canvas, i] of [[energy, 0], [sampler, 1]])
      paintDensity(canvas.getContext("2d"), fitted(canvas), densityPicture(this.view, this.levels[moment][i]))
    this.training.moments[moment].numbers.forEach((text, i) => { this.rows[i].textContent = text })
  }

  label(moment) {
    const { seconds } = this.training?.moments[moment] ?? { seconds: 0 }
    return `after ${seconds < 9.5 ? seconds.toFixed(1) : seconds.toFixed(0)} s`
  }

  paintPoints(ctx, size) {
    ctx.fillStyle = getComputedStyle(this.view.dom).getPropertyValue("--st-background-color")
    ctx.fillRect(0, 0, size, size)
    ctx.fillStyle = role("data", this.view.dark)
    for (let i = 0; i < this.points.length; i += 2) {
      ctx.beginPath(); ctx.arc((size / 2) * (1 + this.points[i] / 100), (size / 2) * (1 - this.points[i + 1] / 100), size / 130, 0, 7); ctx.fill()
    }
  }
}
