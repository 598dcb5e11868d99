"""``treadle lab manifest`` and ``rejects``: what is staged, and what could not be."""

from __future__ import annotations

import difflib
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, say, width
from treadle.lab.cli import options
from treadle.lab.display import printable
from treadle.lab.notes import Code, Level

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "parquet")

MANIFEST = """\
\b
Examples:
  treadle lab manifest data/stage --procedure IVg --chip Alisson67
  treadle lab manifest data/stage --date 2025-09 --format csv > september.csv
  treadle lab manifest data/stage --columns run_id,proc,vds_v,path
  treadle lab manifest data/stage --noted
  treadle lab manifest data/stage --note RAGGED_ROWS --flag OVERFLOW
  treadle lab manifest data/stage --format parquet --to mine.parquet

\b
STAGE can be OUT of a pipeline, too. csv has lists as text, joined by '; '.
json is one object per line. Of a folder of segments, its sweeps are listed.

\b
Exit codes: 0 found, 2 usage, 3 nothing fits.
"""

REJECTS = """\
\b
Examples:
  treadle lab rejects data/stage
  treadle lab rejects data/stage --reason 'no data' --format csv

\b
A file that is mended loses its place here at the next staging. Of a folder of
segments, these are the sweeps that could not be segmented.

\b
Exit codes: 0 there are some, 2 usage, 3 there are none.
"""

Format = Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="Default: table.")]
To = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Write there instead of to stdout.")
]
_SHOWN = (
    "start_time_utc", "proc", "chip_name", "has_light", "rows", "flags", "run_id", "source_file",
)  # fmt: skip
_SHOWN_NOTED = ("source_file", "proc", "flags", "notes")
_SPARED = ("flags", "has_light", "source_file")  # in this order, where the terminal is too narrow
_WHY = ("source_file", "run_id", "reason", "message", "hint", "raw_root")
_GRAVE = ("warning", "error")


def manifest(
    stage_root: options.Stage,
    *,
    procedure: Annotated[
        str | None, typer.Option("--procedure", "-p", metavar="NAME", help="Such as IVg.")
    ] = None,
    chip: Annotated[
        str | None, typer.Option("--chip", metavar="CHIP", help="Name (Alisson67) or number (67).")
    ] = None,
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="DATE", help="Local: 2025-09-04, 2025-09 or 2025."),
    ] = None,
    status: Annotated[
        str, typer.Option("--status", metavar="staged|rejected|all", help="Default: staged.")
    ] = "staged",
    noted: Annotated[
        bool, typer.Option("--noted", help="Only those with warnings or errors.")
    ] = False,
    note: Annotated[
        str | None, typer.Option("--note", metavar="CODE", help="Only those: RAGGED_ROWS.")
    ] = None,
    flag: Annotated[
        str | None, typer.Option("--flag", metavar="FLAG", help="Only those: OVERFLOW.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B,…", help="Only these; 'all': those with values."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", metavar="N", min=1, help="The first so many.")
    ] = None,
    format_: Format = "table",
    to: To = None,
) -> int:
    """List what is staged."""
    import polars as pl

    from treadle.lab.manifest_file import manifest as read
    from treadle.lab.places import SEGMENTED

    if status not in ("staged", "rejected", "all"):
        raise treadle.UsageError(
            f"--status takes staged, rejected or all, got {status!r}", hint="--status all"
        )
    _check_code(note)
    root = options.stage_root(stage_root)
    if (root / SEGMENTED).is_file():
        frame = _sweeps(read(root, procedure=procedure, date=date), status, chip)
    else:
        asked = None if status == "all" else status
        frame = read(root, status=asked, procedure=procedure, chip=chip, date=date)
    for each in _wanted(frame, noted, note, flag):
        frame = frame.filter(each)
    frame = frame.head(limit or frame.height)
    if format_ != "table" or columns is not None:
        return _out(_chosen(frame, columns), format_, to)
    if noted or note:
        notes = frame.with_columns(pl.col("notes").list.filter(_is_note(note)))
        return _out(notes.select(_SHOWN_NOTED), format_, to)
    return _usual(frame, to)


def _sweeps(listed: pl.DataFrame, status: str, chip: str | None) -> pl.DataFrame:
    """Choose among the sweeps of a root of segments, which knows chips by their names alone."""
    if status != "all":
        listed = listed.filter(status="segmented" if status == "staged" else status)
    return listed if chip is None else listed.filter(chip_name=chip)


def _wanted(frame: pl.DataFrame, noted: bool, code: str | None, flag: str | None) -> list[pl.Expr]:
    """Say which rows are wanted."""
    import polars as pl

    wanted = []
    if noted or code:
        _chosen(frame, "notes")
        wanted.append(pl.col("notes").list.eval(_is_note(code)).list.any())
    if flag:
        wanted.append(pl.col("flags").list.contains(flag))
    return wanted


def _is_note(code: str | None) -> pl.Expr:
    """Tell whether a note is of that code; None: whether it is a warning or an error."""
    import polars as pl

    note = pl.element()
    if code is None:
        return pl.any_horizontal(note.str.starts_with(f"{level}: ") for level in _GRAVE)
    levels = get_args(Level)
    return pl.any_horizontal(note.str.starts_with(f"{level}: {code}: ") for level in levels)


