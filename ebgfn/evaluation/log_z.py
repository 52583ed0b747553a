"""What an energy's normaliser is at least, by estimates that know nothing of each other, and whether anything refutes it.

The largest of three counts:

- importance weights with the sampler, a broad family and the regions that a search found as proposals (`defensive`);
- annealing by local moves from a product that knows no sampler (`local_annealing`);
- the mass of all distinct states that the search met (`refutation`).

Each is too low on average. An estimate of Z without bias is above e^b Z with a probability of at most e^-b, so the largest
is a lower bound up to its luck. An upper bound there is none: mass that nothing leads to remains unseen. But where the
energy refines a density there is one (`certificate`): there its estimate is the value, and the three may only refute it.

The energy is *refuted* where these contradict its sampler: then the two are not one distribution, and no figure of the
energy is given.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from scipy.stats import binom
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import usual_schedule
from ebgfn.core.states import Batch, Vectors
from ebgfn.core.weights import Estimate, effective_sample_size, mean_estimate
from ebgfn.evaluation import broad, regions
from ebgfn.evaluation.certificate import Certificate, certify
from ebgfn.evaluation.defensive import Weighted, weigh
from ebgfn.evaluation.local_annealing import log_z_annealed
from ebgfn.evaluation.neighbours import nearest
from ebgfn.evaluation.refutation import Search, energies, search
from ebgfn.nets.refined import RefinedEnergy

# Fewer of the sampler's draws that count tell nothing, not even a standard error.
COUNTING = 10
# Test points that say how far from training data is still usual.
USUAL = 1000


@dataclass(frozen=True)
class Budget:
    """How much is spent: trajectories of the sampler (in `steps`) and draws of each other proposal; chains of the search
    that start broad, and the moves of each; annealed chains, and their temperatures; draws for a certificate."""

    draws: int
    others: int
    chains: int
    moves: int
    annealed: int
    temperatures: int
    steps: int | None = None
    certified: int = 4096


@dataclass(frozen=True)
class Limits:
    """What refutes: estimates further apart than `tolerance` nats beside their errors; where `spurious` is given, more
    chains that started broad ending where no data are than this share, or the sampler's share, and chance explain.

    `arrives`: annealing by local moves is expected to arrive, so that too low is an answer as well.
    """

    tolerance: float
    arrives: bool = True
    spurious: float | None = None


@dataclass(frozen=True)
class LogZ:
    """Estimates of log Z in nats, and what the search found.

    `value`, `se`: the largest estimate, or that of the certificate. `alone`: by the sampler's weights alone. `ess`: see
    `defensive.Weighted`. `highest_log_p`: largest -E(x) - log Z of any state met. `spurious_mass`: share of the chains that
    started broad which ended farther from training data than any test vector is. `refuted_by`: what contradicts the
    sampler, in a word. `energies` of the test vectors. `budget`: what all this was given. `certificate`: bounds that hold
    whatever the search missed, where the energy allows them.
    """

    value: float
    se: float
    by_sampler: Estimate
    annealed: Estimate
    alone: Estimate
    ess: float
    highest_log_p: float
    spurious_mass: float
    refuted_by: str | None
    energies: Batch
    budget: Budget
    certificate: Certificate | None = None

    @property
    def refuted(self) -> bool:
        """Whether anything found contradicts the sampler."""
        return self.refuted_by is not None

    def nll(self) -> dict[str, float]:
        """Mean of E + log Z over the test vectors, in nats, with the error of both; nothing where it is refuted."""
        if self.refuted:
            return {}
        mean = mean_estimate(self.energies)
        told = {"ebm_nll": mean.value + self.value, "ebm_nll_se": math.hypot(mean.se, self.se)}
        return told if self.certificate is None else told | {"ebm_nll_upper": mean.value + self.certificate.upper}

    def figures(self) -> dict[str, Any]:
        """As `evaluate` tells them."""
        told = {
            "log_z": self.value,
            "log_z_se": self.se,
            "log_z_sampler": self.by_sampler.value,
            "log_z_annealed": self.annealed.value,
            "refuted": self.refuted,
            "highest_log_p": self.highest_log_p,
            "spurious_mass": self.spurious_mass,
            "ess": self.ess,
            "annealed_chains": self.budget.annealed,
            "annealed_temperatures": self.budget.temperatures,
            "search_chains": self.budget.chains,
            "search_moves": self.budget.moves,
        }
        lower = self.value if self.certificate is None else self.certificate.lower
        told |= {"log_z_lower": lower} if lower > -math.inf else {}
        if self.certificate is not None:
            told |= {"log_z_upper": self.certificate.upper}
        return told | ({"refuted_by": self.refuted_by} if self.refuted else {})


def log_z(
    energy: Energy,
    policy: Policy,
    *,
    train: Float[Tensor, "train dim"],
    test: Float[Tensor, "test dim"],
    budget: Budget,
    limits: Limits,
    generator: torch.Generator,
) -> LogZ:
    """All estimates and the search, of an energy beside the sampler that is to know it."""
    refined = isinstance(energy, RefinedEnergy)
    # The sampler in the steps of the density that an energy refines: their weights are bounded.
    schedule = energy.schedule if refined else usual_schedule(policy, k=energy.dim, steps=budget.steps)
    found = search(
        energy, policy, train, chains=budget.chains, moves=budget.moves, schedule=schedule, generator=generator
    )
    means = train.mean(0)
    others = [(broad.family(means), budget.others), (regions.proposals(energy, found), budget.others)]
    weighted = weigh(energy, policy, others, draws=budget.draws, schedule=schedule, generator=generator)
    annealed = log_z_annealed(
        energy,
        broad.softened(means),
        chains=budget.annealed,
        temperatures=budget.temperatures,
        generator=generator,
    )
    largest = largest_of(weighted.log_z, annealed, Estimate(found.log_mass, 0.0))
    certificate = certify(energy, draws=budget.certified, generator=generator) if refined else None
    value = largest if certificate is None else certificate.estimate
    spurious, of_sampler = (spurious_mass(x, train, test) for x in (found.broad_ends, weighted.x))
    of_test = energies(energy, test)
    lost = math.isnan(value.value + annealed.value)
    lost = lost or no_numbers(-found.energies, -of_test, *weighted.log_w, weighted.alone)
    by = "number" if lost else refuted_by(found, weighted, annealed, limits)
    if by is None and limits.spurious is not None:
        by = "chains" if too_many(spurious, len(found.broad_ends), max(limits.spurious, of_sampler)) else None
    if by is None and certificate is not None:
        by = against(certificate, largest, weighted.log_z_alone, limits)
    if by is None and of_test.mean().item() + value.value > energy.dim * math.log(2) + limits.tolerance:
        by = "guessing"
    return LogZ(
        value=value.value,
        se=value.se,
        by_sampler=weighted.log_z,
        annealed=annealed,
        alone=weighted.log_z_alone,
        ess=weighted.ess,
        highest_log_p=found.highest - value.value,
        spurious_mass=spurious,
        refuted_by=by,
        energies=of_test,
        budget=budget,
        certificate=certificate,
    )


def no_numbers(*log_p: Tensor) -> bool:
    """Whether any log-probability is no number, or infinite."""
    return any(bool((part.isnan() | (part == torch.inf)).any()) for part in log_p)


def against(certificate: Certificate, largest: Estimate, alone: Estimate, limits: Limits) -> str | None:
    """What contradicts a certificate: more mass than it allows, or a sampler that knows of less than there is."""
    if largest.value - 2 * largest.se > certificate.upper:
        return "certificate"
    return "region" if _above(certificate.estimate, alone, limits.tolerance) else None


def largest_of(*estimates: Estimate) -> Estimate:
    """The largest, but none for its noise: a later one must be above by three standard errors of the difference."""
    largest = estimates[0]
    for other in estimates[1:]:
        if (other.se == 0.0 and other.value > largest.value) or _above(other, largest, 0.0, errors=3):
            largest = other
    return largest


def refuted_by(found: Search, weighted: Weighted, annealed: Estimate, limits: Limits) -> str | None:
    """Which estimate contradicts the sampler's: a state or some, a region, annealing; None if they agree."""
    alone, by_all = weighted.log_z_alone, weighted.log_z
    if _above(Estimate(found.log_mass, 0.0), alone, limits.tolerance):
        return "state"
    if _above(by_all, alone, limits.tolerance):
        return "region"
    if _above(annealed, by_all, limits.tolerance) or (limits.arrives and _above(by_all, annealed, limits.tolerance)):
        return "annealing"
    if effective_sample_size(weighted.alone) * len(weighted.alone) < COUNTING:
        return "weights"
    return None


def _above(higher: Estimate, lower: Estimate, tolerance: float, *, errors: float = 2) -> bool:
    """Whether two estimates differ by more than the tolerance beside two standard errors of their difference."""
    return higher.value - lower.value > tolerance + errors * math.hypot(higher.se, lower.se)


def spurious_mass(ends: Vectors, train: Float[Tensor, "train dim"], test: Float[Tensor, "test dim"]) -> float:
    """Share of chain ends that differ from their nearest training vector in more entries than any test vector does."""
    usual = nearest(test[:USUAL], train)[1].max()
    return (nearest(ends, train)[1] > usual).float().mean().item()


def too_many(share: float, n: int, expected: float) -> bool:
    """Whether so large a share of `n` chains happens with a probability below 0.025 where `expected` is the true share.

    That the sampler goes there as well is no contradiction: models worse than the data have tails that the data lack.
    """
    return bool(binom.sf(round(share * n) - 1, n, expected) < 0.025)
