"""An outcome as a row of the database, and back. A value is not in it: that is in the sink."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeAlias

from treadle.core.item import Key
from treadle.core.outcome import (
    AnyOutcome,
    Cancelled,
    Facts,
    FailedOutcome,
    Failure,
    Raised,
    Succeeded,
    TimedOut,
    Unpicklable,
    WorkerLost,
    remote_error,
)

Row: TypeAlias = tuple[Any, ...]
Column: TypeAlias = str | int | bytes

_LARGEST = 2**63  # numbers from here on are none for SQLite

COLUMNS = (
    "position", "key", "status", "attempts", "started", "duration", "cpu", "peak_memory", "worker",
    "failure",
)  # fmt: skip

SCHEMA = """
CREATE TABLE items (
  id INTEGER PRIMARY KEY,     -- grows as items settle
  position INTEGER NOT NULL,  -- in the source, from 0
  key,                        -- text or number; NULL where it is the position; see ``packed``
  status TEXT NOT NULL,       -- the outcome's kind
  attempts INTEGER NOT NULL,
  started REAL NOT NULL,      -- seconds since the epoch
  duration REAL NOT NULL,     -- seconds
  cpu REAL,                   -- seconds
  peak_memory INTEGER,        -- bytes
  worker TEXT,
  failure TEXT,               -- JSON; NULL for successes
  version TEXT,               -- of the function
  fingerprint TEXT            -- of the value that the function was given
);
CREATE INDEX items_by_position ON items (position);
CREATE INDEX items_by_key ON items (key) WHERE key IS NOT NULL;
CREATE INDEX items_failed ON items (position) WHERE status <> 'succeeded';
CREATE TABLE attempts (       -- those that were tried again
  key, attempt INTEGER, at REAL, failure TEXT, delay REAL
);
CREATE INDEX attempts_by_key ON attempts (key);
CREATE TABLE messages (       -- what items printed and logged
  key, at REAL, worker TEXT, stream TEXT, text TEXT
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


def row_of(outcome: AnyOutcome) -> Row:
    """Return the fields of *outcome* in the order of ``COLUMNS``."""
    return (
        outcome.index,
        None if outcome.key == outcome.index else packed(outcome.key),
        outcome.kind,
        outcome.attempts,
        outcome.started,
        outcome.duration,
        outcome.cpu,
        outcome.peak_memory,
        outcome.worker,
        None if outcome.ok else json.dumps(_details(outcome)),
    )


def _details(outcome: FailedOutcome) -> dict[str, Any]:
    match outcome:
        case Raised():
            return _failure(outcome.failure)
        case Unpicklable():
            return {**_failure(outcome.failure), "what": outcome.what}
        case TimedOut():
            return {"after": outcome.after, "abandoned": outcome.abandoned}
        case WorkerLost():
            return {
                "exitcode": outcome.exitcode,
                "signal": outcome.signal,
                "reason": outcome.reason,
                "last_words": outcome.last_words,
            }
        case Cancelled():
            return {"reason": outcome.reason}


def failure_text(failure: Failure) -> str:
    """Return *failure* as JSON."""
    return json.dumps(_failure(failure))


def _failure(failure: Failure) -> dict[str, Any]:
    return {field.name: getattr(failure, field.name) for field in dataclasses.fields(failure)}


def failure_of(text: str) -> Failure:
    """Return the failure that ``failure_text`` has written."""
    return _made(json.loads(text))


def _made(facts: dict[str, Any]) -> Failure:
    known = {field.name: facts[field.name] for field in dataclasses.fields(Failure)}
    return Failure(**{**known, "notes": tuple(known["notes"]), "mro": tuple(known["mro"])})


def outcome_of(row: Row, value: Any = None) -> AnyOutcome:
    """
    Return the outcome that *row* speaks of.

    Args:
        row: Fields in the order of ``COLUMNS``.
        value: The value, if it succeeded.
    """
    position, key, status, attempts, started, duration, cpu, peak_memory, worker, text = row
    key = position if key is None else unpacked(key)
    facts: Facts = (key, position, attempts, started, duration, cpu, peak_memory, worker)
    if status == Succeeded.kind:
        return Succeeded(*facts, value)
    details = json.loads(text)
    if status == TimedOut.kind:
        return TimedOut(*facts, **details)
    if status == WorkerLost.kind:
        return WorkerLost(*facts, **details)
    if status == Cancelled.kind:
        return Cancelled(*facts, **details)
    failure = _made(details)
    if status == Unpicklable.kind:
        return Unpicklable(*facts, details["what"], failure)
    return Raised(*facts, failure, remote_error(failure))


def packed(key: Key) -> Column:
    """
    Return what the column ``key`` holds for *key*.

    That is the key itself, or bytes where SQLite cannot have it: a path that is no Unicode (and has
    surrogates for that), a number of more than 64 bits.
    """
    if isinstance(key, int):
        return key if -_LARGEST <= key < _LARGEST else b"i%d" % key
    return key if key.isascii() or _is_unicode(key) else b"s" + key.encode("utf-8", "surrogatepass")


def unpacked(column: Column) -> Key:
    """Return the key of which ``packed`` has made *column*."""
    if not isinstance(column, bytes):
        return column
    if column[:1] == b"i":
        return int(column[1:])
    return column[1:].decode("utf-8", "surrogatepass")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def where(key: Key) -> tuple[str, tuple[Column, ...]]:
    """
    Return the condition for rows of the item *key*, and its values.

    A number may be the position of the item, or have been given by its source.
    """
    if isinstance(key, int):
        number = packed(key)
        return "(key = ? OR (key IS NULL AND position = ?))", (number, number)
    return "key = ?", (packed(key),)
