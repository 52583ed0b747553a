"""Markov chain Monte Carlo on {0, 1}^D: one kernel a file, one `run_chain`."""

from ebgfn.mcmc.back_and_forth import BackAndForth
from ebgfn.mcmc.chain import Chain, ChainState, Kernel, StepInfo, run_chain
from ebgfn.mcmc.dmala import DMALA
from ebgfn.mcmc.gibbs import Gibbs
from ebgfn.mcmc.gibbs_with_gradients import GibbsWithGradients

__all__ = [
    "DMALA",
    "BackAndForth",
    "Chain",
    "ChainState",
    "Gibbs",
    "GibbsWithGradients",
    "Kernel",
    "StepInfo",
    "run_chain",
]
