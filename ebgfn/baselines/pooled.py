"""Pseudo-likelihood with the same penalty, refit and pooling as our EB-GFN, but without any GFlowNet: what its moves add."""

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.couplings import Couplings
from ebgfn.energies import QuadraticEnergy

STEPS = 600
THRESHOLD = 4.1


def fit(x: Float[Tensor, "rows dim"], *, steps: int = STEPS) -> Float[Tensor, "dim dim"]:
    """Couplings after `steps` steps that look for the support and as many that pool what was found."""
    spins = 2.0 * x - 1.0
    largest = torch.linalg.eigvalsh(spins.T @ spins / len(spins))[-1].item()
    couplings, step = Couplings(QuadraticEnergy(x.shape[1])), min(0.3, 1.0 / largest)
    for t in range(steps):
        couplings.penalised_step(spins, step=step, threshold=THRESHOLD, concave=t > steps // 4)
    for _ in range(steps):
        couplings.refit_step(spins, step=step, pooled=True)
    return couplings.averaged.couplings().detach()
