"""What `python -m ebgfn evaluate` says of a model of images: both likelihoods on the test set, log Z between two bounds.

log Z from three sides. By importance sampling from the sampler's paths, too low on average when few of them count. By
annealing from them to the energy, too low as well, but less so. By annealing back from samples of the model, too high on
average. An estimate that is too low on average is above log Z + b with a probability of at most exp(-b), so the larger of
two is the better lower end.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.baselines.bernoulli_mixture import best
from ebgfn.blocks import ROWS, best_schedule, draw, log_values_chunked, usual_schedule
from ebgfn.data import images
from ebgfn.evaluation.annealed import Path, anneal
from ebgfn.evaluation.images import bound
from ebgfn.evaluation.likelihood import Estimate, effective_sample_size, log_mean_exp, mean_estimate
from ebgfn.evaluation.neighbours import memory
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.trajectories import uniform_orders

Vectors = Float[Tensor, "batch dim"]

# States of each image for the one-call bound; images and orders for complete paths; samples for importance weights.
STATES, PATH_IMAGES, ORDERS, SAMPLES = 2, 16, 16, 512
# Chains and temperatures of annealing, blocks of its paths, and moves that turn its ends into samples of the model.
CHAINS, TEMPERATURES, PATH_STEPS, MOVES = 64, 200, 16, 100
STEPS, K = 49, 64


def of_images(model: Model, *, seed: int, points: int | None, temperatures: int = TEMPERATURES) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_bound`: one-call bound on the NLL in D steps. `gfn_nll`: NLL in D steps by the mean over ORDERS orders, measured as
    what PATH_IMAGES images lie below their bound; `gfn_nll_49` the same in 49 steps. `ebm_nll` takes the upper end of the
    bracket of log Z, `ebm_nll_lower` the lower.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.from_numpy(images.any_test_images(model.config.dataset)).float()
    if points is not None and points < len(x):
        x = x[torch.randperm(len(x), generator=generator)[:points]]
    figures = {"kind": "images", "dataset": model.config.dataset, "seed": seed, "test_images": len(x)}
    figures |= of_sampler(model, x, generator) | of_energy(model, x, generator, temperatures)
    if images.available(model.config.dataset):
        figures |= against_training(model, x, generator)
    bits = model.dim * math.log(2)
    return figures | {f"{part}_bits_per_dim": figures[f"{part}_nll"] / bits for part in ("gfn", "ebm")}


def of_sampler(model: Model, x: Vectors, generator: torch.Generator) -> dict[str, float]:
    """The bound on all images; what complete paths lie below it on some, in D steps and in fewer, by the same orders."""
    policy = model.policy
    nats = mean_estimate(bound(policy, x, states=STATES, generator=generator))
    some = x[torch.randperm(len(x), generator=generator)[:PATH_IMAGES]]
    orders = [uniform_orders(len(some), model.dim, generator) for _ in range(ORDERS)]
    each, whole, fewer = ([], [], [])
    for steps, kept in ((model.dim, whole), (min(STEPS, model.dim), fewer)):
        schedule = best_schedule(policy.step_nats, steps)
        log_q = torch.stack([log_values_chunked(policy, some, order, schedule=schedule) for order in orders])
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
    train, validation = (images.read(model.config.dataset, split) for split in ("train", "validation"))
    levels, held_out = (torch.from_numpy(means(part)) for part in (train, validation))
    mixture = best(levels, held_out)
    distances = memory(draw(model.policy, SAMPLES, generator).x, x, torch.from_numpy(train.static()).float())
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


def means(part: images.Images) -> Float[np.ndarray, "images dim"]:
    """What each pixel is on average over binarisations."""
    return part.grey.astype(np.float32) / 255 if part.dynamic else part.static().astype(np.float32)


def of_energy(model: Model, x: Vectors, generator: torch.Generator, temperatures: int) -> dict[str, float]:
    """The energy's NLL with log Z from three sides, and how often its back-and-forth moves are accepted."""
    with torch.no_grad():
        energy = mean_estimate(torch.cat([model.energy(part) for part in x.split(ROWS)]))
    by_sampler, ess = importance_log_z(model, generator)
    forwards, backwards = annealed_log_z(model, generator, temperatures)
    lower = max(forwards.value, by_sampler.value)
    upper = max(backwards.value, lower)
    k = min(K, model.dim)
    kernel = BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    _, info = kernel.step(kernel.init(x[: SAMPLES // 2]), generator)
    return {
        "ebm_nll": energy.value + upper,
        "ebm_nll_se": math.hypot(energy.se, backwards.se),
        "ebm_nll_lower": energy.value + lower,
        "log_z": by_sampler.value,
        "log_z_se": by_sampler.se,
        "log_z_lower": lower,
        "log_z_upper": upper,
        "log_z_ais": forwards.value,
        "log_z_reverse_ais": backwards.value,
        "ess": ess,
        "mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item(),
    }


@torch.no_grad()
def importance_log_z(model: Model, generator: torch.Generator) -> tuple[Estimate, float]:
    """log Z by weights of the sampler's paths, and the share of them that counts."""
    drawn = draw(model.policy, SAMPLES, generator, steps=min(STEPS, model.dim))
    energy = torch.cat([model.energy(part) for part in drawn.x.split(ROWS)])
    log_w = drawn.log_pb - drawn.log_pf - energy
    return log_mean_exp(log_w), effective_sample_size(log_w)


@torch.no_grad()
def annealed_log_z(model: Model, generator: torch.Generator, temperatures: int) -> tuple[Estimate, Estimate]:
    """log Z by annealing forwards, and backwards from the ends of the former, weighted and moved on."""
    steps = min(PATH_STEPS, model.dim)
    path = Path(model.energy, model.policy, best_schedule(model.policy.step_nats, steps))
    betas = [i / temperatures for i in range(temperatures + 1)]
    up = anneal(path, path.start(CHAINS, generator), betas, generator=generator)
    chosen = torch.multinomial(torch.softmax(up.log_weight, 0), CHAINS, replacement=True, generator=generator)
    samples = anneal(path, up.walkers.rows(chosen), [1.0] * (MOVES + 1), generator=generator).walkers.x
    down = log_mean_exp(anneal(path, path.at(samples, generator), betas[::-1], generator=generator).log_weight)
    return log_mean_exp(up.log_weight), Estimate(-down.value, down.se)
