"""EB-GFN: an energy-based model of discrete data trained together with a GFlowNet that samples from it.

Zhang, Malkin, Liu, Volokhova, Courville, Bengio, "Generative Flow Networks for Discrete Probabilistic Modeling",
ICML 2022, arXiv 2202.01361.

Conventions used everywhere: a complete vector `x` lies in {0, 1}^D; a partial state is `x` with a boolean `mask` that is
True where an entry is filled; `energy` is E(x), the model is p(x) = exp(-E(x)) / Z and the reward R(x) = exp(-E(x)).
"""

__version__ = "0.1.0"
