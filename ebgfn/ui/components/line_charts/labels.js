// Names of lines in a column beside their ends: in rows that fit, pushed apart where lines end close together.
const ROW = 13, MOST_ROWS = 3, LEAD = 12, SAMPLE = 20, NARROW = 320
// How much wider a value is than measured, being bold and a little apart.
const BOLD = 5
const DASHES = { solid: "none", dot: "2 4", dash: "7 4", dashdot: "9 3 2 3", longdash: "13 4" }
const ruler = new OffscreenCanvas(1, 1).getContext("2d")

// Digits are drawn equally wide, which a canvas does not know.
function widthOf(text) {
  return ruler.measureText(text.replace(/\d/g, "0")).width
}

function shortened(text, room) {
  const letters = [...text]
  let short = text
  while (letters.length > 1 && widthOf(short) > room) {
    letters.pop()
    short = letters.join("").trimEnd() + "…"
  }
  return short
}

// Words may part after a hyphen as well.
function wrapped(text, room) {
  const rows = [""]
  for (const word of text.split(/(?<=[ -])/)) {
    if (rows.at(-1) && widthOf((rows.at(-1) + word).trimEnd()) > room) rows.push("")
    rows[rows.length - 1] += word
  }
  const last = rows.splice(MOST_ROWS - 1).join("")
  return [...rows, ...(last ? [last] : [])].map((row) => shortened(row.trim(), room))
}

// Tops of things of these heights, each as near as can be to where it is wanted; they come in order and keep it.
function spread(wanted, heights, low, high) {
  const above = heights.map((_, i) => heights.slice(0, i).reduce((a, b) => a + b, 0)), blocks = []
  wanted.forEach((y, i) => {
    const block = { sum: y - above[i], n: 1 }
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).n > block.sum / block.n) {
      const before = blocks.pop()
      block.sum += before.sum
      block.n += before.n
    }
    blocks.push(block)
  })
  const free = high - heights.reduce((a, b) => a + b, 0)
  return blocks.flatMap(({ sum, n }) => Array(n).fill(clamp(sum / n, low, free))).map((y, i) => y + above[i])
}

// Rows and top of each entry and the margin they take, or null where there is no room for them. A value that is read off has
// its room from the beginning, so that nothing moves when it comes.
function labels(entries, { width, high }) {
  if (width < NARROW) return null
  const sorted = entries.filter((entry) => finite(entry.end)).sort((a, b) => a.end - b.end)
  const together = (name, { longest }) => widthOf(`${name} ${longest}`) + (longest ? BOLD : 0)
  const full = Math.max(0, ...sorted.map((entry) => together(entry.name, entry)))
  const samples = sorted.some(({ line }) => line.points || (line.role && line.dash !== "solid")) ? SAMPLE : 0
  for (const share of [0.28, 0.38]) {
    const room = Math.min(full, share * width - samples) + 1
    const named = sorted.map((entry) => {
      const rows = wrapped(entry.name, room), apart = together(rows.at(-1), entry) > room
      return { ...entry, rows: apart ? [...rows, ""] : rows, height: ROW * (rows.length + apart) + 1 }
    })
    if (named.reduce((sum, { height }) => sum + height, 0) > high) continue
    const tops = spread(named.map(({ end }) => end - ROW / 2), named.map(({ height }) => height), 0, high)
    return { named: named.map((entry, i) => ({ ...entry, top: tops[i] })), samples, margin: LEAD + samples + room + 1 }
  }
  return null
}

// How a line looks, over that width.
function sample({ joined, dash, points }, colour, x, y, width) {
  const parts = []
  if (joined) parts.push(svg("path", { class: "line", d: `M${x} ${y}h${width}`, stroke: colour, "stroke-dasharray": DASHES[dash] }))
  if (points) parts.push(svg("circle", { class: points, cx: x + width / 2, cy: y, r: 3.5, fill: colour, stroke: colour }))
  return parts
}
