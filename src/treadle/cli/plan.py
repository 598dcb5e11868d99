"""What will happen: flags resolved into a function, items, and the arguments of a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import treadle
from treadle import UsageError
from treadle.cli import functions, options
from treadle.cli.options import MapOptions
from treadle.cli.selection import Limited, Shuffled, Without


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    One run, decided and not begun.

    Attributes:
        function: What is called.
        items: What it is called on: any iterable, or a source.
        asked: The source as it was typed, for messages.
        if_empty: What to do when there is no item in it.
        into: Where values go; None for stdout.
        arguments: Keyword arguments of ``treadle.run`` and ``treadle.map``.
        json: Print outcomes as JSON.
        progress: Which display; see ``treadle.run``.
        summary: Close with a summary on stderr.
        tracebacks: ... with tracebacks in it.
        notes: What the person should know before it begins.
    """

    function: Callable[..., Any]
    items: Any
    asked: str
    if_empty: str
    into: str | None
    arguments: Mapping[str, Any]
    json: bool
    progress: str
    summary: bool
    tracebacks: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: MapOptions) -> Plan:
        """
        Resolve what was typed.

        Raises:
            UsageError: A flag is wrong, or the function or the source is not there.
        """
        function = functions.load(typed.function)
        seed = typed.seed
        if typed.shuffle and seed is None:
            seed = random.SystemRandom().getrandbits(32)
        notes = (f"shuffled; --seed {seed} gives this order again",) if typed.shuffle else ()
        return cls(
            function=function,
            items=_items(typed, seed),
            asked=" ".join(typed.source),
            if_empty=_if_empty(typed),
            into=typed.into,
            arguments=_arguments(typed),
            json=typed.json,
            progress="none" if typed.quiet else typed.progress,
            summary=not typed.quiet and typed.progress != "json",
            tracebacks=typed.verbose,
            notes=() if typed.quiet or typed.progress == "json" else notes,
        )


def _if_empty(typed: MapOptions) -> str:
    """Say what to do about a source without an item."""
    if typed.source == ("-",):
        return "standard input was empty: pipe one item per line into it"
    if typed.rows:
        return "there is no row below the header, or the file is empty"
    if typed.lines:
        return "the file is empty"
    if any(mark in one for one in typed.source for mark in "*?["):
        return "quote a pattern and it is searched here: 'data/**/*.csv'"
    return "there are no files in it; names that begin with a dot are left out"


def _items(typed: MapOptions, seed: int | None) -> Any:
    items = source(typed)
    if typed.into is not None and not (typed.rows or typed.lines or "-" in typed.source):
        items = Without(items, (typed.into, f"{typed.into}.part"))
    if typed.shuffle and seed is not None:
        items = Shuffled(items, seed)
    return items if typed.limit is None else Limited(items, typed.limit)


def source(typed: MapOptions) -> Any:
    """
    Return the source of the items that were asked for.

    Raises:
        UsageError: There is no such file, or the flags do not go together.
    """
    _agree(typed)
    asked = typed.source
    encoding = typed.encoding or "utf-8"
    if typed.rows:
        kind = typed.format or ("jsonl" if asked[0] == "-" else None)
        return treadle.rows(asked[0], key=typed.key, format=kind, encoding=encoding)
    if typed.lines or asked == ("-",):
        return treadle.lines(asked[0], encoding=encoding)
    return treadle.files(*asked)


def _agree(typed: MapOptions) -> None:
    """Refuse flags that exclude or need each other."""
    rows, lines, asked = typed.rows, typed.lines, typed.source
    if typed.into is not None and any(_same(typed.into, one) for one in asked):
        raise UsageError(
            f"--into {typed.into} would overwrite the source", hint="choose another name"
        )
    if rows and lines:
        raise UsageError("--rows and --lines exclude each other", hint="choose one of them")
    if typed.quiet and typed.verbose:
        raise UsageError("--quiet and --verbose exclude each other", hint="choose one of them")
    if typed.key is not None and not rows:
        raise UsageError(
            "--key names a column, so it needs --rows", hint="add --rows, or leave --key out"
        )
    if typed.format is not None and not rows:
        raise UsageError("--format is that of rows, so it needs --rows", hint="add --rows")
    if typed.encoding is not None and not (rows or lines or "-" in asked):
        raise UsageError(
            "--encoding is that of rows or lines, so it needs --rows or --lines",
            hint="without them the function gets paths, and opens the files itself",
        )
    if (rows or lines or "-" in asked) and len(asked) != 1:
        flag = "--rows" if rows else "--lines" if lines else "-"
        raise UsageError(
            f"{flag} takes one source, got {len(asked)}", hint="run them one after the other"
        )


def _same(one: str, other: str) -> bool:
    return Path(one).is_file() and Path(other).exists() and Path(one).samefile(other)


def _arguments(typed: MapOptions) -> dict[str, Any]:
    """Translate flags into keyword arguments, leaving out what was not typed."""
    arguments: dict[str, Any] = {
        "workers": typed.workers,
        "backend": typed.backend,
        "start_method": typed.start_method,
        "timeout": typed.timeout and options.seconds("--timeout", typed.timeout),
        "retry": treadle.Retry(attempts=typed.retries + 1) if typed.retries else None,
        "rate": typed.rate and options.rate(typed.rate),
        "ordered": typed.ordered,
        "seed": typed.seed,
        "on_error": typed.on_error,
        "max_failures": typed.max_failures,
        "deadline": typed.deadline
        and options.deadline(typed.deadline, datetime.now().astimezone()),
        "grace": typed.grace and options.seconds("--grace", typed.grace),
        "setup": typed.setup and functions.load(typed.setup, beside=typed.function),
        "teardown": typed.teardown and functions.load(typed.teardown, beside=typed.function),
    }
    return {name: value for name, value in arguments.items() if value is not None}
