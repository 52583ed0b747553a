"""Trajectories s_0 -> ... -> s_D of the GFlowNet: how they are drawn and how probable they are.

A trajectory is its end x, the order in which entries are filled, and a schedule t_0 < ... < t_T = D that says how many are
filled after each step. A step fills its entries by one call of the policy, independently given the state. One entry a step
is the finest schedule, and the published algorithm's; each schedule makes a GFlowNet with an exact likelihood.

Of uniform locations every order of the void entries is equally likely, and so for uniform erasure. With both,
log P_F - log P_B of a whole trajectory is the sum of the log-probabilities of its values alone. So it is where both follow
one order that is given (`Policy.order`): its probability is left out as if it were uniform, as only the difference matters.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn.core.policy import Policy, Stepwise, Tractable, bernoulli_log_prob
from ebgfn.core.states import Batch, Masks, Orders, Vectors, ranks, uniform_orders

Schedule = tuple[int, ...]
Table = Float[Tensor, "batch steps"]


@dataclass(frozen=True)
class Trajectories:
    """Ends `x`, the order and the schedule of their filling, and log-probabilities of the steps taken."""

    x: Vectors
    order: Orders
    schedule: Schedule
    log_pf: Batch
    log_pb: Batch


def finest(dim: int, *, start: int = 0) -> Schedule:
    """One entry a step."""
    return tuple(range(start, dim + 1))


class Step(NamedTuple):
    """One step of a walk: what `x` is after it, and the log-probability of the values that it filled in."""

    x: Vectors
    log_value: Batch


def walk(
    policy: Policy,
    x: Vectors,
    order: Orders,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> Iterator[Step]:
    """Fill the entries that are void in s_start of (x, order), start = schedule[0], step by step; the order is kept.

    For use where gradients are off: a decorator would switch them at each step. `temperature` divides the log-odds: below 1
    the samples are more typical, and `log_value` is that of this temperature.
    """
    rank, noise = ranks(order), torch.rand(x.shape, generator=generator, device=x.device)
    stepwise, carry = policy if isinstance(policy, Stepwise) else None, None
    for first, end in itertools.pairwise(schedule):
        if end == first + 1 and stepwise is not None:
            at, location = order[:, first:end], order[:, first]
            carry = stepwise.begin(x, rank < first) if carry is None else carry
            logit = stepwise.value_logit(carry, location)
            logit = logit if temperature == 1.0 else logit / temperature
            value = (noise.gather(1, at).squeeze(1) < torch.sigmoid(logit)).to(x.dtype)
            x = x.scatter(1, at, value.unsqueeze(1))
            carry = stepwise.fill(carry, location, value) if end < x.shape[1] else None
            yield Step(x, bernoulli_log_prob(logit, value))
        else:
            logits = policy(x, rank < first).value_logits.float() / temperature
            now = (rank >= first) & (rank < end)
            x, carry = torch.where(now, (noise < torch.sigmoid(logits)).to(x.dtype), x), None
            yield Step(x, (bernoulli_log_prob(logits, x) * now).sum(1))


@torch.no_grad()
def complete(
    policy: Policy,
    x: Vectors,
    order: Orders,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> Trajectories:
    """Fill, by P_F, the entries that are void in s_start of (x, order), start = schedule[0]: the one function that draws.

    With a uniform location policy the given order is kept (draw it uniformly); with a learned one the policy chooses the
    locations, and the returned order differs from `start` on. log_pf and log_pb count the steps taken, also where a policy
    that is `Tractable` takes steps of one entry each all at once.
    """
    if policy.learned_location:
        assert temperature == 1.0
        return _complete_where_it_likes(policy, x, order, schedule=schedule, generator=generator)
    if isinstance(policy, Tractable) and temperature == 1.0 and schedule == finest(policy.dim, start=schedule[0]):
        mask = ranks(order) < schedule[0]
        x = policy.fill_all(x, mask, generator)
        return Trajectories(x, order, schedule, *_log_prob_at_once(policy, x, mask, schedule))
    ends, values = [], []
    for part, orders in zip(x.split(policy.rows), order.split(policy.rows), strict=True):
        log_value, end = torch.zeros(len(part), device=x.device), part
        for step in walk(policy, part, orders, schedule=schedule, generator=generator, temperature=temperature):
            log_value += step.log_value
            end = step.x
        ends.append(end)
        values.append(log_value)
    x, dim = torch.cat(ends), x.shape[1]
    log_pf = torch.cat(values) - _log_orders(dim - schedule[0])
    if policy.learned_erasure:
        return Trajectories(x, order, schedule, log_pf, log_prob(policy, x, order, schedule=schedule)[1])
    return Trajectories(x, order, schedule, log_pf, torch.full_like(log_pf, _log_erasures(dim, schedule[0])))


def _complete_where_it_likes(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, generator: torch.Generator
) -> Trajectories:
    """With learned locations: entry by entry."""
    (batch, dim), start = x.shape, schedule[0]
    assert schedule == finest(dim, start=start)
    order, mask, log_pf = order.clone(), ranks(order) < start, torch.zeros(batch, device=x.device)
    for t in range(start, dim):
        out = policy(x, mask)
        assert out.location_logits is not None
        log_location = out.location_logits.masked_fill(mask, -torch.inf).log_softmax(1)
        location = torch.multinomial(log_location.exp(), 1, generator=generator)
        logit = out.value_logits.gather(1, location)
        noise = torch.rand(batch, 1, generator=generator, device=x.device)
        value = (noise < torch.sigmoid(logit)).to(x.dtype)
        log_pf += (log_location.gather(1, location) + bernoulli_log_prob(logit, value)).squeeze(1)
        order[:, t] = location.squeeze(1)
        x, mask = x.scatter(1, location, value), mask.scatter(1, location, True)
    log_pb = log_prob(policy, x, order, schedule=schedule)[1] if policy.learned_erasure else None
    if log_pb is None:
        log_pb = torch.full_like(log_pf, _log_erasures(dim, start))
    return Trajectories(x, order, schedule, log_pf, log_pb)


def orders(policy: Policy, batch: int, *, k: int, generator: torch.Generator) -> Orders:
    """Orders of which the last `k` entries are voided or filled: the policy's own if those are all, else random."""
    if policy.order is not None and k == policy.dim:
        return policy.order.expand(batch, -1)
    return uniform_orders(batch, policy.dim, generator)


