"""The same workers behind ``concurrent.futures`` (PEP 3148)."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor as Base
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

from treadle.api.options import PoolOptions, settings_from
from treadle.api.outcomes import Outcomes
from treadle.api.pool import Pool
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome
from treadle.engine.stimuli import ItemsRead, SourceEnded
from treadle.errors import NotPicklable

T = TypeVar("T")


class Executor(Base):
    """
    A drop-in for ``concurrent.futures.ProcessPoolExecutor``.

    What differs: one dead worker fails one future (with ``treadle.WorkerDied``), not all; lambdas,
    closures and functions of ``__main__`` travel; ``chunksize`` is not needed, items are batched
    by how long they take, and a future is running from when its batch is given to a worker.

    Args:
        max_workers: Number of workers; default: usable CPUs (``backend="threads"``: CPUs + 4).
        mp_context: A ``multiprocessing`` context, of which only the start method is taken.
        initializer: Called with *initargs* once in each worker. If it raises, all futures raise
            ``BrokenProcessPool``.
        initargs: Its arguments.
        max_tasks_per_child: Replace a worker process after so many calls.
        start_method: ``"forkserver"`` (default), ``"spawn"`` or ``"fork"``.
        backend: ``"processes"`` (default), ``"threads"`` or ``"inline"``.

    Raises:
        ValueError: A number is not above zero.
        TypeError: *initializer* is not callable.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        start_method: str | None = None,
        backend: str = "processes",
    ) -> None:
        _check(max_workers, initializer, max_tasks_per_child)
        if mp_context is not None and start_method is None and backend == "processes":
            start_method = mp_context.get_start_method()
        options: dict[str, Any] = {
            "workers": max_workers,
            "backend": backend,
            "start_method": start_method,
            "max_items_per_worker": max_tasks_per_child,
        }
        given = {name: value for name, value in options.items() if value is not None}
        self._pool = Pool(**PoolOptions(**given))  # type: ignore[typeddict-item]
        setup = None if initializer is None else partial(_initialize, initializer, initargs)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._futures: dict[int, Future[Any]] = {}
        self._shut_down = False
        self._broken: list[BaseException] = []
        self._outcomes = self._pool.begin(
            _apply, (), settings_from({"setup": setup}), in_thread=True, pushed=True
        )
        stage = self._outcomes._stage
        self._call_id = stage.call.id
        self._pack = self._outcomes._dispatcher.backend.pack
        stage.on_start = partial(_begin_futures, self._futures)
        self._thread = threading.Thread(
            target=_settle_futures,
            args=(self._outcomes, self._futures, self._pool, self._broken, self._lock),
            name="treadle-executor",
            daemon=True,
        )
        self._thread.start()
        _settling.add(self._thread)
        # Not a method: an executor that nobody holds any more must be able to go.
        self._end = weakref.finalize(self, self._outcomes._post, SourceEnded())
        self._end.atexit = False
        _open_executors.add(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """
        Have ``fn(*args, **kwargs)`` called; return a future of its result.

        Pickled here and now: what changes later does not matter, and what cannot be pickled
        settles the future at once.

        Raises:
            RuntimeError: The executor has been shut down.
            BrokenProcessPool: Its initializer raised.
        """
        future: Future[T] = Future()
        try:
            payload = self._pack((fn, args, kwargs))
        except NotPicklable as error:
            self._check_open()
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        with self._lock:
            self._check_open()
            index = next(self._numbers)
            self._futures[index] = future
            self._outcomes._post(ItemsRead([Item(index, index, payload, self._call_id)]))
        return future

    def _check_open(self) -> None:
        if self._broken:
            raise _broken_pool(self._broken[0])
        if self._shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """
        Yield ``fn`` of the items of *iterables*, in order.

        Args:
            fn: The function.
            iterables: One for each argument.
            timeout: Seconds from now after which waiting for a result raises ``TimeoutError``.
            chunksize: Accepted for compatibility; batches are sized by themselves.
            buffersize: Read no more than so many items ahead of the consumer; None reads all now.

        Raises:
            ValueError: *chunksize* or *buffersize* is below 1.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        if buffersize is None:
            return super().map(fn, *iterables, timeout=timeout)
        return self._map_buffered(fn, zip(*iterables, strict=False), timeout, buffersize)

    def _map_buffered(
        self,
        fn: Callable[..., T],
        arguments: Iterator[tuple[Any, ...]],
        timeout: float | None,
        buffersize: int,
    ) -> Iterator[T]:
        import time

        until = None if timeout is None else time.monotonic() + timeout
        ahead = deque(self.submit(fn, *each) for each in itertools.islice(arguments, buffersize))

        def results() -> Iterator[T]:
            try:
                while ahead:
                    left = None if until is None else max(0.0, until - time.monotonic())
                    value = ahead[0].result(left)
                    ahead.popleft()
                    for each in itertools.islice(arguments, 1):
                        ahead.append(self.submit(fn, *each))
                    yield value
            finally:
                for future in ahead:
                    future.cancel()

        return results()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """
        Take no further calls, and end the workers when all futures have settled.

        Args:
            wait: Return only then.
            cancel_futures: Cancel every future that has not begun.
        """
        with self._lock:
            self._shut_down = True
            waiting = list(self._futures.values()) if cancel_futures else []
        for future in waiting:
            future.cancel()
        self._end()
        if wait and self._thread is not threading.current_thread():
            self._thread.join()


_open_executors: weakref.WeakSet[Executor] = weakref.WeakSet()
_settling: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def _shut_down_all() -> None:
    for executor in list(_open_executors):
        executor.shutdown(wait=False)
    # Not those of the executors: one that nobody holds any more may still have futures to settle.
    for thread in list(_settling):
        thread.join()


# As the standard library does: pending futures settle before the interpreter goes. Registered after
# the pools' own, hence run before it.
threading._register_atexit(_shut_down_all)  # type: ignore[attr-defined]


def _check(
    max_workers: int | None,
    initializer: Callable[..., object] | None,
    max_tasks_per_child: int | None,
) -> None:
    if max_workers is not None and max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    if initializer is not None and not callable(initializer):
        raise TypeError("initializer must be a callable")
    if max_tasks_per_child is not None:
        if not isinstance(max_tasks_per_child, int):
            raise TypeError("max_tasks_per_child must be an integer")
        if max_tasks_per_child <= 0:
            raise ValueError("max_tasks_per_child must be >= 1")


def _initialize(initializer: Callable[..., object], initargs: tuple[Any, ...]) -> None:
    initializer(*initargs)


def _apply(work: tuple[Callable[..., Any], Any, Any], _state: object = None) -> Any:
    function, args, kwargs = work
    return function(*args, **kwargs)


def _begin_futures(futures: dict[int, Future[Any]], items: Iterable[Item]) -> list[Item]:
    """Mark futures as running; return the items of those that were cancelled before."""
    unwanted = []
    for item in items:
        future = futures[item.index]  # running already if its worker was lost before it began
        if not future.running() and not future.set_running_or_notify_cancel():
            unwanted.append(item)
    return unwanted


def _settle_futures(
    outcomes: Outcomes[Any],
    futures: dict[int, Future[Any]],
    pool: Pool,
    broken: list[BaseException],
    lock: threading.Lock,
) -> None:
    """Give every future its result, until the executor is shut down and all have settled."""
    unexplained: list[tuple[Future[Any], BaseException]] = []
    try:
        while (block := outcomes.next_block()) is not None:
            for outcome in outcomes.outlet.hand_out(block):
                future = futures.pop(outcome.index)
                if outcome.kind != "cancelled":
                    _settle(future, outcome)
                elif not future.cancelled():
                    unexplained.append((future, outcome.error))  # the end of the run says why
    except BaseException as error:
        with lock:  # a ``submit`` in progress has its future among those that fail below
            broken.append(error)
    finally:
        unexplained += [(future, RuntimeError("closed")) for future in futures.values()]
        futures.clear()
        for future, otherwise in unexplained:
            _fail(future, _broken_pool(broken[0]) if broken else otherwise)
        pool.close()


def _settle(future: Future[Any], outcome: AnyOutcome) -> None:
    if future.cancelled():
        return
    if outcome.ok:
        future.set_result(outcome.value)
    else:
        _fail(future, outcome.error)


def _fail(future: Future[Any], error: BaseException) -> None:
    if future.running() or future.set_running_or_notify_cancel():
        future.set_exception(error)


def _broken_pool(cause: BaseException) -> BrokenProcessPool:
    error = BrokenProcessPool(str(cause))
    error.__cause__ = cause
    return error
