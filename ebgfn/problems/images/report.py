"""What `python -m ebgfn evaluate` says of a model of images: the sampler's likelihood on the test set, and the energy's.

The energy's NLL is known from below only. log Z is at least what importance sampling from the sampler's paths says, what
annealing along them says, and the mass of the states that a search comes upon. All three can be far too low. Annealing back
from ends of such paths is no upper bound either: they are samples of the energy only where the sampler looks.
An estimate that is too low on average is above log Z + b with a probability of at most exp(-b), so the largest one counts.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ebgfn.core.schedules import best_schedule, draw, usual_schedule
from ebgfn.core.states import Vectors, uniform_orders
from ebgfn.core.trajectories import log_ratio
from ebgfn.core.weights import Estimate, effective_sample_size, log_mean_exp, mean_estimate
from ebgfn.evaluation.annealed import Path, anneal
from ebgfn.evaluation.likelihood import bound, gfn_nll
from ebgfn.evaluation.neighbours import memory
from ebgfn.evaluation.refutation import log_z_at_least
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import best
from ebgfn.problems.images import sets

# States of each image for the one-call bound; images and orders for complete paths; samples for importance weights.
STATES, PATH_IMAGES, ORDERS, SAMPLES = 2, 16, 16, 512
# Chains and temperatures of annealing, and blocks of its paths.
CHAINS, TEMPERATURES, PATH_STEPS = 64, 200, 16
STEPS, K = 49, 64


def report(model: Model, *, seed: int, points: int | None, temperatures: int = TEMPERATURES) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_bound`: one-call bound on the NLL in D steps. `gfn_nll`: NLL in D steps by the mean over ORDERS orders, measured as
    what PATH_IMAGES images lie below their bound; `gfn_nll_49` the same in 49 steps. `ebm_nll_lower`: what the energy's NLL
    is at least. `refuted`: whether uniform guessing is better than that.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    x = torch.from_numpy(sets.any_test_images(model.config.dataset)).float().to(model.device)
    if points is not None and points < len(x):
        x = x[torch.randperm(len(x), generator=generator, device=x.device)[:points]]
    figures = {"kind": "images", "dataset": model.config.dataset, "seed": seed, "test_images": len(x)}
    figures |= of_sampler(model, x, generator) | of_energy(model, x, generator, temperatures)
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


def of_energy(model: Model, x: Vectors, generator: torch.Generator, temperatures: int) -> dict[str, Any]:
    """What the energy's NLL is at least, by three estimates of log Z, and how often back-and-forth moves are accepted."""
    with torch.no_grad():
        energy = mean_estimate(torch.cat([model.energy(part) for part in x.split(model.policy.rows)]))
    by_sampler, ess = importance_log_z(model, generator)
    bounds = {"log_z": by_sampler.value, "log_z_search": log_z_at_least(model.energy, model.dim, generator)}
    if model.policy.step_nats is not None:
        bounds["log_z_ais"] = annealed_log_z(model, generator, temperatures).value
    log_z = max(bounds.values())
    k = min(K, model.dim)
    kernel = BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    _, info = kernel.step(kernel.init(x[: SAMPLES // 2]), generator)
    return {
        "ebm_nll_lower": energy.value + log_z,
        "ebm_nll_lower_se": energy.se,
        "refuted": energy.value + log_z > model.dim * math.log(2),
        **bounds,
        "log_z_se": by_sampler.se,
        "log_z_lower": log_z,
        "ess": ess,
        "mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item(),
    }


@torch.no_grad()
def importance_log_z(model: Model, generator: torch.Generator) -> tuple[Estimate, float]:
    """log Z by weights of the sampler's paths, and the share of them that counts."""
    steps = None if model.policy.step_nats is None else min(STEPS, model.dim)
    drawn = draw(model.policy, SAMPLES, generator, steps=steps)
    energy = torch.cat([model.energy(part) for part in drawn.x.split(model.policy.rows)])
    log_w = drawn.log_pb - drawn.log_pf - energy
    return log_mean_exp(log_w), effective_sample_size(log_w)


@torch.no_grad()
def annealed_log_z(model: Model, generator: torch.Generator, temperatures: int) -> Estimate:
    """log Z by annealing from the sampler's paths to the energy."""
    steps = min(PATH_STEPS, model.dim)
    path = Path(model.energy, model.policy, best_schedule(model.policy.step_nats, steps))
    betas = [i / temperatures for i in range(temperatures + 1)]
    return log_mean_exp(anneal(path, path.start(CHAINS, generator), betas, generator=generator).log_weight)
