"""The settings of ``treadle lab`` that stand in a file, for those who do not type them each time.

They stand in ``treadle.toml`` of the current folder; folders above it are not searched, so that
what a command does never depends on a file that nobody thought of. ``--config PATH`` names another
file instead. A section for a command goes over what stands in ``[lab]`` for all of them::

    [lab]
    local-tz = "America/Santiago"
    workers = 6

    [lab.stage]
    raw-root = "data/01_raw"        # from the folder of this file, not from the current one
    strict = true

A key is the long name of an option, with ``-`` or ``_``. What is typed goes over what stands here.
Paths are taken from the folder of the file, that of a ``layout`` too.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import treadle

FILE = "treadle.toml"
"""The name of the file that is read from the current folder."""

COMMANDS = ("stage", "segment", "pipeline")
"""The commands that have a section of their own."""

_IN_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
}


def settings(
    command: str,
    path: str | os.PathLike[str] | None = None,
    known: Mapping[str, type] | None = None,
    *,
    of_others: Collection[str] = (),
) -> dict[str, object]:
    """
    Return what the file sets for *command*.

    Args:
        command: Such as ``"stage"``.
        path: The file; None for ``treadle.toml`` of the current folder, which need not be there.
        known: The options of the command, by their names with ``_``, and their types: bool, int,
            float, str, `Path`, or a list of one of them. A relative `Path` is taken from the
            folder of the file.
        of_others: Options that only other commands have; they may stand in ``[lab]`` too.

    Returns:
        The values by the names of *known*; what is not set is not there.

    Raises:
        UsageError: The file that was named is not there, is no TOML, or sets something that the
            command does not know or cannot use.
    """
    file = Path(FILE if path is None else path)
    if path is None and not file.is_file():
        return {}
    lab = _lab(file)
    sections = {name: lab.pop(name) for name in list(lab) if isinstance(lab[name], dict)}
    commands = {*COMMANDS, command}
    for name in sections.keys() - commands:
        raise _unknown(file, "section", f"[lab.{name}]", (f"[lab.{each}]" for each in commands))
    options, others = known or {}, {_plain(name) for name in of_others}
    shared = _read(file, "[lab]", lab, options, others)
    return shared | _read(file, f"[lab.{command}]", sections.get(command, {}), options, ())


def _lab(file: Path) -> dict[str, Any]:
    """Return the table ``[lab]`` of *file*; it may hold others, for other programs."""
    try:
        content = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise treadle.UsageError(
            f"{file}: {error.strerror or error}", hint="give the path of a TOML file"
        ) from error
    except UnicodeDecodeError as error:
        raise treadle.UsageError(
            f"{file}: the file is not UTF-8 text", hint="save it as UTF-8 in your editor"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise treadle.UsageError(
            f"{file} is not TOML: {error}", hint='text and paths stand in quotes: key = "value"'
        ) from error
    lab = content.get("lab", {})
    if not isinstance(lab, dict):
        raise treadle.UsageError(f"{file}: lab is {lab!r}", hint="write a section: [lab]")
    return lab


def _read(
    file: Path,
    section: str,
    table: Mapping[str, Any],
    options: Mapping[str, type],
    others: Collection[str],
) -> dict[str, object]:
    """Return the values of one section; a key of *others* alone is let by."""
    found: dict[str, object] = {}
    for key, value in table.items():
        name = _plain(key)
        if name in found:
            raise treadle.UsageError(
                f"{file}: {section} sets {key!r} twice", hint="once with - or once with _"
            )
        if name in options:
            found[name] = _value(file, f"{section} {key}", value, options[name])
        elif name not in others:
            spelled = (each.replace("_", "-") if "-" in key else each for each in options)
            raise _unknown(file, "setting", key, spelled, f" in {section}")
    return found


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _unknown(
    file: Path, what: str, name: str, known: Iterable[str], where: str = ""
) -> treadle.UsageError:
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    return treadle.UsageError(
        f"{file}: unknown {what} {name!r}{where}",
        hint=f"did you mean {near[0]}?" if near else f"known are: {', '.join(choices) or 'none'}",
    )


def _value(file: Path, place: str, value: object, kind: type) -> object:
    """Return *value* as the type *kind*."""
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        many = value if isinstance(value, list) else [value]
        return [_value(file, place, each, inner) for each in many]
    if kind is Path and isinstance(value, str):
        return file.parent / Path(value).expanduser()
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # a bool is an int to isinstance
        raise treadle.UsageError(
            f"{file}: {place} is {value!r}", hint=f"write {_IN_WORDS.get(kind, kind.__name__)}"
        )
    return value
