"""How good a model of images is beside a plain mixture and published models: one table of nats and bits a pixel."""

import math
from typing import Any, NamedTuple

import streamlit as st

from ebgfn.problems.images.published import IMAGES
from ebgfn.ui.shell import frame, models
from ebgfn.ui.shell.models import StoredModel

ABOUT = """Nats of the test set, lower is better, ± two standard errors, and the bits that a pixel then costs. Sampler and
energy are two models. The energy's NLL needs log Z, which is known from below only: the energy puts mass on nearly blank
paper and on other images that its sampler never draws, so its figure is at least what stands here, and may be far above.
Published figures are of long training on graphics processors; published energies rest on one-sided estimates of log Z, which
can flatter them."""
REFUTED = """The energy has no figure: a search found images that it holds for so probable that even uniform guessing would
explain the test images better."""
NOTHING = "This model has no card: `python -m ebgfn evaluate` measures it."


class Row(NamedTuple):
    """One line of the table; `nats` decides the order."""

    title: str
    nats: float
    text: str
    how: str


def rows(card: dict[str, Any]) -> list[Row]:
    """Ours, the mixture and published figures, the best first; what a card lacks is left out."""

    def ours(title: str, key: str, how: str, *, bound: bool = False) -> list[Row]:
        if key not in card:
            return []
        error = f" ± {2 * card[f'{key}_se']:.1f}" if f"{key}_se" in card and not bound else ""
        return [Row(title, float(card[key]), f"{card[key]:.1f}{error}", how)]

    found = ours("GFlowNet, one pixel a step", "gfn_nll", f"{card.get('test_images', '?')} test images")
    found += ours("GFlowNet, 49 block steps", "gfn_nll_49", "the same")
    if not card.get("refuted"):
        found += ours("energy: no less than", "ebm_nll_lower", "log Z has no known upper bound", bound=True)
    found += ours("mixture of Bernoulli products", "mixture_nll", f"{card.get('mixture_components', '?')} components")
    found += [Row(p.title, p.nats, f"{p.nats:.1f}", p.source) for p in IMAGES.get(card.get("dataset", ""), ())]
    return sorted(found, key=lambda row: row.nats)


def show(source: StoredModel) -> None:
    """The table, or how to get one."""
    card, dim = models.card(source.folder), models.load(source).dim
    frame.section("Measured")
    if "gfn_nll" not in card:
        st.info(NOTHING, icon=":material/straighten:")
        return
    st.markdown(ABOUT, width=860)
    lines = ["| model | nats | bits per pixel | how |", "|:---|---:|---:|:---|"]
    for row in rows(card):
        lines.append(f"| {row.title} | {row.text} | {row.nats / (dim * math.log(2)):.4f} | {row.how} |")
    st.markdown("\n".join(lines), width="content")
    if card.get("refuted"):
        st.markdown(REFUTED, width=860)
    st.caption(f"`{card.get('command', '')}`, {card.get('machine', '')}; `{card.get('evaluate_command', '')}`.")
