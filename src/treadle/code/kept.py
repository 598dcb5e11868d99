"""What is kept beside an output when it is whole: the report, and what became of each file.

report.json     the report, with size and time of the output that it is of, and size of files.jsonl
files.jsonl     a line for each file that did not fail, in order of the paths

Both are written after the output. So a report that knows the output vouches for the files beside
it, whenever a session was killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from treadle.cli import whole
from treadle.code.rendering import Facts
from treadle.code.report import Report

_REPORT = "report.json"
_FILES = "files.jsonl"
_COUNTED = {"chunks", "tokens", "counts"}  # which the chunks tell
_TOLD = {"path", *Facts._fields} - _COUNTED


def stat_of(output: Path) -> list[int] | None:
    """Return by what an output is known again; None when there is none."""
    try:
        found = output.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def keep(
    folder: Path, report: Report, output: Path, files: Iterable[tuple[str, Facts]] | None
) -> None:
    """
    Keep what is known of an output.

    Args:
        folder: Where.
        report: What became of the run.
        output: The output.
        files: Path and facts of each file; None when what is kept of them is still right.

    Raises:
        OSError: It cannot be written.
    """
    path = folder / _FILES
    if files is not None:
        with whole(path, _part(path)) as stream:
            stream.writelines(_line(name, facts) for name, facts in files)
    made = {
        "output": stat_of(output),
        "files": path.stat().st_size,
        "report": report.as_json(),
    }
    path = folder / _REPORT
    with whole(path, _part(path)) as stream:
        stream.write(json.dumps(made, ensure_ascii=False).encode())


def kept_report(folder: Path, output: Path) -> Report | None:
    """Return the report that was kept; None when there is none of *output* as it is now."""
    try:
        read = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        if read["output"] != stat_of(output) or read["files"] != (folder / _FILES).stat().st_size:
            return None
        return Report.from_json(read["report"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # of another version, or damaged


def kept_files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and facts of each file, in order of the paths, as far as they can be read."""
    try:
        stream = (folder / _FILES).open("rb")
    except OSError:
        return
    with stream:
        for line in stream:
            facts = _facts_of(line)
            if facts is None:
                return
            yield facts.pop("path"), facts


def _line(path: str, facts: Facts) -> bytes:
    told = {name: value for name, value in facts._asdict().items() if name not in _COUNTED}
    return json.dumps({"path": path, **told}, ensure_ascii=False).encode() + b"\n"


def _facts_of(line: bytes) -> dict[str, Any] | None:
    """Return what `_line` was made of; None for what it has not made."""
    try:
        read = json.loads(line)
    except ValueError:
        return None
    return read if isinstance(read, dict) and read.keys() == _TOLD else None


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
