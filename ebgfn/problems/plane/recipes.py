"""How densities in the plane are trained: settings of the one algorithm, tuned on 2spirals and checkerboard."""

from ebgfn.nets.mixture import MixtureSizes
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import FastRecipe

# In so few dimensions coin flips alone tell the energy nearly all. Chains are a guard: they weigh little.
FAST = FastRecipe(
    batch=512,
    plan=ChainPlan(chains=256, batch=32),
    taught=0.03,
    chain_loss=0.1,
    sizes=MixtureSizes(),
)
