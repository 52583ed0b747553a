"""What a model of a table is asked, the same of ours and of each peer: figures by `METHOD_MEASURE`, errors by `_se`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int, UInt8

from ebgfn import seeds
from ebgfn.baselines import imputers, outliers
from ebgfn.baselines.density import Density
from ebgfn.baselines.rbm import RBM
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.core.weights import Estimate, mean_estimate
from ebgfn.evaluation.filling import filling, known_bits
from ebgfn.evaluation.odd_rows import with_swapped_cells
from ebgfn.evaluation.roc import roc_auc
from ebgfn.evaluation.two_sample import even_bits, told_apart, transferred
from ebgfn.problems.table.config import TableConfig

# Test rows with hidden cells, and as many odd and usual ones; rows that are drawn, and real ones beside them.
ROWS, DRAWN = 500, 2000
HIDDEN, TARGETS = 0.3, 5
# How often rows are drawn again that have a code of no value.
AGAIN = 20

Densities = Mapping[str, Density]
Figures = dict[str, float]
LogP = Callable[[Vectors], Batch]
Bits = UInt8[np.ndarray, "rows dim"]


@dataclass(frozen=True)
class Exam:
    """The questions, all from one set and seed: which rows, which cells of them."""

    config: TableConfig

    @cached_property
    def train(self) -> Vectors:
        return as_vectors(self.config.whole("train"))

    @cached_property
    def test(self) -> Bits:
        """Test rows in a random order."""
        return self._rng(0).permutation(self.config.whole("test"))

    @cached_property
    def column(self) -> Int[np.ndarray, " dim"]:
        """Of which column each bit is."""
        bits = [column.bits for column in self.config.columns.columns if column.bits]
        return np.repeat(np.arange(len(bits)), bits)

    @cached_property
    def hidden(self) -> tuple[Vectors, Masks]:
        """Rows, and what of them is known."""
        x = self.test[:ROWS]
        return as_vectors(x), known_bits(self.column, len(x), hidden=HIDDEN, rng=self._rng(1))

    @cached_property
    def usual(self) -> Vectors:
        return as_vectors(self.test[: min(ROWS, len(self.test) // 2)])

    @cached_property
    def odd(self) -> Vectors:
        """As many of the other test rows, with cells of each other."""
        count = len(self.usual)
        return as_vectors(with_swapped_cells(self.test[count : 2 * count], self.column, self._rng(2)))

    def generator(self, place: int) -> torch.Generator:
        return seeds.generator(self.config.seed, "evaluation", place)

    def _rng(self, place: int) -> np.random.Generator:
        return seeds.rng(self.config.seed, "evaluation", place)


def likelihoods(exam: Exam, densities: Densities) -> Figures:
    """`nll` in nats of a test row."""
    x, found = as_vectors(exam.config.whole("test")), {}
    for name, density in densities.items():
        nats = mean_estimate(-density.log_prob(x))
        of_log_z = density.log_z.se if isinstance(density, RBM) else 0.0
        found |= named(name, "nll", Estimate(nats.value, math.hypot(nats.se, of_log_z)))
    return found


def fillings(exam: Exam, densities: Densities) -> Figures:
    """`fill_nats` and `fill_accuracy` of a hidden bit, of imputers too."""
    x, mask = exam.hidden
    told = {name: density.conditional(x, mask, exam.generator(3)) for name, density in densities.items()}
    told["nearest"] = imputers.nearest_rows(exam.train, x, mask)
    told["regressions"] = imputers.regressions(exam.train, x, mask, seed=exam.config.seed)
    found = {}
    for name, one in told.items():
        good = filling(one, x, mask)
        found |= named(name, "fill_nats", good.log_loss) | named(name, "fill_accuracy", good.accuracy)
    return found


def oddities(exam: Exam, log_p: Mapping[str, LogP]) -> Figures:
    """`odd_auc`, by log-probabilities that are known up to a constant, and of detectors."""
    x, count = torch.cat([exam.odd, exam.usual]), len(exam.odd)
    scores = {name: -one(x).double().numpy() for name, one in log_p.items()}
    scores["forest"] = outliers.forest(exam.train, x, seed=exam.config.seed)
    scores["factor"] = outliers.local_factor(exam.train, x)
    found = {}
    for name, score in scores.items():
        found |= named(name, "odd_auc", roc_auc(score[:count], score[count:]))
    return found


def drawings(exam: Exam, densities: Densities) -> Figures:
    """`drawn_auc` and `drawn_accuracy`, and the same of training rows instead of drawn ones."""
    real, seed = exam.test[:DRAWN], exam.config.seed
    targets = even_bits(exam.config.whole("train"), TARGETS)
    rows = {name: drawn(exam, density) for name, density in densities.items()}
    rows["training"] = np.random.default_rng(seed).permutation(exam.config.whole("train"))[:DRAWN]
    found = {}
    for name, x in rows.items():
        found |= named(name, "drawn_auc", told_apart(x[: len(real)], real, seed=seed))
        found |= named(name, "drawn_accuracy", transferred(x, real, targets=targets, seed=seed))
    return found


def drawn(exam: Exam, density: Density) -> Bits:
    """DRAWN rows without a code that no value has; if hardly any row is without, the last ones as they were drawn."""
    generator, columns, found = exam.generator(4), exam.config.columns, []
    for _ in range(AGAIN):
        x = density.sample(DRAWN, generator).numpy().astype(np.uint8)
        found.append(x[columns.legal(x)])
        if sum(map(len, found)) >= DRAWN:
            break
    else:
        found.append(x)
    return np.concatenate(found)[:DRAWN]


def named(method: str, measure: str, estimate: Estimate) -> Figures:
    """A figure and its standard error."""
    return {f"{method}_{measure}": estimate.value, f"{method}_{measure}_se": estimate.se}


def as_vectors(x: Bits) -> Vectors:
    return torch.from_numpy(x).float()
