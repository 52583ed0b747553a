"""A fully connected policy for any binary data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.networks import ResidualMLP, zero_last
from ebgfn.policies.policy import Batch, Locations, Masks, PolicyOutput, Vectors, one_hot


class MLPPolicy(nn.Module):
    """Fully connected policy on the one-hot encoding of (value 1, value 0, void = neither).

    `carry` is the first layer's pre-activation: filling an entry adds one column of its weights to it. With `blocks` the
    policy is for block steps and has `step_nats`, as in `ConvPolicy`.
    """

    step_nats: Tensor

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 256,
        depth: int = 3,
        learned_location: bool = False,
        learned_erasure: bool = False,
        blocks: bool = False,
    ):
        super().__init__()
        self.dim = dim
        self.learned_location, self.learned_erasure = learned_location, learned_erasure
        heads = 1 + learned_location + learned_erasure
        self.net = zero_last(ResidualMLP(2 * dim, heads * dim, hidden=hidden, depth=depth))
        if blocks:
            self.register_buffer("step_nats", torch.full((dim,), math.log(2)))

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        values, *rest = self.net(one_hot(x, mask)).split(self.dim, dim=1)
        location = rest[0] if self.learned_location else None
        return PolicyOutput(values, location, rest[-1] if self.learned_erasure else None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch hidden"]:
        return self.net.first(one_hot(x, mask))

    def value_logit(self, carry: Float[Tensor, "batch hidden"], location: Locations) -> Batch:
        # All D values and then one of them: three times faster than to gather a row of weights for each example.
        values = slice(0, self.dim)
        logits = F.linear(self.net.features(carry), self.net.last.weight[values], self.net.last.bias[values])
        return logits.gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch hidden"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch hidden"]:
        column = torch.where(value > 0.5, location, location + self.dim)
        return carry + F.embedding(column, self.net.first.weight.T.contiguous())
