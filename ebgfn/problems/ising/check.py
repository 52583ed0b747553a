"""Whether couplings of pairs and fields can explain the samples at all: a fit without every fifth row, held against these.

The couplings that were found are fitted again, by pseudo-likelihood, to four fifths of the rows, so that all rows may count
in the estimate that is shown. Chains of the new fit begin at the sampler's draws, which know the modes, and supply the
samples.
"""

from itertools import islice

import numpy as np
import torch
from jaxtyping import UInt8

from ebgfn.baselines.pseudo_likelihood import refit
from ebgfn.core.schedules import draw
from ebgfn.evaluation.misfit import BATCHES, Misfit, misfit
from ebgfn.model import Model
from ebgfn.problems.ising import gibbs

HELD_OUT, MOST_HELD_OUT = 0.2, 1000
FIRST_SWEEPS, SWEEPS = 50, 3

Rows = UInt8[np.ndarray, "rows dim"]


@torch.no_grad()
def check(model: Model, x: Rows, *, seed: int = 0) -> Misfit:
    """Hold the model's kind, with the pairs it found, against a fifth of the rows (at most MOST_HELD_OUT)."""
    rng = np.random.default_rng(seed)
    x = x[rng.permutation(len(x))]
    held_out, rest = np.split(x, [min(MOST_HELD_OUT, max(1, int(HELD_OUT * len(x))))])
    energy = model.energy
    shared = energy.shared if energy.one_field else None
    fields = bool(energy.fields().any())
    data = torch.from_numpy(rest).double()
    found = refit(data, energy.couplings() != 0, shared=shared, fields=fields)
    start = None
    if model.policy is not None:
        start = draw(model.policy, len(held_out), torch.Generator().manual_seed(seed)).x.byte().numpy()
    sweeps = FIRST_SWEEPS + SWEEPS * BATCHES
    states = gibbs.walk(found.couplings.numpy(), found.fields.numpy(), len(held_out), rng, sweeps=sweeps, start=start)
    drawn = np.stack(list(islice(states, FIRST_SWEEPS, None, SWEEPS)))
    if not fields:
        # A row and its mirror image are as likely; chains of an ordered phase would stay with one of them.
        drawn = drawn ^ rng.integers(0, 2, (*drawn.shape[:2], 1), dtype=np.uint8)
    return misfit(held_out, drawn, fitted=len(rest), seed=seed)
