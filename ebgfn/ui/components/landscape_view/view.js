// Target, energy, sampler, difference and samples. A place is (u, v) in -1..1 of the square shown, v downwards; row 0 of the
// data is the bottom.
const DECODED = Float32Array.from({ length: 256 }, (_, q) => density(q))
const short = (v) => (Math.abs(v) >= 0.095 ? v.toFixed(2) : Math.abs(v) >= 0.0005 ? v.toFixed(4) : "0")

function decoded(levels) {
  return { values: Float32Array.from(levels, (q) => DECODED[q]), side: Math.round(Math.sqrt(levels.length)) }
}

class View extends Pictures {
  constructor(root) { super(root, ["plane"]) }

  update(data) {
    if (data.source !== this.data?.source && data.half !== this.data?.half) this.zooms.plane.home()
    this.target = decoded(bytes(data.target))
    this.take(data, data.frames.map((f) => ({ ...f, p: bytes(f.p), q: bytes(f.q), xy: new Int16Array(bytes(f.xy).buffer) })))
  }

  zoomOf() { return this.zooms.plane }

  lookAt(_, point) {
    this.cursor = point
    this.paint()
  }

  // An arrow key moves what is shown, if not all is.
  walk(_, across, down) {
    const { x, y, k } = this.zooms.plane, step = 0.2 / k
    if (k === 1) return false
    this.zooms.plane.to(x + step * across, y + step * down)
  }

  ready(frame) {
    const energy = decoded(frame.p), sampler = decoded(frame.q)
    const difference = { values: sampler.values.map((v, i) => energy.values[i] - v), side: sampler.side }
    this.shown = { target: this.target, energy, sampler, difference }
  }

  paintPanel(ctx, kind, frame, size) {
    const { k } = this.zooms.plane, pixel = this.zooms.plane.pixel(size), [left, top] = pixel([-1, -1])
    ctx.fillStyle = rgb(this.table("amount"), 0)
    ctx.fillRect(0, 0, size, size)
    if (kind === "samples") this.paintDots(ctx, frame.xy, pixel, size)
    else {
      const { values, side } = this.shown[kind], signed = kind === "difference"
      ctx.imageSmoothingEnabled = (k * size) / side < 12
      ctx.imageSmoothingQuality = "high"
      ctx.drawImage(bitmap(side, this.table(signed ? "signed" : "amount"), (i) => this.tone(values[i], signed), { below: true }), left, top, k * size, k * size)
    }
    if (this.cursor) this.paintCross(ctx, pixel(this.cursor), this.read(kind), size)
  }

  paintDots(ctx, xy, pixel, size) {
    ctx.fillStyle = role("sampler", this.dark)
    ctx.globalAlpha = 0.75
    const r = Math.max(1, (size / 230) * Math.sqrt(this.zooms.plane.k))
    for (let i = 0; i < xy.length; i += 2) {
      ctx.beginPath(); ctx.arc(...pixel([(1.2 * xy[i]) / 32767, (-1.2 * xy[i + 1]) / 32767]), r, 0, 7); ctx.fill()
    }
    ctx.globalAlpha = 1
  }

  // What a picture says where the pointer is.
  read(kind) {
    const [u, v] = this.cursor, { half, top } = this.data
    if (kind === "samples") return `(${(u * half).toFixed(2)}, ${(-v * half).toFixed(2)})`
    const { values, side } = this.shown[kind], column = Math.floor(((u + 1) / 2) * side), row = Math.floor(((1 - v) / 2) * side)
    return short((values[row * side + column] ?? 0) * top)
  }

  scales() {
    const top = short(this.data.top)
    return [
      { table: "amount", signed: false, labels: ["0", "probability per unit area", `≥ ${top}`] },
      { table: "signed", signed: true, labels: [`GFlowNet +${top}`, "difference", `energy +${top}`] },
    ]
  }
}

export default mounted(View)
