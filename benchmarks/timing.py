"""How the benchmarks take time."""

import statistics
import time
from collections.abc import Callable

REPEATS = 7


def median_seconds(run: Callable[[], object]) -> float:
    """The median of REPEATS runs after one that does not count."""
    run()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
