"""One staged run, read once, and all its metrics. This is what workers do."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

import treadle
from treadle.lab.chips import Chip
from treadle.lab.errors import Unreadable
from treadle.lab.extraction import (
    Absent,
    Extractor,
    NotApplicable,
    StagedRun,
    Undetermined,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import ArrayLike

_PACKAGE: Final = Path(treadle.__file__).parent

FORMAT: Final = 1
"""Version of what is recorded of a run; when it grows, all metrics are found again."""


class Wanted(NamedTuple):
    """
    One extractor to be applied.

    Attributes:
        extractor: Its name.
        fingerprint: What differs when the runs, the extractor or the chip's entry have changed.
    """

    extractor: str
    fingerprint: str


class Work(NamedTuple):
    """
    What is to be found of one run, or of one group of them.

    Attributes:
        key: The run's id; of a group, its extractor and what its runs agree in.
        runs: Rows of the manifest, some columns of each: the run's; or those of the group.
        earlier: That of the run before it of the same chip and procedure; None where no extractor
            needs it.
        wanted: The extractors.
        chip: What is known of the device.
    """

    key: str
    runs: tuple[dict[str, Any], ...]
    earlier: dict[str, Any] | None
    wanted: tuple[Wanted, ...]
    chip: Chip | None


class Record(NamedTuple):
    """
    What is recorded of one metric; the columns of the store have the same names.

    Attributes:
        run_id: The run that it belongs to: of a pair the later one, of a group the last.
        metric: Its name.
        category: Of its extractor.
        status: One of :data:`treadle.lab.extraction.STATUSES`.
        value: The number; None unless the status is ``ok``.
        uncertainty: One standard deviation.
        unit: Of both.
        confidence: From 0 to 1; None without a value.
        flags: What is odd.
        reason: Why there is no value.
        hint: What to do about it.
        details: Further numbers, as JSON.
        runs: The ids of all runs of a pair or group; None for a run's metric.
        extractor: The name of what has found it.
        version: Of that.
        fingerprint: See :class:`Wanted`; None where it is to be tried again the next time.
    """

    run_id: str
    metric: str
    category: str
    status: str
    value: float | None
    uncertainty: float | None
    unit: str
    confidence: float | None
    flags: tuple[str, ...]
    reason: str | None
    hint: str | None
    details: str | None
    runs: tuple[str, ...] | None
    extractor: str
    version: str
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class MeasureOne:
    """
    Finds the metrics of one run; callable, and sent to each worker once.

    Attributes:
        stage_root: Where the measurements are.
        extractors: Those that may be wanted, by name.
    """

    stage_root: Path
    extractors: Mapping[str, Extractor] = field(default_factory=dict)

    def __call__(self, work: Work) -> list[Record]:
        """
        Find all that is wanted of *work*.

        An extractor that fails is a record like any other; the others go on.

        Raises:
            Rejected: The measurement cannot be read.
        """
        runs = tuple(self._read(facts) for facts in work.runs)
        found: list[Record] = []
        for wanted in work.wanted:
            extractor = self.extractors[wanted.extractor]
            for run in runs:  # who does not say that it needs the chip does not get it
                run.chip = work.chip if extractor.needs_chip else None
            if extractor.of == "pair":
                found += self._of_pair(work, runs[0], extractor, wanted.fingerprint)
            else:
                given = (runs,) if extractor.of == "group" else runs
                found += records_of(extractor, given, wanted.fingerprint)
        return found

    def _of_pair(
        self, work: Work, run: StagedRun, extractor: Extractor, fingerprint: str
    ) -> Sequence[Record]:
        """Find what a pair has; when the run before cannot be read, it is not this one's fault."""
        assert work.earlier is not None
        try:
            earlier = self._read(work.earlier)
        except Unreadable as error:
            why = Undetermined(
                "the run before cannot be read", hint=error.hint, details={"message": str(error)}
            )
            names = extractor.metrics
            return [record(extractor, run.run_id, name, why, None, None) for name in names]
        earlier.chip = run.chip
        return records_of(extractor, (earlier, run), fingerprint)

    def _read(self, facts: Mapping[str, Any]) -> StagedRun:
        # Arrow's reader: a query of Polars costs more than a small file.
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.stage_root / facts["path"]
        try:
            with pq.ParquetFile(path) as file:
                table = file.read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Unreadable(
                f"{str(path)!r} cannot be read: {error}",
                hint="stage it again: treadle lab stage RAW STAGE makes what is missing",
            ) from error
        known = {name: value for name, value in facts.items() if name != "proc"}
        return StagedRun(facts["proc"], _Columns(table), **known)


