"""Runs to look at, live or old: ``runs`` lists them, ``open`` finds one, ``Run`` is one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from treadle.api.recording import KEPT
from treadle.api.remote import listening
from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, FailedOutcome
from treadle.core.protocols import DurableSink, Sink
from treadle.errors import MissingExtra, UsageError
from treadle.ledger import format as layout
from treadle.ledger.reader import Attempt, Message, Record
from treadle.sinks import sink_for
from treadle.sinks.kept import Kept

_BLOCK = 1000  # outcomes handed to a sink at once


def runs(runs_dir: str | os.PathLike[str] | None = None) -> list[Run]:
    """
    Return all recorded runs, oldest first; those that cannot be read are left out.

    Args:
        runs_dir: The folder of all runs; default ``TREADLE_RUNS_DIR``, or ``.treadle/runs``.

    Raises:
        UsageError: That folder cannot be read.
    """
    found = []
    for folder in layout.folders(layout.runs_dir(runs_dir)):
        try:
            found.append(Run(Record(folder)))
        except UsageError:  # of a newer format, or damaged: opened by its id, it says so
            continue
    return found


def live() -> list[Run]:
    """
    Return this user's runs that go on on this machine, wherever they are recorded, oldest first.

    A run that has stopped to answer, such as one that was suspended, is left out.

    Raises:
        UsageError: It cannot be found out.
    """
    try:
        folders = listening()
    except OSError as error:
        raise UsageError(
            f"the runs that go on cannot be looked for: {error.strerror or error}",
            hint="XDG_RUNTIME_DIR, or the folder for temporary files, must be readable",
        ) from error
    found = []
    for folder in folders:
        try:
            found.append(Run(Record(folder)))
        except UsageError:  # it was removed while it went on
            continue
    return found


def open(  # noqa: A001  the name is the point
    run: str, runs_dir: str | os.PathLike[str] | None = None
) -> Run:
    """
    Open one recorded run.

    Args:
        run: Its id, a unique prefix of it, its name (the newest of that name), or ``"latest"``.
        runs_dir: As for :func:`runs`.

    Raises:
        UsageError: There is no such run, several, or it cannot be read.
    """
    return Run(Record(layout.find(run, layout.runs_dir(runs_dir))))


class Run:
    """
    A recorded run, live or old. Make one with :func:`treadle.open`.

    Attributes:
        record: Its record: ``attempts(key)``, ``messages(key)``, and more.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @property
    def id(self) -> str:
        """The id: the time at which it began."""
        return self.record.id

    @property
    def name(self) -> str | None:
        """What the user called it."""
        found: str | None = self.record.facts.get("name")
        return found

    @property
    def function(self) -> str:
        """The function, as ``module:name``."""
        return str(self.record.facts.get("function"))

    @property
    def into(self) -> str | None:
        """Where values go; None when they are kept in the run."""
        found: str | None = self.record.facts.get("into")
        return found

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self.record.folder

    @property
    def began(self) -> datetime:
        """When its first session began."""
        return self.record.began

    @property
    def state(self) -> str:
        """``"running"``, ``"finished"``, ``"crashed"``, or why it was stopped."""
        return self.record.state

    @property
    def elapsed(self) -> float:
        """Seconds that its sessions took together."""
        return self.record.elapsed

    @property
    def total(self) -> int | None:
        """Items of its source; None where that is not known."""
        return self.record.total

    @property
    def ok(self) -> int:
        """Items that succeeded."""
        return self.record.counts.get("succeeded", 0)

    @property
    def failed(self) -> int:
        """Items that failed."""
        return sum(self.record.counts.values()) - self.ok

    @property
    def left(self) -> int | None:
        """Items that have not settled; None where that is not known."""
        return None if self.total is None else max(0, self.total - self.ok - self.failed)

    @property
    def throughput(self) -> float:
        """Items settled per second."""
        return (self.ok + self.failed) / self.elapsed if self.elapsed > 0 else 0.0

    def outcomes(self) -> Iterator[AnyOutcome]:
        """
        Yield all outcomes in input order, lazily, with their values.

        A value is what the file holds of it: from CSV a dict of text, from Parquet a dict, from
        JSONL plain data, from a folder the path of its file; a list of these where it made several
        rows. Values of a run without ``into=`` are as they were returned.

        Raises:
            UsageError: The file is not there any more.
        """
        values = self._values()
        ahead: dict[str, Any] = {}
        for outcome in self.record.outcomes():
            if not outcome.ok:
                yield outcome
                continue
            key = str(outcome.key)
            while key not in ahead and (pair := next(values, None)) is not None:
                ahead[pair[0]] = pair[1]
            outcome.value = ahead.pop(key, [])  # no row: the value was an empty list
            yield outcome

    def stored(self) -> Iterator[tuple[str, Any]]:
        """
        Yield key, as text, and value of each item that succeeded, in the order of the file.

        Values are those of :meth:`outcomes`, loaded one by one.

        Raises:
            UsageError: The file is not there any more.
        """
        yield from self._values()

    def fingerprints(self) -> dict[Key, str | None]:
        """Return for each item that has settled what its source will differ in once it changes."""
        return dict(self.record.fingerprints())

    def _values(self) -> Iterator[tuple[str, Any]]:
        mark = self.record.mark
        if mark is None:
            return
        sink: Any = Kept(self.folder / KEPT) if self.into is None else sink_for(self.into)
        assert isinstance(sink, DurableSink)
        sink.look(mark)
        for key, rows in itertools.groupby(sink.stored(), key=_name):
            found = [value for _, value in rows]
            yield key, found[0] if len(found) == 1 else found

    def failures(self) -> list[FailedOutcome]:
        """Return the outcomes of items that failed, in input order."""
        return [outcome for outcome in self.record.outcomes(failed=True) if not outcome.ok]

    def slowest(self, count: int = 10) -> list[AnyOutcome]:
        """Return the items that took longest, longest first, without their values."""
        return self.record.slowest(count)

    def item(self, key: Key) -> AnyOutcome:
        """
        Return the outcome of one item, without its value.

        Raises:
            UsageError: The run has settled no such item.
        """
        return self.record.item(key)

    def attempts(self, key: Key) -> list[Attempt]:
        """Return the attempts of an item that were followed by another one, oldest first."""
        return self.record.attempts(key)

    def begun(self) -> list[Key]:
        """
        Return the keys of items that have begun and have no ending, in order of beginning.

        Of a run that goes on, that is what is in flight or waits to be tried again. Of one that was
        killed, what it was about to do, or had done, when that happened: such as requests that
        may have been billed. Noted for runs with ``durability="item"`` only.
        """
        return self.record.begun()

    def messages(self, key: Key) -> list[Message]:
        """Return what an item printed and logged, in order."""
        return self.record.messages(key)

    def export(self, to: str | os.PathLike[str]) -> int:
        """
        Write the values of all items that succeeded, in input order.

        Args:
            to: As ``into=`` of :func:`treadle.run`, or a path ending in ``.xlsx``.

        Returns:
            How many items were written.

        Raises:
            UsageError: The place cannot be written to, or is the run's own file.
            SinkFailed: A value does not fit there.
            MissingExtra: A library for that format is not installed.
        """
        sink = sink_for(to, export=True)
        place = getattr(sink, "path", None)
        self._check_free(place)
        sink.open()
        try:
            written = _write_all(sink, self.outcomes())
            sink.close()
        except BaseException:
            sink.abandon()
            raise
        return written

    def _check_free(self, place: object) -> None:
        """Refuse a place where this run, or one that is not finished, has stored something."""
        if place is None:
            return
        if str(place) == self.into:
            raise UsageError(
                f"{str(place)!r} is where the run itself stores", hint="export to another file"
            )
        for other in runs(self.folder.parent):
            if other.into == str(place) and other.ok and other.state != "finished":
                raise UsageError(
                    f"what the run {other.id} has stored for {str(place)!r} would be lost: it is "
                    f"not finished ({other.state})",
                    hint="export to another file",
                )

    def to_polars(self) -> Any:
        """
        Return a ``polars.DataFrame`` with a row for each row of the results, in input order.

        Raises:
            MissingExtra: Polars is not installed.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise MissingExtra("polars", None, purpose="making a data frame") from error
        return pl.DataFrame(self._rows(), infer_schema_length=None)

    def to_pandas(self) -> Any:
        """
        Return a ``pandas.DataFrame`` with a row for each row of the results, in input order.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd  # type: ignore[import-untyped]  # not a dependency of ours
        except ImportError as error:
            raise MissingExtra("pandas", None, purpose="making a data frame") from error
        return pd.DataFrame(self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        from treadle.sinks.columns import KEY, rows_of

        return [
            {KEY: outcome.key, **row}
            for outcome in self.outcomes()
            if outcome.ok
            for row in rows_of(outcome.value)
        ]

    def report(self, to: str | os.PathLike[str] | None = None) -> Path:
        """
        Write what became of the run as one HTML file, which needs no network.

        Args:
            to: The file; default: ``report.html`` in the folder of the record.

        Returns:
            Where it is.

        Raises:
            UsageError: The record cannot be read, or the file cannot be written.
        """
        from treadle.report.page import write

        place = self.folder / "report.html" if to is None else Path(to)
        write(self.record, place, follow=to is not None)
        return place

    def trace(self, to: str | os.PathLike[str] | None = None) -> Path:
        """
        Write what ran where and when, for ui.perfetto.dev or chrome://tracing.

        Args:
            to: The file, compressed where it ends in ``.gz``; default: ``trace.json.gz`` in the
                folder of the record.

        Returns:
            Where it is.

        Raises:
            UsageError: The record cannot be read, or the file cannot be written.
        """
        from treadle.report.trace import write

        place = self.folder / "trace.json.gz" if to is None else Path(to)
        write(self.record, place, follow=to is not None)
        return place

    def close(self) -> None:
        """Let go of the record's database; looking again opens it again."""
        self.record.close()

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.state}: {self.ok} ok, {self.failed} failed>"

    def _repr_html_(self) -> str:
        from treadle.core import notebook

        state = self.state
        facts = {
            "function": self.function,
            "items": f"{self.ok:,} ok, {self.failed:,} failed",
            "left": f"{self.left:,}" if self.left else None,
            "began": f"{self.began:%Y-%m-%d %H:%M:%S}",
            "took": f"{self.elapsed:,.1f} s ({self.throughput:,.1f}/s)",
            "into": self.into,
            "record": self.folder,
        }
        ok = None if state == "running" else state == "finished" and not self.failed
        return notebook.shown(f"run {self.name or self.id}: {state}", facts, ok=ok)


def _write_all(sink: Sink, outcomes: Iterator[AnyOutcome]) -> int:
    written = 0
    good = (outcome for outcome in outcomes if outcome.ok)
    while block := list(itertools.islice(good, _BLOCK)):
        for _, error in sink.write(block):
            raise error
        written += len(block)
    return written


def _name(pair: Sequence[Any]) -> str:
    return str(pair[0])
