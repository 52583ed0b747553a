"""A problem that lives in the tests alone: binary sequences of a small hidden Markov model, D = 12."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.evaluation.exact import all_states, log_marginal, log_p
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from ebgfn.model import Networks, flat_log_z
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.base import Problem
from ebgfn.problems.config import Config, choice, limited, random_seed, step_count, training_seconds
from ebgfn.train.fast import Fast, FastRecipe
from ebgfn.train.paper import Paper, PaperRecipe
from ebgfn.train.source import Rows

DIM, ONE = 12, (0.1, 0.8)  # length, and the chance of a one in either hidden state


@dataclass(frozen=True)
class HmmConfig(Config):
    """`stay`: chance that the hidden state stays as it is."""

    kind: ClassVar[str] = "hmm"

    stay: float = limited(0.9, 0.5, 1.0, "chance that the hidden state stays")
    preset: str = choice("fast", ("fast", "paper"), "way to train")
    budget_s: float = training_seconds(20.0)
    steps: int | None = step_count()
    seed: int = random_seed()

    dim = DIM

    @property
    def label(self) -> str:
        return f"hmm-{self.preset}"

    def sequences(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Bits and hidden states."""
        moves = rng.random((n, DIM)) >= self.stay
        moves[:, 0] = rng.random(n) < 0.5
        hidden = np.cumsum(moves, axis=1) % 2
        return (rng.random((n, DIM)) < np.array(ONE)[hidden]).astype(np.uint8), hidden

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x), summed over the hidden states by the forward algorithm."""
        one = torch.tensor(ONE, dtype=torch.float64)
        emitted = torch.where(x[:, :, None] > 0.5, one, 1 - one)
        change = torch.tensor([[self.stay, 1 - self.stay], [1 - self.stay, self.stay]], dtype=torch.float64)
        state = 0.5 * emitted[:, 0]
        for t in range(1, DIM):
            state = (state @ change) * emitted[:, t]
        return state.sum(1).log()

    def source(self, *, place: tuple[int, ...] = ()) -> Rows:
        return Rows(self.sequences(4000, np.random.default_rng(self.seed))[0], seed=self.seed, place=place)


class Look:
    def look(self, model):
        p, _ = log_p(model.energy, DIM)
        truth = model.config.log_prob(all_states(DIM))
        x = draw(model.policy, 16, torch.Generator().manual_seed(0)).x
        return {"energy_kl": (truth.exp() * (truth - p)).sum().item()}, {"samples": x.numpy().astype(np.uint8)}


class Hmm(Problem):
    name = "hmm"
    text = "sequences of a hidden Markov model"
    config = HmmConfig

    @cached_property
    def trainers(self):
        sizes = MLPSizes(hidden=48, depth=2)
        fast = FastRecipe(batch=128, energy_batch=128, fresh=512, kept=1024, average=0.98, sizes=sizes)
        return {"fast": (Fast, fast), "paper": (Paper, PaperRecipe(batch=16, sizes=sizes))}

    sizes = (MLPSizes,)

    def networks(self, config, sizes, dim):
        return Networks(sizes.energy(dim), sizes.policy(dim), flat_log_z(dim))

    def look(self, config):
        return Look()

    def report(self, model, *, seed, points):
        truth, states = (
            model.config.log_prob(all_states(DIM)),
            (log_p(model.energy, DIM)[0], log_marginal(model.policy)),
        )
        energy, sampler = ((truth.exp() * (truth - ours)).sum().item() for ours in states)
        return {"kind": "hmm", "energy_kl": energy, "sampler_kl": sampler} | self.measures(model, seed)

    def measures(self, model, seed):
        """log Z and what refutes it, on fresh sequences."""
        x = torch.from_numpy(model.config.sequences(2000, np.random.default_rng([seed, 1]))[0]).float()
        budget = Budget(draws=1000, others=500, chains=32, moves=50, annealed=300, temperatures=100)
        generator, limits = torch.Generator().manual_seed(seed), Limits(tolerance=0.1)
        found = log_z(
            model.energy, model.policy, train=x[:1000], test=x[1000:], budget=budget, limits=limits, generator=generator
        )
        return found.figures() | found.nll()

    def data(self, config, n, rng, *, sigma=None):
        return config.sequences(n, rng)[0]

    def decode(self, config, x):
        return {"ones": x.sum(1)}
