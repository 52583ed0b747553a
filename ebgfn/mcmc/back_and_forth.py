"""Back-and-forth moves of a GFlowNet: void K entries by P_B, fill K by P_F, then decide by Metropolis-Hastings.

A move x -> s -> x' along given orders is accepted with probability min(1, alpha),

    log alpha = E(x) - E(x') + [log P_B(x' -> s) + log P_F(s -> x)] - [log P_B(x -> s) + log P_F(s -> x')],

each log-probability being that of one path: the reverse move passes through the same s along the same two orders, so
detailed balance holds path by path and no sum over orders is needed. log alpha is the difference of the trajectory
balance residuals of x and x', hence zero for all moves iff the sampler is exact. K = D proposes independently of x.

With a `schedule` (see `ebgfn.core.trajectories`) that begins at D - K the K entries are filled in larger steps, by fewer
calls of the policy. The path from s to x then goes by the same schedule.

Zhang et al., "Generative flow networks for discrete probabilistic modeling", ICML 2022, arXiv 2202.01361.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy, Tractable
from ebgfn.core.states import Batch, Orders, Vectors
from ebgfn.core.trajectories import Schedule, complete, finest, log_ratio, sample_backward
from ebgfn.mcmc.chain import ChainState, StepInfo, metropolis, start, state_at


@dataclass(frozen=True)
class Proposal:
    """A move from `x` to `x_new`: the last k entries of `order_back` were voided, the very last first, and those of
    `order_forward` filled, from left to right. `log_pf`, `log_pb` are log P_F(s -> x_new) and log P_B(x_new -> s)."""

    x: Vectors
    order_back: Orders
    x_new: Vectors
    order_forward: Orders
    k: int
    log_pf: Batch
    log_pb: Batch

    @property
    def start(self) -> int:
        """Number of entries that stay filled in the shared partial state s."""
        return self.x.shape[1] - self.k

    @property
    def voided(self) -> Bool[Tensor, "batch dim"]:
        """Which entries were voided and filled again."""
        return torch.zeros_like(self.x, dtype=torch.bool).scatter(1, self.order_back[:, self.start :], True)


def check_k(k: int, dim: int) -> None:
    """Errors: ValueError if so many entries cannot be voided."""
    if not 1 <= k <= dim:
        raise ValueError(f"k must be in 1..{dim}, got {k}")


@torch.no_grad()
def propose(
    policy: Policy, x: Vectors, k: int, generator: torch.Generator, *, schedule: Schedule | None = None
) -> Proposal:
    """Void `k` entries of each row by P_B and fill them by P_F, one a step or by `schedule`."""
    dim = x.shape[1]
    check_k(k, dim)
    order_back = sample_backward(policy, x, k=k, generator=generator)
    # The refill chooses its own order or has one; a uniform location policy is handed one, so draw it afresh.
    given = policy.learned_location or (policy.order is not None and k == dim)
    order = order_back if given else _shuffle_last(order_back, k, generator)
    new = complete(policy, x, order, schedule=schedule or finest(dim, start=dim - k), generator=generator)
    return Proposal(x, order_back, new.x, new.order, k, new.log_pf, new.log_pb)


def _shuffle_last(order: Orders, k: int, generator: torch.Generator) -> Orders:
    kept, last = order[:, : order.shape[1] - k], order[:, order.shape[1] - k :]
    return torch.cat(
        [kept, last.gather(1, torch.rand(last.shape, generator=generator, device=last.device).argsort(1))], dim=1
    )


@dataclass(frozen=True)
class BackAndForth:
    """Metropolis-Hastings kernel whose proposal is a back-and-forth move of `k` entries, perhaps in blocks."""

    energy: Energy
    policy: Policy
    k: int
    schedule: Schedule | None = None

    def __post_init__(self):
        check_k(self.k, self.policy.dim)
        if self.energy.dim != self.policy.dim:
            raise ValueError(f"energy has {self.energy.dim} variables, policy {self.policy.dim}: they must agree")
        if self.schedule is not None:
            self._check_schedule(self.schedule)

    def _check_schedule(self, schedule: Schedule) -> None:
        dim = self.policy.dim
        if (schedule[0], schedule[-1]) != (dim - self.k, dim):
            raise ValueError(f"a schedule for k = {self.k} must go from {dim - self.k} to {dim}, got {schedule}")
        learned = self.policy.learned_location or self.policy.learned_erasure
        if learned and schedule != finest(dim, start=dim - self.k):
            raise ValueError("steps of several entries need uniform locations and erasure")

    @property
    def network_passes(self) -> int:
        """One of the energy; of the policy one for each entry filled and one for each entry of the path back.

        A policy that is `Tractable` fills all entries in one, and tells each path in two: of the whole and of what stays.
        """
        dim = self.policy.dim
        if isinstance(self.policy, Tractable) and self.schedule in (None, finest(dim, start=dim - self.k)):
            return 1 + 1 + 2 * (1 + (self.k < dim))
        calls = self.k if self.schedule is None else len(self.schedule) - 1
        return 1 + 2 * calls + 4 * calls * self.policy.learned_erasure

    def init(self, x: Vectors) -> ChainState:
        return start(self.energy, x)

    @torch.no_grad()
    def step(self, state: ChainState, generator: torch.Generator) -> tuple[ChainState, StepInfo]:
        move = propose(self.policy, state.x, self.k, generator, schedule=self.schedule)
        new = state_at(self.energy, move.x_new, with_gradient=False)
        ratio = state.energy - new.energy + self._flow_difference(move)
        after, accepted = metropolis(state, new, ratio, generator)
        return after, StepInfo(accepted, ratio, move.x_new, move.voided, move.order_back, move.order_forward)

    @torch.no_grad()
    def log_ratio(self, move: Proposal) -> Batch:
        """log alpha of a move that this kernel's policy proposed."""
        return self.energy(move.x) - self.energy(move.x_new) + self._flow_difference(move)

    def _flow_difference(self, move: Proposal) -> Batch:
        """log P_F - log P_B of the path back to where the move began, less that of the path on to its end."""
        return self._flow_back(move) - (move.log_pf - move.log_pb)

    def _flow_back(self, move: Proposal) -> Batch:
        """log P_F - log P_B of the path from the shared state back to where the move began."""
        schedule = self.schedule or finest(self.policy.dim, start=move.start)
        return log_ratio(self.policy, move.x, move.order_back, schedule=schedule)
