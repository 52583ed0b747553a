// Buttons and keys of a player: to the start, back, play, forward, to the end.
const TRANSPORT = { ".first": "Home", ".back": "ArrowLeft", ".play": " ", ".forward": "ArrowRight", ".last": "End" }

// `actions` by key; keys beyond those of the buttons are taken as well.
function wireTransport(root, keyboard, actions, able = () => true) {
  for (const [name, key] of Object.entries(TRANSPORT)) root.querySelector(name).onclick = actions[key]
  keyboard.onkeydown = (e) => {
    if (!able() || !actions[e.key] || e.ctrlKey || e.metaKey || e.altKey) return
    e.preventDefault()
    actions[e.key]()
  }
}

function paintPlay(root, playing) {
  root.querySelector(".play").classList.toggle("on", playing)
  root.querySelector(".play").setAttribute("aria-label", playing ? "Pause" : "Play")
}
