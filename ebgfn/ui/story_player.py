"""The Overview's moving picture as a Streamlit component: sent once, played in the browser."""

from pathlib import Path

from streamlit.components.v2 import component

from ebgfn.ui import plots
from ebgfn.ui.preview import Preview

_HERE = Path(__file__).parent
_component = component(
    "ebgfn_story",
    html=(_HERE / "story_player.html").read_text(encoding="utf-8"),
    css=(_HERE / "story_player.css").read_text(encoding="utf-8"),
    js=(_HERE / "story_player.js")
    .read_text(encoding="utf-8")
    .replace("__LUTS__", plots.lookup_tables_json())
    .replace("__FAINT__", str(plots.FAINT)),
)


def play(seen: Preview, *, name: str, key: str) -> None:
    """Play the stories of a model, over the density of its energy."""
    story = seen.story
    told = [
        {"x": x.tolist(), "order": order.tolist(), "clouds": plots.text(clouds)}
        for x, order, clouds in zip(story.x, story.order, story.clouds, strict=True)
    ]
    data = {"source": name, "dim": story.x.shape[1], "stories": told, "backdrop": plots.text(seen.final.p)}
    _component(key=key, data=data)
