"""How fast back-and-forth moves on a lattice forget, beside Gibbs sampling and cluster moves; moves to play.

Memory is the autocorrelation of an observable A in equilibrium, rho(t) = <(A_0 - mu)(A_t - mu)> / <(A - mu)^2>, with mu
known: 0 for the magnetisation by symmetry, Kaufman's mean for the energy. Chains start from exact samples, so every moment
serves as an origin. Cost is counted in sites drawn anew: K of a back-and-forth move, all of a sweep or of a cluster move.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from ebgfn.mcmc import BackAndForth, run_chain
from ebgfn.model import Model
from ebgfn.nets.lattice import at_sigma
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.exact import Lattice

# The longest that is watched, in sweeps and in moves. On a free core any K takes one to two seconds.
CHAINS, SWEEPS, MAX_MOVES, LIMIT_S = 64, 10, 400, 1.4
MIN_MOVES = 6
# Gibbs and cluster moves cost a thousandth: more of them, so that their own errors cannot be seen.
PEER_CHAINS, PEER_MOVES = 512, 20

Series = Float[np.ndarray, "states chains"]
Lags = Float[np.ndarray, " lags"]
Bits = UInt8[np.ndarray, "chains dim"]


@dataclass(frozen=True)
class Memory:
    """A kernel's autocorrelation at lags 0, 1, .. moves, with standard errors over chains.

    A move draws `sites` sites anew and makes `passes` passes through the network; `seconds` are those of one move of one
    of `chains` chains side by side, on the machine that measured.
    """

    kernel: str
    k: int | None
    chains: int
    moves: int
    sites: int
    passes: int
    seconds: float
    acceptance: float
    magnetisation: Lags
    magnetisation_se: Lags
    energy: Lags
    energy_se: Lags


def autocorrelation(series: Series) -> tuple[Lags, Lags]:
    """rho and its standard error from chains in equilibrium whose mean is 0; lags up to half the moves watched."""
    moves = len(series) - 1
    square = np.mean(series**2, axis=0)
    scale = max(float(square.mean()), 1e-30)
    rho, se = [], []
    for lag in range(moves // 2 + 1):
        product = np.mean(series[: moves + 1 - lag] * series[lag:], axis=0)
        rho.append(float(product.mean()) / scale)
        # That of a ratio of two means.
        se.append(float((product - rho[-1] * square).std(ddof=1)) / scale / math.sqrt(len(square)))
    return np.array(rho), np.array(se)


class _Watch:
    """Magnetisation and energy of chains, less their means, move by move, and the time that the moves take."""

    def __init__(self, lattice: Lattice, x: Bits):
        self.lattice, self.mean = lattice, kaufman.mean_energy(lattice.side, lattice.sigma)
        self.magnetisation: list[np.ndarray] = []
        self.energy: list[np.ndarray] = []
        self.seconds = 0.0
        self._look(x)

    def _look(self, x: Bits) -> None:
        self.magnetisation.append(2.0 * x.mean(1, dtype=np.float64) - 1.0)
        self.energy.append(self.lattice.energy(x) - self.mean)

    def move(self, step: Callable[[], Bits]) -> None:
        """Make one move, which returns the new states."""
        began = time.perf_counter()
        x = step()
        self.seconds += time.perf_counter() - began
        self._look(x)

    def memory(self, kernel: str, *, sites: int, k: int | None = None, acceptance: float = 1.0) -> Memory:
        chains, moves = len(self.energy[0]), len(self.energy) - 1
        return Memory(
            kernel,
            k,
            chains,
            moves,
            sites,
            2 * k if k else 0,
            self.seconds / moves / chains,
            acceptance,
            *autocorrelation(np.stack(self.magnetisation)),
            *autocorrelation(np.stack(self.energy)),
        )


def compare(
    model: Model, *, sigma: float, k: int, seed: int = 0, chains: int = CHAINS, limit_s: float = LIMIT_S
) -> Iterator[Memory]:
    """Gibbs, cluster moves, then back-and-forth moves of `k` sites, which end early once `limit_s` seconds are spent."""
    lattice, rng = Lattice(model.config.side, sigma), np.random.default_rng(seed)
    x = lattice.sample(PEER_CHAINS, rng)
    for name, move in (("Gibbs", lattice._gibbs), ("Clusters", lattice._flip_clusters)):
        yield _peer(name, lattice, move, x, rng)
    here, generator = at_sigma(model, sigma), torch.Generator().manual_seed(seed)
    kernel = BackAndForth(here.energy, here.policy, k)
    state, accepted = kernel.init(torch.from_numpy(x[:chains]).float()), []
    watch = _Watch(lattice, x[:chains])

    def step() -> Bits:
        nonlocal state
        state, info = kernel.step(state, generator)
        accepted.append(info.accepted.float().mean().item())
        return state.x.byte().numpy()

    most = min(MAX_MOVES, max(MIN_MOVES, SWEEPS * model.dim // k))
    while len(accepted) < most and (watch.seconds < limit_s or len(accepted) < MIN_MOVES):
        watch.move(step)
    yield watch.memory("Back-and-forth", sites=k, k=k, acceptance=float(np.mean(accepted)))


def _peer(name: str, lattice: Lattice, move: Callable, x: Bits, rng: np.random.Generator) -> Memory:
    """A kernel that moves spins in place and draws every site of each chain anew."""
    spins = 2 * x.astype(np.int8) - 1
    watch = _Watch(lattice, x)

    def step() -> Bits:
        move(spins, rng)
        return (spins > 0).astype(np.uint8)

    for _ in range(PEER_MOVES):
        watch.move(step)
    return watch.memory(name, sites=lattice.dim)


@dataclass(frozen=True)
class Moves:
    """Back-and-forth moves of one chain: states, the start first, proposals, and the order in which sites were filled."""

    x: UInt8[np.ndarray, "states dim"]
    proposal: UInt8[np.ndarray, "moves dim"]
    filled: Int[np.ndarray, "moves k"]
    accepted: Bool[np.ndarray, " moves"]
    log_alpha: Float[np.ndarray, " moves"]


def play(model: Model, *, sigma: float, k: int, moves: int, seed: int) -> Moves:
    """Make `moves` moves of `k` sites from an exact sample, which depends on the seed but not on K."""
    here = at_sigma(model, sigma)
    x = torch.from_numpy(Lattice(model.config.side, sigma).sample(1, np.random.default_rng(seed))).float()
    generator = torch.Generator().manual_seed(seed)
    chain = run_chain(BackAndForth(here.energy, here.policy, k), x, steps=moves, generator=generator)
    assert chain.order_forward is not None
    filled = chain.order_forward[:, 0, model.dim - k :]
    parts = (chain.x[:, 0], chain.proposal[:, 0], filled, chain.accepted[:, 0], chain.log_alpha[:, 0])
    return Moves(*(part.numpy() for part in parts))
