"""One small class per engine, all with the same verbs: start, map_tiny, map_items, settle, close.

Every engine gets the same number of workers and, where it has the choice, the same start method.
An engine marked *tuned* gets a chunk size chosen by hand for the case; all others run with their
defaults, as most people run them.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple, Self

Function = Callable[[Any], Any]


class Unsupported(Exception):  # not an error: a fact about an engine
    """The engine has no way to do this."""


class Ending(NamedTuple):
    """
    How one item ended.

    Attributes:
        item: Its position; None when the engine does not say which item it was.
        ok: True when the value came back.
        detail: What the engine says about a failure.
    """

    item: int | None
    ok: bool
    detail: str = ""


class Engine:
    """
    What the cases ask of an engine. Making one imports its library; ``start`` starts workers.

    Attributes:
        name: How tables call it.
        library: The module to import.
        slow: Starts for seconds; measured only when asked for.
        per_item: Pays a round trip for each item, so that a million of them take minutes.
        has_timeout: Can end a single item that runs too long, and go on.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    slow: ClassVar[bool] = False
    per_item: ClassVar[bool] = False
    has_timeout: ClassVar[bool] = False

    def __init__(self, workers: int, start_method: str, chunk: int = 1) -> None:
        self.workers = workers
        self.start_method = start_method
        self.chunk = chunk
        self.module: Any = import_module(self.library)

    @property
    def context(self) -> Any:
        """The multiprocessing context of the start method."""
        return multiprocessing.get_context(self.start_method)

    def start(self) -> None:
        """Open the pool."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the pool and wait for its workers."""
        raise NotImplementedError

    def leave(self) -> None:
        """Do what the library's own ``with`` block does when an exception leaves it."""
        self.close()

    def map_tiny(self, function: Function, n: int) -> int:
        """Call *function* on ``range(n)`` in the fastest way the engine has; count the results."""
        return sum(1 for _ in self.map_items(function, range(n), length=n))

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values, in any order, as soon as the engine hands them out."""
        raise NotImplementedError

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield how each item ended; *timeout* is seconds per item."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()


class Treadle(Engine):
    """Treadle with its defaults: one full outcome per item."""

    name = "treadle"
    library = "treadle"
    has_timeout = True

    def start(self) -> None:
        """Open the pool."""
        self.pool: Any = self.module.Pool(workers=self.workers, start_method=self.start_method)

    def close(self) -> None:
        """Close the pool."""
        self.pool.close()

    def map_tiny(self, function: Function, n: int) -> int:
        """Count the outcomes that are ok."""
        count = 0
        for outcome in self.pool.map(function, range(n)):
            if outcome.ok:
                count += 1
        return count

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values as they settle."""
        del length
        for outcome in self.pool.map(function, items):
            yield outcome.get()

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield the outcomes."""
        for outcome in self.pool.map(function, items, timeout=timeout):
            yield Ending(outcome.index, outcome.ok, "" if outcome.ok else outcome.verdict)


class Executor(Engine):
    """``ProcessPoolExecutor.submit`` in a loop."""

    name = "executor submit"
    library = "concurrent.futures"
    per_item = True

    def start(self) -> None:
        """Open the executor."""
        self.pool: Any = self.module.ProcessPoolExecutor(self.workers, mp_context=self.context)

    def close(self) -> None:
        """Shut the executor down."""
        self.pool.shutdown()

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Submit everything, then yield values as they complete."""
        del length
        # No list of our own: as_completed lets go of each future it has handed out.
        as_completed = import_module("concurrent.futures").as_completed
        for future in as_completed([self.pool.submit(function, item) for item in items]):
            yield future.result()

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield one ending per future; items refused by a broken pool end there."""
        if timeout is not None:
            raise Unsupported("no timeout per item")
        futures: dict[Any, int] = {}
        refused: list[Ending] = []
        for index, item in enumerate(items):
            try:
                futures[self.pool.submit(function, item)] = index
            except Exception as error:  # BrokenProcessPool of whichever library
                refused.append(Ending(index, ok=False, detail=_describe(error)))
        for future in import_module("concurrent.futures").as_completed(futures):
            yield _ending(futures[future], future.exception())
        yield from refused


class TunedExecutor(Executor):
    """``ProcessPoolExecutor.map`` with chunks tuned by hand."""

    name = "tuned executor"
    per_item = False

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values in input order: ``map`` has no other."""
        del length
        yield from self.pool.map(function, items, chunksize=self.chunk)


