"""How a policy that is a network learns: maximum likelihood on backward trajectories, one random state of each."""

from typing import Any

import torch
from torch import Tensor

from ebgfn import seeds
from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.states import Vectors, random_masks
from ebgfn.train.device import half_precision
from ebgfn.train.learner import Learner, Sampler
from ebgfn.train.source import Source


class AnyOrder(Learner[Sampler]):
    """One call of the network predicts all void entries of a state, so a trajectory needs no walk.

    `varied`: for each row so many more that the source varied, of which the network is told that they are none of the data.
    So it learns from more than there are, and what they share, while what it says of data stays of data (Jun et al.,
    "Distribution augmentation for generative modeling", ICML 2020).
    """

    def __init__(self, sampler: Sampler, *, varied: float = 0.0, **how: Any):
        super().__init__(sampler, **how)
        self._varied = varied
        self._source: Any = None

    def begin(self, source: Source) -> None:
        """Before each step: where varied rows come from."""
        self._source = source

    def learn(self, x: Vectors, means: Vectors, *, rate: float, generator: torch.Generator) -> float:
        """One step at `rate` times the learning rates; returns the mean nats of these rows. Entries are ones with
        probability `means`, NaN where nobody knows: such an entry is never filled and no target."""
        return self.update(self.loss(x, means, generator), rate=rate)

    def loss(self, x: Vectors, means: Vectors, generator: torch.Generator) -> Tensor:
        """Mean nats of trajectories to these rows, estimated without bias."""
        told: dict[str, Tensor] = {}
        if self._varied:
            varied = self._source.draw_varied(round(self._varied * len(x)))
            rows = len(x) + len(varied)
            mixed = torch.randperm(rows, generator=generator, device=x.device)  # as masks are stratified
            told = {"varied": mixed >= len(x)}
            x, means = (torch.cat([one, varied])[mixed] for one in (x, means))
        known = ~means.isnan()
        mask = random_masks(len(x), x.shape[1], generator, known=None if known.all() else known)
        with half_precision(generator.device), seeds.ambient(generator):
            logits = self.module.policy(x, mask, **told).value_logits.float()
        return any_order_likelihood(logits, means.nan_to_num(), mask, known).mean()
