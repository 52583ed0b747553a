"""A small model of a table, trained in a moment: two numbers, a category, two answers and a column that never changes."""

import numpy as np
import pandas as pd
import torch

from ebgfn.core.losses import any_order_likelihood
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.table import files
from ebgfn.problems.table.config import TableConfig

ROWS, STEPS, BATCH = 240, 150, 64
# What a column may be called: it must never be read as markup.
NAMES = ("size", "<b>weight</b>", "place", "large", "paid", "same")


def table() -> pd.DataFrame:
    """The size tells the weight and whether it is large; of the place nothing is known."""
    rng = np.random.default_rng(0)
    size = rng.integers(0, 8, ROWS)
    weight = 10 * size + rng.integers(0, 10, ROWS)
    place = rng.choice(["north", "south", "west"], ROWS)
    large = np.where(size > 3, "yes", "no")
    paid = np.where(rng.random(ROWS) < 0.9, large, "no")
    columns = (size.astype(str), weight.astype(str), place, large, paid, np.full(ROWS, "x"))
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)), dtype=object)


def trained(path) -> Model:
    """Sampler by any-order likelihood, energy as it begins; the table is written to `path`."""
    path.write_text(files.to_csv(table()))
    config = TableConfig(path=str(path), steps=STEPS)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(config, MLPSizes(hidden=48, depth=2))
    optimizer, data = (
        torch.optim.Adam(model.policy.parameters(), lr=5e-3),
        torch.from_numpy(config.whole("train")).float(),
    )
    for _ in range(STEPS):
        x = data[torch.randint(len(data), (BATCH,), generator=generator)]
        filled = torch.randint(0, config.dim, (BATCH, 1), generator=generator)
        mask = torch.rand(x.shape, generator=generator).argsort(1).argsort(1) < filled
        loss = any_order_likelihood(model.policy(x, mask).value_logits, x, mask).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for part in (model.energy, model.policy):
        part.requires_grad_(False).eval()
    return model
