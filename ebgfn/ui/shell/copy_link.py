"""A button that copies the page's address, which holds the page's state; and the browser's Back undoes the last choice."""

from streamlit.components.v2 import component

_component = component(
    "ebgfn_copy_link",
    html="""<button type="button" title="The address of this page holds every setting on it">
<svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.6-5.6l-1.5 1.5M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.6 5.6l1.5-1.5"/></svg>
<span aria-live="polite">Copy link</span></button>
""",
    css="""button { font: 0.875rem var(--st-font); color: var(--st-text-color); background: transparent;
  cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); height: 2.3rem; padding: 0 0.8rem;
  display: inline-flex; gap: 0.45rem; align-items: center; white-space: nowrap; }
button:hover { border-color: var(--st-link-color); color: var(--st-link-color); }
button:focus-visible { outline: 2px solid var(--st-link-color); outline-offset: 2px; }
""",
    js="""// The browser's Back undoes the last choice: a widget's value, which Streamlit writes over the address before
// (as a whole address; what the server says it writes as a path), becomes an entry of its own. What settles
// within moments of a page's opening is no choice and becomes none.
const SETTLING_MS = 1500
if (!history.ofChoices) {
  const replace = history.replaceState.bind(history), push = history.pushState.bind(history)
  let opened = 0
  const place = (url) => {
    const next = new URL(url ?? location.href, location.href)
    if (next.pathname !== location.pathname) return "page"
    return next.search === location.search ? "same" : performance.now() - opened < SETTLING_MS ? "settling" : "choice"
  }
  history.ofChoices = true
  history.pushState = (state, title, url) => {
    const what = place(url)
    if (what === "page") opened = performance.now()
    ;(what === "settling" ? replace : push)(state, title, url)
  }
  history.replaceState = (state, title, url) => {
    const byWidget = String(url).startsWith(location.origin)
    ;(byWidget && place(url) === "choice" ? push : replace)(state, title, url)
  }
}

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button"), label = button.querySelector("span")
  const say = (text) => { label.textContent = text; setTimeout(() => { label.textContent = "Copy link" }, 1600) }
  button.onclick = async () => {
    // Browsers offer the clipboard to secure addresses only; elsewhere the link can be taken from a prompt.
    try { await navigator.clipboard.writeText(location.href); say("Copied") }
    catch { window.prompt("Link to this page", location.href) }
  }
}
""",
)


def button() -> None:
    """Draw the button."""
    _component(key="copy_link", width="content")
