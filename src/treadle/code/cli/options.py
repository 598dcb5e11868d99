"""The options of ``treadle code``, each declared once; a file sets those that were not typed."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import typer

import treadle
from treadle.cli import SETTINGS_FILE, Table, width

COMMANDS = ("chunk", "show", "stats")
"""The commands that have a section of their own: ``[code.chunk]``."""

_OUT = "Output"
_FILES, _CUTS = "Which files", "How they are cut"
_RUNS, _SAYS = "How it runs", "What is shown"

# ── what ────────────────────────────────────────────────────────────────────────────────────────

Roots: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="ROOT", readable=False, help="Folders and files.")
]  # who reads it says what is wrong with it, here and below
Into: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--into", "-o", metavar="FILE", readable=False, rich_help_panel=_OUT,
        help=".jsonl, .parquet or .csv; - for stdout.",
    ),
]  # fmt: skip
Incremental: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--incremental/--no-incremental", "-i", rich_help_panel=_OUT,
        help="Open only files that have changed.",
    ),
]  # fmt: skip
DryRun: TypeAlias = Annotated[
    bool | None,
    typer.Option("--dry-run", rich_help_panel=_OUT, help="Do nothing; say what would be done."),
]

# ── which files ─────────────────────────────────────────────────────────────────────────────────

Include: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="PATTERN", rich_help_panel=_FILES,
        help="Only these: 'src/**', '*.py'. Repeatable.",
    ),
]  # fmt: skip
Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", rich_help_panel=_FILES,
        help="Not these, as in .gitignore. Repeatable.",
    ),
]  # fmt: skip
Languages: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--languages", "-l", metavar="A,B,…", rich_help_panel=_FILES,
        help="Only files in these. Repeatable.",
    ),
]  # fmt: skip
Language: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--language", metavar="NAME", rich_help_panel=_FILES,
        help="Take every file to be in this one.",
    ),
]  # fmt: skip
Hidden: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--hidden/--no-hidden", rich_help_panel=_FILES,
        help="Also those that begin with a dot.",
    ),
]  # fmt: skip
Vendored: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--vendored/--no-vendored", rich_help_panel=_FILES,
        help="Also node_modules, vendor, .venv …",
    ),
]  # fmt: skip
Generated: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--generated/--no-generated", rich_help_panel=_FILES,
        help="Also lock files and the like.",
    ),
]  # fmt: skip
Ignore: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--ignore/--no-ignore", rich_help_panel=_FILES,
        help="As .gitignore, .treadleignore say (default).",
    ),
]  # fmt: skip
Git: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--git", metavar="auto|never", rich_help_panel=_FILES,
        help="auto (default): git lists the files.",
    ),
]  # fmt: skip
FollowLinks: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--follow-links/--no-follow-links", rich_help_panel=_FILES,
        help="Also links that stay within ROOT.",
    ),
]  # fmt: skip
MaxFileSize: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-file-size", metavar="SIZE", rich_help_panel=_FILES,
        help="Skip larger ones. Default: 10M.",
    ),
]  # fmt: skip

# ── how they are cut ────────────────────────────────────────────────────────────────────────────

MaxTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", metavar="N", min=1, rich_help_panel=_CUTS, help="Tokens of a chunk."
    ),
]
MaxChars: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-chars", metavar="N", min=1, rich_help_panel=_CUTS,
        help="Characters. Without any limit: 2000.",
    ),
]  # fmt: skip
MaxLines: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-lines", metavar="N", min=1, rich_help_panel=_CUTS, help="Lines."),
]
Tokenizer: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--tokenizer", metavar="NAME", rich_help_panel=_CUTS,
        help="words, characters, nonspace, tiktoken:NAME, tokenizers:FILE.",
    ),
]  # fmt: skip
Overlap: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--overlap", metavar="N", min=0, rich_help_panel=_CUTS,
        help="Begin with so much of the one before.",
    ),
]  # fmt: skip
MaxNodes: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-nodes", metavar="N", min=1, rich_help_panel=_CUTS,
        help="Cut without syntax what has more nodes.",
    ),
]  # fmt: skip
MaxDepth: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-depth", metavar="N", min=1, rich_help_panel=_CUTS,
        help="… and what is nested deeper.",
    ),
]  # fmt: skip
MaxChunks: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-chunks", metavar="N", min=1, rich_help_panel=_CUTS,
        help="Skip files that come to more.",
    ),
]  # fmt: skip

# ── how it runs ─────────────────────────────────────────────────────────────────────────────────

Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", metavar="N", min=1, rich_help_panel=_RUNS,
        help="Default: the usable CPUs.",
    ),
]  # fmt: skip
Backend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--backend", metavar="auto|processes|threads|inline", rich_help_panel=_RUNS,
        help="Default: auto.",
    ),
]  # fmt: skip
StartMethod: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--start-method", metavar="forkserver|spawn", rich_help_panel=_RUNS,
        help="Default: forkserver.",
    ),
]  # fmt: skip
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", rich_help_panel=_RUNS,
        help="For each file. Default: 60.",
    ),
]  # fmt: skip
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", readable=False, rich_help_panel=_RUNS,
        help="Settings. Default: treadle.toml, if there.",
    ),
]  # fmt: skip

# ── what is shown ───────────────────────────────────────────────────────────────────────────────

Stats: TypeAlias = Annotated[
    bool | None,
    typer.Option("--stats", rich_help_panel=_SAYS, help="At the end, all figures there are."),
]
Progress: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--progress", metavar="auto|live|plain|json|none", rich_help_panel=_SAYS,
        help="What stderr shows.",
    ),
]  # fmt: skip
Otel: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--otel", rich_help_panel=_SAYS,
        help="Export spans and metrics by OpenTelemetry, as OTEL_* say.",
    ),
]  # fmt: skip
Quiet: TypeAlias = Annotated[
    bool | None,
    typer.Option("--quiet", "-q", rich_help_panel=_SAYS, help="Nothing on stderr but errors."),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json", rich_help_panel=_SAYS,
        help="Print figures, or files of a dry run, as JSON.",
    ),
]  # fmt: skip
Output: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="OUTPUT", readable=False, help="What treadle code chunk has written."),
]

_ONLY_TYPED = {"config", "json", "dry_run", "stats", "chunk", "files"}
_CHOICES = {
    "backend": ("auto", "processes", "threads", "inline"),
    "start_method": ("forkserver", "spawn"),
    "progress": ("auto", "live", "plain", "json", "none"),
    "git": ("auto", "never"),
}
_BUDGET = ("max_tokens", "max_chars", "max_lines", "tokenizer", "overlap")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", re.IGNORECASE)
_POWERS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def merged(command: Callable[..., Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Put together what was typed and what the file of settings says; what was typed wins.

    Args:
        command: The function of the command; its options are what the file may set.
        typed: Its arguments by name, None where nothing was typed.

    Returns:
        What is set, by name, as the Python functions take it.

    Raises:
        UsageError: The file is not there, or is wrong; or a value makes no sense.
    """
    said = _of_file(command, typed.get("config"))
    mine = {name: value for name, value in typed.items() if value is not None and name != "config"}
    file = typed.get("config") or Path(SETTINGS_FILE)
    places = dict.fromkeys(said, file) | dict.fromkeys(mine)
    values = {**said, **mine}
    for name, value in values.items():
        if name in _READ:
            values[name] = _READ[name](value, name, places[name])
    _check_budget(values, places)
    return values


