"""Back-and-forth moves on a lattice: a player of single moves, and what they forget beside Gibbs and cluster moves."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ebgfn.model import Model
from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice import mixing
from ebgfn.problems.lattice.mixing import Memory
from ebgfn.ui import frame, lattice_player, lattice_source
from ebgfn.ui.lattice_source import Sampler

NEAR, NEAR_DEFAULT, K_DEFAULT = (0.15, 0.30), 0.22, 30
COSTS = ("sites drawn anew", "seconds")
_STYLE = {"Gibbs": ("#8a8f98", "dot"), "Clusters": ("#3b82c4", "dash"), "Back-and-forth": ("#e0408a", "solid")}
_NEWCOMER = ("#6b8f3d", "longdash")
# One measurement at a time, whoever asks: the processor belongs to the visitors' pictures.
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lattice-mixing")
_WAITING = "lattice_measurement"


class Measurement:
    """Kernels' memories as they come in."""

    def __init__(self, source: Sampler, sigma: float, k: int):
        self.asked = (source, sigma, k)
        self.rows: list[Memory] = []
        self.future: Future = _pool.submit(self._work, lattice_source.model(source))

    def _work(self, model: Model) -> None:
        _, sigma, k = self.asked
        for row in mixing.compare(model, sigma=sigma, k=k):
            self.rows.append(row)


@st.cache_resource(max_entries=256, show_spinner=False)
def measurement(source: Sampler, sigma: float, k: int) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(source, sigma, k)


def current(source: Sampler, sigma: float, k: int) -> Measurement:
    """The measurement wanted now. One that this visitor no longer waits for and that has not begun is dropped."""
    before = st.session_state.get(_WAITING)
    if before is not None and before.asked != (source, sigma, k) and before.future.cancel():
        measurement.clear(*before.asked)
    state = measurement(source, sigma, k)
    if state.future.cancelled():  # another visitor has dropped it
        measurement.clear(source, sigma, k)
        state = measurement(source, sigma, k)
    st.session_state[_WAITING] = state
    return state


def _near(text: str) -> bool:
    try:
        return len(text) <= 6 and NEAR[0] <= float(text) <= NEAR[1]
    except ValueError:
        return False


def say_what_is_refused(dim: int) -> None:
    """One sentence for each thing that the address asks for in vain; to be said where the page is run as a whole."""
    words = f"σ of the moves in the address must be a number in {NEAR[0]:g}..{NEAR[1]:g}; using the default."
    frame.hold("near", _near, words)
    frame.hold_number("void", 1, dim, "K")
    frame.hold_choice("cost", COSTS, "The cost")


@st.fragment
def show(source: Sampler) -> None:
    """Sliders, player and figures: moving a slider runs this alone."""
    dim = source.side**2
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = f"Near the critical {CRITICAL_SIGMA:.4f}, where Gibbs sampling is slowest."
        sigma = st.slider("σ of the moves", *NEAR, NEAR_DEFAULT, 0.01, key="near", bind="query-params", help=text)
        first = min(K_DEFAULT, dim)
        if st.session_state.get("void", first) > dim:  # chosen for a larger lattice
            st.session_state["void"] = first
        k = st.slider("K, sites voided and filled", 1, dim, first, key="void", bind="query-params")
    sigma = round(sigma, 2) if NEAR[0] <= sigma <= NEAR[1] else NEAR_DEFAULT
    k = k if 1 <= k <= dim else first
    lattice_player.show(source, sigma, k)
    state = current(source, sigma, k)
    st.fragment(_draw, run_every=None if state.future.done() else 0.4)(state, state.future.done())


def _draw(state: Measurement, was_done: bool) -> None:
    done = state.future.done()
    if done and not was_done:
        st.rerun()  # once more as a whole, so that the polling ends
    rows = list(state.rows)
    if not done:
        st.progress(len(rows) / 3, f"Measuring on this machine: {len(rows)} of 3 kernels, about two seconds")
    elif not state.future.cancelled() and (error := state.future.exception()):
        st.error(f"The comparison stopped: {error}", icon=":material/error:")
    cost = st.segmented_control(
        "Equal cost in", COSTS, default=COSTS[0], required=True, key="cost", bind="query-params"
    )
    cost = cost if cost in COSTS else COSTS[0]
    for field, column in zip(("magnetisation", "energy"), st.columns(2), strict=True):
        picture, words = figure(rows, field, cost), alt(rows, field)
        column.plotly_chart(picture, key=f"lattice_mixing_{field}", alt=words)
    if rows and done:
        st.markdown(verdict(rows, state.asked[0].side ** 2), width=860)
        _table(rows)


