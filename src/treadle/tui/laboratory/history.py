"""A stage root as the screens see it: its chips, their histories, what was rejected.

It is read once, in a thread; choosing among its runs after that takes some milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import treadle
from treadle.tui.laboratory import measured
from treadle.tui.laboratory.measured import AMONG_RUNS, Measured

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.plotting import Plot, Staged
    from treadle.lab.roots import Roots

Light = Literal["all", "light", "dark"]
LIGHTS: tuple[Light, ...] = ("all", "light", "dark")

_STAGE, _SEGMENT = "stage", "segment"  # the folders that a pipeline makes
_MANIFEST = "_manifest/manifest.parquet"
_FOUND_IN = (
    "run_id", "proc", "chip_name", "source_file", "information", "sample", "flags", "date_local",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chip:
    """
    A chip, or another choice of runs.

    Attributes:
        name: Its name; None for runs without a chip; ``"*"`` for all runs.
        count: How many runs it has.
    """

    name: str | None
    count: int

    @property
    def title(self) -> str:
        """What people read."""
        return {"*": "all chips", None: "no chip"}.get(self.name, str(self.name))


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Which runs are to be seen, and in which order.

    Attributes:
        chip: As in :class:`Chip`.
        words: What a run must hold, all of them.
        light: Whether the laser was on; a run of which that is not known is in ``"all"`` only.
        order: The column they are sorted by.
        backwards: From the greatest to the least.
        procedures: Only those'; none: all.
    """

    chip: str | None = "*"
    words: str = ""
    light: Light = "all"
    order: str = "start_time_utc"
    backwards: bool = False
    procedures: tuple[str, ...] = ()

    @property
    def chip_title(self) -> str:
        """The chip, as people read it."""
        return Chip(self.chip, 0).title

    def ordered_by(self, column: str) -> Choice:
        """Return the same choice sorted by *column*; the other way round if it is so already."""
        if column == self.order:
            return replace(self, backwards=not self.backwards)
        return replace(self, order=column, backwards=False)

    def lit_next(self) -> Choice:
        """Return the same choice in the next light."""
        return replace(self, light=LIGHTS[(LIGHTS.index(self.light) + 1) % len(LIGHTS)])


@dataclass(frozen=True, slots=True, eq=False)
class Laboratory:
    """
    One stage root.

    Attributes:
        roots: Its folders.
        runs: The manifest's rows of what is staged, in order of time, with columns of ours:
            ``local`` (start by the clock on the wall), ``segments`` and ``words``; and with those
            of :attr:`Measured.columns`.
        rejects: Those of what was rejected.
        chips: All runs; the chips by name; at last the runs without one.
        measured: Their metrics; None: none were made.
    """

    roots: Roots
    runs: pl.DataFrame
    rejects: pl.DataFrame
    chips: tuple[Chip, ...]
    measured: Measured | None = None

    @property
    def root(self) -> Path:
        """The folder that was staged into."""
        return self.roots.stage

    def chosen(self, choice: Choice) -> pl.DataFrame:
        """Return the runs of a choice, in its order."""
        import polars as pl

        wanted: list[pl.Expr] = [
            pl.col("words").str.contains(word, literal=True)
            for word in choice.words.lower().split()
        ]
        if choice.chip != "*":
            wanted.append(pl.col("chip_name").eq_missing(choice.chip))
        if choice.light != "all":
            wanted.append(pl.col("has_light") == (choice.light == "light"))
        if choice.procedures:
            wanted.append(pl.col("proc").is_in(choice.procedures))
        found = self.runs.filter(*wanted) if wanted else self.runs
        if choice.order == "start_time_utc" and not choice.backwards:
            return found
        return found.sort(
            choice.order, descending=choice.backwards, nulls_last=True, maintain_order=True
        )

    def load(self, run_ids: Sequence[str]) -> list[Staged]:
        """
        Read measurements, with their segments where there are some.

        Raises:
            UsageError: One of them is not there, or cannot be read.
        """
        from treadle.lab import plotting

        return plotting.load(self.root, run_ids, segment_root=self.roots.segment, rows=self.runs)

    def segments_of(self, run_id: str) -> list[dict[str, Any]]:
        """Return the segments of one run, as the list of segments has them."""
        import polars as pl

        root = self.roots.segment
        if root is None:
            return []
        try:
            found = pl.scan_parquet(
                root / "_manifest" / "segments.parquet", hive_partitioning=False
            )
            return found.filter(pl.col("run_id") == run_id).collect().to_dicts()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise treadle.UsageError(
                f"the segments in {str(root)!r} cannot be read: {error}",
                hint="treadle lab segment STAGE OUT makes them anew",
            ) from error

    def number_columns(self, rows: pl.DataFrame) -> list[tuple[str, int]]:
        """Return the columns of numbers that differ among *rows*, and how many values they have."""
        own = {"chip_number", "schema_version", "size", "file_idx"}
        found = []
        for name in rows.columns:
            is_own = name in own or name.startswith(AMONG_RUNS)
            if not is_own and rows[name].dtype.is_numeric():
                values = rows[name].drop_nulls()
                if len(values):
                    found.append((name, len(values)))
        return found

    def trend(self, choice: Choice, column: str) -> Plot:
        """
        Return a number of the runs of a choice, over time.

        Args:
            choice: The runs.
            column: One of :meth:`number_columns`; or a metric, after :data:`AMONG_RUNS`.

        Raises:
            UsageError: None of them has it.
        """
        from treadle.lab import plotting

        runs = self.chosen(choice)
        if self.measured is not None and column.startswith(AMONG_RUNS):
            return self.measured.trend(runs, column.removeprefix(AMONG_RUNS))
        return plotting.trend(runs, column)


