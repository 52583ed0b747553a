"""A small model, trained in a moment, for tests of the pages: there only being a model matters."""

import math
import time
from pathlib import Path

import numpy as np
import torch

from ebgfn.core.losses import any_order_likelihood, noise_contrastive
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import store

STEPS, BATCH = 60, 128


def trained(dataset: str = "8gaussians", *, bits: int = 16) -> Model:
    """Sampler by any-order likelihood, energy by noise-contrastive estimation against uniform bits."""
    config = Toy2DConfig(dataset=dataset, bits=bits, steps=STEPS)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(config, MLPSizes(hidden=48, depth=2))
    parameters = [*model.policy.parameters(), *model.energy.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    data = torch.from_numpy(config.density().sample(BATCH * STEPS, np.random.default_rng(0), bits=bits)).float()
    for x in data.split(BATCH):
        filled = torch.randint(0, config.dim, (BATCH, 1), generator=generator)
        mask = torch.rand(x.shape, generator=generator).argsort(1).argsort(1) < filled
        loss = any_order_likelihood(model.policy(x, mask).value_logits, x, mask).mean()
        noise = torch.randint(0, 2, x.shape, generator=generator).float()
        of_data, of_noise = (config.dim * math.log(2) - model.energy(torch.cat([x, noise]))).chunk(2)
        loss = loss + noise_contrastive(of_data, of_noise).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for part in (model.energy, model.policy):
        part.requires_grad_(False).eval()
    model.log_z.zero_()
    return model


def finished_run(home: Path, name: str, model: Model) -> store.RunFolder:
    """A run folder under `home` that holds the model, as if it had been trained there."""
    now = time.time()
    status = store.Status("done", created=now, heartbeat=now, step=STEPS, progress=1.0)
    run = store.create(home / "runs" / name, model.config, status)
    model.save(run.checkpoint)
    return run
