"""Knobs that act while a run trains, and what was turned when as marks on its curves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ebgfn import problems
from ebgfn.runs import jobs
from ebgfn.runs.folder import KNOB, RunFolder
from ebgfn.train.knobs import Knobs
from ebgfn.ui.shell import address, training
from ebgfn.ui.shell.history import Metrics

USUAL = "usual"
ABOUT = "A change takes effect from the next picture on, is marked on the curves, and stays with the run."


@dataclass(frozen=True)
class Knob:
    """How one is shown: its positions, USUAL among them, which is as the recipe has it."""

    label: str
    short: str
    positions: tuple[float | int | str, ...]
    text: Callable[[Any], str]
    help: str


def _times(value: float | str) -> str:
    return value if isinstance(value, str) else f"× {value:g}"


def _share(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.0%}"


ALL = {
    "rate": Knob(
        "Learning rate", "rate", (0.0, 0.25, 0.5, USUAL, 2.0, 4.0), _times,
        "Of both models, as a multiple of the recipe's. At 0 nothing learns any more.",
    ),
    "k": Knob(
        "K of the chains", "K", (1, 2, 4, 8, 16, 32, USUAL), str,
        "Entries that a move of the chains erases and the sampler fills again; usual: all lengths in turn, or growing. "
        "Small moves are accepted more often but lead nowhere.",
    ),
    "share": Knob(
        "Negatives from the sampler", "negatives", (0.0, 0.25, USUAL, 0.5, 0.75, 1.0), _share,
        "The energy learns to tell data from made-up examples, the negatives. This is the share of them that the sampler "
        "helped to make; the rest is broad noise or, in the published algorithm, moves that start from data. At 100% "
        "nothing lowers the probability of regions far from the data.",
    ),
    "temperature": Knob(
        "Temperature", "T", (0.25, 0.5, USUAL, 2.0, 4.0), _times,
        "At which the sampler learns the energy: above 1 it spreads out, below 1 it keeps to what is most probable. The "
        "two then disagree; watch acceptance fall.",
    ),
}  # fmt: skip


@st.fragment
def show(run: RunFolder) -> None:
    """The knobs of a run that may be steered and is not over; of other runs nothing."""
    names = problems.of(run.config).knobs(run.config)
    status = run.status
    if not names or status.state not in training.UNFINISHED or not training.mine(status):
        return
    turned = run.knobs
    st.caption(f"**Adjust while it trains.** {ABOUT}")
    for name, place in zip(names, st.columns(4, gap="large"), strict=False):
        with place:
            _knob(name, ALL[name], turned, run)


def _knob(name: str, knob: Knob, turned: Knobs, run: RunFolder) -> None:
    key, value = f"knob_{name}-{run.id}", getattr(turned, name)
    position = value if value in knob.positions else USUAL
    st.select_slider(
        knob.label, knob.positions, position, format_func=knob.text, help=knob.help,
        key=key, on_change=_turn, args=(run.id, name, key),
    )  # fmt: skip


def _turn(run_id: str, name: str, key: str) -> None:
    position = address.choice(st.session_state.get(key), ALL[name].positions, USUAL)
    value: Any = None if position == USUAL else position
    training.do(lambda run_id: jobs.turn(run_id, **{name: value}), run_id)


def marks(lines: list[Metrics]) -> list[tuple[float, str]]:
    """Seconds at which knobs stood anew, and how: "K 4", "rate × 2, T usual"."""
    found, before = [], {}
    for line in lines:
        now = {name.removeprefix(KNOB): value for name, value in line.items() if name.startswith(KNOB)}
        changed = [name for name in ALL if now.get(name) != before.get(name)]
        if changed:
            words = ", ".join(f"{ALL[name].short} {ALL[name].text(now.get(name, USUAL))}" for name in changed)
            found.append((line["elapsed_s"], words))
        before = now
    return found
