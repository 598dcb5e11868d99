"""``run``: values into a sink as they settle, and a report at the end."""

from __future__ import annotations

import itertools
import queue
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Unpack, cast

from treadle.api.control import Control
from treadle.api.options import (
    MAP_NAMES,
    POOL_NAMES,
    RECORD_NAMES,
    PoolOptions,
    RunOptions,
    Settings,
    check_names,
    check_record,
    settings_from,
)
from treadle.api.outcomes import Outcomes
from treadle.api.patience import waiting_for_room
from treadle.api.pool import Pool, key_function
from treadle.api.recording import Recorded, Request, not_stored
from treadle.api.stored import Stored, StoredValues
from treadle.core.failures import in_words
from treadle.core.outcome import AnyOutcome, FailedOutcome
from treadle.core.policy import Retry
from treadle.core.protocols import DurableSink, Sink
from treadle.core.stats import Stats
from treadle.engine.interrupt import Steps, two_steps
from treadle.errors import Interrupted, RunFailed, SinkFailed, UsageError
from treadle.sinks import sink_for
from treadle.sinks.kept import Kept

_NOTED = (
    "workers", "start_method", "timeout", "retry", "ordered", "seed", "on_error", "max_failures",
    "grace", "max_items_per_worker", "max_worker_memory",
)  # fmt: skip
FAILURES_KEPT = 10_000  # outcomes; a million failures are counted, not kept


@dataclass(slots=True)
class Report:
    """
    What became of a run.

    Attributes:
        ok: Items whose value is in the sink.
        failed: Items that failed.
        cancelled: Items that were read but cancelled.
        failures: Outcomes of failed items in input order, the first 10,000 of them.
        elapsed: Seconds from the first to the last event.
        stats: All counts, with the failures by kind.
        stopped: Why the run ended early, or None.
        sink: Where the values went.
        kept: Set when the run ended early, or nothing but failed: a finished file from before was
            not replaced, and this is the path of what was stored (``NAME.part``; for a folder the
            folder). None when there is nothing, or when all went well.
        run_id: Id of the run in the record; None without one.
        earlier: Items that had settled in earlier sessions of the run: succeeded, and not.
        folder: The folder of the record; None without one.
    """

    ok: int
    failed: int
    cancelled: int
    elapsed: float
    stats: Stats
    stopped: str | None
    sink: Sink
    failures: list[FailedOutcome] = field(default_factory=list)
    kept: str | None = None
    run_id: str | None = None
    earlier: tuple[int, int] = (0, 0)
    folder: Path | None = None

    @property
    def throughput(self) -> float:
        """Items settled per second."""
        settled = self.ok + self.failed + self.cancelled
        return settled / self.elapsed if self.elapsed > 0 else 0.0

    def values(self) -> Iterable[Any]:
        """
        Return what the sink holds: values, rows, or for a folder the paths of its files.

        A source: rows and files have keys, so that a next stage over them can be resumed.
        """
        if isinstance(self.sink, Kept):
            return StoredValues(self.sink.in_order())
        return Stored(self.sink) if isinstance(self.sink, DurableSink) else self.sink.values()

    def open(self) -> Path:
        """
        Write what became of the run as one HTML file, show it in the browser, return its path.

        Where there is no desktop to show it, it is written all the same, with a warning.

        Raises:
            UsageError: The run has no record, or the page cannot be written.
        """
        from treadle.api.history import Run
        from treadle.ledger.reader import Record
        from treadle.report.opening import open_file

        if self.folder is None:
            raise UsageError(
                "a run without a record has no page",
                hint="durability='group', which is the default, keeps one",
            )
        found = Run(Record(self.folder))
        try:
            page = found.report().resolve()
        finally:
            found.close()
        if not open_file(page):
            warnings.warn(
                f"there is nothing to show it with: open {page} yourself",
                RuntimeWarning,
                stacklevel=2,
            )
        return page

    def _repr_html_(self) -> str:
        from treadle.core import notebook

        facts = {
            "items": str(self),
            "stopped": self.stopped,
            "into": getattr(self.sink, "path", None),
            "kept": self.kept,
            "record": self.folder,
            "failed": ", ".join(f"{one.key} ({one.verdict})" for one in self.failures[:5]),
        }
        ok = not self.failed and not self.stopped
        name = self.stats.name or self.run_id or ""
        return notebook.shown(f"report {name}".rstrip(), facts, ok=ok)

    def __str__(self) -> str:
        parts = [f"{self.ok} ok", f"{self.failed} failed"]
        if self.cancelled:
            parts.append(f"{self.cancelled} cancelled")
        if sum(self.earlier):
            parts.append(f"{sum(self.earlier)} before")
        kept = "" if self.kept is None else f", unfinished in {self.kept!r}"
        return f"{', '.join(parts)} in {self.elapsed:.1f} s ({self.throughput:,.1f}/s){kept}"


