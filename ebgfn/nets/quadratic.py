"""For couplings: a quadratic energy, which is an Ising model with any couplings, and a policy that follows them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.batches import cached_rows
from ebgfn.core.policy import Locations, PolicyOutput, one_hot
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.nets.mlp import ResidualMLP, zero_last
from ebgfn.nets.sizes import check_sizes

# Of the series atanh(y) = y + y^3 / 3 + y^5 / 5 + ..., which takes products of matrices instead of one atanh for each pair:
# at couplings of 0.5 the next would add 2 %.
TERMS = 3


@dataclass(frozen=True)
class FieldSizes:
    """Of the policy's network; the energy has a weight for each pair and each entry."""

    kind: ClassVar[str] = "field"

    hidden: int = 256
    depth: int = 3

    def __post_init__(self):
        check_sizes(self, widths=(self.hidden,), depths=(self.depth,))

    def policy(self, dim: int) -> "FieldPolicy":
        return FieldPolicy(dim, hidden=self.hidden, depth=self.depth)


@dataclass(frozen=True)
class QuadraticSizes:
    """Of an energy alone: it has a weight for each pair and each entry, and there is no policy."""

    kind: ClassVar[str] = "quadratic"

    def policy(self, dim: int) -> None:
        return None


class QuadraticEnergy(nn.Module):
    """Ising model E(x) = -s^T J s - h^T s on spins s = 2x - 1, with J symmetric and zero on its diagonal by construction.

    `weights` holds each coupling once. Entry (i, j) of J is the weight numbered `shared[i, j]`: each pair its own by
    default; pairs with one number share one coupling, and -1 means none. `field_weights` holds the fields h, one for each
    entry, or a single one for all. Starts at J = 0 and h = 0. Each pair counts twice in E, so a flip of s_j moves the
    log-odds of x_i by 8 J_ij; a field moves them by 2 h_i.
    """

    shared: Tensor

    def __init__(self, dim: int, *, shared: Int[Tensor, "dim dim"] | None = None, one_field: bool = False):
        super().__init__()
        self.dim = dim
        shared = pairs(dim) if shared is None else shared
        if shared.shape != (dim, dim) or not torch.equal(shared, shared.T) or (shared.diagonal() >= 0).any():
            raise ValueError(f"shared must be a symmetric {dim} x {dim} table with -1 on its diagonal")
        self.register_buffer("shared", shared, persistent=False)
        self.weights = nn.Parameter(torch.zeros(int(shared.max()) + 1, device=shared.device))
        self.field_weights = nn.Parameter(torch.zeros(1 if one_field else dim, device=shared.device))

    @property
    def one_field(self) -> bool:
        """Whether all entries share one field."""
        return len(self.field_weights) < self.dim

    def couplings(self) -> Float[Tensor, "dim dim"]:
        """J, differentiable in the weights."""
        return torch.where(self.shared >= 0, self.weights[self.shared.clamp(min=0)], 0.0)

    def fields(self) -> Float[Tensor, " dim"]:
        """h, differentiable in the weights."""
        return self.field_weights.expand(self.dim)

    def forward(self, x: Vectors) -> Batch:
        spins = 2.0 * x - 1.0
        return -((spins @ self.couplings() + self.fields()) * spins).sum(1)

    def neighbours(self, x: Vectors) -> Vectors:
        """A flip of entry i changes the energy by 4 s_i (J s)_i + 2 s_i h_i."""
        spins, fields = 2.0 * x - 1.0, self.fields()
        local = spins @ self.couplings()
        return spins * (4.0 * local + 2.0 * fields) - (spins * (local + fields)).sum(1, keepdim=True)


def pairs(dim: int) -> Int[Tensor, "dim dim"]:
    """Number every pair of variables: a symmetric table of 0..D(D-1)/2-1 with -1 on the diagonal."""
    # By numpy: real numbers are needed even where torch only describes shapes (the meta device).
    table = np.full((dim, dim), -1)
    rows, columns = np.triu_indices(dim, 1)
    table[rows, columns] = table[columns, rows] = np.arange(len(rows))
    return torch.from_numpy(table)


