"""Folds the record of a run into figures of a bounded size: what a chart needs, not every item.

Rows are read in steps and counted by the database, so that a million of them take about a second
and little memory, and a run that goes on can be followed: only rows that are new are read.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.ledger.rows import COLUMNS, outcome_of, unpacked
from treadle.report.spans import Cells, Line, Span

KEYS = 100  # of the failures of a kind
KINDS = 500  # a program may make up the names of its exceptions as it goes
SLOWEST = 20
BINS = 600
FINEST = 0.125  # seconds of a bin

_PER_DECADE = 8
_FACTOR = 10 ** (1 / _PER_DECADE)
_EDGES = [10 ** (step / _PER_DECADE - 7) for step in range(13 * _PER_DECADE + 1)]  # 100 ns to 11 d
_STEP = 20_000  # rows at once: no read lasts long enough to keep the log of the writer growing
_QUICK = 0.05  # seconds; reading it all again is not worth putting off
_REST = 20  # times as long as reading it all takes: a watcher does nothing else otherwise

_OTHERS = "further kinds of failure"


@dataclass(frozen=True, slots=True)
class Bin:
    """
    Items that settled in one stretch of time.

    Attributes:
        start: Seconds after the run began.
        ok: Items that succeeded.
        failed: Items that failed.
    """

    start: float
    ok: int
    failed: int


@dataclass(frozen=True, slots=True)
class Duration:
    """
    Items whose last attempt took from *low* to *high* seconds.

    Attributes:
        low: The lower edge.
        high: The upper edge, about a third above the lower one; it belongs to the next.
        count: How many.
    """

    low: float
    high: float
    count: int


@dataclass(slots=True)
class Kind:
    """
    Failures with the same verdict.

    Attributes:
        title: The verdict.
        count: How many.
        example: The first of them.
        keys: Of the first hundred.
    """

    title: str
    count: int
    example: AnyOutcome
    keys: list[Key]


class Tally:
    """
    The figures of a run, as far as ``refresh`` has read it.

    Args:
        record: The run; live or old.
        is_short: Without ``durations``, ``lines`` and what is made of them, at half the cost.

    Attributes:
        ok: Items that succeeded.
        failed: Items that failed.
        began: When the run began, in seconds since the epoch.
        ended: When the last item settled, likewise; None before the first.
        busy: Seconds that all calls took together.
        width: Seconds of a bin; it doubles as the run grows.
        slowest: The twenty items that took longest, longest first.

    Raises:
        UsageError: The record is damaged.
    """

    def __init__(self, record: Record, *, is_short: bool = False) -> None:
        self._record = record
        self._counted = _SHORT if is_short else _COUNTED
        self._last_read = -math.inf
        self.began: float | None = record.began.timestamp()
        self.ok = 0
        self.failed = 0
        self.slowest: list[AnyOutcome] = []
        self._seen: int | None = None  # number of the last commit that was read
        self._began_reading = -math.inf
        self._cost = 0.0
        self._reset()

    def _reset(self) -> None:
        self.ended: float | None = None
        self.busy = 0.0
        self.width = FINEST
        self._bins: dict[int, list[int]] = {}
        self._cells = Cells()
        self._buckets = [0] * (len(_EDGES) + 1)
        self._kinds: dict[str, Kind] = {}
        self._kind_of: dict[tuple[str, bytes], Kind] = {}
        self._slow: dict[int, float] = {}  # seconds by row
        self._last = 0
        self._last_row: Any = None
        self._rows = 0
        self._stale = False
        self._quantiles: dict[float, float | None] = {}

    # ── what there is ───────────────────────────────────────────────────────────────────────

    @property
    def settled(self) -> int:
        """Items that have ended."""
        return self.ok + self.failed

    @property
    def bins(self) -> list[Bin]:
        """Items by when they settled, without a gap, the first at the beginning of the run."""
        last = max(self._bins, default=-1)
        nothing = (0, 0)
        return [
            Bin(number * self.width, *self._bins.get(number, nothing)) for number in range(last + 1)
        ]

    @property
    def durations(self) -> list[Duration]:
        """Items by how long their last attempts took, without a gap; not those that never began."""
        found = [number for number, count in enumerate(self._buckets) if count]
        if not found:
            return []
        return [
            Duration(*_edges(number), self._buckets[number])
            for number in range(found[0], found[-1] + 1)
        ]

    @property
    def kinds(self) -> list[Kind]:
        """Failures by their verdicts, the most frequent first."""
        return sorted(self._kinds.values(), key=lambda kind: -kind.count)

    @property
    def lines(self) -> list[Line]:
        """When each worker was at work, in the natural order of their names."""
        return self._cells.lines()

    @property
    def mean(self) -> float | None:
        """Seconds that a last attempt took on average; None when there is none."""
        began = sum(self._buckets)
        return self.busy / began if began else None

    @property
    def median(self) -> float | None:
        """Seconds that half of the items took at most."""
        return self.quantile(0.5)

    @property
    def p95(self) -> float | None:
        """Seconds that 95 % of the items took at most."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float | None:
        """
        Return the seconds that a *share* of the items took at most; None when none began.

        It reads the rows, though only those of one range of ``durations`` are sorted.

        Raises:
            UsageError: The record cannot be read.
        """
        if share not in self._quantiles:
            self._quantiles[share] = self._find_quantile(share)
        return self._quantiles[share]

    def _find_quantile(self, share: float) -> float | None:
        began = sum(self._buckets)
        if not began:
            return None
        number, left = 0, max(1, math.ceil(share * began))
        while left > self._buckets[number]:
            left -= self._buckets[number]
            number += 1
        low, high = [-math.inf, *_EDGES, math.inf][number : number + 2]
        with (
            store.explained(self._record.folder),
            closing(store.open_to_read(self._record.folder)) as database,
        ):
            rows = database.execute(_NTH, (0, self._last, low, high, left - 1)).fetchall()
        return float(rows[0][0]) if rows else low  # items ran again since they were counted

    # ── reading on ──────────────────────────────────────────────────────────────────────────

    def refresh(self, *, rest: float = 0.0) -> bool:
        """
        Read what is new; True if anything has changed.

        Args:
            rest: Seconds after one reading for which only ``ok`` and ``failed`` are read.

        Where rows were replaced, because items that had failed run again, all is read again; in a
        large run not every time, and what was replaced is counted twice in the meantime, except in
        ``ok`` and ``failed``.

        Raises:
            UsageError: The record cannot be read.
        """
        commit = self._record.fact("commits")
        is_same = commit is not None and commit == self._seen
        if is_same and (not self._stale or self._puts_off()):
            return False
        if time.monotonic() < self._last_read + rest:
            counts = self._record.counts
            self.ok = counts.get("succeeded", 0)
            self.failed = sum(counts.values()) - self.ok
            return True
        self._last_read = time.monotonic()
        with (
            store.explained(self._record.folder),
            closing(store.open_to_read(self._record.folder)) as database,
        ):
            head = _Head.of(database, self._last)
            self._stale |= self._last > 0 and head.row != self._last_row
            self._read(database, head)
            if self._stale and not self._puts_off():
                self._reset()
                head = _Head.of(database, 0)
                self._read(database, head)
            self.slowest = [_outcome(database, row) for row in self._slow]
        self.ok, self.failed = head.ok, head.settled - head.ok
        self._seen = head.commit
        self._quantiles = {}
        return True

    def _puts_off(self) -> bool:
        rest = 0.0 if self._cost < _QUICK else _REST * self._cost
        return time.monotonic() < self._began_reading + rest

    def _read(self, database: Any, head: _Head) -> None:
        is_all, began = self._last == 0, time.monotonic()
        while self._last < head.last:
            upto = min(self._last + _STEP, head.last)
            self._fold(database, (self._last, upto))
            self._last = upto
        if self._last:
            self._last_row = _row(database, self._last)
        self._stale |= self._rows != head.settled  # replaced elsewhere, or while we read
        if is_all:
            self._began_reading, self._cost = began, time.monotonic() - began

    def _fold(self, database: Any, ids: tuple[int, int]) -> None:
        base = self.began or 0.0
        failed = 0
        for worker, at, ok, bucket, count, busy, start, end in database.execute(
            self._counted, (base, self.width, *ids)
        ).fetchall():
            self._rows += count
            failed += 0 if ok else count
            if at is None:  # never began, so nothing tells when it settled
                self._count(self.ended or base, count, ok=ok)
                continue
            self.busy += busy
            if bucket is not None:
                self._buckets[bucket] += count
            self.ended = max(end, self.ended or end)
            self._count(end, count, ok=ok)
            if worker is not None:
                number = self._number(end)
                span = Span(start - base, end - base, count, 0 if ok else count, busy)
                self._cells.add(worker, number, span)
        if failed:
            self._sort_failures(database, ids)
        floor = min(self._slow.values()) if len(self._slow) >= SLOWEST else -1.0
        self._slow.update(database.execute(_SLOW, (*ids, floor)).fetchall())
        longest = sorted(self._slow, key=lambda row: -self._slow[row])[:SLOWEST]
        self._slow = {row: self._slow[row] for row in longest}

    def _number(self, end: float) -> int:
        return max(0, int((end - (self.began or 0.0)) / self.width))

    def _count(self, end: float, count: int, *, ok: int) -> None:
        """Count items that settled in the stretch that ends so."""
        while (number := self._number(end)) >= BINS:
            self._double()
        found = self._bins.setdefault(number, [0, 0])
        found[0 if ok else 1] += count

    def _double(self) -> None:
        self.width *= 2
        merged: dict[int, list[int]] = {}
        for number, (ok, failed) in self._bins.items():
            found = merged.setdefault(number // 2, [0, 0])
            found[0] += ok
            found[1] += failed
        self._bins = merged
        self._cells.double()

    def _sort_failures(self, database: Any, ids: tuple[int, int]) -> None:
        for row, position, key, status, detail in database.execute(_FAILED, ids).fetchall():
            kind = self._kind_of.get((status, detail))
            if kind is None:
                kind = self._new_kind(database, row)
                if len(self._kind_of) < KINDS:
                    self._kind_of[status, detail] = kind
            kind.count += 1
            if len(kind.keys) < KEYS:
                kind.keys.append(position if key is None else unpacked(key))

    def _new_kind(self, database: Any, row: int) -> Kind:
        example = _outcome(database, row)
        title = example.verdict if len(self._kinds) < KINDS else _OTHERS
        return self._kinds.setdefault(title, Kind(title, 0, example, []))


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the record is, at one moment: all of it is read at once."""

    commit: int | None
    settled: int
    ok: int
    last: int
    row: Any

    @classmethod
    def of(cls, database: Any, seen: int) -> _Head:
        [(commit, text, last, row)] = database.execute(_HEAD, (seen,)).fetchall()
        counts = json.loads(text or "{}")
        ok = int(counts.get("succeeded", 0))
        return cls(commit, int(sum(counts.values())), ok, last or 0, row)


def _edges(number: int) -> tuple[float, float]:
    if number == 0:
        return _EDGES[0] / _FACTOR, _EDGES[0]
    low = _EDGES[number - 1]
    return low, _EDGES[number] if number < len(_EDGES) else low * _FACTOR


def _row(database: Any, row: int) -> Any:
    """Return what tells a row from one that has taken its place."""
    [(found,)] = database.execute(f"SELECT ({_SAME})", (row,)).fetchall()
    return found


def _outcome(database: Any, row: int) -> AnyOutcome:
    [found] = database.execute(_WHOLE, (row,)).fetchall()
    return outcome_of(found)


def _bucket(low: int, high: int) -> str:
    """Return the SQL for the number of the bucket of a duration, by halves; SQL has no ``log``."""
    if low == high:
        return str(low)
    middle = (low + high) // 2
    below, above = _bucket(low, middle), _bucket(middle + 1, high)
    return f"CASE WHEN duration < {_EDGES[middle]!r} THEN {below} ELSE {above} END"


# ``NOT INDEXED`` leaves the order of the rows, which is what we ask for; any index is a detour.
_ROWS = "FROM items NOT INDEXED WHERE id > ? AND id <= ?"
_COUNTED = (
    "SELECT worker, CASE WHEN started > 0 THEN CAST((started + duration - ?) / ? AS INT) END AS at,"
    f" status = 'succeeded' AS ok, {_bucket(0, len(_EDGES))} AS bucket, count(*), sum(duration), "
    f"min(started), max(started + duration) {_ROWS} GROUP BY 1, 2, 3, 4"
)
_NTH = (
    f"SELECT duration {_ROWS} AND started > 0 AND duration >= ? AND duration < ? "
    "ORDER BY duration LIMIT 1 OFFSET ?"
)
_SLOW = f"SELECT id, duration {_ROWS} AND duration > ? ORDER BY duration DESC LIMIT {SLOWEST}"
_SHORT = (
    "SELECT NULL, CASE WHEN started > 0 THEN CAST((started + duration - ?) / ? AS INT) END AS at,"
    " status = 'succeeded' AS ok, NULL, count(*), 0.0, 0.0, max(started + duration) "
    f"{_ROWS} GROUP BY 2, 3"
)
# What a verdict is made of. As bytes, for a name may hold what is no Unicode.
_FAILED = (
    "SELECT id, position, key, status, CAST(CASE status "
    "WHEN 'raised' THEN json_extract(failure, '$.type') "
    "WHEN 'unpicklable' THEN json_extract(failure, '$.what') "
    "WHEN 'worker lost' THEN json_remove(failure, '$.last_words') "
    f"ELSE failure END AS BLOB) {_ROWS} AND status <> 'succeeded' ORDER BY id"
)
_WHOLE = f"SELECT {', '.join(COLUMNS)} FROM items WHERE id = ?"  # noqa: S608  ours
_SAME = "SELECT status || ' ' || started || ' ' || duration FROM items WHERE id = ?"
_HEAD = (
    "SELECT (SELECT value FROM facts WHERE name = 'commits'), "  # noqa: S608  ours
    f"(SELECT value FROM facts WHERE name = 'counts'), (SELECT max(id) FROM items), ({_SAME})"
)
