"""How many CPUs this process may really use, and each worker's share of them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# How many threads the numerical libraries start unless told: as many as there are CPUs, in each
# worker. Each name is from its library's manual.
THREAD_LIMITS = (
    "OMP_NUM_THREADS",  # OpenMP
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",  # Apple Accelerate
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",  # Rust extensions
)
WORKERS_BESIDE = "TREADLE_WORKERS_BESIDE"  # set in workers: how many share the CPUs with it


def usable_cpus() -> int:
    """
    Return the number of CPUs that this process can keep busy; at least 1.

    The smallest of: CPUs of the machine, CPUs in its affinity mask, its cgroup's quota (rounded
    up). Inside a worker, the worker's share of that.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = min(count, len(os.sched_getaffinity(0)))
    quota = _cgroup_quota() if sys.platform == "linux" else None
    if quota is not None:
        count = min(count, math.ceil(quota))
    beside = os.environ.get(WORKERS_BESIDE, "")
    return max(1, count // max(1, int(beside) if beside.isdigit() else 1))


def thread_limits(workers: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold each of *workers* to its share; what the user set stays."""
    share = str(max(1, usable_cpus() // workers))
    return {name: share for name in THREAD_LIMITS if name not in environ}


def _cgroup_quota() -> float | None:
    """Return the CPUs that the control group may use, or None when it has no limit."""
    try:
        return _quota_v2() or _quota_v1()
    except (OSError, ValueError):
        return None  # No such files, or not in the form we know: then there is no limit to see.


def _quota_v2() -> float | None:
    group = ""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, _, path = line.split(":", 2)
        if number == "0":
            group = path.strip("/")
    best: float | None = None
    folder = Path("/sys/fs/cgroup") / group
    while True:  # a limit of any group above counts as well
        limit = folder / "cpu.max"
        if limit.exists():
            quota, period = limit.read_text().split()
            if quota != "max":
                cpus = int(quota) / int(period)
                best = cpus if best is None else min(best, cpus)
        if folder == Path("/sys/fs/cgroup") or folder == folder.parent:
            return best
        folder = folder.parent


def _quota_v1() -> float | None:
    folder = Path("/sys/fs/cgroup/cpu")
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    period = int((folder / "cpu.cfs_period_us").read_text())
    return quota / period if quota > 0 and period > 0 else None
