// Columns on a circle, joined by curves as wide as what they tell of each other. The column that is pointed at, pressed or
// walked to with the arrow keys has its strongest partners listed with their numbers.
const PARTNERS = 8
const CHARACTER = 5.9 // pixels of a letter of a label, about
const WIDEST = 9, NARROWEST = 2, INK = 360 // the wider the fewer links there are, or they would cover all

class View {
  constructor(root) {
    this.dom = root.querySelector(".view")
    this.$ = (name) => root.querySelector(name)
    this.pinned = this.at = null
    this.chosen = false // until a column is pointed at, all links are seen alike
    const circle = (this.circle = this.$(".circle"))
    circle.onpointermove = (e) => this.look(e.target.closest(".node")?.dataset.at)
    circle.onpointerleave = () => this.chosen && this.look(this.pinned)
    circle.onclick = (e) => { const node = e.target.closest(".node"); if (node) this.look((this.pinned = Number(node.dataset.at))) }
    circle.onkeydown = (e) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key]
      if (!way) return
      e.preventDefault()
      const n = this.data.names.length
      this.look((this.pinned = (this.at + way + n) % n))
    }
    this.watch = new ResizeObserver(() => this.data && this.draw())
    this.watch.observe(this.dom)
  }

  update(data) {
    const names = data.names.join("\n")
    this.data = data
    this.most = data.links[0]?.[2] ?? 1
    if (names !== this.known) { this.pinned = this.at = data.links[0]?.[0] ?? 0; this.chosen = false }
    this.known = names
    this.draw()
  }

  draw() {
    const { names, links } = this.data, n = names.length, drawn = links.filter((link) => link[4]), width = Math.max(280, this.circle.clientWidth || 320)
    const room = Math.min(width * 0.24, CHARACTER * Math.max(...names.map((name) => name.length)) + 14), radius = width / 2 - room
    const letters = Math.max(4, Math.floor((room - 12) / CHARACTER)), fits = n * 11 <= 2 * Math.PI * radius * 1.25
    this.circle.setAttribute("viewBox", `0 0 ${width} ${width}`)
    this.circle.setAttribute("aria-label", `${n} columns on a circle, ${drawn.length} links. The strongest: ${links.slice(0, 3).map(([i, j, nats]) => `${names[i]} and ${names[j]}, ${nats.toFixed(2)} nats`).join("; ")}. Arrow keys walk from column to column.`)
    const turn = (i) => (2 * Math.PI * i) / n - Math.PI / 2, place = (i, r = radius) => [width / 2 + r * Math.cos(turn(i)), width / 2 + r * Math.sin(turn(i))]
    const widest = clamp(INK / Math.max(1, drawn.length), NARROWEST, WIDEST)
    this.curve = ([i, j, nats]) => {
      const share = Math.sqrt(nats / this.most), [x, y] = place(i), [u, v] = place(j), near = Math.min(Math.abs(i - j), n - Math.abs(i - j)) / n
      const bend = 0.75 - 0.75 * Math.sqrt(2 * near), [cx, cy] = [(x + u) / 2, (y + v) / 2].map((c) => width / 2 + (c - width / 2) * bend)
      const path = svg("path", { class: "link", d: `M${x} ${y}Q${cx} ${cy} ${u} ${v}`, "stroke-width": Math.max(0.6, widest * share * share), "stroke-opacity": 0.2 + 0.6 * share })
      return { path, i, j }
    }
    this.paths = drawn.reverse().map(this.curve)
    this.nodes = names.map((name, i) => this.node(name, i, place, turn(i), letters, fits))
    this.circle.replaceChildren(...this.paths.map(({ path }) => path), ...this.nodes)
    this.mark()
  }

  node(name, i, place, turn, letters, fits) {
    const group = svg("g", { class: "node", "data-at": i }), [x, y] = place(i), left = Math.cos(turn) < -1e-9
    const degrees = (turn * 180) / Math.PI + (left ? 180 : 0), shown = name.length > letters ? `${name.slice(0, letters - 1)}…` : name
    group.append(svg("title", {}, name), svg("circle", { cx: x, cy: y, r: fits ? 3.5 : 2.2 }))
    group.append(svg("circle", { class: "hit", cx: x, cy: y, r: 9 }))
    group.append(svg("text", { transform: `translate(${x} ${y}) rotate(${degrees})`, x: left ? -9 : 9, y: 4, "text-anchor": left ? "end" : "start", style: fits ? "" : "font-size: 8px" }, shown))
    return group
  }

  look(at) {
    if (at === undefined || at === null || (Number(at) === this.at && this.chosen)) return
    this.at = Number(at)
    this.chosen = true
    this.mark()
  }

  // The column that is read, its links and partners.
  mark() {
    const { names, links } = this.data, at = this.at
    const own = links.filter(([i, j]) => i === at || j === at).map((link) => ({ other: link[0] === at ? link[1] : link[0], nats: link[2], real: link[3], link }))
    const partners = own.slice(0, PARTNERS), told = new Set(partners.map(({ other }) => other))
    this.circle.classList.toggle("reading", own.length > 0 && this.chosen)
    for (const { path, i, j } of this.paths) path.classList.toggle("of", i === at || j === at)
    this.addHidden(own.slice(0, PARTNERS))
    this.nodes.forEach((node, i) => { node.classList.toggle("is", i === at); node.classList.toggle("partner", told.has(i)) })
    this.$(".title").textContent = own.length ? `${names[at]}: strongest partners` : `${names[at] ?? ""}: nothing beyond chance`
    this.$(".keys").hidden = !own.length
    const top = Math.max(0.001, ...partners.flatMap(({ nats, real }) => [nats, real]))
    this.$(".list").replaceChildren(...partners.map((one) => this.partner(one, names, top)))
  }

  // Links of the column that is read which are not among those drawn for all.
  addHidden(partners) {
    for (const path of this.hidden ?? []) path.remove()
    const hidden = this.chosen ? partners.filter(({ link }) => !link[4]) : []
    this.hidden = hidden.map(({ link }) => this.curve(link).path)
    for (const path of this.hidden) { path.classList.add("of"); this.circle.prepend(path) }
  }

  partner({ other, nats, real }, names, top) {
    const row = document.createElement("div")
    row.className = "partner-row"
    add(row, "span", names[other]).title = names[other]
    for (const [kind, value] of [["sampler", nats], ["data", real]]) {
      add(row, "i", "", kind).style.width = `${(100 * Math.max(0, value)) / top}%`
      add(row, "output", Math.max(0, value).toFixed(3))
    }
    return row
  }
}

export default mounted(View)
