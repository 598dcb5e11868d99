"""What ``treadle doctor`` looks at: a function, items, results, and the machine."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

import treadle
from treadle.cli import functions
from treadle.core.call import is_async, name_of
from treadle.progress.text import one_line, seconds


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

    def of_items(self, items: Iterable[str]) -> Iterator[Finding]:
        """Run the function on each item, and look at both ends."""
        state = (self._setup(),) if self._setup else ()
        for text in items:
            value: Any = Path(text) if Path(text).exists() else text
            yield _travels("item", value, f"{one_line(repr(value), 60)}: travels")
            yield from self._run(value, state)

    def _run(self, value: Any, state: tuple[Any, ...]) -> Iterator[Finding]:
        began = time.perf_counter()
        try:
            result = _call(self._function, value, *state)
        except Exception as error:
            yield Finding(
                "run",
                f"raised {type(error).__name__}: {one_line(error, 200)}{_where(error)}",
                ok=False,
                hint="the result could not be looked at; try an item that succeeds",
            )
            yield _travels("exception", error, "travels", load=True)
            return
        took = seconds(time.perf_counter() - began)
        yield Finding("run", f"returned {_an(type(result).__name__)} after {took}")
        yield _travels("result", result, "travels", load=True)


def machine() -> Iterator[Finding]:
    """Say what there is to run on."""
    cpus = treadle.usable_cpus()
    methods = ", ".join(multiprocessing.get_all_start_methods())
    yield Finding("CPUs", f"{cpus} usable, {os.cpu_count()} in the machine")
    yield Finding("processes", f"start methods here: {methods}")
    yield Finding("Python", f"{sys.version.split()[0]} at {sys.executable}")


def _travels(what: str, value: object, says: str, *, load: bool = False) -> Finding:
    culprit = treadle.find_culprit(value, load=load)
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


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    if not is_async(function):
        return function(*arguments)

    async def alone() -> Any:
        return await function(*arguments)

    return asyncio.run(alone())


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if frame.filename != __file__), None)
    return f" ({last.filename}, line {last.lineno})" if last else ""


def _an(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
