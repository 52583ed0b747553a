"""Exact distributions at small D: the energy's by enumeration of 2^D vectors, the GFlowNet's by dynamic programming.

The probability that a GFlowNet passes through a partial state s is the sum over its parents,

    q(s) = sum_i q(s without i) P_F(s without i -> s),    q(s_0) = 1,

so that all 3^D partial states, level by level in the number of filled entries, give the marginal of the complete ones.
P_B plays no part in it. A vector's number reads its entries as binary digits, a partial state's as ternary digits
(0 void, 1 value 0, 2 value 1), the first entry being the most significant.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ebgfn.core.batches import cached_rows
from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy

MAX_ENERGY_DIM, MAX_POLICY_DIM = 20, 12

LogProbs = Float[Tensor, " states"]


def all_states(dim: int) -> Float[Tensor, "states {dim}"]:
    """All 2^dim vectors, row i holding the binary digits of i."""
    _check(dim, MAX_ENERGY_DIM)
    return _digits(torch.arange(2**dim), 2, dim).float()


def index_of(x: Tensor) -> Int[Tensor, " batch"]:
    """Row of `all_states` that holds each row of `x`."""
    return x.long() @ _powers(2, x.shape[1])


@torch.no_grad()
def log_p(energy: Energy, dim: int) -> tuple[LogProbs, float]:
    """log p of every vector, in the order of `all_states`, and log Z; dim in 1..20."""
    _check(dim, MAX_ENERGY_DIM)
    numbers = torch.arange(2**dim)
    parts = [energy(_digits(some, 2, dim).float()) for some in numbers.split(cached_rows())]
    negative = -torch.cat(parts).double()
    log_z = negative.logsumexp(0)
    return negative - log_z, log_z.item()


@torch.no_grad()
def log_marginal(policy: Policy) -> LogProbs:
    """log-probability that the GFlowNet samples each vector, in the order of `all_states`; policy.dim in 1..12."""
    dim = policy.dim
    _check(dim, MAX_POLICY_DIM)
    digits = _digits(torch.arange(3**dim), 3, dim)
    log_steps = _log_steps(policy, digits)
    powers = _powers(3, dim)
    filled = digits.ne(0).sum(1)
    log_q = torch.zeros(3**dim, dtype=torch.float64)
    for level in range(1, dim + 1):
        states = (filled == level).nonzero().squeeze(1)
        entry = digits[states].nonzero()[:, 1].view(-1, level)
        digit = digits[states].gather(1, entry).long()
        parent = states[:, None] - digit * powers[entry]
        log_q[states] = (log_q[parent] + log_steps[parent, entry, digit - 1]).logsumexp(1)
    return log_q[(all_states(dim).long() + 1) @ powers]


def _log_steps(policy: Policy, digits: Tensor) -> Float[Tensor, "states dim 2"]:
    """log P_F of filling each entry of each partial state with 0 and with 1; means nothing where already filled."""
    table = torch.empty(*digits.shape, 2)
    for part, told in zip(digits.split(cached_rows()), table.split(cached_rows()), strict=True):
        mask = part != 0
        out = policy((part == 2).float(), mask)
        if out.location_logits is None:
            log_location = -(~mask).sum(1, keepdim=True).log()
        else:
            log_location = out.location_logits.masked_fill(mask, -torch.inf).log_softmax(1)
        for value, sign in ((0, -1.0), (1, 1.0)):
            torch.add(F.logsigmoid(sign * out.value_logits), log_location, out=told[:, :, value])
    return table


def total_variation(log_p: LogProbs, log_q: LogProbs) -> float:
    """Half the sum of |p - q|: the largest difference of the two probabilities of any event, in 0..1."""
    return 0.5 * (log_p.double().exp() - log_q.double().exp()).abs().sum().item()


def _powers(base: int, dim: int) -> Int[Tensor, " {dim}"]:
    return base ** torch.arange(dim - 1, -1, -1)


def _digits(numbers: Int[Tensor, " batch"], base: int, dim: int) -> Tensor:
    return (numbers[:, None] // _powers(base, dim) % base).to(torch.uint8)


def _check(dim: int, most: int) -> None:
    if not 1 <= dim <= most:
        raise ValueError(f"exact evaluation needs 1..{most} variables, got {dim}")
