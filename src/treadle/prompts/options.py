"""What may be asked for of an experiment, beside its table, prompts and results file."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias, TypedDict, cast

import treadle
from treadle.prompts.params import RESERVED
from treadle.prompts.plans import Plan

Path: TypeAlias = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """
    The options of ``run`` and ``plan``; those of the command line have the same names.

    None is the same as leaving an option out, and one text where several may stand is one of them.

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
        concurrency: Requests in flight for each lane; default: found by trying. Like ``timeout``,
            it goes over what the file of settings says of single lanes.
        lane_concurrency: The same for single lanes, such as ``{"ollama": 2}``.
        lane_defaults: Settings of lanes of which the file of settings says nothing, such as
            ``{"concurrency": 8, "timeout": 60}``.
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
        guard: Write ``'`` before names and cells that a spreadsheet would take for a formula.
        stream: Have answers streamed: gives the time to the first token.
        raw: Keep the whole JSON of each reply in the record.
        reuse: Other experiments, by results file or id of a run, whose answers to the very same
            requests are taken instead of asking again; they cost nothing.
        retry_errors: Ask again what has failed in an earlier session.
        fresh: Begin again although there are answers; they stay in their record.
        grace: Seconds that requests in flight get after a first Ctrl-C (default 30).
        progress: ``"auto"``, ``"live"``, ``"plain"``, ``"json"`` or ``"none"`` (default).
        heard: Called with the :class:`~treadle.prompts.plans.Plan` of the run, before anything is
            sent: its warnings come in time.
        stdin: What ``"-"`` reads; default: that of the process.
        command: Noted in the run, as in ``treadle.run``.
        listeners: Functions that get every event of the run.
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
    lane_defaults: Mapping[str, Any]
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
    heard: Callable[[Plan], object] | None
    stdin: Any
    command: Mapping[str, Any] | None
    listeners: Sequence[treadle.Listener]


def checked(options: Options) -> Options:
    """
    Return *options* as they are meant, and refuse what no experiment can have.

    Returns:
        Without those that are None; several where several may stand; amounts of money exactly.

    Raises:
        UsageError: An option does not exist, has another type, or is out of its range.
    """
    from treadle.prompts.near import did_you_mean

    for name in options.keys() - Options.__annotations__.keys():
        raise treadle.UsageError(
            f"there is no option {name!r}",
            hint=did_you_mean(name, sorted(Options.__annotations__), called="options"),
        )
    found = {
        name: _READERS[name](name, value) if name in _READERS else value
        for name, value in options.items()
        if value is not None
    }
    if found.get("fresh") and found.get("retry_errors"):
        raise treadle.UsageError(
            "--fresh and --retry-errors exclude each other", hint="leave one of them out"
        )
    return cast("Options", found)


# ── how each option is read ─────────────────────────────────────────────────────────────────────

_Reader: TypeAlias = Callable[[str, Any], Any]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _wrong(name: str, value: object, wanted: str, example: object) -> treadle.UsageError:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    typed = isinstance(example, int) and not isinstance(example, bool)
    return treadle.UsageError(
        f"{_flag(name)} must be {wanted}, got {shown:.80}",
        hint=f"{_flag(name)} {example}" if typed else f"{name}={example!r}",
    )


def _whole(least: int | None, example: int) -> _Reader:
    wanted = "a whole number" if least is None else f"a whole number, {least} or more"

    def read(name: str, value: Any) -> int:
        try:
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is None or (least is not None and number < least):
            raise _wrong(name, value, wanted, example)
        return number

    return read


def _seconds(*, from_0: bool) -> _Reader:
    wanted = "a number of seconds, 0 or more" if from_0 else "a number of seconds above 0"

    def read(name: str, value: Any) -> float:
        is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        number = float(value) if is_number else math.nan
        if not (math.isfinite(number) and (number > 0 or (from_0 and number == 0))):
            raise _wrong(name, value, wanted, 60)
        return number

    return read


def _money(name: str, value: Any) -> Decimal:
    try:
        amount = Decimal("nan" if isinstance(value, bool) else str(value).strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount <= 0:
        raise _wrong(name, value, "an amount of US dollars above 0", 5)
    return amount


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "True or False", example=True)
    return value


def _function(name: str, value: Any) -> Callable[..., object]:
    if not callable(value):
        raise _wrong(name, value, "a function", "print")
    found: Callable[..., object] = value
    return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "text", "")
    return value


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise _wrong(name, value, "a path", "a.txt")
    return value


def _several(read_one: _Reader, example: str) -> _Reader:
    def read(name: str, value: Any) -> list[Any]:
        if isinstance(value, str | os.PathLike):
            value = [value]
        if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
            raise _wrong(name, value, "a list", [example])
        return [read_one(name, each) for each in value]

    return read


def _columns_of_json(name: str, value: Any) -> bool | list[str]:
    names: bool | list[str] = value if isinstance(value, bool) else _NAMES(name, value)
    return names


def _mapping(name: str, value: Any, example: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _wrong(name, value, "a mapping of names", example)
    return value


def _params(name: str, value: Any) -> dict[str, Any]:
    """Return parameters; what no JSON can hold cannot be sent, nor told from another value."""
    params = dict(_mapping(name, value, {"temperature": 0.2}))
    for param, each in params.items():
        if param in RESERVED:
            raise treadle.UsageError(f"--param: {param} is no parameter", hint=RESERVED[param])
        try:
            json.dumps(each, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise treadle.UsageError(
                f"--param {param} must be what JSON can hold, got {each!r:.80}",
                hint="text, numbers, true, false, null, and lists and objects of these",
            ) from error
    return params


def _lane_concurrency(name: str, value: Any) -> dict[str, int]:
    counts = _mapping(name, value, {"ollama": 2})
    read = _whole(1, 1)
    return {lane: read(f"{lane}_concurrency", count) for lane, count in counts.items()}


def _lane_defaults(name: str, value: Any) -> dict[str, Any]:
    return dict(_mapping(name, value, {"timeout": 60}))


_NAMES = _several(_text, "answer")
_READERS: Mapping[str, _Reader] = {
    "context": _several(_path, "a.txt"),
    "system": _path,
    "model": _several(_text, "openai/gpt-4o-mini"),
    "repeats": _whole(1, 3),
    "param": _params,
    "where": _several(_text, "topic=physics"),
    "limit": _whole(1, 10),
    "shuffle": _whole(None, 1),
    "missing": _text,
    "engine": _text,
    "config": _path,
    "concurrency": _whole(1, 8),
    "lane_concurrency": _lane_concurrency,
    "lane_defaults": _lane_defaults,
    "max_concurrent": _whole(1, 100),
    "timeout": _seconds(from_0=False),
    "retries": _whole(0, 5),
    "backoff": _seconds(from_0=True),
    "max_cost": _money,
    "max_tokens_total": _whole(1, 1_000_000),
    "flatten": _columns_of_json,
    "score": _several(_text, "exact:gold"),
    "prefix": _text,
    "columns": _text,
    "bom": _truth,
    "guard": _truth,
    "stream": _truth,
    "raw": _truth,
    "reuse": _several(_text, "old.csv"),
    "retry_errors": _truth,
    "fresh": _truth,
    "grace": _seconds(from_0=True),
    "progress": _text,
    "heard": _function,
}
