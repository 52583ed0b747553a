"""How tables are trained: settings of the one algorithm, tuned on Plants and NLTCS with minutes of one core."""

from dataclasses import replace

from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.fast import FastRecipe

FAST = FastRecipe(
    batch=256,
    lr=6e-3,
    weight_decay=0.1,
    clip=200.0,
    energy_batch=128,
    energy_lr=2e-3,
    energy_decay=0.1,
    energy_clip=50.0,
    warm_share=0.6,
    teach_share=0.6,
    start_from="noise",
    fresh=1024,
    kept=8192,
    reuse=8,
    taught=0.25,
    smooth=0.5,
    uniform=0.25,
    components=60,
    chain_loss=1.0,
    pairs=1.0,
    flips=1.0,
    sizes=MLPSizes(hidden=384, depth=3, energy_hidden=256, pairwise=True),
)
# An energy that cannot be that of the data is to be the likeliest one: of the logistic losses only that against its own
# chains has its optimum there. The others would fit where the noise is.
COUPLINGS = replace(FAST, energy_lr=3e-2, noise=0.05, pairs=0.0, flips=0.0)
