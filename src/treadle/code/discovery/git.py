"""Asks git which files of a work tree count: tracked ones, and new ones it does not ignore."""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

# Of what the environment says to git only its configuration counts, never which repository.
_KEPT = ("GIT_CONFIG_", "GIT_EXEC_PATH")
# A repository of others must not start programs here, as fsmonitor would.
_COMMAND = (
    "git",
    *("-c", "core.fsmonitor=false"),
    *("ls-files", "-z", "--cached", "--others", "--exclude-standard"),
)
_LOCKED = re.compile(rb"^warning: could not open directory '(.*)/': (.*)$", re.MULTILINE)


class Listing(NamedTuple):
    """
    What git lists in a folder.

    Attributes:
        paths: Relative to the folder; a repository inside ends with ``/``. Also files that are
            not there anymore, and links.
        locked: Folders that could not be read, relative to the folder, each with why.
    """

    paths: list[bytes]
    locked: list[tuple[bytes, str]]


def listing(folder: str) -> Listing | None:
    """
    Return what git lists in *folder* of a work tree; None where git is missing or refuses.

    Git refuses, for example, where the repository belongs to somebody else. It only reads.
    """
    try:
        done = subprocess.run(  # noqa: S603
            _COMMAND,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    if done.returncode:
        return None
    paths = list(dict.fromkeys(done.stdout.split(b"\0")))  # a conflict is listed thrice
    locked = _LOCKED.findall(done.stderr)
    return Listing(
        [path for path in paths if path],
        [(path, why.decode(errors="replace")) for path, why in locked],
    )


def _environment() -> dict[str, str]:
    """Return the environment for git: it names no repository, and git takes no locks."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(_KEPT)
    }
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
