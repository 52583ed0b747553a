"""Where the Digits page gets its models and images from: samples, completions, chains, energies; made once for all."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Bool, Float, Int, UInt8

from ebgfn.core.schedules import best_schedule, cost, fill_schedule, usual_schedule
from ebgfn.core.states import ranks, void_last
from ebgfn.core.trajectories import complete
from ebgfn.mcmc import BackAndForth
from ebgfn.model import WEIGHTS_FILE, Model
from ebgfn.problems.checkpoint import CheckpointError, load
from ebgfn.problems.images import sets
from ebgfn.runs import store
from ebgfn.ui import preview, shipped
from ebgfn.ui.chain_source import Source

MAX_SEED = 2**31 - 1
ALL_STEPS = (1, 2, 4, 8, 16, 32, 49, 112, 196, 392, 784)
DATA = 500
# Rows made from one seed together: other rows come from other seeds, so that all cores can work without waiting.
PART = 16
_workers = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="images")

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


def sources() -> dict[str, Source]:
    """Shipped models of images first, then the finished runs of this machine, newest first."""
    folders = {path.name: path for path in sorted(shipped.root().glob("images-*"))}
    finished = [run for run in store.list_runs() if run.has_checkpoint and run.status.finished]
    folders |= {run.id: run.checkpoint for run in finished if run.config.kind == "images"}
    found = {name: (folder, folder / WEIGHTS_FILE) for name, folder in folders.items()}
    return {n: Source(n, folder, file.stat().st_mtime_ns) for n, (folder, file) in found.items() if file.is_file()}


@st.cache_resource(max_entries=8, show_spinner=False)
def model(source: Source) -> Model:
    """The source's model, shared by all visitors and never changed. Errors: CheckpointError."""
    found = load(source.folder)
    if found.config.kind != "images":
        raise CheckpointError(f"{source.folder} holds no model of images")
    return found


def card(source: Source) -> dict:
    """What `evaluate` said of a shipped model; empty where unknown."""
    return preview.read_card(source.folder)


def steps_for(dim: int) -> tuple[int, ...]:
    """Numbers of steps on the dial."""
    return tuple(sorted({min(steps, dim) for steps in ALL_STEPS}))


def nll_above(source: Source, steps: int) -> float:
    """Nats that `steps` block steps cost more than one step a pixel, from the model's own curve."""
    nats = model(source).policy.step_nats
    return cost(nats, best_schedule(nats, steps)) - cost(nats, best_schedule(nats, len(nats)))


@st.cache_data(max_entries=64, show_spinner=False)
def sampled(source: Source, n: int, steps: int, temperature: float, seed: int) -> Sheet:
    """`n` samples in `steps` block steps. The same seed gives the same noise whatever the steps or temperature."""
    dim = model(source).dim
    void = np.full((n, dim), True)
    return completed(source, np.zeros((n, dim), np.uint8), void, steps=steps, temperature=temperature, seed=seed)


def completed(
    source: Source, x: Bits, void: Bool[np.ndarray, "n dim"], *, steps: int | None, temperature: float, seed: int
) -> Sheet:
    """Fill what is void, the same number of pixels in each row, in random orders; all else stays as it is.

    `steps` None: as many as the usual for a whole image, in proportion.
    """
    here, begun = model(source), time.perf_counter()
    k = int(void[0].sum())
    schedule = fill_schedule(here.policy, k=k, steps=steps)

    def part(number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = slice(number * PART, (number + 1) * PART)
        generator = torch.Generator().manual_seed((seed * 1009 + number) % 2**63)
        start = torch.from_numpy(x[rows]).float()
        order = void_last(torch.from_numpy(~void[rows]), generator)
        made = complete(here.policy, start, order, schedule=schedule, generator=generator, temperature=temperature)
        with torch.no_grad():
            return made.x, order, here.energy(made.x)

    made, order, energy = (torch.cat(tensors) for tensors in zip(*_together(part, len(x)), strict=True))
    seconds = time.perf_counter() - begun
    return Sheet(made.numpy().astype(np.uint8), order.numpy().astype(np.int16), energy.numpy(), seconds)


def _together(part: Callable, n: int) -> list:
    """Results of all parts of `n` rows, made on all cores."""

    def alone(number: int):
        torch.set_num_threads(1)  # threads of torch have settings of their own
        return part(number)

    return list(_workers.map(alone, range(-(-n // PART))))


@torch.no_grad()
def probabilities(
    source: Source, x: Bits, order: Int[np.ndarray, "1 dim"], filled: tuple[int, ...], temperature: float
) -> Float[np.ndarray, "moments dim"]:
    """What the policy says of every pixel of one image when its first t pixels, in its order, are filled."""
    here = model(source)
    rank = ranks(torch.from_numpy(order.astype(np.int64)))
    mask = rank < torch.tensor(filled).unsqueeze(1)
    whole = torch.from_numpy(x).float().expand(len(filled), -1)
    parts = zip(whole.split(PART), mask.split(PART), strict=True)
    logits = list(_workers.map(lambda both: here.policy(*both).value_logits, parts))
    return torch.sigmoid(torch.cat(logits) / temperature).numpy()


def energy_of(source: Source, x: Bits) -> Float[np.ndarray, " n"]:
    """Energy of each image in nats: -log p up to log Z, which nobody knows."""
    here = model(source)

    @torch.no_grad()
    def part(number: int):
        return here.energy(torch.from_numpy(x[number * PART : (number + 1) * PART]).float())

    return torch.cat(_together(part, len(x))).numpy()


@st.cache_data(max_entries=8, show_spinner=False)
def real(dataset: str) -> Bits | None:
    """Images that no model has seen in training; None where they would have to be downloaded."""
    if dataset == "mnist":
        return sets.shipped_digits()[0]
    return sets.binarised_test(dataset)[:DATA] if sets.available(dataset) else None


@st.cache_data(max_entries=8, show_spinner=False)
def energy_of_real(source: Source) -> Float[np.ndarray, " n"] | None:
    """Energies of `real` images."""
    x = real(model(source).config.dataset)
    return None if x is None else energy_of(source, x)


@st.cache_data(max_entries=64, show_spinner=False)
def chains(source: Source, x: Bits, k: int, moves: int, seed: int) -> Chains:
    """Back-and-forth moves of `k` pixels from every row, in the usual number of blocks."""
    here = model(source)
    schedule = usual_schedule(here.policy, k=k)
    kernel = BackAndForth(here.energy, here.policy, k, schedule)

    def part(number: int):
        generator = torch.Generator().manual_seed((seed * 1009 + number) % 2**63)
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
        torch.cat(tensors, dim=1).numpy() for tensors in zip(*_together(part, len(x)), strict=True)
    )
    ends = tuple(end - (here.dim - k) for end in schedule[1:])
    bits, new = states.astype(np.uint8), proposal.astype(np.uint8)
    return Chains(bits, new, filled.astype(np.int64), ends, log_alpha, accepted, energy)