class FieldPolicy(nn.Module):
    """Policy for quadratic energies: the log-odds of a value by belief propagation among the void spins, plus a network.

    If entry i alone is void, p(x_i = 1 | rest) = sigmoid(4 (J s)_i + 2 h_i) exactly. What other void spins do to it is told
    by two rounds of belief propagation among them (Pearl 1988): spin j, of which filled spins, field and messages say a_j,
    sends i the message atanh(tanh(2 J_ij) tanh(a_j)), half of what it adds to the log-odds. In the second round a_j holds
    what i itself has sent, which is taken back to first order (Thouless, Anderson and Palmer 1977). The rest is the
    network's, in proportion to the square of the share of void spins: a few need hardly any correction, and its errors would
    cost more than it gains. `couplings` and `fields` are copies of the energy's, see `follow`. `carry` holds the first
    layer's pre-activation, the log-odds from filled spins and field, and which entries are void; all are linear in the
    filled spins.
    """

    couplings: Tensor
    fields: Tensor
    learned_location = False
    learned_erasure = False
    step_nats = order = None

    def __init__(self, dim: int, *, hidden: int = 256, depth: int = 3):
        super().__init__()
        self.dim = dim
        self.net = zero_last(ResidualMLP(2 * dim, dim, hidden=hidden, depth=depth))
        self.register_buffer("couplings", torch.zeros(dim, dim))
        self.register_buffer("fields", torch.zeros(dim))

    @property
    def rows(self) -> int:
        return cached_rows()

    def follow(self, energy: QuadraticEnergy) -> None:
        """Take over the energy's couplings and fields: the sampler follows a change of them at once."""
        self.couplings.copy_(energy.couplings())
        self.fields.copy_(energy.fields())

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        known = 4.0 * (mask * (2.0 * x - 1.0)) @ self.couplings + 2.0 * self.fields
        return PolicyOutput(self._logits(self.net(one_hot(x, mask)), known, (~mask).float()), None, None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch carry"]:
        inputs = one_hot(x, mask)
        return torch.addmm(self._offset(), inputs, self._columns())

    def value_logit(self, carry: Float[Tensor, "batch carry"], location: Locations) -> Batch:
        hidden, known, void = carry.split([carry.shape[1] - 2 * self.dim, self.dim, self.dim], dim=1)
        logits = self._logits(self.net.last(self.net.features(hidden)), known, void)
        return logits.gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch carry"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch carry"]:
        column = torch.where(value > 0.5, location, location + self.dim)
        return carry + F.embedding(column, self._columns())

    def _logits(self, learned: Vectors, known: Vectors, void: Vectors) -> Vectors:
        """By what the network has `learned`, what is `known` from filled spins and field, and what is void."""
        others = (void.sum(1, keepdim=True) - 1.0) / max(1, self.dim - 1)
        pull, own = torch.tanh(2.0 * self.couplings), torch.tanh(known / 2.0)
        lean = void * torch.tanh(known / 2.0 + _messages(pull, void * own))
        sent_back = own * ((void - lean.square()) @ pull.square())
        return known + 2.0 * (_messages(pull, lean) - sent_back) + others.square() * learned

    def _columns(self) -> Float[Tensor, "twice_dim carry"]:
        """What filling an entry with 1 (first half) or 0 (second half) adds to the carry."""
        pull, gone = 4.0 * self.couplings, -torch.eye(self.dim, device=self.couplings.device)
        return torch.cat([self.net.first.weight.T, torch.cat([pull, -pull]), gone.repeat(2, 1)], dim=1)

    def _offset(self) -> Float[Tensor, " carry"]:
        return torch.cat([self.net.first.bias, 2.0 * self.fields, torch.ones_like(self.fields)])


def _messages(pull: Float[Tensor, "dim dim"], lean: Vectors) -> Vectors:
    """The sum over j of atanh(pull_ij lean_j) for every i."""
    powers = range(1, 2 * TERMS, 2)
    return torch.stack([lean**n @ (pull**n / n) for n in powers]).sum(0)
