// The picture on the left: the landscape, every chain with its last moves, and the chosen chain with its whole path.
const GHOSTS = 1400

const ease = (t) => t * t * (3 - 2 * t)

// Random bits of the ghosts, the same in every frame: a ghost agrees with the kept bits and guesses the void ones.
const guesses = (() => {
  let seed = 1
  return Uint32Array.from({ length: GHOSTS }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.imul(seed ^ (seed >>> 15), 2246822519) ^ (seed >>> 9)
  })
})()

class Plane {
  constructor(canvas) { this.canvas = canvas }

  // Moves to draw; the landscape is drawn anew only for another model or theme.
  load(moves, dark) {
    if (moves.token !== this.moves?.token || dark !== this.dark) this.background = landscape(moves, colours("amount", dark))
    Object.assign(this, { moves, dark, own: role("own", dark), ghost: role("sampler", dark) })
    this.ink = dark ? "255,255,255" : "16,18,30"
    this.paper = dark ? "10,12,24" : "255,255,255"
  }

  paint(m, f, chosen) {
    const size = this.canvas.clientWidth, scale = devicePixelRatio || 1, g = this.canvas.getContext("2d")
    if (!size) return
    if (this.canvas.width !== Math.round(size * scale)) this.canvas.width = this.canvas.height = Math.round(size * scale)
    this.size = size
    g.setTransform(scale, 0, 0, scale, 0, 0)
    g.imageSmoothingQuality = "high"
    g.drawImage(this.background, 0, 0, size, size)
    this.ghosts(g, m, f, chosen)
    for (let c = 0; c < this.moves.chains; c++) if (c !== chosen) this.other(g, m, f, c)
    this.chosen(g, m, f, chosen)
  }

  // Pixel of a word.
  at(word) {
    const [x, y] = this.moves.point(word), { half } = this.moves
    return { x: ((x / half + 1) / 2) * this.size, y: ((1 - y / half) / 2) * this.size }
  }

  nearest(event, m) {
    const box = this.canvas.getBoundingClientRect()
    const distance = (c) => { const p = this.at(this.moves.landed(m, c)); return (p.x - event.clientX + box.left) ** 2 + (p.y - event.clientY + box.top) ** 2 }
    return [...Array(this.moves.chains).keys()].reduce((best, c) => (distance(c) < distance(best) ? c : best), 0)
  }

  // Points that agree with what is left of the chosen chain's bits: two for one void bit, the whole plane for all.
  ghosts(g, m, f, c) {
    if (f <= 0 || f >= FILLED) return
    const { filling, n } = this.moves.progress(f), i = Math.floor(n), t = ease(n - i)
    const a = this.moves.stateAt(m, c, i, filling), b = this.moves.stateAt(m, c, Math.min(i + 1, this.moves.k), filling)
    g.fillStyle = this.ghost
    g.globalAlpha = 0.8
    for (const guess of guesses) {
      const p = this.at((a.word & ~a.mask) | (guess & a.mask)), q = this.at((b.word & ~b.mask) | (guess & b.mask))
      g.fillRect(p.x + (q.x - p.x) * t - 1, p.y + (q.y - p.y) * t - 1, 2, 2)
    }
    g.globalAlpha = 1
  }

  // Path of the last `pieces` moves, fainter the older; during the landing the newest piece grows. Returns its end.
  path(g, m, f, c, pieces, colour) {
    const t = ease(unit((f - LANDING) / (1 - LANDING)))
    let end = null
    for (let i = Math.max(0, m - pieces); i <= m; i++) {
      const a = this.at(this.moves.landed(i, c)), b = this.at(this.moves.landed(i + 1, c)), grown = i === m ? t : 1
      end = { x: a.x + (b.x - a.x) * grown, y: a.y + (b.y - a.y) * grown }
      g.strokeStyle = colour
      g.globalAlpha = 0.6 * (1 - (m - i + 1 - t) / (pieces + 1))
      g.beginPath(); g.moveTo(a.x, a.y); g.lineTo(end.x, end.y); g.stroke()
    }
    g.globalAlpha = 1
    return end
  }

  other(g, m, f, c) {
    const row = this.moves.row(m, c)
    g.lineWidth = 1
    const here = this.path(g, m, f, c, 2, `rgb(${this.ink})`)
    if (f >= FILLED && f < 1 && !this.moves.accepted[row]) {
      g.globalAlpha = 1 - unit((f - LANDING) / (1 - LANDING))
      this.cross(g, this.at(this.moves.proposal[row]), 3, `rgb(${this.ink})`)
      g.globalAlpha = 1
    }
    this.dot(g, here, 3, `rgba(${this.ink},0.9)`, 1)
  }

  chosen(g, m, f, c) {
    const row = this.moves.row(m, c), accepted = this.moves.accepted[row], { own } = this
    g.lineWidth = 5; this.path(g, m, f, c, this.moves.steps, `rgb(${this.paper})`)
    g.lineWidth = 2.2
    const here = this.path(g, m, f, c, this.moves.steps, own)
    if (f >= FILLED && f < 1) {
      const there = this.at(this.moves.proposal[row])
      g.setLineDash([4, 4]); g.lineWidth = 1.5; g.strokeStyle = own
      g.beginPath(); g.moveTo(here.x, here.y); g.lineTo(there.x, there.y); g.stroke()
      g.setLineDash([])
      if (accepted) { g.lineWidth = 2; g.beginPath(); g.arc(there.x, there.y, 6, 0, 7); g.stroke() }
      else this.cross(g, there, 6, own)
    }
    this.dot(g, here, 6.5, own, 2)
  }

  dot(g, p, r, colour, edge) {
    g.fillStyle = colour; g.strokeStyle = `rgba(${this.paper},.95)`; g.lineWidth = edge
    g.beginPath(); g.arc(p.x, p.y, r, 0, 7); g.fill(); g.stroke()
  }

  cross(g, p, r, colour) {
    g.strokeStyle = colour; g.lineWidth = r > 4 ? 2.5 : 1.4
    g.beginPath(); g.moveTo(p.x - r, p.y - r); g.lineTo(p.x + r, p.y + r); g.moveTo(p.x + r, p.y - r); g.lineTo(p.x - r, p.y + r); g.stroke()
  }
}

// The model's density as a small picture. Paths and dots are drawn on top: it keeps to the quieter part of its scale.
function landscape(moves, table) {
  const levels = bytes(moves.landscape)
  return bitmap(Math.round(Math.sqrt(levels.length)), table, (i) => Math.round(levels[i] * 0.62), { below: true })
}
