"""The live pictures as a Streamlit component: one instance that keeps zoom and history while its data are replaced."""

from pathlib import Path

from streamlit.components.v2 import component

from ebgfn.ui import plots

_HERE = Path(__file__).parent


def _source(suffix: str) -> str:
    return (_HERE / f"landscape_view.{suffix}").read_text(encoding="utf-8")


_script = _source("js").replace("__LUTS__", plots.lookup_tables_json()).replace("__FAINT__", str(plots.FAINT))
_component = component("ebgfn_landscape", html=_source("html"), css=_source("css"), js=_script)


def draw(scene: plots.Scene, *, key: str) -> None:
    """Show a scene; call it again under the same key to replace the data in place."""
    _component(key=key, data=plots.payload(scene))
