"""The options of ``treadle lab``, each declared once; a file sets those that were not typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import typer

import treadle
from treadle.cli import SETTINGS_FILE
from treadle.lab import config

if TYPE_CHECKING:
    from treadle.lab.roots import Roots

# ── where ───────────────────────────────────────────────────────────────────────────────────────

RawRoot: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="RAW", help="Folder of raw files; all below it count.")
]
StageRoot: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="STAGE", help="Folder of Parquet files and the manifest.")
]
Stage: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="STAGE", help="A folder that was staged into; or OUT of a pipeline."),
]
Out: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="OUT", help="Folder for what comes out.")
]
Where: TypeAlias = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT",
        help="OUT of a pipeline, or a stage root. Default: that of treadle.toml, or this folder.",
    ),
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings. Default: treadle.toml, if there."),
]

# ── what ────────────────────────────────────────────────────────────────────────────────────────

SchemaFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--schema", metavar="FILE", help="Your procedures.yml, laid over the default."),
]
Layouts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--layout", metavar="FILE.py:NAME", help="A further layout of files."),
]
LocalTz: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--local-tz",
        metavar="ZONE",
        help="Whose calendar dates runs. Default: that of STAGE; of a new one, this machine's.",
    ),
]
Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Leave out: '*_metadata.csv', 'old/*'."),
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first so many.")
]
Force: TypeAlias = Annotated[
    bool | None, typer.Option("--force/--no-force", "-f", help="Do again what is done already.")
]
Strict: TypeAlias = Annotated[
    bool | None,
    typer.Option("--strict/--no-strict", help="Reject files that the schema finds errors in."),
]
OnlySchemaColumns: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--only-schema-columns/--all-columns", help="Leave out columns that it does not name."
    ),
]
DryRun: TypeAlias = Annotated[
    bool | None, typer.Option("--dry-run", help="Do nothing; say what would be done.")
]
Prune: TypeAlias = Annotated[
    bool | None,
    typer.Option("--prune/--no-prune", help="Remove measurements whose raw files are gone."),
]
Method: TypeAlias = Annotated[
    str | None, typer.Option("--method", metavar="turns|classic", help="Default: turns.")
]
Procedures: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--procedure", "-p", metavar="NAME", help="Only these. Default: all sweeps."),
]
AnyProcedures: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--procedure", "-p", metavar="NAME", help="Only these. Default: all."),
]
DvThreshold: TypeAlias = Annotated[
    float | None,
    typer.Option("--dv-threshold", metavar="V", help="classic: smallest step that is one."),
]
MinPoints: TypeAlias = Annotated[
    int | None,
    typer.Option("--min-points", metavar="N", min=1, help="classic: shorter ones are dropped."),
]

ChipFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--chip-file", metavar="FILE", help="What the chips are made of: chips.yml."),
]
Extractors: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--extractor", metavar="FILE.py", help="Further metrics of your own."),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option("--until", metavar="STEP", help="Last step: stage, segment, metrics, iv, …"),
]

# ── how ─────────────────────────────────────────────────────────────────────────────────────────

Workers: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", "-w", metavar="N", min=1, help="Default: the usable CPUs."),
]
Backend: TypeAlias = Annotated[
    str | None,
    typer.Option("--backend", metavar="processes|threads|inline", help="Default: processes."),
]
StartMethod: TypeAlias = Annotated[
    str | None,
    typer.Option("--start-method", metavar="forkserver|spawn", help="Default: forkserver."),
]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="For each file. Default: 300."),
]

# ── what is shown ───────────────────────────────────────────────────────────────────────────────

Progress: TypeAlias = Annotated[
    str | None,
    typer.Option("--progress", metavar="auto|live|plain|none", help="What stderr shows."),
]
Otel: TypeAlias = Annotated[
    bool | None,
    typer.Option("--otel", help="Export spans and metrics by OpenTelemetry, as OTEL_* say."),
]
Quiet: TypeAlias = Annotated[
    bool | None, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the counts as JSON, for programs.")
]


def merged(command: Callable[..., Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Put together what was typed and what the file of settings says; what was typed wins.

    Args:
        command: The function of the command; its options are what the file may set.
        typed: Its arguments by name, None where nothing was typed.

    Returns:
        What is set, by name.

    Raises:
        UsageError: The file is not there, or is wrong; or options do not go together.
    """
    options = types_of(command)
    said = _settings_of(command, typed.get("config"))
    file = Path(typed.get("config") or SETTINGS_FILE)
    for name in _OF_FILES & said.keys():
        said[name] = [_beside(file, each) for each in said[name]]
    mine = {name: value for name, value in typed.items() if value is not None and name in options}
    values = {**said, **mine}
    for name, choices in _CHOICES.items():
        _check(name, values.get(name, choices[0]), choices)
    if values.get("method", _METHOD) == _METHOD:
        for name in _OF_CLASSIC:
            _refuse(name, mine)
            values.pop(name, None)
    return values


