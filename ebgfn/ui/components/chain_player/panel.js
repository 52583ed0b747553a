// What stands beside the picture: the chosen chain's bits, and log alpha with its own numbers.
// log alpha and its six terms in the order of the server's table.
const FORMULA = [
  { name: ["log α"], at: 0 }, { text: "=" }, { name: ["E(x)"], at: 1 }, { text: "−" }, { name: ["E(x′)"], at: 2 }, { text: "+ [" },
  { name: ["log P", "B", "(x′→s)"], at: 3 }, { text: "+" }, { name: ["log P", "F", "(s→x)"], at: 4 }, { text: "] − [" },
  { name: ["log P", "B", "(x→s)"], at: 5 }, { text: "+" }, { name: ["log P", "F", "(s→x′)"], at: 6 }, { text: "]" },
]

class Panel {
  // `$` finds an element of the player by selector.
  constructor($) { this.$ = $ }

  show(moves, m, f, c) {
    const row = moves.row(m, c), { word, mask } = moves.shown(m, c, f), filling = f >= VOIDED && f < 1
    const voided = moves.stateAt(m, c, moves.k, false).mask, changed = word ^ moves.x[row]
    this.phase(f >= FILLED ? 3 : f >= VOIDED ? 2 : f > 0 ? 1 : 0)
    this.bits(moves.bits, word, (b) => {
      if ((mask >>> b) & 1) return "void"
      if (!filling || !((voided >>> b) & 1)) return "kept"
      return (changed >>> b) & 1 ? "changed" : "same"
    })
    this.$(".where").textContent = mask ? `${counted(mask)} void: the small dots are points that agree with the rest.`
      : `These bits are the point (${moves.point(word).map(signed).join(", ")}).`
    this.ratio(f >= FILLED, moves.logAlpha[row], moves.terms.chain === c ? moves.terms.rows[m] : null)
    this.verdict(f >= FILLED, moves.accepted[row], Math.min(1, Math.exp(moves.logAlpha[row])))
  }

  phase(now) {
    this.$(".phases").childNodes.forEach((item, i) => {
      item.className = i === now ? "now" : ""
      if (i === now) item.setAttribute("aria-current", "step")
      else item.removeAttribute("aria-current")
    })
  }

  bits(bits, word, kind) {
    const box = this.$(".bits")
    if (box.dataset.bits !== String(bits)) this.buildBits(box, bits)
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

  buildBits(box, bits) {
    box.dataset.bits = bits
    box.style.setProperty("--bits", bits)
    box.replaceChildren()
    for (const name of ["x", "y"]) {
      const row = add(box, "div", "", "axis")
      add(row, "em", name)
      for (let j = 0; j < bits; j++) add(row, "b").title = j ? `${name}: bit ${j} of ${bits - 1} of the magnitude, coarse to fine` : `${name}: sign`
    }
  }

  // The numbers are shown once the proposal is there; the six terms of a newly chosen chain come from the server.
  ratio(known, total, terms) {
    const box = this.$(".formula"), values = [total, ...(terms ?? [])]
    if (!box.childNodes.length) this.buildRatio(box)
    let spoken = ""
    FORMULA.forEach((part, j) => {
      const cell = box.childNodes[j]
      cell.classList.toggle("pending", !known)
      if (!part.name) { spoken += ` ${part.text} `; return }
      const text = !known ? "·" : values.length > part.at ? signed(values[part.at]) : "…"
      if (cell.lastChild.textContent !== text) cell.lastChild.textContent = text
      spoken += `${part.name.join(" ")} ${text}`
    })
    box.setAttribute("aria-label", known && terms ? spoken : "log alpha is known once the bits are filled")
  }

  buildRatio(box) {
    for (const part of FORMULA) {
      const cell = add(box, "span"), [before, sub, after] = part.name ?? [""], name = add(cell, "i", before)
      if (sub) { add(name, "sub", sub); name.append(after) }
      add(cell, "b", part.text ?? "")
    }
  }

  verdict(known, accepted, probability) {
    const box = this.$(".verdict"), state = known ? `${accepted}${probability}` : "wait"
    if (box.dataset.state === state) return
    box.dataset.state = state
    box.replaceChildren()
    if (!known) { box.textContent = "Once the bits are filled, the move is accepted with probability min(1, α)."; return }
    add(box, "strong", accepted ? "✓ accepted" : "✕ rejected")
    const share = probability >= 0.995 ? "100" : (100 * probability).toPrecision(probability < 0.1 ? 1 : 2)
    box.append(`The chance was min(1, α) = ${Number(share)} %.`)
  }

  sums(sums) { writeRows(this.$(".sums"), sums) }

  // What K is, in words.
  static erased(k, dim) {
    const kept = `${dim - k} kept ${dim - k === 1 ? "bit" : "bits"}`
    return k === dim
      ? `All ${dim} bits are erased: each proposal is a fresh sample of the GFlowNet, wherever the chain stands.`
      : `${k} of ${dim} bits are erased, then filled again: ${points(k)} points agree with the ${kept}.`
  }
}

function counted(mask) {
  let count = 0
  for (let rest = mask; rest; rest &= rest - 1) count++
  return `${count} ${count === 1 ? "bit is" : "bits are"}`
}

// 2^k in words: exactly if short, else as a power of ten.
function points(k) {
  if (k < 10) return String(2 ** k)
  const [digit, power] = (2 ** k).toExponential(0).split("e+")
  return `about ${digit} × 10${[...power].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")}`
}
