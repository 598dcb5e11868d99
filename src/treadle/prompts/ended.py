"""From an outcome of the engine, live or read back from a record, to how its request ended.

In a record a failure is text: its kind is told by the names of its classes, its HTTP status by the
message. A live failure is treated alike, so that a row reads the same before and after the results
are rebuilt.
"""

from __future__ import annotations

import re
from typing import Any

import treadle
from treadle.prompts.errors import KINDS, REQUEST_ID_NOTE, RequestFailed
from treadle.prompts.lanes import COST, TOTAL_TOKENS
from treadle.prompts.values import Answer, Ended

_STATUS = re.compile(r"\bHTTP (\d{3})\b")
# Why the engine cancels: these words, its sentence about a total, or why the lane was closed.
_STOPPED = frozenset({"cancelled", "closed", "deadline", "failure limit", "interrupted"})
_SPENT = re.compile(
    rf"(?:{COST}|{TOTAL_TOKENS}) is limited to \S+, of which \S+ is left"
    r" \(the next item may use \S+\)"
)


def ended_of(outcome: treadle.AnyOutcome, *, waited: float = 0.0) -> Ended:
    """
    Return how the request of *outcome* ended.

    The kind of an error is that of the nearest class in ``errors``. Other exceptions, which a
    provider should not raise, have the name of their own class for a kind; a row that could not be
    sent has ``"bad_row"``. An item that the run left is skipped: ``"budget"`` when too little was
    left to spend, ``"stopped"`` when the run ended first, else ``"closed"``.

    Args:
        outcome: Of the engine, or from its record.
        waited: Seconds between attempts, all together.
    """
    if outcome.ok:
        return _answered(outcome, waited)
    if outcome.kind == "cancelled":
        return _ended(outcome, waited, "skipped", why_left(outcome.reason), outcome.reason)
    failure = outcome.failure
    return _ended(
        outcome,
        waited,
        "error",
        _kind_of(failure),
        failure.message,
        http_status=_status_of(outcome),
        request_id=_request_id_of(outcome),
    )


def _answered(outcome: treadle.Succeeded[Any], waited: float) -> Ended:
    answer: Answer = outcome.value
    return Ended(
        status=answer.status,
        answer=answer,
        http_status=answer.http_status,
        attempts=outcome.attempts,
        waited=waited,
        started=outcome.started,
        request_id=answer.request_id,
    )


def _ended(
    outcome: treadle.AnyOutcome,
    waited: float,
    status: str,
    error_type: str,
    error: str,
    *,
    http_status: int = 0,
    request_id: str = "",
) -> Ended:
    return Ended(
        status=status,
        error_type=error_type,
        error=error,
        http_status=http_status,
        attempts=outcome.attempts,
        waited=waited,
        started=outcome.started,
        request_id=request_id,
    )


def why_left(reason: str) -> str:
    """
    Return the kind of *reason*, for which the engine has left an item or closed a lane.

    It is ``"stopped"``, ``"budget"`` or ``"closed"``; what a server says, which is never told
    from the engine's own words about a total, is ``"closed"``.
    """
    if reason in _STOPPED:
        return "stopped"
    return "budget" if _SPENT.fullmatch(reason) else "closed"


def class_of(failure: treadle.Failure) -> type[RequestFailed] | None:
    """Return the nearest class in ``errors`` of a failure; None when it has none."""
    for name in (failure.type, *failure.mro):
        if name in KINDS:
            return KINDS[name]
    return None


def _kind_of(failure: treadle.Failure) -> str:
    nearest = class_of(failure)
    if nearest is not None:
        return nearest.kind
    own = failure.type.rpartition(".")[2]
    # A record may name public classes with or without the module that they live in.
    return {"BadRowError": "bad_row", "CallTimedOut": "timeout"}.get(own, own)


def status_of(failure: treadle.Failure) -> int:
    """Return the HTTP status that a failure speaks of; 0 for none."""
    if class_of(failure) is None:
        return 0
    found = _STATUS.search(failure.message)
    return int(found[1]) if found else 0


def _status_of(outcome: treadle.FailedOutcome) -> int:
    error = outcome.error
    return error.status if isinstance(error, RequestFailed) else status_of(outcome.failure)


def _request_id_of(outcome: treadle.FailedOutcome) -> str:
    error = outcome.error
    if isinstance(error, RequestFailed):
        return error.request_id
    for note in outcome.failure.notes:
        if note.startswith(REQUEST_ID_NOTE):
            return note.removeprefix(REQUEST_ID_NOTE)
    return ""
