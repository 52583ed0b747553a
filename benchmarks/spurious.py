"""How long a spurious mode, of 30 % of the mass where no data are, lives: until the sampler knows it, until both lost it.

    python -m benchmarks.spurious                                # 8gaussians and digits, every method, seed 0
    python -m benchmarks.spurious --data 8gaussians --limit-s 60 --seed 1

Two clocks for each method, all from the same two models: a shipped energy and the sampler that was trained beside it.

*Found*: the energy is held, with a ball around a random vector (entries flipped with probability 0.05) added to it. Seconds
until the sampler gives the ball 25 to 35 %. Of methods without a sampler, their chains do. Meanwhile ours learns from its
chains alone.
*Lost*: the energy's network has learned the ball, as if 30 % of the data had been in it; the sampler has not. Training goes
on with the true data. Seconds until both energy and sampler (or chains) have less than 1 % there.

The energy's share is measured by weights of draws from the ball and from the sampler; the clocks stop meanwhile.
"""

import argparse
import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.provenance import provenance
from ebgfn.baselines.pcd import PCD, PCDRecipe, advance
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, Vectors
from ebgfn.core.weights import log_mean_exp, log_weights
from ebgfn.files import write_json
from ebgfn.mcmc import GibbsWithGradients
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.products import use_onednn
from ebgfn.problems import of
from ebgfn.problems.checkpoint import load
from ebgfn.shipped import folder
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import Fast
from ebgfn.train.learner import Diverged, Moment
from ebgfn.train.paper import Paper, PaperRecipe

RESULTS = Path(__file__).parent / "results"
MODELS = {"8gaussians": "toy2d-8gaussians", "2spirals": "toy2d-2spirals", "digits": "images-digits"}
SHARE, RATE = 0.3, 0.05
FOUND, LOST = (0.25, 0.35), 0.01
DRAWS, BETWEEN_S = 1000, 0.5
# Steps in which the energy's network learns the ball: its share there stays at SHARE after some two hundred.
CONTAMINATING = 300
NO_CHAINS = ChainPlan(chains=0)


@dataclass(frozen=True)
class Ball:
    """Vectors that differ from `place` by entries flipped with probability RATE."""

    place: Float[Tensor, " dim"]

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        flips = (torch.rand(n, len(self.place), generator=generator) < RATE).float()
        return (self.place - flips).abs()

    def log_prob(self, x: Vectors) -> Batch:
        return torch.where(x == self.place, math.log(1 - RATE), math.log(RATE)).sum(1)

    @property
    def log_odds(self) -> Float[Tensor, " dim"]:
        """Of every entry."""
        return torch.logit((self.place - RATE).abs())

    def holds(self, x: Vectors) -> Tensor:
        """Whether rows are in it: fewer flips than five times as many as usual."""
        return (x != self.place).float().mean(1) < 5 * RATE


class Planted(nn.Module):
    """An energy with the ball added to it; `log_z` is that of the energy alone, so that the ball's share is SHARE."""

    def __init__(self, energy: Any, ball: Ball, log_z: float):
        super().__init__()
        self.dim, self.energy, self.ball, self.log_z = energy.dim, energy, ball, log_z

    def forward(self, x: Vectors) -> Batch:
        return self._joined(self.energy(x), self.ball.log_prob(x))

    def neighbours(self, x: Vectors) -> Vectors:
        step = math.log(RATE) - math.log(1 - RATE)
        turned = torch.where(x == self.ball.place, step, -step)
        return self._joined(self.energy.neighbours(x), self.ball.log_prob(x)[:, None] + turned)

    def _joined(self, energy: Tensor, log_ball: Tensor) -> Tensor:
        return -torch.logaddexp(math.log(1 - SHARE) - energy - self.log_z, math.log(SHARE) + log_ball)


class Held:
    """In place of a learner: a module that no update changes."""

    def __init__(self, module: Any):
        self.module = self.averaged = module
        self.updates = 0

    def update(self, loss: Tensor, *, rate: float = 1.0) -> float:
        self.updates += 1
        return 0.0


