// One player for all that is played: buttons, keys, speed and a range over time, on one clock.
//
// Time is counted in moments, 0 to last(). It runs as a real number; shown is the whole moment, or, of what is `smooth`, any time.
// What is new plays by itself once it is seen. Who wants less motion is shown its end at first; what is smooth then turns pages.
const KEYS = { Home: ".first", ArrowLeft: ".back", " ": ".play", ArrowRight: ".forward", End: ".last" }
const CALM = matchMedia("(prefers-reduced-motion: reduce)")
const SEEN = 0.25 // part of a component in the window from which on its clock runs
const NEAR = 1e-9

class Playback {
  // `how` has last(), show(at) and label(at), and may have: stay(moment), its milliseconds; stops(), the times worth stopping at;
  // words(), spoken after a step; again(), called where it begins anew after its end instead of stopping there.
  // The picture that takes the keys as well may take `more` of them.
  constructor(dom, how, picture, more = {}) {
    this.how = { stay: () => 1000, words: () => how.label(this.at), ...how }
    this.bar = dom.querySelector(".transport")
    Object.assign(this, { u: 0, speed: 1, playing: false, seen: false })
    this.wire(picture, more)
    this.watch = new IntersectionObserver((entries) => { this.seen = entries.at(-1).intersectionRatio >= SEEN }, { threshold: SEEN })
    this.watch.observe(dom)
  }

  $(name) { return this.bar.querySelector(name) }

  wire(picture, more) {
    const actions = {
      Home: () => this.go(0), ArrowLeft: () => this.step(-1), " ": () => this.toggle(), ArrowRight: () => this.step(1), End: () => this.go(this.how.last()),
    }
    for (const [key, name] of Object.entries(KEYS)) this.$(name).onclick = actions[key]
    this.$(".time").step = this.how.smooth ? 0.01 : 1
    this.$(".time").oninput = (e) => this.go(Number(e.target.value))
    this.$(".speed").onchange = (e) => { this.speed = Number(e.target.value) }
    const listen = (element, keys) => {
      element.onkeydown = (e) => {
        // A field keeps its keys, and a button the one that presses it.
        const taken = e.target.matches("input, select") || (e.target.matches("button") && e.key === " ")
        if (taken || this.bar.hidden || !keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return
        e.preventDefault()
        keys[e.key]()
      }
    }
    listen(this.bar, actions)
    if (picture) listen(picture, { ...actions, ...more })
  }

  // The time that is shown.
  get at() {
    if (!this.how.smooth) return clamp(Math.floor(this.u + NEAR), 0, this.how.last())
    return this.playing && CALM.matches ? this.stops().findLast((stop) => stop <= this.u + NEAR) : this.u
  }

  get moving() { return this.playing && !CALM.matches }

  stops() { return this.how.stops?.() ?? Array.from({ length: this.how.last() + 1 }, (_, moment) => moment) }

  // Another thing is shown. What does not play by itself stands at its end too.
  begin(plays = true) {
    const moves = plays && !CALM.matches
    this.pause()
    this.u = moves ? 0 : this.how.last()
    if (moves) this.play()
    else this.paint()
  }

  // Go to a time and stay there.
  go(u) {
    this.pause()
    this.u = u
    this.paint()
    this.speak()
  }

  speak() { this.$(".spoken").textContent = this.how.words(this.at) }

  step(direction) {
    this.pause()
    const ahead = direction > 0, stops = this.stops()
    const stop = ahead ? stops.find((one) => one > this.u + NEAR) : stops.findLast((one) => one < this.u - NEAR)
    this.go(stop ?? (ahead ? this.how.last() : 0))
  }

  toggle() {
    if (this.playing) return this.go(this.at)
    if (this.u >= this.how.last()) this.u = 0
    this.play()
  }

  play() {
    Object.assign(this, { playing: true, before: performance.now() })
    this.frame = requestAnimationFrame((now) => this.tick(now))
    this.paint()
  }

  pause() {
    this.u = this.at
    this.playing = false
    cancelAnimationFrame(this.frame)
  }

  tick(now) {
    const passed = clamp(now - this.before, 0, 100) * this.speed
    this.before = now
    if (this.seen) this.advance(passed)
    // After what was shown: a picture that is drawn in the next frame is drawn before time goes on.
    if (this.playing) this.frame = requestAnimationFrame((later) => this.tick(later))
  }

  // At most to the next moment, so that none is left out.
  advance(ms) {
    const { again, last, stay } = this.how, moment = Math.floor(this.u + NEAR), before = this.at
    this.u = Math.min(moment + 1, this.u + ms / stay(moment))
    if (again && this.u > last() + 1 - NEAR) { this.u = 0; again() }
    if (!again && this.u > last() - NEAR) this.go(last())
    else if (this.at !== before) this.paint()
  }

  paint() {
    const last = Math.max(0, this.how.last()), time = this.$(".time"), play = this.$(".play")
    this.u = clamp(this.u, 0, this.how.again ? last + 1 : last)
    const text = this.how.label(this.at)
    this.bar.hidden = !last
    time.max = last
    time.value = this.u
    time.setAttribute("aria-valuetext", text)
    if (this.$(".moment").textContent !== text) this.$(".moment").textContent = text
    play.classList.toggle("on", this.playing)
    play.setAttribute("aria-label", this.playing ? "Pause" : "Play")
    this.how.show(this.at)
  }

  stop() { this.pause(); this.watch.disconnect() }
}
