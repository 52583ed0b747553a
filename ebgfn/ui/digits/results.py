"""How good a model of images is beside a plain mixture and published models: one table of nats and bits a pixel."""

import math
from typing import Any, NamedTuple

import streamlit as st

from ebgfn.problems.images.published import IMAGES
from ebgfn.reproduce.markdown import at_most
from ebgfn.ui.shell import frame, models
from ebgfn.ui.shell.models import StoredModel

ABOUT = """Nats per image of the test set (lower is better), ± two standard errors, and the same in bits per pixel. A nat is
1.44 bits. Sampler and energy are two separate models. The energy's NLL (negative log-likelihood) needs log Z. For an energy
that is only a network, log Z is known only from below: the largest of three independent estimates. An energy that refines
a density has an upper bound too. Published figures come from long training on GPUs; those of energies rest on a single
estimate of log Z, which can flatter them."""
# By what `refuted_by` says; cards of before do not say it.
REFUTED = {
    "state": "a search found images with more probability than its sampler leaves room for",
    "region": "a search found a region of images with more probability than its sampler accounts for",
    "annealing": "annealing, which does not use the sampler, gives a different log Z",
    "weights": "too few of the sampler's images carry enough weight to estimate log Z",
    "chains": "chains that start from noise stay where there are no digits",
    "certificate": "the search found more probability than its own bounds allow",
    "number": "some of its energies are not numbers",
    "guessing": "uniform guessing would explain the test images better",
}
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

    found = ours("GFlowNet, one pixel a step", "gfn_nll", f"{card.get('test_images', '?')} test images, random orders")
    blocks = "from coarse to fine" if "gfn_nll_16" in card else "the same"
    found += ours("GFlowNet, 49 block steps", "gfn_nll_49", blocks) + ours("GFlowNet, 16", "gfn_nll_16", blocks)
    if not card.get("refuted"):
        how = "by the largest of three estimates of log Z"
        if "ebm_nll_upper" in card:
            how = f"at most {at_most(card['ebm_nll_upper'], 1)} on these images, as log Z has an upper bound"
            if "density_nll" in card:
                how += f"; {card['density_nll']:.1f} without its correction"
        found += ours("energy", "ebm_nll", how)
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
        st.markdown(f"The energy has no figure: {REFUTED[card.get('refuted_by', 'guessing')]}.", width=860)
    st.caption(f"`{card.get('command', '')}`, {card.get('machine', '')}; `{card.get('evaluate_command', '')}`.")
