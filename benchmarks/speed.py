"""Seconds of the operations that a visitor waits for, at D = 32 with networks of the shipped size: median of repeats.

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
from ebgfn.nets.mlp import MLPPolicy
from ebgfn.nets.products import use_onednn


def policy(dim: int, hidden: int) -> MLPPolicy:
    """A policy with random weights: the time does not depend on what it has learned."""
    torch.manual_seed(0)
    net = MLPPolicy(dim, hidden=hidden, depth=3)
    nn.init.normal_(net.net.last.weight, std=0.1)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args().threads)
    use_onednn()
    generator = torch.Generator().manual_seed(0)
    for hidden in (192, 256):
        net, small = policy(32, hidden), policy(12, hidden)
        x = draw(net, 1000, generator).x
        work = {
            "4000 samples": lambda net=net: draw(net, 4000, generator),
            "likelihood of 1000 points, 20 trajectories": lambda net=net, x=x: log_likelihood(
                net, x, trajectories=20, generator=generator
            ),
            "exact marginal, 6 bits an axis": lambda small=small: log_marginal(small),
        }
        for name, run in work.items():
            print(f"width {hidden}: {name:45} {median_seconds(run):.3f} s")


if __name__ == "__main__":
    main()
