"""log Z of an energy by annealed importance sampling along a sampler's paths, from below and from above.

The way begins at the sampler: a point x together with the order o in which its entries are filled has probability
q(x | o) / D! there. It ends at the energy, where all orders of a point are alike. Between the two,

    p_beta(x, o) ~ q(x | o)^(1 - beta) exp(-beta E(x)).

One kind of move is back-and-forth: void the entries of the last blocks, fill them again in another order by the sampler.
What it proposes is what p_0 wants, so it is accepted with probability min(1, alpha^beta), alpha being the ratio of the
same move at beta = 1. The other kind proposes another order for the same point. A sampler that is close to its energy
needs few temperatures.

Neal, "Annealed importance sampling", 2001. From above: the same way back, starting from samples of the model; Burda et al.,
"Accurate and conservative estimates of MRF log-likelihood using reverse annealing", 2015, arXiv 1412.8566.
"""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy
from ebgfn.core.states import Batch, Orders, Vectors, uniform_orders
from ebgfn.core.trajectories import Schedule, log_prob_steps, log_uniform_steps, walk

# A move proposes an order with this probability; it costs a whole path.
ORDER_SHARE = 0.25


@dataclass(frozen=True)
class Walkers:
    """Points, the orders in which they were filled, the log-probability of each step's values, and E."""

    x: Vectors
    order: Orders
    log_q: Float[Tensor, "batch blocks"]
    energy: Batch

    def rows(self, index: Int[Tensor, " batch"]) -> "Walkers":
        return Walkers(*(part[index] for part in vars(self).values()))

    def or_else(self, accepted: Bool[Tensor, " batch"], other: "Walkers") -> "Walkers":
        """Rows of this where accepted, rows of the other elsewhere."""
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Walkers(*(torch.where(accepted.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in both))


@dataclass(frozen=True)
class Annealed:
    """Where walkers ended, the logarithms of their weights, and the share of moves that were accepted."""

    walkers: Walkers
    log_weight: Batch
    acceptance: float


@dataclass(frozen=True)
class Path:
    """Distributions from a sampler that fills in the blocks of `schedule` (beta = 0) to exp(-E) (beta = 1)."""

    energy: Energy
    policy: Policy
    schedule: Schedule

    def start(self, n: int, generator: torch.Generator) -> Walkers:
        """Exact samples at beta = 0."""
        order = uniform_orders(n, self.policy.dim, generator)
        return self._fill(torch.zeros(n, self.policy.dim, device=generator.device), order, 0, generator)

    def at(self, x: Vectors, generator: torch.Generator) -> Walkers:
        """Given points with random orders: exact samples at beta = 1 if the points are samples of the energy."""
        order = uniform_orders(len(x), self.policy.dim, generator)
        return Walkers(x, order, self._log_q(x, order), self.energy(x))

    def move(self, walkers: Walkers, beta: float, generator: torch.Generator) -> tuple[Walkers, float]:
        """One move of either kind, which leaves p_beta invariant; returns also the share that was accepted."""
        if torch.rand(1, generator=generator, device=generator.device).item() < ORDER_SHARE:
            order = uniform_orders(len(walkers.x), self.policy.dim, generator)
            new = Walkers(walkers.x, order, self._log_q(walkers.x, order), walkers.energy)
            gain = (1 - beta) * (new.log_q.sum(1) - walkers.log_q.sum(1))
        else:
            blocks = len(self.schedule) - 1
            # Few blocks as often as many, by the logarithm of their number.
            first = blocks - round(blocks ** torch.rand(1, generator=generator, device=generator.device).item())
            kept = self.schedule[first]
            shuffled = uniform_orders(len(walkers.x), self.policy.dim - kept, generator)
            order = torch.cat([walkers.order[:, :kept], walkers.order[:, kept:].gather(1, shuffled)], 1)
            filled = self._fill(walkers.x, order, first, generator)
            new = Walkers(filled.x, order, torch.cat([walkers.log_q[:, :first], filled.log_q], 1), filled.energy)
            log_alpha = walkers.energy - new.energy + (walkers.log_q - new.log_q)[:, first:].sum(1)
            gain = beta * log_alpha
        accepted = torch.rand(len(walkers.x), generator=generator, device=generator.device).log() < gain
        return new.or_else(accepted, walkers), accepted.float().mean().item()

    @torch.no_grad()
    def _fill(self, x: Vectors, order: Orders, first: int, generator: torch.Generator) -> Walkers:
        """Draw the blocks from number `first` on; log_q is theirs only."""
        log_q = []
        for step in walk(self.policy, x, order, schedule=self.schedule[first:], generator=generator):
            x = step.x
            log_q.append(step.log_value)
        return Walkers(x, order, torch.stack(log_q, 1), self.energy(x))

    def _log_q(self, x: Vectors, order: Orders) -> Float[Tensor, "batch blocks"]:
        log_pf, _ = log_prob_steps(self.policy, x, order, schedule=self.schedule)
        return log_pf - log_uniform_steps(x.shape[1], self.schedule, device=x.device)[0]


@torch.no_grad()
def anneal(path: Path, walkers: Walkers, betas: list[float], *, generator: torch.Generator) -> Annealed:
    """Lead walkers through `betas` in the order given; the first is the one that they are samples of.

    E[weight] = Z(last) / Z(first). Upwards from `path.start` it is Z; downwards from `path.at` samples of the model, 1 / Z.
    """
    log_weight, taken = torch.zeros_like(walkers.energy), 0.0
    for old, new in itertools.pairwise(betas):
        log_weight += (new - old) * (-walkers.energy - walkers.log_q.sum(1))
        walkers, share = path.move(walkers, new, generator)
        taken += share / (len(betas) - 1)
    return Annealed(walkers, log_weight, taken)
