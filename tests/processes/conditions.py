"""What tests wait for. The patience is a net under slow machines, not a delay."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import psutil


def soon(condition, patience=30.0):
    """Tell whether *condition* comes true."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def is_gone(process):
    """Tell whether a process has ended, whoever is to reap it."""
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def shared_memory():
    """Return what could be ours: the folder is the whole machine's."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(("treadle", "psm_"))}


def tree(pid):
    """Return a process and all its descendants."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []
