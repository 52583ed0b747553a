"""One sampler for all couplings of a lattice: a GFlowNet trained against the known Ising energy, without any data.

The energy is given, so only the sampler learns, at all sigma from 0 to MAX_SIGMA at once. At first it learns from heat-bath
chains: many at each of a ladder of sigma, begun in one of the two ground states and swept now and then. One random partial
state of each is trained on; the label of a void site is its conditional probability given all others, which the energy
knows (as in `fast`).

In the last part of the budget trajectory balance takes over: the residual log Z(sigma) + log P_F - log P_B + E of
trajectories from the sampler, squared, and differentiated at a few random steps of each, which leaves the gradient
unbiased. It also teaches log Z(sigma), a curve through KNOTS values.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ebgfn import parallel
from ebgfn.core.policy import bernoulli_log_prob
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, ranks, uniform_orders
from ebgfn.core.trajectories import Trajectories
from ebgfn.core.weights import log_weights
from ebgfn.model import Model
from ebgfn.nets.lattice import KNOTS, MAX_SIGMA, LatticeEnergy, LatticePolicy, LatticeSizes, curve
from ebgfn.nets.torus import adjacency
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler, warm_cosine
from ebgfn.train.source import Source


@dataclass(frozen=True)
class LatticeRecipe:
    """Settings, tuned on 10 x 10 with minutes of one core.

    `rungs` values of sigma have `replicas` chains each. `sites`: void sites that are trained on in each state.
    `balance_share`: share of the budget, at its end, for trajectory balance.
    """

    batch: int = 256
    sites: int = 8
    rungs: int = 64
    replicas: int = 64
    first_sweeps: int = 200
    sweep_every: int = 8
    lr: float = 2e-3
    log_z_lr: float = 0.1
    average: float = 0.999
    clip: float = 1.0
    balance_share: float = 0.15
    sizes: LatticeSizes = LatticeSizes(hidden=256, depth=2)


class Chains:
    """The known energy, and at each rung of sigma the chains that the sampler learns from."""

    def __init__(self, energy: LatticeEnergy, recipe: LatticeRecipe):
        self.averaged = energy
        device = energy.device
        self.sigma = (torch.arange(recipe.rungs, device=device) + 0.5) / recipe.rungs * MAX_SIGMA
        # Which of the two ground states does not matter: each drawn state is turned over by a coin.
        self.spins = torch.ones(recipe.rungs, recipe.replicas, energy.dim, device=device)
        self._adjacency = torch.from_numpy(adjacency(energy.side)).float().to(device)
        self.balancing = False
        self._classes = independent_classes(self._adjacency)

    def sweep(self, generator: torch.Generator) -> None:
        """Draw every site of every chain anew given its neighbours."""
        fields_at = 4.0 * self.sigma[:, None, None]
        for sites in self._classes:
            p_up = torch.sigmoid(fields_at * (self.spins @ self._adjacency[:, sites]))
            self.spins[:, :, sites] = (
                torch.rand(p_up.shape, generator=generator, device=p_up.device) < p_up
            ).float() * 2.0 - 1.0

    def draw(self, n: int, generator: torch.Generator) -> tuple[Float[Tensor, "batch dim"], Batch]:
        """States of random chains, each turned over by a coin, as spins, and their sigma."""
        device = self.spins.device
        rung = torch.randint(0, len(self.sigma), (n,), generator=generator, device=device)
        replica = torch.randint(0, self.spins.shape[1], (n,), generator=generator, device=device)
        turned = 1.0 - 2.0 * torch.randint(0, 2, (n, 1), generator=generator, device=device)
        return self.spins[rung, replica] * turned, self.sigma[rung]

    def state_dict(self) -> dict[str, Any]:
        return {"spins": self.spins.char(), "balancing": self.balancing}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.spins, self.balancing = state["spins"].float().to(self.spins.device), state["balancing"]


def independent_classes(adjacency: Float[Tensor, "dim dim"]) -> list[Int[Tensor, " sites"]]:
    """Sites in classes without neighbours, each of which can be drawn at once: two on an even lattice."""
    colour: list[int] = []
    for site, row in enumerate(adjacency):
        taken = {colour[other] for other in row[:site].nonzero().flatten().tolist()}
        colour.append(min(set(range(len(taken) + 1)) - taken))
    classes = [[i for i, c in enumerate(colour) if c == k] for k in range(max(colour) + 1)]
    return [torch.tensor(sites, device=adjacency.device) for sites in classes]


class LatticeTrainer(EnergyAndSampler):
    """Our algorithm for a known energy."""

    def __init__(self, model: Model, recipe: LatticeRecipe):
        self.recipe = recipe
        self.energy = Chains(model.energy, recipe)
        sampler = Sampler(model.policy, model.log_z)
        rates = {"log_z": recipe.log_z_lr}
        self.sampler = Learner(sampler, lr=recipe.lr, average=recipe.average, clip=recipe.clip, rates=rates)

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        share = self.recipe.balance_share
        rate = warm_cosine(now.step, now.progress)
        if now.progress >= 1 - share:
            if not self.energy.balancing:
                self._begin_balance(generator)
            return self._balance(rate, generator)
        for _ in range(self.recipe.first_sweeps if now.step == 0 else now.step % self.recipe.sweep_every == 0):
            self.energy.sweep(generator)
        return {"any_order": self.sampler.update(self._any_order(self.sampler.module.policy, generator), rate=rate)}

    def _any_order(self, policy: LatticePolicy, generator: torch.Generator) -> Float[Tensor, ""]:
        """Labels at a few void sites of one random partial state of each drawn chain."""
        spins, sigma = self.energy.draw(self.recipe.batch, generator)
        batch, dim, sites = *spins.shape, self.recipe.sites
        device = spins.device
        place = torch.arange(batch, device=device) + torch.rand(1, generator=generator, device=device)
        filled = (place / batch * dim).long()
        order = uniform_orders(batch, dim, generator)
        partial = spins * (ranks(order) < filled[:, None])
        free = torch.rand(batch, sites, generator=generator, device=device) * (dim - filled[:, None])
        void = free.long() + filled[:, None]
        site = order.gather(1, void.clamp(max=dim - 1))
        around = spins.gather(1, policy.around[site].flatten(1)).view(batch, sites, 4)
        label = torch.sigmoid(4.0 * sigma[:, None] * around.sum(2))
        logit = self._logits(policy, partial, site, sigma, generator)
        return F.binary_cross_entropy_with_logits(logit, label)

    @staticmethod
    def _logits(
        policy: LatticePolicy,
        partial: Float[Tensor, "batch dim"],
        site: Int[Tensor, "batch sites"],
        sigma: Batch,
        generator: torch.Generator,
    ) -> Float[Tensor, "batch sites"]:
        """Log-odds of several sites of each partial state, each looked at from a random turn."""
        sites = site.shape[1]
        turn = torch.randint(0, 8, (site.numel(),), generator=generator, device=site.device)
        rows = partial.repeat_interleave(sites, 0), site.flatten(), sigma.repeat_interleave(sites)
        return policy.logit(*rows, turn).view_as(site)

    def _balance(self, rate: float, generator: torch.Generator) -> dict[str, float]:
        """Trajectory balance on the sampler's own trajectories, at one random sigma."""
        policy, log_z = self.sampler.module.policy, self.sampler.module.log_z
        sigma = torch.rand(1, generator=generator, device=generator.device) * MAX_SIGMA
        drawn = draw(policy.at(sigma.item()), self.recipe.batch, generator)
        log_w = log_weights(self.energy.averaged.at(sigma.item()), drawn)
        log_z_here = curve(log_z, sigma)
        residual = (log_z_here - log_w).detach()
        estimate = self._log_q(policy, drawn, sigma, generator)
        # The gradient of residual^2, with that of log P_F estimated from a few steps.
        loss = (2.0 * residual * (log_z_here + estimate)).mean()
        self.sampler.update(loss, rate=rate)
        return {"balance": residual.square().mean().item()}

    @torch.no_grad()
    def _begin_balance(self, generator: torch.Generator) -> None:
        """Set log Z at the knots to what importance sampling makes of it, which leaves little to learn."""
        sampler = self.sampler
        for knot, sigma in enumerate(torch.linspace(0.0, MAX_SIGMA, KNOTS, device="cpu").tolist()):
            drawn = draw(sampler.averaged.policy.at(sigma), self.recipe.batch, generator)
            log_w = log_weights(self.energy.averaged.at(sigma), drawn)
            log_z = parallel.mean(log_w.logsumexp(0) - math.log(len(log_w)))
            for each in (sampler.module, sampler.averaged):
                each.log_z[knot] = log_z
        self.energy.balancing = True

    def _log_q(
        self, policy: LatticePolicy, drawn: Trajectories, sigma: Float[Tensor, " one"], generator: torch.Generator
    ) -> Batch:
        """Unbiased estimate of the sum of log-probabilities of all values, from a few steps of each trajectory."""
        x, order, taken = drawn.x, drawn.order, self.recipe.sites
        step = torch.randint(0, x.shape[1], (len(x), taken), generator=generator, device=x.device)
        site = order.gather(1, step)
        before = ranks(order).unsqueeze(1) < step.unsqueeze(2)
        spins = (2.0 * x - 1.0).unsqueeze(1) * before
        turn = torch.zeros(site.numel(), dtype=torch.int64, device=x.device)
        logit = policy.logit(spins.flatten(0, 1), site.flatten(), sigma, turn)
        return x.shape[1] / taken * bernoulli_log_prob(logit.view_as(site), x.gather(1, site)).sum(1)
