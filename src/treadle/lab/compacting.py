"""Merge the files of a procedure and date into one that is quick to scan, and take it apart again.

    STAGE/proc=P/date=D/run_id=R/part-000.parquet   one file per run, as staging writes them
    STAGE/_compact/proc=P/date=D/part-000.parquet   the same rows once more, one file per date

The files of the runs are only read, so staging goes on as if there were no others. Everything is
seen from the folders alone: a date is merged again when a run came, went or was written again.

Rows are sorted by start, then by run, and keep their order within a run. Runs of a date may differ
in their columns: the merged file has all of them, null where a run has none, and a name that
stands for several types has one column for each. Which run had which columns, and how many rows,
stands in the metadata of the file, so that nothing is lost: :func:`expand` gives each run back.
The same runs make the same bytes.

To scan several dates that differ in their columns, give Polars ``missing_columns="insert"`` and
``extra_columns="ignore"``. Text is plain text and not Arrow's large kind, as in the folders' names:
Arrow reads ``proc`` from both, and wants them to agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import treadle
from treadle.lab.lock import only_one
from treadle.lab.places import (
    MANIFEST,
    PART,
    check_root,
    hive_value,
    parts,
    put_parquet,
    put_whole,
)

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

COMPACT = "_compact"  # Spark, Arrow and DuckDB pass over what begins with an underscore
KEY = "treadle.lab.runs"  # in the metadata of a merged file
VERSION = 1
ROWS_A_GROUP = 65_536  # a filter on the start reads a few of them, a scan is shared by the CPUs
_ARROW = "ARROW:schema"  # in the metadata of files that keep types which Parquet does not know

Column: TypeAlias = "tuple[str, pl.DataType]"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """
    What :func:`compact` did.

    Attributes:
        written: Dates merged, because they are new or because their runs changed.
        unchanged: Dates that were left as they are.
        removed: Merged files removed, because none of their runs is there any more.
        runs: Runs in all merged files.
    """

    written: int
    unchanged: int
    removed: int
    runs: int

    def __str__(self) -> str:
        gone = f", {self.removed:,} removed" if self.removed else ""
        return (
            f"{self.runs:,} measurements in {self.written + self.unchanged:,} merged files: "
            f"{self.written:,} written, {self.unchanged:,} unchanged{gone}"
        )


@dataclass(frozen=True, slots=True)
class ExpandReport:
    """
    What :func:`expand` did.

    Attributes:
        written: Runs that got their file back.
        unchanged: Runs whose file was there; it was not looked into.
    """

    written: int
    unchanged: int

    def __str__(self) -> str:
        return f"{self.written:,} files made, {self.unchanged:,} were there"


@dataclass(frozen=True, slots=True)
class _Part:
    """The file of one run."""

    path: Path
    size: int
    mtime_ns: int

    @property
    def run_id(self) -> str:
        return self.path.parent.name.partition("=")[2]


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the files of some runs have in common: columns with their types, and metadata."""

    schema: tuple[Column, ...]
    metadata: tuple[tuple[str, str], ...]
    has_arrow: bool  # written by other means than ours, then


@dataclass(frozen=True, slots=True)
class _Run:
    """One run to be merged."""

    part: _Part
    layout: int
    start: int
    rows: int


# --- merging ------------------------------------------------------------------------------------