@torch.no_grad()
def sample_backward(policy: Policy, x: Vectors, *, k: int, generator: torch.Generator) -> Orders:
    """Void `k` entries of each `x` by P_B: the returned order has the voided ones last, the first voided at the very end."""
    batch, dim = x.shape
    if not policy.learned_erasure:
        return orders(policy, batch, k=k, generator=generator)
    mask = torch.ones_like(x, dtype=torch.bool)
    order = torch.empty_like(x, dtype=torch.int64)
    for t in range(dim - 1, dim - k - 1, -1):
        erase_logits = policy(x, mask).erase_logits
        assert erase_logits is not None
        logits = erase_logits.masked_fill(~mask, -torch.inf)
        location = torch.multinomial(logits.softmax(1), 1, generator=generator)
        order[:, t] = location.squeeze(1)
        mask = mask.scatter(1, location, False)
    order[:, : dim - k] = mask.nonzero()[:, 1].view(batch, dim - k)
    return order


def log_prob(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, chosen: Int[Tensor, "batch m"] | None = None
) -> tuple[Batch, Batch]:
    """log P_F and log P_B of the steps that fill the void entries of s_start of (x, order), start = schedule[0].

    `chosen` numbers m of the steps of each row (drawn uniformly, with replacement): the sums over them, scaled by steps / m,
    are unbiased estimates of the full ones and so are their gradients. What is uniform is not estimated but known.
    """
    if chosen is None and isinstance(policy, Tractable) and schedule == finest(policy.dim, start=schedule[0]):
        return _log_prob_at_once(policy, x, ranks(order) < schedule[0], schedule)
    log_pf, log_pb = log_prob_steps(policy, x, order, schedule=schedule, chosen=chosen)
    if chosen is None:
        return log_pf.sum(1), log_pb.sum(1)
    scale = (len(schedule) - 1) / chosen.shape[1]
    location, erasure = log_uniform_steps(x.shape[1], schedule, device=x.device)
    known_pf = 0.0 if policy.learned_location else location.sum() - scale * location[chosen].sum(1)
    known_pb = 0.0 if policy.learned_erasure else erasure.sum() - scale * erasure[chosen].sum(1)
    return scale * log_pf.sum(1) + known_pf, scale * log_pb.sum(1) + known_pb


def _log_prob_at_once(policy: Tractable, x: Vectors, mask: Masks, schedule: Schedule) -> tuple[Batch, Batch]:
    """`log_prob` from the filled entries `mask` on to all of x."""
    dim, start = x.shape[1], schedule[0]
    log_value = policy.log_prob(x) - (policy.log_prob(x, mask) if start else 0.0)
    return log_value - _log_orders(dim - start), torch.full_like(log_value, _log_erasures(dim, start))


def log_ratio(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, chosen: Int[Tensor, "batch m"] | None = None
) -> Batch:
    """log P_F - log P_B, as `log_prob` tells them."""
    log_pf, log_pb = log_prob(policy, x, order, schedule=schedule, chosen=chosen)
    return log_pf - log_pb


