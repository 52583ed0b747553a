"""One policy for all couplings of a square lattice: P_F(. | s, sigma) of the Ising model on the side x side torus.

The energy is known: -s^T J s with J = sigma wherever two sites are neighbours.

Three symmetries of the model are built in, so that nothing has to be learned of them: translation, because the log-odds of a
site are computed by one network from the lattice shifted so that the site is its origin; the flip of all spins, because
that network is odd in the spins; and, on an even side, the change of sign of sigma, which is the flip of every second spin.
The local field of the filled neighbours is added: it is the whole truth for a site whose neighbours are all filled.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.batches import cached_rows
from ebgfn.core.policy import Locations, PolicyOutput
from ebgfn.core.states import Batch, Masks, Vectors, uniform_orders
from ebgfn.core.trajectories import Trajectories, complete
from ebgfn.model import Model
from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.nets.sizes import check_sizes
from ebgfn.nets.torus import CRITICAL_SIGMA, adjacency


@dataclass(frozen=True)
class LatticeSizes:
    """Of the policy's network."""

    kind: ClassVar[str] = "lattice"

    hidden: int = 256
    depth: int = 2

    def __post_init__(self):
        check_sizes(self, widths=(self.hidden,), depths=(self.depth,))

    def policy(self, side: int) -> "LatticePolicy":
        return LatticePolicy(side, hidden=self.hidden, depth=self.depth)


class LatticeEnergy(nn.Module):
    """The known energy of every lattice of one side: `at(sigma)` is that of one coupling."""

    def __init__(self, side: int):
        super().__init__()
        self.side, self.dim = side, side * side
        self.register_buffer("_here", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.get_buffer("_here").device

    def at(self, sigma: float) -> QuadraticEnergy:
        """J = sigma wherever two sites are neighbours."""
        neighbours = torch.from_numpy(adjacency(self.side)).long().to(self.device) - 1
        energy = QuadraticEnergy(self.dim, shared=neighbours).requires_grad_(False)
        energy.weights.fill_(sigma)
        return energy


class OddNetwork(nn.Module):
    """Network on (spins, filled, sigma) that changes its sign with the spins.

    A hidden unit is relu(g + u) - relu(g - u): odd in the drive u, which is linear in the spins and has no bias; its gate g
    depends on sigma and, in the first layer, on which sites are filled. (At equal seconds better than with SiLU or tanh.)
    """

    def __init__(self, dim: int, *, hidden: int, depth: int):
        super().__init__()
        self.spins = nn.Linear(dim, hidden, bias=False)
        self.filled = nn.Linear(dim, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(depth - 1))
        self.gates = nn.ModuleList(nn.Linear(FEATURES, hidden) for _ in range(depth))
        self.last = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, spins: Vectors, sigma: Float[Tensor, " some"]) -> Batch:
        about_sigma = features(sigma)
        drive = self.spins(spins)
        gate = self.filled(spins.abs()).add_(self.gates[0](about_sigma))
        drive = odd(drive, gate)
        for layer, gating in zip(self.hidden, self.gates[1:], strict=True):
            drive = drive + odd(layer(drive), gating(about_sigma))
        return self.last(drive).squeeze(1)


def odd(drive: Float[Tensor, "batch hidden"], gate: Float[Tensor, "some hidden"]) -> Float[Tensor, "batch hidden"]:
    return F.relu(gate + drive) - F.relu(gate - drive)


FEATURES = 4
MAX_SIGMA, KNOTS = 0.5, 51


def features(sigma: Float[Tensor, " some"]) -> Float[Tensor, "some features"]:
    """Numbers that tell sigma, finest around the critical point, where everything changes fastest."""
    off = sigma - CRITICAL_SIGMA
    rise = (sigma / CRITICAL_SIGMA).clamp(max=1.5) - 0.5
    return torch.stack([4 * sigma - 1, rise, (15 * off).tanh(), (40 * off).tanh()], dim=1)


class LatticePolicy(nn.Module):
    """Policy given sigma; uniform locations and erasure. `at(sigma)` is the policy of one model."""

    views: Tensor
    sublattice: Tensor
    around: Tensor
    learned_location = False
    learned_erasure = False

    def __init__(self, side: int, *, hidden: int = 256, depth: int = 2):
        super().__init__()
        self.side, self.dim = side, side * side
        self.net = OddNetwork(self.dim, hidden=hidden, depth=depth)
        self.register_buffer("views", views(side), persistent=False)
        rows, columns = torch.arange(self.dim) // side, torch.arange(self.dim) % side
        self.register_buffer("sublattice", 1.0 - 2.0 * ((rows + columns) % 2), persistent=False)
        self._neighbours = [1, side - 1, side, self.dim - side]
        self.register_buffer("around", self.views[0][:, self._neighbours], persistent=False)

    def logit(
        self,
        spins: Vectors,
        location: Locations,
        sigma: Float[Tensor, " some"],
        turn: Int[Tensor, " batch"] | int = 0,
    ) -> Batch:
        """Log-odds that `location` gets spin +1, given `spins` (0 where void), for sigma >= 0: one, or one a row.

        `turn` numbers the eight turns and reflections of the lattice to look from; all must agree on the answer, which is
        what training on random ones teaches.
        """
        seen = spins.gather(1, self.views[turn, location])
        around = seen[:, self._neighbours]
        # Once all neighbours are there, their field is the whole truth.
        open_ = (around == 0).any(1)
        return self.net(seen, sigma) * open_ + 4.0 * sigma * around.sum(1)

    def at(self, sigma: float) -> "LatticePolicyAt":
        return LatticePolicyAt(self, sigma)


