"""What `python -m ebgfn evaluate` says of a model of images: the sampler's likelihood on the test set, and the energy's.

The energy's NLL is known from below only, and told where nothing refutes it: see `ebgfn.evaluation.log_z`.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ebgfn.core.schedules import best_schedule, draw, usual_schedule
from ebgfn.core.states import Vectors, uniform_orders
from ebgfn.core.trajectories import log_ratio
from ebgfn.core.weights import mean_estimate
from ebgfn.evaluation.likelihood import bound, gfn_nll
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from ebgfn.evaluation.neighbours import memory
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import best
from ebgfn.problems.images import sets

# States of each image for the one-call bound; images and orders for complete paths, which on 28 x 28 take most of the time;
# samples whose neighbours are sought.
STATES, PATH_IMAGES, ORDERS, SAMPLES = 2, 8, 16, 512
STEPS, K = 49, 64
# Training images that tell means of pixels, and how far from the nearest of them a test image may lie.
REFERENCE = 10_000
# Up to this dimension annealing by local moves is sure to arrive. On 28 x 28 it may end some nats too low, which says
# nothing; there chains that stay where neither data nor the sampler's draws are speak too.
ARRIVES_DIM = 100
# In 20 s of one core on 8 x 8, and in 100 s on 28 x 28 by the larger network.
SMALL = Budget(draws=2000, others=2000, chains=96, moves=200, annealed=128, temperatures=200, steps=STEPS)
LARGE = Budget(draws=512, others=300, chains=24, moves=240, annealed=10, temperatures=400, steps=STEPS)


def report(model: Model, *, seed: int, points: int | None, budget: Budget | None = None) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_bound`: one-call bound on the NLL in D steps. `gfn_nll`: NLL in D steps by the mean over ORDERS orders, measured as
    what PATH_IMAGES images lie below their bound; `gfn_nll_49` the same in 49 steps. Of a refuted energy there is no NLL.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    x = torch.from_numpy(sets.any_test_images(model.config.dataset)).float().to(model.device)
    if points is not None and points < len(x):
        x = x[torch.randperm(len(x), generator=generator, device=x.device)[:points]]
    figures = {"kind": "images", "dataset": model.config.dataset, "seed": seed, "test_images": len(x)}
    figures |= of_sampler(model, x, generator) | of_energy(model, x, generator, budget)
    if sets.available(model.config.dataset):
        figures |= against_training(model, x, generator)
    return figures | {"gfn_bits_per_dim": figures["gfn_nll"] / (model.dim * math.log(2))}


@torch.no_grad()
def of_sampler(model: Model, x: Vectors, generator: torch.Generator) -> dict[str, float]:
    """The bound on all images; what complete paths lie below it on some, in D steps and in fewer, by the same orders.

    A sampler that chooses its own locations has no such bound: of it, complete paths to some images alone.
    """
    policy = model.policy
    some = x[torch.randperm(len(x), generator=generator, device=x.device)[:PATH_IMAGES]]
    if policy.step_nats is None:
        found = gfn_nll(policy, some, trajectories=ORDERS, generator=generator)
        return {"gfn_nll": found.value, "gfn_nll_se": found.se}
    nats = mean_estimate(bound(policy, x, states=STATES, generator=generator))
    orders = [uniform_orders(len(some), model.dim, generator) for _ in range(ORDERS)]
    each, whole, fewer = ([], [], [])
    for steps, kept in ((model.dim, whole), (min(STEPS, model.dim), fewer)):
        schedule = best_schedule(policy.step_nats, steps)
        log_q = torch.stack([log_ratio(policy, some, order, schedule=schedule) for order in orders])
        kept.append(math.log(ORDERS) - log_q.logsumexp(0))
        each.append(-log_q.mean(0))
    gain, price = mean_estimate(each[0] - whole[0]), mean_estimate(fewer[0] - whole[0])
    nll, se = nats.value - gain.value, math.hypot(nats.se, gain.se)
    return {
        "gfn_bound": nats.value,
        "gfn_bound_se": nats.se,
        "gfn_nll": nll,
        "gfn_nll_se": se,
        f"gfn_nll_{STEPS}": nll + price.value,
        f"gfn_nll_{STEPS}_se": math.hypot(se, price.se),
    }


def against_training(model: Model, x: Vectors, generator: torch.Generator) -> dict[str, float]:
    """What needs the training set: a mixture of Bernoulli products fitted to it, and how near to it samples are.

    `mixture_nll`: of the mixture with the number of components that is best on validation images.
    """
    train, validation = (sets.read(model.config.dataset, split) for split in ("train", "validation"))
    levels, held_out = (torch.from_numpy(means(part)).to(x.device) for part in (train, validation))
    mixture = best(levels, held_out)
    distances = memory(
        draw(model.policy, SAMPLES, generator).x, x, torch.from_numpy(train.static()).float().to(x.device)
    )
    nll = mean_estimate(-mixture.log_prob(x))
    return {
        "mixture_nll": nll.value,
        "mixture_nll_se": nll.se,
        "mixture_components": len(mixture.log_weight),
        "nearest_of_samples": distances.samples.value,
        "nearest_of_samples_se": distances.samples.se,
        "nearest_of_test": distances.test.value,
        "nearest_of_test_se": distances.test.se,
        "copies": distances.copies,
    }


def means(part: sets.Images) -> Float[np.ndarray, "images dim"]:
    """What each pixel is on average over binarisations."""
    return part.grey.astype(np.float32) / 255 if part.dynamic else part.static().astype(np.float32)


def of_energy(model: Model, x: Vectors, generator: torch.Generator, budget: Budget | None = None) -> dict[str, Any]:
    """log Z and what refutes it, the energy's NLL if nothing does, and how often back-and-forth moves are accepted."""
    small = model.dim <= ARRIVES_DIM
    limits = Limits(tolerance=0.3, arrives=small, spurious=None if small else 0.01)
    if budget is None:
        budget = SMALL if small else LARGE
    if model.policy.step_nats is None:
        budget = replace(budget, steps=None)
    train, test = reference(model.config.dataset, x)
    partition = log_z(
        model.energy, model.policy, train=train, test=test, budget=budget, limits=limits, generator=generator
    )
    figures = partition.figures() | partition.nll()
    if "ebm_nll" in figures:
        figures["ebm_bits_per_dim"] = figures["ebm_nll"] / (model.dim * math.log(2))
    k = min(K, model.dim)
    kernel = BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    _, info = kernel.step(kernel.init(x[: SAMPLES // 2]), generator)
    return figures | {"mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item()}


def reference(dataset: str, x: Vectors) -> tuple[Float[torch.Tensor, "train dim"], Float[torch.Tensor, "test dim"]]:
    """Training images and test images; where there are none of the former, half of the test images stand for them."""
    if not sets.available(dataset):
        return x[::2], x[1::2]
    train = sets.read(dataset, "train").bits(np.random.default_rng(sets.TEST_SEED))
    chosen = np.random.default_rng(sets.TEST_SEED).permutation(len(train))[:REFERENCE]
    return torch.from_numpy(train[chosen]).float().to(x.device), x
