// What every component begins with: data as bytes, colours by theme, elements, and one instance for each place in the page.
const SVG = "http://www.w3.org/2000/svg"
const LUTS = __LUTS__
const ROLES = __ROLES__
const FAINT = __FAINT__
const instances = new WeakMap()

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const clamp = (v, low, high) => Math.max(low, Math.min(high, v))

function add(parent, tag, text = "", name = "") {
  const node = parent.appendChild(document.createElement(tag))
  node.textContent = text
  if (name) node.className = name
  return node
}

function svg(name, attributes, text) {
  const node = document.createElementNS(SVG, name)
  for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v)
  if (text !== undefined) node.textContent = text
  return node
}

function isDark(element) {
  const channels = getComputedStyle(element).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"]
  return channels.reduce((sum, c) => sum + parseInt(c, 16), 0) < 384
}

// The colour of what plays this role, where a stylesheet cannot say it.
const role = (name, dark) => ROLES[name][dark ? 1 : 0]
// Three bytes for each of 256 tones, and one of them as a colour.
const colours = (name, dark) => bytes(LUTS[name + (dark ? "_dark" : "_light")])
const rgb = (table, tone) => `rgb(${table[3 * tone]},${table[3 * tone + 1]},${table[3 * tone + 2]})`
// Densities travel as bytes on a scale that is fine near zero: q = 255 log(1 + FAINT p / top) / log(1 + FAINT).
const fine = (share) => Math.log1p(FAINT * share) / Math.log1p(FAINT)
const density = (q) => Math.expm1((q / 255) * Math.log1p(FAINT)) / FAINT

// A square of tones as a small picture; row 0 is on top, or below.
function bitmap(side, table, tone, { below = false } = {}) {
  const off = new OffscreenCanvas(side, side), pixels = new ImageData(side, side), words = new Uint32Array(pixels.data.buffer)
  const colour = Uint32Array.from({ length: 256 }, (_, q) => ((255 << 24) | (table[3 * q + 2] << 16) | (table[3 * q + 1] << 8) | table[3 * q]) >>> 0)
  for (let i = 0; i < words.length; i++) words[below ? (side - 1 - Math.floor(i / side)) * side + (i % side) : i] = colour[tone(i)]
  off.getContext("2d").putImageData(pixels, 0, 0)
  return off
}

// The canvas at the screen's own pixels.
function fitted(canvas, most = 2) {
  const size = Math.max(1, Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, most)))
  if (canvas.width !== size) canvas.width = canvas.height = size
  return size
}

// Title and frame of a picture in the colour of what it shows.
const inRole = (figure, name) => figure.style.setProperty("--role", name ? `var(--${name})` : "")

// Rows of name, value and help below a picture.
function writeRows(list, rows) {
  list.replaceChildren(...rows.map(([name, value, help = ""]) => {
    const row = document.createElement("div")
    add(row, "dt", name).title = help
    add(row, "dd", value)
    return row
  }))
}

// Streamlit calls this at every change.
const mounted = (View) => (component) => {
  const { parentElement } = component
  let view = instances.get(parentElement)
  if (!view) instances.set(parentElement, (view = new View(parentElement)))
  view.update(component.data, component)
  return () => { view.player?.stop(); view.stop?.(); view.watch?.disconnect(); instances.delete(parentElement) }
}
