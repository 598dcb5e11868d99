"""What a segmentation is: branches of a sweep, and the rows that are in none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, overload

import treadle

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Direction = Literal["increasing", "decreasing", "unknown"]
SegmentType = Literal[
    "forward_negative", "return_negative", "forward_positive", "return_positive", "unknown"
]

INCOMPLETE_SWEEP = "INCOMPLETE_SWEEP"
"""The sweep was aborted: it did not reach what it was to reach, or did not come back."""

GLITCHES = "GLITCHES"
"""One or two rows at a time had a voltage that the sweep cannot have had."""

NAN_VOLTAGE = "NAN_VOLTAGE"
"""Some rows have no voltage, or an overflow."""

NO_SWEEP = "NO_SWEEP"
"""The voltage did not move, or there is none."""


@dataclass(frozen=True, slots=True)
class Segment:
    """
    One branch of a sweep: the voltage goes one way, on one side of zero.

    Attributes:
        id: Its place in the sweep: 0, 1, 2 ...
        type: ``forward`` away from zero or ``return`` towards it, ``negative`` or ``positive``;
            ``unknown`` where the voltage does not move.
        direction: ``increasing``, ``decreasing``, or ``unknown``.
        start: Its first row.
        end: Its last row; this one is in it.
        v_start: Voltage of the first row.
        v_end: Voltage of the last row.
        skipped: How many rows between the two are not in it (they are among the dropped).
    """

    id: int
    type: SegmentType
    direction: Direction
    start: int
    end: int
    v_start: float
    v_end: float
    skipped: int = 0

    @property
    def points(self) -> int:
        """How many rows it has."""
        return self.end - self.start + 1 - self.skipped


class Dropped(NamedTuple):
    """A row that is in no segment, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Segments(Sequence[Segment]):
    """
    The segments of one sweep, in order.

    Every row of the table is in exactly one of them or in `dropped`.

    Attributes:
        segments: The segments, as a tuple.
        dropped: The rows that are in none, in order, with the reason.
        flags: What is odd about the sweep, whichever the method: ``INCOMPLETE_SWEEP``,
            ``GLITCHES``, ``NAN_VOLTAGE``, ``NO_SWEEP``.
        method: The method that found them.
        rows: How many rows the table has.
    """

    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...]
    flags: tuple[str, ...]
    method: str
    rows: int

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Segment, ...]: ...
    def __getitem__(self, index: int | slice) -> Segment | tuple[Segment, ...]:
        return self.segments[index]

    def __len__(self) -> int:
        return len(self.segments)

    def label(self, table: pl.DataFrame) -> pl.DataFrame:
        """
        Return the table with the segment of each row; its own columns stay as they are.

        Added are ``segment_id`` (null: dropped), ``segment_type``, ``segment_direction``,
        ``point_in_segment`` (0, 1, 2 ...), ``dropped_reason`` (null: kept), ``segment_v_start``
        and ``segment_v_end``. Columns of these names are replaced.

        Raises:
            UsageError: The table is not the one that was segmented: it has more or fewer rows.
        """
        import polars as pl

        return cast("pl.DataFrame", pl.from_arrow(self.label_arrow(table.to_arrow())))

    def label_arrow(self, table: pa.Table) -> pa.Table:
        """
        Do as `label`, for a table of Arrow.

        Raises:
            UsageError: As there.
        """
        import numpy as np
        import pyarrow as pa

        if table.num_rows != self.rows:
            raise treadle.UsageError(
                f"the table has {table.num_rows} rows, the one that was segmented had {self.rows}",
                hint="label the table that was given to segments()",
            )
        ids = np.full(self.rows, -1, dtype=np.int32)
        for segment in self.segments:
            ids[segment.start : segment.end + 1] = segment.id
        ids[[row for row, _ in self.dropped]] = -1
        points = np.zeros(self.rows, dtype=np.int32)
        for segment in self.segments:
            inside = ids[segment.start : segment.end + 1] == segment.id
            points[segment.start : segment.end + 1] = np.cumsum(inside) - 1

        missing = ids < 0
        id_of = pa.array(ids, mask=missing)
        reasons: list[str | None] = [None] * self.rows
        for row, reason in self.dropped:
            reasons[row] = reason
        added = {
            "segment_id": id_of,
            "segment_type": pa.array([s.type for s in self], pa.string()).take(id_of),
            "segment_direction": pa.array([s.direction for s in self], pa.string()).take(id_of),
            "point_in_segment": pa.array(points, mask=missing),
            "dropped_reason": pa.array(reasons, pa.string()),
            "segment_v_start": pa.array([s.v_start for s in self], pa.float64()).take(id_of),
            "segment_v_end": pa.array([s.v_end for s in self], pa.float64()).take(id_of),
        }
        own = table.drop_columns([name for name in added if name in table.column_names])
        return pa.Table.from_arrays(
            [*own.columns, *added.values()], names=[*own.column_names, *added]
        )
