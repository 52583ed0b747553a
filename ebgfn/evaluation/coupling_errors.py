"""Standard errors of couplings and fields: the sandwich of the pseudo-likelihood.

Of the weights w that minimise a mean over rows of f(row, w), the covariance is H^-1 V H^-1 / n with H the mean Hessian and V
the covariance of the slopes of rows. The pseudo-likelihood is no likelihood (a row's conditionals are not independent), so
H^-1 / n alone would be wrong. Rows must be independent, and which couplings are zero is taken as known: intervals of
couplings that were found just so are too narrow, as it is luck that they were found.

Godambe, "An optimum property of regular maximum likelihood estimation", Annals of Mathematical Statistics, 1960.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.optim.proximal import FIELD_PRIOR, PRIOR

Square = Float[np.ndarray, "dim dim"]
Vector = Float[np.ndarray, " dim"]

# Weights up to which errors are computed: a matrix of their square is inverted, about 2 s.
MOST = 1500
BLOCK = 2048


@dataclass(frozen=True)
class CouplingErrors:
    """Standard errors; NaN where nothing was estimated."""

    couplings: Square
    fields: Vector


def coupling_errors(x: UInt8[np.ndarray, "rows dim"], energy: QuadraticEnergy) -> CouplingErrors | None:
    """Errors of the couplings and fields that are not zero, as estimated from these rows; None if these are too many."""
    number, own = _numbers(energy)
    size = int(max(number.max(), own.max())) + 1
    if size > MOST:
        return None
    couplings, fields = (t.detach().double().cpu().numpy() for t in (energy.couplings(), energy.fields()))
    hessian, spread = np.zeros((size, size)), np.zeros((size, size))
    for start in range(0, len(x), BLOCK):
        s = 2.0 * x[start : start + BLOCK] - 1
        bend, slopes = _block(s, couplings, fields, number, own)
        hessian += bend
        spread += slopes.T @ slopes
    # The priors are those of half the pseudo-likelihood.
    hessian += 2 * np.diag(np.where(np.isin(np.arange(size), own), FIELD_PRIOR, PRIOR))
    inverse = np.linalg.inv(hessian)
    error = np.append(np.sqrt(np.diag(inverse @ spread @ inverse)), np.nan)
    return CouplingErrors(error[number], error[own])


def _numbers(energy: QuadraticEnergy) -> tuple[Int[np.ndarray, "dim dim"], Int[np.ndarray, " dim"]]:
    """The weights that are not zero, numbered: of each pair, and of each field; -1 for none."""
    shared, there = energy.shared.cpu().numpy(), (energy.weights != 0).cpu().numpy()
    new = np.append(np.where(there, np.cumsum(there) - 1, -1), -1)
    count = int(there.sum())
    fields = torch.arange(len(energy.field_weights)).expand(energy.dim).numpy()
    own = np.where(energy.fields().detach().cpu().numpy() != 0, count + fields, -1)
    return new[shared], own


def _block(s, couplings: Square, fields: Vector, number, own) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the Hessians of these rows, and the slope of each row."""
    size = int(max(number.max(), own.max())) + 1
    hessian, slopes = np.zeros((size, size)), np.zeros((len(s), size))
    mean = np.tanh(2 * s @ couplings + fields)
    for i in range(s.shape[1]):
        near = np.flatnonzero(number[i] >= 0)
        mine, column = np.unique(np.append(number[i, near], own[i : i + 1][own[i] >= 0]), return_inverse=True)
        # How the log-odds of this spin answer to each weight.
        answer = np.zeros((len(s), len(mine)))
        np.add.at(answer.T, column[: len(near)], 4 * s[:, near].T)
        answer.T[column[len(near) :]] = 2
        hessian[np.ix_(mine, mine)] += (answer.T * (1 - mean[:, i] ** 2) / 4) @ answer
        slopes[:, mine] -= answer * ((s[:, i] - mean[:, i]) / 2)[:, None]
    return hessian, slopes
