"""Open a file in the viewer of the desktop, if there is a desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path


def open_file(path: Path) -> bool:
    """
    Show *path* in whatever the desktop shows such files with; return at once.

    Not ``webbrowser``: without a desktop it would start a browser in our own terminal.

    Returns:
        False when there is nothing to show it with.
    """
    if sys.platform == "win32":
        try:
            os.startfile(path)  # noqa: S606  likewise
        except OSError:
            return False
        return True
    viewer = _viewer()
    if viewer is None:
        return False
    try:
        process = subprocess.Popen(  # noqa: S603  the desktop's own opener, no shell
            [viewer, str(path.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    # Some viewers stay as long as their window: somebody has to wait, or each leaves a zombie.
    threading.Thread(target=process.wait, name="treadle-opened", daemon=True).start()
    return True


def _viewer() -> str | None:
    if sys.platform == "darwin":
        return shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None
