"""Block steps: several entries filled by one call of the policy, independently given the state.

Still a GFlowNet, over a coarser graph of states, with an exact likelihood: log P_F - log P_B is the sum of the
log-probabilities of the values, each under the state at the start of its block. The number of steps T is a dial between
time and quality, from T = D, one entry a step, to T = 1, all entries at once.

A schedule 0 = t_0 < ... < t_T = D says where blocks end. If an entry that is filled in state t costs l_t nats on average,
the whole costs sum_j (t_{j+1} - t_j) l_{t_j} (in expectation over orders), which dynamic programming minimises: Hoogeboom
et al., "Autoregressive diffusion models", ICLR 2022, arXiv 2110.02037.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ebgfn.policies import Policy, bernoulli_log_prob
from ebgfn.trajectories import Trajectories, complete, log_orders, ranks, sample_forward, uniform_orders

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]
Orders = Int[Tensor, "batch dim"]
Masks = Bool[Tensor, "batch dim"]
Schedule = tuple[int, ...]

# Blocks of the best schedule end at multiples of dim / GRID where more than GRID entries are to be filled.
GRID = 112
# On MNIST 49 steps cost 0.8 nats more than 784, and a move of 64 pixels in 4 is accepted as often as one in 8.
USUAL_STEPS, USUAL_MOVE_STEPS = 49, 4
# Rows that go through a convolutional network together: its activations then stay in cache.
ROWS = 128
# Vectors that are drawn together: bounds memory.
PIECE = 20_000


def check_steps(steps: int, entries: int) -> None:
    """Errors: ValueError if so many blocks cannot fill so many entries."""
    if not 1 <= steps <= entries:
        raise ValueError(f"steps must be in 1..{entries}, got {steps}")


def best_schedule(nats: Float[Tensor, " dim"], steps: int, *, start: int = 0) -> Schedule:
    """Ends of the `steps` blocks, `start` first and D last, that cost least; `nats` is l_t (see the module)."""
    dim = len(nats)
    check_steps(steps, dim - start)
    if steps == dim - start:
        return tuple(range(start, dim + 1))
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


def _grid(start: int, dim: int, steps: int) -> Int[np.ndarray, " ends"]:
    """Where blocks may end: everywhere in a short range, at about GRID places (but enough for `steps`) in a long one."""
    count = min(dim - start, max(GRID, 2 * steps))
    return np.unique(np.linspace(start, dim, count + 1).round().astype(int))


def usual_schedule(policy: Policy, *, k: int, steps: int | None = None) -> Schedule | None:
    """Blocks in which to fill the last `k` entries, `steps` of them or a usual number; None for a policy without a measured
    curve, which fills one entry a step (and then `steps` must not be given)."""
    nats = getattr(policy, "step_nats", None)
    if nats is None:
        if steps not in (None, k):
            raise ValueError(f"this sampler fills one entry a step: steps must be {k}, got {steps}")
        return None
    return best_schedule(
        nats, steps or min(k, USUAL_STEPS if k == policy.dim else USUAL_MOVE_STEPS), start=policy.dim - k
    )


def fill_schedule(policy: Policy, *, k: int, steps: int | None = None) -> Schedule | None:
    """`usual_schedule` of an answer rather than of a move: its usual number is that of a whole draw, in proportion."""
    if steps is None and hasattr(policy, "step_nats"):
        steps = min(k, math.ceil(USUAL_STEPS * k / policy.dim))
    return usual_schedule(policy, k=k, steps=steps)


def cost(nats: Float[Tensor, " dim"], schedule: Schedule) -> float:
    """Expected -log q of a schedule over random orders, in nats: an upper bound on the NLL."""
    ends = torch.tensor(schedule)
    return ((ends[1:] - ends[:-1]) * nats.double()[ends[:-1]]).sum().item()


class Block(NamedTuple):
    """One block of a walk: entries of rank `first` to `end` - 1 were filled, of log-odds `logits` given what was there
    before; `x` is right for all entries of rank below `end`."""

    first: int
    end: int
    logits: Vectors
    x: Vectors


@torch.no_grad()
def walk(
    policy: Policy,
    x: Vectors,
    order: Orders,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> Iterator[Block]:
    """Fill the entries that are void in s_start of (x, order), start = schedule[0], block by block.

    `temperature` divides the log-odds: below 1 the samples are more typical.
    """
    rank, noise = ranks(order), torch.rand(x.shape, generator=generator)
    for first, end in itertools.pairwise(schedule):
        logits = _logits(policy, x, rank < first) / temperature
        now = (rank >= first) & (rank < end)
        x = torch.where(now, (noise < torch.sigmoid(logits)).to(x.dtype), x)
        yield Block(first, end, logits, x)


@torch.no_grad()
def complete_blocks(
    policy: Policy,
    x: Vectors,
    order: Orders,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> Trajectories:
    """The whole of a `walk`, orders kept; log_pf is that of the policy at this temperature."""
    batch, dim = x.shape
    rank, log_value = ranks(order), torch.zeros(batch)
    for block in walk(policy, x, order, schedule=schedule, generator=generator, temperature=temperature):
        x = block.x
        now = (rank >= block.first) & (rank < block.end)
        log_value += (bernoulli_log_prob(block.logits, x) * now).sum(1)
    start = schedule[0]
    log_pf, log_pb = log_value - log_orders(dim, start), torch.full((batch,), log_orders(start) - log_orders(dim))
    return Trajectories(x, order, log_pf, log_pb)


def sample_blocks(
    policy: Policy, n: int, *, schedule: Schedule, generator: torch.Generator, temperature: float = 1.0
) -> Trajectories:
    """Draw `n` complete trajectories in the blocks of a schedule that starts at 0."""
    order = uniform_orders(n, policy.dim, generator)
    empty = torch.zeros(n, policy.dim)
    return complete_blocks(policy, empty, order, schedule=schedule, generator=generator, temperature=temperature)


def draw(policy: Policy, n: int, generator: torch.Generator, *, steps: int | None = None) -> Trajectories:
    """Draw `n` complete trajectories in the usual way of the policy: in `steps` blocks, or entry by entry."""
    schedule = usual_schedule(policy, k=policy.dim, steps=steps)
    if schedule is None:
        return sample_forward(policy, n, generator)
    return sample_blocks(policy, n, schedule=schedule, generator=generator)


def draw_pieces(
    policy: Policy, n: int, generator: torch.Generator, *, steps: int | None = None
) -> Iterator[UInt8[Tensor, "some dim"]]:
    """Ends of `n` trajectories of `draw`, PIECE of them at a time."""
    for begin in range(0, n, PIECE):
        yield draw(policy, min(PIECE, n - begin), generator, steps=steps).x.byte()


def void_last(mask: Masks, generator: torch.Generator) -> Orders:
    """Random orders in which the filled entries of `mask` come first and the void ones in a uniform order."""
    order = uniform_orders(len(mask), mask.shape[1], generator)
    return order.gather(1, (~mask).gather(1, order).int().argsort(dim=1, stable=True))


def fill(policy: Policy, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
    """Fill what is void in the usual way of the policy, in random orders; what is filled stays as it is."""
    x, void = x.clone(), (~mask).sum(1)
    for k in void[void > 0].unique().tolist():
        rows = void == k
        order, schedule = void_last(mask[rows], generator), fill_schedule(policy, k=k)
        if schedule is None:
            x[rows] = complete(policy, x[rows], order, start=policy.dim - k, generator=generator).x
        else:
            x[rows] = complete_blocks(policy, x[rows], order, schedule=schedule, generator=generator).x
    return x


def block_log_values(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, chosen: Int[Tensor, "batch m"] | None = None
) -> Float[Tensor, "batch m"]:
    """log P_F of the values of each block, or of the `chosen` ones of each row. All states are one batch."""
    ends, batch = torch.tensor(schedule), len(x)
    if chosen is None:
        chosen = torch.arange(len(schedule) - 1).expand(batch, -1)
    taken = chosen.shape[1]
    first, end = (ends[chosen + i].flatten().unsqueeze(1) for i in (0, 1))
    repeated, rank = x.repeat_interleave(taken, 0), ranks(order).repeat_interleave(taken, 0)
    logits = policy(repeated, rank < first).value_logits.float()
    now = (rank >= first) & (rank < end)
    return (bernoulli_log_prob(logits, repeated) * now).sum(1).view(batch, taken)


def log_values(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, chosen: Int[Tensor, "batch m"] | None = None
) -> Batch:
    """log P_F - log P_B of the blocks that fill the void entries of s_start, up to a constant of D and start only.

    `chosen` names m of the blocks for each row (drawn uniformly, with replacement): the sum over them, scaled by
    blocks / m, is an unbiased estimate, and so is its gradient.
    """
    each = block_log_values(policy, x, order, schedule=schedule, chosen=chosen)
    return (len(schedule) - 1) / each.shape[1] * each.sum(1)


@torch.no_grad()
def block_log_values_chunked(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule
) -> Float[Tensor, "batch blocks"]:
    """`block_log_values` without gradients, in chunks that stay in cache."""
    rows = max(1, ROWS // (len(schedule) - 1))
    parts = zip(x.split(rows), order.split(rows), strict=True)
    return torch.cat([block_log_values(policy, *part, schedule=schedule) for part in parts])


def log_values_chunked(policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule) -> Batch:
    """`log_values` without gradients, in chunks that stay in cache."""
    return block_log_values_chunked(policy, x, order, schedule=schedule).sum(1)


def _logits(policy: Policy, x: Vectors, mask: Tensor) -> Vectors:
    parts = zip(x.split(ROWS), mask.split(ROWS), strict=True)
    return torch.cat([policy(*part).value_logits.float() for part in parts])
