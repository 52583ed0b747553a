"""How a policy that is a network learns: maximum likelihood on backward trajectories, one random state of each."""

import torch
from torch import Tensor

from ebgfn import seeds
from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.states import Vectors, random_masks
from ebgfn.train.device import half_precision
from ebgfn.train.learner import Learner, Sampler
from ebgfn.train.source import Source


class AnyOrder(Learner[Sampler]):
    """One call of the network predicts all void entries of a state, so a trajectory needs no walk."""

    def begin(self, source: Source) -> None:
        """There is nothing to begin from."""

    def learn(self, x: Vectors, means: Vectors, *, rate: float, generator: torch.Generator) -> float:
        """One step at `rate` times the learning rates; returns the mean nats of these rows. Entries are ones with
        probability `means`."""
        return self.update(self.loss(x, means, generator), rate=rate)

    def loss(self, x: Vectors, means: Vectors, generator: torch.Generator) -> Tensor:
        """Mean nats of trajectories to these rows, estimated without bias."""
        mask = random_masks(len(x), x.shape[1], generator)
        with half_precision(generator.device), seeds.ambient(generator):
            logits = self.module.policy(x, mask).value_logits.float()
        return any_order_likelihood(logits, means, mask).mean()
