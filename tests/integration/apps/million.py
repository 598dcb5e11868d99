"""Map a million items from a generator; print by how many bytes the driver has grown.

Usage: million.py START_METHOD COUNT.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mapped import double

import treadle

START_METHOD, COUNT = sys.argv[1], int(sys.argv[2])
WARM_UP = 20_000  # items, after which code is loaded and the window has its size


def resident() -> int:
    """Peak resident memory, in bytes: what came and went between two looks counts too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


before = total = count = 0
outcomes = treadle.map(
    double, (number for number in range(COUNT)), workers=2, start_method=START_METHOD
)
for outcome in outcomes:
    total += outcome.value
    count += 1
    if count == WARM_UP:
        before = resident()
assert (count, total) == (COUNT, COUNT * (COUNT - 1))
print(resident() - before)
