"""The player of back-and-forth moves: a Streamlit component that is sent whole chains once and plays them by itself.

It reports two things back: the K that its dial asks for, while it is being moved, and the chain that was chosen. K
lives in the address as `k`; there it is untrusted text, like everything that a browser sends.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import UInt8, UInt32

from ebgfn.mcmc import Chain
from ebgfn.model import Model
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.problems.plane.mixing import move_terms
from ebgfn.ui import chain_source, plots
from ebgfn.ui.chain_source import CHAINS, DEFAULT_K, Source, WholeNumbers

_HERE = Path(__file__).parent
_SCRIPTS = ("chain_moves.js", "chain_plane.js", "chain_panel.js", "chain_player.js")
_KEY, _K, _SEEN = "chain_player", "chain_k", "chain_k_in_address"


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_tables = {name: table for name, table in plots.lookup_tables().items() if name.startswith("amount")}
_script = "\n".join(map(_text, _SCRIPTS)).replace("__LUTS__", json.dumps(_tables))
_component = st.components.v2.component(  # pyright: ignore[reportAttributeAccessIssue]  (made when first asked for)
    "ebgfn_chain_player", html=_text("chain_player.html"), css=_text("chain_player.css"), js=_script
)


def pack(x: UInt8[np.ndarray, "*rows dim"]) -> UInt32[np.ndarray, "*rows"]:
    """Bits of each row as one word, entry i in bit i."""
    return (x.astype(np.uint32) << np.arange(x.shape[-1], dtype=np.uint32)).sum(-1, dtype=np.uint32)


def checked_k(value: Any, dim: int) -> tuple[int, str | None]:
    """K as a number in 1..dim, or the default with a sentence on what is allowed."""
    default = min(DEFAULT_K, dim)
    if value is None:
        return default, None
    text = str(value)
    if text in WholeNumbers(1, dim):
        return int(text), None
    return (
        default,
        f"K must be a whole number in 1..{dim} for this model; showing K = {default} instead.",
    )


def chosen_k(dim: int) -> tuple[int, str | None]:
    """K of this session: what the dial says, unless the address has changed since."""
    in_address = st.query_params.get("k")
    if _K not in st.session_state or in_address != st.session_state.get(_SEEN):
        st.session_state[_K] = in_address
        st.session_state[_SEEN] = in_address
    return checked_k(st.session_state[_K], dim)


def _turned() -> None:
    asked = st.session_state[_KEY].get("asked")
    if isinstance(asked, dict):
        st.session_state[_K] = str(asked.get("k"))


def _settled() -> None:
    """Write K into the address once the dial rests: not at every value on the way, which would fill the history."""
    value = str(st.session_state[_KEY].get("settled"))
    if value not in WholeNumbers(1, 2 * FULL_BITS):
        return  # not from our dial
    st.session_state[_K] = value
    if value == str(DEFAULT_K):
        st.query_params.pop("k", None)
    else:
        st.query_params["k"] = value
    st.session_state[_SEEN] = st.query_params.get("k")


def _chosen_chain() -> tuple[int, Any]:
    state = st.session_state.get(_KEY) or {}
    index, asked = state.get("chain"), state.get("asked")
    chain = index if isinstance(index, int) and 0 <= index < CHAINS else 0
    return chain, (asked.get("n") if isinstance(asked, dict) else None)


def play(source: Source, played: Chain, *, k: int) -> None:
    """Show a chain of back-and-forth moves with `k` voided entries."""
    index, number = _chosen_chain()
    data = payload(source, played, k=k, index=index) | {"answers": number}
    _component(
        key=_KEY,
        data=data,
        on_asked_change=_turned,
        on_chain_change=lambda: None,
        on_settled_change=_settled,
    )


def payload(source: Source, played: Chain, *, k: int, index: int) -> dict[str, Any]:
    """Everything that is drawn; arrays as base64 text."""
    trained = chain_source.model(source)
    half, cell = chain_source.extent(trained)
    steps, chains = played.accepted.shape
    assert played.order_back is not None
    assert played.order_forward is not None
    terms = move_terms(trained, played, index, k=k).table()
    rate = float(played.accepted.float().mean())
    return {
        "token": f"{source.name} {source.stamp}",
        "k": k,
        "dim": trained.dim,
        "bits": trained.config.bits,
        "steps": steps,
        "chains": chains,
        "half": half,
        "cell": cell,
        "landscape": plots.text(chain_source.background(source)),
        "x": plots.text(pack(played.x.numpy())),
        "proposal": plots.text(pack(played.proposal.numpy())),
        # Erasure runs from the last entry of its order backwards, the refill from left to right.
        "back": plots.text(played.order_back.flip(-1)[..., :k].byte().numpy()),
        "forward": plots.text(played.order_forward[..., trained.dim - k :].byte().numpy()),
        "accepted": plots.text(played.accepted.byte().numpy()),
        "log_alpha": plots.text(played.log_alpha.float().numpy()),
        "terms": {
            "chain": index,
            "rows": np.nan_to_num(terms.numpy()).round(4).tolist(),
        },
        "sums": sums(trained, played),
        "alt": f"{chains} chains making {steps} back-and-forth moves with K = {k} over the energy landscape of "
        f"{trained.config.dataset}. {rate:.0%} of the moves were accepted.",
    }


def sums(trained: Model, played: Chain) -> list[tuple[str, str, str]]:
    """What all chains did, in three numbers with their meaning."""
    accepted = played.accepted
    changed = (played.proposal != played.x[:-1]).sum(-1).float()
    xy = chain_source.positions(trained, played.x)
    jumps = np.linalg.norm(np.diff(xy, axis=0), axis=-1)[accepted.numpy()]
    return [
        (
            "moves accepted",
            f"{accepted.float().mean():.0%}",
            f"{int(accepted.sum())} of {accepted.numel()} moves",
        ),
        (
            "bits changed a move",
            f"{changed.mean():.1f}",
            "void bits that came back with the other value",
        ),
        ("median jump", _number(jumps), "distance in the plane, accepted moves only"),
    ]


def _number(values: np.ndarray) -> str:
    return f"{np.median(values):.2g}" if values.size else "none"


def npz(played: Chain) -> bytes:
    """Chains as a file: x (steps + 1, chains, D) and accept (steps, chains), both uint8."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        x=played.x.numpy(),
        accept=played.accepted.byte().numpy(),
    )
    return buffer.getvalue()


def csv(trained: Model, played: Chain) -> str:
    """One line a state: where the chain stands and, but for the first, how it came there."""
    xy, bits = chain_source.positions(trained, played.x), played.x.numpy()
    lines = ["step,chain,x,y,accepted,log_alpha,bits"]
    for step, chain in np.ndindex(bits.shape[:2]):
        came = f"{int(played.accepted[step - 1, chain])},{played.log_alpha[step - 1, chain]:.6g}" if step else ","
        word = "".join(map(str, bits[step, chain]))
        lines.append(f"{step},{chain + 1},{xy[step, chain, 0]:.6g},{xy[step, chain, 1]:.6g},{came},{word}")
    return "\n".join(lines) + "\n"
