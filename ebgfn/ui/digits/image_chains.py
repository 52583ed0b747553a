"""Back-and-forth moves of images: pixels void, filled anew, accepted or not."""

import math

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.components import squares
from ebgfn.ui.components._shared.dial import Dial
from ebgfn.ui.components.pixel_canvas import VOID
from ebgfn.ui.components.squares import FILLED, PIXELS, Moment, Panel, Scene, marked
from ebgfn.ui.digits import completion, image_files, images
from ebgfn.ui.digits.images import Chains
from ebgfn.ui.shell import address, models
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import rounded, signed

CHAINS, COLUMNS, MOVES = 16, 4, 8
# Blocks of a move shown on the way; of more only some.
FILLINGS = 4
_KEY, LARGEST = "image_chain", 784
K = address.BoundDial(_KEY, "pixels", "64", address.stepped(1, LARGEST))
STARTS = ("real", "sampled", "painted")

Cells = UInt8[np.ndarray, "n dim"]


def starting_points(source: StoredModel, start: str, seed: int) -> Cells | str:
    """One image a chain, or a sentence on why there is none."""
    if start == "sampled":
        return images.sampled(source, CHAINS, 16, 1.0, seed).x
    if start == "painted":
        cells = completion.current(source)
        if (cells == VOID).any():
            return (
                "The painted picture has void pixels; a chain needs a complete one: fill them, or choose another start."
            )
        return np.repeat(cells[None], CHAINS, 0)
    seen = images.real(models.load(source).config.dataset)
    assert seen is not None, "who asks for real images has looked for them"
    return seen[np.random.default_rng(seed).permutation(len(seen))[:CHAINS]]


def scene(played: Chains, *, k: int, token: str) -> Scene:
    """One chain closely, with what each move touches, and all of them beside it."""
    cells, sheets, moments = [], [], []
    for m in range(len(played.accepted)):
        for closely, all_, moment in _move(played, m, k):
            cells.append(closely)
            sheets.append(all_)
            moments.append(moment)
    cells.append(played.x[-1, 0])
    sheets.append(played.x[-1])
    share = float(played.accepted.mean())
    moments.append(
        Moment((f"The end, after {len(played.accepted)} moves. {share:.0%} of all moves were accepted.",), True)
    )
    dim = played.x.shape[2]
    panels = (
        Panel(
            "One chain",
            "erased, filled again, accepted or not",
            np.stack(cells),
            f"An image of {dim} pixels during back-and-forth moves of {k} pixels.",
        ),
        Panel(
            f"{played.x.shape[1]} chains",
            "all after the same number of moves",
            np.concatenate(sheets),
            f"{played.x.shape[1]} images during the same moves.",
            played.x.shape[1],
            COLUMNS,
        ),
    )
    dial = Dial(K, "K", k, 1, dim, ("one pixel", "all pixels: a fresh sample"))
    return Scene(panels, dials=(dial,), moments=tuple(moments), token=token, values=PIXELS, width=24)


def _move(played: Chains, m: int, k: int) -> list[tuple[UInt8[np.ndarray, " dim"], Cells, Moment]]:
    old, new, order = played.x[m, 0], played.proposal[m, 0], played.filled[m, 0]
    dim, title = old.shape[0], f"Move {m + 1} of {len(played.accepted)}"
    before, after = played.x[m], played.proposal[m]
    told = [
        (
            old,
            before,
            Moment((f"{title}: where the chain stands, energy {rounded(float(played.energy[m, 0]), 1)} nats.",), True),
        )
    ]
    words = f"{title}: {k} of {dim} pixels, chosen at random, are erased."
    told.append((marked(old, new, order, 0), _voided(before, played.filled[m]), Moment((words,), True)))
    ends = played.ends[:-1]
    some = sorted({ends[round(i)] for i in np.linspace(0, len(ends) - 1, min(FILLINGS - 1, len(ends)))}) if ends else []
    for filled in some:
        words = f"{title}: {filled} of {k} pixels are filled."
        told.append((marked(old, new, order, filled), _voided(before, played.filled[m]), Moment((words,), False)))
    changed = int((old != new).sum())
    words = f"{title}: all {k} are filled, {changed} of them differently from before."
    tinted = after + FILLED * (after != before).astype(np.uint8)
    told.append((marked(old, new, order, k), tinted, Moment((words, *_verdict(played, m)), True)))
    return told


def _voided(x: Cells, filled: np.ndarray) -> Cells:
    cells = x.copy()
    np.put_along_axis(cells, filled, squares.VOID, axis=1)
    return cells


def _verdict(played: Chains, m: int) -> tuple[str, str]:
    ratio = float(played.log_alpha[m, 0])
    result = "✓ accepted" if played.accepted[m, 0] else "✕ rejected: it stays as it was"
    return (
        f"log α = {signed(ratio, 1)}, accepted with probability {math.exp(min(0.0, ratio)):.0%}: {result}.",
        f"{int(played.accepted[m].sum())} of the {played.accepted.shape[1]} chains accept this move.",
    )


def hold() -> None:
    """Hold the address to what may be chosen here; to be done where the page is run as a whole."""
    address.hold_choice("from", STARTS, "The start")


@st.fragment
def show(source: StoredModel, *, seed: int) -> None:
    """K, where to start, the player and its files."""
    start = st.segmented_control("Start from", STARTS, default=STARTS[0], required=True, **address.bound("from"))
    k, start = K.whole(1, models.load(source).dim, "K"), address.choice(start, STARTS, STARTS[0])
    if start == "real" and images.real(models.load(source).config.dataset) is None:
        st.caption("Real images of this set are not on this machine: the chains start from samples.")
        start = "sampled"
    x = starting_points(source, start, seed)
    if isinstance(x, str):
        st.info(x, icon=":material/info:")
        return
    played = images.chains(source, x, k, MOVES, seed)
    calls = 2 * len(played.ends)
    st.caption(
        f"Acceptance of {played.accepted.size} moves: **{played.accepted.mean():.0%}**. A move fills its {k} pixels in "
        f"{len(played.ends)} block steps and takes {calls} calls to the sampler and one to the energy."
    )
    squares.draw(scene(played, k=k, token=f"{source.name} {k} {start} {seed}"), key=_KEY)
    image_files.chains(source, played, k=k, seed=seed)