def figure(rows: list[Memory], field: str, cost: str) -> go.Figure:
    """Autocorrelation of one observable against what was spent on it."""
    drawing = go.Figure()
    for row in rows:
        _line(drawing, row, field, by_sites=cost == COSTS[0])
    if cost == COSTS[0]:
        dim = next((row.sites for row in rows if not row.k), 1)
        longest = max([dim, *(row.sites * (len(row.energy) - 1) for row in rows if row.k)])
        drawing.update_xaxes(title="sites drawn anew, a chain", range=[-0.02 * longest, 1.02 * longest])
    else:
        drawing.update_xaxes(title="milliseconds of this machine, a chain", type="log")
    drawing.update_yaxes(title=f"memory of {field}", range=[-0.15, 1.06], zeroline=True)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    drawing.update_layout(height=360, margin={"t": 60, "b": 10, "l": 10, "r": 10}, legend=legend)
    return drawing


def _line(drawing: go.Figure, row: Memory, field: str, *, by_sites: bool) -> None:
    rho, se = getattr(row, field), getattr(row, f"{field}_se")
    first = 0 if by_sites else 1  # a scale of powers has no zero
    spent = np.arange(first, len(rho)) * (row.sites if by_sites else 1000 * row.seconds)
    colour, dash = _STYLE.get(row.kernel, _NEWCOMER)
    errors = {"array": 2 * se[first:], "thickness": 1.2, "width": 2}
    line, mode = {"color": colour, "dash": dash, "width": 2.5}, "lines+markers" if len(rho) < 40 else "lines"
    drawing.add_scatter(
        x=spent, y=rho[first:], error_y=errors, name=name(row), mode=mode, line=line, marker={"size": 6}
    )


def name(row: Memory) -> str:
    return f"{row.kernel}, K = {row.k}" if row.k else row.kernel


def after(row: Memory, sites: int, field: str) -> str:
    """Memory once `sites` sites have been drawn anew, or as near to that as moves allow."""
    rho = getattr(row, field)
    lag = min(max(1, round(sites / row.sites)), len(rho) - 1)
    more = "" if lag * row.sites == sites else f" (after {lag * row.sites})"
    return f"{rho[lag]:.2f}{more}".replace("-", "−")


def alt(rows: list[Memory], field: str) -> str:
    """The figure as a sentence."""
    parts = [
        f"{name(row)} {getattr(row, field)[-1]:.2f} after {row.sites * (len(row.energy) - 1)} sites" for row in rows
    ]
    return f"Autocorrelation of the {field}, from 1: {'; '.join(parts) or 'being measured'}."


def verdict(rows: list[Memory], dim: int) -> str:
    """What the figures say, in numbers."""
    gibbs, *_, ours = rows
    memories = ", ".join(f"{row.kernel} {after(row, dim, 'energy')}" for row in rows)
    ratio = ours.seconds / gibbs.seconds
    return (
        f"After {dim} sites drawn anew, the energy still remembers: {memories}. At K = {ours.k} the sampler knows the "
        f"energy well enough for {ours.acceptance:.0%} of the moves to be accepted. A move makes {ours.passes} passes "
        f"through its network and takes {1000 * ours.seconds:.2g} ms a chain: in that time Gibbs sampling makes "
        f"**{ratio:,.0f} sweeps**. In seconds the kernels win that know that a site has four neighbours; back-and-forth "
        "moves ask only for the energy of a proposal. The magnetisation turns over only if hardly any site is kept, since "
        "the kept ones say which way is up."
    )


def _table(rows: list[Memory]) -> None:
    with st.expander("The numbers"):
        st.dataframe(
            {
                "kernel": [name(row) for row in rows],
                "chains": [row.chains for row in rows],
                "moves": [row.moves for row in rows],
                "sites a move": [row.sites for row in rows],
                "network passes a move": [row.passes for row in rows],
                "ms a move and chain": [f"{1000 * row.seconds:.3g}" for row in rows],
                "accepted": [f"{row.acceptance:.3f}" for row in rows],
            },
            hide_index=True,
        )
        st.caption(
            "Chains from exact samples, seed 0, side by side; averages over chains and over all moments as origins; bars in "
            "the figures are two standard errors. A cluster move looks at every site and counts as many."
        )
