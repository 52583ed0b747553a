"""How far recovered couplings may be trusted, as the page tells it: measured beside the page, once for each checkpoint."""

from collections.abc import Iterator
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn import shipped
from ebgfn.evaluation.coupling_errors import CouplingErrors
from ebgfn.evaluation.misfit import Misfit
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.export import Recovered
from ebgfn.problems.ising.reliability import PENALISED, RESAMPLES, Reliability, Stability, measure, stored
from ebgfn.ui.components.couplings_view import Recovery, bonds
from ebgfn.ui.shell import background, models
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.text import minus, plain

# Rows times columns squared up to which resamples and the test of fit are made while a visitor waits: about a minute.
MOST_WORK = 140_000_000
# So long a file waits for what is still being measured.
PATIENCE_S = 30.0
MISSED = {
    "columns": "how often columns are one",
    "pairs": "how pairs of columns go together",
    "triples": "how triples of columns go together, which couplings of pairs cannot explain",
}
HELP = """**±** is the standard error of a coupling or field (the "sandwich" estimate of the pseudo-likelihood): the true
value lies within two of them in 95 of 100 cases, if the rows are independent and the right pairs were found. **Stability**
is the share of {n} resamples (as many rows, drawn with replacement) in which the same search finds the pair; below about
0.9 the pair may be due to chance. **Fit:** the same pairs are fitted to four fifths of the rows; how often its samples have
ones, and how their columns go together in pairs and triples, is compared with the last fifth."""


def measurement(folder: Path | None, settings: IsingConfig) -> Measurement | None:
    """What is measured of a checkpoint; None where nothing can be."""
    if folder is None or settings.trainer not in PENALISED:
        return None
    return _measurement(str(folder), models.stored(folder).stamp, settings)


@st.cache_resource(max_entries=64, show_spinner=False)
def _measurement(folder: str, stamp: int, settings: IsingConfig) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(_measured(Path(folder), settings))


def _measured(folder: Path, settings: IsingConfig) -> Iterator[CouplingErrors | Misfit | Stability]:
    """Of a shipped model what is stored beside it, or standard errors alone: its page is to stay quick."""
    ours = shipped.folder() in folder.parents
    if ours and (seen := stored(folder)) is not None:
        yield from (row for row in vars(seen).values() if row is not None)
        return
    model = models.load(models.stored(folder))
    try:
        x = settings.data()
    except ValueError:  # the file is gone
        return
    yield from measure(model, x, seed=settings.seed, most_work=0 if ours else MOST_WORK)


def known(state: Measurement | None) -> Reliability:
    """What was measured so far."""
    return Reliability.of([] if state is None else list(state.rows))


def recovered(scene: Recovery, state: Measurement | None, *, wait: bool = False) -> Recovered:
    """Newest couplings and fields with all that is known of them; a file may `wait` for what is being measured."""
    if wait and state is not None:
        with suppress(NotYet, Exception):  # without what could not be measured
            state.future.result(timeout=PATIENCE_S)
    seen, newest = known(state), scene.snapshots[-1]
    errors = {} if seen.errors is None else {
        "coupling_errors": seen.errors.couplings, "field_errors": seen.errors.fields
    }  # fmt: skip
    share = None if seen.stability is None else seen.stability.share
    return Recovered(newest.couplings, newest.fields, scene.names, stability=share, truth=scene.truth, **errors)


def show(scene: Recovery, state: Measurement | None) -> None:
    """Verdict and tables, again and again until all is measured."""
    if state is None:
        _tables(scene, recovered(scene, None))
    else:
        background.follow(state, partial(_show, scene, state))


def _show(scene: Recovery, state: Measurement) -> None:
    seen = known(state)
    if seen.misfit is not None:
        (st.success if seen.misfit.fits else st.warning)(
            verdict(seen.misfit, scene),
            icon=":material/check:" if seen.misfit.fits else ":material/warning:",
            width=TEXT_WIDTH,
        )
    _tables(scene, recovered(scene, state))
    if not state.done:
        st.caption("Standard errors, fit and stability are being measured on the same samples.")
    if seen.misfit is not None or seen.errors is not None:
        with st.expander("How far may these be trusted?", icon=":material/help:"):
            st.markdown(HELP.format(n=RESAMPLES))


def verdict(misfit: Misfit, scene: Recovery) -> str:
    """Whether the model fits, and where it does not, in a sentence or two."""
    if misfit.fits:
        return (
            f"**The model fits**, as far as {misfit.rows:,} held-out rows can tell: shares of ones, pairs and triples of "
            "columns are the same as in its samples."
        )
    worst = min(misfit.missed, key=lambda family: family.p)
    where = ", ".join(plain(scene.column(i)) for i in worst.worst)
    what = " and ".join(MISSED[family.name] for family in misfit.missed)
    return (
        f"**The model does not fit**: it misses {what}. Most in {where}, where {misfit.rows:,} held-out rows are "
        f"{minus(f'{worst.z:+.1f}')} standard errors from its samples (p ≤ {misfit.p:.2g} for all tests together)."
    )


def _tables(scene: Recovery, found: Recovered) -> None:
    """The strongest couplings, and the fields; where the true couplings are known, their typical error alone."""
    if scene.truth is not None:
        if found.coupling_errors is not None and np.isfinite(found.coupling_errors).any():
            typical = np.nanmedian(found.coupling_errors)
            st.caption(f"Standard error of a coupling, estimated from the samples: {typical:.4f} (median).")
        return
    strongest(scene, found)
    if found.fields.any():
        st.markdown(
            "**Fields**: what each column would prefer if everything it is coupled to were balanced; + is towards 1"
        )
        st.dataframe(fields(scene, found), hide_index=True, column_config={
            "field": st.column_config.NumberColumn(format="%+.3f"), "±": st.column_config.NumberColumn(format="%.3f"),
        })  # fmt: skip


def strongest(scene: Recovery, found: Recovered) -> None:
    """The strongest couplings in a table."""
    table = bonds.strongest(found, side=scene.side)
    if not table["coupling"]:
        st.caption("No two columns are coupled, as far as these samples can tell.")
        return
    st.markdown(f"**The strongest couplings**, of {np.count_nonzero(found.couplings) // 2:,} that are not zero")
    st.dataframe(table, hide_index=True, column_config={
        "coupling": st.column_config.NumberColumn(format="%+.4f"), "±": st.column_config.NumberColumn(format="%.4f"),
        "stability": st.column_config.NumberColumn(format="%.2f"),
    })  # fmt: skip


def fields(scene: Recovery, found: Recovered) -> dict[str, list]:
    """Columns of a table of the fields, in the order of the file."""
    table: dict[str, list] = {
        "column": [scene.column(i) for i in range(len(found.fields))],
        "field": found.fields.astype(float).tolist(),
    }
    return table if found.field_errors is None else table | {"±": found.field_errors.tolist()}