class Contaminated:
    """A source of which SHARE comes from the ball."""

    def __init__(self, source: Any, ball: Ball, generator: torch.Generator):
        self._source, self._ball, self._generator = source, ball, generator

    def draw(self, n: int) -> Vectors:
        planted = self._ball.sample(n, self._generator)
        chosen = torch.rand(n, 1, generator=self._generator) < SHARE
        return torch.where(chosen, planted, self._source.draw(n))


class Contaminating(Fast):
    """Ours, by broad noise that knows of the ball, half of it: so what the energy is in the ball is learned there."""

    def __init__(self, model: Model, recipe: Any, ball: Ball):
        super().__init__(model, recipe)
        self._ball = ball

    def _begin(self, source: Any, generator: torch.Generator) -> None:
        super()._begin(source, generator)
        noise = self._noise
        assert noise is not None
        weight = torch.cat([noise.log_weight, torch.zeros(1)]) - math.log(2)
        self._noise = BernoulliMixture(weight, torch.cat([noise.log_odds, self._ball.log_odds[None]]))


class HeldChains:
    """What PCD's chains do while the energy is held."""

    def __init__(self, energy: Any, recipe: PCDRecipe):
        self.kernel, self.recipe = recipe.kernel(energy), recipe
        self.chains: Vectors | None = None

    def step(self, source: Any, now: Moment, generator: torch.Generator) -> None:
        if self.chains is None:
            self.chains = torch.randint(0, 2, (self.recipe.chains, self.kernel.energy.dim), generator=generator).float()
        self.chains = advance(self.kernel, self.chains, steps=self.recipe.sampling_steps, generator=generator)


PCDS = {
    "PCD, Gibbs": PCDRecipe(l1=0.0),
    "PCD, Gibbs-with-Gradients": PCDRecipe(kernel=GibbsWithGradients, sampling_steps=20, l1=0.0),
}


def learners(usual: Any) -> dict[str, Callable[[Model], Any]]:
    """A trainer from a model, for each method; ours as it goes on when it has learned, without decay."""
    ours = replace(usual, warm_share=0.0, teach_share=0.0, start_from="", decay=False, average=0.99, taught=0.5)
    alone = replace(ours, plan=NO_CHAINS, pairs=0.0, joint_rate=0.0)
    return {
        "ours": lambda model: Fast(model, ours),
        "paper": lambda model: Paper(model, PaperRecipe()),
        **{name: lambda model, recipe=recipe: PCD(model, recipe) for name, recipe in PCDS.items()},
        "noise-contrastive estimation": lambda model: Fast(model, alone),
    }


def fresh(model: Model) -> Model:
    """A copy whose weights learn."""
    energy, policy = (copy.deepcopy(part).requires_grad_(True).train() for part in (model.energy, model.policy))
    return replace(model, energy=energy, policy=policy)


def known(trainer: Any, ball: Ball, generator: torch.Generator) -> float:
    """The share that the sampler, or where there is none the chains, have in the ball."""
    if isinstance(trainer, PCD | HeldChains):
        return 0.0 if trainer.chains is None else ball.holds(trainer.chains).float().mean().item()
    return ball.holds(draw(trainer.sampler.averaged.policy, DRAWS, generator).x).float().mean().item()


@torch.no_grad()
def held(energy: Any, policy: Any, ball: Ball, generator: torch.Generator) -> float:
    """The share of the energy's mass in the ball, by weights of draws from the ball and, outside of it, of the sampler's."""
    inside = ball.sample(DRAWS, generator)
    weights = -energy(inside) - ball.log_prob(inside)
    of_ball = log_mean_exp(weights.masked_fill(~ball.holds(inside), -math.inf)).value
    drawn = draw(policy, DRAWS, generator)
    rest = log_mean_exp(log_weights(energy, drawn).masked_fill(ball.holds(drawn.x), -math.inf)).value
    return torch.sigmoid(torch.tensor(of_ball - rest)).item()


def seconds(
    trainer: Any, source: Any, done: Callable[[], bool], *, limit_s: float, generator: torch.Generator
) -> float:
    """Of training until `done`, looked at twice a second; infinite beyond the limit."""
    spent, looked, step = 0.0, 0.0, 0
    while spent < limit_s:
        clock = time.perf_counter()
        trainer.step(source, Moment(1000 + step, 0.5), generator)
        step, spent = step + 1, spent + time.perf_counter() - clock
        if spent - looked >= BETWEEN_S:
            looked = spent
            if done():
                return spent
    return math.inf


