"""What the chain player is sent, what it reports back, and its files.

It reports the K that its dial asks for, while it is being moved, and the chain that was chosen. K lives in the address as
`k`; there it is untrusted text, like everything that a browser sends.
"""

from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import UInt8, UInt32

from ebgfn.mcmc import Chain
from ebgfn.model import Model
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.problems.plane.mixing import move_terms
from ebgfn.samples import to_csv, to_npz
from ebgfn.ui.chains import simulation
from ebgfn.ui.chains.simulation import CHAINS, DEFAULT_K, Settings
from ebgfn.ui.components import chain_player
from ebgfn.ui.components._shared import packed
from ebgfn.ui.components._shared.dial import Dial
from ebgfn.ui.shell import address, downloads, models
from ebgfn.ui.shell.models import StoredModel

_KEY = "chain_player"


DIAL = address.BoundDial(_KEY, "k", str(DEFAULT_K), address.stepped(1, 2 * FULL_BITS))


def chosen_k(dim: int) -> int:
    """K of this session, 1..dim."""
    return DIAL.whole(1, dim, "K")


def play(source: StoredModel, played: Chain, *, k: int) -> None:
    """Show a chain of back-and-forth moves with `k` voided entries."""
    index = (st.session_state.get(_KEY) or {}).get("chain")
    index = index if isinstance(index, int) and 0 <= index < CHAINS else 0
    dial = Dial(DIAL, "K", k, 1, played.x.shape[-1], ("one bit", "all bits: a fresh sample"))
    chain_player.draw(payload(source, played, k=k, index=index), dial)


def pack(x: UInt8[np.ndarray, "*rows dim"]) -> UInt32[np.ndarray, "*rows"]:
    """Bits of each row as one word, entry i in bit i."""
    return (x.astype(np.uint32) << np.arange(x.shape[-1], dtype=np.uint32)).sum(-1, dtype=np.uint32)


def payload(source: StoredModel, played: Chain, *, k: int, index: int) -> dict[str, Any]:
    """Everything that is drawn; arrays as base64 text."""
    trained = models.load(source)
    half, cell = simulation.extent(trained)
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
        "landscape": packed(simulation.background(source)),
        "x": packed(pack(played.x.numpy())),
        "proposal": packed(pack(played.proposal.numpy())),
        # Erasure runs from the last entry of its order backwards, the refill from left to right.
        "back": packed(played.order_back.flip(-1)[..., :k].byte().numpy()),
        "forward": packed(played.order_forward[..., trained.dim - k :].byte().numpy()),
        "accepted": packed(played.accepted.byte().numpy()),
        "log_alpha": packed(played.log_alpha.float().numpy()),
        "terms": {"chain": index, "rows": np.nan_to_num(terms.numpy()).round(4).tolist()},
        "sums": sums(trained, played),
        "alt": f"{chains} chains making {steps} back-and-forth moves with K = {k} over the energy landscape of "
        f"{trained.config.dataset}. {rate:.0%} of the moves were accepted.",
    }


def sums(trained: Model, played: Chain) -> list[tuple[str, str, str]]:
    """What all chains did, in three numbers with their meaning."""
    accepted = played.accepted
    changed = (played.proposal != played.x[:-1]).sum(-1).float()
    xy = simulation.positions(trained, played.x)
    jumps = np.linalg.norm(np.diff(xy, axis=0), axis=-1)[accepted.numpy()]
    median = f"{np.median(jumps):.2g}" if jumps.size else "none"
    share = f"{int(accepted.sum())} of {accepted.numel()} moves"
    return [
        ("moves accepted", f"{accepted.float().mean():.0%}", share),
        ("bits changed per move", f"{changed.mean():.1f}", "erased bits that came back with the other value"),
        ("median jump", median, "distance in the plane, accepted moves only"),
    ]


def files(source: StoredModel, played: Chain, *, k: int, settings: Settings) -> None:
    """The chains as arrays and as text."""
    name, about = f"{source.name}-k{k}-seed{settings.seed}", {"model": source.name, "k": k, **vars(settings)}
    with st.container(horizontal=True):
        text = "x (steps + 1, chains, bits), accepted and log_alpha (steps, chains)"
        downloads.button("Chains (NPZ)", lambda: npz(played, about), f"{name}.npz", text)
        text = "a line for each state"
        downloads.button("Chains (CSV)", lambda: csv(models.load(source), played), f"{name}.csv", text)


def npz(played: Chain, about: dict[str, Any]) -> bytes:
    """Chains as a file: states and, of each move, whether it was accepted and its log alpha."""
    accepted = played.accepted.byte().numpy()
    return to_npz(played.x.numpy(), about=about, accepted=accepted, log_alpha=played.log_alpha.float().numpy())


def csv(trained: Model, played: Chain) -> str:
    """One line a state: where the chain stands and, but for the first, how it came there."""
    steps, chains, dim = played.x.shape
    xy = simulation.positions(trained, played.x).reshape(-1, 2).astype(float)
    first = [""] * chains
    return to_csv(
        played.x.numpy().reshape(-1, dim),
        step=np.repeat(np.arange(steps), chains),
        chain=np.tile(np.arange(1, chains + 1), steps),
        x=xy[:, 0],
        y=xy[:, 1],
        accepted=[*first, *played.accepted.int().flatten().tolist()],
        log_alpha=[*first, *played.log_alpha.flatten().tolist()],
    )
