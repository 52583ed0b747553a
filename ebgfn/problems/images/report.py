"""What `python -m ebgfn evaluate` says of a model of images: the sampler's likelihood on the test set, and the energy's.

The energy's NLL is told where nothing refutes it: see `ebgfn.evaluation.log_z`.
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
from ebgfn.nets.refined import RefinedEnergy
from ebgfn.problems.images import sets

# States for the one-call bound, of all images together (2 to 64 of each); steps of complete paths in each of ORDERS random
# orders, which on 28 x 28 take most of the time and suffice for 24 images; images for paths along one order; samples whose
# neighbours are sought.
STATES, PATH_STEPS, ORDERS, SOME, SAMPLES = 20_000, 24 * 784, 16, 256, 512
STEPS, FEW, K = 49, 16, 64
# Training images that tell means of pixels, and how far from the nearest of them a test image may lie.
REFERENCE = 10_000
# Up to this dimension annealing by local moves is sure to arrive. On 28 x 28 it may end some nats too low, which says
# nothing; there chains that stay where neither data nor the sampler's draws are speak too.
ARRIVES_DIM = 100
# In 20 s of one core on 8 x 8; in some ten minutes of one on 28 x 28, where an energy that refines a density costs 13 calls
# and annealing would not arrive however long.
SMALL = Budget(draws=2000, others=2000, chains=96, moves=200, annealed=128, temperatures=200, steps=STEPS)
LARGE = Budget(draws=512, others=300, chains=24, moves=240, annealed=10, temperatures=100, steps=STEPS)


def report(model: Model, *, seed: int, points: int | None, budget: Budget | None = None) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_bound`: one-call bound on the NLL in D steps and random orders. `gfn_nll`: NLL in D steps by the mean over ORDERS
    orders, measured as what some images lie below their bound. `gfn_nll_49` the same in 49 steps; where the policy has an
    order of its own, `gfn_nll_16` and `gfn_nll_49` are along that. Of a refuted energy there is no NLL; `density_nll` is
    that of the density which an energy refines.
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
    """The bound on all images, and what complete paths lie below it on some; along an order of the policy's own all images
    in few steps, and what some gain by more.

    A sampler that chooses its own locations has neither bound nor order: of it, complete paths to some images alone.
    """
    policy = model.policy
    some = x[torch.randperm(len(x), generator=generator, device=x.device)[:SOME]]
    paths = some[: PATH_STEPS // model.dim]
    if policy.step_nats is None:
        found = gfn_nll(policy, paths, trajectories=ORDERS, generator=generator)
        return {"gfn_nll": found.value, "gfn_nll_se": found.se}
    random = mean_estimate(bound(policy, x, states=min(64, max(2, STATES // len(x))), generator=generator))
    order = [uniform_orders(len(paths), model.dim, generator) for _ in range(ORDERS)]

    def over_orders(steps: int) -> Float[torch.Tensor, "orders images"]:
        schedule = best_schedule(policy.step_nats, min(steps, model.dim))
        return torch.stack([log_ratio(policy, paths, one, schedule=schedule) for one in order])

    def along_own(images: Vectors, steps: int) -> Float[torch.Tensor, " images"]:
        schedule = best_schedule(policy.step_nats, min(steps, model.dim))
        return -log_ratio(policy, images, policy.order.expand(len(images), -1), schedule=schedule)

    each = over_orders(model.dim)
    whole = math.log(ORDERS) - each.logsumexp(0)
    gain = mean_estimate(-each.mean(0) - whole)
    nll, se = random.value - gain.value, math.hypot(random.se, gain.se)
    figures = {"gfn_bound": random.value, "gfn_bound_se": random.se, "gfn_nll": nll, "gfn_nll_se": se}
    if policy.order is None:
        price = mean_estimate(math.log(ORDERS) - over_orders(STEPS).logsumexp(0) - whole)
        return figures | {f"gfn_nll_{STEPS}": nll + price.value, f"gfn_nll_{STEPS}_se": math.hypot(se, price.se)}
    few, price = mean_estimate(along_own(x, FEW)), mean_estimate(along_own(some, STEPS) - along_own(some, FEW))
    figures |= {f"gfn_nll_{FEW}": few.value, f"gfn_nll_{FEW}_se": few.se}
    return figures | {f"gfn_nll_{STEPS}": few.value + price.value, f"gfn_nll_{STEPS}_se": math.hypot(few.se, price.se)}


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
    if isinstance(model.energy, RefinedEnergy):
        with torch.no_grad():
            nats = torch.cat([model.energy.nats(part) for part in x.split(model.policy.rows)])
        figures["density_nll"] = nats.mean().item()
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
