"""Back-and-forth moves on a lattice: a player of single moves, and what they forget beside Gibbs and cluster moves."""

from dataclasses import replace

import numpy as np
import streamlit as st

from ebgfn.problems.lattice import mixing
from ebgfn.problems.lattice.mixing import Memory
from ebgfn.ui.components import line_charts
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.line_charts import Axis, Chart, Dash, Line
from ebgfn.ui.ising import moves
from ebgfn.ui.ising.moves import NEAR
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import address, background, frame
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.text import minus

KERNELS = 3
COSTS = ("sites drawn anew", "seconds")
FEW_POINTS = 40
_WAITING = "lattice_measurement"

Asked = tuple[Sampler, float, int]


@st.cache_resource(max_entries=256, show_spinner=False)
def measurement(source: Sampler, sigma: float, k: int) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(mixing.compare(source.model, sigma=sigma, k=k))


def current(source: Sampler, sigma: float, k: int) -> Measurement:
    """The measurement wanted now. One that this visitor no longer waits for and that has not begun is dropped."""
    asked = source, sigma, k
    before = st.session_state.get(_WAITING)
    if before is not None and before[0] != asked and before[1].future.cancel():
        measurement.clear(*before[0])
    state = measurement(*asked)
    if state.future.cancelled():  # another visitor has dropped it
        measurement.clear(*asked)
        state = measurement(*asked)
    st.session_state[_WAITING] = asked, state
    return state


# What the address may say of the moves.
SETTINGS = frozenset({"near", "void", "cost"})


def hold() -> None:
    """Hold the address to what may be chosen here; to be done where the page is run as a whole."""
    address.hold_choice("cost", COSTS, "The cost")


@st.fragment
def show(source: Sampler) -> None:
    """Dials, player and charts: turning a dial runs this alone."""
    dim = source.side**2
    sigma, k = round(moves.SIGMA.real(*NEAR, "σ of the moves"), 2), moves.K.whole(1, dim, "K")
    moves.show(source, sigma, k)
    state = current(source, sigma, k)
    background.follow(state, lambda: _draw(state, dim), every_s=0.4)


def _draw(state: Measurement, dim: int) -> None:
    rows = list(state.rows)
    background.progress(state, KERNELS, "kernels", "about two seconds")
    cost = st.segmented_control("Cost in", COSTS, default=COSTS[0], required=True, **address.bound("cost"))
    cost = address.choice(cost, COSTS, COSTS[0])
    line_charts.draw(
        [chart(rows, field, cost) for field in ("magnetisation", "energy")], key="lattice_memory", tall=True
    )
    if rows and state.done:
        st.markdown(verdict(rows, dim), width=frame.TEXT_WIDTH)
        _table(rows)


def chart(rows: list[Memory], field: str, cost: str) -> Chart:
    """Autocorrelation of one observable against what was spent on it."""
    by_sites = cost == COSTS[0]
    others = iter(line_charts.peers([row.kernel for row in rows if not row.k]))
    strokes: list[tuple[Role, Dash]] = [("sampler", "solid") if row.k else next(others) for row in rows]
    lines = [_line(row, stroke, field, by_sites=by_sites) for row, stroke in zip(rows, strokes, strict=True)]
    if by_sites:
        dim = next((row.sites for row in rows if not row.k), 1)
        longest = max([dim, *(row.sites * (len(row.energy) - 1) for row in rows if row.k)])
        lines = [_up_to(line, longest) for line in lines]
        axis = Axis(-0.02 * longest, 1.02 * longest, COSTS[0] + ", a chain")
    else:
        spent = [value for line in lines for value in (line.x[0], line.x[-1])] or [1, 10]
        axis = Axis(0.9 * min(spent), 1.1 * max(spent), "milliseconds per chain on this machine", log=True)
    note = "1: as at the start; 0: forgotten; bars: two standard errors"
    title = f"Memory of {field}"
    return Chart(
        title, note, lines, axis, course=False, floor=0.0, floor_name="", limits=(-0.15, 1.06), alt=alt(rows, field)
    )


def _line(row: Memory, stroke: tuple[Role, Dash], field: str, *, by_sites: bool) -> Line:
    rho, se = getattr(row, field), getattr(row, f"{field}_se")
    first = 0 if by_sites else 1  # a scale of powers has no zero
    spent = np.arange(first, len(rho)) * (row.sites if by_sites else 1000 * row.seconds)
    points = "full" if len(rho) < FEW_POINTS else ""
    return Line(name(row), spent, rho[first:], 2 * se[first:], *stroke, points, bars=True)


def _up_to(line: Line, most: float) -> Line:
    """A line as far as the axis goes."""
    n = int((np.asarray(line.x) <= 1.02 * most).sum())
    return replace(line, x=line.x[:n], y=line.y[:n], error=line.error[:n])


def name(row: Memory) -> str:
    """A kernel with its K, where it has one."""
    return f"{row.kernel}, K = {row.k}" if row.k else row.kernel


def after(row: Memory, sites: int, field: str) -> str:
    """Memory once `sites` sites have been drawn anew, or as near to that as moves allow."""
    rho = getattr(row, field)
    lag = min(max(1, round(sites / row.sites)), len(rho) - 1)
    more = "" if lag * row.sites == sites else f" (after {lag * row.sites})"
    return minus(f"{rho[lag]:.2f}{more}")


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
        f"Once {dim} sites have been drawn anew, this much of the energy at the start is remembered: {memories}. At K = "
        f"{ours.k} the sampler knows the energy well enough for {ours.acceptance:.0%} of the moves to be accepted. A move "
        f"makes {ours.passes} passes through its network and takes {1000 * ours.seconds:.2g} ms per chain: in that time "
        f"Gibbs sampling makes **{ratio:,.0f} sweeps**. In seconds the kernels that know that a site has four neighbours "
        "win; back-and-forth moves ask only for the energy of a proposal. The magnetisation turns over only if hardly any "
        "site is kept, since the kept ones say which way is up."
    )


def _table(rows: list[Memory]) -> None:
    with st.expander("The numbers"):
        st.dataframe(
            {
                "kernel": [name(row) for row in rows],
                "chains": [row.chains for row in rows],
                "moves": [row.moves for row in rows],
                "sites per move": [row.sites for row in rows],
                "network passes per move": [row.passes for row in rows],
                "ms per move and chain": [f"{1000 * row.seconds:.3g}" for row in rows],
                "accepted": [f"{row.acceptance:.3f}" for row in rows],
            },
            hide_index=True,
        )
        st.caption(
            "Chains from exact samples, seed 0, side by side; averages over chains and over all moments as origins; bars in "
            "the figures are two standard errors. A cluster move looks at every site and counts as many."
        )
