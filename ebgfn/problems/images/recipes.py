"""How images are trained: settings of the one algorithm, tuned on MNIST and on 8 x 8 digits with minutes of two cores."""

from dataclasses import replace

from ebgfn.nets.mlp import MLPSizes
from ebgfn.nets.unet import UNetSizes
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import FastRecipe

# At D = 784 local chains do not arrive anywhere in the time of a training. So the energy begins as a density, that of the
# sampler in a few steps, which has no modes that nobody knows of, and learns from moves alone.
# A trained sampler goes on with steps so small that a minute of one core hardly harms it: on MNIST its bound rose by 0.07
# nats, at 20 times the rate by 0.7, and with Muon at a tenth of its first rates by 0.4.
UNET = FastRecipe(
    batch=64,
    lr=5e-3,
    lr_learned=1e-4,
    kernel_lr=0.01,
    kernel_decay=0.1,
    clip=200.0,
    energy_batch=64,
    energy_lr=2e-4,
    energy_clip=50.0,
    warm_share=0.8,
    teach_share=0.8,
    joint_rate=0.0,
    start_from="sampler",
    fresh=256,
    kept=65_536,
    reuse=8,
    path_steps=12,
    whole=0.5,
    plan=ChainPlan(chains=0),
    noise=0.0,
    chain_loss=0.0,
    pairs=1.0,
    sizes=UNetSizes(hidden=256, refined=12),
)
# A thousand images are soon known by heart: hence the dropout, varied images, and data that the sampler draws.
DIGITS = FastRecipe(
    batch=128,
    varied=1.0,
    lr=2e-3,
    weight_decay=0.1,
    clip=200.0,
    energy_batch=128,
    energy_lr=2e-3,
    energy_decay=0.1,
    energy_clip=50.0,
    warm_share=0.3,
    teach_share=0.3,
    start_from="noise",
    fresh=1024,
    kept=8192,
    reuse=8,
    taught=1 / 3,
    smooth=0.5,
    uniform=0.25,
    components=60,
    chain_loss=1.0,
    pairs=1.0,
    flips=1.0,
    sizes=MLPSizes(hidden=384, depth=3, energy_hidden=256, dropout=0.2, varied=True),
)

# An energy that is a network alone must be told what is far from the data.
MLP = replace(
    UNET,
    batch=128,
    lr=2e-3,
    kernel_lr=0.0,
    energy_lr=1e-3,
    warm_share=0.6,
    teach_share=0.6,
    path_steps=16,
    whole=1 / 3,
    noise=1.0,
    uniform=0.25,
    components=60,
    flips=1.0,
    sizes=MLPSizes(hidden=1024, depth=3),
)

RECIPES = {
    "fast": UNET,
    "small": replace(UNET, sizes=UNetSizes(hidden=128, channels=8, refined=12)),
    "mlp": MLP,
    "digits": DIGITS,
}
