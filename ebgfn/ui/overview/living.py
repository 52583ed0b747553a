"""What the first screen shows: a stored training, images and lattices of shipped models, each with what was measured."""

import math

import numpy as np

from ebgfn import shipped as places
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.ui.components._shared import levels
from ebgfn.ui.components.first_screen import Card, Images, Lattices, Moment, Training
from ebgfn.ui.components.landscape_view import Frame
from ebgfn.ui.overview import stories
from ebgfn.ui.plane.preview import Preview
from ebgfn.ui.shell import models

# What is sent when another set is chosen is bounded by these: 12 moments of two pictures are 130 kB.
MOMENTS, SIDE, POINTS = 12, 64, 256
DEFAULT = "2spirals"
# Of the couplings that the card speaks of.
MEASURED = 0.2

Figures = dict[str, float]


def training(name: str, names: tuple[str, ...], seen: Preview) -> Training:
    """A shipped model's training, in a few moments."""
    frames = (*seen.history, seen.final)
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, MOMENTS)})
    floor = DENSITIES[name].entropy
    moments = tuple(_moment(frames[i], floor) for i in chosen)
    points = DENSITIES[name].draw(POINTS, np.random.default_rng(0)) / seen.half
    return Training(name, names, levels.coarse(seen.target, SIDE), points, moments)


def _moment(frame: Frame, floor: float) -> Moment:
    values = frame.values
    accepted = f"{values['mh_acceptance']:.0%}" if "mh_acceptance" in values else "unknown"
    numbers = _above(values, "gfn", floor), _above(values, "ebm", floor), accepted
    return Moment(frame.seconds, levels.coarse(frame.p, SIDE), levels.coarse(frame.q, SIDE), numbers)


def _above(values: Figures, model: str, floor: float) -> str:
    """Nats above the floor: on the same points as the floor where they are known."""
    excess = values.get(f"{model}_excess", values.get(f"{model}_nll", math.nan) - floor)
    return (
        "unknown" if math.isnan(excess) else f"{max(0.0, excess):.2f}" if excess >= 0.095 else f"{max(0.0, excess):.3f}"
    )


def images(growth: stories.Growth | None) -> Images | None:
    """Images that grow."""
    if growth is None:
        return None
    return Images(round(growth.x.shape[1] ** 0.5), int(growth.filled.max()) + 1, growth.x, growth.filled)


def lattices(sweep: stories.Sweep | None) -> Lattices | None:
    """Lattices at every sigma, with the couplings recovered nearest below it."""
    if sweep is None:
        return None
    bonds = tuple((b.sigma, _rounded(b.right), _rounded(b.down), _found(b, sweep.side)) for b in sweep.recovered)
    return Lattices(sweep.side, tuple(stories.SIGMAS.tolist()), sweep.spins, bonds)


def _rounded(couplings: np.ndarray) -> list[float]:
    return np.round(couplings.astype(float), 3).tolist()


def _found(bonds: stories.Bonds, side: int) -> str:
    return f"; learned at {bonds.sigma:g}: {bonds.found} of {2 * side * side} bonds, {bonds.wrong} wrong"


def cards(name: str, sweep: stories.Sweep | None) -> tuple[Card, ...]:
    """The three cards, each with one measured sentence."""
    plane, digits, ising = (_figures(folder) for folder in (f"toy2d-{name}", stories.IMAGES, f"ising-10x10-{MEASURED}"))
    return (
        Card(
            "landscape",
            "A landscape forms",
            _of_plane(plane),
            "pages/landscape_2d.py",
            (("data", name),),
            "Train it yourself →",
            f"The density that an energy learns of {name}, as training goes on.",
        ),
        Card(
            "digits",
            "Digits grow",
            _of_digits(digits),
            "pages/digits.py",
            (("images", stories.IMAGES),),
            "Draw one, let it finish →",
            "Sixteen digits that the GFlowNet fills, a few pixels at a time.",
        ),
        Card(
            "ising",
            "Couplings come back",
            _of_couplings(ising, sweep),
            "pages/ising.py",
            (("sigma", "0.20"),),
            "Drag σ through the transition →",
            "Spins of a lattice as σ rises and falls, and the couplings recovered from such samples between them.",
        ),
    )


def _figures(name: str) -> Figures:
    return models.figures(models.card(places.folder() / name))


def _of_plane(card: Figures) -> str:
    if "gfn_excess" not in card:
        return "An energy and its sampler learn a density in the plane, from points alone."
    return (
        f"After {_minutes(card)} on one core the sampler is {max(0.0, card['gfn_excess']):.3f} nats from the best "
        "possible."
    )


def _of_digits(card: Figures) -> str:
    if "gfn_nll" not in card:
        return "Images filled pixel by pixel, each pixel a decision."
    return f"An unseen digit costs the sampler {card['gfn_nll']:.1f} nats, after {_minutes(card)} without a GPU."


def _of_couplings(card: Figures, sweep: stories.Sweep | None) -> str:
    bonds = next((bonds for bonds in sweep.recovered if bonds.sigma == MEASURED), None) if sweep else None
    if "neg_log_rmse" not in card or sweep is None or bonds is None:
        return "Which spins are coupled, and how strongly, from samples alone."
    error = math.exp(-card["neg_log_rmse"])
    return (
        f"From 2000 samples at σ = {MEASURED:g} it finds {bonds.found} of {2 * sweep.side**2} bonds and {bonds.wrong} "
        f"wrong ones, to within {error:.3f}."
    )


def _minutes(card: Figures) -> str:
    return f"{card.get('train_seconds', 0.0) / 60:.0f} minutes"
