"""Training objectives, as pure functions of log-probabilities and energies. Each returns one value an example.

Trajectory balance: Malkin et al., "Trajectory balance: improved credit assignment in GFlowNets", 2022, arXiv 2201.13259.
Contrastive update and back-and-forth moves: Zhang et al., ICML 2022, arXiv 2202.01361.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from ebgfn.core.states import Batch


def balance_residual(log_z: Float[Tensor, ""], log_pf: Batch, log_pb: Batch, energy: Batch) -> Batch:
    """log Z + log P_F(tau) - log P_B(tau | x) + E(x): zero for every trajectory of a perfect sampler."""
    return log_z + log_pf - log_pb + energy


def trajectory_balance(log_z: Float[Tensor, ""], log_pf: Batch, log_pb: Batch, energy: Batch) -> Batch:
    """Squared residual of trajectory balance."""
    return balance_residual(log_z, log_pf, log_pb, energy).square()


def any_order_likelihood(
    value_logits: Float[Tensor, "batch dim"],
    x: Float[Tensor, "batch dim"],
    mask: Bool[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
) -> Batch:
    """Unbiased estimate of -log P_F(tau) + log P_B(tau | x) over uniform orders, from one network call.

    With t of D entries filled, all D - t void ones are predicted at once and their mean stands for step t + 1;
    the factor D makes one random step stand for all of them. Entries that are not `known` do not count among the D: then
    it is of the known ones alone.
    """
    known = torch.ones_like(mask) if known is None else known
    void = ~mask & known
    nats = F.binary_cross_entropy_with_logits(value_logits, x, reduction="none")
    return known.sum(1) * (nats * void).sum(1) / void.sum(1)


def contrastive(
    energy_data: Float[Tensor, "*batch"], energy_negative: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """E(x) - E(x'): its gradient approximates that of -log p(x) when x' is a sample of the model."""
    return energy_data - energy_negative


def noise_contrastive(log_ratio_data: Batch, log_ratio_noise: Batch) -> Batch:
    """Logistic loss of telling data from noise of known density by log_ratio = -E(x) - log noise(x).

    Its gradient is that of `contrastive` with each example weighted by the probability of being taken for the other kind;
    with noise that equals the model all weights are 1/2. The optimum is E = -log p_data, normalised: log Z = 0.
    Gutmann and Hyvärinen, "Noise-contrastive estimation", 2010.
    """
    return F.softplus(-log_ratio_data) + F.softplus(log_ratio_noise)


def back_and_forth_contrastive(log_alpha: Batch) -> Batch:
    """Logistic loss of telling a data point from the end of a back-and-forth move that started there.

    -log alpha is the log-odds that x, not x', is the data point (a conditional form of `noise_contrastive`).
    Ceylan and Gutmann, "Conditional noise-contrastive estimation of unnormalised models", 2018, arXiv 1806.03664.
    """
    return F.softplus(log_alpha)
