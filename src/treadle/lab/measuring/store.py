"""The store of metrics: ``metrics.parquet``, one row for each metric of each run.

What is found is merged into what is there, by run, metric and version of the extractor; nothing
else is touched. Rows go only with the measurements that they are of.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.lab.measuring.work import Record
from treadle.lab.places import put_list

if TYPE_CHECKING:
    import polars as pl

METRICS: Final = "metrics.parquet"
"""The name of the store in the root of all metrics."""

ABOUT: Final = (
    "run_id", "proc", "chip_group", "chip_number", "chip_name", "date_local", "start_time_utc",
    "file_idx", "source_file",
)  # fmt: skip
"""The columns of the manifest that each metric is shown with."""

_ORDER: Final = (
    "chip_group", "chip_number", "proc", "start_time_utc", "run_id", "metric", "current", "version",
)  # fmt: skip
_SAME: Final = ("run_id", "extractor", "version")
_AT_ONCE: Final = 512  # runs whose records become columns together


def record_types() -> dict[str, Any]:
    """Return name and type of the columns that are a record's own."""
    import polars as pl

    text, number, texts = pl.String, pl.Float64, pl.List(pl.String)
    own = dict.fromkeys(Record._fields, text)
    return own | {
        "value": number,
        "uncertainty": number,
        "confidence": number,
        "flags": texts,
        "runs": texts,
        "current": pl.Boolean,
    }


def frame_of(found: Iterable[Iterable[Record]]) -> pl.DataFrame:
    """
    Make a frame of records; a few hundred runs at a time, as objects take ten times the memory.

    Args:
        found: The records of each run.
    """
    import polars as pl

    types = record_types()
    runs = iter(found)
    frames = [pl.DataFrame(schema=types)]
    while some := [record for records in islice(runs, _AT_ONCE) for record in records]:
        columns = list(zip(*some, strict=True))
        made = [
            pl.Series(name, list(column), dtype=types[name])
            for name, column in zip(Record._fields, columns, strict=True)
        ]
        frames.append(pl.DataFrame(made).with_columns(current=pl.lit(value=True)))
    return pl.concat(frames)


def read(
    root: Path, *, columns: Sequence[str] | None = None, run_ids: pl.Series | None = None
) -> pl.DataFrame:
    """
    Return the records in the store of *root*, all versions; none where there is no store.

    Args:
        root: The folder of the store.
        columns: Only these; default: all.
        run_ids: Only the records of these runs; default: of all.

    Raises:
        UsageError: It cannot be read.
    """
    import polars as pl

    path = root / METRICS
    hint = "move the file away: treadle lab metrics finds all of them again"
    if not path.is_file():
        return pl.DataFrame(schema=record_types()).select(columns or pl.all())
    try:
        rows = pl.scan_parquet(path, hive_partitioning=False, glob=False)
        there = rows.collect_schema()
        for name in record_types():
            if name not in there:
                raise treadle.UsageError(
                    f"the table {str(path)!r} lacks the column {name!r}", hint=hint
                )
        if run_ids is not None:
            rows = rows.join(pl.LazyFrame({"run_id": run_ids}), on="run_id", how="semi")
        return rows.select(columns or pl.all()).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise treadle.UsageError(
            f"the metrics {str(path)!r} cannot be read: {error}", hint=hint
        ) from error


def merged(old: pl.DataFrame, new: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """
    Put *new* records into *old* ones, with what the manifest says of their runs.

    Args:
        old: The store as it is.
        new: What was found; it replaces what the same version of the same extractor has found of
            the same run, whichever metrics that were.
        listed: The manifest's rows of all staged runs; records of others are left out.
    """
    import polars as pl

    own = list(record_types())
    kept = old.select(own).join(new, on=list(_SAME), how="anti")
    again = new.select("run_id", "extractor").unique().with_columns(current=pl.lit(value=False))
    kept = kept.update(again, on=["run_id", "extractor"])
    both = pl.concat([kept, new.select(own)])
    front = [*ABOUT, *(name for name in own if name not in ABOUT)]
    about = listed.select(ABOUT)
    return both.join(about, on="run_id", how="inner").select(front).sort(_ORDER)


def write(root: Path, frame: pl.DataFrame) -> Path:
    """
    Put *frame* in the place of the store, whole or not at all.

    Raises:
        OSError: The place cannot be written to.
    """
    put_list(frame, root / METRICS)
    return root / METRICS


def newest(frame: pl.DataFrame) -> pl.DataFrame:
    """Return what was found last of each run by each extractor, whichever its version was."""
    return frame.filter(frame["current"])


def read_metrics(
    root: str | os.PathLike[str],
    *,
    chip: str | int | None = None,
    metric: str | None = None,
    status: str | None = None,
    all_versions: bool = False,
) -> pl.DataFrame:
    """
    Return the metrics of all runs, one row for each metric of each run.

    Args:
        root: The folder that :func:`treadle.lab.metrics` has written, or OUT of a pipeline.
        chip: Only that chip's, by its name or its number.
        metric: Only this one: ``"cnp_voltage"``.
        status: Only those: ``"ok"``.
        all_versions: Also what earlier versions of an extractor have found.

    Returns:
        A Polars data frame in order of chip, procedure and start time. ``value`` and
        ``uncertainty`` are in ``unit``, and null unless ``status`` is ``ok``; ``reason`` says why.

    Raises:
        UsageError: There are no metrics, or they cannot be read.
    """
    import polars as pl

    from treadle.lab.manifest_file import of_chip

    given = Path(root)
    at = next((each for each in (given / "metrics", given) if (each / METRICS).is_file()), None)
    if at is None:
        raise treadle.UsageError(
            f"there are no metrics in {str(given)!r}",
            hint="treadle lab metrics STAGE METRICS finds them",
        )
    frame = read(at)
    wanted = [
        of_chip(str(chip)) if chip is not None else None,
        pl.col("metric") == metric if metric else None,
        pl.col("status") == status if status else None,
    ]
    frame = frame if all_versions else newest(frame)
    return frame.filter(*[each for each in wanted if each is not None])


def fingerprints(frame: pl.DataFrame) -> Iterator[tuple[tuple[str, str], str | None]]:
    """Yield run and extractor, and the fingerprint of what was found; None: to be tried again."""
    import polars as pl

    mark = pl.col("fingerprint")
    known = (
        newest(frame)
        .group_by("run_id", "extractor")
        .agg(pl.when(mark.is_null().any()).then(None).otherwise(mark.last()).alias("fingerprint"))
    )
    for run_id, extractor, fingerprint in known.iter_rows():
        yield (run_id, extractor), fingerprint
