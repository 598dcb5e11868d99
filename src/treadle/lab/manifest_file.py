"""The manifest: one Parquet file that says of every raw file what became of it.

A row for each measurement that is staged (``status`` is ``staged``), whatever number of files hold
it, and one for each file that could not be staged (``rejected``, with ``reason`` and ``message``).
It is made anew from the record of the stagings each time, so it never grows by itself, and the same
record gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import treadle
from treadle.lab.places import MANIFEST, check_root, has

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.schema.spec import Schema

FORMAT = 1
"""Version of the columns below; it grows when one changes its meaning."""


@dataclass(slots=True)
class Entry:
    """
    One raw file, as the record knows it.

    Attributes:
        source: Its path, relative to the raw root.
        raw_root: That folder.
        found: Whether the file is still there.
        staged: What was recorded of it (see ``treadle.lab.staging.one.Staged``); None: rejected.
        reason: Why it was rejected, in few words.
        message: ... and exactly.
        hint: What to do about it.
    """

    source: str
    raw_root: str
    found: bool
    staged: Mapping[str, Any] | None = None
    reason: str | None = None
    message: str | None = None
    hint: str | None = None


def columns(schema: Schema) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Return name and type of each column, in order; those of the schema's map among them."""
    import polars as pl

    from treadle.lab.staging.one import numeric_columns

    text, number, texts = pl.String, pl.Float64, pl.List(pl.String)
    own: dict[str, Any] = {
        "run_id": text,
        "status": text,
        "proc": text,
        "date_local": pl.Date,
        "start_time_utc": pl.Datetime("us", "UTC"),
        "start_origin": text,
        "chip_group": text,
        "chip_number": pl.Int64,
        "chip_name": text,
        "file_idx": pl.Int64,
        "has_light": pl.Boolean,
    }
    from_header = {
        name: number if numeric else text for name, numeric in numeric_columns(schema).items()
    }
    rest: dict[str, Any] = {
        "duration_s": number,
        "rows": pl.Int64,
        "flags": texts,
        "errors": pl.Int64,
        "warnings": pl.Int64,
        "notes": texts,
        "parameters": text,
        "metadata": text,
        "units": text,
        "source_file": text,
        "sources": texts,
        "source_gone": pl.Boolean,
        "raw_root": text,
        "path": text,
        "size": pl.Int64,
        "reason": text,
        "message": text,
        "hint": text,
        "local_tz": text,
        "schema_version": pl.Int32,
    }
    return {**own, **from_header, **rest}


class _Rows:
    """Rows that become columns by the thousand: as Python's objects they take ten times as much."""

    AT_ONCE = 2048

    def __init__(self, types: dict[str, Any]) -> None:
        self._types = types
        self._rows: list[dict[str, Any]] = []
        self._made: list[pl.DataFrame] = []
        self._changes: dict[int, dict[str, Any]] = {}
        self.count = 0

    def add(self, row: dict[str, Any]) -> int:
        """Add a row; return its number."""
        self._rows.append(row)
        if len(self._rows) == self.AT_ONCE:
            self._made.append(self._taken())
        self.count += 1
        return self.count - 1

    def change(self, number: int, row: dict[str, Any]) -> None:
        """Put *row* in the place of another; what it does not name stays."""
        self._changes.setdefault(number, {}).update(row)

    def frame(self) -> pl.DataFrame:
        """Return all rows, changed as they are, in the order in which they were added."""
        import polars as pl

        frame = pl.concat([*self._made, self._taken()])
        self._made.clear()
        if not self._changes:
            return frame
        numbers = sorted(self._changes)
        for number in numbers:
            self._rows.append({**frame.row(number, named=True), **self._changes[number]})
        changed = self._taken()
        others = frame.with_row_index("row").filter(~pl.col("row").is_in(numbers)).drop("row")
        return pl.concat([others, changed])

    def _taken(self) -> pl.DataFrame:
        import polars as pl

        rows, self._rows = self._rows, []
        return pl.DataFrame(
            [
                _series(name, [row.get(name) for row in rows], kind)
                for name, kind in self._types.items()
            ]
        )


class File(NamedTuple):
    """
    One of the raw files that hold a measurement; the least of them gives its row.

    Attributes:
        gone: Whether it is there no more.
        fewer_rows: Minus the number of its rows: one whose last line is torn gives way.
        raw_root: Its raw root.
        source: Its path, relative to that.
        part: The Parquet file that it was staged to, relative to the stage root.
        size: Bytes of that.
    """

    gone: bool
    fewer_rows: int
    raw_root: str
    source: str
    part: str
    size: int


