"""How an item ended: a closed set of values, and nothing else counts as an ending.

    Succeeded    the call returned
    Raised       the call raised
    TimedOut     the attempt ran past its timeout
    WorkerLost   the process died under the call
    Unpicklable  the argument or the result cannot travel
    Cancelled    the run ended first

Exceptions are for the caller's mistakes; what an item does wrong is a value.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar, overload

from treadle.core.item import Key
from treadle.errors import CallCancelled, CallTimedOut, NotPicklable, RemoteError, WorkerDied

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """
    What is known of an exception once it has left the process that raised it.

    Attributes:
        type: Qualified name of its type, such as ``"ValueError"`` or ``"json.JSONDecodeError"``.
        message: ``str()`` of it.
        traceback: The traceback as text, from where the call ran; empty when there is none.
        notes: What ``add_note`` added.
        hint: What to do about it, or None.
        mro: Qualified names of the type and its bases, for matching without loading it.
    """

    type: str
    message: str
    traceback: str = ""
    notes: tuple[str, ...] = ()
    hint: str | None = None
    mro: tuple[str, ...] = ()


# Not frozen: a frozen dataclass costs 0.8 µs to make against 0.2 µs (CPython 3.11), and an outcome
# is made for every item. Treat them as values all the same.
@dataclass(slots=True)
class Settled:
    """
    What every outcome says.

    Attributes:
        key: The item's key.
        index: The item's position in the source, from 0.
        attempts: Attempts made; 0 when none began.
        started: When the last attempt began, in seconds since the epoch; 0.0 when none began.
        duration: How long the last attempt took, in seconds.
        cpu: CPU time of the last attempt in seconds, all threads of the worker; None where it
            cannot be told apart (coroutines). Calls shorter than a millisecond are measured
            together and share in proportion to their durations.
        peak_memory: Highest resident memory of the worker up to the end of the call, in bytes;
            None where it is not measured.
        worker: Name of the worker, such as ``"process-48213"``; None when none was involved.
    """

    key: Key
    index: int
    attempts: int
    started: float
    duration: float
    cpu: float | None
    peak_memory: int | None
    worker: str | None


Facts: TypeAlias = tuple[
    Key, int, int, float, float, float | None, int | None, str | None
]  # the fields of Settled, in order


@dataclass(slots=True)
class Succeeded(Settled, Generic[T]):
    """The call returned ``value``."""

    value: T
    kind: ClassVar[Literal["succeeded"]] = "succeeded"

    @property
    def ok(self) -> Literal[True]:
        """True: the item succeeded."""
        return True

    def get(self) -> T:
        """Return the value."""
        return self.value

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return "ok"

    def _repr_html_(self) -> str:
        from treadle.core import failures, notebook  # late: workers have no use for it

        facts = {"value": failures.shown(self.value), **_circumstances(self)}
        return notebook.shown(f"{self.key}: ok", facts, ok=True)


class Successes(Sequence[Succeeded[Any]]):
    """
    The outcomes of items that succeeded together; each is made when it is looked at.

    Most outcomes live for a moment only. Made for that moment, one takes the memory of the one
    before it, and the garbage collector never sees them: half of what a tiny item costs otherwise.

    Args:
        keys: As in ``Settled``, of each.
        indices: The same.
        attempts: The same.
        started: The same.
        durations: The same.
        values: What each call returned.
        cpu: CPU seconds of all of them together, shared in proportion to their durations.
        peak_memory: As in ``Settled``, of all.
        worker: The same.
    """

    __slots__ = (
        "_attempts",
        "_cpu_share",
        "_durations",
        "_indices",
        "_keys",
        "_of_all",
        "_started",
        "_values",
    )

    def __init__(
        self,
        keys: Sequence[Key],
        indices: Sequence[int],
        attempts: Sequence[int],
        started: Sequence[float],
        durations: Sequence[float],
        values: Sequence[Any],
        *,
        cpu: float,
        peak_memory: int | None,
        worker: str | None,
    ) -> None:
        self._keys = keys
        self._indices = indices
        self._attempts = attempts
        self._started = started
        self._durations = durations
        self._values = values
        total = sum(durations)
        self._cpu_share = cpu / total if total > 0 else 0.0
        self._of_all = (peak_memory, worker)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Succeeded[Any]]:
        share = self._cpu_share
        peak_memory, worker = self._of_all
        return map(  # without bytecode per outcome
            Succeeded,
            self._keys,
            self._indices,
            self._attempts,
            self._started,
            self._durations,
            [took * share for took in self._durations],
            itertools.repeat(peak_memory),
            itertools.repeat(worker),
            self._values,
        )

    @overload
    def __getitem__(self, at: int) -> Succeeded[Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Succeeded[Any]]: ...
    def __getitem__(self, at: int | slice) -> Succeeded[Any] | Sequence[Succeeded[Any]]:
        return list(self)[at]


class _Failed:
    """What all endings but success have in common."""

    __slots__ = ()

    failure: Failure
    error: BaseException

    @property
    def ok(self) -> Literal[False]:
        """False: the item did not succeed."""
        return False

    def get(self) -> NoReturn:
        """
        Raise the error.

        Raises:
            BaseException: ``error``, whatever it is.
        """
        raise self.error

    def _repr_html_(self) -> str:
        from treadle.core import notebook  # late: workers have no use for it

        assert isinstance(self, FailedOutcome)
        failure = self.failure
        facts = {"message": failure.message, "hint": failure.hint, **_circumstances(self)}
        more = notebook.folded("traceback", failure.traceback)
        return notebook.shown(f"{self.key}: {self.verdict}", facts, ok=False, more=more)


@dataclass(slots=True)
class Raised(_Failed, Settled):
    """
    The call raised.

    Attributes:
        failure: The exception as text, with the traceback of where it was raised.
        error: The exception itself when it can travel, else a ``RemoteError`` in its place.
    """

    failure: Failure
    error: BaseException
    kind: ClassVar[Literal["raised"]] = "raised"

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return f"raised {self.failure.type}"


@dataclass(slots=True)
class TimedOut(_Failed, Settled):
    """
    The attempt ran past its timeout.

    Attributes:
        after: The timeout, in seconds.
        abandoned: True when the call could not be stopped and may still be running (threads).
    """

    after: float
    abandoned: bool = False
    kind: ClassVar[Literal["timed out"]] = "timed out"

    @property
    def failure(self) -> Failure:  # type: ignore[override]  # derived here, stored elsewhere
        """The ending as text."""
        message = f"no result after {self.after:g} s"
        if self.abandoned:
            message += "; the call could not be stopped and was abandoned"
        return Failure(
            "treadle.CallTimedOut",
            message,
            hint="raise timeout=, or look at what this item waits for",
            mro=("treadle.CallTimedOut", "treadle.CallFailed", "TimeoutError", "OSError"),
        )

    @property
    def error(self) -> CallTimedOut:  # type: ignore[override]
        """The ending as an exception."""
        failure = self.failure
        return CallTimedOut(f"item {self.key!r}: {failure.message}", hint=failure.hint)

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return f"timed out after {self.after:g} s" + (" (abandoned)" if self.abandoned else "")


@dataclass(slots=True)
class WorkerLost(_Failed, Settled):
    """
    The process died under the call.

    Attributes:
        exitcode: Its exit code; None when a signal ended it or when it is not known.
        signal: Name of the signal that ended it, such as ``"SIGKILL"``; None if none did.
        reason: What else is known: ``"out of memory"`` when the kernel said so.
        last_words: What the process wrote to its raw stderr as it died, such as the stack that
            ``faulthandler`` prints on a segmentation fault.
    """

    exitcode: int | None = None
    signal: str | None = None
    reason: str | None = None
    last_words: str = ""
    kind: ClassVar[Literal["worker lost"]] = "worker lost"

    @property
    def _how(self) -> str:
        how = self.signal or (
            "unknown cause" if self.exitcode is None else f"exit code {self.exitcode}"
        )
        return f"{how}, {self.reason}" if self.reason else how

    @property
    def failure(self) -> Failure:  # type: ignore[override]
        """The ending as text."""
        return Failure(
            "treadle.WorkerDied",
            f"the worker process died during this item ({self._how})",
            traceback=self.last_words,
            hint=_worker_hint(self.exitcode, self.signal, self.reason),
            mro=("treadle.WorkerDied", "treadle.CallFailed"),
        )

    @property
    def error(self) -> WorkerDied:  # type: ignore[override]
        """The ending as an exception."""
        failure = self.failure
        return WorkerDied(
            f"item {self.key!r}: {failure.message}",
            exitcode=self.exitcode,
            signal=self.signal,
            hint=failure.hint,
        )

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return f"worker lost ({self._how})"


def _worker_hint(exitcode: int | None, signal: str | None, reason: str | None) -> str:
    if reason and "memory" in reason:
        return "use fewer workers, smaller items, or max_worker_memory="
    if signal in {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}:
        return "a C extension crashed; the traceback of this failure shows where"
    if signal == "SIGKILL":
        return "something killed it from outside, often the kernel when memory runs out"
    if exitcode is not None:
        return "the function, or a library it calls, ended the process with os._exit or similar"
    return "run this item alone with backend='inline' to see what it does"


@dataclass(slots=True)
class Unpicklable(_Failed, Settled):
    """
    The argument or the result cannot travel between processes.

    Attributes:
        what: ``"argument"`` or ``"result"``.
        failure: The reason, with the path to the culprit in ``message`` and the cure in ``hint``.
    """

    what: Literal["argument", "result"]
    failure: Failure
    kind: ClassVar[Literal["unpicklable"]] = "unpicklable"

    @property
    def error(self) -> NotPicklable:  # type: ignore[override]
        """The ending as an exception."""
        return NotPicklable(f"item {self.key!r}: {self.failure.message}", hint=self.failure.hint)

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return f"{self.what} cannot be pickled"


@dataclass(slots=True)
class Cancelled(_Failed, Settled):
    """
    The run ended before the item did.

    Attributes:
        reason: Why: ``"interrupted"``, ``"deadline"``, ``"failure limit"``, ``"closed"`` …
    """

    reason: str
    kind: ClassVar[Literal["cancelled"]] = "cancelled"

    @property
    def failure(self) -> Failure:  # type: ignore[override]
        """The ending as text."""
        began = "" if self.attempts else "; it never began"
        return Failure(
            "treadle.CallCancelled",
            f"cancelled: {self.reason}{began}",
            hint="run it again to do what is missing",
            mro=("treadle.CallCancelled", "treadle.CallFailed"),
        )

    @property
    def error(self) -> CallCancelled:  # type: ignore[override]
        """The ending as an exception."""
        failure = self.failure
        return CallCancelled(f"item {self.key!r}: {failure.message}", hint=failure.hint)

    @property
    def verdict(self) -> str:
        """The ending in a few words."""
        return f"cancelled ({self.reason})"


FailedOutcome: TypeAlias = Raised | TimedOut | WorkerLost | Unpicklable | Cancelled
Outcome: TypeAlias = Succeeded[T] | FailedOutcome
AnyOutcome: TypeAlias = Succeeded[Any] | FailedOutcome


def _circumstances(outcome: Settled) -> dict[str, object]:
    """Return what a notebook shows of how an item was run."""
    took = f"{outcome.duration:.3g} s" if outcome.attempts else None
    return {"attempts": outcome.attempts, "took": took, "worker": outcome.worker}


def remote_error(failure: Failure) -> RemoteError:
    """Make the stand-in for an exception that could not travel."""
    return RemoteError(
        f"{failure.type}: {failure.message}", type_name=failure.type, hint=failure.hint
    )
