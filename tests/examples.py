"""Small energies and policies whose distributions are known exactly, and the paths of a back-and-forth move."""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ebgfn.core.policy import PolicyOutput
from ebgfn.core.states import ranks
from ebgfn.core.trajectories import finest, log_prob, log_ratio
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import LatticePolicy
from ebgfn.nets.mixture import MixturePolicy
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy
from ebgfn.nets.quadratic import FieldPolicy


def filled_at(order: Tensor, step: int | Tensor) -> Tensor:
    """Mask of the state after `step` steps."""
    return ranks(order) < step


# (learned location, learned erasure)
CHOICES = [(False, False), (True, False), (False, True), (True, True)]


def neighbours(energy, x: Tensor) -> Tensor:
    """Energies of all vectors that differ in one entry, by asking for each, some at a time."""
    parts = torch.eye(energy.dim).split(64)
    flipped = (((x[:, None] - flips).abs()).flatten(0, 1) for flips in parts)
    return torch.cat([energy(rows).view(len(x), -1) for rows in flipped], dim=1)


class FunctionEnergy(nn.Module):
    """Any function of x as an energy."""

    def __init__(self, dim: int, function):
        super().__init__()
        self.dim, self.function = dim, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def neighbours(self, x: Tensor) -> Tensor:
        return neighbours(self, x)


