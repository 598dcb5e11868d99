"""The options of ``treadle code``, each declared once; a file sets those that were not typed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
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
    list[Path] | None, typer.Argument(metavar="ROOT", help="Folders and files.")
]
Into: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--into", "-o", metavar="FILE", rich_help_panel=_OUT,
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
        "--timeout", metavar="SECONDS", min=0, rich_help_panel=_RUNS,
        help="For each file. Default: 60.",
    ),
]  # fmt: skip
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", rich_help_panel=_RUNS,
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
Quiet: TypeAlias = Annotated[
    bool | None,
    typer.Option("--quiet", "-q", rich_help_panel=_SAYS, help="Nothing on stderr but errors."),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=_SAYS, help="Print the figures as JSON, for programs."),
]
Output: TypeAlias = Annotated[
    Path, typer.Argument(metavar="OUTPUT", help="What treadle code chunk has written.")
]

_ONLY_TYPED = {"config", "json", "dry_run", "stats", "chunk", "files"}
_CHOICES = {
    "backend": ("auto", "processes", "threads", "inline"),
    "start_method": ("forkserver", "spawn"),
    "progress": ("auto", "live", "plain", "json", "none"),
    "git": ("auto", "never"),
}
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
    known = types_of(command)
    said = _of_file(command.__name__, typed.get("config"), known)
    mine = {name: value for name, value in typed.items() if value is not None and name != "config"}
    values = {**said, **mine}
    for name, choices in _CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            raise treadle.UsageError(
                f"--{name.replace('_', '-')} takes {', '.join(choices[:-1])} or {choices[-1]}, "
                f"got {values[name]!r}",
                hint=f"--{name.replace('_', '-')} {choices[0]}",
            )
    return _in_python(values)


def _of_file(command: str, config: Path | None, known: Mapping[str, type]) -> dict[str, Any]:
    table = Table.load("code", config)
    if table is None:
        return {}
    table.check_sections(COMMANDS)
    others = {name for other in _commands() for name in types_of(other)} - known.keys()
    said = table.options(command, known, of_others=others, only_typed=_ONLY_TYPED)
    kind, _, file = said.get("tokenizer", "").partition(":")
    if kind == "tokenizers":
        said["tokenizer"] = f"{kind}:{(config or Path(SETTINGS_FILE)).parent / file}"
    return said


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


def _in_python(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* as the functions of ``treadle.code`` take them."""
    from treadle.code.languages.registry import language

    if "languages" in values:
        names = [name.strip() for each in values["languages"] for name in each.split(",")]
        values["languages"] = sorted({language(name).name for name in names if name})
    if "language" in values:
        values["language"] = language(values["language"]).name
    if "max_file_size" in values:
        values["max_file_size"] = size(values["max_file_size"])
    return values


def size(text: str) -> int:
    """
    Return the bytes that ``5M``, ``500k`` or ``20000`` stand for.

    Raises:
        UsageError: It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise treadle.UsageError(
            f"--max-file-size takes a size, got {text!r}", hint="--max-file-size 5M"
        )
    return int(float(found[1]) * _POWERS[found[2].lower()])


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


def room() -> int | None:
    """Return the columns for what goes to standard output; None where that is no terminal."""
    return width() if sys.stdout is not None and sys.stdout.isatty() else None
