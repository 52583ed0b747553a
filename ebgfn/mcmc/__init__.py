"""Markov chain Monte Carlo on {0, 1}^D: one kernel a file, one `run_chain`, and the registry of all kernels."""

from collections.abc import Callable
from dataclasses import dataclass

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy
from ebgfn.mcmc.back_and_forth import BackAndForth
from ebgfn.mcmc.chain import Chain, ChainState, Kernel, StepInfo, run_chain
from ebgfn.mcmc.dmala import DMALA
from ebgfn.mcmc.gibbs import Gibbs
from ebgfn.mcmc.gibbs_with_gradients import GibbsWithGradients


@dataclass(frozen=True)
class KernelEntry:
    """A kernel by its name: how it is called in a picture, how it is made, and whether it leaves p exactly invariant.

    What a move costs says the kernel itself (`network_passes`). `uses_sampler`: it can only be made beside a policy.
    `tries`: the same with other settings, by what these add to the label; a comparison shows the best of them.
    """

    label: str
    make: Callable[[Energy, Policy | None], Kernel]
    exact: bool = True
    uses_sampler: bool = False
    tries: Callable[[Energy], dict[str, Kernel]] | None = None

    def settings(self, energy: Energy) -> dict[str, Kernel]:
        """All that a comparison tries, by label."""
        tried = {"": self.make(energy, None)} if self.tries is None else self.tries(energy)
        return {f"{self.label}{said}": kernel for said, kernel in tried.items()}


def _step_sizes(energy: Energy) -> dict[str, Kernel]:
    return {f", step {size:g}": DMALA(energy, size) for size in (0.1, 0.2, 0.4, 0.8)}


def _back_and_forth(energy: Energy, policy: Policy | None) -> Kernel:
    if policy is None:
        raise ValueError("back-and-forth moves need a sampler, and this model has none")
    return BackAndForth(energy, policy, k=min(8, energy.dim))


KERNELS: dict[str, KernelEntry] = {
    "gibbs": KernelEntry("Gibbs", lambda energy, _: Gibbs(energy)),
    "gwg": KernelEntry("Gibbs-with-Gradients", lambda energy, _: GibbsWithGradients(energy)),
    "dmala": KernelEntry("DMALA", lambda energy, _: DMALA(energy), tries=_step_sizes),
    "back-and-forth": KernelEntry("Back-and-forth", _back_and_forth, uses_sampler=True),
}

__all__ = [
    "DMALA",
    "KERNELS",
    "BackAndForth",
    "Chain",
    "ChainState",
    "Gibbs",
    "GibbsWithGradients",
    "Kernel",
    "KernelEntry",
    "StepInfo",
    "run_chain",
]
