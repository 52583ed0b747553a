"""Images made on the spot: samples, completions, chains, energies; made once for all visitors."""

import time
from concurrent.futures import wait
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Bool, Float, Int, UInt8

from ebgfn.core.schedules import best_schedule, cost, fill_schedule, usual_schedule
from ebgfn.core.states import ranks, void_last
from ebgfn.core.trajectories import orders, walk
from ebgfn.mcmc import BackAndForth
from ebgfn.problems.images import sets
from ebgfn.ui.digits import IMAGES
from ebgfn.ui.shell import models
from ebgfn.ui.shell.background import on_all_cores, submit
from ebgfn.ui.shell.models import StoredModel

ALL_STEPS = (1, 2, 4, 8, 16, 32, 49, 112, 196, 392, 784)
DATA = 500
# Rows made from one seed together: other rows come from other seeds, so that all cores can work without waiting.
PART = 16

Bits = UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Sheet:
    """Images, the orders in which they were filled, the energy E of each in nats, and the seconds it took to make them."""

    x: Bits
    order: Int[np.ndarray, "n dim"]
    energy: Float[np.ndarray, " n"]
    seconds: float


@dataclass(frozen=True)
class Chains:
    """Back-and-forth moves of several chains: states and energies, proposals, pixels in the order of filling, verdicts.

    `ends`: how many of the void pixels are filled after each block.
    """

    x: UInt8[np.ndarray, "moments n dim"]
    proposal: UInt8[np.ndarray, "moves n dim"]
    filled: Int[np.ndarray, "moves n k"]
    ends: tuple[int, ...]
    log_alpha: Float[np.ndarray, "moves n"]
    accepted: Bool[np.ndarray, "moves n"]
    energy: Float[np.ndarray, "moments n"]


def available() -> dict[str, StoredModel]:
    """Shipped models of images first, then the finished runs of this machine, newest first."""
    return models.with_runs({model.name: model for model, _ in models.shipped_of(IMAGES)}, IMAGES)


def dim(source: StoredModel) -> int:
    """Pixels of a model's images. Errors: ValueError for a model that cannot be read, or not be shown here."""
    found = models.load(source)
    if found.policy is None or found.policy.step_nats is None:
        raise ValueError(
            f"{source.name} fills pixel by pixel where it likes; this page shows samplers that fill in blocks"
        )
    return found.dim


def steps_for(dim: int) -> tuple[int, ...]:
    """Numbers of steps on the dial."""
    return tuple(sorted({min(steps, dim) for steps in ALL_STEPS}))


def nll_above(source: StoredModel, steps: int) -> float:
    """Nats that `steps` block steps cost more than one step a pixel, from the model's own curve."""
    nats = models.load(source).policy.step_nats
    return cost(nats, best_schedule(nats, steps)) - cost(nats, best_schedule(nats, len(nats)))