def compact(
    stage_root: str | os.PathLike[str], *, procedures: Collection[str] | str | None = None
) -> CompactReport:
    """
    Merge the files of each procedure and date below *stage_root* into one.

    It can be stopped and run again at any time: a merged file appears whole or not at all, and
    what is there already is not done again.

    Args:
        stage_root: Where the runs were staged to.
        procedures: Merge these only, or this one; None for all.

    Returns:
        What was done.

    Raises:
        UsageError: There is no such folder, or none of a procedure's, or nothing was staged there,
            or it has nothing but merged files; another process works on it; or a file is not what
            its folder says.
    """
    root = _stage_root(stage_root)
    with only_one(root, "writing"):
        dates = _dates(root)
        merged = _merged(root / COMPACT)
        if merged and not dates:
            raise treadle.UsageError(
                f"{str(root)!r} has merged files, but no run: they would all be removed",
                hint="treadle lab expand makes the runs of them",
            )
        wanted = _selected({*dates, *merged}, procedures)
        written = unchanged = runs = 0
        for date in sorted(wanted & dates.keys()):
            target, found = root / COMPACT / date / PART, dates[date]
            _remove_leftovers(target.parent)
            runs += len(found)
            if _is_current(target, found):
                unchanged += 1
            else:
                _merge(found, target)
                written += 1
        gone = sorted((wanted & merged) - dates.keys())
        for date in gone:
            _remove(root / COMPACT, date)
    return CompactReport(written, unchanged, len(gone), runs)


def _stage_root(given: str | os.PathLike[str]) -> Path:
    """
    Return a folder that was staged into.

    Raises:
        UsageError: It is not there, or is another one. Nothing was made in it.
    """
    root = check_root(given, "stage root")
    if not (root / MANIFEST).is_file() and not any(parts(root)) and not _merged(root / COMPACT):
        raise treadle.UsageError(
            f"nothing was staged in {str(root)!r}",
            hint="name the folder that treadle lab stage has written",
        )
    return root


def _dates(root: Path) -> dict[str, list[_Part]]:
    """Return the files of the runs by the folder of their date, which is relative to *root*."""
    dates: dict[str, list[_Part]] = {}
    for folder in parts(root):
        path = root / folder / PART
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # a folder that a killed worker left without its file
        part = _Part(path, stat.st_size, stat.st_mtime_ns)
        dates.setdefault(folder.rpartition("/")[0], []).append(part)
    return dates


def _merged(compact_root: Path) -> set[str]:
    """Return the folders of the dates that were merged, relative to *compact_root*."""
    found = compact_root.glob(f"proc=*/date=*/{PART}")
    return {path.parent.relative_to(compact_root).as_posix() for path in found}


def _selected(dates: Collection[str], procedures: Collection[str] | str | None) -> set[str]:
    if procedures is None:
        return set(dates)
    if isinstance(procedures, str):
        procedures = (procedures,)
    there = {date.partition("/")[0] for date in dates}
    wanted = {f"proc={hive_value(name)}": name for name in procedures}
    for folder, name in wanted.items():
        if folder not in there:
            known = ", ".join(sorted(found.partition("=")[2] for found in there)) or "none"
            raise treadle.UsageError(f"no run of procedure {name!r}", hint=f"there are: {known}")
    return {date for date in dates if date.partition("/")[0] in wanted}


def _is_current(target: Path, found: Sequence[_Part]) -> bool:
    """Tell whether *target* was merged of these files, as they are now."""
    import polars as pl

    if not target.exists() or target.stat().st_mtime_ns != _latest(found):
        return False
    try:
        told = _told(target)
    except (pl.exceptions.PolarsError, treadle.UsageError):
        return False  # damaged, or of another version: it is merged anew
    there = {run_id: size for run_id, _, _, size in told["runs"]}
    return there == {part.run_id: part.size for part in found}


def _latest(found: Sequence[_Part]) -> int:
    # A merged file has the time of its latest part, as a time of its own would be in its bytes.
    return max((part.mtime_ns for part in found), default=0)


def _merge(found: Sequence[_Part], target: Path) -> None:
    by_layout: dict[_Layout, list[_Part]] = {}
    for part in found:
        by_layout.setdefault(_layout(part.path), []).append(part)
    layouts = list(by_layout)
    names = _names(layouts)
    runs = [
        run
        for number, alike in enumerate(by_layout.values())
        for run in _runs(alike, number, layouts[number])
    ]
    runs.sort(key=lambda run: (run.start, run.part.run_id))
    text = _text(runs, layouts, names)

    def write(path: Path) -> None:
        _write(path, (_frame(some, layouts, names) for some in _stretches(runs)), text)
        os.utime(path, ns=(_latest(found), _latest(found)))

    put_whole(target, write)


