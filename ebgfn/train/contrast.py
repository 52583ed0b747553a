"""How the energy learns: data are told from four others, each by the log-odds that its density makes exact.

The data's own energy is the optimum of each of the logistic losses.

- Chains, of density exp(-E) as the averaged energy has it: E'(x) - E(x). Near E = E' its gradient is half of that of the
  likelihood, E(x) - E(x') with x' from p_phi; far from it, it is bounded.
- Ends x' of back-and-forth moves from x (`ebgfn.train.lessons`): -log alpha, and for complete paths, whose density is known,
  -E(x) - log q(x) of either.
- Broad noise of known density (`ebgfn.train.noise`), which keeps log Z near zero and empties what is far from all data.
- x with entries flipped at many rates: E(x') - E(x), as flips have equal probability both ways.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ebgfn.core.energy import Energy
from ebgfn.core.losses import back_and_forth_contrastive, noise_contrastive
from ebgfn.core.states import Vectors
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.train.device import half_precision
from ebgfn.train.lessons import Lessons


@dataclass(frozen=True)
class Others:
    """What data `x` are told from: samples of `noise`, x with entries flipped, states of chains, ends of moves."""

    x: Vectors
    noise: BernoulliMixture
    noisy: Vectors
    flipped: Vectors | None = None
    chain: Float[Tensor, "chains dim"] | None = None
    pairs: Lessons | None = None

    def states(self) -> dict[str, Vectors]:
        """All of which the energy is asked."""
        found = {"x": self.x, "noisy": self.noisy, "flipped": self.flipped, "chain": self.chain}
        if self.pairs is not None:
            found |= {"begin": self.pairs.x.float(), "end": self.pairs.x_new.float()}
        return {name: x for name, x in found.items() if x is not None}


def contrast(energy: Energy, before: Energy, others: Others, weight: Any) -> Float[Tensor, ""]:
    """The sum of the losses of `energy`, by what is given in `others`, weighted as in the recipe `weight`.

    `before`: the energy that the chains are of.
    """
    states = others.states()
    with half_precision(others.x.device):
        energies = energy(torch.cat([*states.values()])).float().split([len(x) for x in states.values()])
    of = dict(zip(states, energies, strict=True))
    log_noise, log_noise_there = others.noise.log_prob(torch.cat([others.x, others.noisy])).split(len(others.x))
    loss = weight.noise * noise_contrastive(-of["x"] - log_noise, -of["noisy"] - log_noise_there).mean()
    if others.flipped is not None:
        loss = loss + weight.flips * F.softplus(of["x"] - of["flipped"]).mean()
    if others.chain is not None:
        with torch.no_grad():
            then = before(others.x), before(others.chain)
        loss = loss + weight.chain_loss * (
            F.softplus(of["x"] - then[0]).mean() + F.softplus(then[1] - of["chain"]).mean()
        )
    if (pairs := others.pairs) is not None:
        begin, end = of["begin"] + pairs.log_flow, of["end"] + pairs.log_flow_new
        losses = torch.where(pairs.whole, noise_contrastive(-begin, -end), back_and_forth_contrastive(begin - end))
        loss = loss + weight.pairs * losses.mean()
    return loss