def _of_file(command: Callable[..., Any], config: Path | None) -> dict[str, Any]:
    table = Table.load("code", config)
    if table is None:
        return {}
    table.check_sections(COMMANDS)
    known = types_of(command)
    others = {name for other in _commands() for name in types_of(other)} - known.keys()
    said = table.options(command.__name__, known, of_others=others, only_typed=_ONLY_TYPED)
    for name, least in _least(command).items():
        if name in said and said[name] < least:
            raise _refused(name, f"{least} or more", said[name], least, table.file)
    folder = table.file.parent
    if said.get("into") == folder / "-":  # standard output is in no folder
        said["into"] = Path("-")
    kind, _, file = said.get("tokenizer", "").partition(":")
    if kind == "tokenizers":
        said["tokenizer"] = f"{kind}:{folder / Path(file).expanduser()}"
    return said


def _least(command: Callable[..., Any]) -> dict[str, float]:
    """Return the least numbers that the options of a command take."""
    hints = get_type_hints(command, include_extras=True)
    declared = {name: get_args(hint)[-1] for name, hint in hints.items() if get_args(hint)}
    least = {name: getattr(each, "min", None) for name, each in declared.items()}
    return {name: each for name, each in least.items() if each is not None}


def _refused(
    name: str, takes: str, value: object, example: object, file: Path | None
) -> treadle.UsageError:
    """Return what is wrong with an option, as it was typed or, with *file*, as that sets it."""
    key = name.replace("_", "-")
    if file is None:
        return treadle.UsageError(
            f"--{key} takes {takes}, got {value!r}", hint=f"--{key} {example}"
        )
    return treadle.UsageError(
        f"{file}: {key} takes {takes}, got {value!r}", hint=f"{key} = {json.dumps(example)}"
    )


