"""Two hundred items, of which one is killed by SIGKILL and one calls ``os._exit(7)``.

Counted are the good items that were delivered (of 198), the guilty ones that were named with
signal or exit code while no good one was blamed (of 2), and the seconds until the run had ended;
the seconds of engines that lost good items say nothing and are left out of the table. Once with
items that take no time, so that engines that batch have batches when the worker dies, and once
with 5 ms items.
"""

from __future__ import annotations

import re
import time
from typing import Any

from benchmarks import harness, peers
from benchmarks.functions import crash
from benchmarks.harness import Facts, Options, Result, Target
from benchmarks.peers import Ending

CASE = "crash"
N = 200
KILLED, EXITED = 50, 150
LIMIT = 15.0
NAMES = {
    KILLED: re.compile(r"SIGKILL|signal 9\b|exit code -9\b"),
    EXITED: re.compile(r"exit code 7\b|exitcode 7\b|status 7\b"),
}
VARIANTS = {"batches": 0.0, "5 ms items": 0.005}


def measure(facts: Facts, *, engine: str, start_method: str, seconds: float) -> None:
    """Settle all items on a warm pool, keeping the count as it goes: some engines hang."""
    fates = {KILLED: "killed", EXITED: "exited"}
    items = [(number, seconds, fates.get(number, "good")) for number in range(N)]
    with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
        for _ in pool.settle(crash, [(number, 0.0, "good") for number in range(8)]):
            pass
        facts.update(delivered=0, named=0, seconds=LIMIT)  # the seconds of those that hang
        began = time.perf_counter()
        try:
            for ending in pool.settle(crash, items):
                _count(facts, ending)
        except Exception as error:  # the run is over all the same
            facts["complaint"] = f"{type(error).__name__}: {error}"
        facts["seconds"] = time.perf_counter() - began


def _count(facts: Facts, ending: Ending) -> None:
    if ending.ok:
        facts["delivered"] += 1
        return
    facts.setdefault("complaint", ending.detail[:300])
    if ending.item not in NAMES:
        facts["blamed"] = facts.get("blamed", 0) + 1
    elif NAMES[ending.item].search(ending.detail):
        facts["named"] += 1
    if facts.get("blamed"):
        facts["named"] = 0  # who accuses everybody names nobody


def run(options: Options) -> Result:
    """Measure all engines with both kinds of items."""
    common: dict[str, Any] = {"start_method": options.start_method}
    result = Result(CASE, {**common, "items": N})
    # The tuned engines differ in `map` only, which no engine but treadle survives a crash with.
    engines = harness.choose(
        options, harness.every_peer(lambda engine: "tuned" not in engine.name), result.notes
    )
    variants = {name: {**common, "seconds": seconds} for name, seconds in VARIANTS.items()}
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds, limit=LIMIT)
    for variant in variants:
        _add_rows(result, variant)
    return result


def _add_rows(result: Result, variant: str) -> None:
    title = f"one SIGKILL, one _exit, {variant}"
    for fact, unit, least in (("delivered", "of 198", N - 2.0), ("named", "of 2", 2.0)):
        harness.add_row(
            result,
            title,
            f"{fact} {unit}",
            harness.values(result.measurements, fact, variant),
            better="higher",
            target=Target(limit=least),
        )
    harness.add_row(
        result,
        title,
        "s",
        harness.values(harness.complete(result, "delivered", N - 2), "seconds", variant),
        better="lower",
        target=Target(limit=2.0),
    )


if __name__ == "__main__":
    harness.main(run, __doc__)
