"""Open a file in the viewer of the desktop, if there is a desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def open_file(path: Path) -> bool:
    """
    Show *path* in whatever the desktop shows such files with.

    Not ``webbrowser``: without a desktop it would start a browser in our own terminal.

    Returns:
        False when there is nothing to show it with.
    """
    viewer = _viewer()
    if viewer is None:
        return False
    try:
        subprocess.Popen(  # noqa: S603  the desktop's own opener, no shell
            [viewer, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ).returncode = 0  # nobody waits for it
    except OSError:
        return False
    return True


def _viewer() -> str | None:
    if sys.platform == "darwin":
        return shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None
