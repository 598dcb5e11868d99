"""Everything that can go wrong, at random and at once, for as long as one likes.

`TREADLE_CHAOS_SECONDS` sets how long (default 20); `TREADLE_CHAOS_SEED` repeats one schedule.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress

import calls
import psutil
import pytest

import treadle
from treadle.backends.processes.launcher import LAUNCHER
from treadle.errors import SetupFailed

SECONDS = float(os.environ.get("TREADLE_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("TREADLE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))

LIMIT = 0.5  # seconds per item; only those that hang come near it

# What the item does, and how it may end when nobody else interferes.
DEEDS = {
    "sigkill": {"worker lost"},
    "exit_3": {"worker lost"},
    "exit_0": {"worker lost"},
    "segfault": {"worker lost"},
    "abort": {"worker lost"},
    "kill_from_a_thread": {"worker lost"},
    "tear_the_result": {"worker lost"},
    "tear_the_large_result": {"worker lost"},
    "fork_child_and_die": {"worker lost"},
    "hang": {"timed out"},
    "ignore_sigterm_and_hang": {"timed out"},
    "sys_exit": {"raised"},
    "panic": {"raised"},
    "raise_unloadable": {"raised"},
    "raise_unloadable_here": {"raised"},
    "raise_unpicklable": {"raised"},
    "raise_group": {"raised"},
    "return_generator": {"unpicklable"},
    "return_lock": {"unpicklable"},
    "return_broken": {"unpicklable"},
    "return_broken_here": {"unpicklable"},
    "return_large_broken_here": {"unpicklable"},
    "close_stdout": {"succeeded"},
    "close_raw_stdout": {"succeeded"},
    "leave_a_deleted_directory": {"succeeded"},
    "install_handlers": {"succeeded"},
    "start_child": {"succeeded"},
    "fork_child": {"succeeded"},
    "fork_and_come_back_twice": {"succeeded"},
    "say something": {"succeeded"},
    "log something": {"succeeded"},
    "make_array 2": {"succeeded"},
}
OBJECTS = {
    calls.LethalToWorkers: {"worker lost"},
    calls.BrokenThere: {"unpicklable"},
    calls.RefusesToBePickled: {"unpicklable"},
}


@pytest.mark.chaos
@pytest.mark.timeout(SECONDS + 120)
def test_whatever_happens_every_item_settles_once_and_the_innocent_deliver(monkeypatch, capfd):
    monkeypatch.setenv(calls.DRIVER, str(os.getpid()))
    dice = random.Random(SEED)
    until = time.monotonic() + SECONDS
    rounds = 0
    while time.monotonic() < until:
        one_round(dice)
        rounds += 1
    with capfd.disabled():
        print(f" {rounds} rounds, TREADLE_CHAOS_SEED={SEED} ", end="")


def one_round(dice):
    meddling = dice.random() < 0.3
    with treadle.Pool(
        workers=dice.choice([1, 2, 2, 3]),
        backend="processes",
        start_method=dice.choice(["forkserver", "spawn"]),
        max_items_per_worker=dice.choice([None, None, 20, 200]),
    ) as pool:
        for _ in range(dice.randint(1, 3)):
            one_run(dice, pool, meddling=meddling)
            assert pool.map(calls.act, [1, 2, 3]).values() == [1, 2, 3]


def one_run(dice, pool, *, meddling):
    items = some_items(dice)
    attempts = dice.choice([1, 1, 2])
    options = {
        "timeout": LIMIT,
        "ordered": dice.random() < 0.3,
        "retry": treadle.Retry(attempts=attempts, base=0),
        "seed": dice.choice([None, 7]),
    }
    over = threading.Event()
    meddler = threading.Thread(target=meddle, args=(dice.randrange(1 << 32), over))
    if meddling:
        meddler.start()
    try:
        outcomes = list(pool.map(calls.act, items, **options))
    except SetupFailed:
        assert meddling  # Three in a row were killed as they started: a clean end.
        return
    finally:
        over.set()
        if meddling:
            meddler.join()
    assert sorted(outcome.key for outcome in outcomes) == list(range(len(items)))
    if options["ordered"]:
        assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    for outcome in outcomes:
        check(outcome, items[outcome.key], attempts, meddling=meddling)


def check(outcome, item, attempts, *, meddling):
    assert outcome.attempts <= attempts
    if meddling and outcome.kind == "worker lost":
        return  # Who is killed from outside is lost, innocent or not.
    if isinstance(item, int):
        assert outcome.ok, outcome
        assert outcome.value == item
        assert outcome.attempts == 1 or meddling, outcome
    else:
        expected = OBJECTS[type(item)] if type(item) in OBJECTS else DEEDS[item]
        assert outcome.kind in expected, (item, outcome)


def some_items(dice):
    """Many innocents in runs of any length, with a few guilty between them."""
    items = []
    for _ in range(dice.randint(1, 8)):
        items += range(dice.choice([0, 1, 3, 30, 300]))
        guilty = dice.choice([*DEEDS, *OBJECTS])
        items.append(guilty if isinstance(guilty, str) else guilty())
        if dice.random() < 0.2:
            items.append(items[-1])
    items += range(dice.choice([0, 1, 100]))
    return items


def meddle(seed, over):
    """Kill, now and then, a worker or the nursery."""
    dice = random.Random(seed)
    while not over.wait(dice.uniform(0.0, 0.4)):
        nurseries = [nursery.process.pid for nursery in list(LAUNCHER._nurseries.values())]
        victims = []
        for pid in nurseries:
            with suppress(psutil.NoSuchProcess):
                victims += [child.pid for child in psutil.Process(pid).children()]
        if dice.random() < 0.2:
            victims = nurseries
        if victims:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(victims), signal.SIGKILL)
