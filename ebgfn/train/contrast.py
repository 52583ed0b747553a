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

from ebgfn.core.energy import Energy, Refining, known_part
from ebgfn.core.losses import back_and_forth_contrastive, noise_contrastive
from ebgfn.core.states import Vectors
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.train.device import half_precision
from ebgfn.train.lessons import Lessons


@dataclass(frozen=True)
class Others:
    """What data `x` are told from: samples `noisy` of `noise`, x with entries flipped, states of chains; or `pairs`, which
    have data of their own: ends of moves from them."""

    x: Vectors
    noise: BernoulliMixture
    noisy: Vectors | None = None
    flipped: Vectors | None = None
    chain: Float[Tensor, "chains dim"] | None = None
    pairs: Lessons | None = None

    def states(self) -> dict[str, Vectors]:
        """All of which the energy is asked, but for the pairs."""
        found = {"noisy": self.noisy, "flipped": self.flipped, "chain": self.chain}
        there = {name: x for name, x in found.items() if x is not None}
        return {"x": self.x} | there if there else {}


def contrast(energy: Energy, before: Energy, others: Others, weight: Any) -> Float[Tensor, ""]:
    """The sum of the losses of `energy`, by what is given in `others`, weighted as in the recipe `weight`.

    `before`: the energy that the chains are of.
    """
    states, pairs = others.states(), others.pairs
    known = {name: known_part(energy, x) for name, x in states.items()}
    if pairs is not None:
        states |= {"begin": pairs.x.float(), "end": pairs.x_new.float()}
        known |= {"begin": pairs.known, "end": pairs.known_new}
    learned = energy.learned if isinstance(energy, Refining) else energy
    with half_precision(others.x.device):
        energies = learned(torch.cat([*states.values()])).float().split([len(x) for x in states.values()])
    of = {name: known[name] + e for name, e in zip(states, energies, strict=True)}
    loss = torch.zeros((), device=others.x.device)
    if others.noisy is not None:
        log_noise, log_noise_there = others.noise.log_prob(torch.cat([others.x, others.noisy])).split(len(others.x))
        loss = loss + weight.noise * noise_contrastive(-of["x"] - log_noise, -of["noisy"] - log_noise_there).mean()
    if others.flipped is not None:
        loss = loss + weight.flips * F.softplus(of["x"] - of["flipped"]).mean()
    if others.chain is not None:
        with torch.no_grad():
            then = before(others.x), before(others.chain)
        loss = loss + weight.chain_loss * (
            F.softplus(of["x"] - then[0]).mean() + F.softplus(then[1] - of["chain"]).mean()
        )
    if pairs is not None:
        begin, end = of["begin"] + pairs.log_flow, of["end"] + pairs.log_flow_new
        losses = torch.where(pairs.whole, noise_contrastive(-begin, -end), back_and_forth_contrastive(begin - end))
        loss = loss + weight.pairs * losses.mean()
    return loss
