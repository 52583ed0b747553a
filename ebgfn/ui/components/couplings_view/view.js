// Couplings as matrices and as bonds, and samples beside data.
const MATRICES = ["truth", "recovered", "difference"]
const HINT = "Point at a picture to read a coupling. With the keyboard: focus a picture, then the arrows; + and − zoom, 0 shows all."
const signed = (v, digits = 4) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${Math.abs(v).toFixed(digits)}`

// Couplings above the diagonal travel row by row as 16-bit parts of the largest one.
function unpack(packed, dim) {
  const parts = new Int16Array(bytes(packed.parts).buffer), values = new Float32Array(dim * dim)
  let next = 0
  for (let i = 0; i < dim; i++) for (let j = i + 1; j < dim; j++) values[i * dim + j] = values[j * dim + i] = (packed.largest * parts[next++]) / 32767
  return values
}

class View extends Pictures {
  constructor(root) { super(root, ["matrix", "bonds"]) }

  update(data) {
    if (data.dim !== this.data?.dim || data.side !== this.data?.side) {
      this.cursor = null
      this.bonds = new Bonds(data.dim, data.side)
      this.zooms.matrix.most = Math.max(16, data.dim / 6)
      for (const zoom of Object.values(this.zooms)) zoom.home()
    }
    this.truth = data.truth && unpack(data.truth, data.dim)
    this.drawn = bytes(data.data)
    this.dom.querySelector(".panels").style.setProperty("--columns", data.panels.length > 4 ? 3 : data.panels.length)
    this.take(data, data.frames.map((f) => ({ ...f, recovered: unpack(f.couplings, data.dim), samples: bytes(f.samples) })))
  }

  zoomOf(kind) {
    return MATRICES.includes(kind) ? this.zooms.matrix : kind === "bonds" ? this.zooms.bonds : null
  }

  lookAt(kind, point) { this.look(point && this.pairAt(kind, point)) }

  look(pair) {
    this.cursor = pair
    this.paint()
  }

  pairAt(kind, point) {
    if (kind === "bonds") return this.bonds.pair(point)
    const cell = (v) => clamp(Math.floor(((v + 1) / 2) * this.data.dim), 0, this.data.dim - 1)
    return { i: cell(point[1]), j: cell(point[0]) }
  }

  // An arrow key moves the cell that is read, or from spin to spin, and the picture with it.
  walk(kind, across, down) {
    const { dim, side } = this.data, { i, j } = this.cursor ?? { i: 0, j: 1 }, within = (v) => clamp(v, 0, dim - 1)
    if (kind !== "bonds") {
      this.look({ i: within(i + down), j: within(j + across) })
      return this.zooms.matrix.show((2 * this.cursor.j + 1) / dim - 1, (2 * this.cursor.i + 1) / dim - 1)
    }
    const around = (v, n) => (v + n) % n, row = Math.floor(i / side), column = i % side
    const to = side ? side * around(row + down, side) + around(column + across, side) : around(i + across + down, dim)
    this.look({ i: to, j: i })
    this.zooms.bonds.show(...this.bonds.place(to))
  }

  ready(frame) {
    frame.bonds ??= this.bonds.list(frame.recovered, this.truth)
    frame.difference ??= this.truth && frame.recovered.map((v, i) => v - this.truth[i])
    const text = this.cursor ? this.read(frame) : HINT, line = this.dom.querySelector(".reading")
    if (line.textContent !== text) line.textContent = text
  }

  read(frame) {
    const { side, dim, names } = this.data, { i, j } = this.cursor, at = i * dim + j
    const spin = (n) => (side ? `spin ${n + 1} (row ${Math.floor(n / side) + 1}, column ${(n % side) + 1})` : names ? names[n] : `column ${n + 1}`)
    if (i === j) return `${spin(i)}: a spin has no coupling to itself`
    const values = [["true", this.truth], ["recovered", frame.recovered], ["difference", frame.difference]].filter(([, v]) => v)
    return `${spin(i)} and ${spin(j)} · ${values.map(([name, v]) => `${name} ${signed(v[at])}`).join(" · ")}`
  }

  paintPanel(ctx, kind, frame, size) {
    const zoom = this.zoomOf(kind)
    ctx.fillStyle = this.colour(0)
    ctx.fillRect(0, 0, size, size)
    if (MATRICES.includes(kind)) this.paintMatrix(ctx, kind === "truth" ? this.truth : frame[kind], zoom, size)
    else if (kind === "bonds") this.paintBonds(ctx, frame, zoom, size)
    else this.paintSpins(ctx, kind === "data" ? this.drawn : frame.samples, size)
  }

  colour(share) { return rgb(this.table("signed"), Math.round(127.5 + 127.5 * share)) }

  paintMatrix(ctx, values, zoom, size) {
    const { dim, top } = this.data, pixel = zoom.pixel(size), [left, above] = pixel([-1, -1])
    ctx.imageSmoothingEnabled = (zoom.k * size) / dim < 1.5
    ctx.drawImage(bitmap(dim, this.table("signed"), (i) => this.tone(values[i] / top, true)), left, above, zoom.k * size, zoom.k * size)
    if (!this.cursor) return
    const { i, j } = this.cursor
    this.paintCross(ctx, pixel([(2 * j + 1) / dim - 1, (2 * i + 1) / dim - 1]), signed(values[i * dim + j]), size)
  }

  paintBonds(ctx, frame, zoom, size) {
    const how = { pixel: zoom.pixel(size), scale: zoom.k * size, top: this.data.top, colour: (v) => this.colour(v), text: getComputedStyle(this.dom).color }
    this.bonds.paint(ctx, frame.bonds, how)
    if (this.cursor) for (const i of [this.cursor.i, this.cursor.j]) this.bonds.ring(ctx, i, how)
  }

  // Sixteen lattices, four in a row; without a lattice a line for each sample.
  paintSpins(ctx, spins, size) {
    const { dim, side } = this.data, shade = ["zero", "one"].map((name) => role(name, this.dark))
    const [across, columns, rows] = side ? [4, side, side] : [1, dim, 1], margin = size / 60
    const lines = side ? across : Math.max(1, Math.floor(spins.length / dim)), between = side ? margin : margin / 2
    const width = (size - margin) / across - margin, height = (size - margin) / lines - between
    for (let n = 0; n < spins.length; n++) {
      const sample = Math.floor(n / dim), at = n % dim
      const left = margin + (sample % across) * (width + margin), top = margin + Math.floor(sample / across) * (height + between)
      const x = left + ((at % columns) * width) / columns, y = top + (Math.floor(at / columns) * height) / rows
      ctx.fillStyle = shade[spins[n]]
      ctx.fillRect(Math.round(x), Math.round(y), Math.ceil(width / columns), Math.ceil(height / rows))
    }
  }

  scales() {
    const top = this.data.top.toFixed(this.data.top < 0.1 ? 3 : 2)
    return [{ table: "signed", signed: true, labels: [`≤ −${top}`, "coupling, and its difference", `≥ +${top}`] }]
  }
}

export default mounted(View)
