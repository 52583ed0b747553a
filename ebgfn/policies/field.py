"""A policy for quadratic energies, which follows their couplings."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.networks import ResidualMLP, zero_last
from ebgfn.policies.policy import Batch, Locations, Masks, PolicyOutput, Vectors, one_hot


class FieldPolicy(nn.Module):
    """Policy for quadratic energies: the log-odds of a value are its local field from the filled spins, plus a network.

    If entry i alone is void, p(x_i = 1 | rest) = sigmoid(4 (J s)_i) exactly; with more of them void the network adds what
    their interplay changes. `couplings` is a copy of the energy's J, set by whoever trains the two: the sampler follows
    a change of J at once. `carry` holds the first layer's pre-activation and the fields, both linear in the filled spins.
    """

    couplings: Tensor
    learned_location = False
    learned_erasure = False

    def __init__(self, dim: int, *, hidden: int = 256, depth: int = 3):
        super().__init__()
        self.dim = dim
        self.net = zero_last(ResidualMLP(2 * dim, dim, hidden=hidden, depth=depth))
        self.register_buffer("couplings", torch.zeros(dim, dim))

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        fields = 4.0 * (mask * (2.0 * x - 1.0)) @ self.couplings
        return PolicyOutput(self.net(one_hot(x, mask)) + fields, None, None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch carry"]:
        inputs = one_hot(x, mask)
        return torch.addmm(self._offset(), inputs, self._columns())

    def value_logit(self, carry: Float[Tensor, "batch carry"], location: Locations) -> Batch:
        hidden = carry.shape[1] - self.dim
        logits = self.net.last(self.net.features(carry[:, :hidden])).add_(carry[:, hidden:])
        return logits.gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch carry"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch carry"]:
        column = torch.where(value > 0.5, location, location + self.dim)
        return carry + F.embedding(column, self._columns())

    def _columns(self) -> Float[Tensor, "twice_dim carry"]:
        """What filling an entry with 1 (first half) or 0 (second half) adds to the carry."""
        fields = 4.0 * self.couplings
        return torch.cat([self.net.first.weight.T, torch.cat([fields, -fields])], dim=1)

    def _offset(self) -> Float[Tensor, " carry"]:
        return F.pad(self.net.first.bias, (0, self.dim))
