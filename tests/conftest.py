"""What holds for every test: it leaves no thread, process, descriptor or shared memory behind.

A test that leaks fails, with the stacks of its threads or the command lines of its processes.
Leaks of one test are not charged to the next.
"""

from __future__ import annotations

import csv
import gc
import os
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Long-lived on purpose: started once, used by all pools, gone when the parent is.
PROCESSES = "treadle.backends.processes"
LONG_LIVED = (
    f"{PROCESSES}.nursery",
    "multiprocessing.resource_tracker",
    "multiprocessing.forkserver",
)

# What ends by itself may take this long to do so. A net under slow machines, not a delay:
# a clean test does not wait at all.
PATIENCE = 20.0

# Two looks at each test: to look at every process of the machine would take longer than most.
KERNEL_LISTS_CHILDREN = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile(
    "chaos",
    settings.get_profile("default"),
    max_examples=200_000,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


# Files that take longest, though they have few tests: begun last, one of them would be left alone
# with one of the processes that share the tests out.
LONG = (
    "benchmarks/test_smoke.py",
    "tui/test_terminal.py",
    "integration/test_kill_and_resume.py",
    "engine/test_simulation.py",
    "tui/test_lab_screens.py",
    "tui/test_run_screen.py",
    "tui/test_new_screen.py",
    "tui/test_web.py",
    "cli/test_control.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Have xdist give the files out in the order in which they are collected."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """
    Number the folders of all tests by counting.

    pytest looks through all there are for the highest number, each time: of ten thousand tests,
    the last ones would wait longer for their folders than they take.
    """
    counts: Counter[str] = Counter()
    usual = tmp_path_factory.mktemp

    def mktemp(basename: str, numbered: bool = True) -> Path:
        if numbered:
            counts[basename] += 1
            basename = f"{basename}-{counts[basename]}"  # test_a1, the 1st; test_a, the 11th
        return usual(basename, numbered=False)

    tmp_path_factory.mktemp = mktemp  # type: ignore[method-assign]
    return tmp_path_factory


@pytest.fixture(autouse=True)
def own_runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a place of its own for the records of its runs, and return it."""
    place = tmp_path_factory.mktemp("runs")
    monkeypatch.setenv("TREADLE_RUNS_DIR", str(place))
    return place


@pytest.fixture(autouse=True)
def own_csv_limit() -> Iterator[None]:
    """Put the limit of the csv module back: it is one of the process, and our tables raise it."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fail the test that leaves something behind, and show what."""
    probes = (threads, processes, descriptors, shared_memory)
    before = [set(probe()) for probe in probes]
    yield
    leaks = [
        text for probe, known in zip(probes, before, strict=True) for text in leaked(probe, known)
    ]
    if leaks:
        pytest.fail("the test left something behind\n" + "\n".join(leaks), pytrace=False)


def leaked(probe: Callable[[], dict[object, str]], known: set[object]) -> list[str]:
    """Describe what *probe* sees beyond *known*, once it has had time to go."""
    until = time.monotonic() + PATIENCE
    collected = False
    while True:
        new = {identity: text for identity, text in probe().items() if identity not in known}
        if not new or time.monotonic() > until:
            return [text + stack_of(identity) for identity, text in new.items()]
        if not collected:
            gc.collect()  # a caught exception keeps the frames of the test, and what they hold
            collected = True
        time.sleep(0.02)


def threads() -> dict[object, str]:
    """Return the living threads."""
    return {thread: f"thread {thread.name!r} is still running" for thread in threading.enumerate()}


def stack_of(leak: object) -> str:
    """
    Return where a leaked thread is.

    Only for one that is to be shown: in a cycle, which the variable below would make of the frames
    of all threads, the collector takes them apart while they run (CPython 3.12 crashes, 3.13 loses
    objects).
    """
    if not isinstance(leak, threading.Thread) or leak.ident is None:
        return ""
    frame = sys._current_frames().get(leak.ident)
    return "" if frame is None else ":\n" + "".join(traceback.format_stack(frame))


def processes() -> dict[object, str]:
    """Return the living child processes, grandchildren included, each with its command line."""
    living = {}
    for pid in below(os.getpid()):
        try:
            child = psutil.Process(pid)
            command = " ".join(child.cmdline())
            if any(name in command for name in LONG_LIVED) and not is_worker(child):
                continue
            text = f"process {child.pid} ({child.status()}) is still there: {command or '?'}"
            living[child.pid, child.create_time()] = text
        except psutil.NoSuchProcess:
            continue
    return living


def below(pid: int) -> list[int]:
    """Return the processes below *pid*: from the kernel's lists, or by looking at all there are."""
    if not KERNEL_LISTS_CHILDREN:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    found = []
    with suppress(OSError):  # it has ended meanwhile
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found += Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    children = list(map(int, found))
    return children + [each for child in children for each in below(child)]


def is_worker(child: psutil.Process) -> bool:
    """Tell a worker that the nursery forked, and that has its command line, from the nursery."""
    parent = child.parent()
    return parent is not None and parent.pid != os.getpid()


def descriptors() -> dict[object, str]:
    """Return the open file descriptors, each with what it is open on (Linux)."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return {}
    spared = long_lived_descriptors()
    open_now = {}
    for name in os.listdir(folder):
        try:
            target = os.readlink(folder / name)
        except OSError:
            continue  # the one that listed the folder
        if int(name) not in spared and target != "/dev/urandom":
            open_now[int(name), target] = f"descriptor {name} is still open on {target}"
    return open_now


def long_lived_descriptors() -> set[int]:
    """Return our ends of the connections to the long-lived processes."""
    found = []
    for module, holder, attribute in (
        ("multiprocessing.resource_tracker", "_resource_tracker", "_fd"),
        ("multiprocessing.forkserver", "_forkserver", "_forkserver_alive_fd"),
    ):
        held = getattr(getattr(sys.modules.get(module), holder, None), attribute, None)
        found.append(held.fileno() if hasattr(held, "fileno") else held)
    launcher = getattr(sys.modules.get(f"{PROCESSES}.launcher"), "LAUNCHER", None)
    found += [nursery.control.fileno() for nursery in getattr(launcher, "_nurseries", {}).values()]
    return {number for number in found if number is not None}


def shared_memory() -> dict[object, str]:
    """
    Return the named shared memory (Linux).

    Semaphores are not looked at: the folder is the whole machine's, and other programs make them.
    """
    folder = Path("/dev/shm")
    names = os.listdir(folder) if folder.exists() else []
    return {
        name: f"shared memory {folder / name} is still there"
        for name in names
        if name.startswith(("treadle", "psm_"))
    }