def until_found(
    name: str, model: Model, recipe: Any, ball: Ball, *, limit_s: float, generator: torch.Generator
) -> float:
    """Seconds until FOUND, the energy being held."""
    log_z = log_mean_exp(log_weights(model.energy, draw(model.policy, 4 * DRAWS, generator))).value
    planted = Planted(model.energy, ball, log_z)
    if name in PCDS:
        trainer: Any = HeldChains(planted, PCDS[name])
    else:
        trainer = learners(recipe)[name](fresh(model))
        trainer.energy = Held(planted)
        if isinstance(trainer, Fast):  # of a given energy data have nothing to say
            trainer.recipe = replace(trainer.recipe, taught=1.0)

    def done() -> bool:
        return FOUND[0] <= known(trainer, ball, generator) <= FOUND[1]

    return seconds(trainer, model.config.source(), done, limit_s=limit_s, generator=generator)


def until_lost(
    name: str, model: Model, recipe: Any, ball: Ball, *, limit_s: float, generator: torch.Generator
) -> float:
    """Seconds until LOST, by an energy that has learned the ball; `model` has its sampler still."""
    trainer = learners(recipe)[name](fresh(model))
    pair = isinstance(trainer, PCD)

    def done() -> bool:
        energy = trainer.averaged if pair else trainer.energy.averaged
        policy = model.policy if pair else trainer.sampler.averaged.policy
        shares = held(energy, policy, ball, generator), known(trainer, ball, generator)
        return max(shares) < LOST

    return seconds(trainer, model.config.source(), done, limit_s=limit_s, generator=generator)


def contaminated(model: Model, recipe: Any, ball: Ball, generator: torch.Generator) -> Any:
    """The energy after it has learned, by noise-contrastive estimation alone, that SHARE of the data are in the ball."""
    alone = replace(
        recipe, warm_share=0.0, start_from="", plan=NO_CHAINS, pairs=0.0, joint_rate=0.0, teach_share=2.0, decay=False
    )
    trainer, source = Contaminating(fresh(model), alone, ball), Contaminated(model.config.source(), ball, generator)
    for step in range(CONTAMINATING):
        trainer.step(source, Moment(step, 0.5), generator)
    return trainer.energy.averaged.requires_grad_(False).eval()


def rows(name: str, *, limit_s: float, seed: int) -> Iterator[dict[str, Any]]:
    """One for each method."""
    model, generator = load(folder() / MODELS[name]), torch.Generator().manual_seed(seed)
    recipe = of(model.config).trainers[model.config.trainer][1]
    ball = Ball(torch.randint(0, 2, (model.dim,), generator=generator).float())
    learned = replace(model, energy=contaminated(model, recipe, ball, generator))
    share = held(learned.energy, model.policy, ball, generator)
    how = {"limit_s": limit_s, "generator": generator}
    for method in learners(recipe):
        row: dict[str, Any] = {"data": name, "method": method, "seed": seed, "share_at_first": round(share, 3)}
        try:
            if not method.startswith("noise"):  # which has neither sampler nor chains to find it
                row["found_s"] = until_found(method, model, recipe, ball, **how)
            row["lost_s"] = until_lost(method, learned, recipe, ball, **how)
        except Diverged as error:
            row["error"] = str(error)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=MODELS, default=["8gaussians", "digits"])
    parser.add_argument("--limit-s", type=float, default=120.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "spurious.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    use_onednn()
    found = []
    print(f"{'':46}{'found, s':>10}{'lost, s':>10}")
    for name in args.data:
        for row in rows(name, limit_s=args.limit_s, seed=args.seed):
            found.append({key: _plain(value) for key, value in row.items()})
            print(
                f"{name + ', ' + row['method']:46}{_told(row.get('found_s')):>10}{_told(row.get('lost_s')):>10}",
                flush=True,
            )
    write_json(args.out, provenance("spurious", threads=args.threads) | {"limit_s": args.limit_s, "rows": found})


def _plain(value: Any) -> Any:
    return None if value == math.inf else value


def _told(spent: float | None) -> str:
    return "" if spent is None else "never" if spent == math.inf else f"{spent:.1f}"


if __name__ == "__main__":
    main()
