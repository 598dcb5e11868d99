"""A run as a trace, for ui.perfetto.dev and chrome://tracing: what ran where, and when.

The Trace Event Format of Chromium, as JSON: a slice for the last attempt of each item, on a thread
for its worker; an instant for each attempt that was tried again; a counter of calls that ran at
once. Events are in order of their times. They are read from the database one by one, and it sorts
them on disk, so that memory stays as it is for a million items.
"""

from __future__ import annotations

import gzip
import heapq
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from treadle.core.item import Key
from treadle.core.outcome import TimedOut, WorkerLost
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.ledger.rows import unpacked
from treadle.report.place import written
from treadle.report.spans import natural

Event: TypeAlias = dict[str, Any]

_NAME = 200  # characters of a key
_TEXT = 500  # of a message
_JITTER = 0.002  # seconds; two clocks are at work, one for the beginning and one for the duration
_SAMPLES = 2_000  # of the counter
_PROCESS = 1
_RETRIES = 1  # the thread of instants
_LANES = 1_000  # a worker of coroutines makes several calls at once, each on a thread of the trace

# The database sorts: it does so on disk where there is much.
_ITEMS = (
    "SELECT position, key, status, attempts, started, duration, cpu, worker, CAST(CASE status "  # noqa: S608  ours
    "WHEN 'raised' THEN json_extract(failure, '$.type') || ': ' || "
    f"substr(json_extract(failure, '$.message'), 1, {_TEXT}) "
    "WHEN 'unpicklable' THEN json_extract(failure, '$.what') || ' cannot be pickled: ' || "
    f"substr(json_extract(failure, '$.message'), 1, {_TEXT}) "
    "WHEN 'worker lost' THEN json_remove(failure, '$.last_words') ELSE failure END AS BLOB) "
    "FROM items WHERE started > 0 ORDER BY started, id"
)
_ATTEMPTS = (
    "SELECT key, attempt, at, CAST(json_extract(failure, '$.type') || ': ' || "  # noqa: S608  ours
    f"substr(json_extract(failure, '$.message'), 1, {_TEXT}) AS BLOB), delay "
    "FROM attempts ORDER BY at"
)
_EXTENT = "SELECT min(started), max(started + duration) FROM items WHERE started > 0"


def write(record: Record, into: Path, *, follow: bool = False) -> None:
    """
    Write the trace of a run; one from before is replaced when all is written.

    Args:
        record: The run, live or old.
        into: The file; with the suffix ``.gz`` it is compressed.
        follow: Replace what a link leads to, as one means who names it; else the link itself.

    Raises:
        UsageError: The record cannot be read, or the file cannot be written.
    """
    with written("trace", into, follow=follow) as file:
        if into.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                _write(record, cast("BinaryIO", packed))
        else:
            _write(record, file)


def _write(record: Record, file: BinaryIO) -> None:
    file.writelines(block.encode() for block in blocks(record))


def blocks(record: Record) -> Iterator[str]:
    """
    Yield the text of the trace, some hundred events at once.

    Raises:
        UsageError: The record cannot be read.
    """
    facts = record.facts
    about = {
        name: _plain(facts[name])
        for name in ("function", "name", "into", "treadle", "python", "host")
        if facts.get(name) is not None
    }
    head = {"displayTimeUnit": "ms", "otherData": {"run": record.id, **about}}
    yield json.dumps(head)[:-1] + ', "traceEvents": [\n'
    comma = ""
    events = _events(record)
    while block := list(itertools.islice(events, 500)):
        yield comma + ",\n".join(json.dumps(event) for event in block)
        comma = ",\n"
    yield "\n]}\n"


def _events(record: Record) -> Iterator[Event]:
    with (
        store.explained(record.folder),
        closing(store.open_to_read(record.folder)) as database,
    ):
        [(first, last)] = database.execute(_EXTENT).fetchall()
        began = record.began.timestamp()
        zero = began if first is None else min(began, first)
        yield _named("process_name", 0, str(record.facts.get("name") or f"treadle {record.id}"))
        yield _named("thread_name", _RETRIES, "tried again")
        yield _event("M", "thread_sort_index", _RETRIES, args={"sort_index": 0})
        # Two cursors of one connection see the same moment of a run that goes on.
        slices = _Slices(database, zero, (last or zero) - zero)
        retries = _retries(database, zero)
        yield from heapq.merge(slices.events(), retries, key=_time)


def _time(event: Event) -> float:
    return float(event.get("ts", 0.0))


def _retries(database: Any, zero: float) -> Iterator[Event]:
    for key, attempt, at, error, delay in database.execute(_ATTEMPTS):
        yield {
            **_event("i", f"{_name(unpacked(key))}, attempt {attempt}", _RETRIES),
            "cat": "retry",
            "s": "t",
            "ts": _micros(at - zero),
            "args": {"error": _decoded(error), "attempt": attempt, "delay": delay},
        }


