"""Analyse the IV sweeps of a stage root: the groups that are new or changed, and all tables.

``OUT/<table>.parquet`` are made anew from what is kept of each group, whichever session did it;
``OUT/_manifest/manifest.parquet`` says what became of each run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import treadle
from treadle.cli import typed
from treadle.lab import manifest_file, places
from treadle.lab.analysing.grouping import NEEDED, Group, Groups, grouped
from treadle.lab.analysing.listing import run_list
from treadle.lab.analysing.one import Analysed, AnalyseOne, Settled
from treadle.lab.analysing.report import PARTLY, REJECTED, IvReport
from treadle.lab.analysing.tables import PARTS, TABLES, put_tables, schemas
from treadle.lab.lock import only_one
from treadle.lab.recorded import Ran, newest, seen_through, stored
from treadle.lab.schema import load_schema
from treadle.lab.staging.driver import check_workers
from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl

NAME: Final = "iv"
"""Of the runs in the record."""

_DEFAULT: Final = ("IV",)
_PATIENCE: Final = 300.0  # seconds for one group
_HIGHEST_ORDER: Final = 15  # beyond it, doubles do not tell the powers apart
_MOST_DECIMALS: Final = 9


def iv(
    stage_root: str | os.PathLike[str],
    segment_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    poly_orders: Sequence[int] = (1, 3, 5, 7),
    procedures: str | Sequence[str] | None = None,
    near_zero_v: float | None = None,
    voltage_decimals: int = 2,
    force: bool = False,
    timeout: float | None = _PATIENCE,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
) -> IvReport:
    """
    Fit, average and compare the IV sweeps of a stage root.

    Runs of the same procedure, chip, day and range (the largest |V|, to one decimal, below 1 V
    to two digits) make a group. In OUT, ``fits`` has the odd polynomials of each run; ``groups``
    the line through the mean return of each group and its resistance; ``polynomials``,
    ``statistics``, ``hysteresis`` and ``peaks`` what their names say; all ``.parquet``, to be read
    with :func:`read_iv`. ``_manifest/manifest.parquet`` says what became of each run. Run again,
    this does the groups that are new or changed.

    Args:
        stage_root: A folder that :func:`stage` has written.
        segment_root: The folder that :func:`segment` has written from it.
        out: The folder for the tables; made if need be.
        poly_orders: Of the polynomials: odd, from 1 to 15.
        procedures: Those that are analysed; they must be sweeps by the schema. Default: ``IV``.
        near_zero_v: Up to which |V| points are near zero, in V. Default: a fifth of the run's
            largest.
        voltage_decimals: Voltages are averaged that agree in so many decimals (in V), or to the
            nearest step where steps are finer than that.
        force: Analyse again what is analysed already.
        timeout: Seconds for each group (default 300).
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there.
        pool: See there.

    Raises:
        UsageError: A folder is not what it should be, an option cannot be used, a procedure is no
            sweep, or another process writes into OUT. Nothing was done.
        Interrupted: Ctrl-C; what has settled is in the tables.
        RunFailed: The run could not go on.
    """
    began = time.monotonic()
    root = places.check_root(stage_root, "stage root")
    segments = places.check_root(segment_root, "root of the segments")
    place = Path(out).resolve()
    check_workers(backend, start_method)
    _check_folders(root, segments, place)
    one = AnalyseOne(
        segments, place, _orders(poly_orders), _near_zero(near_zero_v), _decimals(voltage_decimals)
    )
    swept = _swept(root)
    asked = _asked(procedures, swept)
    listed = _listed(root)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        was_ended = stack.enter_context(only_one(place, "analysing IV sweeps"))
        groups, rejects = grouped(listed, segments, swept)
        session = _Session(root, one, groups, asked, listed, rejects, force=force)
        session.begin(was_ended=was_ended)
        report = seen_through(session, pool, timeout, progress)
    report.elapsed = time.monotonic() - began
    return report


def _check_folders(root: Path, segments: Path, place: Path) -> None:
    if not (segments / places.SEGMENTED).is_file():
        raise treadle.UsageError(
            f"{str(segments)!r} holds no segments", hint="treadle lab segment STAGE SEGMENTS"
        )
    for each in (places.STAGED, places.SEGMENTED):
        if (place / each).is_file():
            raise treadle.UsageError(
                f"the tables would be written over what they are made from: {str(place)!r}",
                hint="name another folder",
            )
    if not (root / places.MANIFEST).is_file():
        raise treadle.UsageError(
            f"{str(root)!r} holds no staged measurements", hint="treadle lab stage RAW STAGE"
        )


def _orders(given: Sequence[int]) -> tuple[int, ...]:
    orders = tuple(sorted(set(given)))
    for order in orders:
        is_whole = isinstance(order, int) and not isinstance(order, bool)
        if not is_whole or order % 2 == 0 or not 1 <= order <= _HIGHEST_ORDER:
            raise treadle.UsageError(
                f"an order must be odd, from 1 to {_HIGHEST_ORDER}, got {order!r}",
                hint="poly_orders=(1, 3, 5, 7)",
            )
    if not orders:
        raise treadle.UsageError("there are no poly_orders", hint="poly_orders=(1, 3, 5, 7)")
    return orders


def _near_zero(given: float | None) -> float | None:
    if given is not None and not (math.isfinite(given) and given > 0):
        raise treadle.UsageError(
            f"near_zero_v must be a voltage above 0, got {given!r}", hint="near_zero_v=0.1"
        )
    return given


def _decimals(given: int) -> int:
    if not 0 <= given <= _MOST_DECIMALS:
        raise treadle.UsageError(
            f"voltage_decimals must be from 0 to {_MOST_DECIMALS}, got {given!r}",
            hint="voltage_decimals=2",
        )
    return given


def _swept(root: Path) -> dict[str, str]:
    """Return the swept columns by procedure, as the stage root's own schema has them."""
    own = root / places.SCHEMA
    schema = load_schema(own, with_default=False) if own.is_file() else load_schema(None)
    return {name: each.sweep for name, each in schema.procedures.items() if each.sweep}