def _check_code(note: str | None) -> None:
    known = get_args(Code)
    if note is not None and note not in known:
        near = difflib.get_close_matches(note.upper(), known, n=1)
        raise treadle.UsageError(
            f"there is no note called {note!r}",
            hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}",
        )


def rejects(
    stage_root: options.Stage,
    *,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Only those: 'no data'.")
    ] = None,
    format_: Format = "table",
    to: To = None,
) -> int:
    """List what could not be staged, and why."""
    from treadle.lab.manifest_file import manifest as read
    from treadle.lab.places import SEGMENTED

    root = options.stage_root(stage_root)
    every = read(root, status="rejected")
    frame = every if reason is None else every.filter(reason=reason)
    if frame.height:
        return _out(frame.select(name for name in _WHY if name in _has(frame)), format_, to)
    none = f"no {'sweep' if (root / SEGMENTED).is_file() else 'file'} was rejected"
    if every.height:
        say(f"{none} with the reason {reason!r}")
        hint(f"there are: {', '.join(every['reason'].unique().sort())}")
    else:
        say(none)
    return Exit.NOTHING


def _has(rejected: pl.DataFrame) -> list[str]:
    """Return the columns that say something; of rejected files, none is a run."""
    return [name for name in rejected.columns if rejected[name].count() or name == "hint"]


def _usual(frame: pl.DataFrame, to: Path | None) -> int:
    """Write what is usually shown, as much of it as the terminal has room for."""
    room = width() if to is None else None
    names = [name for name in _SHOWN if name in frame.columns]
    left_out = []
    for name in _SPARED:
        if room is None or _wide(frame.select(names)) <= room:
            break
        names.remove(name)
        left_out.append(name)
    code = _out(frame.select(names), "table", to)
    if left_out and code == Exit.OK:
        hint(f"too narrow for {', '.join(left_out)}: --columns run_id,{left_out[-1]}")
    return code


def _chosen(frame: pl.DataFrame, columns: str | None) -> pl.DataFrame:
    if columns is None:
        return frame
    if columns == "all":
        return frame.select(
            [name for name in frame.columns if frame[name].null_count() < len(frame)]
        )
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        if name not in frame.columns:
            raise treadle.UsageError(
                f"the manifest has no column {name!r}",
                hint=f"it has: {', '.join(frame.columns)}",
            )
    return frame.select(*dict.fromkeys(names))


def _out(frame: pl.DataFrame, format_: str, to: Path | None) -> int:
    if format_ not in FORMATS:
        raise treadle.UsageError(
            f"--format takes {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, got {format_!r}",
            hint="--format csv",
        )
    if format_ == "parquet" and to is None:
        raise treadle.UsageError("a Parquet file is no text", hint="--to FILE.parquet")
    if not frame.height:
        problem("nothing there that fits")
        return Exit.NOTHING
    if format_ == "parquet":
        assert to is not None
        _written(to, frame.write_parquet)
    else:
        text = _text(frame, format_, width() if to is None else None)
        if to is None:
            put(text)
        else:
            _written(to, lambda path: path.write_text(text, encoding="utf-8"))
    return Exit.OK


def _written(to: Path, write: Any) -> None:
    from treadle.lab.places import put_whole

    try:
        put_whole(to, write)
    except OSError as error:
        raise treadle.UsageError(
            f"{str(to)!r} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error


def _text(frame: pl.DataFrame, format_: str, room: int | None) -> str:
    if format_ == "json":
        return frame.write_ndjson()
    return _flat(frame).write_csv() if format_ == "csv" else _table(frame, room)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    lists = [name for name, kind in frame.schema.items() if kind == pl.List(pl.String)]
    return frame.with_columns(pl.col(lists).list.join("; "))


def _table(frame: pl.DataFrame, room: int | None) -> str:
    """Write a line for each row; where the terminal is too narrow for that, a block for each."""
    rows = _cells(frame)
    if room is not None and _wide(frame) > room:
        return "\n".join(_block(frame.columns, row, room) for row in rows)
    sizes = _sizes(frame.columns, rows)
    return "".join(
        "  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=True)).rstrip() + "\n"
        for line in (frame.columns, *rows)
    )


def _wide(frame: pl.DataFrame) -> int:
    """Return how many columns of a terminal a line for each row takes."""
    return sum(size + 2 for size in _sizes(frame.columns, _cells(frame))) - 2


def _sizes(names: list[str], rows: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(names, *rows, strict=True)]


def _cells(frame: pl.DataFrame) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in _flat(frame).iter_rows()]


def _block(names: list[str], row: list[str], room: int) -> str:
    """Write a row as lines of name and value; long values go on below where they began."""
    indent = max(map(len, names)) + 2
    lines: list[str] = []
    for name, cell in zip(names, row, strict=True):
        if cell:
            first, *more = textwrap.wrap(cell, max(room - indent, 20), break_on_hyphens=False)
            lines += [name.ljust(indent) + first, *(" " * indent + line for line in more)]
    return "".join(f"{line}\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "strftime") and hasattr(value, "hour"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return printable(str(value)).strip()