class _Columns(Mapping[str, "ArrayLike"]):
    """The columns of numbers of a table, each made an array when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        import pyarrow as pa

        self._table = table
        self._names = [
            each.name
            for each in table.schema
            if pa.types.is_floating(each.type) or pa.types.is_integer(each.type)
        ]

    def __getitem__(self, name: str) -> ArrayLike:
        if name not in self._names:
            raise KeyError(name)
        return np.asarray(self._table.column(name).to_numpy(), dtype=np.float64)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def records_of(
    extractor: Extractor, given: Sequence[Any], fingerprint: str | None
) -> Sequence[Record]:
    """
    Apply *extractor*, and say of each of its metrics what came of it.

    Args:
        extractor: What is applied.
        given: Its arguments: a run, two of them, or a sequence of them.
        fingerprint: As for :class:`Wanted`.
    """
    runs: Sequence[StagedRun] = given[0] if extractor.of == "group" else given
    needed = extractor.procedures[runs[-1].procedure]
    try:
        for run in runs:
            _check_columns(run, needed)
        found: Mapping[str, Any] = extractor(*given)
    except Absent as absent:
        found = dict.fromkeys(extractor.metrics, absent)
    except Exception as error:  # a mistake in one extractor must not cost the others' results
        found = dict.fromkeys(extractor.metrics, error)
    ids = None if extractor.of == "run" else tuple(run.run_id for run in runs)
    return [
        record(extractor, runs[-1].run_id, metric, found[metric], ids, fingerprint)
        for metric in extractor.metrics
    ]


def _check_columns(run: StagedRun, needed: Sequence[str]) -> None:
    for name in needed:
        if not run.has(name):
            raise NotApplicable(f"no numbers in {name!r}")


def record(
    extractor: Extractor,
    run_id: str,
    metric: str,
    found: Value | float | Exception,
    runs: tuple[str, ...] | None,
    fingerprint: str | None,
) -> Record:
    """Write down what was found of one metric: a value, or why there is none."""
    said: dict[str, Any]
    try:
        said = _absent(found) if isinstance(found, Exception) else _value(found)
    except Exception as error:  # no number, or details that are no JSON: the extractor's mistake
        said = _absent(error)
    if said["status"] == "error":
        fingerprint = None
    return Record(
        run_id=run_id,
        metric=metric,
        category=extractor.category,
        unit=extractor.metrics[metric],
        runs=runs,
        extractor=extractor.name,
        version=extractor.version,
        fingerprint=fingerprint,
        **said,
    )


def _value(found: Value | float) -> dict[str, Any]:
    value = found if isinstance(found, Value) else Value(float(found))
    return {
        "status": "ok",
        "value": float(value.value),
        "uncertainty": _finite(value.uncertainty),
        "confidence": float(value.confidence),
        "flags": tuple(value.flags),
        "reason": None,
        "hint": None,
        "details": _json(value.details),
    }


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and np.isfinite(number) else None


def _absent(error: Exception) -> dict[str, Any]:
    nothing = {"value": None, "uncertainty": None, "confidence": None}
    if isinstance(error, Absent):
        said = {"status": error.status, "reason": error.reason, "details": _json(error.details)}
        return {**nothing, **said, "flags": error.flags, "hint": error.hint}
    said = {"status": "error", "reason": f"{type(error).__name__}: {error}"}
    said["details"] = _json(_where(error))
    return {**nothing, **said, "flags": (), "hint": None}


def _where(error: Exception) -> dict[str, str]:
    """Return the last line of the extractor's own file that the error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(str(_PACKAGE))]
    return {"where": f"{own[-1].filename}:{own[-1].lineno}, {own[-1].name}"} if own else {}


def _json(details: Mapping[str, Any]) -> str | None:
    return json.dumps(_plain(details), ensure_ascii=False, allow_nan=False) if details else None


def _plain(value: Any) -> Any:
    """Turn numbers of NumPy into Python's, and what is not finite into null."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
