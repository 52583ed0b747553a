// Pictures of the cards. Each has length, the number of its moments, hold, how many beats it rests at the end, and
// paint(ctx, size, moment), and says in words(moment) what is to be seen.
const unpack = (levels) => Uint8Array.from(levels, (q) => Math.round(255 * density(q)))
const sideOf = (levels) => Math.round(Math.sqrt(levels.length))

function densityPicture(view, levels) {
  return bitmap(sideOf(levels), colours("amount", view.dark), (i) => levels[i], { below: true })
}

function paintDensity(ctx, size, picture) {
  ctx.imageSmoothingQuality = "high"
  ctx.drawImage(picture, 0, 0, size, size)
}

class LandscapePicture {
  constructor(view, training) {
    Object.assign(this, { view, training, length: training.moments.length })
    this.levels = training.moments.map((m) => unpack(bytes(m.p)))
  }

  paint(ctx, size, moment) { paintDensity(ctx, size, densityPicture(this.view, this.levels[moment])) }
  words(moment) { return `${this.training.moments[moment].seconds.toFixed(0)} s of training` }
}

class ImagesPicture {
  constructor(view, { side, steps, n, x, filled }) {
    Object.assign(this, { view, side, n, x: bytes(x), filled: bytes(filled), length: steps + 1, hold: 30 })
  }

  paint(ctx, size, moment) {
    const across = Math.sqrt(this.n), whole = across * (this.side + 1) - 1, style = getComputedStyle(this.view.dom)
    const off = new OffscreenCanvas(whole, whole), inner = off.getContext("2d"), pixels = inner.createImageData(whole, whole)
    const channels = (colour) => colour.match(/[0-9a-f]{2}/gi).map((c) => parseInt(c, 16))
    const [ink, paper] = ["one", "zero"].map((name) => channels(role(name, this.view.dark)))
    const empty = channels(style.getPropertyValue("--st-background-color"))
    for (let k = 0; k < this.n; k++) for (let i = 0; i < this.side ** 2; i++) {
      const at = k * this.side ** 2 + i, colour = this.filled[at] >= moment ? empty : this.x[at] ? ink : paper
      const row = Math.floor(k / across) * (this.side + 1) + Math.floor(i / this.side), column = (k % across) * (this.side + 1) + (i % this.side)
      pixels.data.set([...colour, 255], 4 * (row * whole + column))
    }
    inner.putImageData(pixels, 0, 0)
    ctx.fillStyle = style.getPropertyValue("--st-background-color")
    ctx.fillRect(0, 0, size, size)
    ctx.imageSmoothingEnabled = size < whole
    ctx.drawImage(off, 0, 0, size, size)
  }

  words(moment) { return `${moment} of ${this.length - 1} steps` }
}

// Up and down through sigma: spins as discs, between them the couplings that were recovered from samples at the last sigma
// of which there are any.
class LatticePicture {
  constructor(view, { side, sigmas, spins, bonds }) {
    const up = sigmas.map((_, i) => i)
    Object.assign(this, { view, side, sigmas, spins: bytes(spins), bonds, path: [...up, ...up.slice(1, -1).reverse()], hold: 0 })
    this.length = this.path.length
  }

  bondsAt(moment) {
    const sigma = this.sigmas[this.path[moment]]
    return this.bonds.findLast(([from]) => from <= sigma + 1e-9)
  }

  paint(ctx, size, moment) {
    const { side } = this, cell = size / side, [, right, down] = this.bondsAt(moment) ?? [], style = getComputedStyle(this.view.dom)
    ctx.fillStyle = style.getPropertyValue("--st-secondary-background-color")
    ctx.fillRect(0, 0, size, size)
    ctx.strokeStyle = role("energy", this.view.dark)
    for (let i = 0; right && i < side * side; i++) {
      const x = ((i % side) + 0.5) * cell, y = (Math.floor(i / side) + 0.5) * cell
      for (const [value, dx, dy] of [[right[i], 1, 0], [down[i], 0, 1]]) {
        if (!value) continue
        ctx.lineWidth = cell * 0.75 * Math.abs(value)
        ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x + dx * cell, y + dy * cell); ctx.stroke()
      }
    }
    ctx.strokeStyle = role("data", this.view.dark)
    ctx.lineWidth = cell * 0.09
    const spins = this.spins.subarray(this.path[moment] * side * side)
    for (let i = 0; i < side * side; i++) {
      ctx.fillStyle = role(spins[i] ? "one" : "zero", this.view.dark)
      ctx.beginPath(); ctx.arc(((i % side) + 0.5) * cell, (Math.floor(i / side) + 0.5) * cell, cell * 0.3, 0, 7); ctx.fill()
      if (!spins[i]) ctx.stroke()
    }
  }

  words(moment) {
    const told = this.bondsAt(moment)?.[3] ?? ""
    return `σ = ${this.sigmas[this.path[moment]].toFixed(2)}${told}`
  }
}