def log_prob_steps(
    policy: Policy, x: Vectors, order: Orders, *, schedule: Schedule, chosen: Int[Tensor, "batch m"] | None = None
) -> tuple[Table, Table]:
    """log P_F and log P_B of each step, or of the `chosen` ones: the one function that tells probabilities.

    All states are one batch; where no gradient is wanted it is cut so that activations stay in cache.
    """
    if chosen is None:
        chosen = torch.arange(len(schedule) - 1, device=x.device).expand(len(x), -1)
    rows = max(1, len(x)) if torch.is_grad_enabled() else max(1, policy.rows // chosen.shape[1])
    parts = zip(*(part.split(rows) for part in (x, order, chosen)), strict=True)
    tables = [_log_prob_steps(policy, *part, schedule=schedule) for part in parts]
    log_pf, log_pb = zip(*tables, strict=True)
    return torch.cat(log_pf), torch.cat(log_pb)


def _log_prob_steps(
    policy: Policy, x: Vectors, order: Orders, chosen: Int[Tensor, "batch m"], *, schedule: Schedule
) -> tuple[Table, Table]:
    ends, taken = torch.tensor(schedule, device=x.device), chosen.shape[1]
    first, end = (ends[chosen + i].flatten().unsqueeze(1) for i in (0, 1))
    if schedule == finest(x.shape[1], start=schedule[0]):
        location = order.gather(1, first.view_as(chosen)).flatten()
        rank = ranks(order).unsqueeze(1)
        before = (rank < first.view(*chosen.shape, 1)).flatten(0, 1)
        steps = _log_single_steps(policy, x.repeat_interleave(taken, 0), before, location, first.squeeze(1))
        return steps[0].view_as(chosen), steps[1].view_as(chosen)
    assert not policy.learned_location
    assert not policy.learned_erasure
    repeated, rank = x.repeat_interleave(taken, 0), ranks(order).repeat_interleave(taken, 0)
    now = (rank >= first) & (rank < end)
    logits = policy(repeated, rank < first).value_logits.float()
    log_value = (bernoulli_log_prob(logits, repeated) * now).sum(1).view_as(chosen)
    location, erasure = (part[chosen] for part in log_uniform_steps(x.shape[1], schedule, device=x.device))
    return log_value + location, erasure


def log_uniform_steps(
    dim: int, schedule: Schedule, *, device: torch.device | None = None
) -> tuple[Float[Tensor, " steps"], Float[Tensor, " steps"]]:
    """What uniform locations add to log P_F of each step beside its values, and log P_B of uniform erasure.

    The entries of a step come in one of the orders of all void ones, and go in one of those of all filled ones.
    """
    void, filled = ([_log_orders(n) for n in counts] for counts in ([dim - t for t in schedule], schedule))
    location = torch.tensor([b - a for a, b in itertools.pairwise(void)], device=device)
    return location, torch.tensor([a - b for a, b in itertools.pairwise(filled)], device=device)


def _log_single_steps(
    policy: Policy, x: Vectors, before: Masks, location: Int[Tensor, " batch"], step: Int[Tensor, " batch"]
) -> tuple[Batch, Batch]:
    """log P_F and log P_B between the state `before` and the one with `location` filled too."""
    at = location.unsqueeze(1)
    if policy.learned_location or not isinstance(policy, Stepwise):
        out = policy(x, before)
        value_logit, location_logits = out.value_logits.float().gather(1, at), out.location_logits
    else:  # one value is asked for, which some policies can tell without all others
        value_logit, location_logits = policy.value_logit(policy.begin(x, before), location).unsqueeze(1), None
    log_location = -(x.shape[1] - step).log() if location_logits is None else _log_choice(location_logits, ~before, at)
    log_pf = bernoulli_log_prob(value_logit, x.gather(1, at)).squeeze(1) + log_location
    if not policy.learned_erasure:
        return log_pf, -(step + 1).log()
    after = before.scatter(1, at, True)
    erase_logits = policy(x, after).erase_logits
    assert erase_logits is not None
    return log_pf, _log_choice(erase_logits, after, at)


def _log_choice(logits: Vectors, allowed: Masks, chosen: Int[Tensor, "batch 1"]) -> Batch:
    """log probability of one of the allowed entries."""
    return logits.masked_fill(~allowed, -torch.inf).log_softmax(1).gather(1, chosen).squeeze(1)


def _log_orders(n: int) -> float:
    """log of the number of orders of n entries."""
    return math.lgamma(n + 1)


def _log_erasures(dim: int, start: int) -> float:
    """log P_B of voiding the entries filled after s_start, where erasure is uniform."""
    return _log_orders(start) - _log_orders(dim)
