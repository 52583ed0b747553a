"""Trajectories s_0 -> s_1 -> ... -> s_D of the GFlowNet.

There is no exit action, so a complete trajectory is exactly a pair (x, order): the state s_t keeps the entries
order[0..t-1] of x. Sampling walks through the states one after another; states known in advance are one batch.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ebgfn.networks import inference_chunks
from ebgfn.policies import LatticePolicyAt, Policy, bernoulli_log_prob

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]
Orders = Int[Tensor, "batch dim"]
Masks = Bool[Tensor, "batch dim"]


@dataclass(frozen=True)
class Trajectories:
    """Ends `x` of trajectories, the order in which their entries were filled, and log-probabilities of the steps taken."""

    x: Vectors
    order: Orders
    log_pf: Batch
    log_pb: Batch


def uniform_orders(batch: int, dim: int, generator: torch.Generator) -> Orders:
    """Independent uniform permutations."""
    return torch.rand(batch, dim, generator=generator).argsort(dim=1)


def ranks(order: Orders) -> Orders:
    """The step, from 0, at which each entry is filled: the inverse permutation."""
    rank = torch.empty_like(order)
    return rank.scatter_(1, order, torch.arange(order.shape[1]).expand_as(order))


def filled_at(order: Orders, step: int | Int[Tensor, "batch #dim"]) -> Masks:
    """Mask of s_step: which entries the first `step` steps filled."""
    return ranks(order) < step


def random_masks(batch: int, dim: int, generator: torch.Generator) -> Masks:
    """Random states: the number t of filled entries uniform on 0..D-1 and stratified over the batch, their set uniform."""
    t = ((torch.arange(batch) + torch.rand(1, generator=generator)) / batch * dim).long().clamp(max=dim - 1)
    return uniform_orders(batch, dim, generator) < t.unsqueeze(1)


def log_orders(dim: int, start: int = 0) -> float:
    """log of the number of orders in which the entries void at step `start` can be filled."""
    return math.lgamma(dim - start + 1)


@torch.no_grad()
def complete(policy: Policy, x: Vectors, order: Orders, *, start: int, generator: torch.Generator) -> Trajectories:
    """Fill, by P_F, the entries that are void in s_start of (x, order).

    With a uniform location policy the given order is kept beyond `start` (draw it uniformly); with a learned one the
    locations are chosen by the policy and the returned order differs there. log_pf and log_pb count the steps taken.
    """
    if policy.learned_location:
        return _complete_learned(policy, x, order, start=start, generator=generator)
    batch, dim = x.shape
    x = x.clone()
    noise = torch.rand(dim - start, batch, generator=generator)
    log_value = torch.zeros(batch)
    for rows in inference_chunks(batch):
        carry = policy.begin(x[rows], filled_at(order[rows], start))
        filled = x[rows]
        for t in range(start, dim):
            location = order[rows, t]
            logit = policy.value_logit(carry, location)
            value = (noise[t - start, rows] < torch.sigmoid(logit)).float()
            log_value[rows] += bernoulli_log_prob(logit, value)
            filled.scatter_(1, location[:, None], value[:, None])
            if t + 1 < dim:
                carry = policy.fill(carry, location, value)
    log_pf = log_value - log_orders(dim, start)
    log_pb = log_erasure(policy, x, order, start=start)
    return Trajectories(x, order, log_pf, log_pb)


def _complete_learned(
    policy: Policy, x: Vectors, order: Orders, *, start: int, generator: torch.Generator
) -> Trajectories:
    batch, dim = x.shape
    x, order, mask = x.clone(), order.clone(), filled_at(order, start)
    log_pf = torch.zeros(batch)
    for t in range(start, dim):
        out = policy(x, mask)
        assert out.location_logits is not None  # _complete_learned serves learned locations only
        log_location = out.location_logits.masked_fill(mask, -torch.inf).log_softmax(1)
        location = torch.multinomial(log_location.exp(), 1, generator=generator)
        logit = out.value_logits.gather(1, location)
        value = (torch.rand(batch, 1, generator=generator) < torch.sigmoid(logit)).float()
        log_pf += (log_location.gather(1, location) + bernoulli_log_prob(logit, value)).squeeze(1)
        order[:, t] = location.squeeze(1)
        x.scatter_(1, location, value)
        mask = mask.scatter(1, location, True)
    return Trajectories(x, order, log_pf, log_erasure(policy, x, order, start=start))


def sample_forward(policy: Policy, n: int, generator: torch.Generator) -> Trajectories:
    """Draw `n` complete trajectories from P_F."""
    order = uniform_orders(n, policy.dim, generator)
    return complete(policy, torch.zeros(n, policy.dim), order, start=0, generator=generator)


@torch.no_grad()
def sample_backward(policy: Policy, x: Vectors, *, k: int, generator: torch.Generator) -> Orders:
    """Void `k` entries of each `x` by P_B: the returned order has the voided ones last, the first voided at the very end."""
    batch, dim = x.shape
    if not policy.learned_erasure:
        return uniform_orders(batch, dim, generator)
    mask = torch.ones(batch, dim, dtype=torch.bool)
    order = torch.empty(batch, dim, dtype=torch.int64)
    for t in range(dim - 1, dim - k - 1, -1):
        erase_logits = policy(x, mask).erase_logits
        assert erase_logits is not None
        logits = erase_logits.masked_fill(~mask, -torch.inf)
        location = torch.multinomial(logits.softmax(1), 1, generator=generator)
        order[:, t] = location.squeeze(1)
        mask = mask.scatter(1, location, False)
    order[:, : dim - k] = mask.nonzero()[:, 1].view(batch, dim - k)
    return order


def log_probs(
    policy: Policy, x: Vectors, order: Orders, *, start: int = 0, steps: Int[Tensor, "batch m"] | None = None
) -> tuple[Batch, Batch]:
    """log P_F and log P_B of the steps start..D-1 that fill the void entries of s_start, all states in one batch.

    `steps` names m of these steps for each trajectory (drawn uniformly, with replacement): the sums over them, scaled by
    (D - start) / m, are unbiased estimates of the full ones and so are their gradients.
    """
    batch, dim = x.shape
    length = dim - start
    if steps is None:
        steps = torch.arange(start, dim).expand(batch, length)
    taken = steps.shape[1]
    before = (ranks(order).unsqueeze(1) < steps.unsqueeze(2)).flatten(0, 1)
    location = order.gather(1, steps).flatten()
    log_pf, log_pb = _log_steps(policy, x.repeat_interleave(taken, 0), before, location, steps.flatten())
    scale = length / taken
    return scale * log_pf.view(batch, taken).sum(1), scale * log_pb.view(batch, taken).sum(1)


def _log_steps(
    policy: Policy, x: Vectors, before: Masks, location: Int[Tensor, " batch"], step: Int[Tensor, " batch"]
) -> tuple[Batch, Batch]:
    """log P_F and log P_B between the state `before` and the one with `location` filled too."""
    at = location.unsqueeze(1)
    if policy.learned_location:
        out = policy(x, before)
        assert out.location_logits is not None
        value_logit, log_location = out.value_logits.gather(1, at), _log_choice(out.location_logits, ~before, at)
    else:  # one value is asked for, which some policies can tell without all others
        value_logit = policy.value_logit(policy.begin(x, before), location).unsqueeze(1)
        log_location = -(x.shape[1] - step).log()
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


def log_erasure(policy: Policy, x: Vectors, order: Orders, *, start: int) -> Batch:
    """log P_B of voiding the entries filled after s_start; costs no network call when P_B is uniform."""
    batch, dim = x.shape
    if not policy.learned_erasure:
        return torch.full((batch,), math.lgamma(start + 1) - math.lgamma(dim + 1))
    return log_probs_chunked(policy, x, order, start=start)[1]


@torch.no_grad()
def log_probs_chunked(policy: Policy, x: Vectors, order: Orders, *, start: int = 0) -> tuple[Batch, Batch]:
    """`log_probs` without gradients, in chunks that stay in cache."""
    chunks = inference_chunks(len(x), states=x.shape[1] - start)
    parts = [log_probs(policy, x[i], order[i], start=start) for i in chunks]
    log_pf, log_pb = zip(*parts, strict=True)
    return torch.cat(log_pf), torch.cat(log_pb)


@torch.no_grad()
def sample_lattices(policy: LatticePolicyAt, n: int, generator: torch.Generator) -> tuple[Vectors, Batch]:
    """Draw `n` lattices in half the steps: one sublattice site by site in random order, the other in a single block.

    Sites of the other sublattice are not neighbours, and their neighbours are all filled: given these they are independent,
    and the policy's log-odds are the exact ones. Returns x and log P_F - log P_B of such a trajectory. On odd sides, where
    sublattices touch, the block is what has no two neighbours.
    """
    dim, last = policy.dim, policy.last_block
    first = torch.ones(dim, dtype=torch.bool).index_fill(0, last, False).nonzero().squeeze(1)
    steps = len(first)
    order = first[uniform_orders(n, steps, generator)]
    noise = torch.rand(steps, n, generator=generator)
    x, log_q = torch.zeros(n, dim), torch.zeros(n)
    carry = policy.begin(x, torch.zeros(n, dim, dtype=torch.bool))
    for t, location in enumerate(order.unbind(1)):
        logit = policy.value_logit(carry, location)
        value = (noise[t] < torch.sigmoid(logit)).float()
        log_q += bernoulli_log_prob(logit, value)
        x.scatter_(1, location[:, None], value[:, None])
        carry = policy.fill(carry, location, value)
    logits = policy.field_logits(carry)[:, last]
    values = (torch.rand(n, len(last), generator=generator) < torch.sigmoid(logits)).float()
    x[:, last] = values
    return x, log_q + bernoulli_log_prob(logits, values).sum(1)
