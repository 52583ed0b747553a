"""An energy that begins as a density: what a sampler's network draws along its order, refined by a network.

    E(x) = -log q(x) + STEEP max(0, -log q(x) - far) + f(x),        f(x) >= -LEAST,

with q the exact density of a policy of the energy's own, which is a copy of the sampler's as it was when the energy's time
came, and does not learn. So before training log Z is zero; afterwards it is at most LEAST, wherever mass may hide: no state
weighs more than e^LEAST times what q gives it. Draws of q tell log Z with weights exp(-f), which are bounded,
so that there is an upper bound of it as well (`ebgfn.evaluation.certificate`). Trained to tell data from draws of the
sampler, f is the logit of that, and the best f makes E that of the data wherever
q gives them at least e^-LEAST of their share.

What f says far from data and draws nobody has taught it. Where it says -LEAST, there is next to no mass, but a chain that
begins there would stay: to draws, whose f is larger, it jumps once in e^(f + LEAST) tries. Hence the second term, for states
that q holds for less probable than all but the oddest of its draws: `far` is their mean by SPREADS standard deviations.

Energies that refine a known density: Deng et al., "Residual energy-based models for text generation", ICLR 2020,
arXiv 2004.11714. That q is the sampler's, and that f is bounded below, is ours.
"""

import itertools
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.energy import flipped_one_by_one
from ebgfn.core.schedules import best_schedule, even_schedule
from ebgfn.core.states import Batch, Vectors, ranks
from ebgfn.core.trajectories import Schedule, complete

# What f can take from the energy at most, in nats.
LEAST = 4.0
# Where the density is left behind, and how much steeper the energy is there.
SPREADS, STEEP, DRAWS = 4.0, 0.1, 128
# Of its own, so that no certificate is by the same draws.
DRAWS_SEED = 20_260_102
# Until it is known: more than the nats of any state that a network of ours gave, and a number in half precision.
NEVER = 6e4


class RefinedEnergy(nn.Module):
    """Of a policy with an order, whose density in `steps` steps is refined by `net`, an energy that begins flat."""

    ends: Int[Tensor, " ends"]
    far: Float[Tensor, ""]

    def __init__(self, base: Any, net: Any, *, steps: int):
        super().__init__()
        self.dim, self.net = net.dim, net
        self.base = base.requires_grad_(False)
        self.register_buffer("ends", torch.tensor(even_schedule(self.dim, steps)))
        self.register_buffer("far", torch.tensor(NEVER))

    @property
    def schedule(self) -> Schedule:
        """Of the base's trajectories. Errors: ValueError for one that a file brought and that is none."""
        ends = tuple(self.ends.tolist())
        if ends[0] != 0 or ends[-1] != self.dim or any(a >= b for a, b in itertools.pairwise(ends)):
            raise ValueError(f"the steps of a refined density must end at growing numbers up to {self.dim}, got {ends}")
        return ends

    def forward(self, x: Vectors) -> Batch:
        return self.known(x) + self.learned(x)

    def learned(self, x: Vectors) -> Batch:
        """f(x): what the network says, of values below zero ever less, so that it always can go back."""
        f = self.net(x)
        # Clamped, as the branch that is not taken must have a gradient too.
        return torch.where(f < 0, LEAST * LEAST / (LEAST - f.clamp(max=0)) - LEAST, f)

    def known(self, x: Vectors) -> Batch:
        """All but f(x)."""
        return self.steepened(self.nats(x))

    def steepened(self, nats: Batch) -> Batch:
        """What is known of states with such a -log q."""
        return nats + STEEP * (nats - self.far).clamp(min=0)

    def nats(self, x: Vectors) -> Batch:
        """-log q(x), linear in the entries that a step fills, so that its gradient tells of a flip."""
        rank = ranks(self.base.order[None])
        nats = torch.zeros(len(x), device=x.device)
        for first, end in itertools.pairwise(self.schedule):
            logits = self.base(x, (rank < first).expand(len(x), -1)).value_logits.float()
            now = (rank >= first) & (rank < end)
            nats = nats + ((F.softplus(logits) - x * logits) * now).sum(1)
        return nats

    @torch.no_grad()
    def drawn(self, n: int, generator: torch.Generator) -> tuple[Vectors, Batch]:
        """Draws of q, and their -log q."""
        empty, order = torch.zeros(n, self.dim, device=generator.device), self.base.order.expand(n, -1)
        found = complete(self.base, empty, order, schedule=self.schedule, generator=generator)
        return found.x, found.log_pb - found.log_pf

    def neighbours(self, x: Vectors) -> Vectors:
        return flipped_one_by_one(self, x, rows=self.base.rows)

    @torch.no_grad()
    def start_from(self, policy: Any) -> None:
        """Become the density of a policy of the same sizes."""
        self.base.load_state_dict(policy.state_dict())
        self.ends.copy_(torch.tensor(best_schedule(policy.step_nats, len(self.ends) - 1), device="cpu"))
        self.net.start_from(policy)
        _, nats = self.drawn(DRAWS, torch.Generator(self.far.device).manual_seed(DRAWS_SEED))
        self.far.copy_(nats.mean() + SPREADS * nats.std())
