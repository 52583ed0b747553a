"""What the data say of how to learn couplings from them, and in which order penalised steps and refitting ones follow."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.special import ndtri
from torch import Tensor

from ebgfn.optim.mirror import mirrored
from ebgfn.optim.proximal import Couplings, Spins

# Values that every step of the couplings looks at: of 10 x 10 lattices 20,000 rows.
MOST_VALUES = 2_000_000


def looked_at(x: Float[Tensor, "rows dim"], *, most: int = MOST_VALUES) -> Float[Tensor, "some dim"]:
    """Rows from which couplings are learned: all, or as many as have so many values, at equal distances."""
    rows = min(len(x), max(1, most // x.shape[1]))
    return x[torch.linspace(0, len(x) - 1, rows, dtype=torch.float64, device=x.device).round().long()]


@dataclass(frozen=True)
class Scale:
    """`step`: how far the couplings may move at once. `ordered`: whether all spins of the data nearly always agree.

    `centre`: mean spins, of which couplings are those if there are fields; None without fields.
    """

    step: float
    ordered: bool
    centre: Float[Tensor, " dim"] | None = None


def scale(spins: Spins, *, ordered: float, one_field: bool = False, fields: bool | None = None) -> Scale:
    """Whether there are fields, and what the largest eigenvalue of the correlations says: how far a step may go, and that
    the phase is ordered if it is above this share of their sum. `fields`: whether there are any, where that is known."""
    rows, dim = spins.shape
    fields = not mirrored(spins) if fields is None else fields
    centre = spins.mean(0) if fields else None
    moved = spins if centre is None else spins - centre
    moved = moved / moved.square().mean(0).clamp(min=1.0 / rows).sqrt()
    largest = max(1.0, torch.linalg.eigvalsh(moved.T @ moved / rows)[-1].item())
    if one_field and centre is not None:
        centre = centre.mean().expand(dim)
    # The loss curves most where all spins move together.
    return Scale(min(0.3, 1.0 / largest), largest / dim > ordered, centre)


@dataclass(frozen=True)
class Plan:
    """How couplings are found and then measured; tuned on 2000 samples of 10 x 10 lattices.

    Until `find_share` of the budget penalised steps find which couplings there are, then those are refitted, towards what
    they have in common if `pooled`; with `sparse` the penalised ones stand. So they do in an ordered phase, where all
    spins move together and the two cannot be told apart, unless few weights are shared by many pairs. `level`: share of
    data sets without any coupling in which one is found, whatever the number of pairs (Bonferroni). `ordered`: share of the
    largest eigenvalue of the spins' correlations in their sum, above which a phase is ordered; the penalty then has
    `ordered_threshold` standard errors.
    """

    level: float = 0.01
    ordered_threshold: float = 1.5
    ordered: float = 0.85
    find_share: float = 0.5

    def threshold(self, weights: int) -> float:
        """Standard errors that a coupling must have, if there are so many of them that may be found."""
        return float(-ndtri(self.level / (2 * max(1, weights))))

    def step(self, couplings: Couplings, spins: Spins, how: Scale, *, progress: float, estimate: str) -> None:
        """One step, at this share of the budget, of an `estimate` that is sparse, refit or pooled."""
        couplings.centre = how.centre
        weights = len(couplings.module.weights)
        shared = weights < couplings.module.dim
        penalised = estimate == "sparse" or (how.ordered and not shared)
        if penalised or progress < self.find_share:
            threshold = self.ordered_threshold if penalised and how.ordered else self.threshold(weights)
            concave = not penalised and progress > 0.25 * self.find_share
            couplings.penalised_step(spins, step=how.step, threshold=threshold, concave=concave)
        else:
            couplings.refit_step(spins, step=how.step, pooled=estimate == "pooled" and not shared)
