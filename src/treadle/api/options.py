"""What may be asked for, checked before any worker starts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike
from typing import Any, Literal, TypeAlias, TypedDict

from treadle.core.checks import function_or_none, positive, positive_int
from treadle.core.item import Key
from treadle.core.lanes import Lanes
from treadle.core.limits import Capacity, Rate
from treadle.core.outcome import AnyOutcome
from treadle.core.policy import Policy, Retry
from treadle.core.protocols import Listener
from treadle.errors import UsageError

BackendName: TypeAlias = Literal["auto", "inline", "threads", "processes", "coroutines"]
Progress: TypeAlias = Literal["auto", "live", "plain", "json", "none"]

BACKENDS = ("auto", "inline", "threads", "processes", "coroutines")
START_METHODS = ("forkserver", "spawn", "fork")
DURABILITIES = ("group", "item", "none")
FOR_EVER = 1e9  # seconds: thirty years, and below the limit of every clock
PROGRESS = ("auto", "live", "plain", "json", "none")


class PoolOptions(TypedDict, total=False):
    """
    How workers are made.

    Attributes:
        workers: Number of workers. Default: usable CPUs for processes (affinity and cgroup quota
            counted), CPUs + 4 but at most 32 for threads, 100 for coroutines, 1 inline.
        backend: ``"auto"`` (default) takes coroutines for async functions and processes for all
            others; or ``"inline"``, ``"threads"``, ``"processes"``, ``"coroutines"``.
        start_method: For processes: ``"forkserver"`` (default), ``"spawn"`` or ``"fork"``.
        max_items_per_worker: Replace a worker process after so many items.
        max_worker_memory: Replace a worker process that holds more than so many bytes.
        min_free_memory: Start nothing while less than so many bytes are free on the machine.
    """

    workers: int | None
    backend: BackendName
    start_method: Literal["forkserver", "spawn", "fork"] | None
    max_items_per_worker: int | None
    max_worker_memory: int | None
    min_free_memory: int | None


class MapOptions(TypedDict, total=False):
    """
    How one run behaves.

    Attributes:
        timeout: Seconds per attempt; None (default) for no limit.
        retry: A ``Retry``, or a number of attempts; None (default) for one attempt.
        rate: A ``Rate``: starts per period; None (default) for no limit.
        capacity: A ``Capacity``: items in flight per key; None (default) for no limit.
        lanes: A ``Lanes``: limits, budgets, pauses and breakers per key; None (default) for none.
            Excludes `rate` and `capacity`.
        ordered: Outcomes in input order instead of as they settle (default False).
        seed: Root of one reproducible random seed per item.
        on_error: ``"continue"`` (default), or ``"stop"`` at the first failure.
        max_failures: Stop after so many failed items.
        deadline: A ``datetime``, or a ``timedelta`` from now; what is unsettled then is cancelled.
        grace: Seconds that running items get to finish after a cancel (default 30).
        key: A function of an item that returns its stable key (text or number).
        progress: ``"auto"``, ``"live"``, ``"plain"``, ``"json"``, ``"none"``, or a display of your
            own (a listener); None (default) is ``"none"``.
        name: Name of the run in events and displays; the function's name by default.
        setup: Called once in each worker; the function then gets what it returned as its second
            argument.
        teardown: Called with that state when the worker ends.
        listeners: Functions that get every event.
    """

    timeout: float | None
    retry: Retry | int | None
    rate: Rate | None
    capacity: Capacity | None
    lanes: Lanes | None
    ordered: bool
    seed: int | None
    on_error: Literal["continue", "stop"]
    max_failures: int | None
    deadline: datetime | timedelta | None
    grace: float
    key: Callable[[Any], Key] | None
    progress: Progress | Listener | None
    name: str | None
    setup: Callable[[], Any] | None
    teardown: Callable[[Any], Any] | None
    listeners: Sequence[Listener]


class RecordOptions(TypedDict, total=False):
    """
    How a run is recorded.

    Attributes:
        resume: True goes on with the newest run of this function into this place, if there is one:
            what has settled is left out. The id, a unique prefix of it, or the name of a run goes
            on with that one.
        anew: Begin again where an unfinished run has stored something, which is lost then. Without
            (default), that is refused.
        retry_failed: Of the run that is resumed, run what has failed, and nothing else.
        redo: Keys of items that a resumed run does again although they have settled: what they
            made was lost, say, or is not wanted as it is. Keys that it does not know do no harm.
        durability: ``"group"`` (default): a crash makes at most 0.2 s of work run again;
            ``"item"``: nothing that has settled runs again, for items that cost money; ``"none"``:
            the run is not recorded and cannot be resumed.
        version: Of the function; a resumed run does again what has another version. ``"source"``
            takes the hash of the function's source. None (default): it does not matter.
        runs_dir: The folder of all runs; default ``TREADLE_RUNS_DIR``, or ``.treadle/runs``.
        command: Noted in the run for ``treadle resume``; for programs like the command line.
        on_commit: Called with a list of outcomes soon after they have become durable, in the thread
            that called ``run``; what it raises ends the run. Nothing that it hears of can be lost
            any more. Cancelled items are not among them.
    """

    resume: bool | str
    anew: bool
    retry_failed: bool
    redo: Collection[Key]
    durability: Literal["group", "item", "none"]
    version: str | None
    runs_dir: str | PathLike[str] | None
    command: Mapping[str, Any] | None
    on_commit: Callable[[Sequence[AnyOutcome]], object] | None


class Options(PoolOptions, MapOptions, total=False):
    """Everything that ``map`` and ``amap`` take beside function and items."""


class StageOptions(MapOptions, RecordOptions, total=False):
    """Everything that ``Pool.run`` takes beside function, items and ``into=``."""


class RunOptions(Options, RecordOptions, total=False):
    """Everything that ``run`` takes beside function, items and ``into=``."""


POOL_NAMES = frozenset(PoolOptions.__annotations__)
MAP_NAMES = frozenset(MapOptions.__annotations__)
RECORD_NAMES = frozenset(RecordOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run, checked."""

    policy: Policy
    seed: int | None = None
    key: Callable[[Any], Key] | None = None
    progress: str | Listener | None = None
    name: str | None = None
    setup: Callable[[], Any] | None = None
    teardown: Callable[[Any], Any] | None = None
    listeners: tuple[Listener, ...] = ()


