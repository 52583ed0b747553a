"""Back-and-forth moves of one lattice, step by step: sites void, sites filled, accepted or not."""

import math

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice import mixing
from ebgfn.problems.lattice.exact import SIDES, Lattice
from ebgfn.problems.lattice.mixing import Moves
from ebgfn.ui.components import squares
from ebgfn.ui.components._shared.dial import Dial
from ebgfn.ui.components.squares import Moment, Panel, Scene, marked
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import address
from ebgfn.ui.shell.text import rounded

MOVES, FILLINGS = 6, 6
# Of the moves sigma may be near the critical one, where Gibbs sampling is slowest.
NEAR, UNIT = (0.15, 0.30), 0.01
_LOW, _HIGH = (round(s / UNIT) for s in NEAR)
_KEY = "lattice_moves"
SIGMA = address.BoundDial(_KEY, "near", "0.22", address.stepped(_LOW, _HIGH, unit=UNIT, digits=2))
K = address.BoundDial(_KEY, "void", "30", address.stepped(1, SIDES[1] ** 2))

Row = UInt8[np.ndarray, " dim"]


@st.cache_data(max_entries=256, show_spinner=False)
def moves(source: Sampler, sigma: float, k: int) -> Moves:
    """A chain from an exact sample that depends on sigma alone."""
    return mixing.play(source.model, sigma=sigma, k=k, moves=MOVES, seed=0)


def show(source: Sampler, sigma: float, k: int) -> None:
    """Draw the player."""
    squares.draw(scene(moves(source, sigma, k), Lattice(source.side, sigma), k), key=_KEY)


def scene(played: Moves, lattice: Lattice, k: int) -> Scene:
    """All moments of the moves: before, void, a few while it is filled, filled with the verdict; at last the end."""
    cells, moments = [], []
    for m in range(len(played.accepted)):
        for picture, moment in _move(played, lattice, m):
            cells.append(picture)
            moments.append(moment)
    cells.append(played.x[-1])
    moments.append(Moment((f"The end, after {len(played.accepted)} moves.", _standing(lattice, played.x[-1])), True))
    size = f"{lattice.side} × {lattice.side} spins at σ = {lattice.sigma:g}"
    alt = f"A lattice of {size} during back-and-forth moves of {k} sites."
    panel = Panel(
        "One lattice", "the colour of a site is its spin, a mark shows what the move has touched", np.stack(cells), alt
    )
    return Scene((panel,), dials=dials(lattice, k), moments=tuple(moments), token=f"{lattice} {k}")


def dials(lattice: Lattice, k: int) -> tuple[Dial, Dial]:
    """Sigma near the critical one, and the number of sites that a move erases."""
    critical = CRITICAL_SIGMA / UNIT
    ends = (f"{NEAR[0]:g}: disordered", f"mark: critical, {CRITICAL_SIGMA:.4f}", f"{NEAR[1]:g}: ordered")
    sigma = Dial(SIGMA, "σ", round(lattice.sigma / UNIT), _LOW, _HIGH, ends, (critical,), UNIT, 2)
    return sigma, Dial(K, "K", k, 1, lattice.dim, ("one site: Gibbs sampling", "all sites: a fresh lattice"))


def _move(played: Moves, lattice: Lattice, m: int) -> list[tuple[Row, Moment]]:
    old, new, order = played.x[m], played.proposal[m], played.filled[m].astype(np.int64)
    k, title = len(order), f"Move {m + 1} of {len(played.accepted)}"
    told = [(old, Moment((f"{title}: where the chain stands.", _standing(lattice, old)), True))]
    words = f"{title}: {k} of {lattice.dim} sites, chosen at random, are erased; {lattice.dim - k} keep their spin."
    told.append((marked(old, new, order, 0), Moment((words,), True)))
    for filled in sorted({round(k * i / FILLINGS) for i in range(1, FILLINGS)} - {0, k}):
        told.append((marked(old, new, order, filled), Moment((f"{title}: {filled} of {k} sites are filled.",), False)))
    changed = int((old != new).sum())
    words = f"{title}: the GFlowNet has filled all {k} sites, {changed} of them with the other spin."
    told.append((marked(old, new, order, k), Moment((words, *_verdict(played, lattice, m)), True)))
    return told


def _standing(lattice: Lattice, x: Row) -> str:
    energy, mean = float(lattice.energy(x[None])[0]) / lattice.dim, 2 * float(x.mean()) - 1
    return f"Energy per site {rounded(energy)}, magnetisation {rounded(mean, 2)}."


def _verdict(played: Moves, lattice: Lattice, m: int) -> tuple[str, str]:
    ratio, chance = float(played.log_alpha[m]), math.exp(min(0.0, float(played.log_alpha[m])))
    difference = float(lattice.energy(played.proposal[m : m + 1])[0] - lattice.energy(played.x[m : m + 1])[0])
    first = f"The energy of the whole would change by {rounded(difference, 2)} nats; log α = {rounded(ratio, 2)}."
    result = "✓ accepted" if played.accepted[m] else "✕ rejected: nothing changes"
    return first, f"Accepted with probability min(1, α) = {chance:.0%}. {result}."
