"""Lattices that a visitor may take away: samples of both kinds, and the picture."""

import io

import numpy as np
import streamlit as st
from jaxtyping import UInt8
from PIL import Image

from ebgfn.samples import to_csv, to_npz
from ebgfn.ui.ising.lattices import Pair, pair
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import downloads

COUNT = 1000


def panel(source: Sampler | None, seen: Pair, seed: int) -> None:
    """Buttons; each file is made when it is asked for."""
    lattice = seen.lattice
    name = f"ising-{lattice.side}x{lattice.side}-{lattice.sigma:g}-seed{seed}"

    def many() -> Pair:
        return pair(source, lattice.side, lattice.sigma, n=COUNT, seed=seed)

    with downloads.panel():
        downloads.entry("Samples (NPZ)", lambda: npz(many(), seed), f"{name}.npz")
        downloads.entry("Samples (CSV)", lambda: csv(many()), f"{name}.csv")
        downloads.entry("Picture (PNG)", lambda: png(seen), f"{name}.png")
        st.caption(
            f"Samples are {COUNT:,} fresh lattices of each, 0 for −1; seed {seed}. The picture is the pair above."
        )


def npz(many: Pair, seed: int) -> bytes:
    """Lattices, rows of each one after the other, and where each comes from, exact or gflownet."""
    x, source = _both(many)
    about = {"sigma": many.lattice.sigma, "side": many.lattice.side, "seed": seed}
    return to_npz(x, about=about, source=source)


def csv(many: Pair) -> str:
    """A line for each lattice."""
    (x, source), lattice = _both(many), many.lattice
    sigma = np.full(len(x), lattice.sigma)
    return to_csv(x, source=source, sigma=sigma, energy=lattice.energy(x), magnetisation=2 * x.mean(1) - 1)


def _both(many: Pair) -> tuple[np.ndarray, np.ndarray]:
    parts = {name: x for name, x in (("exact", many.exact), ("gflownet", many.ours)) if x is not None}
    return np.concatenate(list(parts.values())), np.repeat(list(parts), [len(x) for x in parts.values()])


def png(seen: Pair, *, square: int = 32) -> bytes:
    """The pair side by side, in the colours of the light theme."""
    colours: UInt8[np.ndarray, "2 3"] = np.array([[227, 235, 240], [27, 79, 110]], dtype=np.uint8)
    gap = np.full((seen.lattice.side * square, square, 3), 255, dtype=np.uint8)
    parts = []
    for x in (seen.exact, seen.ours):
        if x is not None:
            pixels = np.kron(x[0].reshape(seen.lattice.side, -1), np.ones((square, square), dtype=np.uint8))
            parts += [colours[pixels], gap]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(parts[:-1], axis=1)).save(buffer, "PNG")
    return buffer.getvalue()
