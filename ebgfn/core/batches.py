"""How many vectors go through a network together."""

import torch

# For each thread: tuned at width 256, where the activations of so many inputs fill a core's 1 MB of cache.
ROWS = 1024


def cached_rows(*, states: int = 1) -> int:
    """Rows whose activations stay in cache, each row standing for `states` inputs of the network."""
    return max(1, ROWS * torch.get_num_threads() // states)