def _settings_of(command: Callable[..., Any], file: Path | None) -> dict[str, Any]:
    options = types_of(command)
    others: set[str] = set()
    for other in _commands():
        others |= types_of(other).keys()
    return config.settings(command.__name__, file, options, of_others=others - options.keys())


_METHOD = "turns"  # the default
_OF_FILES = {"layout", "extractor"}  # what names files in another way than by a Path
_OF_CLASSIC = ("dv_threshold", "min_points")
_CHOICES = {
    "backend": ("processes", "threads", "inline"),
    "start_method": ("forkserver", "spawn"),
}


def _check(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise treadle.UsageError(
            f"{_spelled(name)} takes {', '.join(choices[:-1])} or {choices[-1]}, got {value!r}",
            hint=f"{_spelled(name)} {choices[0]}",
        )


def _refuse(name: str, typed: Mapping[str, Any]) -> None:
    """Refuse a setting of the other method where it was typed; a file sets it for all commands."""
    if name in typed:
        raise treadle.UsageError(
            f"{_spelled(name)} belongs to --method classic, not to {_METHOD}",
            hint="add --method classic",
        )


def _spelled(name: str) -> str:
    return "--" + name.replace("_", "-")


def _beside(file: Path, named: str) -> str:
    """Take the path in ``FILE.py`` or ``FILE.py:Name`` from the folder of the file of settings."""
    is_file = named.endswith(".py") or ".py:" in named
    return str(file.parent / Path(named).expanduser()) if is_file else named


def _commands() -> tuple[Callable[..., Any], ...]:
    from treadle.lab.cli import iv, metrics, processing

    ours = (processing.stage, processing.segment, processing.pipeline)
    return (*ours, metrics.metrics, iv.iv)


_TYPED_ONLY = frozenset({"config", "json", "list_"})


def types_of(command: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a command that a file may set, with their types."""
    hints = get_type_hints(command)
    del hints["return"]
    found = {name: _without_none(hint) for name, hint in hints.items()}
    return {name: kind for name, kind in found.items() if name not in _TYPED_ONLY}


def _without_none(hint: Any) -> Any:
    if get_origin(hint) is UnionType:
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    return hint


def needed(values: dict[str, Any], name: str, what: str) -> Path:
    """
    Take a path that must be there out of *values*.

    Raises:
        UsageError: Neither was it typed, nor does the file set it.
    """
    if name not in values:
        raise treadle.UsageError(
            f"{what} is missing",
            hint=f"type it, or set {name.replace('_', '-')} in treadle.toml",
        )
    path: Path = values.pop(name)
    return path


def stage_root(given: Path) -> Path:
    """Return *given*, or the stage root in it where it is the folder that a pipeline has made."""
    from treadle.lab.pipelining import STEPS
    from treadle.lab.places import MANIFEST

    within = given / STEPS[0]
    return within if (within / MANIFEST).is_file() and not (given / MANIFEST).is_file() else given


def where(given: Path | None, config_file: Path | None = None) -> Roots:
    """
    Return the folders of the laboratory that is looked at.

    Args:
        given: What was typed; None: ``out`` of the file of settings, or the current folder.
        config_file: As for :func:`treadle.lab.config.settings`.

    Raises:
        UsageError: There is nothing staged; or the file of settings is wrong.
    """
    from treadle.lab.cli.processing import pipeline
    from treadle.lab.roots import roots

    return roots(given or _settings_of(pipeline, config_file).get("out", Path()))


def words_of(given: str | Iterable[str] | None) -> list[str]:
    """Return the words of an option that takes several: ``-p A,B -p C`` means all three."""
    texts = [given] if isinstance(given, str) else given or ()
    return [word for text in texts for each in text.split(",") if (word := each.strip())]