class _Slices:
    """The attempts as slices, on as many threads as it takes for none to overlap."""

    def __init__(self, database: Any, zero: float, length: float) -> None:
        self._database = database
        self._zero = zero
        self._every = length / _SAMPLES
        self._lanes: dict[str, list[tuple[float, int]]] = {}  # when each is free again
        self._made: dict[str, int] = {}
        self._threads = _RETRIES
        workers = [name or "" for (name,) in database.execute("SELECT DISTINCT worker FROM items")]
        self._order = {name: at for at, name in enumerate(sorted(workers, key=natural), 1)}

    def events(self) -> Iterator[Event]:
        """Yield the events in order of their times."""
        held: list[tuple[float, int, Event]] = []
        running: list[float] = []
        sampled = -1.0
        for number, row in enumerate(self._database.execute(_ITEMS)):
            started, duration = row[4] - self._zero, row[5]
            while held and held[0][0] <= started:
                yield heapq.heappop(held)[2]
            while running and running[0] <= started:
                heapq.heappop(running)
            heapq.heappush(running, started + duration)
            if started >= sampled + self._every:
                sampled = started
                yield _counted(started, len(running))
            worker = row[7] or ""
            begins, thread, is_new = self._lane(worker, started, started + duration)
            if is_new:
                yield from self._announced(worker, thread)
            heapq.heappush(held, (begins, number, self._slice(row, begins, thread)))
        while held:
            yield heapq.heappop(held)[2]
        if running:
            yield _counted(max(running), 0)

    def _lane(self, worker: str, started: float, ended: float) -> tuple[float, int, bool]:
        """Return when the slice may begin, on which thread, and whether that is a new one."""
        lanes = self._lanes.setdefault(worker, [])
        if lanes and lanes[0][0] <= started + _JITTER and lanes[0][0] <= ended:
            free, thread = heapq.heappop(lanes)
            heapq.heappush(lanes, (ended, thread))
            return max(free, started), thread, False
        self._threads += 1
        self._made[worker] = self._made.get(worker, 0) + 1
        heapq.heappush(lanes, (ended, self._threads))
        return started, self._threads, True

    def _announced(self, worker: str, thread: int) -> Iterator[Event]:
        number = self._made[worker]
        name = worker or "no worker"
        yield _named("thread_name", thread, name if number == 1 else f"{name} ({number})")
        order = self._order.get(worker, len(self._order)) * _LANES + min(number, _LANES - 1)
        yield _event("M", "thread_sort_index", thread, args={"sort_index": order})

    def _slice(self, row: Any, begins: float, thread: int) -> Event:
        position, key, status, attempts, started, duration, cpu, _, error = row
        key = position if key is None else unpacked(key)
        event = {
            **_event("X", _name(key), thread),
            "cat": status,
            "ts": _micros(begins),
            "dur": _micros(max(0.0, started - self._zero + duration - begins)),
            "args": {"status": status, "attempts": attempts, "item": position},
        }
        if cpu is not None:
            event["args"]["cpu_ms"] = round(cpu * 1e3, 3)
        if error is not None:
            event["args"]["error"] = _in_words(status, _decoded(error))
            event["cname"] = "terrible"  # red, in viewers that know it
        return event


def _event(phase: str, name: str, thread: int, **more: Any) -> Event:
    return {"ph": phase, "name": name, "pid": _PROCESS, "tid": thread, **more}


def _named(what: str, thread: int, name: str) -> Event:
    return _event("M", what, thread, args={"name": _plain(name)})


def _counted(at: float, running: int) -> Event:
    return _event("C", "calls at once", 0, ts=_micros(at), args={"items": running})


def _micros(seconds: float) -> float:
    return round(seconds * 1e6, 1)


def _name(key: Key) -> str:
    text = str(key)
    return _plain(text if len(text) <= _NAME else f"{text[: _NAME // 2]}…{text[-_NAME // 2 :]}")


def _plain(value: object) -> str:
    """Return text without what no Unicode has, which some viewers refuse."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _in_words(status: str, error: str) -> str:
    """Return what stands for a failure that has no message of its own."""
    facts = ("", 0, 1, 0.0, 0.0, None, None, None)
    if status == TimedOut.kind:
        return TimedOut(*facts, **json.loads(error)).verdict
    if status == WorkerLost.kind:
        return WorkerLost(*facts, **json.loads(error)).verdict
    return error


def _decoded(text: bytes) -> str:
    """Return text that the database has taken out of JSON, where it may be no Unicode."""
    return text.decode("utf-8", "backslashreplace")
