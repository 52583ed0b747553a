// The moves of all chains as the server sent them, and what a chain's bits are at any moment within a move.
// A state is one unsigned 32-bit word, entry i in bit i. Phase f runs through a move: VOID, FILL, DECIDE, landing.
const VOIDED = 0.3, FILLED = 0.7, LANDING = 0.85

const words = (text) => new Uint32Array(bytes(text).buffer)
const unit = (v) => clamp(v, 0, 1)
const signed = (v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(2)

class Moves {
  constructor(data) {
    Object.assign(this, data)
    for (const name of ["x", "proposal"]) this[name] = words(data[name])
    for (const name of ["back", "forward", "accepted"]) this[name] = bytes(data[name])
    this.logAlpha = new Float32Array(bytes(data.log_alpha).buffer)
  }

  // Row of move m of chain c in every table.
  row(m, c) { return m * this.chains + c }

  // Word of chain c after m moves.
  landed(m, c) { return this.x[this.row(m, c)] }

  // Word and mask of void entries of chain c after `n` erasures (filling = false) or `n` refills (true) of move m.
  stateAt(m, c, n, filling) {
    const row = this.row(m, c), at = row * this.k, target = this.proposal[row]
    let word = this.x[row], mask = 0
    if (!filling) for (let i = 0; i < n; i++) mask |= 1 << this.back[at + i]
    else for (let i = 0; i < this.k; i++) {
      const bit = 1 << this.forward[at + i]
      if (i < n) word = (word & ~bit) | (target & bit)
      else mask |= bit
    }
    return { word, mask }
  }

  // How many entries are void or filled at phase f, as a real number, for smooth motion between whole ones.
  progress(f) {
    const filling = f >= VOIDED
    return { filling, n: this.k * (filling ? unit((f - VOIDED) / (FILLED - VOIDED)) : f / VOIDED) }
  }

  // What the bits say at phase f; after the landing, where the chain stands.
  shown(m, c, f) {
    if (f >= 1) return { word: this.landed(m + 1, c), mask: 0 }
    const { filling, n } = this.progress(f)
    return this.stateAt(m, c, Math.floor(n + 1e-6), filling)
  }

  // Point of the plane: a sign bit and a Gray-coded magnitude for each axis, most significant bit first.
  point(word) {
    return [0, this.bits].map((first) => {
      let binary = 0, magnitude = 0
      for (let j = 1; j < this.bits; j++) {
        binary ^= (word >>> (first + j)) & 1
        magnitude = 2 * magnitude + binary
      }
      return (((word >>> first) & 1 ? -1 - magnitude : magnitude) + 0.5) * this.cell
    })
  }
}