class Filling:
    """Images being filled on all cores: `x` and `filled` are what is there so far, `sheet` waits for the end.

    Fills what is void, the same number of pixels in each row, all else stays as it is: whole images in the sampler's own
    order, parts in random ones. `steps` None: as many as the usual for a whole image, in proportion. The same seed gives the
    same noise whatever the steps or temperature.
    """

    def __init__(
        self,
        source: StoredModel,
        x: Bits,
        void: Bool[np.ndarray, "n dim"],
        *,
        steps: int | None,
        temperature: float,
        seed: int,
    ):
        self._model, self._temperature, self._seed = models.load(source), temperature, seed
        self._k, self._begun = int(void[0].sum()), time.perf_counter()
        self._schedule = fill_schedule(self._model.policy, k=self._k, steps=steps)
        self.x, self.filled = x.copy(), ~void
        self._futures = [submit(self._part, number) for number in _parts(len(x))]
        self._sheet: Sheet | None = None

    def done(self, *, within_s: float) -> bool:
        """Is there nothing left to fill? Waits no longer than it must."""
        return not wait(self._futures, within_s).not_done

    @property
    def sheet(self) -> Sheet:
        """The images at the end."""
        if self._sheet is None:
            parts = zip(*(future.result() for future in self._futures), strict=True)
            x, order, energy = (torch.cat(tensors).numpy() for tensors in parts)
            seconds = time.perf_counter() - self._begun
            self._sheet = Sheet(x.astype(np.uint8), order.astype(np.int16), energy, seconds)
        return self._sheet

    @torch.no_grad()
    def _part(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        policy, rows = self._model.policy, slice(number * PART, (number + 1) * PART)
        generator = _generator(self._seed, number)
        x = torch.from_numpy(self.x[rows]).float()
        if self._k == self._model.dim:
            order = orders(policy, len(x), k=self._k, generator=generator)
        else:
            order = void_last(torch.from_numpy(self.filled[rows]), generator)
        rank, how = ranks(order).numpy(), {"generator": generator, "temperature": self._temperature}
        for end, step in zip(self._schedule[1:], walk(policy, x, order, schedule=self._schedule, **how), strict=True):
            x = step.x
            self.x[rows], self.filled[rows] = x.numpy().astype(np.uint8), rank < end
        return x, order, self._model.energy(x)


@st.cache_resource(max_entries=64, show_spinner=False)
def sampling(source: StoredModel, n: int, steps: int, temperature: float, seed: int) -> Filling:
    """`n` samples in `steps` block steps, begun by the first visitor who asks."""
    dim = models.load(source).dim
    void = np.full((n, dim), True)
    return Filling(source, np.zeros((n, dim), np.uint8), void, steps=steps, temperature=temperature, seed=seed)


def sampled(source: StoredModel, n: int, steps: int, temperature: float, seed: int) -> Sheet:
    """The same at their end."""
    return sampling(source, n, steps, temperature, seed).sheet


def _parts(n: int) -> range:
    return range(-(-n // PART))


def _generator(seed: int, part: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1009 + part) % 2**63)


@torch.no_grad()
def probabilities(
    source: StoredModel, x: Bits, order: Int[np.ndarray, "1 dim"], filled: tuple[int, ...], temperature: float
) -> Float[np.ndarray, "moments dim"]:
    """What the policy says of every pixel of one image when its first t pixels, in its order, are filled."""
    here = models.load(source)
    rank = ranks(torch.from_numpy(order.astype(np.int64)))
    mask = rank < torch.tensor(filled).unsqueeze(1)
    whole = torch.from_numpy(x).float().expand(len(filled), -1)
    parts = zip(whole.split(PART), mask.split(PART), strict=True)
    logits = on_all_cores(lambda both: here.policy(*both).value_logits, parts)
    return torch.sigmoid(torch.cat(logits) / temperature).numpy()


def energy_of(source: StoredModel, x: Bits) -> Float[np.ndarray, " n"]:
    """Energy of each image in nats: -log p up to log Z, which nobody knows."""
    here = models.load(source)

    @torch.no_grad()
    def part(number: int):
        return here.energy(torch.from_numpy(x[number * PART : (number + 1) * PART]).float())

    return torch.cat(on_all_cores(part, _parts(len(x)))).numpy()


@st.cache_data(max_entries=8, show_spinner=False)
def real(dataset: str) -> Bits | None:
    """Images that no model has seen in training; None where they would have to be downloaded."""
    if dataset == "mnist":
        return sets.shipped_digits()[0]
    return sets.binarised_test(dataset)[:DATA] if sets.available(dataset) else None


@st.cache_data(max_entries=8, show_spinner=False)
def energy_of_real(source: StoredModel) -> Float[np.ndarray, " n"] | None:
    """Energies of `real` images."""
    x = real(models.load(source).config.dataset)
    return None if x is None else energy_of(source, x)


@st.cache_data(max_entries=64, show_spinner=False)
def chains(source: StoredModel, x: Bits, k: int, moves: int, seed: int) -> Chains:
    """Back-and-forth moves of `k` pixels from every row, in the usual number of blocks."""
    here = models.load(source)
    schedule = usual_schedule(here.policy, k=k)
    kernel = BackAndForth(here.energy, here.policy, k, schedule)

    def part(number: int):
        generator = _generator(seed, number)
        state = kernel.init(torch.from_numpy(x[number * PART : (number + 1) * PART]).float())
        told = [(state.x, state.energy)]
        infos = []
        for _ in range(moves):
            state, info = kernel.step(state, generator)
            told.append((state.x, state.energy))
            assert info.order_forward is not None
            infos.append((info.proposal, info.order_forward[:, here.dim - k :], info.log_alpha, info.accepted))
        return *(torch.stack(t) for t in zip(*told, strict=True)), *(torch.stack(t) for t in zip(*infos, strict=True))

    states, energy, proposal, filled, log_alpha, accepted = (
        torch.cat(tensors, dim=1).numpy() for tensors in zip(*on_all_cores(part, _parts(len(x))), strict=True)
    )
    ends = tuple(end - (here.dim - k) for end in schedule[1:])
    bits, new = states.astype(np.uint8), proposal.astype(np.uint8)
    return Chains(bits, new, filled.astype(np.int64), ends, log_alpha, accepted, energy)