class Loky(Executor):
    """``loky.ProcessPoolExecutor.submit`` in a loop; starts workers in its own way."""

    name = "loky"
    library = "loky"

    def start(self) -> None:
        """Open the executor; loky knows spawn and its own fork-exec, not forkserver."""
        method = "spawn" if self.start_method == "spawn" else "loky"
        context = self.module.backend.get_context(method)
        self.pool = self.module.ProcessPoolExecutor(self.workers, context=context)


class Pool(Engine):
    """``multiprocessing.Pool`` with its default chunks of one."""

    name = "Pool"
    library = "multiprocessing"
    per_item = True
    chunk_given = False

    def start(self) -> None:
        """Open the pool."""
        self.pool: Any = self.context.Pool(self.workers)

    def close(self) -> None:
        """Close the pool and join its workers."""
        self.pool.close()
        self.pool.join()

    def leave(self) -> None:
        """Terminate the workers, as ``with Pool()`` does."""
        self.pool.terminate()

    @property
    def _chunksize(self) -> int:
        return self.chunk if self.chunk_given else 1

    def map_tiny(self, function: Function, n: int) -> int:
        """Count what ``imap`` yields."""
        return sum(1 for _ in self.pool.imap(function, range(n), chunksize=self._chunksize))

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values as they complete."""
        del length
        yield from self.pool.imap_unordered(function, items, chunksize=self._chunksize)

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield what becomes ready; waits for ever for items that were lost."""
        if timeout is not None:
            raise Unsupported("no timeout per item")
        yield from _poll([self.pool.apply_async(function, (item,)) for item in items])


class TunedPool(Pool):
    """``multiprocessing.Pool.imap`` with chunks tuned by hand."""

    name = "tuned Pool"
    per_item = False
    chunk_given = True


class Joblib(Engine):
    """``joblib.Parallel`` with automatic batches on its default backend."""

    name = "joblib"
    library = "joblib"

    def start(self) -> None:
        """Nothing starts before the first call; workers are kept between calls."""
        self._parallel("list")

    def close(self) -> None:
        """Shut the shared executor down, which joblib itself leaves to a timer."""
        import_module("joblib.externals.loky").get_reusable_executor().shutdown(wait=True)

    def leave(self) -> None:
        """Leave the workers to joblib, as everybody does."""

    def _parallel(self, return_as: str) -> Any:
        return self.module.Parallel(n_jobs=self.workers, backend="loky", return_as=return_as)

    def map_tiny(self, function: Function, n: int) -> int:
        """Count the list."""
        delayed = self.module.delayed(function)
        return len(self._parallel("list")(delayed(item) for item in range(n)))

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values as they complete."""
        del length
        delayed = self.module.delayed(function)
        yield from self._parallel("generator_unordered")(delayed(item) for item in items)

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield values until the call as a whole fails."""
        if timeout is not None:
            raise Unsupported("its timeout ends the whole call")
        try:
            for value in self.map_items(function, items):
                yield Ending(value, ok=True)
        except Exception as error:  # the whole call's ending
            yield Ending(None, ok=False, detail=_describe(error))


class Mpire(Engine):
    """``mpire.WorkerPool`` with its default chunks."""

    name = "mpire"
    library = "mpire"
    has_timeout = True

    def start(self) -> None:
        """Make the pool; mpire starts workers with the first call and is told to keep them."""
        self.pool: Any = self.module.WorkerPool(
            n_jobs=self.workers, start_method=self.start_method, keep_alive=True
        )

    def close(self) -> None:
        """Stop the workers."""
        self.pool.stop_and_join()

    def leave(self) -> None:
        """Terminate the workers, as ``with WorkerPool()`` does."""
        self.pool.terminate()

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values as they complete; tuples are wrapped because mpire unpacks them."""
        yield from self.pool.imap_unordered(
            function,
            ((item,) for item in items),
            iterable_len=length or len(items),  # type: ignore[arg-type]
        )

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield what becomes ready."""
        yield from _poll(
            [self.pool.apply_async(function, (item,), task_timeout=timeout) for item in items]
        )


