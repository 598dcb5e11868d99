"""What programs read: values and outcomes, on stdout."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any, TextIO

from treadle import Outcome, Raised, SinkFailed, TreadleError
from treadle.cli.people import let_go
from treadle.core.failures import failure_from
from treadle.core.outcome import Settled
from treadle.progress.terminal import encodable


class Values:
    """
    Writes outcomes to stdout as they settle.

    Args:
        stream: Where to write; None for a program without stdout.
        json: Write one JSON object for each outcome, of whatever ending. Otherwise the values
            alone: text as it is, everything else as JSON.

    Attributes:
        closed: True once nobody reads any more (``| head``) or writing failed; further outcomes
            are dropped.
        error: Why writing failed; None when it did not, and for a reader who has left.
        refused: In place of each outcome whose value has no JSON form: the failure it became.
    """

    def __init__(self, stream: TextIO | None, *, json: bool) -> None:
        self._stream = stream
        self._json = json
        self.closed = stream is None
        self.error: SinkFailed | None = None
        self.refused: list[Raised] = []

    def write(self, outcome: Outcome[Any]) -> None:
        """Write one outcome, at once, so that a reader sees it when it happens."""
        stream = self._stream
        text = None if self.closed else self._text(outcome)
        if stream is None or text is None:
            return
        try:
            stream.write(encodable(text, stream) + "\n")
            stream.flush()
        except OSError as error:
            self.closed = True
            self.error = _left(error)

    def _text(self, outcome: Outcome[Any]) -> str | None:
        """Return what to print; None for nothing."""
        from treadle.sinks import columns

        try:
            if self._json:
                return columns.dumps(record(outcome))
            return _value(outcome.value) if outcome.ok else None
        except Exception as error:  # the value's own code runs here
            failed = _without_form(outcome, error)
            self.refused.append(failed)
            return columns.dumps(record(failed)) if self._json else None


def put(text: str) -> None:
    """
    Write *text* to stdout at once; a reader who has left is not an error.

    Raises:
        SinkFailed: It cannot be written.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(encodable(text, sys.stdout))
        sys.stdout.flush()
    except OSError as error:
        failed = _left(error)
        if failed is not None:
            raise failed from error


def _left(error: OSError) -> SinkFailed | None:
    """Let go of stdout, and say what is wrong with it unless its reader has left."""
    let_go(sys.__stdout__, 1)
    if isinstance(error, BrokenPipeError):
        return None
    return SinkFailed(
        f"stdout cannot be written: {error.strerror or error}",
        hint="is the disk full? What would have been printed from here on is lost",
    )


def _without_form(outcome: Outcome[Any], error: Exception) -> Raised:
    """Make a failure of an outcome whose value cannot be printed, as a results file does."""
    hint = getattr(error, "hint", None)
    says = error.message if isinstance(error, TreadleError) else f"{type(error).__name__}: {error}"
    refused = SinkFailed(f"item {outcome.key!r} cannot be printed: {says}", hint=hint)
    facts = {one.name: getattr(outcome, one.name) for one in fields(Settled)}
    return Raised(**facts, failure=failure_from(refused), error=refused)


def record(outcome: Outcome[Any]) -> dict[str, Any]:
    """
    Return an outcome as a JSON object.

    Keys: key, ok, verdict, value (if ok) or error (type, message, hint, traceback), attempts,
    started (seconds since the epoch), duration and cpu (seconds), peak_memory (bytes), worker.
    JSON has neither NaN nor infinity: they become null, as in a JSONL file.

    Raises:
        SinkFailed: The value has no JSON form.
    """
    from treadle.sinks import columns

    ending: dict[str, Any]
    if outcome.ok:
        ending = {"value": columns.plain(outcome.value)}
    else:
        failure = outcome.failure
        names = ("type", "message", "hint", "traceback")
        ending = {"error": {name: getattr(failure, name) for name in names}}
    return {
        "key": outcome.key,
        "ok": outcome.ok,
        "verdict": outcome.verdict,
        **ending,
        "attempts": outcome.attempts,
        "started": outcome.started,
        "duration": outcome.duration,
        "cpu": outcome.cpu,
        "peak_memory": outcome.peak_memory,
        "worker": outcome.worker,
    }


def _value(value: object) -> str:
    """Write a value on its own: text as it is, all else as JSON on one line."""
    from treadle.sinks import columns

    return value if isinstance(value, str) else columns.dumps(columns.plain(value))
