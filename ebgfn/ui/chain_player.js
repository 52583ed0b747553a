// Plays back-and-forth moves of many chains: sent once, drawn here frame by frame, so that playing costs the server nothing.
// A state is one unsigned 32-bit word, entry i in bit i. Time u is counted in moves; within a move it runs through VOID,
// FILL, DECIDE and the landing of accepted chains. Only K and the chosen chain are reported back.
const LUTS = __LUTS__
const VOIDED = 0.3, FILLED = 0.7, LANDING = 0.85
const STOPS = [0, VOIDED, FILLED]
const SECONDS_A_MOVE = 4
const GHOSTS = 1400
const instances = new WeakMap()

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const words = (text) => new Uint32Array(bytes(text).buffer)
const clamp = (v) => Math.min(1, Math.max(0, v))
const ease = (t) => t * t * (3 - 2 * t)
const signed = (v, digits = 2) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(digits)
const add = (parent, tag, text = "", name = "") => {
  const node = parent.appendChild(document.createElement(tag))
  node.textContent = text
  if (name) node.className = name
  return node
}

// Random bits of the ghosts, the same in every frame: a ghost agrees with the kept bits and guesses the void ones.
const guesses = (() => {
  let seed = 1
  return Uint32Array.from({ length: GHOSTS }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0, Math.imul(seed ^ (seed >>> 15), 2246822519) ^ (seed >>> 9)))
})()

// log alpha and its six terms in the order of the server's table.
const FORMULA = [
  { name: ["log α"], at: 0 }, { text: "=" }, { name: ["E(x)"], at: 1 }, { text: "−" }, { name: ["E(x′)"], at: 2 }, { text: "+ [" },
  { name: ["log P", "B", "(x′→s)"], at: 3 }, { text: "+" }, { name: ["log P", "F", "(s→x)"], at: 4 }, { text: "] − [" },
  { name: ["log P", "B", "(x→s)"], at: 5 }, { text: "+" }, { name: ["log P", "F", "(s→x′)"], at: 6 }, { text: "]" },
]

class Player {
  constructor(root) {
    this.dom = root.querySelector(".player")
    this.canvas = root.querySelector("canvas")
    this.$ = (name) => root.querySelector(name)
    this.u = 0
    this.chain = 0
    this.speed = 1
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches
    this.playing = !this.calm
    this.wire()
    this.watch = new ResizeObserver(() => this.paint())
    this.watch.observe(this.canvas)
    this.tick = this.tick.bind(this)
    this.frame = requestAnimationFrame(this.tick)
  }

  // Data of the server. The same moment stays on show, so that moving K compares like with like.
  update(data, report) {
    this.report = report
    const dark = isDark(this.dom)
    if (data.token !== this.data?.token || dark !== this.dark) {
      this.dark = dark
      this.dom.classList.toggle("dark", dark)
      this.background = picture(data, bytes(LUTS[dark ? "amount_dark" : "amount_light"]))
    }
    this.data = data
    for (const name of ["x", "proposal"]) this[name] = words(data[name])
    for (const name of ["back", "forward", "accepted"]) this[name] = bytes(data[name])
    this.logAlpha = new Float32Array(bytes(data.log_alpha).buffer)
    this.u = Math.min(this.u, data.steps)
    this.chain = Math.min(this.chain, data.chains - 1)
    this.$(".time").max = data.steps
    this.$(".chain").max = data.chains
    this.$(".k-range").max = data.dim
    if (this.asking && data.answers === this.asked) {
      this.asking = false
      if (this.wanted === this.sent) this.wanted = null
    }
    if (this.wanted) this.ask()
    else this.$(".k-range").value = data.k
    this.canvas.setAttribute("aria-label", data.alt)
    this.dom.dataset.k = data.k
    this.showK(); this.showSums(); this.paint()
  }

  // One question at a time: the next K is asked for when the answer to the last is here, so a drag never piles up.
  ask() {
    if (this.asking || !this.wanted) return
    this.asking = true
    this.sent = this.wanted
    this.asked = Date.now() % 1e9
    this.report.setStateValue("asked", { k: this.sent, n: this.asked })
  }