def check_names(given: Collection[str], known: Collection[str], where: str) -> None:
    """
    Refuse an option that does not exist.

    Raises:
        UsageError: With the name that was probably meant.
    """
    for name in given:
        if name not in known and name in POOL_NAMES:
            raise UsageError(
                f"{where} has no option {name!r}: {name} belongs to treadle.Pool(...)",
                hint=f"give it to the pool: treadle.Pool({name}=...)",
            )
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            meant = (
                f"did you mean {near[0]!r}?" if near else "options are: " + ", ".join(sorted(known))
            )
            raise UsageError(f"{where} has no option {name!r}", hint=meant)


def one_of(name: str, value: object, known: Sequence[str]) -> None:
    """
    Refuse a word that is not in *known*.

    Raises:
        UsageError: With the words there are.
    """
    if value not in known:
        raise UsageError(f"{name} cannot be {value!r}", hint=f"choose one of: {', '.join(known)}")


def settings_from(options: Mapping[str, Any]) -> Settings:
    """
    Check the options of one run.

    Raises:
        UsageError: One of them is wrong: what, which value, and what would be right.
    """
    for name in ("key", "setup", "teardown"):
        function = options.get(name)
        if function is not None and not callable(function):
            raise UsageError(
                f"{name} must be a function, got {function!r}", hint=f"{name}=my_{name}"
            )
    if options.get("teardown") is not None and options.get("setup") is None:
        raise UsageError(
            "teardown was given without setup",
            hint="teardown gets the state that setup returned; give both",
        )
    seed = options.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise UsageError(f"seed must be a whole number, got {seed!r}", hint="seed=42")
    progress = options.get("progress")
    if progress is not None and not callable(progress):
        one_of("progress", progress, PROGRESS)
    title = options.get("name")
    if title is not None and not isinstance(title, str):
        raise UsageError(f"name must be text, got {title!r}", hint="name='parse'")
    return Settings(
        policy=_policy_from(options),
        seed=seed,
        key=options.get("key"),
        progress=progress,
        name=title,
        setup=options.get("setup"),
        teardown=options.get("teardown"),
        listeners=_listeners_from(options.get("listeners", ())),
    )


def _listeners_from(value: Sequence[Listener]) -> tuple[Listener, ...]:
    several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    for wrong in [each for each in value if not callable(each)] if several else [value]:
        raise UsageError(
            f"listeners must be a list of functions, got {wrong!r:.80}",
            hint="listeners=[on_event], each called with every event",
        )
    return tuple(value)


_LIMITS: tuple[tuple[str, type, str], ...] = (
    ("rate", Rate, "600, per=60"),
    ("capacity", Capacity, "4, key=provider"),
    ("lanes", Lanes, "key=provider, limits=treadle.Lane(concurrency=4)"),
)


def _policy_from(options: Mapping[str, Any]) -> Policy:
    on_error = options.get("on_error", "continue")
    one_of("on_error", on_error, ("continue", "stop"))
    for name, type_, example in _LIMITS:
        value = options.get(name)
        if value is not None and not isinstance(value, type_):
            raise UsageError(
                f"{name} must be a treadle.{type_.__name__}, got {value!r}",
                hint=f"{name}=treadle.{type_.__name__}({example})",
            )
    ordered = options.get("ordered", False)
    if not isinstance(ordered, bool):
        raise UsageError(f"ordered must be True or False, got {ordered!r}", hint="ordered=True")
    grace = options.get("grace", 30.0)
    if isinstance(grace, bool) or not isinstance(grace, (int, float)) or not grace >= 0:
        raise UsageError(f"grace must be seconds, 0 or more, got {grace!r}", hint="grace=30")
    return Policy(
        timeout=options.get("timeout"),
        retry=_retry_from(options.get("retry")),
        rate=options.get("rate"),
        capacity=options.get("capacity"),
        lanes=options.get("lanes"),
        ordered=ordered,
        max_failures=1 if on_error == "stop" else options.get("max_failures"),
        time_limit=_time_limit_from(options.get("deadline")),
        grace=float(grace) if grace < FOR_EVER else math.inf,
    )


