// Couplings drawn as bonds: on the lattice, where those to the other side of the torus leave at the border, or on a circle.
const MOST_BONDS = 600
const LEAST_TONE = 0.66 // the faintest bond is still told from the background; its width says how strong it is

class Bonds {
  constructor(dim, side) {
    this.dim = dim
    this.side = side
    this.gap = side ? 2 / (side + 0.6) : 0.16
  }

  place(i) {
    if (this.side) return [-1 + this.gap * ((i % this.side) + 0.8), -1 + this.gap * (Math.floor(i / this.side) + 0.8)]
    const turn = (2 * Math.PI * i) / this.dim - Math.PI / 2
    return [0.86 * Math.cos(turn), 0.86 * Math.sin(turn)]
  }

  // Steps from i to j along both axes, the short way round.
  way(i, j) {
    const around = (d) => d - this.side * Math.round(d / this.side)
    return [around((j % this.side) - (i % this.side)), around(Math.floor(j / this.side) - Math.floor(i / this.side))]
  }

  near(i, j) {
    const [across, down] = this.way(i, j)
    return Math.abs(across) + Math.abs(down) === 1
  }

  // Strongest pairs first; `truth`, where known, adds the pairs of neighbours that were not found.
  list(values, truth) {
    const found = [], missing = []
    for (let i = 0; i < this.dim; i++) for (let j = i + 1; j < this.dim; j++) {
      const value = values[i * this.dim + j]
      if (value) found.push({ i, j, value, near: this.side > 0 && this.near(i, j) })
      else if (truth && truth[i * this.dim + j]) missing.push({ i, j, value: 0, near: true })
    }
    found.sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    const far = found.filter((bond) => !bond.near).slice(0, MOST_BONDS)
    return [...missing, ...found.filter((bond) => bond.near), ...far.reverse()]
  }

  // The site nearest to a point, and of the others the nearest one.
  pair(point) {
    const distance = (i) => Math.hypot(point[0] - this.place(i)[0], point[1] - this.place(i)[1])
    const order = Array.from({ length: this.dim }, (_, i) => [distance(i), i]).sort((a, b) => a[0] - b[0])
    return { i: order[0][1], j: order[1][1] }
  }

  paint(ctx, bonds, { pixel, scale, top, colour, text }) {
    const unit = (scale * this.gap) / 2
    ctx.lineCap = "round"
    for (const bond of bonds) {
      const share = Math.min(1, Math.abs(bond.value) / top)
      ctx.lineWidth = Math.max(1, unit * (bond.value ? 0.03 + 0.2 * share : 0.03))
      ctx.strokeStyle = bond.value ? colour(Math.sign(bond.value) * (LEAST_TONE + (1 - LEAST_TONE) * share)) : text
      ctx.globalAlpha = bond.value ? 1 : 0.7
      ctx.setLineDash(bond.value ? [] : [unit * 0.04, unit * 0.16])
      ctx.beginPath()
      this.trace(ctx, bond, pixel)
      ctx.stroke()
    }
    ctx.globalAlpha = 1
    ctx.setLineDash([])
    ctx.fillStyle = text
    for (let i = 0; i < this.dim; i++) {
      ctx.beginPath()
      ctx.arc(...pixel(this.place(i)), Math.max(1, unit * 0.07), 0, 7)
      ctx.fill()
    }
  }

  trace(ctx, { i, j, near }, pixel) {
    const from = this.place(i), to = this.place(j)
    if (near) {
      const [across, down] = this.way(i, j).map((d) => d * this.gap)
      const within = Math.hypot(to[0] - from[0], to[1] - from[1]) < 1.5 * this.gap
      ctx.moveTo(...pixel(from))
      ctx.lineTo(...pixel(within ? to : [from[0] + across / 2, from[1] + down / 2]))
      if (within) return
      ctx.moveTo(...pixel(to))
      ctx.lineTo(...pixel([to[0] - across / 2, to[1] - down / 2]))
      return
    }
    // A bow, so that it does not hide the sites between.
    const bend = this.side ? 0.16 : 0
    const middle = [(from[0] + to[0]) / 2 - bend * (to[1] - from[1]), (from[1] + to[1]) / 2 + bend * (to[0] - from[0])]
    ctx.moveTo(...pixel(from))
    ctx.quadraticCurveTo(...pixel(this.side ? middle : middle.map((v) => 0.6 * v)), ...pixel(to))
  }

  ring(ctx, i, { pixel, scale, text }) {
    ctx.strokeStyle = text
    ctx.lineWidth = Math.max(1.5, scale / 200)
    ctx.beginPath()
    ctx.arc(...pixel(this.place(i)), Math.max(4, (scale * this.gap) / 6), 0, 7)
    ctx.stroke()
  }
}
