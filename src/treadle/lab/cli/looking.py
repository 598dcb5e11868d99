"""``treadle lab manifest`` and ``rejects``: what is staged, and what could not be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import treadle
from treadle.cli import Exit, problem, put, width

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

Root = Annotated[Path, typer.Argument(metavar="STAGE", help="A folder that was staged into.")]
Format = Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="Default: table.")]
To = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Write there instead of to stdout.")
]
_SHOWN = (
    "start_time_utc", "proc", "chip_name", "has_light", "rows", "flags", "run_id", "source_file",
)  # fmt: skip


def manifest(
    stage_root: Root,
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
    shown = list(_SHOWN) if format_ == "table" and columns is None else None
    return _out(_chosen(frame, columns, shown).head(limit or frame.height), format_, to)


def rejects(
    stage_root: Root,
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


def _chosen(frame: pl.DataFrame, columns: str | None, usual: list[str] | None) -> pl.DataFrame:
    if columns == "all":
        return frame.select(
            [name for name in frame.columns if frame[name].null_count() < len(frame)]
        )
    names = usual if columns is None else [name.strip() for name in columns.split(",")]
    if names is None:
        return frame
    for name in names:
        if name not in frame.columns:
            raise treadle.UsageError(
                f"the manifest has no column {name!r}",
                hint=f"it has: {', '.join(frame.columns)}",
            )
    return frame.select(names)


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
        text = _text(frame, format_)
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


def _text(frame: pl.DataFrame, format_: str) -> str:
    import polars as pl

    if format_ == "json":
        return frame.write_ndjson()
    lists = [name for name, kind in frame.schema.items() if kind == pl.List(pl.String)]
    flat = frame.with_columns(pl.col(lists).list.join("; "))
    return flat.write_csv() if format_ == "csv" else _table(flat)


def _table(frame: pl.DataFrame) -> str:
    """Write a table as wide as the terminal, or as wide as it needs where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in frame.columns:
        table.add_column(name, overflow="fold", no_wrap=name in {"run_id", "proc"})
    for row in frame.iter_rows():
        table.add_row(*[Text(_cell(value)) for value in row])
    file = io.StringIO()
    Console(file=file, width=width() or 200, no_color=True).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "strftime") and hasattr(value, "hour"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return str(value)
