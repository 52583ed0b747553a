"""Seconds on 28 x 28 images: samples, chains, one training step of each phase; median of repeats.

python -m benchmarks.images            # as many threads as cores, nothing else running
"""

import argparse
import dataclasses
import os
from collections.abc import Callable

import torch

from benchmarks.timing import median_seconds
from ebgfn.core.schedules import draw, usual_schedule
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.products import use_onednn
from ebgfn.problems.checkpoint import load
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.recipes import RECIPES
from ebgfn.problems.images.sets import shipped_digits
from ebgfn.problems.training import start
from ebgfn.shipped import folder
from ebgfn.train.learner import Moment

BATCH, K = 100, 64


def move(model: Model) -> Callable[[], object]:
    """One back-and-forth move of K pixels of 64 chains from test digits."""
    kernel = BackAndForth(model.energy, model.policy, K, usual_schedule(model.policy, k=K))
    state = kernel.init(torch.from_numpy(shipped_digits()[0][:64]).float())
    generator = torch.Generator().manual_seed(0)
    return lambda: kernel.step(state, generator)


def training_step(progress: float) -> Callable[[], object]:
    """One step of a batch of 100 at this share of the budget."""
    recipe = dataclasses.replace(RECIPES["fast"], batch=BATCH, energy_batch=BATCH)
    state = start(ImagesConfig(dataset="mnist"), recipe)
    source, steps = state.source, iter(range(100, 10_000))
    if progress > recipe.warm_share:  # what is made once
        state.trainer.step(source, Moment(0, recipe.warm_share), state.generator)
    return lambda: state.trainer.step(source, Moment(next(steps), progress), state.generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args().threads)
    use_onednn()
    generator = torch.Generator().manual_seed(0)
    work = {}
    for name in ("images-mnist", "images-mnist-small"):
        model = load(folder() / name)
        for steps in (16, 49):
            work[f"{name}: 64 digits in {steps} steps"] = lambda m=model, t=steps: draw(
                m.policy, 64, generator, steps=t
            )
        work[f"{name}: 64 chains, one move of {K} pixels"] = move(model)
    work[f"training step, batch {BATCH}, sampler alone"] = training_step(0.1)
    # A mean over steps that make new points and steps that use them again.
    energy = training_step(0.9)
    work[f"16 training steps, batch {BATCH}, energy and sampler"] = lambda: [energy() for _ in range(16)]
    for name, run in work.items():
        print(f"{name:55} {median_seconds(run):.3f} s", flush=True)


if __name__ == "__main__":
    main()
