"""Restricted Boltzmann machines by persistent contrastive divergence; rows held out choose sizes, rates and when to stop.

The gradient of -log p is that of F(x) - F(x') with x from the data and x' from chains that never restart, one sweep a step.
Some numbers of hidden units and rates run a short race. The winner goes on, its rate falling to zero, and the state that
was best on rows held out is kept. All of it, estimates of log Z on the way too, takes the seconds that are given.

Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient", 2008.
"""

import time

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.baselines.rbm import RBM, bernoulli
from ebgfn.core.states import Vectors

# Hidden units and rates in the race, and its share of the seconds. On plants, 15 s of one core: 12.99 nats of a test row; of
# four entrants in the same share 13.19, in twice the share 13.38.
RACE, RACE_SHARE = ((50, 5e-3), (200, 2e-3)), 0.15
BATCH = 128
# States that are looked at after the race; chains and temperatures of their log Z.
LOOKS, LOOK_CHAINS, LOOK_TEMPERATURES = 12, 128, 300
# Weights are averaged over about so large a part of the steps made.
AVERAGED = 0.1

HeldOut = Float[Tensor, "valid dim"]


class Training:
    """A machine that learns, and the average of its late weights (`averaged`), which is less noisy."""

    def __init__(self, train: Vectors, *, hidden: int, rate: float, generator: torch.Generator):
        self.train, self.rate, self.generator = train, rate, generator
        means = (train.sum(0) + 0.5) / (len(train) + 1)
        self.columns = torch.logit(means)
        weight = 0.01 * torch.randn(train.shape[1], hidden, generator=generator)
        self.parameters = [weight, self.columns.clone(), torch.zeros(hidden)]
        self._average = [part.clone() for part in self.parameters]
        self._optimizer = torch.optim.Adam(self.parameters, rate)
        self._chains = bernoulli(means.expand(BATCH, -1), generator)
        self._steps = 0

    @property
    def averaged(self) -> RBM:
        """The machine as it is known so far."""
        return self._machine([part.clone() for part in self._average])

    def step(self, rate_share: float = 1.0) -> None:
        """A step of Adam with this part of the rate."""
        x = self.train[torch.randint(len(self.train), (BATCH,), generator=self.generator)]
        machine = self._machine(self.parameters)
        self._chains = bernoulli(machine.sweep(self._chains, self.generator), self.generator)
        of_data, of_model = (_slope(machine, rows) for rows in (x, self._chains))
        for part, data, model in zip(self.parameters, of_data, of_model, strict=True):
            part.grad = model - data
        self._optimizer.param_groups[0]["lr"] = rate_share * self.rate
        self._optimizer.step()
        self._steps += 1
        for average, part in zip(self._average, self.parameters, strict=True):
            average.lerp_(part, max(1 / self._steps, 1 / (1 + AVERAGED * self._steps)))

    def _machine(self, parts: list[Tensor]) -> RBM:
        return RBM(*parts, columns=self.columns)


def fit(train: Vectors, valid: HeldOut, *, seconds: float, seed: int = 0) -> RBM:
    """The machine that is best on rows held out; its log Z is estimated anew afterwards, which takes some seconds more."""
    begun = time.monotonic()
    generator = torch.Generator().manual_seed(seed)
    racing = [Training(train, hidden=hidden, rate=rate, generator=generator) for hidden, rate in RACE]
    each = RACE_SHARE * seconds / len(RACE)
    looked = [_raced(one, valid, until=begun + each * (place + 1)) for place, one in enumerate(racing)]
    place = max(range(len(RACE)), key=lambda one: looked[one][0])
    (highest, found), winner = looked[place], racing[place]
    first, end, looks = time.monotonic(), begun + seconds, 0
    while (now := time.monotonic()) < end:
        progress = (now - first) / (end - first)
        winner.step(1 - progress)
        if progress * LOOKS >= looks + 1:
            looks += 1
            value, machine = _looked(winner, valid)
            if value > highest:
                highest, found = value, machine
    value, machine = _looked(winner, valid)
    return (machine if value > highest else found).with_log_z(generator)


def _raced(one: Training, valid: HeldOut, *, until: float) -> tuple[float, RBM]:
    """What a machine is worth at a time; a step is always made."""
    one.step()
    while time.monotonic() < until:
        one.step()
    return _looked(one, valid)


def _looked(one: Training, valid: HeldOut) -> tuple[float, RBM]:
    """Mean log-probability of rows held out, by a quick estimate of log Z, and the machine."""
    machine = one.averaged.with_log_z(one.generator, chains=LOOK_CHAINS, temperatures=LOOK_TEMPERATURES)
    return machine.log_prob(valid).mean().item(), machine


def _slope(
    machine: RBM, x: Vectors
) -> tuple[Float[Tensor, "dim hidden"], Float[Tensor, " dim"], Float[Tensor, " hidden"]]:
    """Mean gradient of -F in the three parts of the machine."""
    on = torch.sigmoid(machine.field(x))
    return x.T @ on / len(x), x.mean(0), on.mean(0)
