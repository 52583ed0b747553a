"""What stands beside stored figures."""

import datetime
import os
import platform
import resource
import sys
from typing import Any

import torch


def provenance(benchmark: str, *, threads: int | None) -> dict[str, Any]:
    """Where, when and how the figures of a benchmark came about."""
    return {
        "command": " ".join([f"python -m benchmarks.{benchmark}", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "threads": threads,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def machine() -> str:
    """Processor and software, as far as they decide how fast training goes."""
    return f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}, torch {torch.__version__}"