  wire() {
    const k = this.$(".k-range"), time = this.$(".time"), chain = this.$(".chain")
    k.oninput = () => { this.wanted = Number(k.value); this.showK(); this.ask() }
    k.onchange = () => this.report.setTriggerValue("settled", Number(k.value))
    time.oninput = () => { this.pause(); this.go(Number(time.value)) }
    chain.onchange = () => this.choose(Math.round(Number(chain.value)) - 1)
    this.$("select").onchange = (e) => { this.speed = Number(e.target.value) }
    this.$(".first").onclick = () => { this.pause(); this.go(0) }
    this.$(".last").onclick = () => { this.pause(); this.go(this.data.steps) }
    this.$(".back").onclick = () => { this.pause(); this.step(-1) }
    this.$(".forward").onclick = () => { this.pause(); this.step(1) }
    this.$(".play").onclick = () => this.toggle()
    this.canvas.onclick = (e) => this.choose(this.nearest(e))
    const keys = {
      " ": () => this.toggle(), ArrowRight: () => this.$(".forward").click(), ArrowLeft: () => this.$(".back").click(),
      ArrowUp: () => this.choose(this.chain + 1), ArrowDown: () => this.choose(this.chain - 1),
      Home: () => this.$(".first").click(), End: () => this.$(".last").click(),
    }
    this.$(".plane").onkeydown = (e) => { if (keys[e.key] && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); keys[e.key]() } }
  }

  go(u) { this.u = Math.min(this.data.steps, Math.max(0, u)); this.paint(); if (!this.playing) this.speak() }
  pause() { this.playing = false }
  toggle() {
    this.playing = !this.playing
    if (this.playing && this.u >= this.data.steps) this.u = 0
    this.paint()
  }

  step(direction) {
    const all = []
    for (let m = 0; m < this.data.steps; m++) for (const stop of STOPS) all.push(m + stop)
    all.push(this.data.steps)
    const next = direction > 0 ? all.find((s) => s > this.u + 1e-6) : all.findLast((s) => s < this.u - 1e-6)
    this.go(next ?? this.u)
  }

  choose(index) {
    this.chain = (index + this.data.chains) % this.data.chains || 0
    this.paint(); this.speak()
    clearTimeout(this.later)
    this.later = setTimeout(() => this.report.setStateValue("chain", this.chain), 120)
  }

  tick(now) {
    const dt = Math.min(0.1, (now - (this.before ?? now)) / 1000)
    this.before = now
    if (this.playing && this.data) {
      this.clock = this.calm ? (this.clock ?? 0) + dt * this.speed : 0
      // With reduced motion the player turns pages instead of moving.
      if (!this.calm) this.go(this.u + (dt * this.speed) / SECONDS_A_MOVE)
      else if (this.clock > 1.3) { this.clock = 0; this.step(1) }
      if (this.u >= this.data.steps) { this.playing = false; this.paint(); this.speak() }
    }
    this.frame = requestAnimationFrame(this.tick)
  }

  stop() { cancelAnimationFrame(this.frame); this.watch.disconnect(); clearTimeout(this.later) }

  // Move and phase at time u; the end of the last move stands for the moment after it.
  moment() {
    const m = Math.min(Math.floor(this.u + 1e-9), this.data.steps - 1)
    return { m, f: this.u - m }
  }

  // Word and mask of void entries of a chain after `n` erasures (filling = false) or `n` refills (true) of move m.
  stateAt(m, c, n, filling) {
    const { k, chains } = this.data, at = (m * chains + c) * k
    let word = this.x[m * chains + c], mask = 0
    const target = this.proposal[m * chains + c]
    if (!filling) for (let i = 0; i < n; i++) mask |= 1 << this.back[at + i]
    else for (let i = 0; i < k; i++) {
      const bit = 1 << this.forward[at + i]
      if (i < n) word = (word & ~bit) | (target & bit)
      else mask |= bit
    }
    return { word, mask }
  }

  // How many entries are void or filled at phase f, as a real number, for smooth motion between whole ones.
  progress(f) {
    const filling = f >= VOIDED
    const p = filling ? clamp((f - VOIDED) / (FILLED - VOIDED)) : clamp(f / VOIDED)
    return { filling, n: p * this.data.k }
  }

  point(word) {
    const { bits, cell, half } = this.data, xy = [0, 0]
    for (let axis = 0; axis < 2; axis++) {
      const first = axis * bits
      let binary = 0, magnitude = 0
      for (let j = 1; j < bits; j++) { binary ^= (word >>> (first + j)) & 1; magnitude = 2 * magnitude + binary }
      xy[axis] = (((word >>> first) & 1 ? -1 - magnitude : magnitude) + 0.5) * cell
    }
    return { x: xy[0], y: xy[1], px: ((xy[0] / half + 1) / 2) * this.size, py: ((1 - xy[1] / half) / 2) * this.size }
  }

  landed(m, c) { return this.point(this.x[m * this.data.chains + c]) }

  paint() {
    if (!this.data) return
    const size = this.canvas.clientWidth
    if (!size) return
    const scale = devicePixelRatio || 1
    if (this.canvas.width !== Math.round(size * scale)) this.canvas.width = this.canvas.height = Math.round(size * scale)
    this.size = size
    const g = this.canvas.getContext("2d")
    g.setTransform(scale, 0, 0, scale, 0, 0)
    g.imageSmoothingQuality = "high"
    g.drawImage(this.background, 0, 0, size, size)
    const { m, f } = this.moment(), style = getComputedStyle(this.dom)
    this.colour = { pick: style.getPropertyValue("--pick"), yes: style.getPropertyValue("--yes"), no: style.getPropertyValue("--no") }
    this.ink = this.dark ? "255,255,255" : "16,18,30"
    this.paintGhosts(g, m, f)
    for (let c = 0; c < this.data.chains; c++) if (c !== this.chain) this.paintChain(g, c, m, f)
    this.paintChosen(g, m, f)
    this.showPanel(m, f)
  }

  // Points that agree with what is left of the chosen chain's bits: two for one void bit, the whole plane for all of them.
  paintGhosts(g, m, f) {
    const { filling, n } = this.progress(f)
    if (f <= 0 || f >= FILLED) return
    const i = Math.floor(n), a = this.stateAt(m, this.chain, i, filling)
    const b = this.stateAt(m, this.chain, Math.min(i + 1, this.data.k), filling), t = ease(n - i)
    g.fillStyle = this.colour.pick
    g.globalAlpha = this.dark ? 0.5 : 0.42
    for (const guess of guesses) {
      const p = this.point((a.word & ~a.mask) | (guess & a.mask)), q = this.point((b.word & ~b.mask) | (guess & b.mask))
      g.fillRect(p.px + (q.px - p.px) * t - 1, p.py + (q.py - p.py) * t - 1, 2, 2)
    }
    g.globalAlpha = 1
  }

  // Path of the last moves, fainter the older; during the landing the newest piece grows.
  paintPath(g, c, m, f, pieces, rgb) {
    const t = ease(clamp((f - LANDING) / (1 - LANDING)))
    let from = null
    for (let i = Math.max(0, m - pieces); i <= m; i++) {
      const a = this.landed(i, c), b = this.landed(i + 1, c), grow = i === m ? t : 1
      const age = (m - i + (1 - t)) / (pieces + 1)
      g.strokeStyle = `rgba(${rgb},${(0.55 * (1 - age)).toFixed(3)})`
      g.beginPath(); g.moveTo(a.px, a.py); g.lineTo(a.px + (b.px - a.px) * grow, a.py + (b.py - a.py) * grow); g.stroke()
      from = { px: a.px + (b.px - a.px) * grow, py: a.py + (b.py - a.py) * grow }
    }
    return from
  }

  paintChain(g, c, m, f) {
    const i = m * this.data.chains + c
    g.lineWidth = 1
    const here = this.paintPath(g, c, m, f, 2, this.ink)
    if (f >= FILLED && f < 1 && !this.accepted[i]) this.cross(g, this.point(this.proposal[i]), 3, this.colour.no, 1 - clamp((f - LANDING) / (1 - LANDING)))
    g.fillStyle = `rgba(${this.ink},0.9)`
    g.strokeStyle = this.dark ? "rgba(10,12,24,.9)" : "rgba(255,255,255,.95)"
    g.beginPath(); g.arc(here.px, here.py, 3, 0, 7); g.fill(); g.stroke()
  }

  paintChosen(g, m, f) {
    const i = m * this.data.chains + this.chain, rgb = this.dark ? "255,111,174" : "214,34,111"
    g.lineWidth = 5; this.paintPath(g, this.chain, m, f, this.data.steps, this.dark ? "10,12,24" : "255,255,255")
    g.lineWidth = 2.2
    const here = this.paintPath(g, this.chain, m, f, this.data.steps, rgb), there = this.point(this.proposal[i])
    if (f >= FILLED && f < 1) {
      if (this.accepted[i]) { g.strokeStyle = this.colour.pick; g.lineWidth = 2; g.beginPath(); g.arc(there.px, there.py, 6, 0, 7); g.stroke() }
      else this.cross(g, there, 6, this.colour.no, 1)
      g.setLineDash([4, 4]); g.strokeStyle = this.accepted[i] ? this.colour.pick : this.colour.no; g.lineWidth = 1.5
      g.beginPath(); g.moveTo(here.px, here.py); g.lineTo(there.px, there.py); g.stroke(); g.setLineDash([])
    }
    g.fillStyle = this.colour.pick; g.strokeStyle = this.dark ? "#0b0d18" : "#fff"; g.lineWidth = 2
    g.beginPath(); g.arc(here.px, here.py, 6.5, 0, 7); g.fill(); g.stroke()
  }

  cross(g, p, r, colour, alpha) {
    g.globalAlpha = alpha; g.strokeStyle = colour; g.lineWidth = r > 4 ? 2.5 : 1.4
    g.beginPath(); g.moveTo(p.px - r, p.py - r); g.lineTo(p.px + r, p.py + r); g.moveTo(p.px + r, p.py - r); g.lineTo(p.px - r, p.py + r); g.stroke()
    g.globalAlpha = 1
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect(), { m, f } = this.moment(), i = f >= 1 ? m + 1 : m
    let best = 0, least = Infinity
    for (let c = 0; c < this.data.chains; c++) {
      const p = this.landed(i, c), d = (p.px - event.clientX + box.left) ** 2 + (p.py - event.clientY + box.top) ** 2
      if (d < least) { least = d; best = c }
    }
    return best
  }

  showK() {
    const k = this.wanted ?? this.data.k, { dim } = this.data
    this.$(".k").textContent = k
    const room = k >= 10 ? (2 ** k).toExponential(0).replace("e+", " × 10^") : String(2 ** k)
    this.$(".note").textContent = k === dim
      ? `All ${dim} bits are voided: each proposal is a fresh sample of the GFlowNet, wherever the chain stands.`
      : `${k} of ${dim} bits are voided, then filled again: ${k >= 10 ? "about " + superscript(room) : room} points agree with the ${dim - k} kept ${dim - k === 1 ? "bit" : "bits"}.`
  }

  showSums() {
    const box = this.$(".sums")
    box.replaceChildren()
    for (const [name, value, help] of this.data.sums) {
      const row = add(box, "div")
      row.title = help
      add(row, "dt", name); add(row, "dd", value)
    }
  }

  showPanel(m, f) {
    const { steps, chains, bits } = this.data, i = m * chains + this.chain, { filling, n } = this.progress(f)
    const done = f >= FILLED, whole = Math.floor(n + 1e-6)
    const { word, mask } = f >= 1 ? { word: this.x[i + chains], mask: 0 } : this.stateAt(m, this.chain, done ? this.data.k : whole, filling)
    const voided = this.stateAt(m, this.chain, this.data.k, false).mask, old = this.x[i]
    this.$(".moment").textContent = `move ${m + 1} of ${steps}`
    if (this.shadowActive(".time") === false) this.$(".time").value = this.u
    if (this.shadowActive(".chain") === false) this.$(".chain").value = this.chain + 1
    this.$(".play").classList.toggle("on", this.playing)
    this.$(".play").setAttribute("aria-label", this.playing ? "Pause" : "Play")
    const phase = done ? 3 : f >= VOIDED ? 2 : f > 0 ? 1 : 0
    this.$(".phases").childNodes.forEach((li, j) => { li.className = j === phase ? "now" : ""; if (j === phase) li.setAttribute("aria-current", "step"); else li.removeAttribute("aria-current") })
    this.showBits(bits, (b) => {
      if ((mask >>> b) & 1) return "void"
      if (f >= 1 || !filling || !((voided >>> b) & 1)) return "kept"
      return ((word ^ old) >>> b) & 1 ? "changed" : "same"
    }, word)
    const p = this.point(word)
    this.$(".where").textContent = mask === 0 ? `These bits are the point (${signed(p.x)}, ${signed(p.y)}).` : `${this.count(mask)} void: the faint dots are points that agree with the rest.`
    this.showRatio(m, f, i)
  }

  shadowActive(name) { return (this.dom.getRootNode().activeElement ?? null) === this.$(name) && this.$(name).matches(":active") }
  count(mask) { let c = 0; for (let v = mask; v; v &= v - 1) c++; return `${c} ${c === 1 ? "bit is" : "bits are"}` }

  showBits(bits, kind, word) {
    const box = this.$(".bits")
    if (box.dataset.bits !== String(bits)) {
      box.dataset.bits = bits
      box.style.setProperty("--bits", bits)
      box.replaceChildren()
      for (const name of ["x", "y"]) {
        const row = add(box, "div", "", "axis")
        add(row, "em", name)
        for (let j = 0; j < bits; j++) add(row, "b").title = j ? `${name}: Gray bit ${j}, ${j === 1 ? "coarsest" : j === bits - 1 ? "finest" : "of " + (bits - 1)}` : `${name}: sign`
      }
    }
    const squares = box.querySelectorAll("b")
    let line = ""
    for (let b = 0; b < 2 * bits; b++) {
      const name = kind(b), text = name === "void" ? "" : String((word >>> b) & 1)
      if (squares[b].className !== name) squares[b].className = name
      if (squares[b].textContent !== text) squares[b].textContent = text
      line += (b === bits ? ", y " : "") + (text || "-")
    }
    box.setAttribute("aria-label", `Bits of the chosen chain: x ${line}; - is void`)
  }

  // log alpha with the chain's own numbers; they are shown once the proposal is there.
  showRatio(m, f, i) {
    const known = f >= FILLED, row = this.data.terms.chain === this.chain ? this.data.terms.rows[m] : null
    const box = this.$(".formula")
    if (!box.childNodes.length) for (const part of FORMULA) {
      const cell = add(box, "span", "", part.name ? "number" : ""), [before, sub, after] = part.name ?? [""]
      const name = add(cell, "i", before)
      if (sub) { add(name, "sub", sub); name.append(after) }
      add(cell, "b", part.text ?? "")
    }
    const values = [this.logAlpha[i], ...(row ?? [])]
    let spoken = ""
    FORMULA.forEach((part, j) => {
      const cell = box.childNodes[j]
      cell.classList.toggle("pending", !known)
      if (!part.name) { spoken += ` ${part.text} `; return }
      const text = !known ? "·" : values.length > part.at ? signed(values[part.at]) : "…"
      if (cell.lastChild.textContent !== text) cell.lastChild.textContent = text
      spoken += `${part.name.join(" ")} ${text}`
    })
    box.setAttribute("aria-label", known && row ? spoken : "log alpha is known once the bits are filled")
    this.showVerdict(known, this.accepted[i], Math.min(1, Math.exp(this.logAlpha[i])))
  }

  showVerdict(known, accepted, probability) {
    const box = this.$(".verdict"), state = known ? `${accepted}${probability}` : "wait"
    if (box.dataset.state === state) return
    box.dataset.state = state
    box.replaceChildren()
    if (!known) { box.textContent = "Once the bits are filled, the move is accepted with probability min(1, α)."; return }
    add(box, "strong", accepted ? "✓ accepted" : "✕ rejected", accepted ? "yes" : "no")
    const share = probability >= 0.995 ? "100" : (100 * probability).toPrecision(probability < 0.1 ? 1 : 2)
    box.append(`The chance was min(1, α) = ${Number(share)} %.`)
  }

  speak() {
    const { m, f } = this.moment()
    if (f < FILLED) return
    const i = m * this.data.chains + this.chain
    this.$(".spoken").textContent = `Chain ${this.chain + 1}, move ${m + 1}: log alpha ${signed(this.logAlpha[i])}, ${this.accepted[i] ? "accepted" : "rejected"}.`
  }
}

function superscript(text) {
  return text.replace(/\^(\d+)/, (_, d) => [...d].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join(""))
}

function isDark(element) {
  const [r, g, b] = getComputedStyle(element).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"]
  return parseInt(r, 16) + parseInt(g, 16) + parseInt(b, 16) < 384
}

// The model's density as a small picture, row 0 of the data at the bottom.
function picture(data, lut) {
  const levels = bytes(data.landscape), side = Math.round(Math.sqrt(levels.length))
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side }), g = canvas.getContext("2d")
  const image = g.createImageData(side, side)
  levels.forEach((level, i) => {
    const at = ((side - 1 - Math.floor(i / side)) * side + (i % side)) * 4
    // Paths and dots are drawn on top: the landscape keeps to the quieter part of its scale.
    const colour = Math.round(level * 0.62) * 3
    image.data.set([lut[colour], lut[colour + 1], lut[colour + 2], 255], at)
  })
  g.putImageData(image, 0, 0)
  return canvas
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component
  let player = instances.get(parentElement)
  if (!player) instances.set(parentElement, (player = new Player(parentElement)))
  player.update(data, { setStateValue, setTriggerValue })
  return () => { player.stop(); instances.delete(parentElement) }
}
