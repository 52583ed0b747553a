"""Which schedule: how many entries a step fills, hence how many calls of the policy a trajectory takes.

The number of steps T is a dial between time and quality, from T = D, one entry a step, to T = 1, all entries at once. If an
entry that is filled in state t costs l_t nats on average, a schedule costs sum_j (t_{j+1} - t_j) l_{t_j} in expectation over
orders, which dynamic programming minimises: Hoogeboom et al., "Autoregressive diffusion models", ICLR 2022,
arXiv 2110.02037.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from scipy.optimize import isotonic_regression
from torch import Tensor

from ebgfn.core.policy import Policy, bernoulli_log_prob
from ebgfn.core.states import Masks, Vectors, random_masks, states_along, void_last
from ebgfn.core.trajectories import Schedule, Trajectories, complete, finest, orders

# Steps of the best schedule end at multiples of dim / GRID where more than GRID entries are to be filled.
GRID = 112
# On MNIST 49 steps cost 0.8 nats more than 784, and a move of 64 pixels in 4 is accepted as often as one in 8.
USUAL_STEPS, USUAL_MOVE_STEPS = 49, 4
# Vectors that are drawn together: bounds memory.
PIECE = 20_000
# Means over ranges of t that make up the measured curve of l_t.
KNOTS = 28


def check_steps(steps: int, entries: int) -> None:
    """Errors: ValueError if so many steps cannot fill so many entries."""
    if not 1 <= steps <= entries:
        raise ValueError(f"steps must be in 1..{entries}, got {steps}")


def best_schedule(nats: Float[Tensor, " dim"], steps: int, *, start: int = 0) -> Schedule:
    """The schedule of `steps` steps from `start` to D that costs least; `nats` is l_t (see the module)."""
    dim = len(nats)
    check_steps(steps, dim - start)
    if steps == dim - start:
        return finest(dim, start=start)
    ends = _grid(start, dim, steps)
    # l_t never grows with t in truth; a measured curve is made so, or the program would exploit its noise.
    level = np.minimum.accumulate(nats.double().cpu().numpy())[ends[:-1]]
    cost = np.where(ends[None, :] > ends[:-1, None], (ends[None, :] - ends[:-1, None]) * level[:, None], np.inf)
    total, came_from = np.full(len(ends), np.inf), []
    total[0] = 0.0
    for _ in range(steps):
        through = total[:-1, None] + cost
        came_from.append(through.argmin(0))
        total = through.min(0)
    path = [len(ends) - 1]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return tuple(int(ends[i]) for i in reversed(path))


def even_schedule(dim: int, steps: int, *, start: int = 0) -> Schedule:
    """Steps of equal size, but for rounding, from `start` to D."""
    check_steps(steps, dim - start)
    return tuple(start + round((dim - start) * j / steps) for j in range(steps + 1))


def _grid(start: int, dim: int, steps: int) -> Int[np.ndarray, " ends"]:
    """Where steps may end: everywhere in a short range, at about GRID places (but enough for `steps`) in a long one."""
    count = min(dim - start, max(GRID, 2 * steps))
    return np.unique(np.linspace(start, dim, count + 1).round().astype(int))


def usual_schedule(policy: Policy, *, k: int, steps: int | None = None) -> Schedule:
    """Schedule that fills the last `k` entries in `steps` steps, or in a usual number of them.

    A policy without a measured curve fills one entry a step. Errors: ValueError for another number of steps.
    """
    if policy.step_nats is None:
        if steps not in (None, k):
            raise ValueError(f"this sampler fills one entry a step: steps must be {k}, got {steps}")
        return finest(policy.dim, start=policy.dim - k)
    usual = min(k, USUAL_STEPS if k == policy.dim else USUAL_MOVE_STEPS)
    return best_schedule(policy.step_nats, steps or usual, start=policy.dim - k)


def fill_schedule(policy: Policy, *, k: int, steps: int | None = None) -> Schedule:
    """`usual_schedule` of an answer rather than of a move: its usual number is that of a whole draw, in proportion."""
    if steps is None and policy.step_nats is not None:
        steps = min(k, math.ceil(USUAL_STEPS * k / policy.dim))
    return usual_schedule(policy, k=k, steps=steps)


def cost(nats: Float[Tensor, " dim"], schedule: Schedule) -> float:
    """Expected -log q of a schedule over random orders, in nats: an upper bound on the NLL."""
    ends = torch.tensor(schedule, device=nats.device)
    return ((ends[1:] - ends[:-1]) * nats.double()[ends[:-1]]).sum().item()


def draw(
    policy: Policy,
    n: int,
    generator: torch.Generator,
    *,
    steps: int | None = None,
    schedule: Schedule | None = None,
    temperature: float = 1.0,
) -> Trajectories:
    """Draw `n` complete trajectories, in the policy's usual way unless told in how many steps or by which schedule."""
    schedule = usual_schedule(policy, k=policy.dim, steps=steps) if schedule is None else schedule
    order = orders(policy, n, k=policy.dim, generator=generator)
    empty = torch.zeros(n, policy.dim, device=generator.device)
    return complete(policy, empty, order, schedule=schedule, generator=generator, temperature=temperature)


