"""What will happen: flags resolved into a function, items, and the arguments of a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import treadle
from treadle import UsageError
from treadle.cli import functions, options
from treadle.cli.again import command_of
from treadle.cli.options import MapOptions
from treadle.cli.selection import Limited, Shuffled, Without


@dataclass(frozen=True, slots=True)
class Again:
    """
    A recorded run to go on with.

    Attributes:
        run: Its id.
        runs_dir: The folder of all runs.
        retry: Run what has failed, and nothing else.
        was_finished: Its source had been read to the end.
    """

    run: str
    runs_dir: str
    retry: bool = False
    was_finished: bool = True

    @property
    def leaves_some(self) -> bool:
        """Items will be missing even if all goes well."""
        return self.retry and not self.was_finished


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
        record: Further ones of ``treadle.run``: how it is recorded.
        runs_dir: Where that is, as it was typed, for messages.
        leaves_some: There are items that this session will not run, as it only retries.
        reads_stdin: The source is standard input.
        json: Print outcomes as JSON.
        progress: Which display; see ``treadle.run``.
        otel: Export it through OpenTelemetry.
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
    record: Mapping[str, Any] = field(default_factory=dict)
    runs_dir: str | None = None
    leaves_some: bool = False
    reads_stdin: bool = False
    otel: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: MapOptions, again: Again | None = None) -> Plan:
        """
        Resolve what was typed.

        Args:
            typed: The flags.
            again: The run to go on with; None to do what the flags say.

        Raises:
            UsageError: A flag is wrong, or the function or the source is not there.
        """
        _agree(typed)
        function = functions.load(typed.function)
        if typed.shuffle and typed.seed is None and typed.shuffle_seed is None:
            typed = replace(typed, shuffle_seed=random.SystemRandom().getrandbits(32))
        notes = _notes(typed, again)
        return cls(
            function=function,
            items=_items(typed),
            asked=" ".join(typed.source),
            if_empty=_if_empty(typed),
            into=typed.into,
            arguments=_arguments(typed),
            record=_record(typed, again),
            runs_dir=typed.runs_dir,
            leaves_some=again is not None and again.leaves_some,
            reads_stdin="-" in typed.source,
            json=typed.json,
            progress="none" if typed.quiet else typed.progress,
            otel=typed.otel,
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


def _order(typed: MapOptions) -> int | None:
    """Return the seed of the order."""
    return typed.shuffle_seed if typed.seed is None else typed.seed


def _notes(typed: MapOptions, again: Again | None) -> tuple[str, ...]:
    """Say what the person should know before it begins."""
    notes = []
    if typed.shuffle and again is None:
        notes.append(f"shuffled; --seed {_order(typed)} gives this order again")
    return tuple(notes)


def _record(typed: MapOptions, again: Again | None) -> dict[str, Any]:
    """Say how the run is recorded, leaving out what was not asked for."""
    if typed.into is None:
        return {}
    record: dict[str, Any] = {
        "name": typed.name,
        "durability": typed.durability,
        "version": typed.version,
        "runs_dir": typed.runs_dir,
        "resume": typed.resume or None,
        "anew": typed.anew or None,
        "command": None if typed.durability == "none" else command_of(typed),
    }
    if again is not None:
        record.update(resume=again.run, runs_dir=again.runs_dir, retry_failed=again.retry)
    return {name: value for name, value in record.items() if value is not None}


def _items(typed: MapOptions) -> Any:
    items, seed = source(typed), _order(typed)
    if typed.into is not None and not (typed.rows or typed.lines or "-" in typed.source):
        items = Without(items, (typed.into, f"{typed.into}.part"))
    if typed.shuffle and seed is not None:
        items = Shuffled(items, seed)
    return items if typed.limit is None else Limited(items, typed.limit)


def source(typed: MapOptions) -> Any:
    """
    Return the source of the items that were asked for.

    Raises:
        UsageError: There is no such file.
    """
    asked = typed.source
    encoding = typed.encoding or "utf-8"
    if typed.rows:
        kind = typed.format or ("jsonl" if asked[0] == "-" else None)
        return treadle.rows(asked[0], key=typed.key, format=kind, encoding=encoding)
    if typed.lines or asked == ("-",):
        return treadle.lines(asked[0], encoding=encoding)
    by_content = typed.fingerprint == "content"
    return treadle.files(*asked, fingerprint="content" if by_content else "stat")


def check(typed: MapOptions) -> None:
    """
    Look at all that can be known without loading a function: what a form says while it is filled.

    Raises:
        UsageError: A flag is wrong, flags do not go together, or the source is not there.
    """
    _agree(typed)
    _limits(typed)
    source(typed)


def _agree(typed: MapOptions) -> None:
    """Refuse flags that exclude or need each other."""
    rows, lines, asked = typed.rows, typed.lines, typed.source
    _agree_on_record(typed)
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


def _agree_on_record(typed: MapOptions) -> None:
    """Refuse flags about the record of a run that has none."""
    given = {
        "--name": typed.name is not None,
        "--resume": typed.resume,
        "--durability": typed.durability not in (None, "none"),
        "--version": typed.version is not None,
        "--fingerprint": typed.fingerprint is not None,
    }
    for flag in (flag for flag in given if given[flag] and typed.into is None):
        raise UsageError(
            f"{flag} is about the record of a run, so it needs --into",
            hint="add --into FILE; without it values are printed, and nothing is recorded",
        )
    if typed.resume and typed.durability == "none":
        raise UsageError(
            "--resume needs the record that --durability none does not keep",
            hint="leave --durability out",
        )
    if typed.fingerprint is not None and (typed.rows or typed.lines or "-" in typed.source):
        raise UsageError(
            "--fingerprint is that of files; rows and lines are compared as they are",
            hint="leave --fingerprint out",
        )
    if typed.resume and typed.shuffle and typed.seed is None:
        raise UsageError(
            "--resume with --shuffle needs the order of the run before",
            hint="add --seed N, both times; or treadle resume RUN, which knows it",
        )


def _same(one: str, other: str) -> bool:
    return Path(one).is_file() and Path(other).exists() and Path(one).samefile(other)


def _arguments(typed: MapOptions) -> dict[str, Any]:
    """Translate flags into keyword arguments, leaving out what was not typed."""
    arguments: dict[str, Any] = {
        **_limits(typed),
        "setup": typed.setup and functions.load(typed.setup, beside=typed.function),
        "teardown": typed.teardown and functions.load(typed.teardown, beside=typed.function),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _limits(typed: MapOptions) -> dict[str, Any]:
    return {
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
    }
