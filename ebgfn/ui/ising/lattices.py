"""An exact lattice beside one of the GFlowNet, or many of each: pictures, numbers and what they say."""

import math
from dataclasses import dataclass

import numpy as np

from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.exact import SWEEPS, Lattice
from ebgfn.problems.lattice.observables import abs_magnetisation, mean_energy
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.squares import Number, Panel
from ebgfn.ui.ising import samplers
from ebgfn.ui.ising.samplers import Bits, Sampler
from ebgfn.ui.shell.text import rounded

MORE, SHEET = 256, 16
ROLES: dict[str, Role] = {"Exact": "data", "GFlowNet": "sampler"}
EXACT_NOTE = f"{SWEEPS} sweeps of cluster and spin moves"
OURS_NOTE = "half the sites one by one, then the rest"


@dataclass(frozen=True)
class Pair:
    """What is shown at one sigma: lattices of both, None for the GFlowNet where it is not trained."""

    lattice: Lattice
    exact: Bits
    ours: Bits | None


def pair(source: Sampler | None, side: int, sigma: float, *, n: int, seed: int) -> Pair:
    """`n` lattices of each, from the same seed."""
    exact = samplers.exact(side, sigma, n, seed)
    if source is None or not source.covers(sigma):
        return Pair(Lattice(side, sigma), exact, None)
    return Pair(Lattice(side, sigma), exact, samplers.sampled(source, sigma, n, seed))


def _order(lattice: Lattice) -> tuple[bool, str]:
    staggered = lattice.sigma < 0 and lattice.side % 2 == 0
    return staggered, "|staggered magnetisation|" if staggered else "|magnetisation|"


def order_of(lattice: Lattice, x: Bits) -> float:
    """|mean spin| of one lattice, with every second spin turned where sigma < 0 orders them so."""
    staggered, _ = _order(lattice)
    return abs_magnetisation(np.concatenate([x[:1], x[:1]]), staggered=staggered).value


def singles(seen: Pair) -> tuple[Panel, ...]:
    """One lattice of each."""
    both = [("Exact", EXACT_NOTE, seen.exact)]
    if seen.ours is not None:
        both.append(("GFlowNet", OURS_NOTE, seen.ours))
    return tuple(_single(title, note, seen.lattice, x) for title, note, x in both)


def _single(title: str, note: str, lattice: Lattice, x: Bits) -> Panel:
    dim = lattice.dim
    exact = kaufman.curves(lattice.side, np.array([lattice.sigma]))
    mean, spread = float(exact.mean_energy[0]) / dim, math.sqrt(float(exact.specific_heat[0])) / dim
    energy, order = float(lattice.energy(x)[0]) / dim, order_of(lattice, x)
    _, name = _order(lattice)
    numbers: tuple[Number, ...] = (
        ("energy per site", rounded(energy), "−sᵀJs / D of this lattice, in nats"),
        (
            "exact mean ± spread",
            f"{rounded(mean)} ± {spread:.3f}",
            "Kaufman's mean and standard deviation of single lattices",
        ),
        (name, f"{order:.2f}", "0: as many up as down; 1: perfect order"),
    )
    alt = f"{title} lattice of {lattice.side} × {lattice.side} spins at σ = {rounded(lattice.sigma, 2)}: {x[0].mean():.0%} "
    alt += f"of them +1, energy per site {rounded(energy)}, {name} {order:.2f}."
    return Panel(title, note, x[:1], alt, numbers=numbers, role=ROLES[title])


def words(seen: Pair, source: Sampler | None, seed: int) -> tuple[str, ...]:
    """What is seen, with its own numbers."""
    lattice = seen.lattice
    sigma, odds = lattice.sigma, math.exp(4 * abs(lattice.sigma))
    which = "agree" if sigma >= 0 else "differ"
    alone = f"two neighbours on their own would {which} {odds:.1f} times as often as not: e^(4|σ|)."
    told = [f"At σ = {rounded(sigma, 2)} {alone}", _regime(lattice)]
    if seen.ours is not None:
        gap = float(lattice.energy(seen.ours)[0] - lattice.energy(seen.exact)[0]) / lattice.dim
        told.append(
            f"Both use seed {seed}, each with its own random numbers, so they need not look alike; only their statistics "
            f"must agree. These two differ by {abs(gap):.2f} in energy per site, which says little; {MORE} of each say more."
        )
    else:
        told.append(not_covered(source, lattice.side))
    return tuple(told)


def _regime(lattice: Lattice) -> str:
    sigma, side = lattice.sigma, lattice.side
    if sigma < 0 and side % 2:
        return f"A row of {side} spins closes on itself, so they cannot all alternate: walls of agreeing neighbours remain."
    name = "a checkerboard" if sigma < 0 else "one colour"
    if abs(sigma) < 0.9 * CRITICAL_SIGMA:
        return (
            f"|σ| is below the critical {CRITICAL_SIGMA:.4f}: patches of {name} stay small, and the lattice as a whole has "
            "no preference."
        )
    if abs(sigma) <= 1.15 * CRITICAL_SIGMA:
        return (
            f"|σ| is near the critical {CRITICAL_SIGMA:.4f}: there are patches of every size, and order comes and goes."
        )
    return (
        f"|σ| is above the critical {CRITICAL_SIGMA:.4f}: nearly all spins follow {name}; which of the two is chance."
    )


def not_covered(source: Sampler | None, side: int) -> str:
    """One sentence on why the exact lattice stands alone."""
    if source is None and (other := samplers.nearest(side)) is not None:
        source = other
    if source is None:
        return f"No trained sampler is here yet: python -m ebgfn train lattice --side {side} trains one in 15 minutes."
    return f"The GFlowNet shipped here is trained for {source.trained_for}, so the exact lattice stands alone."


def sheets(many: Pair) -> tuple[Panel, ...]:
    """A sheet of each, with averages over all."""
    both = [("Exact", many.exact)] + ([] if many.ours is None else [("GFlowNet", many.ours)])
    lattice, (staggered, name) = many.lattice, _order(many.lattice)
    panels = []
    for title, x in both:
        energy, order = mean_energy(x, lattice), abs_magnetisation(x, staggered=staggered)
        numbers = (
            (
                "energy per site",
                f"{rounded(energy.value / lattice.dim)} ± {2 * energy.se / lattice.dim:.3f}",
                "± two standard errors",
            ),
            (f"mean {name}", f"{order.value:.3f} ± {2 * order.se:.3f}", "± two standard errors"),
        )
        alt = (
            f"{SHEET} of {len(x)} {title} lattices. Mean energy per site {numbers[0][1]}, mean {name} {numbers[1][1]}."
        )
        panels.append(Panel(title, f"{SHEET} of {len(x)}", x[:SHEET], alt, SHEET, 4, numbers, role=ROLES[title]))
    return tuple(panels)


def sheet_words(many: Pair) -> tuple[str, ...]:
    """Do the averages agree?"""
    lattice = many.lattice
    mean = kaufman.mean_energy(lattice.side, lattice.sigma)
    told = [f"Kaufman's exact mean energy is {rounded(mean / lattice.dim)} per site."]
    for title, x in (("exact lattices", many.exact), ("lattices of the GFlowNet", many.ours)):
        if x is not None:
            energy = mean_energy(x, lattice)
            away = 0.0 if energy.se == 0 else (energy.value - mean) / energy.se
            told.append(
                f"The {len(x)} {title} are {abs(away):.1f} standard errors {'above' if away > 0 else 'below'} it."
            )
    told.append("More than two happens by chance one time in twenty.")
    return tuple(told)