def _stretches(runs: Sequence[_Run]) -> Iterator[list[_Run]]:
    """Yield so many runs at a time as fill a row group: a long day does not fill the memory."""
    some: list[_Run] = []
    rows = 0
    for run in runs:
        some.append(run)
        rows += run.rows
        if rows >= ROWS_A_GROUP:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _write(path: Path, frames: Iterator[pl.LazyFrame], text: str) -> None:
    """Write the frames, one below the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = (_plain(frame.collect().to_arrow()) for frame in frames)
    first = next(tables)
    names = [each.name for each in first.schema if not pa.types.is_floating(each.type)]
    # LZ4 and no other: scans are what this file is for, and they take half as long as with zstd,
    # at a fifth more bytes. Arrow's writer: that of Polars says that text is of the large kind.
    with pq.ParquetWriter(path, first.schema, compression="lz4", use_dictionary=names) as writer:
        for table in chain((first,), tables):
            groups = max(1, table.num_rows // ROWS_A_GROUP)
            writer.write_table(table, row_group_size=max(1, -(-table.num_rows // groups)))
        writer.add_key_value_metadata({KEY: text})


def _plain(table: pa.Table) -> pa.Table:
    """Make plain text and lists of the large ones that Polars hands over."""
    import pyarrow as pa

    kinds = [field.with_type(_plain_kind(field.type)) for field in table.schema]
    return table.cast(pa.schema(kinds))


def _plain_kind(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_large_list(kind):
        return pa.list_(_plain_kind(kind.value_type))
    return kind


def _layout(path: Path) -> _Layout:
    import polars as pl

    metadata = pl.read_parquet_metadata(path)
    has_arrow = metadata.pop(_ARROW, None) is not None
    schema = tuple(pl.read_parquet_schema(path).items())
    return _Layout(schema, tuple(sorted(metadata.items())), has_arrow)


def _names(layouts: Sequence[_Layout]) -> dict[Column, str]:
    """Name the columns of the merged file: as they were, and by type where several share one."""
    columns = dict.fromkeys(column for layout in layouts for column in layout.schema)
    names: dict[Column, str] = {}
    taken = {name for name, _ in columns}
    for name, dtype in columns:
        its = name
        while its in names.values() or (its != name and its in taken):
            its = f"{its} [{dtype}]"
        names[name, dtype] = its
    return names


def _runs(alike: Sequence[_Part], layout: int, its: _Layout) -> list[_Run]:
    """Look up when the runs of one layout started, and how many rows they have."""
    import polars as pl

    if missing := {"run_id", "start_time"} - {name for name, _ in its.schema}:
        raise treadle.UsageError(
            f"{str(alike[0].path)!r} has no column {min(missing)!r}",
            hint="it was not written by treadle lab stage; move it elsewhere",
        )
    counted = (
        _scan(alike)
        .group_by("run_id")
        .agg(pl.col("start_time").first().dt.epoch("us"), pl.len())
        .collect()
    )
    by_run = {run_id: (start or 0, rows) for run_id, start, rows in counted.iter_rows()}
    if strangers := by_run.keys() - {part.run_id for part in alike}:
        raise treadle.UsageError(
            f"below {str(alike[0].path.parent.parent)!r} are rows of run {min(strangers)!r}, "
            "and no folder of that name",
            hint="a folder was renamed: give it back its name, or stage the file again",
        )
    return [_Run(part, layout, *by_run.get(part.run_id, (0, 0))) for part in alike]


def _frame(
    runs: Sequence[_Run], layouts: Sequence[_Layout], names: dict[Column, str]
) -> pl.LazyFrame:
    """Put the files of the runs one below the other, each with all columns."""
    import polars as pl

    frames = []
    for number, stretch in groupby(runs, key=lambda run: run.layout):
        has = set(layouts[number].schema)
        frames.append(
            _scan([run.part for run in stretch]).select(
                pl.col(column[0]).alias(name)
                if column in has
                else pl.lit(None, column[1]).alias(name)
                for column, name in names.items()
            )
        )
    return pl.concat(frames)


def _scan(found: Sequence[_Part]) -> pl.LazyFrame:
    import polars as pl

    # The folders' names are columns too, which would take the place of those in the file.
    return pl.scan_parquet([part.path for part in found], hive_partitioning=False, glob=False)


def _text(runs: Sequence[_Run], layouts: Sequence[_Layout], names: dict[Column, str]) -> str:
    """Return what the merged file tells of its runs, in the order of its rows."""
    its_layouts = [
        {
            "columns": [[column[0], names[column]] for column in layout.schema],
            "metadata": dict(layout.metadata),
            "has_arrow": layout.has_arrow,
        }
        for layout in layouts
    ]
    its_runs = [[run.part.run_id, run.layout, run.rows, run.part.size] for run in runs]
    return json.dumps({"version": VERSION, "layouts": its_layouts, "runs": its_runs})


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written; the lock says that none is at work."""
    for path in folder.glob(f".{PART}.*"):
        path.unlink(missing_ok=True)


