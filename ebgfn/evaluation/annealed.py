"""log Z of an energy on images by annealed importance sampling, from below and from above.

The way leads from independent pixels, E_0(x) = -sum_i log p_0(x_i) with the sampler's own first-step probabilities, to the
energy E along E_beta = (1 - beta) E_0 + beta E. At each beta every chain makes one back-and-forth move: K random pixels are
voided and filled again in one block, by log-odds between those of p_0 and those of the policy in the same proportion; that
is close to what E_beta wants, and Metropolis-Hastings sees to the rest.

Neal, "Annealed importance sampling", 2001. From above: the same way back, starting from samples of the model; Burda et al.,
"Accurate and conservative estimates of MRF log-likelihood using reverse annealing", 2015, arXiv 1412.8566.
"""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.energies import Energy
from ebgfn.policies import Policy, bernoulli_log_prob

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]

SHORTEST, LONGEST = 4, 256


@dataclass(frozen=True)
class Annealed:
    """Where chains ended, the logarithms of their weights, and the share of moves that were accepted."""

    x: Vectors
    log_weight: Batch
    acceptance: float


@dataclass(frozen=True)
class Path:
    """Distributions from independent pixels with log-odds `base` (beta = 0) to exp(-E) (beta = 1)."""

    energy: Energy
    policy: Policy
    base: Float[Tensor, " dim"]

    @classmethod
    def of(cls, energy: Energy, policy: Policy) -> "Path":
        """With what the policy says of the empty picture as base."""
        empty = torch.zeros(1, policy.dim)
        return cls(energy, policy, policy(empty, empty.bool()).value_logits[0])

    def start(self, n: int, generator: torch.Generator) -> Vectors:
        """Exact samples at beta = 0."""
        return (torch.rand(n, self.policy.dim, generator=generator) < torch.sigmoid(self.base)).float()

    def base_energy(self, x: Vectors) -> Batch:
        return -bernoulli_log_prob(self.base.expand_as(x), x).sum(1)

    def move(
        self, x: Vectors, energy: Batch, beta: float, *, k: int, generator: torch.Generator
    ) -> tuple[Vectors, Batch, float]:
        """Void and fill `k` pixels of each row, leaving exp(-E_beta) invariant; returns x, E(x) and the acceptance."""
        batch, dim = x.shape
        mask = torch.rand(batch, dim, generator=generator).argsort(1) >= k
        logits = (1 - beta) * self.base + beta * self.policy(x, mask).value_logits
        drawn = (torch.rand(batch, dim, generator=generator) < torch.sigmoid(logits)).float()
        new = torch.where(mask, x, drawn)
        energy_new = self.energy(new)
        back = ((bernoulli_log_prob(logits, x) - bernoulli_log_prob(logits, new)) * ~mask).sum(1)
        gain = (1 - beta) * (self.base_energy(x) - self.base_energy(new)) + beta * (energy - energy_new)
        accepted = torch.rand(batch, generator=generator).log() < gain + back
        moved = torch.where(accepted.unsqueeze(1), new, x)
        return moved, torch.where(accepted, energy_new, energy), accepted.float().mean().item()


@torch.no_grad()
def anneal(path: Path, x: Vectors, betas: list[float], *, generator: torch.Generator) -> Annealed:
    """Lead chains through `betas` in the order given; the first is the one that `x` are samples of.

    E[weight] = Z(last) / Z(first). Upwards from `path.start` it is Z; downwards from samples of the model it is 1 / Z.
    """
    energy, log_weight, taken = path.energy(x), torch.zeros(len(x)), 0.0
    for old, new in itertools.pairwise(betas):
        log_weight += (new - old) * (path.base_energy(x) - energy)
        k = _length(path.policy.dim, generator)
        x, energy, share = path.move(x, energy, new, k=k, generator=generator)
        taken += share / (len(betas) - 1)
    return Annealed(x, log_weight, taken)


def _length(dim: int, generator: torch.Generator) -> int:
    """Number of pixels of a move, log-uniform."""
    shortest, longest = min(SHORTEST, dim), min(LONGEST, dim)
    return round(shortest * (longest / shortest) ** torch.rand(1, generator=generator).item())
