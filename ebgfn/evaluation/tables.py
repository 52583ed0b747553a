"""The table of recovered couplings: ours beside all peers, each from the same samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ebgfn.baselines import pcd
from ebgfn.config import IsingConfig
from ebgfn.evaluation.couplings import peers
from ebgfn.evaluation.ising import neg_log_rmse

# side, sigma
ISING = ((10, 0.1), (10, 0.2), (10, 0.3), (10, 0.4), (10, 0.5), (9, -0.1), (9, -0.2))
