"""Where runs are, what they are called, and what ``run.json`` says.

Compatibility: ``format`` in ``run.json`` is a whole number. It grows when an older treadle could
misread what a newer one has written: new meaning of a column, another file. It stays when something
is added that an older one may ignore. A run of an older format is read, and resumed; one of a newer
format is refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from treadle.errors import UsageError

FORMAT = 1
RUN = "run.json"
DATABASE = "ledger.sqlite"
LOCK = "lock"
DEFAULT = Path(".treadle") / "runs"

_ELSEWHERE = (
    "name a place that can be written to with runs_dir= (--runs-dir) or TREADLE_RUNS_DIR, or keep "
    "no record with durability='none'"
)
_ID = re.compile(r"\d{6}-\d{6}[b-z]*")


def runs_dir(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of all runs: *given*, or ``TREADLE_RUNS_DIR``, or ``.treadle/runs``."""
    return Path.cwd() / (given or os.environ.get("TREADLE_RUNS_DIR") or DEFAULT)


def folders(root: Path) -> list[Path]:
    """
    Return the folders of all runs, oldest first.

    Raises:
        UsageError: *root* cannot be read.
    """
    try:
        found = [Path(entry.path) for entry in os.scandir(root) if _ID.fullmatch(entry.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(
            f"the runs in {str(root)!r} cannot be read: {error.strerror or error}",
            hint="--runs-dir or TREADLE_RUNS_DIR names another folder",
        ) from error
    return sorted((folder for folder in found if (folder / RUN).is_file()), key=_by_name)


def make_folder(root: Path, now: datetime) -> Path:
    """
    Make the folder of a new run, whose name is its id: the time, to the second.

    Ids sort by time even where the clock does not: one that was set back goes on from the newest.

    Raises:
        UsageError: The folder cannot be made.
    """
    name = f"{now:%y%m%d-%H%M%S}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        while True:
            taken = max(
                (entry.name for entry in root.iterdir() if _ID.fullmatch(entry.name)), default=""
            )
            if name <= taken:
                name = _next(taken)
            try:
                (root / name).mkdir()
            except FileExistsError:
                continue
            return root / name
    except OSError as error:
        raise UsageError(
            f"no run can be recorded in {str(root)!r}: {error.strerror or error}",
            hint=_ELSEWHERE,
        ) from error


def _next(name: str) -> str:
    stem, suffix = name[:13], name[13:]
    return stem + (
        suffix[:-1] + chr(ord(suffix[-1]) + 1) if suffix and suffix[-1] < "z" else suffix + "b"
    )


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """
    Write ``run.json``, whole or not at all.

    Raises:
        UsageError: The disk does not allow it.
    """
    part = folder / f"{RUN}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, **facts}, file, indent=2, default=str)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / RUN)
    except OSError as error:
        raise UsageError(
            f"{str(folder / RUN)!r} cannot be written: {error.strerror or error}", hint=_ELSEWHERE
        ) from error


def read_facts(folder: Path, *, any_format: bool = False) -> dict[str, Any]:
    """
    Read ``run.json``.

    Args:
        folder: Of the run.
        any_format: Also one that a newer treadle has written.

    Raises:
        UsageError: It cannot be read, or a newer treadle has written it.
    """
    try:
        facts = json.loads((folder / RUN).read_bytes())
        version = facts["format"]
        newer = version > FORMAT
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"the run in {str(folder)!r} cannot be read: {type(error).__name__}: {error}",
            hint=f"its {RUN} is missing or damaged; `treadle prune` removes such a run",
        ) from error
    if newer and not any_format:
        raise UsageError(
            f"the run {folder.name} has format {version}, and this treadle reads up to {FORMAT}",
            hint="a newer treadle has written it: pip install --upgrade treadle",
        )
    found: dict[str, Any] = facts
    return found


def find(text: str, root: Path) -> Path:
    """
    Return the folder of the run that *text* means: its id, a unique prefix, a name, ``latest``.

    Raises:
        UsageError: There is no such run, or several.
    """
    known = folders(root)
    if text == "latest" and known:
        return known[-1]
    exact = [folder for folder in known if folder.name == text]
    named = [folder for folder in known if _name(folder) == text]
    if exact or named:
        return (exact or named)[-1]  # of several with one name, the newest
    found = [folder for folder in known if text and folder.name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{text!r} is the beginning of {len(found)} runs",
            hint="add a character: " + ", ".join(folder.name for folder in found[-3:]),
        )
    raise UsageError(
        f"there is no run {text!r} in {str(root)!r}",
        hint=f"the newest is {known[-1].name}" if known else "treadle map … --into FILE makes one",
    )


def _name(folder: Path) -> str | None:
    try:
        name: str | None = read_facts(folder).get("name")
    except UsageError:
        return None
    return name


def _by_name(folder: Path) -> str:
    return folder.name
