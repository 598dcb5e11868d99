"""What programs read: values and outcomes, on stdout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TextIO

from treadle import Outcome
from treadle.progress.terminal import encodable
from treadle.sinks import columns


class Values:
    """
    Writes outcomes to stdout as they settle.

    Args:
        stream: Where to write; None for a program without stdout.
        json: Write one JSON object for each outcome, of whatever ending. Otherwise the values
            alone: text as it is, everything else as JSON.

    Attributes:
        closed: True once nobody reads any more (``| head``); further outcomes are dropped.
    """

    def __init__(self, stream: TextIO | None, *, json: bool) -> None:
        self._stream = stream
        self._json = json
        self.closed = stream is None

    def write(self, outcome: Outcome[Any]) -> None:
        """Write one outcome, at once, so that a reader sees it when it happens."""
        stream = self._stream
        if stream is None or self.closed or not (self._json or outcome.ok):
            return
        text = columns.dumps(record(outcome)) if self._json else _value(outcome.get())
        try:
            stream.write(encodable(text, stream) + "\n")
            stream.flush()
        except BrokenPipeError:
            self.closed = True
            _drop_stdout()


def record(outcome: Outcome[Any]) -> dict[str, Any]:
    """
    Return an outcome as a JSON object.

    Keys: key, ok, verdict, value (if ok) or error (type, message, hint, traceback), attempts,
    started (seconds since the epoch), duration and cpu (seconds), peak_memory (bytes), worker.
    """
    ending: dict[str, Any]
    if outcome.ok:
        ending = {"value": _flat(outcome.value)}
    else:
        failure = outcome.failure
        fields = ("type", "message", "hint", "traceback")
        ending = {"error": {name: getattr(failure, name) for name in fields}}
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
    return value if isinstance(value, str) else columns.dumps(_flat(value))


def _flat(value: object) -> Any:
    """Make JSON of *value* as the JSONL sink does; what has no such form becomes its repr()."""
    try:
        return columns.plain(value)
    except Exception:  # the value's own code runs here
        return repr(value)


def _drop_stdout() -> None:
    """Point stdout to nowhere: the interpreter flushes it at exit, and would complain."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        os.close(nowhere)
    except (OSError, ValueError):
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until exit
