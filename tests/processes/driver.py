"""A program that uses treadle, for tests to interrupt and kill.

Called as `driver.py API METHOD ARRIVALS GATE`. It maps a few items, then two that wait at the gate
and many behind them, and says on stdout, in lines of JSON, what was delivered and how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import calls

import treadle
from treadle.core import events
from treadle.engine.outlet import Outlet

MANY = 2000


def tell(**facts):
    print(json.dumps(facts), flush=True)


def slow(number):
    """Take a millisecond or so, so that the end does not come before the signal."""
    return sum(range(20_000)) and number


def act(item):
    return slow(item) if isinstance(item, int) else calls.act(item)


def consume(outcomes):
    for outcome in outcomes:
        tell(key=outcome.key, kind=outcome.kind, value=outcome.ok and outcome.value)


def main():
    api, method, arrivals, gate = sys.argv[1:]
    items = endless() if api == "endless" else some(f"arrive_and_wait {arrivals}|{gate}")
    Outlet.take = leave_a_mark_and_take
    options = {"workers": 2, "backend": "processes", "start_method": method}
    if api != "pool":
        options["listeners"] = [count]
    try:
        match api:
            case "map" | "endless":
                consume(treadle.map(act, items, **options))
            case "pool":
                with treadle.Pool(**options) as pool:
                    consume(pool.map(act, items, listeners=[count]))
            case "run":
                report = treadle.run(act, items, **options)
                tell(ended="report", ok=report.ok)
    except KeyboardInterrupt as error:
        report = getattr(error, "report", None)
        tell(
            ended=type(error).__name__,
            report=report and {"ok": report.ok, "cancelled": report.cancelled},
        )
        raise SystemExit(130) from None
    tell(ended="well")


FIRST = 20
settled = threading.Semaphore(0)


read = []


def count(event):
    """Let the source go on, and leave a mark when items wait behind the two at the gate."""
    match event:
        case events.ItemsSettled(outcomes=outcomes):
            settled.release(len(outcomes))
        case events.ItemsRead(count=number):
            read.append(number)
            if sys.argv[1] != "endless" and sum(read) > FIRST + 2:
                with open(f"{sys.argv[4]}.full", "w"):
                    pass


take = Outlet.take


def leave_a_mark_and_take(outlet, timeout=None):
    """Say that what comes next is that of the two at the gate: Ctrl-C is the run's by now."""
    if outlet.consumed >= FIRST:
        open(f"{sys.argv[4]}.waiting", "w").close()
    return take(outlet, timeout)


def some(waiting):
    """First a few that settle, then one for each worker to wait in, then many behind those."""
    yield from range(FIRST)
    for _ in range(FIRST):
        settled.acquire()
    for number in (1, 2):  # one by one, so that the second does not queue behind the first
        yield waiting
        while not os.path.exists(f"{waiting.rpartition('|')[2]}.{number}"):
            time.sleep(0.005)
    yield from range(MANY)


def endless():
    number = 0
    while True:
        yield number
        number += 1


if __name__ == "__main__":
    main()
