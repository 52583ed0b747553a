"""Persistent chains of p_phi: moved by the energy alone and by the sampler, begun anew now and then in broad noise.

Local moves need no sampler, so that chains also come where it has never been. Back-and-forth moves are jumps between modes;
one that begins where the energy holds a state for more probable than the sampler does is mostly rejected, so chains gather
where the two models disagree.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ebgfn.core.energy import Energy, tempered
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import best_schedule, draw, even_schedule
from ebgfn.core.states import Vectors
from ebgfn.core.trajectories import Schedule
from ebgfn.mcmc.back_and_forth import BackAndForth
from ebgfn.mcmc.chain import ChainState
from ebgfn.mcmc.gibbs_with_gradients import GibbsWithGradients
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.train.learner import Diverged

# Share of back-and-forth moves that void all entries.
WHOLE = 1 / 3


@dataclass(frozen=True)
class ChainPlan:
    """`chains` of them (0: none), `batch` at a time. Between two uses each makes `local_moves` flips and one move back and
    forth in at most `path_steps` steps, of `k` entries or of as many as chance will have (0); a share `restarts` of them
    begins anew at a time, with `first_moves` flips. At a `temperature` other than 1 they are of exp(-E / temperature)."""

    chains: int = 512
    batch: int = 64
    local_moves: int = 2
    first_moves: int = 60
    path_steps: int = 8
    restarts: float = 0.02
    k: int = 0
    temperature: float = 1.0


PLAN = ChainPlan()


class PersistentChains:
    """States `x`, one a row, that are given out batch by batch and moved when all have been used."""

    def __init__(self, dim: int, plan: ChainPlan, *, device: torch.device):
        self.plan = plan
        self.x: Vectors = torch.empty(0, dim, device=device)
        self._used = plan.chains

    def __len__(self) -> int:
        return len(self.x)

    @torch.no_grad()
    def begin_anew(self, energy: Energy, policy: Policy, noise: BernoulliMixture, generator: torch.Generator) -> None:
        """Some of the chains in broad noise; of chains that were not there half, the others in samples of the policy."""
        plan, device, energy = self.plan, generator.device, tempered(energy, self.plan.temperature)
        if not len(self.x):
            self.x = draw(policy, plan.chains, generator).x
            anew = torch.arange(plan.chains, device=device) % 2 == 0
        else:
            anew = torch.rand(plan.chains, generator=generator, device=device) < plan.restarts
        if anew.any():
            self.x[anew] = flipped(energy, noise.sample(int(anew.sum()), generator), plan.first_moves, generator).x

    @torch.no_grad()
    def next(self, energy: Energy, policy: Policy, generator: torch.Generator) -> Vectors:
        """The next batch. Each state is given out once and then moved: used more often, it would be known by heart."""
        plan = self.plan
        if self._used + plan.batch > len(self.x):
            energy = tempered(energy, plan.temperature)
            mixed = self.x[torch.randperm(len(self.x), generator=generator, device=generator.device)]
            state = flipped(energy, mixed, plan.local_moves, generator)
            k, schedule = move_length(policy, plan.path_steps, generator, k=plan.k)
            jump = BackAndForth(energy, policy, k, schedule)
            self.x, self._used = jump.step(ChainState(state.x, state.energy), generator)[0].x, 0
        self._used += plan.batch
        return self.x[self._used - plan.batch : self._used]

    def some(self, n: int, generator: torch.Generator) -> Vectors:
        """Any `n` of the states as they stand."""
        return self.x[torch.randint(0, len(self.x), (n,), generator=generator, device=generator.device)]

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x.byte(), "used": self._used}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.x, self._used = state["x"].to(self.x), state["used"]


def flipped(energy: Energy, x: Vectors, moves: int, generator: torch.Generator) -> ChainState:
    """After some Gibbs-with-Gradients moves. Errors: Diverged where the energy is no number."""
    kernel = GibbsWithGradients(energy)
    state = kernel.init(x)
    for _ in range(moves):
        if not _finite(state.energy, state.gradient):
            raise Diverged("the energy of a chain became no number")
        state, _ = kernel.step(state, generator)
    return state


def _finite(*parts: Tensor | None) -> bool:
    return all(part is None or bool(part.isfinite().all()) for part in parts)


def move_length(
    policy: Policy, most: int, generator: torch.Generator, *, whole: float = WHOLE, k: int = 0
) -> tuple[int, Schedule]:
    """Entries K of a back-and-forth move, if not given all of them in a share `whole` of cases and else log-uniform, and its
    schedule of at most `most` steps."""
    dim = policy.dim
    which, where = torch.rand(2, generator=generator, device=generator.device).tolist()
    k = min(k, dim) or (dim if which < whole else round(dim**where))
    return k, blocks(policy, k, most)


def blocks(policy: Policy, k: int, most: int) -> Schedule:
    """The best schedule of at most `most` steps for the last `k` entries, as far as the policy's curve tells."""
    steps, start = min(k, most), policy.dim - k
    if policy.step_nats is None:
        return even_schedule(policy.dim, steps, start=start)
    return best_schedule(policy.step_nats, steps, start=start)
