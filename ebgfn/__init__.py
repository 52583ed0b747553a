"""EB-GFN: an energy-based model of discrete data trained together with a GFlowNet that samples from it.

Zhang, Malkin, Liu, Volokhova, Courville, Bengio, "Generative Flow Networks for Discrete Probabilistic Modeling",
ICML 2022, arXiv 2202.01361.

Conventions used everywhere: a complete vector `x` lies in {0, 1}^D; a partial state is `x` with a boolean `mask` that is
True where an entry is filled; `energy` is E(x), the model is p(x) = exp(-E(x)) / Z and the reward R(x) = exp(-E(x)).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebgfn.front import load
    from ebgfn.samples import load_samples

__version__ = "0.1.0"
__all__ = ["__version__", "load", "load_samples"]


def __getattr__(name: str):
    # Late: torch is needed by whoever opens a model, not by whoever asks for the version.
    if name == "load":
        from ebgfn.front import load

        return load
    if name == "load_samples":
        from ebgfn.samples import load_samples

        return load_samples
    raise AttributeError(f"module 'ebgfn' has no attribute {name!r}")
