"""Markov chains on {0, 1}^D: what a kernel is, the Metropolis-Hastings decision, and the one loop that runs a chain.

A kernel leaves p(x) = exp(-E(x)) / Z invariant. It holds no state: `init` makes a state, `step` returns the next one
with what happened on the way. Many chains run side by side as rows of one batch.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.states import Batch, Vectors


@dataclass(frozen=True)
class ChainState:
    """Where the chains stand; energy (and gradient, for kernels that use one) is kept so that no step asks twice."""

    x: Vectors
    energy: Batch
    gradient: Vectors | None = None


@dataclass(frozen=True)
class StepInfo:
    """What one step tried and whether it was taken.

    `voided` marks the entries that were drawn anew. A back-and-forth move also tells in which order: column t of
    `order_forward` is the t-th entry filled, so the last K columns play the refill; those of `order_back`, read from
    the last one backwards, play the erasure.
    """

    accepted: Bool[Tensor, " batch"]
    log_alpha: Batch
    proposal: Vectors
    voided: Bool[Tensor, "batch dim"]
    order_back: Int[Tensor, "batch dim"] | None = None
    order_forward: Int[Tensor, "batch dim"] | None = None


@runtime_checkable
class Kernel(Protocol):
    """A Markov kernel. `network_passes` counts every pass through a network of a step, a backward pass as two, so that
    kernels can be compared at equal cost."""

    @property
    def energy(self) -> Energy:
        """Whose exp(-E) the kernel leaves invariant."""
        ...

    @property
    def network_passes(self) -> int:
        """Of one step and one chain, through energy and policy."""
        ...

    def init(self, x: Vectors) -> ChainState:
        """State of one chain a row. Errors: ValueError if rows are not of 0 and 1, as many as the energy has variables."""
        ...

    def step(self, state: ChainState, generator: torch.Generator) -> tuple[ChainState, StepInfo]:
        """The next state of each chain, and what was tried on the way."""
        ...


@dataclass(frozen=True)
class Chain:
    """States of all chains, the start first, and what each step did. `x` and `proposal` hold bits."""

    x: UInt8[Tensor, "states chains dim"]
    accepted: Bool[Tensor, "steps chains"]
    log_alpha: Float[Tensor, "steps chains"]
    proposal: UInt8[Tensor, "steps chains dim"]
    voided: Bool[Tensor, "steps chains dim"]
    order_back: Int[Tensor, "steps chains dim"] | None = None
    order_forward: Int[Tensor, "steps chains dim"] | None = None


def run_chain(kernel: Kernel, x: Vectors, *, steps: int, generator: torch.Generator) -> Chain:
    """Run one chain from each row of `x`. Errors: ValueError if there is no step, or rows are not of 0 and 1."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    state = kernel.init(x)
    states, infos = [state.x.byte()], []
    for _ in range(steps):
        state, info = kernel.step(state, generator)
        states.append(state.x.byte())
        infos.append(info)
    return Chain(
        x=torch.stack(states),
        accepted=torch.stack([i.accepted for i in infos]),
        log_alpha=torch.stack([i.log_alpha for i in infos]),
        proposal=torch.stack([i.proposal.byte() for i in infos]),
        voided=torch.stack([i.voided for i in infos]),
        order_back=_orders([i.order_back for i in infos]),
        order_forward=_orders([i.order_forward for i in infos]),
    )


def _orders(parts: list[Tensor | None]) -> Tensor | None:
    kept = [p.short() for p in parts if p is not None]
    return torch.stack(kept) if kept else None


def start(energy: Energy, x: Vectors, *, with_gradient: bool = False) -> ChainState:
    """State at `x`, whose entries must be 0 or 1 and as many as the energy has variables."""
    if x.ndim != 2 or x.shape[1] != energy.dim or not ((x == 0) | (x == 1)).all():
        raise ValueError(f"x must hold rows of {energy.dim} entries, each 0 or 1; got shape {tuple(x.shape)}")
    return state_at(energy, x, with_gradient=with_gradient)


def state_at(energy: Energy, x: Vectors, *, with_gradient: bool) -> ChainState:
    """Evaluate the energy, and dE/dx where asked, at `x`."""
    if not with_gradient:
        with torch.no_grad():
            return ChainState(x, energy(x))
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        value = energy(leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return ChainState(x, value.detach(), gradient)


def metropolis(
    old: ChainState, new: ChainState, log_alpha: Batch, generator: torch.Generator
) -> tuple[ChainState, Bool[Tensor, " batch"]]:
    """Take each row of `new` with probability min(1, exp(log_alpha)), else keep that of `old`."""
    accepted = torch.rand(log_alpha.shape, generator=generator, device=log_alpha.device).log() < log_alpha
    return select(accepted, new, old), accepted


def select(chosen: Bool[Tensor, " batch"], new: ChainState, old: ChainState) -> ChainState:
    """Rows of `new` where chosen, rows of `old` elsewhere."""
    gradient = None
    if new.gradient is not None and old.gradient is not None:
        gradient = torch.where(chosen[:, None], new.gradient, old.gradient)
    x = torch.where(chosen[:, None], new.x, old.x)
    return ChainState(x, torch.where(chosen, new.energy, old.energy), gradient)
