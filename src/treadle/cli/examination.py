"""What ``treadle doctor`` looks at: a function, items, results, and the machine."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle

import treadle
from treadle import (
    Cancelled,
    Raised,
    RemoteError,
    SetupFailed,
    Succeeded,
    TimedOut,
    Unpicklable,
    WorkerLost,
)
from treadle.cli import functions, people
from treadle.core.call import is_async, name_of
from treadle.progress.text import one_line, seconds

# Seconds that a worker may take to start, import the function's module and call setup=.
_STARTING = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that was looked at.

    Attributes:
        what: What it was.
        says: How it is.
        ok: Nothing stands in the way of a run.
        hint: What to do about it.
    """

    what: str
    says: str
    ok: bool = True
    hint: str | None = None

    def __str__(self) -> str:
        mark = "ok" if self.ok else "NO"
        text = f"{mark}  {self.what:<9} {self.says}"
        return f"{text}\n{'':14}hint: {self.hint}" if self.hint else text


class Examination:
    """
    Looks at one function.

    Args:
        function: As in ``treadle map``.
        setup: As in ``treadle map``.

    Raises:
        UsageError: The function is not there.
    """

    def __init__(self, function: str, setup: str | None = None) -> None:
        self._function = functions.load(function)
        self._setup = functions.load(setup, beside=function) if setup else None

    def of_function(self) -> Iterator[Finding]:
        """Say where the function was found and how it travels."""
        for what, function in (("function", self._function), ("setup", self._setup)):
            if function is not None:
                yield Finding(what, _place(function))
                yield _travels(what, function, _by(function))

    def of_items(self, items: Iterable[str], *, timeout: float = 10.0) -> Iterator[Finding]:
        """
        Run the function on each item, and look at both ends.

        It runs in a worker process, as it would in a run: what it does to its process, or that
        it never returns, is found out and does no harm here.

        Args:
            items: Names of files, or text.
            timeout: Seconds for each item.
        """
        function = _Awaited(self._function) if is_async(self._function) else self._function
        travels = all(treadle.find_culprit(one) is None for one in (self._function, self._setup))
        with treadle.Pool(workers=1, backend="processes") as pool:
            for text in items:
                is_file = Path(text).exists()
                value: Any = Path(text) if is_file else text
                note = "travels" if is_file else "travels (no such file, so it is given as text)"
                finding = _travels("item", value, f"{one_line(repr(value), 60)}: {note}")
                yield finding
                if travels and finding.ok:
                    yield from _of_outcome(self._run(pool, function, value, timeout))
                else:
                    yield Finding("run", "not run: it cannot travel to a worker", ok=False)

    def _run(
        self, pool: treadle.Pool, function: Callable[..., Any], value: Any, timeout: float
    ) -> treadle.Outcome[Any] | SetupFailed:
        # The deadline is for what the timeout does not cover: a setup or an import that hangs.
        limit = timedelta(seconds=timeout + _STARTING)
        outcomes = pool.map(
            function,
            [value],
            key=str,
            setup=self._setup,
            timeout=timeout,
            deadline=limit,
            grace=0.0,
            progress=people.relay,
        )
        try:
            with outcomes:
                (outcome,) = outcomes  # to the end: a failed setup comes after its items
                return outcome
        except SetupFailed as error:
            return error


def _of_outcome(outcome: treadle.Outcome[Any] | SetupFailed) -> Iterator[Finding]:
    """Say how the item ended, and whether what came of it travels."""
    match outcome:
        case SetupFailed():
            yield Finding("setup", outcome.message, ok=False, hint=outcome.hint)
        case Succeeded(value=value):
            kind = _an(type(value).__name__)
            yield Finding("run", f"returned {kind} after {seconds(outcome.duration)}")
            yield Finding("result", "travels")
        case Unpicklable(failure=failure):
            yield Finding("run", f"returned after {seconds(outcome.duration)}")
            yield Finding("result", failure.message, ok=False, hint=failure.hint)
        case Raised(failure=failure):
            said = f"raised {failure.type}: {one_line(failure.message, 200)}"
            hint = "the result could not be looked at; try an item that succeeds"
            yield Finding("run", said + _place_in(failure.traceback), ok=False, hint=hint)
            yield _of_exception(outcome)
        case WorkerLost(failure=failure):
            died = outcome.verdict.removeprefix("worker lost").strip(" ()")
            said = f"killed its worker{died and f': {died}'}"
            yield Finding("run", said, ok=False, hint=failure.hint)
        case TimedOut():
            hint = "raise --timeout if it needs longer, or look at what this item waits for"
            yield Finding("run", outcome.verdict, ok=False, hint=hint)
        case Cancelled():
            hint = "look at what setup=, or the import of its module, waits for"
            yield Finding(
                "run", "did not begin: its worker was not ready in time", ok=False, hint=hint
            )


def _of_exception(outcome: Raised) -> Finding:
    if not isinstance(outcome.error, RemoteError):
        return Finding("exception", "travels")
    return Finding(
        "exception",
        f"{outcome.failure.type} cannot travel: it arrives as a RemoteError",
        ok=False,
        hint="let its __init__ pass all its arguments on to super().__init__()",
    )


class _Awaited:
    """Makes a plain function of an async one: worker processes have no event loop."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        async def alone() -> Any:
            return await self._function(*arguments)

        return asyncio.run(alone())


def machine() -> Iterator[Finding]:
    """Say what there is to run on."""
    cpus = treadle.usable_cpus()
    methods = ", ".join(multiprocessing.get_all_start_methods())
    yield Finding("CPUs", f"{cpus} usable, {os.cpu_count()} in the machine")
    yield Finding("processes", f"start methods here: {methods}")
    yield Finding("Python", f"{sys.version.split()[0]} at {sys.executable}")


def _travels(what: str, value: object, says: str) -> Finding:
    culprit = treadle.find_culprit(value)
    if culprit is None:
        return Finding(what, says)
    return Finding(what, culprit.message(f"the {what}"), ok=False, hint=culprit.hint)


def _by(function: Callable[..., Any]) -> str:
    """Say how a function that can travel does so."""
    try:
        pickle.dumps(function)
    except Exception:
        size = len(cloudpickle.dumps(function)) if treadle.find_culprit(function) is None else 0
        return f"travels by value ({size:,} bytes): workers cannot import it by name"
    module = getattr(function, "__module__", None) or type(function).__module__
    return f"travels by reference: workers import {module}.{name_of(function)}"


def _place(function: Callable[..., Any]) -> str:
    kind = "async function" if is_async(function) else "function"
    try:
        file, line = inspect.getsourcefile(function), inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return f"{kind} {name_of(function)}, without source"
    return f"{kind} {name_of(function)}, {file}, line {line}"


def _place_in(trace: str) -> str:
    """Return the last place that a traceback names, in brackets."""
    places = re.findall(r'File "(.+)", line (\d+)', trace)
    return f" ({places[-1][0]}, line {places[-1][1]})" if places else ""


def _an(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
