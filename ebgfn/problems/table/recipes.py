"""How tables are trained: settings of the one algorithm, tuned on Plants, Mushrooms and DNA with a minute of one core."""

from dataclasses import replace

from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.chains import PLAN, ChainPlan
from ebgfn.train.fast import FastRecipe

# Where codes of many bits have to change at once local chains hardly arrive, and a free energy keeps mass that they do not
# find. So the energy refines a density, that of the sampler in some steps, and learns from moves of complete paths alone.
# Half of its data are the sampler's: a few hundred rows are soon known by heart.
FAST = FastRecipe(
    batch=256,
    lr=6e-3,
    weight_decay=0.1,
    clip=200.0,
    energy_batch=128,
    energy_lr=1e-3,
    energy_decay=0.1,
    energy_clip=50.0,
    warm_share=0.75,
    teach_share=0.75,
    joint_rate=0.0,
    start_from="sampler",
    fresh=256,
    kept=65_536,
    reuse=32,
    path_steps=64,
    whole=1.0,
    plan=ChainPlan(chains=0),
    taught=0.0,
    smooth=0.5,
    noise=0.0,
    chain_loss=0.0,
    pairs=1.0,
    sizes=MLPSizes(hidden=384, depth=3, pairwise=True, refined=64),
)
# An energy that cannot be that of the data is to be the likeliest one: of the logistic losses only that against its own
# chains has its optimum there. The others would fit where the noise is.
COUPLINGS = replace(
    FAST,
    energy_lr=3e-2,
    warm_share=0.6,
    teach_share=0.6,
    joint_rate=1.0,
    start_from="noise",
    fresh=1024,
    kept=8192,
    reuse=8,
    path_steps=8,
    whole=0.5,
    plan=PLAN,
    taught=0.25,
    noise=0.05,
    uniform=0.25,
    components=60,
    chain_loss=1.0,
    pairs=0.0,
)
