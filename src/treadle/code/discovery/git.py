"""Asks git which files of a work tree count: tracked ones, and new ones it does not ignore."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds that git has for a folder: a pipe among its records would hold it for ever."""

# Of what the environment says to git only its configuration counts, never which repository.
_KEPT = ("GIT_CONFIG_", "GIT_EXEC_PATH")
# A repository of others must not start programs here: no monitor, no hooks, no bare repository that
# lies in a tree as plain files, and nothing fetched for a clone that is not whole, for the server
# of a remote may be any command. Git older than GIT_NO_LAZY_FETCH is held by having no protocol.
_SETTINGS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")
_HELD = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_COMMAND = (
    "--no-pager",
    *(word for setting in _SETTINGS for word in ("-c", setting)),
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


def listing(folder: str, top: str) -> Listing | None:
    """
    Return what git lists in a folder of a work tree; None where git is missing or refuses.

    Git refuses, for example, where the repository belongs to somebody else. It only reads.

    Args:
        folder: The folder.
        top: That of the work tree, an absolute path without links.

    Raises:
        TimeoutExpired: Of ``subprocess``: git gave no answer within ``PATIENCE``.
    """
    program = _program()
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603
            (program, *_COMMAND),
            cwd=folder,
            env=_environment(top),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
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


def _program() -> str | None:
    """Return where git is; None where it is missing."""
    # A relative folder on the PATH would lead into the tree: git is started there.
    search = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which("git", path=os.pathsep.join(each for each in search if os.path.isabs(each)))


def _environment(top: str) -> dict[str, str]:
    """
    Return the environment for git.

    It names the work tree, for a repository may say that it is elsewhere. Which repository is left
    to git, that it asks whose it is; but it looks for none above *top*.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(_KEPT)
    }
    return {
        **kept,
        **_HELD,
        "GIT_WORK_TREE": top,
        "GIT_CEILING_DIRECTORIES": os.path.dirname(top),
    }