def _commands() -> tuple[Callable[..., Any], ...]:
    from treadle.code.cli import chunking, looking

    return (chunking.chunk, looking.show, looking.stats)


def types_of(command: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a command that a file may set, with their types."""
    hints = get_type_hints(command)
    del hints["return"]
    return {name: _without_none(hint) for name, hint in hints.items() if name not in _ONLY_TYPED}


def _without_none(hint: Any) -> Any:
    if get_origin(hint) is UnionType:
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    return hint


# ── values as the functions of ``treadle.code`` take them, of what was typed or stands in a file ──


def _choice(value: str, name: str, file: Path | None) -> str:
    choices = _CHOICES[name]
    if value not in choices:
        takes = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise _refused(name, takes, value, choices[0], file)
    return value


def _seconds(value: float, name: str, file: Path | None) -> float:
    if not (math.isfinite(value) and value > 0):
        raise _refused(name, "seconds, more than 0", value, 60, file)
    return value


def _language(value: str, name: str, file: Path | None) -> str:  # noqa: ARG001  all are called so
    from treadle.code.languages.registry import language

    try:
        return language(value).name
    except treadle.UsageError as error:
        if file is None:
            raise
        raise treadle.UsageError(f"{file}: {error.message}", hint=error.hint) from error


def _languages(value: list[str], name: str, file: Path | None) -> list[str]:
    names = [each.strip() for several in value for each in several.split(",")]
    known = sorted({_language(each, name, file) for each in names if each})
    if not known:
        raise _refused(name, "names of languages", ",".join(value), "python", file)
    return known


def size(text: str, name: str = "max_file_size", file: Path | None = None) -> int:
    """
    Return the bytes that ``5M``, ``500k`` or ``20000`` stand for.

    Args:
        text: The size, as somebody wrote it.
        name: The option.
        file: The file that sets it; None where it was typed.

    Raises:
        UsageError: It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise _refused(name, "a size", text, "5M", file)
    return int(float(found[1]) * _POWERS[found[2].lower()])


_READ: dict[str, Callable[[Any, str, Path | None], Any]] = {
    **dict.fromkeys(_CHOICES, _choice),
    "timeout": _seconds,
    "language": _language,
    "languages": _languages,
    "max_file_size": size,
}


def _check_budget(values: Mapping[str, Any], places: Mapping[str, Path | None]) -> None:
    """Say of a budget that makes no sense what of it nobody has typed."""
    given = {name: values[name] for name in _BUDGET if name in values}
    unseen = [name.replace("_", "-") for name in given if places[name] is not None]
    if not unseen:
        return  # who is asked to cut says it
    from treadle.code.budget import Budget

    try:
        Budget.of(**given)
    except treadle.UsageError as error:
        file = next(filter(None, places.values()))
        raise treadle.UsageError(
            f"{error.message} ({file} sets {' and '.join(unseen)})", hint=error.hint
        ) from error


def needed(values: dict[str, Any], name: str, what: str, example: str) -> Any:
    """
    Take what must be there out of *values*.

    Raises:
        UsageError: Neither was it typed, nor does the file set it.
    """
    if not values.get(name):
        raise treadle.UsageError(
            f"{what} is missing", hint=f"{example}, or set {name} in treadle.toml"
        )
    return values.pop(name)


def check_roots(roots: Iterable[Path]) -> None:
    """
    Say of ``-`` that no tree comes from there.

    Raises:
        UsageError: It is one of *roots*, and no file is called so.
    """
    if any(str(root) == "-" and not root.exists() for root in roots):
        raise treadle.UsageError(
            "'-' is standard input, where no files and folders come from",
            hint="name them; or: treadle code show - cuts one text that comes from there",
        )


def room() -> int | None:
    """Return the columns for what goes to standard output; None where that is no terminal."""
    return width() if sys.stdout is not None and sys.stdout.isatty() else None
