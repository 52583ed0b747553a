"""How good a model of images is beside a plain mixture and published models: one table of nats and bits a pixel."""

import math
from typing import Any, NamedTuple

import streamlit as st

from ebgfn.evaluation.published import IMAGES
from ebgfn.ui import image_source
from ebgfn.ui.chain_source import Source

ABOUT = """Nats of the test set, lower is better, ± two standard errors, and the bits that a pixel then costs. Sampler and
energy are two models. The energy's NLL needs log Z: it stands with both ends of the bracket that annealing leaves, and the
upper end counts. Published figures are of long training on graphics processors; published energies rest on one-sided
estimates of log Z, which can flatter them."""
NOTHING = "This model has no card: `python -m ebgfn evaluate` measures it."


class Row(NamedTuple):
    """One line of the table; `nats` decides the order."""

    title: str
    nats: float
    text: str
    how: str


def rows(card: dict[str, Any]) -> list[Row]:
    """Ours, the mixture and published figures, the best first; what a card lacks is left out."""

    def ours(title: str, key: str, how: str) -> list[Row]:
        if key not in card:
            return []
        error = f" ± {2 * card[f'{key}_se']:.1f}" if f"{key}_se" in card else ""
        return [Row(title, float(card[key]), f"{card[key]:.1f}{error}", how)]

    found = ours("GFlowNet, one pixel a step", "gfn_nll", f"{card.get('test_images', '?')} test images")
    found += ours("GFlowNet, 49 block steps", "gfn_nll_49", "the same")
    found += ours("energy", "ebm_nll", f"at most; at least {card.get('ebm_nll_lower', math.nan):.1f}")
    found += ours("mixture of Bernoulli products", "mixture_nll", f"{card.get('mixture_components', '?')} components")
    found += [Row(p.title, p.nats, f"{p.nats:.1f}", p.source) for p in IMAGES.get(card.get("dataset", ""), ())]
    return sorted(found, key=lambda row: row.nats)


def show(source: Source) -> None:
    """The table, or how to get one."""
    card, dim = image_source.card(source), image_source.model(source).dim
    st.header("Measured", anchor=False)
    if "gfn_nll" not in card:
        st.info(NOTHING, icon=":material/straighten:")
        return
    st.markdown(ABOUT, width=860)
    lines = ["| model | nats | bits per pixel | how |", "|:---|---:|---:|:---|"]
    for row in rows(card):
        lines.append(f"| {row.title} | {row.text} | {row.nats / (dim * math.log(2)):.4f} | {row.how} |")
    st.markdown("\n".join(lines), width="content")
    st.caption(f"`{card.get('command', '')}`, {card.get('machine', '')}; `{card.get('evaluate_command', '')}`.")