def _remove(compact_root: Path, date: str) -> None:
    folder = compact_root / date
    (folder / PART).unlink()
    _remove_leftovers(folder)
    for empty in (folder, folder.parent):
        if not any(empty.iterdir()):
            empty.rmdir()


# --- taking apart -------------------------------------------------------------------------------


def expand(
    stage_root: str | os.PathLike[str],
    *,
    into: str | os.PathLike[str] | None = None,
    procedures: Collection[str] | str | None = None,
) -> ExpandReport:
    """
    Make the files of the runs of the merged ones: rows, columns, types and order as they were.

    A run whose file is there is left alone.

    Args:
        stage_root: Where the merged files are.
        into: Root to write the runs to; None for *stage_root*.
        procedures: Take only these apart, or this one; None for all.

    Returns:
        What was done.

    Raises:
        UsageError: There is no such folder, or no merged file of a procedure's, or nothing was
            staged there; another process works on it; or a merged file is not ours.
    """
    root = _stage_root(stage_root)
    target = root if into is None else Path(into).absolute()
    merged = _merged(root / COMPACT)
    written = unchanged = 0
    with only_one(target, "writing"):
        for date in sorted(_selected(merged, procedures)):
            for run_id, frame, layout in _apart(root / COMPACT / date / PART):
                path = target / date / f"run_id={run_id}" / PART
                if path.exists():
                    unchanged += 1
                    continue
                _put_back(frame.collect(), path, layout)
                written += 1
    return ExpandReport(written, unchanged)


def _put_back(frame: pl.DataFrame, path: Path, layout: dict[str, Any]) -> None:
    metadata = layout["metadata"] or None
    if layout["has_arrow"]:
        put_whole(path, lambda part: frame.write_parquet(part, metadata=metadata))
    else:  # as staging did: these are the same bytes
        put_parquet(frame, path, metadata=metadata)


def _apart(merged: Path) -> Iterator[tuple[str, pl.LazyFrame, dict[str, Any]]]:
    """Yield each run's id, its rows, and what its file was like."""
    import polars as pl

    told = _told(merged)
    whole = pl.scan_parquet(merged, hive_partitioning=False, glob=False)
    begin = 0
    for run_id, number, rows, _ in told["runs"]:
        layout = told["layouts"][number]
        columns = [pl.col(name).alias(its) for its, name in layout["columns"]]
        yield run_id, whole.slice(begin, rows).select(columns), layout
        begin += rows


def _told(merged: Path) -> dict[str, Any]:
    """
    Read what a merged file tells of its runs.

    Raises:
        UsageError: It is not ours, or of another version.
    """
    import polars as pl

    text = pl.read_parquet_metadata(merged).get(KEY)
    told: dict[str, Any] = {} if text is None else json.loads(text)
    if told.get("version") != VERSION:
        raise treadle.UsageError(
            f"{str(merged)!r} was not merged by this version of treadle",
            hint="remove it, and merge the runs again",
        )
    return told
