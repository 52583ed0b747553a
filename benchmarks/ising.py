"""Seconds on lattices of 10 x 10: sampling, one training step, exact samples; median of repeats.

python -m benchmarks.ising            # as many threads as cores, nothing else running
"""

import argparse
import os
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.timing import median_seconds
from ebgfn.core.schedules import draw
from ebgfn.nets.lattice import draw_lattices
from ebgfn.nets.products import use_onednn
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.training import start
from ebgfn.train.learner import Moment


def training_step() -> Callable[[], object]:
    """One step of couplings and sampler: batch of 256, D = 100, 2000 samples."""
    state = start(IsingConfig())
    source = state.source
    return lambda: state.trainer.step(source, Moment(100, 0.1), state.generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args().threads)
    use_onednn()
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    policy = start(LatticeConfig()).model().policy.at(0.22)
    work = {
        "256 lattices, site by site": lambda: draw(policy, 256, generator),
        "256 lattices, half of the sites in one block": lambda: draw_lattices(policy, 256, generator),
        "1 lattice, half of the sites in one block": lambda: draw_lattices(policy, 1, generator),
        "2000 exact samples by cluster moves": lambda: Lattice(10, 0.2203).sample(2000, rng),
        "training step, batch 256": training_step(),
    }
    for name, run in work.items():
        print(f"{name:45} {median_seconds(run):.3f} s")


if __name__ == "__main__":
    main()
