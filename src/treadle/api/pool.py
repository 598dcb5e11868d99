"""Workers that stay: run one stage after another on them without starting any again."""

from __future__ import annotations

import atexit
import random
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from treadle.api.options import (
    MAP_NAMES,
    POOL_NAMES,
    RECORD_NAMES,
    MapOptions,
    PoolOptions,
    Settings,
    check_fits,
    check_names,
    check_pool,
    settings_from,
)
from treadle.api.outcomes import Outcomes
from treadle.backends.cpus import usable_cpus
from treadle.core import events
from treadle.core.call import Call, is_async
from treadle.core.protocols import Backend
from treadle.core.stats import Stats
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.machine import Machine
from treadle.engine.outlet import Outlet
from treadle.engine.reader import Reader
from treadle.engine.stage import Stage
from treadle.errors import UsageError

if TYPE_CHECKING:
    from os import PathLike

    from treadle.api.options import StageOptions
    from treadle.api.recording import Recorded
    from treadle.api.running import Report
    from treadle.core.outcome import Outcome
    from treadle.core.protocols import Sink

T = TypeVar("T")


class Pool:
    """
    Workers that are kept from one run to the next.

    Several runs may be under way at once, also from several threads, and one may read the
    outcomes of another. Workers start when the first item is there.

    Args:
        options: See :class:`treadle.api.options.PoolOptions`.

    Raises:
        UsageError: An option is wrong.
    """

    def __init__(self, **options: Unpack[PoolOptions]) -> None:
        check_names(options, POOL_NAMES, "Pool")
        check_pool(options)
        self._options = options
        self._lock = threading.RLock()  # a finalizer may close us at any moment
        self._dispatchers: dict[tuple[str, bool], Dispatcher] = {}
        self._closed = False
        self._first_run: str | None = None
        self._stages = 0  # runs with a report so far
        _open_pools.add(self)

    def map(
        self,
        function: Callable[..., T],
        items: Iterable[Any],
        **options: Unpack[MapOptions],
    ) -> Outcomes[T]:
        """
        Call *function* on every item; return an iterator of outcomes. See :func:`treadle.map`.

        Raises:
            UsageError: An argument is wrong.
            NotPicklable: The function cannot travel to a worker process.
        """
        check_names(options, MAP_NAMES, "Pool.map")
        return self.begin(function, items, settings_from(options))

    def amap(
        self,
        function: Callable[..., Any],
        items: Iterable[Any] | AsyncIterable[Any],
        **options: Unpack[MapOptions],
    ) -> AsyncIterator[Outcome[Any]]:
        """
        Like ``map``, for ``async for``. See :func:`treadle.amap`.

        Raises:
            UsageError: An argument is wrong.
        """
        from treadle.api.mapping import iterate_async

        check_names(options, MAP_NAMES, "Pool.amap")
        settings = settings_from(options)
        return iterate_async(
            lambda source: self.begin(function, source, settings, in_thread=True), items
        )

    def run(
        self,
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        into: str | PathLike[str] | Sink | None = None,
        **options: Unpack[StageOptions],
    ) -> Report:
        """
        Call *function* on every item and put the values *into* a file. See :func:`treadle.run`.

        Each is a run of its own; the record of all but the first names that one as its parent.

        Raises:
            UsageError: An argument is wrong.
            Interrupted: Ctrl-C; its ``report`` says how far the run came.
        """
        from treadle.api.running import collect

        check_names(options, MAP_NAMES | RECORD_NAMES, "Pool.run")
        with self._lock:
            stage, self._stages = self._stages, self._stages + 1
        report = collect(self, function, items, into, options, parent=self._first_run, stage=stage)
        self._first_run = self._first_run or report.run_id
        return report

    def close(self, *, kill: bool = False, wait: bool = True) -> None:
        """
        End all workers.

        Args:
            kill: At once and by force; else workers tear down first. Runs that are still under
                way are cancelled in both cases.
            wait: Return when all workers are gone.
        """
        with self._lock:
            self._closed = True
            dispatchers = list(self._dispatchers.values())
        for dispatcher in dispatchers:
            dispatcher.close(kill=kill, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close(kill=exc_info[0] is not None)

    def begin(
        self,
        function: Callable[..., Any],
        items: Iterable[Any],
        settings: Settings,
        *,
        then_close: bool = False,
        in_thread: bool = False,
        pushed: bool = False,
        before_start: Callable[[], object] | None = None,
        recorded: Recorded | None = None,
    ) -> Outcomes[Any]:
        """
        Put a run together from its parts and start it.

        Args:
            function: The function.
            items: The source.
            settings: The checked options.
            then_close: Close this pool with the run, also when the run cannot begin.
            in_thread: Nobody will turn the loop by hand, even if the backend is inline.
            pushed: *items* is empty, and items are posted instead (the executor).
            recorded: The record of the run; it leaves out what an earlier session has settled.
            before_start: Called when all is checked, and before anything is read or started; what
                it raises is raised here.

        Raises:
            UsageError: *function* or *items* is not what its name says.
            NotPicklable: The function cannot travel to a worker process.
        """
        try:
            check_arguments(function, items)
            dispatcher = self._dispatcher(function, in_thread=in_thread)
            call = Call(
                function, settings.setup, settings.teardown, settings.seed, settings.name or ""
            )
            dispatcher.backend.open_call(call)
            if before_start is not None:
                self._prepare(before_start, dispatcher, call)
        except BaseException:
            if then_close:
                self.close()
            raise
        stats = Stats()
        stage = self._stage(dispatcher, call, None if pushed else items, settings, stats, recorded)
        stage.tell(
            events.RunStarted(
                at=time.monotonic(),
                name=call.name,
                total=None if pushed else _length(items),
                workers=dispatcher.backend.workers,
                backend=dispatcher.backend.name,
            )
        )
        outcomes: Outcomes[Any] = Outcomes(
            dispatcher, stage, stats, settings.policy.grace, self if then_close else None
        )
        dispatcher.add(stage)
        return outcomes

    def _prepare(
        self, before_start: Callable[[], object], dispatcher: Dispatcher, call: Call
    ) -> None:
        try:
            before_start()
        except BaseException:
            # A run of nothing: at its end the dispatcher, whose right it is, closes the call.
            nothing = self._stage(dispatcher, call, (), settings_from({}), Stats())
            dispatcher.add(nothing)
            raise

    def _stage(
        self,
        dispatcher: Dispatcher,
        call: Call,
        items: Iterable[Any] | None,
        settings: Settings,
        stats: Stats,
        recorded: Recorded | None = None,
    ) -> Stage:
        policy, backend = settings.policy, dispatcher.backend
        hear = [] if recorded is None else [recorded.hear]
        lanes = policy.lanes
        keyed = bool(lanes or (policy.rate and policy.rate.key) or policy.capacity)
        reader = None
        if items is not None:
            reader = Reader(
                items,
                call=call.id,
                pack=backend.pack,
                key=key_function(items, settings),
                lane=policy.lane if keyed else None,
                cost=None if lanes is None else lanes.cost,
                wake=backend.wake,
                screen=None if recorded is None else recorded.screen,
            )
        machine = Machine(
            policy,
            backend.capabilities,
            random=random.Random(settings.seed),  # noqa: S311  jitter, not secrets
            began=time.monotonic(),
            epoch=time.time() - time.monotonic(),
            tells_lanes=recorded is not None
            or bool(settings.listeners)
            or _display(settings) is not None,
        )
        return Stage(
            call=call,
            machine=machine,
            reader=reader,
            outlet=Outlet(backend.wake),
            listeners=[stats.after, *hear, *_listeners(settings)],
            # Each for itself where nothing that has settled may wait for the rest of a batch.
            paced=policy.rate is not None
            or policy.capacity is not None
            or lanes is not None
            or (recorded is not None and recorded.one_by_one),
            asks_running=policy.timeout is not None,
            stores_first=recorded is not None and recorded.one_by_one,
            on_start=recorded.begins if recorded is not None and recorded.one_by_one else None,
        )

    def _dispatcher(self, function: Callable[..., Any], *, in_thread: bool) -> Dispatcher:
        name = self._options.get("backend", "auto")
        if name == "auto":
            name = "coroutines" if is_async(function) else "processes"
        with self._lock:
            if self._closed:
                raise UsageError("the pool is closed", hint="make a new treadle.Pool")
            threaded = in_thread or name != "inline"
            if (name, threaded) not in self._dispatchers:
                backend = _make_backend(name, self._options)
                self._dispatchers[name, threaded] = Dispatcher(backend, threaded=threaded)
            return self._dispatchers[name, threaded]


_open_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _close_all() -> None:
    for pool in list(_open_pools):
        pool.close(kill=True)
    launcher = sys.modules.get("treadle.backends.processes.launcher")
    if launcher is not None:
        launcher.LAUNCHER.close()


# After the interpreter has joined the program's own threads, which may be in the middle of a run.
atexit.register(_close_all)


def check_arguments(function: object, items: object) -> None:
    """
    Refuse what cannot be mapped, or mapped over.

    Raises:
        UsageError: *function* cannot be called, or *items* cannot be iterated over.
    """
    if not callable(function):
        raise UsageError(
            f"the function is not callable: {function!r:.60}", hint="pass the function itself"
        )
    if isinstance(items, (str, bytes)):
        raise UsageError(
            f"items is text, {items!r:.60}; its letters are hardly what is meant",
            hint="pass a list, or treadle.files(...), lines(...), rows(...)",
        )
    if not hasattr(items, "__iter__") and not hasattr(items, "__getitem__"):
        raise UsageError(
            f"items must be iterable, got {type(items).__name__}: {items!r:.60}",
            hint="pass a list, a generator, or treadle.files(...)",
        )


def _make_backend(name: str, options: PoolOptions) -> Backend:
    workers = options.get("workers")
    check_fits(options, name)
    match name:
        case "processes":
            from treadle.backends.processes.backend import Processes

            return Processes(
                workers or usable_cpus(),
                start_method=options.get("start_method"),
                max_items_per_worker=options.get("max_items_per_worker"),
                max_worker_memory=options.get("max_worker_memory"),
                min_free_memory=options.get("min_free_memory"),
            )
        case "threads":
            from treadle.backends.threads import Threads

            return Threads(workers or min(32, usable_cpus() + 4))
        case "coroutines":
            from treadle.backends.coroutines import Coroutines

            return Coroutines(workers or 100)
        case _:
            from treadle.backends.inline import Inline

            return Inline()


def key_function(items: Any, settings: Settings) -> Callable[[Any, int], Any] | None:
    """Return what gives the key of a value at a position; None when that is the position."""
    key = settings.key
    if key is not None:
        return lambda value, _: key(value)
    own = getattr(items, "key", None)
    return own if callable(own) else None


def _length(items: Any) -> int | None:
    try:
        return len(items)
    except Exception:  # no length, or one that does not fit: then the number is not known
        return None


def _display(settings: Settings) -> str | Callable[[events.Event], object] | None:
    return None if settings.progress == "none" else settings.progress


def _listeners(settings: Settings) -> list[Callable[[events.Event], object]]:
    from treadle.api.relay import relay

    display = _display(settings)
    if display is None:
        return [relay, *settings.listeners]
    if not isinstance(display, str):
        return [display, *settings.listeners]
    from treadle.progress import listener_for

    return [listener_for(display) or relay, *settings.listeners]