def run(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    into: str | PathLike[str] | Sink | None = None,
    **options: Unpack[RunOptions],
) -> Report:
    """
    Call *function* on every item, put the values *into* a file, keep a record, and report.

    A file appears when the run has come to its end. A run that ends early, or in which items fail
    and none succeeds, leaves a file from before as it is: what was stored is in ``NAME.part`` then,
    and ``report.kept`` says so. A new run into that file needs ``anew=True``, for it is lost then.

    The record of the run, in ``.treadle/runs``, is what ``resume=`` goes on from after a crash, an
    interrupt or a power cut: every item is in the file exactly once in the end.

    Args:
        function: As for :func:`treadle.map`.
        items: As for :func:`treadle.map`.
        into: A path ending in ``.csv``, ``.jsonl``, ``.parquet`` or ``.sqlite``; a folder (ending
            in ``/``) for a file per item; a sink; None (default) to keep the values in the run.
        options: See :class:`treadle.api.options.RunOptions`.

    Raises:
        UsageError: An argument is wrong, another run is writing that file, or the run cannot be
            resumed; nothing was started.
        Interrupted: Ctrl-C; ``report`` says how far it came.
        RunFailed: The run could not go on; ``report`` says how far it came.
    """
    check_names(options, POOL_NAMES | MAP_NAMES | RECORD_NAMES, "run")
    settings_from(options)  # before a pool is made
    mine = {name: value for name, value in options.items() if name in POOL_NAMES}
    with Pool(**cast("PoolOptions", mine)) as pool:
        return collect(pool, function, items, into, options)


def collect(
    pool: Pool,
    function: Callable[..., Any],
    items: Iterable[Any],
    into: str | PathLike[str] | Sink | None,
    options: Mapping[str, Any],
    *,
    parent: str | None = None,
    stage: int = 0,
) -> Report:
    """
    Run a stage on *pool* and see it to its end.

    Args:
        pool: Where it runs.
        function: As for :func:`run`.
        items: The source, which is told where values go, so that it does not read them.
        into: As for :func:`run`.
        options: As for :func:`run`; those of the pool are not looked at.
        parent: Id of the first run on the pool.
        stage: How many runs the pool has had before.

    Raises:
        UsageError: Values would be written over what is read.
    """
    settings = settings_from(options)
    check_record(options)
    told = {"parent": parent, "stage": stage, "options": _in_words({**pool._options, **options})}
    store = _store_for(function, items, into, options, settings, told)
    began = time.monotonic()
    spare, place = getattr(items, "spare", None), getattr(store, "path", None)
    if callable(spare) and isinstance(place, Path):
        spare(place)
    outcomes = _begin(pool, function, items, settings, store)
    report = Report(0, 0, 0, 0.0, outcomes.stats, None, store)
    if isinstance(store, Recorded):
        report.sink, report.run_id, report.earlier = store.sink, store.ledger.id, store.earlier
        report.folder = store.ledger.folder
    error: BaseException | None = None
    try:
        with ExitStack() as at_the_end:
            steps = _drain(outcomes, store, report, at_the_end)
            report.stopped = outcomes.stats.stopped
            if steps.taken:
                error = Interrupted()
            if _is_whole(report, store):
                store.close()
            else:
                _abandon(store, report, error)
    except BaseException as caught:
        error = _told(caught, report)
        outcomes.close()  # nothing of it goes on, on whatever pool
        try:
            _abandon(store, report, error)
        except BaseException as further:  # the first says why; this one, what it cost
            error.add_note(f"and it could not be put away: {in_words(further)}")
            if isinstance(store, Recorded):  # what a resume will find, not what was on its way
                report.ok = store.ledger.count("succeeded") - report.earlier[0]
        if error is not caught:
            raise error from caught
        raise
    finally:
        report.elapsed = time.monotonic() - began
        report.failures.sort(key=lambda outcome: outcome.index)
        if isinstance(error, (RunFailed, Interrupted)):
            error.report = report
    if error is not None:
        raise error
    return report


def _store_for(
    function: Callable[..., Any],
    items: Iterable[Any],
    into: str | PathLike[str] | Sink | None,
    options: Mapping[str, Any],
    settings: Settings,
    place: Mapping[str, Any],
) -> Sink:
    if options.get("durability") == "none":
        return sink_for(into)
    return Recorded(
        Request(
            function=function,
            items=items,
            into=into,
            key_of=key_function(items, settings),
            name=settings.name,
            **place,
            **{name: options[name] for name in RECORD_NAMES if name in options},
        )
    )