def _retry_from(value: Retry | int | None) -> Retry:
    if value is None:
        return Retry(attempts=1)
    if isinstance(value, Retry):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(
            f"retry must be a treadle.Retry or a number of attempts, got {value!r}",
            hint="retry=treadle.Retry(attempts=3, on=OSError)",
        )
    return Retry(attempts=value)


def _time_limit_from(deadline: datetime | timedelta | None) -> float | None:
    """Return the seconds from now until *deadline*."""
    if deadline is None:
        return None
    if isinstance(deadline, timedelta):
        left = deadline.total_seconds()
    elif isinstance(deadline, datetime):
        left = (deadline - datetime.now(deadline.tzinfo)).total_seconds()
    else:
        raise UsageError(
            f"deadline must be a datetime or a timedelta, got {deadline!r}",
            hint="deadline=timedelta(minutes=10); for a limit per item use timeout=",
        )
    if left <= 0:
        raise UsageError(
            f"the deadline has passed: {deadline!r}",
            hint="a datetime without tzinfo is local time; deadline=timedelta(minutes=10) is later",
        )
    return left


def check_record(options: Mapping[str, Any]) -> None:
    """
    Check how a run is to be recorded.

    Raises:
        UsageError: An option is wrong, or two do not go together.
    """
    durability = options.get("durability", "group")
    one_of("durability", durability, DURABILITIES)
    resume = options.get("resume", False)
    if not isinstance(resume, (bool, str)) or resume == "":
        raise UsageError(
            f"resume must be True, False or a run's id or name, got {resume!r}",
            hint="resume='latest'; treadle runs lists them",
        )
    if resume and durability == "none":
        raise UsageError(
            "resume needs the record that durability='none' does not keep",
            hint="leave durability out",
        )
    if options.get("anew") and resume:
        raise UsageError("anew and resume exclude each other", hint="leave one of them out")
    if options.get("retry_failed") and not resume:
        raise UsageError(
            "retry_failed needs the run whose failed items are meant", hint="resume='latest'"
        )
    _check_redo(options)
    function_or_none("on_commit", options.get("on_commit"), example="on_commit=my_function")
    if options.get("on_commit") is not None and durability == "none":
        raise UsageError(
            "on_commit needs the record that durability='none' does not keep",
            hint="leave durability out",
        )
    version = options.get("version")
    if version is not None and not isinstance(version, str):
        raise UsageError(f"version must be text, got {version!r}", hint="version='2'")


def _check_redo(options: Mapping[str, Any]) -> None:
    redo = options.get("redo", ())
    if isinstance(redo, str | bytes) or not isinstance(redo, Collection):
        raise UsageError(
            f"redo must be keys of items, got {redo!r:.60}", hint="redo=['a.csv', 'b.csv']"
        )
    if redo and not options.get("resume"):
        raise UsageError("redo needs the run whose items are meant", hint="resume=True")
    if redo and options.get("retry_failed"):
        raise UsageError("redo and retry_failed exclude each other", hint="leave one of them out")


def check_pool(options: Mapping[str, Any]) -> None:
    """
    Check the options of a pool.

    Raises:
        UsageError: One of them is wrong.
    """
    backend = options.get("backend", "auto")
    one_of("backend", backend, BACKENDS)
    method = options.get("start_method")
    if method is not None:
        one_of("start_method", method, START_METHODS)
    positive_int("workers", options.get("workers"), example="workers=8")
    positive_int(
        "max_items_per_worker",
        options.get("max_items_per_worker"),
        example="max_items_per_worker=1000",
    )
    for name in ("max_worker_memory", "min_free_memory"):
        positive(name, options.get(name), example=f"{name}=2_000_000_000 is 2 GB")
    if backend != "auto":  # else the function decides
        check_fits(options, backend)


def check_fits(options: Mapping[str, Any], backend: str) -> None:
    """
    Refuse options that are for worker processes on a backend that has none.

    Raises:
        UsageError: There is one.
    """
    for only in ("start_method", "max_items_per_worker", "max_worker_memory", "min_free_memory"):
        if options.get(only) is not None and backend != "processes":
            raise UsageError(
                f"{only}={options[only]!r} is for worker processes; this is backend={backend!r}",
                hint="leave it out, or use backend='processes'",
            )