def _asked(procedures: str | Sequence[str] | None, swept: Mapping[str, str]) -> tuple[str, ...]:
    if procedures is None:
        return tuple(name for name in _DEFAULT if name in swept)
    asked = (procedures,) if isinstance(procedures, str) else tuple(procedures)
    for name in asked:
        if name not in swept:
            raise treadle.UsageError(
                f"{name!r} is no sweep by the schema, which has: {', '.join(sorted(swept))}",
                hint="procedures=('IV',)",
            )
    return asked


def _listed(root: Path) -> pl.DataFrame:
    import polars as pl

    there = pl.read_parquet_schema(root / places.MANIFEST)
    columns = [name for name in NEEDED if name in there]
    return manifest_file.manifest(root, status="staged", columns=columns)


class _Session:
    """One analysis, from the first group to the tables."""

    def __init__(
        self,
        root: Path,
        one: AnalyseOne,
        groups: list[Group],
        asked: tuple[str, ...],
        listed: pl.DataFrame,
        rejects: list[Reject],
        *,
        force: bool,
    ) -> None:
        self._root = root
        self._one = one
        self._out = one.out
        self._groups = {group.key: group for group in groups}
        self._source = Groups(groups, asked, one.version)
        self._asked = asked
        self._listed = listed
        self._rejects = rejects
        self._ran = Ran()
        self._earlier = newest(self._out, NAME)
        self._known: set[str] = set()
        self._redo = self._lost(everything=force)

    def begin(self, *, was_ended: bool) -> None:
        """Say what this is made of; after a crash, forget what the tables were made of."""
        notes = {} if not was_ended else places.read_json(self._out / places.ANALYSED)
        self._made_of = notes.get("made_of")
        self._note(self._made_of)

    def _note(self, made_of: str | None) -> None:
        said = {
            **places.made_of(self._root, self._out),
            "segment_root": str(self._one.segment_root),
            "segment_beside": os.path.relpath(self._one.segment_root, self._out),
            "made_of": made_of,
        }
        places.keep_text(self._out / places.ANALYSED, json.dumps(said))

    def _lost(self, *, everything: bool) -> set[str]:
        """Return the groups to do again: those whose file is gone, or a run failed by chance."""
        redo: set[str] = set()
        if self._earlier is None:
            return redo
        for key, found in stored(self._earlier):
            self._known.add(key)
            lasts = all(Settled(*each).lasts for each in found["runs"])
            if everything or not lasts or not places.has(self._out, found["part"], found["size"]):
                redo.add(key)
        for outcome in self._earlier.failures():
            self._known.add(str(outcome.key))
            redo.add(str(outcome.key))
        self._earlier.close()
        return redo

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        again: dict[str, Any] = {}
        if self._earlier is not None:
            again = {"resume": self._earlier.id, "redo": self._redo}
        pool.run(
            self._one,
            self._source,
            name=NAME,
            runs_dir=self._out / places.RUNS,
            timeout=timeout,
            progress=progress,  # type: ignore[arg-type]  # checked there
            listeners=[self._ran],
            command=typed(),
            **again,
        )

    def close(self) -> IvReport:
        """Make the tables, remove what has no run any more, and report."""
        report = IvReport(stage_root=self._root, segment_root=self._one.segment_root, out=self._out)
        report.slowest, report.groups = self._ran.slowest, len(self._source)
        settled: dict[str, Analysed] = {}
        failed: dict[str, treadle.FailedOutcome] = {}
        now = newest(self._out, NAME)
        if now is not None:
            report.run_id = now.id
            settled = {key: found for key, found in stored(now) if key in self._groups}
            failed = {
                str(outcome.key): outcome
                for outcome in now.failures()
                if str(outcome.key) in self._groups and outcome.kind != "cancelled"
            }
            now.close()
        runs = run_list(self._listed, self._groups, settled, failed, self._rejects, self._asked)
        self._count(report, settled, failed, runs)
        self._write(settled)
        places.put_list(runs, self._out / places.MANIFEST)
        report.manifest = self._out / places.MANIFEST
        report.removed = len(self._known - self._groups.keys())
        self._sweep({found["part"] for found in settled.values()})
        return report

    def _count(
        self,
        report: IvReport,
        settled: dict[str, Analysed],
        failed: dict[str, treadle.FailedOutcome],
        runs: pl.DataFrame,
    ) -> None:
        for group in self._source:
            if group.key in failed:
                report.failed += 1
            elif found := settled.get(group.key):
                is_new = group.key not in self._known
                again = group.key in self._ran.keys and not is_new
                report.new += is_new
                report.changed += again
                report.unchanged += not is_new and not again
                report.without_resistance += not found["has_resistance"]
        mine = [row for row in runs.iter_rows(named=True) if row["proc"] in self._asked]
        report.runs = len(mine)
        report.rejects = [
            Reject(row["run_id"], row["reason"], row["message"] or "", row["hint"])
            for row in mine
            if row["status"] == REJECTED
        ]
        report.rejected = len(report.rejects)
        reasons = Counter(row["reason"] for row in mine if row["status"] == PARTLY)
        report.partly, report.reasons = reasons.total(), dict(reasons.most_common())

    def _write(self, settled: dict[str, Analysed]) -> None:
        """Make the tables, unless they are made of the very same groups."""
        found = [(key, settled[key]) for key in self._groups if key in settled]
        text = json.dumps([[key, each["part"], each["runs"]] for key, each in found])
        fingerprints = "".join(self._source.fingerprint(self._groups[key]) for key, _ in found)
        made_of = hashlib.sha256((text + fingerprints).encode()).hexdigest()[:16]
        are_there = all((self._out / f"{name}.parquet").is_file() for name in TABLES)
        if made_of == self._made_of and are_there and not self._ran.keys:
            return
        wanted = schemas(self._one.orders)
        put_tables(self._out, (self._out / each["part"] for _, each in found), wanted)
        self._note(made_of)

    def _sweep(self, keep: set[str]) -> None:
        """Remove the files of groups that are no more, and what a killed worker has left."""
        for path in (self._out / PARTS).glob("*.*"):
            if f"{PARTS}/{path.name}" not in keep:
                path.unlink(missing_ok=True)
