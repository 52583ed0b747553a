"""Figures that others published, checked in their papers; nats on dynamically binarised MNIST."""

from typing import NamedTuple


class Published(NamedTuple):
    """One model: `figure` is the key that `evaluate` gives the same quantity."""

    title: str
    source: str
    figure: str
    nats: float


IMAGES: dict[str, tuple[Published, ...]] = {
    "mnist": (
        Published("EB-GFN as published, sampler", "Zhang et al., arXiv 2202.01361", "gfn_nll", 105.8),
        Published("energy trained by Gibbs-with-Gradients", "Grathwohl et al., arXiv 2102.04509", "ebm_nll", 80.5),
    )
}