@dataclass(slots=True)
class _Copies:
    """The files that hold one measurement, and the number of its row."""

    row: int
    files: list[File]

    @property
    def sources(self) -> list[str]:
        """The paths of those that are there; of all when none is."""
        there = [file for file in self.files if not file.gone] or self.files
        return [file.source for file in sorted(there, key=lambda file: file[2:4])]

    @property
    def is_contested(self) -> bool:
        """Whether the files were staged differently."""
        return len({file[4:] for file in self.files}) > 1


@dataclass(slots=True)
class Built:
    """
    A manifest, and what making it has shown.

    Attributes:
        frame: The manifest.
        parts: All Parquet files that were recorded, those that are not to stay among them.
        contested: For each measurement that several files hold in different forms, the file that
            counts.
    """

    frame: pl.DataFrame
    parts: set[str]
    contested: list[File]


def build(entries: Iterable[Entry], schema: Schema) -> Built:
    """
    Make the manifest of *entries*.

    Several files may hold one measurement: its row is that of the one that is there and has most
    rows, then of the first by name, and ``sources`` names all that are still there. A measurement
    stays when all are gone; a reject goes with its file.
    """
    rows = _Rows(columns(schema))
    nothing: dict[str, Any] = dict.fromkeys(columns(schema))
    by_run: dict[str, _Copies] = {}
    for entry in entries:
        staged = entry.staged
        if staged is None:
            if entry.found:
                rows.add(_reject(entry))
            continue
        names = (entry.raw_root, entry.source, staged["part"], staged["size"])
        file = File(not entry.found, -staged["rows"], *names)
        copies = by_run.get(staged["run_id"])
        if copies is None:
            by_run[staged["run_id"]] = _Copies(rows.add(_measurement(entry, staged)), [file])
            continue
        if file < min(copies.files):
            rows.change(copies.row, {**nothing, **_measurement(entry, staged)})
        copies.files.append(file)
    several = [copies for copies in by_run.values() if len(copies.files) > 1]
    for copies in several:
        rows.change(copies.row, {"sources": copies.sources})
    return Built(
        _sorted(rows.frame()),
        {file.part for copies in by_run.values() for file in copies.files},
        [min(copies.files) for copies in several if copies.is_contested],
    )


