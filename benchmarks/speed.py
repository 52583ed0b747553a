"""Seconds of the operations that a visitor waits for, at D = 32 with samplers of the usual sizes: median of repeats.

python -m benchmarks.speed            # two threads on two cores, nothing else running
"""

import argparse
import os

import torch
from torch import nn

from benchmarks.timing import median_seconds
from ebgfn.core.schedules import draw
from ebgfn.evaluation.exact import log_marginal
from ebgfn.evaluation.likelihood import log_likelihood
from ebgfn.nets.mixture import MixturePolicy
from ebgfn.nets.mlp import MLPPolicy
from ebgfn.nets.products import use_onednn


def mixture(dim: int) -> MixturePolicy:
    """Of `fast`, with random weights: the time does not depend on what it has learned."""
    torch.manual_seed(0)
    net = MixturePolicy(dim, components=512).requires_grad_(False)
    net.log_odds.normal_()
    return net


def network(dim: int) -> MLPPolicy:
    """Of `paper`, but with uniform locations."""
    torch.manual_seed(0)
    net = MLPPolicy(dim, hidden=256, depth=3)
    nn.init.normal_(net.net.last.weight, std=0.1)
    return net


POLICIES = {"mixture of 512 products": mixture, "three layers of 256": network}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args().threads)
    use_onednn()
    generator = torch.Generator().manual_seed(0)
    for kind, policy in POLICIES.items():
        net, small = policy(32), policy(12)
        x = draw(net, 1000, generator).x
        work = {
            "4000 samples": lambda net=net: draw(net, 4000, generator),
            "likelihood of 1000 points, 20 trajectories": lambda net=net, x=x: log_likelihood(
                net, x, trajectories=20, generator=generator
            ),
            "exact marginal, 6 bits an axis": lambda small=small: log_marginal(small),
        }
        for name, run in work.items():
            print(f"{kind}: {name:45} {median_seconds(run):.3f} s")


if __name__ == "__main__":
    main()
