"""How tables are trained: settings of the one algorithm, tuned on Plants and NLTCS with minutes of one core."""

from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.fast import FastRecipe

FAST = FastRecipe(
    batch=256,
    lr=2e-3,
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
    sizes=MLPSizes(hidden=384, depth=3, energy_hidden=256, dropout=0.1),
)
