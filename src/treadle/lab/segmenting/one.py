"""One staged sweep: cut it into segments, write them as one file. This is what workers do."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from treadle.lab.errors import NoSweep, Unreadable
from treadle.lab.places import PART, put_parquet

if TYPE_CHECKING:
    import pyarrow as pa


FORMAT = 2
"""Version of what a file of segments holds; when it grows, all sweeps are segmented again."""


class Sweep(NamedTuple):
    """
    A staged measurement to be segmented.

    Attributes:
        run_id: Its id.
        proc: Its procedure.
        part: Its Parquet file, relative to the stage root.
        size: Bytes of that file.
        column: The column that is swept.
        parameters: Its header's values, as JSON.
    """

    run_id: str
    proc: str
    part: str
    size: int
    column: str
    parameters: str


class Segmented(TypedDict):
    """
    What is recorded of a sweep that was segmented.

    Attributes:
        run_id: The measurement's id.
        proc: Its procedure.
        part: The file of its segments, relative to the root of all segments.
        size: Bytes of that file.
        rows: Rows of the measurement.
        segments: Of each segment: its id, type, direction, first and last row, first and last
            voltage, and number of points.
        dropped: Rows that are in no segment, by the reason.
        flags: What is odd about the sweep.
        method: What has found the segments.
        settings: Of that, as JSON.
    """

    run_id: str
    proc: str
    part: str
    size: int
    rows: int
    segments: list[tuple[int, str, str, int, int, float, float, int]]
    dropped: dict[str, int]
    flags: list[str]
    method: str
    settings: str


@dataclass(frozen=True, slots=True)
class SegmentOne:
    """
    Segments one sweep; callable, and sent to each worker once.

    Attributes:
        stage_root: Where the measurements are.
        out: Where their segments go.
        method: See :func:`treadle.lab.segments`.
        settings: Of the method.
    """

    stage_root: Path
    out: Path
    method: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Text that differs when the same sweep would be segmented differently."""
        return f"{FORMAT} {self.method} {json.dumps(self.settings, sort_keys=True)}"

    def __call__(self, sweep: Sweep) -> Segmented:
        """
        Segment *sweep*: all its segments appear at once, in one file.

        Raises:
            Rejected: The measurement cannot be read, or lacks the column.
            OSError: The place cannot be written to.
        """
        from treadle.lab.segmentation import segments, sweep_parameters

        table = self._table(sweep)
        voltages = table.column(sweep.column).to_numpy()
        expected = sweep_parameters(sweep.proc, json.loads(sweep.parameters or "{}"))
        found = segments(
            {sweep.column: voltages},
            column=sweep.column,
            method=self.method,
            expected=expected,
            **self.settings,
        )
        part = f"{sweep.part.rpartition('/')[0]}/{PART}"
        size = put_parquet(found.label_arrow(table), self.out / part)
        return Segmented(
            run_id=sweep.run_id,
            proc=sweep.proc,
            part=part,
            size=size,
            rows=table.num_rows,
            segments=[
                (s.id, s.type, s.direction, s.start, s.end, s.v_start, s.v_end, s.points)
                for s in found
            ],
            dropped=dict(sorted(Counter(reason for _, reason in found.dropped).items())),
            flags=list(found.flags),
            method=self.method,
            settings=json.dumps(self.settings, sort_keys=True),
        )

    def _table(self, sweep: Sweep) -> pa.Table:
        # Arrow's reader, as its writer: a query of Polars costs more than a small file.
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.stage_root / sweep.part
        try:
            with pq.ParquetFile(path) as file:
                table = file.read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Unreadable(
                f"{str(path)!r} cannot be read: {error}",
                hint="stage it again: treadle lab stage --force",
            ) from error
        names = table.column_names
        if sweep.column not in names or not pa.types.is_floating(table.field(sweep.column).type):
            raise NoSweep(
                f"{str(path)!r} has no numbers in a column {sweep.column!r}",
                hint=f"Config: sweep: of {sweep.proc} in procedures.yml names the swept column",
            )
        return table