def draw_pieces(
    policy: Policy, n: int, generator: torch.Generator, *, steps: int | None = None
) -> Iterator[UInt8[Tensor, "some dim"]]:
    """Ends of `n` trajectories of `draw`, PIECE of them at a time."""
    for begin in range(0, n, PIECE):
        yield draw(policy, min(PIECE, n - begin), generator, steps=steps).x.byte()


def fill(policy: Policy, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
    """Fill what is void in the usual way of the policy, in random orders; what is filled stays as it is."""
    x, void = x.clone(), (~mask).sum(1)
    for k in void[void > 0].unique().tolist():
        rows = void == k
        order, schedule = void_last(mask[rows], generator), fill_schedule(policy, k=k)
        x[rows] = complete(policy, x[rows], order, schedule=schedule, generator=generator).x
    return x


@torch.no_grad()
def measured_step_nats(policy: Policy, x: Vectors, *, generator: torch.Generator) -> Float[Tensor, " dim"]:
    """l_t for t = 0..D-1: mean nats of an entry that is filled after t others, from one random state of each row.

    Of a random order any void entry may be next; of the policy's own order those are looked at that soon are.
    A curve that never rises, linear between KNOTS means over ranges of t, the ranges narrow where few are filled.
    """
    dim, device = x.shape[1], x.device
    if policy.order is None:
        mask = random_masks(len(x), dim, generator)
        void = ~mask
    else:
        mask, void = states_along(policy.order, len(x), generator)
    parts = zip(x.split(policy.rows), mask.split(policy.rows), strict=True)
    logits = torch.cat([policy(*part).value_logits for part in parts])
    nats = -(bernoulli_log_prob(logits, x) * void).sum(1)
    edges = torch.unique((torch.linspace(0, 1, KNOTS + 1, device=device) ** 2 * dim).long())
    bins = torch.bucketize(mask.sum(1), edges, right=True) - 1
    none = torch.zeros(len(edges), device=device)
    counts = none.index_add(0, bins, void.sum(1).float())
    means = none.index_add(0, bins, nats) / counts
    seen = counts > 0
    middle = none.index_add(0, bins, mask.sum(1).float()) / torch.bincount(bins, minlength=len(edges))
    # Least squares under "never rises": where noise would have it rise, neighbours are averaged, so nothing is lost.
    level = isotonic_regression(means[seen].cpu().numpy(), weights=counts[seen].cpu().numpy(), increasing=False).x
    knots = torch.tensor(level.tolist(), device=device)
    return _interpolated(torch.arange(dim, device=device), middle[seen], knots)


def _interpolated(at: Tensor, x: Tensor, y: Tensor) -> Float[Tensor, " at"]:
    """Linear between the points, constant outside."""
    right = torch.bucketize(at.float(), x).clamp(1, len(x) - 1)
    share = ((at - x[right - 1]) / (x[right] - x[right - 1])).clamp(0, 1)
    return y[right - 1] + share * (y[right] - y[right - 1])
