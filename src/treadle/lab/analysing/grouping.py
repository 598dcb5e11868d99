"""Which runs belong together: those of the same chip, on the same day, over the same range."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from treadle.lab import places
from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl

NEEDED = (
    "run_id", "proc", "date_local", "start_time_utc", "chip_group", "chip_number", "chip_name",
    "source_file", "has_light", "wavelength_nm", "laser_voltage_V", "vg_fixed_v",
)  # fmt: skip
"""Columns of the manifest of a stage root; the last three are there as the schema has it."""


MIXED_LIGHT: Final = "MIXED_LIGHT"
"""Runs that are averaged differ in the light that they were in."""
MIXED_GATE: Final = "MIXED_GATE"
"""Runs that are averaged differ in their gate voltage."""

Conditions = tuple[tuple[float | None, float | None] | None, float | None]
"""Laser voltage and wavelength, or None: dark, or not known; and gate voltage."""


def conditions(facts: Mapping[str, Any]) -> Conditions:
    """Return what a run was in, by its row of the manifest."""
    light = (facts.get("laser_voltage_V"), facts.get("wavelength_nm"))
    return light if facts.get("has_light") else None, facts.get("vg_fixed_v")


def mixed(runs: Iterable[Conditions]) -> list[str]:
    """Return the flags of runs that are averaged though they were not in the same conditions."""
    lights, gates = map(set, zip(*runs, strict=True))
    return [MIXED_LIGHT] * (len(lights) > 1) + [MIXED_GATE] * (len(gates) > 1)


class Run(NamedTuple):
    """
    One sweep of a group.

    Attributes:
        run_id: Its id.
        part: The file of its segments, relative to the root of all segments.
        size: Bytes of that file.
        incomplete: It was aborted.
        light: Laser voltage and wavelength; None: dark, or not known.
        gate: Its gate voltage, or None.
        method: What has found its segments, with the settings of that.
    """

    run_id: str
    part: str
    size: int
    incomplete: bool
    light: tuple[float | None, float | None] | None
    gate: float | None
    method: str


class Group(NamedTuple):
    """
    Runs of one procedure that are averaged.

    Attributes:
        proc: The procedure.
        chip_name: The chip; None: these runs say of no chip, and may be of several.
        chip_group: ... as in the header.
        chip_number: ... as in the header.
        date_local: The day, as ``2025-09-04``.
        v_max_group: The largest |V| of each of them, rounded by :func:`v_max_group`.
        column: The swept column.
        runs: By their start times.
    """

    proc: str
    chip_name: str | None
    chip_group: str | None
    chip_number: int | None
    date_local: str
    v_max_group: float
    column: str
    runs: tuple[Run, ...]

    @property
    def key(self) -> str:
        """A name for it that stays the same when runs come to it."""
        chip = "(no chip)" if self.chip_name is None else self.chip_name
        return f"{self.proc} {chip} {self.date_local} {self.v_max_group:g} V"


def v_max_group(v_max: float) -> float:
    """
    Round the range of a sweep: to one decimal, below 1 V to two digits (3.0, 0.72, 0.05).

    Args:
        v_max: In V; more than 0.
    """
    return round(v_max, max(1, 1 - math.floor(math.log10(v_max))))


class Groups:
    """
    A source of the groups of a stage root; keys are their names.

    Args:
        groups: All of them.
        procedures: Those to be analysed.
        version: Text that differs when the same group would be analysed differently.
    """

    def __init__(self, groups: Sequence[Group], procedures: Collection[str], version: str) -> None:
        self._groups = [each for each in groups if each.proc in procedures]
        self._version = version

    def __iter__(self) -> Iterator[Group]:
        """Yield the groups."""
        return iter(self._groups)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._groups)

    def key(self, value: Group, index: int) -> str:  # noqa: ARG002  a source's key() gets both
        """Return the name of the group."""
        return value.key

    def fingerprint(self, value: Group) -> str:
        """Return what differs when a run of the group, or how it is analysed, has changed."""
        return hashlib.sha256(f"{value!r} {self._version}".encode()).hexdigest()[:16]


def grouped(
    listed: pl.DataFrame, segment_root: Path, swept: dict[str, str]
) -> tuple[list[Group], list[Reject]]:
    """
    Sort the sweeps of a stage root into groups.

    Args:
        listed: Columns :data:`NEEDED` of its manifest.
        segment_root: Where the segments are.
        swept: By procedure, the column that is swept.

    Returns:
        The groups in order of procedure, chip, day and range; and the runs that are in none.
    """
    import polars as pl

    rows = (
        listed.filter(pl.col("proc").is_in(list(swept)))
        .join(_sweeps(segment_root), on="run_id", how="left")
        .sort("start_time_utc", "run_id")
    )
    members: defaultdict[tuple[str, str | None, str, float], list[dict[str, Any]]]
    members, rejects = defaultdict(list), []
    for row in rows.iter_rows(named=True):
        size = row["path"] and (places.stat_of(segment_root / row["path"]) or (None,))[0]
        if size is None or not row["v_max"]:
            rejects.append(_reject(row))
            continue
        of = (row["proc"], row["chip_name"], str(row["date_local"]), v_max_group(row["v_max"]))
        members[of].append({**row, "size": size})
    groups = [_group(found, swept) for found in members.values()]
    return sorted(groups, key=_order), rejects


def _group(rows: list[dict[str, Any]], swept: dict[str, str]) -> Group:
    first = rows[0]
    return Group(
        proc=first["proc"],
        chip_name=first["chip_name"],
        chip_group=first["chip_group"],
        chip_number=first["chip_number"],
        date_local=str(first["date_local"]),
        v_max_group=v_max_group(first["v_max"]),
        column=swept[first["proc"]],
        runs=tuple(_run(row) for row in rows),
    )


def _order(group: Group) -> tuple[Any, ...]:
    is_none = group.chip_name is None
    return (
        group.proc, is_none, group.chip_group or "", group.chip_number or 0,
        group.chip_name or "", group.date_local, group.v_max_group,
    )  # fmt: skip


def _sweeps(segment_root: Path) -> pl.DataFrame:
    """Return a row for each sweep that segmenting has looked at, with its largest |V|."""
    import polars as pl

    from treadle.lab.segmenting.driver import SEGMENTS

    names = ("run_id", "status", "path", "flags", "method", "settings", "reason", "message")
    sweeps = pl.read_parquet(segment_root / places.MANIFEST, hive_partitioning=False)
    each = pl.read_parquet(segment_root / SEGMENTS, hive_partitioning=False)
    farthest = pl.max_horizontal(pl.col("v_start", "v_end").fill_nan(None).abs()).max()
    ranges = each.group_by("run_id").agg(farthest.alias("v_max"))
    return sweeps.select(names).join(ranges, on="run_id", how="left")


def _run(row: dict[str, Any]) -> Run:
    return Run(
        row["run_id"],
        row["path"],
        row["size"],
        "INCOMPLETE_SWEEP" in row["flags"],
        *conditions(row),
        f"{row['method']} {row['settings']}",
    )


def _reject(row: dict[str, Any]) -> Reject:
    """Say why a run is in no group."""
    run_id, again = row["run_id"], "treadle lab segment STAGE SEGMENTS"
    if row["status"] is None:
        return Reject(run_id, "not segmented", "the list of segments does not have it", again)
    if row["status"] != "segmented":
        return Reject(run_id, row["reason"] or "not segmented", row["message"] or "", again)
    if not row["v_max"]:
        return Reject(run_id, "no sweep", "its voltage does not move, or there is none")
    return Reject(run_id, "segments are gone", f"{row['path']!r} is not there", again + " --force")
