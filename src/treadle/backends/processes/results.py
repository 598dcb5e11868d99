"""Read what a worker sent for its items: outcomes, except where that would run anybody's code."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from treadle.backends.processes import worker as far
from treadle.backends.processes.packing import FOREIGN, NUMPY, load_result, unpack
from treadle.backends.processes.seat import Back
from treadle.core.item import Item
from treadle.core.outcome import (
    AnyOutcome,
    Facts,
    Failure,
    Raised,
    Succeeded,
    Successes,
    Unpicklable,
    remote_error,
)
from treadle.core.protocols import Delivered, Finished

Make: TypeAlias = Callable[[], AnyOutcome]


class Results(NamedTuple):
    """
    The body of a RESULTS frame.

    Attributes:
        tag: The batch that the items belong to.
        positions: The first position, or all positions where some were skipped.
        kinds: What each value is (see ``worker``); None when all are plain.
        values: One for each item.
        started: Seconds since the epoch.
        durations: Seconds.
        cpu: CPU seconds of all of them together.
        peak_memory: Highest resident memory so far, in bytes.
    """

    tag: int
    positions: int | list[int]
    kinds: bytes | None
    values: tuple[Any, ...]
    started: tuple[float, ...]
    durations: tuple[float, ...]
    cpu: float
    peak_memory: int

    def read(
        self, back: Back, worker: str, fds: list[int]
    ) -> tuple[Delivered | Finished, list[tuple[Item, Make]]]:
        """
        Return what there is to report, and what must be made where it may take its time.

        Args:
            back: The items that these are the results of, in the same order.
            worker: Name of the worker.
            fds: Descriptors of the segments that came with the frame; taken over.
        """
        items = back.items
        call = items[0].call
        if self.kinds is None:
            outcomes = Successes(
                back.keys,
                back.indices,
                back.attempts,
                self.started,
                self.durations,
                self.values,
                cpu=self.cpu,
                peak_memory=self.peak_memory,
                worker=worker,
            )
            return Delivered(call, items, outcomes), []
        ready: list[tuple[Item, AnyOutcome]] = []
        foreign: list[tuple[Item, Make]] = []
        total = sum(self.durations)
        share = self.cpu / total if total > 0 else 0.0  # what was measured together is shared so
        for item, kind, value, at, took in zip(
            items, self.kinds, self.values, self.started, self.durations, strict=True
        ):
            key, index, attempt = item.key, item.index, item.attempt
            facts = (key, index, attempt, at, took, took * share, self.peak_memory, worker)
            make, is_foreign = _how_to_make(kind, value, facts, fds)
            if is_foreign:
                foreign.append((item, make))
            else:
                ready.append((item, make()))
        return Finished(call, ready), foreign

    @property
    def size(self) -> int:
        """Bytes of all values that were pickled."""
        return sum(_size(value) for value in self.values if type(value) is tuple)


def _size(value: tuple[Any, ...]) -> int:
    """Return the bytes of a packed value: of its pickle and of its buffers."""
    if len(value) != 2:
        return 0  # a failure
    data, extents = value
    size: int = len(data or b"") + sum(length for _, length, _ in extents or ())
    return size


def _how_to_make(kind: int, value: Any, facts: Facts, fds: list[int]) -> tuple[Make, bool]:
    """Return how to make an outcome, and whether that may run anybody's code."""
    if kind == far.RETURNED:
        return lambda: Succeeded(*facts, value), False
    if kind in (far.UNPICKLABLE_ARGUMENT, far.UNPICKLABLE_RESULT):
        what: Literal["argument", "result"] = (
            "argument" if kind == far.UNPICKLABLE_ARGUMENT else "result"
        )
        return lambda: Unpicklable(*facts, what, Failure(*value)), False
    make: Make
    if kind == far.RAISED:
        *failure, data, kind = value
        make = _Raise(facts, Failure(*failure), data)
    else:
        data, extents = value
        loads = load_result if kind == FOREIGN else pickle.loads
        make = _Return(facts, data, extents, fds.pop(0) if extents is not None else None, loads)
    return make, kind == FOREIGN or (kind == NUMPY and "numpy" not in sys.modules)


class _Return:
    """Make the outcome of a call that returned something that was pickled."""

    def __init__(
        self,
        facts: Facts,
        data: bytes | None,
        extents: list[tuple[int, int, bool]] | None,
        fd: int | None,
        loads: Callable[..., Any],
    ) -> None:
        self._facts, self._data, self._extents, self._fd = facts, data, extents, fd
        self._loads = loads

    def __call__(self) -> AnyOutcome:
        try:
            value = unpack(self._data, self._extents, self._fd, self._loads)
        except BaseException as error:  # anybody's code may raise anything
            failure = Failure(
                type(error).__qualname__,
                f"the result cannot be loaded here: {type(error).__name__}: {error}",
                hint="its class must be importable in this process; return plain values instead",
            )
            return Unpicklable(*self._facts, "result", failure)
        return Succeeded(*self._facts, value)


class _Raise:
    """Make the outcome of a call that raised."""

    def __init__(self, facts: Facts, failure: Failure, data: bytes | None) -> None:
        self._facts, self._failure, self._data = facts, failure, data

    def __call__(self) -> AnyOutcome:
        failure = self._failure
        error: BaseException = remote_error(failure)
        if self._data is not None:
            try:
                loaded = load_result(self._data)
            except BaseException:  # the text, which says all that can be said, stands in for it
                loaded = None
            if isinstance(loaded, BaseException):
                error = loaded
        # Past the class, whose own __setattr__ may refuse.
        BaseException.__setattr__(error, "__cause__", RemoteTraceback(failure.traceback))
        return Raised(*self._facts, failure, error)


class RemoteTraceback(Exception):
    """Shows, as the cause of an exception, the traceback of the worker that raised it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'