def looks_staged(folder: Path) -> bool:
    """Tell whether *folder* is a stage root, or holds one as a pipeline leaves it."""
    return stage_root(folder) is not None


def stage_root(folder: Path) -> Path | None:
    """Return *folder* if it is a stage root, or the one in it; None for none."""
    for each in (folder, folder / _STAGE):
        try:
            if (each / _MANIFEST).is_file() and each.name != _SEGMENT:
                return each
        except (OSError, ValueError):  # no path at all, or one that cannot be looked at
            continue
    return None


def read(folder: Path) -> Laboratory:
    """
    Read a stage root, or the folder that a pipeline was told to write to, with the metrics of it.

    It takes as long as the disk does: call it in a thread.

    Raises:
        UsageError: There is none, or it cannot be read.
        MissingExtra: The libraries of the extra ``lab`` are not installed.
    """
    from treadle import lab

    folder = folder.expanduser()
    manifest = lab.manifest  # raises what is missing before anything else is looked at
    root = stage_root(folder)
    if root is None:
        root = folder.parent / _STAGE if folder.name == _SEGMENT else folder
    rows = manifest(root)
    from treadle.lab.roots import roots

    return _laboratory(roots(root), rows)


def _laboratory(roots: Roots, rows: pl.DataFrame) -> Laboratory:
    import polars as pl

    staged = rows.filter(pl.col("status") == "staged").sort("start_time_utc", nulls_last=True)
    zones = staged["local_tz"].drop_nulls()
    local = pl.col("start_time_utc").dt.convert_time_zone(zones[0] if len(zones) else "UTC")
    runs = _with_segments(staged, roots.segment).with_columns(
        local.dt.replace_time_zone(None).alias("local"), _words(staged)
    )
    found = measured.read(roots)
    if found is not None:
        runs = runs.join(found.columns, on="run_id", how="left", maintain_order="left")
    counts = dict(runs.group_by("chip_name").len().iter_rows())
    without = counts.pop(None, 0)
    chips = [Chip("*", runs.height), *(Chip(name, counts[name]) for name in _natural(counts))]
    if without:
        chips.append(Chip(None, without))
    rejects = rows.filter(pl.col("status") == "rejected")
    return Laboratory(roots, runs, rejects, tuple(chips), found)


def _words(rows: pl.DataFrame) -> pl.Expr:
    """Return what the text of a filter is looked for in."""
    import polars as pl

    texts: list[pl.Expr] = []
    for name in _FOUND_IN:
        column = pl.col(name)
        if rows.schema.get(name) == pl.List(pl.String):
            column = column.list.join(" ")
        texts.append(column.cast(pl.String))
    light = pl.col("has_light").replace_strict(
        {True: "light", False: "dark"}, return_dtype=pl.String
    )
    wavelength = pl.when("has_light").then(
        pl.format("{}nm", pl.col("wavelength_nm").cast(pl.Int64))
    )
    there = [each for each, name in zip(texts, _FOUND_IN, strict=True) if name in rows.columns]
    return pl.concat_str(
        [*there, light, wavelength], separator=" ", ignore_nulls=True
    ).str.to_lowercase().alias("words")  # fmt: skip


def _with_segments(rows: pl.DataFrame, segment_root: Path | None) -> pl.DataFrame:
    """Add how many segments each run has; null where it was not segmented."""
    import polars as pl

    if segment_root is None:
        return rows.with_columns(pl.lit(None, dtype=pl.Int64).alias("segments"))
    try:
        listed = pl.read_parquet(
            segment_root / _MANIFEST, columns=["run_id", "segments"], hive_partitioning=False
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise treadle.UsageError(
            f"the list of segments in {str(segment_root)!r} cannot be read: {error}",
            hint="treadle lab segment STAGE OUT makes it anew",
        ) from error
    counts = listed.drop_nulls("run_id").unique("run_id", keep="last")
    return rows.join(
        counts.with_columns(pl.col("segments").cast(pl.Int64)), on="run_id", how="left",
        maintain_order="left",
    )  # fmt: skip


def _natural(names: dict[str, int]) -> list[str]:
    """Sort names so that numbers in them count as numbers."""
    import re

    def parts(name: str) -> list[tuple[bool, int, str]]:
        return [
            (not part.isdecimal(), int(part) if part.isdecimal() else 0, part.lower())
            for part in re.split(r"([0-9]+)", name)
            if part
        ]

    return sorted(names, key=parts)
