"""The manifest: one Parquet file that says of every raw file what became of it.

A row for each measurement that is staged (``status`` is ``staged``), whatever number of files hold
it, and one for each file that could not be staged (``rejected``, with ``reason`` and ``message``).
It is made anew from the record of the stagings each time, so it never grows by itself, and the same
record gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import treadle
from treadle.lab.places import MANIFEST, check_root, has, put_parquet

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
        "raw_root": text,
        "path": text,
        "size": pl.Int64,
        "reason": text,
        "message": text,
        "hint": text,
        "local_tz": text,
        "schema_version": pl.Int32,
    }
    return {**own, **{n: t for n, t in from_header.items() if n not in own | rest}, **rest}


@dataclass(slots=True)
class _Columns:
    """Rows taken apart at once: a thousand dicts are a hundred times larger than their columns."""

    types: dict[str, Any]
    values: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = {name: [] for name in self.types}

    def add(self, row: Mapping[str, Any]) -> None:
        for name, column in self.values.items():
            column.append(row.get(name))


def build(entries: Iterable[Entry], schema: Schema) -> pl.DataFrame:
    """
    Make the manifest of *entries*.

    Several files may hold one measurement: its row is that of the first of them, by name, and
    ``sources`` names all that are still there. A measurement stays when all are gone; a reject goes
    with its file.
    """
    import polars as pl

    by_run: dict[str, list[Entry]] = {}
    rows = _Columns(columns(schema))
    rejects = []
    for entry in entries:
        if entry.staged is not None:
            by_run.setdefault(entry.staged["run_id"], []).append(entry)
        elif entry.found:
            rejects.append(entry)
    for same in by_run.values():
        rows.add(_measurement(same))
    for entry in rejects:
        rows.add(_reject(entry))
    frame = pl.DataFrame(
        {name: _series(name, rows.values[name], kind) for name, kind in rows.types.items()}
    )
    return _sorted(frame)


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
        before = pl.read_parquet(root / MANIFEST, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        return frame  # there is none, or it is damaged: nothing is known of before
    kept = before.filter(
        pl.col("status") == "staged",
        pl.col("raw_root") == raw_root,
        pl.col("sources").list.eval(pl.element().is_in(list(sources))).list.any(),
        ~pl.col("run_id").is_in(frame["run_id"].drop_nulls().to_list()),
    )
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

    if kind == pl.Datetime("us", "UTC"):
        return pl.Series(name, values, dtype=pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind == pl.Date:
        return pl.Series(name, values, dtype=pl.String).str.to_date("%Y-%m-%d")
    return pl.Series(name, values, dtype=kind)


def _measurement(same: Sequence[Entry]) -> dict[str, Any]:
    there = [entry for entry in same if entry.found] or list(same)
    there.sort(key=lambda entry: (entry.raw_root, entry.source))
    first = there[0]
    staged = first.staged
    assert staged is not None
    return {
        **staged["facts"],
        "run_id": staged["run_id"],
        "proc": staged["proc"],
        "rows": staged["rows"],
        "path": staged["part"],
        "size": staged["size"],
        "status": "staged",
        "sources": [entry.source for entry in there],
        **{f"{level}s": _noted(staged, level) for level in ("error", "warning")},
        **_of_file(first),
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
    number = Path(source).stem.rpartition("_")[2]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None


def write(frame: pl.DataFrame, root: Path, name: str = MANIFEST) -> bool:
    """Write a list below *root* unless it is there as it should be; tell whether it was written."""
    path = root / name
    if path.is_file():
        import polars as pl

        # One that is damaged, or of an older kind, is made anew, whatever is wrong with it.
        with suppress(OSError, pl.exceptions.PolarsError):
            if pl.read_parquet(path, hive_partitioning=False).equals(frame):
                return False
    put_parquet(frame, path)
    return True


def manifest(
    stage_root: str | os.PathLike[str],
    *,
    status: str | None = None,
    procedure: str | None = None,
    chip: str | None = None,
    date: str | None = None,
) -> pl.DataFrame:
    """
    Return the manifest of a stage root, or some of its rows.

    Args:
        stage_root: The folder that was staged into.
        status: ``"staged"`` or ``"rejected"``.
        procedure: Only that procedure's, such as ``"IVg"``.
        chip: Only that chip's, by its name (``"Alisson67"``) or its number (``"67"``).
        date: Only that local date's (``"2025-09-04"``), or month's (``"2025-09"``), or year's.

    Returns:
        A Polars data frame in order of the start time, rejects last; :func:`columns` lists what
        stands in it.

    Raises:
        UsageError: There is no manifest.
    """
    import polars as pl

    root = check_root(stage_root, "stage root")
    path = root / MANIFEST
    if not path.is_file():
        raise treadle.UsageError(
            f"{str(root)!r} has no manifest", hint="treadle lab stage RAW STAGE makes it"
        )
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise treadle.UsageError(
            f"the manifest {str(path)!r} cannot be read: {error}",
            hint="remove it: treadle lab stage makes it anew from the record",
        ) from error
    wanted = [
        pl.col("status") == status if status else None,
        pl.col("proc") == procedure if procedure else None,
        pl.col("date_local").cast(pl.String).str.starts_with(date) if date else None,
        _of_chip(chip) if chip else None,
    ]
    return frame.filter(*[each for each in wanted if each is not None])


def _of_chip(chip: str) -> pl.Expr:
    import polars as pl

    named = pl.col("chip_name") == chip
    return named | (pl.col("chip_number") == int(chip)) if chip.isdecimal() else named