def parts(root: Path) -> set[str]:
    """Return the paths that the manifest of a stage root names; none if there is no manifest."""
    import polars as pl

    try:
        before = pl.read_parquet(root / MANIFEST, columns=["path"], hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        return set()
    return set(before["path"].drop_nulls())


def with_kept(frame: pl.DataFrame, root: Path, raw_root: str, sources: set[str]) -> pl.DataFrame:
    """
    Add what the manifest said before of files that cannot be read now.

    What was staged of a file stays for as long as the file does not hold something else: it may be
    all that is left.

    Args:
        frame: The manifest to be.
        root: The stage root, with the manifest as it was.
        raw_root: Where the files are.
        sources: Their paths.
    """
    import polars as pl

    try:
        before = pl.scan_parquet(root / MANIFEST, hive_partitioning=False)
        kept = before.filter(
            pl.col("status") == "staged",
            pl.col("raw_root") == raw_root,
            pl.col("sources").list.eval(pl.element().is_in(list(sources))).list.any(),
            ~pl.col("run_id").is_in(frame["run_id"].drop_nulls().to_list()),
        ).collect()
    except (OSError, pl.exceptions.PolarsError):
        return frame  # there is none, or it is damaged: nothing is known of before
    if not kept.height:
        return frame
    there = [has(root, *row) for row in kept.select("path", "size").iter_rows()]
    both = [frame, kept.filter(pl.Series(there, dtype=pl.Boolean)).select(_as(frame, kept))]
    return _sorted(pl.concat(both))


def _as(frame: pl.DataFrame, kept: pl.DataFrame) -> list[pl.Expr]:
    """Return the columns of *frame* as *kept*, made by another schema perhaps, has them."""
    import polars as pl

    return [
        (pl.col(name) if kept.schema.get(name) == kind else pl.lit(None, dtype=kind)).alias(name)
        for name, kind in frame.schema.items()
    ]


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    order = ["status", "start_time_utc", "run_id", "raw_root", "source_file"]
    return frame.sort(order, descending=[True, False, False, False, False], nulls_last=True)


def _series(name: str, values: list[Any], kind: Any) -> pl.Series:
    import polars as pl
    import pyarrow as pa

    if kind == pl.Datetime("us", "UTC"):
        plain = [value if value is None else value.replace(tzinfo=None) for value in values]
        return pl.Series(name, plain, dtype=pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind == pl.Date:
        return pl.Series(name, list(map(_date, values)), dtype=pl.Date)
    if kind == pl.List(pl.String):  # Polars makes a series of each list
        made = pl.from_arrow(pa.array(values, pa.large_list(pa.large_string())))
        assert isinstance(made, pl.Series)
        return made.alias(name)
    return pl.Series(name, values, dtype=kind)


def _date(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _measurement(entry: Entry, staged: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **staged["facts"],
        "run_id": staged["run_id"],
        "proc": staged["proc"],
        "rows": staged["rows"],
        "path": staged["part"],
        "size": staged["size"],
        "status": "staged",
        "sources": [entry.source],
        "source_gone": not entry.found,
        **{f"{level}s": _noted(staged, level) for level in ("error", "warning")},
        **_of_file(entry),
    }


def _noted(staged: Mapping[str, Any], level: str) -> int:
    return sum(note.startswith(f"{level}:") for note in staged["facts"].get("notes", ()))


def _reject(entry: Entry) -> dict[str, Any]:
    return {
        "status": "rejected",
        "reason": entry.reason,
        "message": entry.message,
        "hint": entry.hint,
        "sources": [entry.source],
        **_of_file(entry),
    }


def _of_file(entry: Entry) -> dict[str, Any]:
    return {
        "source_file": entry.source,
        "raw_root": entry.raw_root,
        "file_idx": file_idx(entry.source),
        "schema_version": FORMAT,
    }


def file_idx(source: str) -> int | None:
    """Return the number that ends a file's name after its last underscore; None without one."""
    stem = source.rpartition("/")[2].rpartition(".")[0]  # not pathlib: thirty thousand times
    number = stem.rpartition("_")[2]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None


def manifest(
    stage_root: str | os.PathLike[str],
    *,
    status: str | None = None,
    procedure: str | None = None,
    chip: str | int | None = None,
    date: str | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """
    Return the manifest of a stage root, or some of its rows.

    Args:
        stage_root: The folder that was staged into.
        status: ``"staged"`` or ``"rejected"``.
        procedure: Only that procedure's, such as ``"IVg"``.
        chip: Only that chip's, by its name (``"Alisson67"``) or its number (``"67"``).
        date: Only that local date's (``"2025-09-04"``), or month's (``"2025-09"``), or year's.
        columns: Only these columns; default: all.

    Returns:
        A Polars data frame in order of the start time, rejects last; :func:`columns` lists what
        stands in it.

    Raises:
        UsageError: There is no manifest.
    """
    import polars as pl

    if status not in (None, "staged", "rejected"):
        raise treadle.UsageError(
            f"status cannot be {status!r}", hint="choose one of: staged, rejected"
        )
    root = check_root(stage_root, "stage root")
    path = root / MANIFEST
    if not path.is_file():
        raise treadle.UsageError(
            f"{str(root)!r} has no manifest", hint="treadle lab stage RAW STAGE makes it"
        )
    wanted = [
        pl.col("status") == status if status else None,
        pl.col("proc") == procedure if procedure else None,
        pl.col("date_local").cast(pl.String).str.starts_with(date) if date else None,
        of_chip(str(chip)) if chip is not None else None,
    ]
    try:
        found = pl.scan_parquet(path, hive_partitioning=False, glob=False)
        found = found.filter(*[each for each in wanted if each is not None])
        return (found if columns is None else found.select(columns)).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise treadle.UsageError(
            f"the manifest {str(path)!r} cannot be read: {error}",
            hint="remove it: treadle lab stage makes it anew from the record",
        ) from error


def of_chip(chip: str) -> pl.Expr:
    """Return what is true of the rows of a chip, named ``Alisson67`` or numbered ``67``."""
    import polars as pl

    named = pl.col("chip_name") == chip
    return named | (pl.col("chip_number") == int(chip)) if chip.isdecimal() else named