class Pebble(Engine):
    """``pebble.ProcessPool.schedule`` in a loop."""

    name = "pebble"
    library = "pebble"
    per_item = True
    has_timeout = True

    def start(self) -> None:
        """Make the pool; pebble starts workers with the first item."""
        self.pool: Any = self.module.ProcessPool(self.workers, context=self.context)

    def close(self) -> None:
        """Close the pool and join its workers."""
        self.pool.close()
        self.pool.join()

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Schedule everything, then yield values as they complete."""
        del length
        as_completed = import_module("concurrent.futures").as_completed
        for future in as_completed([self.pool.schedule(function, (item,)) for item in items]):
            yield future.result()

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield one ending per future."""
        as_completed = import_module("concurrent.futures").as_completed
        futures = {
            self.pool.schedule(function, (item,), timeout=timeout): index
            for index, item in enumerate(items)
        }
        for future in as_completed(futures):
            yield _ending(futures[future], future.exception())


class TunedPebble(Pebble):
    """``pebble.ProcessPool.map`` with chunks tuned by hand."""

    name = "tuned pebble"
    per_item = False

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Yield values in input order: ``map`` has no other."""
        del length
        yield from self.pool.map(function, items, chunksize=self.chunk).result()


class Dask(Engine):
    """A local Dask cluster, one thread per worker process."""

    name = "Dask"
    library = "distributed"
    slow = True
    per_item = True

    def start(self) -> None:
        """Start scheduler and workers."""
        config = {"distributed.worker.multiprocessing-method": self.start_method}
        import_module("dask").config.set(config)
        self.cluster: Any = self.module.LocalCluster(
            n_workers=self.workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
        )
        self.client: Any = self.module.Client(self.cluster)

    def close(self) -> None:
        """Close client and cluster."""
        self.client.close()
        self.cluster.close()

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Submit everything, then yield values as they complete."""
        del length
        futures = self.client.map(function, list(items), pure=False)
        for _, value in self.module.as_completed(futures, with_results=True):
            yield value

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield one ending per future."""
        if timeout is not None:
            raise Unsupported("no timeout per item")
        futures = self.client.map(function, list(items), pure=False)
        index_of = {future.key: index for index, future in enumerate(futures)}
        for future in self.module.as_completed(futures):
            yield _ending(index_of[future.key], future.exception())


class Ray(Engine):
    """Ray on this machine."""

    name = "Ray"
    library = "ray"
    slow = True
    per_item = True

    def start(self) -> None:
        """Start Ray's processes."""
        self.module.init(num_cpus=self.workers, include_dashboard=False, log_to_driver=False)

    def close(self) -> None:
        """Stop Ray's processes."""
        self.module.shutdown()

    def map_items(
        self, function: Function, items: Iterable[Any], *, length: int | None = None
    ) -> Iterator[Any]:
        """Submit everything, then yield values in input order."""
        del length
        remote = self.module.remote(function)
        for reference in [remote.remote(item) for item in items]:
            yield self.module.get(reference)

    def settle(
        self, function: Function, items: Sequence[Any], *, timeout: float | None = None
    ) -> Iterator[Ending]:
        """Yield one ending per reference."""
        if timeout is not None:
            raise Unsupported("no timeout per item")
        remote = self.module.remote(function)
        for index, reference in enumerate([remote.remote(item) for item in items]):
            try:
                self.module.get(reference)
            except Exception as error:  # how this item ended
                yield _ending(index, error)
            else:
                yield Ending(index, ok=True)


ENGINES: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (
        Treadle,
        Executor,
        TunedExecutor,
        Pool,
        TunedPool,
        Joblib,
        Loky,
        Mpire,
        Pebble,
        TunedPebble,
        Dask,
        Ray,
    )
}


def installed(engine: type[Engine]) -> bool:
    """Tell whether the engine's library can be imported, without importing it."""
    return find_spec(engine.library.partition(".")[0]) is not None


def _poll(results: Sequence[Any]) -> Iterator[Ending]:
    pending = dict(enumerate(results))
    while pending:
        ready = [index for index, result in pending.items() if result.ready()]
        for index in ready:
            yield _ending(index, _exception_of(pending.pop(index)))
        if not ready:
            time.sleep(0.002)


def _exception_of(result: Any) -> BaseException | None:
    try:
        result.get(0)
    except Exception as error:  # how this item ended
        return error
    return None


def _ending(index: int, error: BaseException | None) -> Ending:
    if error is None:
        return Ending(index, ok=True)
    return Ending(index, ok=False, detail=_describe(error))


def _describe(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    code = getattr(error, "exitcode", None)
    return text if code is None else f"{text} (exit code {code})"
