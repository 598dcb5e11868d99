"""Signals to the driver, the nursery and the terminal: nothing hangs, nothing is left behind."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import calls
import psutil
import pytest
from conditions import is_gone, shared_memory, soon, tree

import treadle
from treadle.backends.processes.launcher import LAUNCHER

DRIVER = str(Path(__file__).with_name("driver.py"))


class Driver:
    """A running `driver.py`, in a session of its own."""

    def __init__(self, *arguments, terminal=None):
        self.process = subprocess.Popen(
            [sys.executable, DRIVER, *arguments],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal or subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
            # Between fork and exec, while this process has threads: it makes one system call.
            preexec_fn=None if terminal is None else lambda: take_terminal(terminal),  # noqa: PLW1509
        )

    def interrupt(self):
        """Press Ctrl-C: the foreground process group gets a SIGINT."""
        os.killpg(self.process.pid, signal.SIGINT)

    def family(self):
        """Return all its processes, the nursery and the workers included."""
        return tree(self.process.pid)

    def told(self):
        """Wait for its end and return what it said."""
        out, err = self.process.communicate(timeout=30)
        self.err = (err or b"").decode()
        return [json.loads(line) for line in out.decode().splitlines()]

    def wait_until_it_waits(self, api, gate):
        """
        Return what it tells before it waits for the two at the gate.

        An interrupt in the body of its own loop would be its own: Python raises it there.
        """
        early = [self.next_told() for _ in range(20)] if api != "run" else []
        assert soon(Path(f"{gate.path}.waiting").exists)
        return early

    def next_told(self):
        return json.loads(self.process.stdout.readline())


def take_terminal(terminal):
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@pytest.fixture
def start(method, arrivals, gate):
    """Start a driver; in the end nothing of it may be left."""
    drivers = []

    def start(api, **options):
        driver = Driver(api, method, arrivals.path, gate.path, **options)
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        for process in driver.family():
            process.kill()
        driver.process.wait()
        for stream in (driver.process.stdout, driver.process.stderr):
            if stream is not None:
                stream.close()


def both_arrive(arrivals, gate):
    """Wait until each worker is in an item; return their process ids."""
    workers = set()
    for number in (1, 2):
        workers.add(arrivals.next())
        Path(f"{gate.path}.{number}").touch()
    assert soon(Path(f"{gate.path}.full").exists)
    return workers


def is_orphan_free(family):
    return soon(lambda: all(map(is_gone, family)))


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["map", "run", "pool"])
def test_the_first_interrupt_lets_running_items_finish(start, arrivals, gate, api):
    """
    Two items run: they finish. Those that wait are cancelled. Everything that settled is delivered.
    """
    driver = start(api)
    workers = both_arrive(arrivals, gate)
    early = driver.wait_until_it_waits(api, gate)
    family = driver.family()
    assert {str(process.pid) for process in family} >= workers
    driver.interrupt()
    assert soon(lambda: has_taken_signal(driver))
    gate.open()
    *delivered, end = [*early, *driver.told()]
    assert end["ended"] == "Interrupted", driver.err
    assert driver.process.returncode == 130
    if api == "run":
        assert end["report"]["ok"] >= 22
        assert end["report"]["cancelled"] > 0
    else:
        kinds = [outcome["kind"] for outcome in delivered]
        assert set(kinds) == {"succeeded", "cancelled"}
        assert [o["value"] for o in delivered].count("went on") == 2
        assert len({outcome["key"] for outcome in delivered}) == len(delivered)
        assert {*range(20)} <= {o["key"] for o in delivered if o["kind"] == "succeeded"}
    assert is_orphan_free(family)
    assert "Traceback" not in driver.err


def has_taken_signal(driver):
    """Tell whether no SIGINT is pending for the main thread or the process any more (Linux)."""
    status = Path(f"/proc/{driver.process.pid}/status").read_text()
    masks = [line.split()[1] for line in status.splitlines() if line[:6] in ("SigPnd", "ShdPnd")]
    return not any(int(mask, 16) & (1 << (signal.SIGINT - 1)) for mask in masks)


@pytest.mark.parametrize("api", ["map", "run", "pool"])
def test_the_second_interrupt_ends_at_once(start, arrivals, gate, api):
    """
    Nobody opens the gate: the running items would never end by themselves.
    """
    driver = start(api)
    both_arrive(arrivals, gate)
    family = driver.family()
    driver.interrupt()
    until_over = threading.Event()

    def press_again():
        while not until_over.wait(0.2):
            driver.interrupt()

    presser = threading.Thread(target=press_again)
    presser.start()
    try:
        end = driver.told()[-1]
    finally:
        until_over.set()
        presser.join()
    assert end["ended"] in ("Interrupted", "KeyboardInterrupt")
    assert driver.process.returncode in (130, -signal.SIGINT)
    assert is_orphan_free(family)


def test_ctrl_c_in_a_terminal_reaches_the_driver_alone(start, arrivals, gate):
    """
    The terminal sends SIGINT to the foreground group; workers are in none.
    """
    master, terminal = pty.openpty()
    try:
        driver = start("map", terminal=terminal)
        both_arrive(arrivals, gate)
        early = driver.wait_until_it_waits("map", gate)
        family = driver.family()
        os.write(master, b"\x03")
        assert soon(lambda: b"^C" in os.read(master, 100))
        assert soon(lambda: has_taken_signal(driver))
        gate.open()
        *delivered, end = [*early, *driver.told()]
        assert end["ended"] == "Interrupted"
        assert [outcome["value"] for outcome in delivered].count("went on") == 2
        assert is_orphan_free(family)
    finally:
        os.close(terminal)
        os.close(master)


# --- the driver is ended -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGSEGV])
def test_no_worker_outlives_its_driver(start, arrivals, gate, number):
    """
    Even in the middle of items that would go on for ever.
    """
    driver = start("pool")
    both_arrive(arrivals, gate)
    family = driver.family()
    assert len(family) >= 4  # driver, nursery, two workers
    before = shared_memory()
    driver.process.send_signal(number)
    assert is_orphan_free(family)
    assert driver.process.wait(30) == -number
    assert shared_memory() <= before


@pytest.mark.parametrize("repeat", range(2))
def test_no_worker_outlives_a_driver_killed_at_any_moment(start, repeat):
    """
    While it starts, or after so many outcomes of an endless run.
    """
    driver = start("endless")
    for _ in range(random.randrange(3) * random.randrange(100)):
        driver.next_told()
    family = driver.family()
    driver.process.kill()
    # What was started in the meantime is in a process group of its own, but has our script's name.
    assert is_orphan_free(family)
    assert soon(lambda: not relatives(driver))


def relatives(driver):
    """Return nurseries that serve this driver."""
    words = f", {driver.process.pid})"
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = " ".join(process.info["cmdline"] or ())
        if "nursery" in command and words in command and not is_gone(process):
            found.append(process)
    return found


# --- the nursery is killed -----------------------------------------------------------------------


def kill_nursery(method):
    nursery = LAUNCHER._nurseries.get(method)
    if nursery is not None:  # else the last one was found dead, and nothing was asked for since
        nursery.process.kill()


def test_a_pool_whose_nursery_is_killed_while_idle_goes_on(method, pool):
    pids = set(pool.map(calls.pid, range(20)).values())
    workers = [psutil.Process(pid) for pid in pids]
    kill_nursery(method)
    assert pool.map(calls.act, range(50)).values() == list(range(50))
    assert soon(lambda: all(map(is_gone, workers)))


def test_a_pool_whose_nursery_is_killed_while_busy_goes_on_and_leaves_no_orphan(
    method, pool, gate, arrivals
):
    """
    The item that ran is nobody's victim: it is run again, or it is lost, but it settles; the
    process that ran it ends.
    """
    items = [f"arrive_and_wait {arrivals.path}|{gate.path}", *range(200)]
    run = pool.map(calls.act, items)
    old = psutil.Process(int(arrivals.next()))
    kill_nursery(method)
    arrivals.next()
    assert soon(lambda: is_gone(old))
    gate.open()
    outcomes = list(run)
    assert sorted(outcome.key for outcome in outcomes) == list(range(201))
    assert all(outcome.ok for outcome in outcomes)


def test_the_nursery_may_be_killed_again_and_again(method):
    """Workers that die with it three times before they have begun would be the function's fault."""
    for _ in range(3):
        with treadle.Pool(workers=2, backend="processes", start_method=method) as pool:
            began = [threading.Event() for _ in range(3)]  # an item of each hundred has settled

            def source(began=began):
                for item in range(300):
                    if item % 100 == 50:
                        assert began[item // 100].wait(30)
                        kill_nursery(method)
                    yield item

            outcomes = []
            for outcome in pool.map(calls.act, source()):
                outcomes.append(outcome)
                began[outcome.key // 100].set()
            assert sorted(outcome.key for outcome in outcomes) == list(range(300))
            assert all(outcome.ok for outcome in outcomes)


def test_a_pool_can_be_closed_after_its_nursery_was_killed(method, pool, gate, arrivals):
    run = pool.map(calls.act, [f"arrive_and_wait {arrivals.path}|{gate.path}"])
    arrivals.next()
    kill_nursery(method)
    pool.close(kill=True)
    assert [outcome.kind for outcome in run] == ["cancelled"]


def test_workers_end_when_driver_and_nursery_are_killed_together(start, arrivals, gate):
    """
    Nobody is left who could kill them: they notice by themselves.
    """
    driver = start("pool")
    both_arrive(arrivals, gate)
    family = driver.family()
    (nursery,) = psutil.Process(driver.process.pid).children()
    nursery.suspend()
    driver.process.kill()
    nursery.kill()
    assert is_orphan_free(family)


def test_a_worker_whose_call_holds_the_gil_does_not_outlive_its_nursery(method, pool, arrivals):
    """
    It cannot notice by itself, and the next nursery does not know it.
    """
    run = pool.map(calls.act, [f"hold_the_gil {arrivals.path}"])
    old = psutil.Process(int(arrivals.next()))
    kill_nursery(method)
    assert soon(lambda: is_gone(old))
    arrivals.next()  # another attempt at what was nobody's fault
    pool.close(kill=True)
    assert [outcome.kind for outcome in run] == ["cancelled"]