def _in_words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return of *options* what a person wants to know of a run later, as JSON can hold it."""
    told = {name: options.get(name) for name in _NOTED}
    if isinstance(retry := told["retry"], Retry):
        told["retry"] = retry.attempts
    plain = {name: value for name, value in told.items() if isinstance(value, int | float | str)}
    return {name: value for name, value in plain.items() if value is not False}


def _told(caught: BaseException, report: Report) -> BaseException:
    """Note in *report* why the run ended, and return what to raise."""
    error = caught
    if isinstance(caught, KeyboardInterrupt) and not isinstance(caught, Interrupted):
        error = Interrupted()  # it came at a moment when nobody but us was there to take it
    # Not the run's own word, "closed": it was closed because of this.
    report.stopped = error.message if isinstance(error, RunFailed) else "interrupted"
    if not isinstance(error, (RunFailed, Interrupted)):
        report.stopped = type(error).__name__
    return error


def _begin(
    pool: Pool,
    function: Callable[..., Any],
    items: Iterable[Any],
    settings: Settings,
    store: Sink,
) -> Outcomes[Any]:
    opened = False

    def ready() -> None:
        nonlocal opened
        store.open()
        opened = True

    recorded = store if isinstance(store, Recorded) else None
    try:
        return pool.begin(function, items, settings, before_start=ready, recorded=recorded)
    except BaseException:
        if opened:  # else it may be open for another run
            store.abandon()
        raise


def _is_whole(report: Report, store: Sink) -> bool:
    """Tell whether the run has come to its end, so that the file may take its name."""
    if report.stopped is not None or (isinstance(store, Recorded) and not store.is_whole):
        return False
    return bool(report.ok or report.earlier[0] or not report.failed)


def _abandon(store: Sink, report: Report, error: BaseException | None) -> None:
    if isinstance(store, Recorded):
        whole = "finished" if store.is_whole else "unfinished"
        report.kept = store.stop(report.stopped or whole)
    else:
        report.kept = store.abandon()
    if report.kept is not None and error is not None:
        error.add_note(f"what was stored is in {report.kept!r}")
    elif isinstance(error, SinkFailed):
        # Nothing could be kept, such as of a Parquet file that lacks its end.
        report.failed, report.ok = report.failed + report.ok, 0


def _drain(outcomes: Outcomes[Any], store: Sink, report: Report, at_the_end: ExitStack) -> Steps:
    recorded = store if isinstance(store, Recorded) else None
    try:
        with two_steps(outcomes.cancel, outcomes.kill) as steps:
            if recorded is not None:
                control = Control(recorded.ledger, outcomes, recorded.heard)
                at_the_end.callback(control.close)
            while True:
                try:
                    block = outcomes.next_block(None if recorded is None else recorded.patience)
                except queue.Empty:
                    assert recorded is not None
                    if recorded.ledger.pending:
                        recorded.commit()  # due, and nothing has settled meanwhile
                    recorded.tell_committed()
                    continue
                if block is None:
                    if recorded is not None:
                        recorded.tell_committed()  # before the displays are closed
                    break
                # Together with what has settled meanwhile: a commit takes as long for one as for
                # many, and with ``durability="item"`` each block would have its own.
                blocks = itertools.chain((block,), outcomes.outlet.take_all())
                if recorded is not None and recorded.one_by_one:
                    _store_first(blocks, outcomes, recorded, report, steps)
                    continue
                hand_out = outcomes.outlet.hand_out
                taken = list(itertools.chain.from_iterable(map(hand_out, blocks)))
                with _counting_lost(taken, report):
                    _store(taken, store, report)
                if recorded is not None:
                    recorded.commit_if_due()
                    recorded.tell_committed()
    finally:
        outcomes.close()
    return steps


def _store_first(
    blocks: Iterable[Sequence[AnyOutcome]],
    outcomes: Outcomes[Any],
    recorded: Recorded,
    report: Report,
    steps: Steps,
) -> None:
    """
    Store what has settled and make it durable; only then its places are free for further items.

    A disk that is full is waited for: what runs goes on to its end, and nothing further starts.
    """
    taken = list(itertools.chain.from_iterable(blocks))
    with waiting_for_room(outcomes, steps) as patiently:
        with _counting_lost(taken, report):
            patiently(lambda: _store(taken, recorded, report))
        patiently(recorded.commit_if_due)
    outcomes.outlet.count(len(taken))
    recorded.tell_soon()


def _store(taken: list[AnyOutcome], store: Sink, report: Report) -> None:
    refused = {id(outcome): error for outcome, error in store.write(taken)}
    for outcome in taken:
        refusal = refused.get(id(outcome))
        _count(report, outcome if refusal is None else not_stored(outcome, refusal))


@contextmanager
def _counting_lost(taken: Sequence[AnyOutcome], report: Report) -> Iterator[None]:
    """Count *taken* as what it has become when the sink takes nothing further."""
    try:
        yield
    except SinkFailed as error:
        for outcome in taken:
            _count(report, not_stored(outcome, error) if outcome.ok else outcome)
        raise


def _count(report: Report, outcome: AnyOutcome) -> None:
    if outcome.ok:
        report.ok += 1
    elif outcome.kind == "cancelled":
        report.cancelled += 1
    else:
        report.failed += 1
        if len(report.failures) < FAILURES_KEPT:
            report.failures.append(outcome)
