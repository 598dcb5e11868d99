"""What may be asked for of an experiment, beside its table, prompts and results file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias, TypedDict

import treadle

Path: TypeAlias = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """
    The options of ``run`` and ``plan``; those of the command line have the same names.

    Attributes:
        context: Files that are appended to each prompt; their paths may hold ``{{variables}}``.
        system: A file with the system prompt.
        model: Models that each row is sent to, as ``"LANE/MODEL"``; without, the columns
            ``provider`` and ``model`` of the table say it.
        repeats: How often each is asked (default 1).
        param: Generation parameters, such as ``{"temperature": 0.2}``; columns ``param.NAME`` go
            over them.
        where: Conditions on columns, such as ``"topic=physics"``; all must hold.
        limit: Only the first so many rows.
        shuffle: Send the rows in random order, the same for the same number.
        missing: What becomes of a row that lacks a variable: ``"error"`` (default), ``"warn"``,
            ``"empty"``.
        engine: Of the templates: ``"plain"`` (default) or ``"jinja"``.
        config: The file of settings; default ``treadle.toml``, if it is there.
        concurrency: Requests in flight for each lane; default: found by trying.
        lane_concurrency: The same for single lanes, such as ``{"ollama": 2}``.
        max_concurrent: Requests in flight in all; default 1,000.
        timeout: Seconds for each attempt (default: that of the lane, 300).
        retries: Times that a request is tried again (default 5); being told to wait is no try.
        backoff: Upper bound of the first wait before another try, in seconds (default 1).
        max_cost: US dollars that the run never exceeds, earlier sessions of it included.
        max_tokens_total: The same for tokens, in and out.
        flatten: Take JSON out of the answers into columns: True for all that is found, or the names
            of those that are wanted.
        score: What judges the answers, such as ``"exact:gold"``; see ``scoring``.
        prefix: What the names of our columns begin with (default ``"_"``).
        columns: ``"treadle"`` (default) or ``"parallamr"``, the columns of that program.
        bom: Begin CSV files with a byte order mark, which Excel needs.
        guard: Write ``'`` before cells that a spreadsheet would take for a formula.
        stream: Have answers streamed: gives the time to the first token.
        raw: Keep the whole JSON of each reply in the record.
        reuse: Other experiments, by results file or id of a run, whose answers to the very same
            requests are taken instead of asking again; they cost nothing.
        retry_errors: Ask again what has failed in an earlier session.
        fresh: Begin again although there are answers; they stay in their record.
        grace: Seconds that requests in flight get after a first Ctrl-C (default 30).
        progress: ``"auto"``, ``"live"``, ``"plain"``, ``"json"`` or ``"none"`` (default).
        stdin: What ``"-"`` reads; default: that of the process.
        command: Noted in the run, as in ``treadle.run``.
    """

    context: Sequence[Path]
    system: Path | None
    model: Sequence[str]
    repeats: int
    param: Mapping[str, Any]
    where: Sequence[str]
    limit: int | None
    shuffle: int | None
    missing: Literal["error", "warn", "empty"]
    engine: Literal["plain", "jinja"]
    config: Path | None
    concurrency: int | None
    lane_concurrency: Mapping[str, int]
    max_concurrent: int
    timeout: float | None
    retries: int
    backoff: float
    max_cost: Decimal | str | float | None
    max_tokens_total: int | None
    flatten: bool | Sequence[str]
    score: Sequence[str]
    prefix: str
    columns: Literal["treadle", "parallamr"]
    bom: bool
    guard: bool
    stream: bool
    raw: bool
    reuse: Sequence[str]
    retry_errors: bool
    fresh: bool
    grace: float
    progress: str | None
    stdin: Any
    command: Mapping[str, Any] | None


def checked(options: Options) -> Options:
    """
    Refuse what no experiment can have.

    Raises:
        UsageError: An option does not exist, or a number is out of its range.
    """
    from treadle.prompts.near import did_you_mean

    for name in options.keys() - Options.__annotations__.keys():
        raise treadle.UsageError(
            f"there is no option {name!r}",
            hint=did_you_mean(name, sorted(Options.__annotations__), called="options"),
        )
    for name, least in _LEAST.items():
        value: Any = options.get(name)
        if value is not None and (isinstance(value, bool) or not value >= least):
            raise treadle.UsageError(
                f"{_flag(name)} must be {least} or more, got {value!r}",
                hint=f"{_flag(name)} {max(least, 1)}",
            )
    for name in ("timeout", "max_cost"):
        value = options.get(name)
        if value is not None and not float(value) > 0:
            raise treadle.UsageError(
                f"{_flag(name)} must be above 0, got {value!r}", hint=f"{_flag(name)} 60"
            )
    if options.get("fresh") and options.get("retry_errors"):
        raise treadle.UsageError(
            "--fresh and --retry-errors exclude each other", hint="leave one of them out"
        )
    for lane, count in options.get("lane_concurrency", {}).items():
        if count < 1:
            raise treadle.UsageError(
                f"--{lane}-concurrency must be 1 or more, got {count!r}",
                hint=f"--{lane}-concurrency 1",
            )
    return options


_LEAST = {
    "repeats": 1,
    "limit": 1,
    "concurrency": 1,
    "max_concurrent": 1,
    "retries": 0,
    "backoff": 0,
    "max_tokens_total": 1,
    "grace": 0,
}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
