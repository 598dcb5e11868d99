"""
A run that somebody kills, and that goes on each time it is started again.

    survivor.py INTO BACKEND DURABILITY ITEMS [STEP]

It says ``begun`` when items may be running. With STEP it is killed just before or after its
STEPth step on the disk; ``begun3`` is the third step after it said so, ``end3`` the third step
after the last item has settled.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time

import treadle
from treadle.api.recording import Recorded

PAUSE = 0.001  # seconds that a call takes
ON_DISK = {
    "commit", "execute", "executemany", "executescript", "fdatasync", "fsync", "ftruncate", "link",
    "mkdir", "posix_fallocate", "pwrite", "rename", "replace", "rmdir", "truncate", "unlink",
    "write", "writelines",
}  # fmt: skip
"""Functions in C by which something changes on the disk."""


def work(n):
    """Return a row with a column that comes late, one that widens, and nested ones; some fail."""
    if PAUSE:
        time.sleep(PAUSE)
    if n % 41 == 7:
        raise ValueError(f"{n} is wrong")
    row = {"n": n, "text": "x" * (n % 50), "wide": n if n < 100 else n + 0.5}
    row["nested"] = {"list": list(range(n % 4)), "deep": {"name": f"name {n}"}}
    if n >= 150:
        row["late"] = [n, None]
    if n % 29 == 0:
        return [row, {**row, "text": "a second row"}]
    return row


def file(n):
    """Return what one file shall hold."""
    rows = work(n)
    return {"rows": rows if isinstance(rows, list) else [rows]}


def die_at(step):
    """Kill this process at that step on the disk, of those of the thread that writes."""
    starts = {"begun": say_begun, "end": Recorded.close}
    start = next((word for word in starts if step.startswith(word)), None)
    counting = start is None
    wanted, steps = int(step.removeprefix(start or "")), itertools.count(1)

    def watch(frame, event, function):
        nonlocal counting
        if event == "call" and start and frame.f_code is starts[start].__code__:
            counting = True
        if (
            counting
            and event in ("c_call", "c_return")
            and function.__name__ in ON_DISK
            and not isinstance(getattr(function, "__self__", None), str)  # its ``replace``
            and next(steps) == wanted
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def tell(event):
    if isinstance(event, treadle.events.RunStarted):
        say_begun()


def say_begun():
    """Tell who started us that items may be running."""
    os.write(1, b"begun\n")


def main(into, backend, durability, items, step=None):
    if step is not None:
        die_at(step)
    report = treadle.run(
        file if into.endswith("/") else work,
        range(int(items)),
        into=None if into == "kept" else into,
        backend=backend,
        durability=durability,
        workers=2,
        retry=treadle.Retry(attempts=50, on=treadle.WorkerDied, base=0.0),
        resume=True,
        version=os.environ.get("VERSION"),
        listeners=[tell],
    )
    settled = report.ok + report.failed + sum(report.earlier)
    os.write(1, f"settled {settled} {report.ok + report.earlier[0]}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
