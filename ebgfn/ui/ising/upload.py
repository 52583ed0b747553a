"""A visitor's own samples: upload, what was understood of them, and the run that recovers their couplings."""

import hashlib
from math import isqrt

import numpy as np
import streamlit as st

from ebgfn.problems.ising import uploads
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.uploads import Upload
from ebgfn.problems.lattice.exact import SIDES
from ebgfn.runs import store
from ebgfn.ui.components import line_charts
from ebgfn.ui.components.line_charts import Axis, Chart, Line
from ebgfn.ui.ising import recovery_form
from ebgfn.ui.shell import taken, training
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.text import plain

ABOUT = f"""A **CSV** file, or an **NPZ** file with one array: one sample per row, one variable per column, each value 0 or 1
(or −1 or 1). {uploads.MIN_ROWS} to {uploads.MAX_ROWS:,} rows, 2 to {uploads.MAX_DIM} columns, at most 5 MB. The first line
may hold names. The samples stay on this server until newer ones replace them; only 0s, 1s and the names are kept."""
SHARES = "A column near 0 or 1 hardly ever changes: its couplings stay uncertain."


def show() -> None:
    """Upload, read, train."""
    st.markdown(ABOUT, width=TEXT_WIDTH)
    file = taken.latest("Your samples", ["csv", "npz"], key="recover_upload")
    if file is None:
        st.info("Choose a file: you will see how it was read before anything is trained.", icon=":material/upload:")
        return
    kind = ".npz" if file.name.lower().endswith(".npz") else ".csv"
    found, complaint = read(hashlib.sha256(file.contents).hexdigest(), kind, _contents=file.contents)
    if found is None:
        st.error(f"{plain(file.name)}: {plain(complaint)}", icon=":material/error:")
        return
    understood(found, file.name)
    x = found.x
    side = lattice_side(x.shape[1])
    with recovery_form.row():
        how = recovery_form.kind(homogeneous=side > 0)
        seconds, seed = recovery_form.length()
        settings = {"side": side or None, "budget_s": float(seconds), "seed": seed, **how}
        recovery_form.start_button(start, found, settings)


@st.cache_data(max_entries=4, show_spinner="Reading the file …")
def read(digest: str, kind: str, *, _contents: bytes) -> tuple[Upload | None, str]:
    """Samples and names of a file, or why it is not taken; its name goes no further than its ending."""
    try:
        return uploads.parse(_contents, f"upload{kind}"), ""
    except ValueError as error:
        return None, str(error)


def understood(found: Upload, name: str) -> None:
    """Sizes, and how often each column is one."""
    x, (rows, dim) = found.x, found.x.shape
    names = [str(i + 1) for i in range(dim)] if found.names is None else list(found.names)
    share = x.mean(0)
    low, high = int(share.argmin()), int(share.argmax())
    st.markdown(
        f"{plain(name)}: **{rows:,} samples of {dim} variables**. **{share.mean():.1%}** of all values are ones, least "
        f"often in column {plain(names[low])} ({share[low]:.1%}), most often in column {plain(names[high])} "
        f"({share[high]:.1%})."
    )
    line_charts.draw([shares(share, names)], key="upload_shares")


def shares(share: np.ndarray, names: list[str]) -> Chart:
    """How often each column is one, and all of them."""
    columns = np.arange(1, len(share) + 1)
    lines = [Line("ones", columns, share, role="data", area=True)]
    axis = Axis(0.5, len(share) + 0.5, "column", names=names)
    mean = float(share.mean())
    more = {"floor": mean, "floor_name": "mean", "limits": (0, 1), "course": False}
    alt = f"Share of ones in {len(share)} columns: {share.min():.2f} to {share.max():.2f}, on average {mean:.2f}."
    return Chart("Share of ones", SHARES, lines, axis, alt=alt, **more)


def lattice_side(dim: int) -> int:
    """Side of the lattice that the visitor says the columns are; 0 if they are none."""
    side = isqrt(dim)
    if side**2 != dim or not SIDES[0] <= side <= SIDES[1]:
        return 0
    text = (
        "Row by row, with opposite edges joined. Needed for homogeneous couplings; bonds are then drawn on the lattice."
    )
    says_so = st.checkbox(f"The columns are a {side} × {side} lattice", key="recover_is_lattice", help=text)
    return side if says_so else 0


def start(found: Upload, settings: dict) -> None:
    """Keep the samples and queue the run. For `on_click`."""
    try:
        config = IsingConfig(path=str(store.keep_upload(found.x, found.names)), **settings)
    except ValueError as error:
        st.session_state["refused"] = str(error)
        return
    training.start([config])
