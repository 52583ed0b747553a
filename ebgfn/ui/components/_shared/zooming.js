// Zoom and drag of pictures that show the square from (-1, -1), top left, to (1, 1), bottom right.
class Zoom {
  constructor(changed) {
    this.changed = changed
    this.most = 16
    this.home()
  }

  home() {
    this.to(0, 0, 1)
  }

  by(factor, around = [this.x, this.y]) {
    const k = clamp(this.k * factor, 1, this.most), ratio = this.k / k
    this.to(around[0] + (this.x - around[0]) * ratio, around[1] + (this.y - around[1]) * ratio, k)
  }

  to(x, y, k = this.k) {
    const reach = 1 - 1 / k
    this.x = clamp(x, -reach, reach)
    this.y = clamp(y, -reach, reach)
    this.k = k
    this.changed()
  }

  // Bring a point into view.
  show(u, v) {
    const reach = 0.9 / this.k, near = (middle, point) => clamp(middle, point - reach, point + reach)
    if (this.k > 1) this.to(near(this.x, u), near(this.y, v))
  }

  // Pixels of a canvas of this size at which a point is drawn.
  pixel(size) {
    return ([u, v]) => [size / 2 + ((u - this.x) * this.k * size) / 2, size / 2 + ((v - this.y) * this.k * size) / 2]
  }

  point(canvas, event) {
    const box = canvas.getBoundingClientRect()
    const across = (2 * (event.clientX - box.left)) / box.width - 1, down = (2 * (event.clientY - box.top)) / box.height - 1
    return [this.x + across / this.k, this.y + down / this.k]
  }

  // `look` is told where the pointer is (null: it left), `walk` which way an arrow key points; it may leave the key alone (false).
  wire(canvas, look, walk) {
    let grip = null
    canvas.onpointerdown = (e) => { if (this.k > 1) { grip = this.point(canvas, e); canvas.setPointerCapture(e.pointerId) } }
    canvas.onpointerup = canvas.onpointercancel = () => { grip = null }
    canvas.onpointerleave = () => look(null)
    canvas.onpointermove = (e) => {
      const here = this.point(canvas, e)
      if (grip) this.to(this.x + grip[0] - here[0], this.y + grip[1] - here[1])
      else look(here)
    }
    canvas.ondblclick = (e) => this.by(2, this.point(canvas, e))
    // Plain scrolling stays the page's: only a pinch (which browsers report with ctrl held) or ctrl + wheel zooms.
    canvas.addEventListener("wheel", (e) => { if (e.ctrlKey) { e.preventDefault(); this.by(Math.exp(-e.deltaY / 200), this.point(canvas, e)) } }, { passive: false })
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    canvas.onkeydown = (e) => {
      if (e.key === "+" || e.key === "=") this.by(1.6)
      else if (e.key === "-") this.by(1 / 1.6)
      else if (e.key === "0") this.home()
      else if (!arrows[e.key] || walk(...arrows[e.key]) === false) return
      e.preventDefault()
    }
  }
}
