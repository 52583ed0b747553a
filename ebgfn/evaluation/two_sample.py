"""Drawn rows beside real ones: can a classifier tell them apart, and does one that learns from them know real ones?

Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017, arXiv 1610.06545, here by the area under the ROC
curve of boosted trees, each fifth of the rows scored by trees of the others. "Train on synthetic, test on real": Esteban,
Hyland and Rätsch, "Real-valued (medical) time series generation with recurrent conditional GANs", 2017, arXiv 1706.02633.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from ebgfn.core.weights import Estimate, mean_estimate
from ebgfn.evaluation.roc import roc_auc

FOLDS = 5


def told_apart(drawn: UInt8[np.ndarray, "n dim"], real: UInt8[np.ndarray, "m dim"], *, seed: int) -> Estimate:
    """Probability that a drawn row is thought more likely drawn than a real one: 0.5 if nothing tells them apart."""
    from sklearn.model_selection import StratifiedKFold

    x, label = np.concatenate([drawn, real]), np.repeat([1, 0], [len(drawn), len(real)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, label)
    areas = []
    for train, test in folds:
        score = _boosted(x[train], label[train], seed).predict_proba(x[test])[:, 1]
        areas.append(roc_auc(score[label[test] == 1], score[label[test] == 0]))
    error = math.sqrt(sum(area.se**2 for area in areas)) / FOLDS
    return Estimate(sum(area.value for area in areas) / FOLDS, error)


def transferred(
    drawn: UInt8[np.ndarray, "n dim"], real: UInt8[np.ndarray, "m dim"], *, targets: Iterable[int], seed: int
) -> Estimate:
    """Accuracy on real rows of classifiers that learn from drawn ones to tell some of their bits from the others."""
    hits = []
    for target in targets:
        x, unseen = (np.delete(part, target, axis=1) for part in (drawn, real))
        y = drawn[:, target]
        told = _boosted(x, y, seed).predict(unseen) if y.min() != y.max() else np.full(len(real), y[0])
        hits.append(told == real[:, target])
    return mean_estimate(torch.from_numpy(np.mean(hits, axis=0)))


def even_bits(x: UInt8[np.ndarray, "n dim"], count: int) -> list[int]:
    """The bits whose values are nearest to being equally frequent."""
    return np.argsort(np.abs(x.mean(0) - 0.5), kind="stable")[:count].tolist()


def _boosted(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed).fit(x, y)
