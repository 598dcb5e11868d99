"""A million items from a generator: how much memory the driver needs above what it had before.

The kernel's own high-water mark (``VmHWM``), reset after a warm-up call, catches every peak; where
there is none, the resident size is sampled every 20 ms. Engines that pay a round trip per item get
a tenth of the items and say so in the notes: what they hold grows with the number.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil

from benchmarks import harness, peers
from benchmarks.functions import nothing
from benchmarks.harness import Facts, Options, Result, Target

CASE = "memory"
CHUNK = 2000
SAMPLE_SECONDS = 0.02
MEGABYTE = 1e6


def measure(facts: Facts, *, engine: str, start_method: str, n: int) -> None:
    """Count *n* results and note the peak of the driver's memory."""
    kind = peers.ENGINES[engine]
    if kind.per_item:
        n //= 10
    with kind(harness.WORKERS, start_method, CHUNK) as pool:
        for _ in pool.map_items(nothing, range(2000), length=2000):
            pass
        gc.collect()
        base = psutil.Process().memory_info().rss
        with _Peak() as peak:
            count = sum(1 for _ in pool.map_items(nothing, _numbers(n), length=n))
    if count != n:
        raise RuntimeError(f"{count} results of {n} items")
    facts.update(
        megabytes=(max(peak.high_water, peak.sampled) - base) / MEGABYTE,
        sampled_megabytes=(peak.sampled - base) / MEGABYTE,
        items=n,
    )


def _numbers(n: int) -> Iterator[int]:
    yield from range(n)


class _Peak:
    """The highest resident size of this process while the block runs, in bytes."""

    def __init__(self) -> None:
        self.sampled = 0
        self.high_water = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._resets = _reset_high_water()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        if self._resets:
            self.high_water = _high_water()

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._over.wait(SAMPLE_SECONDS):
            self.sampled = max(self.sampled, process.memory_info().rss)


def _reset_high_water() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False  # not Linux, or not allowed: sampling has to do
    return True


def _high_water() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def run(options: Options) -> Result:
    """Measure all engines."""
    n = 20_000 if options.quick else 1_000_000
    arguments = {"start_method": options.start_method, "n": n}
    result = Result(CASE, {**arguments, "chunk of tuned engines": CHUNK})
    quick_starters = harness.every_peer(lambda engine: not engine.slow)
    engines = harness.choose(options, quick_starters, result.notes)
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(
        CASE, engines, {CASE: arguments}, rounds=rounds, limit=180
    )
    for engine in engines:
        if peers.ENGINES[engine].per_item:
            result.notes.append(f"{engine}: {n // 10:,} items only")
    harness.add_row(
        result,
        f"{n:,} items from a generator",
        "MB above base",
        harness.values(result.measurements, "megabytes"),
        better="lower",
        target=Target(limit=10.0),
    )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