class PolynomialEnergy(nn.Module):
    """E(x) = b.x + x^T J x + c x_0 x_1 x_2: has a gradient that is not that of any single flip."""

    def __init__(self, dim: int, *, seed: int = 0):
        super().__init__()
        self.dim = dim
        generator = torch.Generator().manual_seed(seed)
        self.linear = nn.Parameter(torch.randn(dim, generator=generator))
        self.pairs = nn.Parameter(torch.randn(dim, dim, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.linear + ((x @ self.pairs) * x).sum(1) + 1.5 * x[:, :3].prod(1)

    def neighbours(self, x: Tensor) -> Tensor:
        return neighbours(self, x)


class ExactPolicy:
    """The sampler that is exact for an energy: its conditionals come from summing exp(-E) over completions.

    P_B depends on the mask alone, through `erasure[mask number]`. The forward probability of a location follows from
    the flow through the masks, and trajectory balance holds with the true log Z.
    """

    def __init__(self, energy: nn.Module, *, learned: bool, seed: int = 0):
        self.dim = dim = energy.dim
        self.learned_location = self.learned_erasure = learned
        self.x = exact.all_states(dim)
        self.log_p, self.log_z = exact.log_p(energy, dim)
        logits = torch.randn(2**dim, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        masks = self.x.bool()
        self.erasure = (logits if learned else 0 * logits).masked_fill(~masks, -torch.inf)
        log_pb = self.erasure.log_softmax(1)
        flow = torch.full((2**dim,), -torch.inf, dtype=torch.float64)
        flow[-1] = 0.0
        self.location = torch.full((2**dim, dim), -torch.inf, dtype=torch.float64)
        powers = [2 ** (dim - 1 - i) for i in range(dim)]
        for mask in sorted(range(2**dim - 1), key=int.bit_count, reverse=True):
            for i in (i for i in range(dim) if not masks[mask, i]):
                self.location[mask, i] = log_pb[mask + powers[i], i] + flow[mask + powers[i]]
            flow[mask] = self.location[mask].logsumexp(0)

    def __call__(self, x: Tensor, mask: Tensor) -> PolicyOutput:
        number = exact.index_of(mask)
        agrees = ((self.x[None] == x[:, None]) | ~mask[:, None]).all(2)
        weights = torch.where(agrees, self.log_p, -torch.inf)
        ones = (weights[:, :, None] + self.x.log()).logsumexp(1)
        zeros = (weights[:, :, None] + (1 - self.x).log()).logsumexp(1)
        values = torch.where(mask, 0.0, ones - zeros).float()
        if not self.learned_location:
            return PolicyOutput(values, None, None)
        location = self.location[number].float().masked_fill(mask, 0.0)
        return PolicyOutput(values, location, self.erasure[number].float().masked_fill(~mask, 0.0))

    rows, step_nats, order = 1024, None, None

    def begin(self, x: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask, x, 0.5)

    def value_logit(self, carry: Tensor, location: Tensor) -> Tensor:
        mask = carry != 0.5
        return self(carry * mask, mask).value_logits.gather(1, location[:, None]).squeeze(1)

    def fill(self, carry: Tensor, location: Tensor, value: Tensor) -> Tensor:
        return carry.scatter(1, location[:, None], value[:, None])


def randomised(model, *, spread: float = 1.0, seed: int = 0):
    """Give a flat energy or a uniform policy some shape."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.net.last.parameters():
            weights.copy_(spread * torch.randn(weights.shape, generator=generator))
    return model


def energy(dim: int, *, seed: int = 0) -> MLPEnergy:
    torch.manual_seed(seed)
    return randomised(MLPEnergy(dim, hidden=16, depth=2), seed=seed)


def policy(dim: int, location: bool = False, erasure: bool = False, *, seed: int = 0) -> MLPPolicy:
    torch.manual_seed(seed)
    net = MLPPolicy(dim, hidden=16, depth=2, learned_location=location, learned_erasure=erasure)
    return randomised(net, seed=seed)


@dataclass
class Paths:
    """Every path x -> s -> x_new of a back-and-forth move from every x, with its exact log-probability."""

    x: Tensor
    order_back: Tensor
    x_new: Tensor
    order_forward: Tensor
    k: int
    log_pf: Tensor
    log_pb: Tensor
    log_q: Tensor

    @property
    def start(self) -> int:
        return self.x.shape[1] - self.k


@torch.no_grad()
def all_paths(policy, k: int) -> Paths:
    dim = policy.dim
    rows = []
    for bits in itertools.product((0.0, 1.0), repeat=dim):
        for back in itertools.permutations(range(dim), k):
            kept = [i for i in range(dim) if i not in back]
            for forward in itertools.permutations(back):
                for values in itertools.product((0.0, 1.0), repeat=k):
                    new = list(bits)
                    for i, value in zip(forward, values, strict=True):
                        new[i] = value
                    rows.append((bits, kept + list(back), new, kept + list(forward)))
    x, order_back, x_new, order_forward = (torch.tensor(column) for column in zip(*rows, strict=True))
    start = dim - k
    log_pf, log_pb = log_prob(policy, x_new, order_forward, schedule=finest(dim, start=start))
    log_q = log_prob(policy, x, order_back, schedule=finest(dim, start=start))[1] + log_pf
    return Paths(x, order_back, x_new, order_forward, k, log_pf, log_pb, log_q)


def log_alpha(energy, policy, move) -> Tensor:
    """Metropolis-Hastings log-ratio of a move of single steps, differentiable in energy and policy."""
    schedule = finest(policy.dim, start=move.start)
    flow_old, flow_new = (
        log_ratio(policy, x, order, schedule=schedule)
        for x, order in ((move.x, move.order_back), (move.x_new, move.order_forward))
    )
    return energy(move.x) - energy(move.x_new) + flow_old - flow_new


def matrix(x: Tensor, x_new: Tensor, weight: Tensor) -> Tensor:
    """Sum weights by (from, to)."""
    size = 2 ** x.shape[1]
    cells = exact.index_of(x) * size + exact.index_of(x_new)
    return torch.zeros(size * size, dtype=torch.float64).index_add(0, cells, weight.double()).view(size, size)


def field_policy(dim: int, *, seed: int = 0) -> FieldPolicy:
    """One that knows some couplings and adds a random network."""
    torch.manual_seed(seed)
    policy = randomised(FieldPolicy(dim, hidden=16, depth=2), seed=seed)
    table = torch.randn(dim, dim, generator=torch.Generator().manual_seed(seed))
    policy.couplings.copy_((table + table.T) / 4).fill_diagonal_(0.0)
    policy.fields.copy_(torch.linspace(-1.0, 0.6, dim))
    return policy


def mixture_policy(dim: int, *, components: int = 5, spread: float = 2.0, seed: int = 0) -> MixturePolicy:
    policy = MixturePolicy(dim, components=components).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    policy.log_weight.copy_(torch.randn(components, generator=generator).log_softmax(0))
    policy.log_odds.copy_(spread * torch.randn(components, dim, generator=generator))
    return policy


def lattice_policy(side: int, *, seed: int = 0) -> LatticePolicy:
    torch.manual_seed(seed)
    policy = LatticePolicy(side, hidden=16, depth=2)
    nn.init.normal_(policy.net.last.weight)
    return policy.requires_grad_(False)
