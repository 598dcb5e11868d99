"""One group of IV sweeps: fit each run, average them all. This is what workers do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

import numpy as np

from treadle.lab.analysing import tables
from treadle.lab.analysing.averaging import averaged
from treadle.lab.analysing.fits import Choice, Sweep, choices, odd_fit
from treadle.lab.analysing.grouping import Group, Run
from treadle.lab.analysing.report import (
    ANALYSED,
    NO_CURRENT,
    NO_FORWARD,
    NO_RETURN,
    PARTLY,
    REJECTED,
)
from treadle.lab.errors import NoSweep, Rejected, Unreadable
from treadle.lab.extraction.model import Undetermined

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT: Final = 1
"""Version of what a group holds; when it grows, all groups are analysed again."""

CURRENT: Final = "I (A)"


class Settled(NamedTuple):
    """
    What became of one run of a group.

    Attributes:
        run_id: Its id.
        status: ``analysed``, ``partly`` or ``rejected``.
        reason: What is missing, or None.
        message: ... exactly.
        hint: What to do about it.
        lasts: It would be the same the next time.
        points: Points that were fitted or averaged.
        without_current: Rows of segments that have no current.
        fits: How many fits there are.
    """

    run_id: str
    status: str
    reason: str | None = None
    message: str | None = None
    hint: str | None = None
    lasts: bool = True
    points: int = 0
    without_current: int = 0
    fits: int = 0


class Analysed(TypedDict):
    """
    What is recorded of a group that was analysed.

    Attributes:
        key: Its name.
        proc: Its procedure.
        part: The file of its tables, relative to the root.
        size: Bytes of that file.
        runs: What became of each run, as in :class:`Settled`.
        has_resistance: Whether there is one.
    """

    key: str
    proc: str
    part: str
    size: int
    runs: list[tuple[Any, ...]]
    has_resistance: bool


@dataclass(frozen=True, slots=True)
class AnalyseOne:
    """
    Analyses one group; callable, and sent to each worker once.

    Attributes:
        segment_root: Where the segments are.
        out: Where the tables go.
        orders: Of the polynomials: odd, rising.
        near_zero_v: Up to which |V| a point is near zero; None: by the run's range.
        decimals: To how many of them voltages are rounded.
    """

    segment_root: Path
    out: Path
    orders: tuple[int, ...]
    near_zero_v: float | None
    decimals: int

    @property
    def version(self) -> str:
        """Text that differs when the same group would be analysed differently."""
        return f"{FORMAT} {json.dumps([self.orders, self.near_zero_v, self.decimals])}"

    def __call__(self, group: Group) -> Analysed:
        """
        Analyse *group*: all its tables appear at once, in one file.

        Raises:
            OSError: The place cannot be written to.
        """
        sweeps: dict[str, Sweep] = {}
        settled, fits = [], []
        for run in group.runs:
            try:
                sweep, without = self._sweep(group, run)
            except Rejected as why:
                settled.append(
                    Settled(run.run_id, REJECTED, why.reason, str(why), why.hint, why.lasts)
                )
                continue
            found = list(self._fits(run, sweep))
            settled.append(_settled(run, sweep, without, found))
            if sweep.voltage.size:
                sweeps[run.run_id] = sweep
                fits += found
        about, rows = averaged(group, sweeps, self.orders, self.decimals)
        made = {"groups": [about], "fits": fits, **rows}
        of_all = {
            "proc": group.proc,
            "chip_name": group.chip_name,
            "date_local": date.fromisoformat(group.date_local),
            "v_max_group": group.v_max_group,
        }
        batches = {
            name: _batch([{**of_all, **row} for row in made[name]], schema)
            for name, schema in tables.schemas(self.orders).items()
        }
        part = f"{tables.PARTS}/{hashlib.sha256(group.key.encode()).hexdigest()[:16]}.arrow"
        return Analysed(
            key=group.key,
            proc=group.proc,
            part=part,
            size=tables.put_part(batches, self.out / part),
            runs=[tuple(each) for each in settled],
            has_resistance=about["resistance"] is not None,
        )

    def _sweep(self, group: Group, run: Run) -> tuple[Sweep, int]:
        """Return the points of a run, and how many more have no current."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path, wanted = self.segment_root / run.part, [group.column, CURRENT]
        try:
            with pq.ParquetFile(path) as file:
                for name in wanted:
                    if name not in file.schema_arrow.names:
                        raise NoSweep(
                            f"{str(path)!r} has no column {name!r}", hint="it cannot be analysed"
                        )
                table = file.read([*wanted, "segment_id", "segment_type"], use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Unreadable(
                f"{str(path)!r} cannot be read: {error}",
                hint="segment it again: treadle lab segment --force",
            ) from error
        voltage, current = (table.column(name).to_numpy() for name in wanted)
        ids = table.column("segment_id").fill_null(-1).to_numpy()
        kinds = np.asarray(table.column("segment_type").to_pylist(), dtype="U16")
        inside = np.isfinite(voltage) & (np.char.find(kinds, "_") > 0)
        whole = inside & np.isfinite(current)
        back = np.char.startswith(kinds, "return")
        sweep = Sweep(voltage[whole], current[whole], ids[whole].astype(np.int64), back[whole])
        return sweep, int(inside.sum() - whole.sum())

    def _fits(self, run: Run, sweep: Sweep) -> Iterator[dict[str, Any]]:
        for choice in choices(sweep, self.near_zero_v):
            for order in self.orders:
                yield _odd_row(run, sweep, choice, order)


def _settled(run: Run, sweep: Sweep, without: int, fits: list[dict[str, Any]]) -> Settled:
    points = int(sweep.voltage.size)
    if not points:
        text = f"none of {without} rows has one" if without else "it has no segment"
        return Settled(run.run_id, REJECTED, NO_CURRENT, text, without_current=without)
    done = sum(row["reason"] is None for row in fits)
    missing = None
    if not sweep.is_return.any():
        missing = NO_RETURN
    elif sweep.is_return.all():
        missing = NO_FORWARD
    message = (
        None if missing is None else "what needs one is missing: see the reasons in its tables"
    )
    status = ANALYSED if missing is None else PARTLY
    return Settled(run.run_id, status, missing, message, None, True, points, without, done)


def _odd_row(run: Run, sweep: Sweep, choice: Choice, order: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run_id": run.run_id,
        "segment_id": choice.segment,
        "strategy": choice.strategy,
        "order": order,
        "n_points": int(choice.points.sum()),
        "reason": None,
    }
    try:
        fit = odd_fit(sweep.voltage[choice.points], sweep.current[choice.points], order)
    except Undetermined as why:
        return {**row, "reason": why.reason}
    for power, value, error in zip(fit.powers, fit.coefficients, fit.errors, strict=True):
        row |= {f"a{power}": float(value), f"a{power}_error": float(error)}
    return {**row, "r_squared": fit.r_squared, "rmse": fit.rmse, "mae": fit.mae}


def _batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(rows, schema=schema)
