"""``treadle lab manifest`` and ``rejects``: what is staged, and what could not be."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, width
from treadle.lab.cli import options
from treadle.lab.display import printable

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "parquet")

MANIFEST = """\
\b
Examples:
  treadle lab manifest data/stage --procedure IVg --chip Alisson67
  treadle lab manifest data/stage --date 2025-09 --format csv > september.csv
  treadle lab manifest data/stage --columns run_id,proc,vds_v,path
  treadle lab manifest data/stage --format parquet --to mine.parquet

\b
csv has lists as text, joined by '; '. json is one object per line.

\b
Exit codes: 0 found, 2 usage, 3 nothing fits.
"""

REJECTS = """\
\b
Examples:
  treadle lab rejects data/stage
  treadle lab rejects data/stage --reason 'no data' --format csv

\b
A file that is mended loses its place here at the next staging.

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
_SPARED = ("flags", "has_light", "source_file")  # in this order, where the terminal is too narrow


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
    from treadle.lab.manifest_file import manifest as read

    if status not in ("staged", "rejected", "all"):
        raise treadle.UsageError(
            f"--status takes staged, rejected or all, got {status!r}", hint="--status all"
        )
    frame = read(
        stage_root,
        status=None if status == "all" else status,
        procedure=procedure,
        chip=chip,
        date=date,
    )
    frame = frame.head(limit or frame.height)
    if format_ == "table" and columns is None:
        return _usual(frame, to)
    return _out(_chosen(frame, columns), format_, to)


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
    import polars as pl

    from treadle.lab.manifest_file import manifest as read

    frame = read(stage_root, status="rejected")
    if reason is not None:
        frame = frame.filter(pl.col("reason") == reason)
    return _out(frame.select("source_file", "reason", "message", "hint", "raw_root"), format_, to)


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