class LatticePolicyAt:
    """The `Policy` of one sigma. `carry` is the spins themselves, 0 where void."""

    learned_location = False
    learned_erasure = False
    step_nats = order = None

    def __init__(self, policy: LatticePolicy, sigma: float):
        if sigma < 0 and policy.side % 2:
            raise ValueError("sigma must be at least 0 on an odd side: there the sublattices are not symmetric")
        self.policy, self.dim, self.sigma = policy, policy.dim, sigma
        device = policy.views.device
        self._sigma = torch.tensor([abs(sigma)], dtype=torch.float32, device=device)
        # In these signs, the antiferromagnet is the ferromagnet.
        self._signs = policy.sublattice if sigma < 0 else torch.ones(policy.dim, device=device)

    @property
    def rows(self) -> int:
        return cached_rows()

    def __call__(self, x: Vectors, mask: Masks) -> PolicyOutput:
        carry = self.begin(x, mask)
        around = carry[:, self.policy.around]
        logits = 4.0 * self._sigma * around.sum(2)
        # Where all neighbours are there, their field is the whole truth; elsewhere the network has to be asked.
        row, site = (~mask & (around == 0).any(2)).nonzero(as_tuple=True)
        for rows, sites in zip(row.split(self.rows), site.split(self.rows), strict=True) if len(row) else ():
            logits[rows, sites] = self.policy.logit(carry[rows], sites, self._sigma)
        return PolicyOutput(logits * self._signs, None, None)

    def begin(self, x: Vectors, mask: Masks) -> Vectors:
        return mask * (2.0 * x - 1.0) * self._signs

    def value_logit(self, carry: Vectors, location: Locations) -> Batch:
        return self.policy.logit(carry, location, self._sigma) * self._signs[location]

    @property
    def last_block(self) -> Int[Tensor, " sites"]:
        """Sites of which no two are neighbours, as a chequerboard gives them."""
        sites = torch.arange(self.dim, device=self.policy.views.device)
        rows, columns = sites // self.policy.side, sites % self.policy.side
        inside = self.policy.side - self.policy.side % 2
        return ((rows + columns) % 2 + (rows >= inside) + (columns >= inside) == 0).nonzero().squeeze(1)

    def fill(self, carry: Vectors, location: Locations, value: Batch) -> Vectors:
        spin = (2.0 * value - 1.0) * self._signs[location]
        return carry.scatter(1, location.unsqueeze(1), spin.unsqueeze(1))


def draw_lattices(policy: LatticePolicyAt, n: int, generator: torch.Generator) -> Trajectories:
    """Draw `n` lattices in half the steps: one sublattice site by site in random order, the other in a single step.

    Sites of the other sublattice are not neighbours, and their neighbours are all filled: given these they are independent,
    and the policy's log-odds are the exact ones. On odd sides, where sublattices touch, the last step is what has no two
    neighbours. Half of the order is fixed, in P_F as in P_B, which leaves log P_F - log P_B that of the values.
    """
    last = policy.last_block
    first = torch.ones(policy.dim, dtype=torch.bool, device=last.device).index_fill(0, last, False).nonzero().squeeze(1)
    order = torch.cat([first[uniform_orders(n, len(first), generator)], last.expand(n, -1)], dim=1)
    schedule = (*range(len(first) + 1), policy.dim)
    empty = torch.zeros(n, policy.dim, device=last.device)
    return complete(policy, empty, order, schedule=schedule, generator=generator)


def views(side: int) -> Int[Tensor, "turns dim dim"]:
    """For each of the eight turns and reflections, and each site, all sites in the order in which they are seen from it."""
    offset = torch.arange(side)
    down, right = torch.meshgrid(offset, offset, indexing="ij")
    tables = []
    for mirrored in (down, -down):
        rows, columns = mirrored, right
        for _ in range(4):
            rows, columns = columns, -rows
            seen = (offset[:, None, None] + rows.flatten()) % side, (offset[None, :, None] + columns.flatten()) % side
            tables.append((seen[0] * side + seen[1]).flatten(0, 1))
    return torch.stack(tables)


def open_log_z(dim: int) -> Float[Tensor, " knots"]:
    """log Z at the knots as if all loops of the lattice were open: a fair start."""
    return dim * math.log(2) + 2 * dim * (2 * torch.linspace(0.0, MAX_SIGMA, KNOTS)).cosh().log()


def at_sigma(model: Model, sigma: float) -> Model:
    """Of a model of all sigma, that of one. Errors: ValueError for a sigma out of range, or below 0 on an odd side."""
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not -MAX_SIGMA <= sigma <= MAX_SIGMA:
        raise ValueError(f"sigma must be a number in {-MAX_SIGMA:g}..{MAX_SIGMA:g}, got {sigma}")
    log_z = curve(model.log_z, torch.tensor([float(sigma)], device=model.device))[0]
    return replace(model, energy=model.energy.at(sigma), policy=model.policy.at(sigma), log_z=log_z)


def curve(knots: Float[Tensor, " knots"], sigma: Float[Tensor, " some"]) -> Float[Tensor, " some"]:
    """log Z at |sigma| from its values at evenly spaced knots, by cubic interpolation; linear in the knots."""
    position = (sigma.abs() / MAX_SIGMA).clamp(max=1.0) * (len(knots) - 1)
    left = position.long().clamp(max=len(knots) - 2)
    t = (position - left).unsqueeze(1)
    near = left.unsqueeze(1) + torch.arange(-1, 3, device=left.device)
    # Beyond the ends, values that go on in a parabola.
    padded = torch.cat(
        [3 * knots[:1] - 3 * knots[1:2] + knots[2:3], knots, 3 * knots[-1:] - 3 * knots[-2:-1] + knots[-3:-2]]
    )
    weights = 0.5 * torch.cat(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], dim=1
    )
    return (weights * padded[near + 1]).sum(1)
