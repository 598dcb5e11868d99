r"""Read ``.env``: the file beside a project with its keys, so that nobody has to export them.

Lines are ``NAME=value``, with or without ``export``; ``#`` begins a comment. A value may stand in
quotes: in single ones it is taken as it stands, in double ones ``\n``, ``\t``, ``\"`` and
``\\`` are understood, and either may go on over several lines. Nothing is expanded or run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import treadle

FILE = ".env"
"""The name of the file."""

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_AFTER = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


@dataclass(frozen=True, slots=True)
class DotEnv:
    """
    What a ``.env`` says.

    Attributes:
        path: The file; None when there is none.
        values: By name; the last one counts where a name stands twice.
        problems: Lines that could not be read, each with its number and never with its text, which
            may be a key.
    """

    path: Path | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def under(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return *environment* with what only the file has; what is set there is left alone."""
        return {**self.values, **environment}


def load(folder: str | os.PathLike[str] = ".") -> DotEnv:
    """
    Read the nearest ``.env`` of *folder* and the folders above it.

    Raises:
        UsageError: It is there and cannot be read.
    """
    path = find(Path(folder))
    if path is None:
        return DotEnv()
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise treadle.UsageError(
            f"{path}: {error.strerror or error}", hint="make it readable, or move it away"
        ) from error
    except UnicodeDecodeError as error:
        raise treadle.UsageError(
            f"{path}: the file is not UTF-8 text (byte {error.start})",
            hint="save it as UTF-8 in your editor",
        ) from error
    values, problems = parse(text)
    return DotEnv(path, values, tuple(f"{path}: {problem}" for problem in problems))


def find(folder: Path) -> Path | None:
    """Return the nearest ``.env`` of *folder* and the folders above it; None when there is none."""
    start = folder.absolute()
    for each in (start, *start.parents):
        if (each / FILE).is_file():
            return each / FILE
    return None


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """Return what *text* sets, and what of it could not be read."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, str] = {}
    problems: list[str] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].strip()
        name = _NAME.match(text, at)
        if not line or line.startswith("#"):
            at = end + 1
        elif name is None:
            problems.append(f"line {_line(text, at)} is not NAME=value")
            at = end + 1
        else:
            found = _quoted(text, name.end())
            if found is not None:
                values[name[1]], at = found
            elif text[name.end() : name.end() + 1] in ("'", '"'):
                problems.append(f"line {_line(text, at)}: the quotes around {name[1]} do not close")
                at = end + 1
            else:
                values[name[1]] = _COMMENT.sub("", text[name.end() : end]).strip()
                at = end + 1
    return values, problems


def _quoted(text: str, at: int) -> tuple[str, int] | None:
    """Return the value in quotes at *at* and where the line after it begins; None when none is."""
    for pattern in (_SINGLE, _DOUBLE):
        match = pattern.match(text, at)
        after = None if match is None else _AFTER.match(text, match.end())
        if match is not None and after is not None:
            value = match[1] if pattern is _SINGLE else _unescaped(match[1])
            return value, after.end()
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPED.get(match[1], match[0]), text, flags=re.DOTALL)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
