"""Importance weights w = exp(-E(x)) P_B(tau | x) / P_F(tau): their mean estimates Z, their spread says how well."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.states import Batch
from ebgfn.core.trajectories import Trajectories


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    se: float


def mean_estimate(values: Batch) -> Estimate:
    """Mean and standard error of independent values."""
    return Estimate(values.mean().item(), (values.std() / math.sqrt(len(values))).item())


def log_weights(energy: Energy, trajectories: Trajectories) -> Batch:
    """log w = -E(x) + log P_B(tau | x) - log P_F(tau)."""
    return -energy(trajectories.x) + trajectories.log_pb - trajectories.log_pf


def effective_sample_size(log_w: Batch) -> float:
    """Share of equally weighted samples that these weighted ones are worth, in 0..1."""
    return (1.0 / (torch.softmax(log_w, 0).square().sum() * len(log_w))).item()


def log_mean_exp(log_w: Batch) -> Estimate:
    """log of a mean of weights, and its standard error by the delta method."""
    value, se = log_mean_exp_rows(log_w.unsqueeze(0))
    return Estimate(value.item(), se.item())


def log_mean_exp_rows(log_w: Float[Tensor, "batch weights"]) -> tuple[Batch, Batch]:
    """`log_mean_exp` of each row: values and standard errors."""
    count = log_w.shape[1]
    value = log_w.logsumexp(1) - math.log(count)
    return value, (log_w - value.unsqueeze(1)).exp().std(1) / math.sqrt(count)
