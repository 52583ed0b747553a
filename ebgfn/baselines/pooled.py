"""Pseudo-likelihood with the same penalty, refit and pooling as our EB-GFN, but without any GFlowNet: what its moves add."""

from jaxtyping import Float
from torch import Tensor

from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.optim.proximal import Couplings, scale

STEPS = 600
# As in `ebgfn.problems.ising.trainer.IsingRecipe`.
THRESHOLD, ORDERED_THRESHOLD, ORDERED = 4.1, 1.5, 0.85


def fit(x: Float[Tensor, "rows dim"], *, steps: int = STEPS) -> Float[Tensor, "dim dim"]:
    """Couplings after `steps` steps that look for the support and as many that pool what was found.

    In an ordered phase, which does not tell the support, the penalised couplings stand, as in EB-GFN.
    """
    spins = 2.0 * x - 1.0
    couplings, how = Couplings(QuadraticEnergy(x.shape[1])), scale(spins, ordered=ORDERED)
    if how.ordered:
        for _ in range(2 * steps):
            couplings.penalised_step(spins, step=how.step, threshold=ORDERED_THRESHOLD, concave=False)
        return couplings.averaged.couplings().detach()
    for t in range(steps):
        couplings.penalised_step(spins, step=how.step, threshold=THRESHOLD, concave=t > steps // 4)
    for _ in range(steps):
        couplings.refit_step(spins, step=how.step, pooled=True)
    return couplings.averaged.couplings().detach()
