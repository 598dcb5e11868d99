"""A run with a ledger: what is left out, what becomes durable when, and how it ends.

``Recorded`` is the run's sink with a ledger beside it. What is written is committed in groups:
first the sink makes its part safe, then one transaction stores the rows together with its mark.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

from treadle.api.heard import Heard
from treadle.core import events
from treadle.core.call import name_of
from treadle.core.context import current
from treadle.core.failures import failure_from
from treadle.core.item import Item, Key
from treadle.core.outcome import AnyOutcome, Raised
from treadle.core.protocols import DurableSink, Mark, Sink
from treadle.errors import SinkFailed, SourceFailed, UsageError
from treadle.ledger import format as layout
from treadle.ledger.begun import Begun, begun_in
from treadle.ledger.past import Past, Settled
from treadle.ledger.reader import Record
from treadle.ledger.seen import Seen
from treadle.ledger.writer import Ledger
from treadle.sinks import sink_for
from treadle.sinks.kept import Kept
from treadle.sources.fingerprint import fingerprint_of

# Seconds between commits, each of which costs two ``fsync``. With the 0.06 s that results may wait
# in a worker, a crash makes less than 0.2 s of finished work run again.
GROUP = 0.12
# Seconds without anything settling after which news of commits are told, and the longest wait.
TELL_AFTER = 0.01
TELL_WITHIN = 0.2
NOTED = "TREADLE_RUNS_NOTED"  # a file to which the folder of each recorded run is appended
KEPT = "values"  # in the folder of a run without ``into=``

Durability: TypeAlias = Literal["group", "item", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    What is to be recorded, and how.

    Attributes:
        function: The function of the run.
        items: The source.
        into: Where values go, as it was given.
        key_of: Gives the key of a value at a position; None when that is the position.
        name: What the user calls the run; None for nothing.
        resume: True to go on with the newest run that matches, or the id, prefix or name of one.
        anew: Begin again where an unfinished run has stored something.
        retry_failed: Of the run that is resumed, run what has failed, and nothing else.
        redo: Of the run that is resumed, keys of items to run again although they have settled.
        durability: ``"group"`` or ``"item"``.
        version: Of the function, or ``"source"``; None when it does not matter.
        runs_dir: The folder of all runs; None for the default.
        parent: Id of the first run on the same pool; None for that one.
        stage: How many runs the pool has had before.
        command: What ``treadle resume`` needs to know; None when a program has called us.
        on_commit: Called with outcomes once they are durable; None for nothing.
        backend: Name of the backend.
        options: Those of the first session that are numbers and words, for people.
    """

    function: Callable[..., Any]
    items: Iterable[Any]
    into: str | os.PathLike[str] | Sink | None
    key_of: Callable[[Any, int], Key] | None
    name: str | None = None
    resume: bool | str = False
    anew: bool = False
    retry_failed: bool = False
    redo: Collection[Key] = ()
    durability: Durability = "group"
    version: str | None = None
    runs_dir: str | os.PathLike[str] | None = None
    parent: str | None = None
    stage: int = 0
    command: Mapping[str, Any] | None = None
    on_commit: Callable[[Sequence[AnyOutcome]], object] | None = None
    backend: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder of all runs."""
        return layout.runs_dir(self.runs_dir)

    def facts(self, sink: Sink | None) -> dict[str, Any]:
        """Return what ``run.json`` shall say."""
        return {
            "name": self.name,
            "began": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "function": identity(self.function),
            "into": place_of(sink),
            "backend": self.backend,
            "durability": self.durability,
            "options": dict(self.options),
            "parent": self.parent,
            "stage": self.stage,
            "treadle": _installed_version(),
            "python": platform.python_version(),
            "host": socket.gethostname(),
            "cwd": str(Path.cwd()),
            "program": sys.argv[0],
            "command": self.command,
        }

    def earlier_run(self, sink: Sink | None) -> Path | None:
        """
        Return the folder of the run to go on with; None to begin a new one.

        Raises:
            UsageError: There is no such run, or it is that of another function or place.
        """
        if isinstance(self.resume, str):
            folder = layout.find(self.resume, self.root)
            self._check_fits(folder, sink)
            return folder
        if not self.resume:
            return None
        for folder in reversed(layout.folders(self.root)):
            try:
                facts = layout.read_facts(folder, any_format=True)
            except UsageError:
                continue  # damaged: nobody can say whose it is
            if self._matches(facts, sink):
                layout.read_facts(folder)  # one of a newer format is refused, not passed over
                return folder
        return None

    def _matches(self, facts: Mapping[str, Any], sink: Sink | None) -> bool:
        named = self.name is None or facts.get("name") == self.name
        same = facts.get("function") == identity(self.function)
        if sink is None:  # two stages of one pipeline may have the same function
            same = same and facts.get("stage", 0) == self.stage
        return named and same and facts.get("into") == place_of(sink)

    def _check_fits(self, folder: Path, sink: Sink | None) -> None:
        facts = layout.read_facts(folder)
        mine = identity(self.function)
        if facts.get("function") != mine:
            raise UsageError(
                f"the run {folder.name} is of {facts.get('function')}, not of {mine}",
                hint="resume it with its own function, or begin a new run",
            )
        if sink is not None and facts.get("into") != place_of(sink):
            raise UsageError(
                f"the run {folder.name} stores into {facts.get('into')!r}, not {place_of(sink)!r}",
                hint="leave into= out: the run knows where it stores; or treadle export it there",
            )


def _note(folder: Path) -> None:
    """
    Tell whoever has started this process which run it records.

    Raises:
        UsageError: The file that is to be told cannot be written.
    """
    place = os.environ.get(NOTED)
    if not place or _is_within_a_call():  # what a function runs itself is its own affair
        return
    try:
        with open(place, "a", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123  any path
            file.write(f"{folder}\n")
    except OSError as error:
        raise UsageError(
            f"{place!r} cannot be written: {error.strerror or error}",
            hint=f"{NOTED} names a file that is told the folder of each run: unset it, or name "
            "another",
        ) from error


def _is_within_a_call() -> bool:
    try:
        current()
    except UsageError:
        return False
    return True


def _installed_version() -> str | None:
    try:
        return metadata.version("treadle")
    except metadata.PackageNotFoundError:  # run from its source
        return None


def identity(function: Callable[..., Any]) -> str:
    """Name a function as a later process will: module, name, a partial's plain arguments."""
    bound = ""
    while isinstance(function, partial):
        given = [*function.args, *function.keywords.items()]
        bound += "".join(f" {each!r}" for each in given if fingerprint_of(each) is not None)
        function = function.func
    module = getattr(function, "__module__", None) or type(function).__module__
    if module == "__main__":
        file = getattr(sys.modules["__main__"], "__file__", None)
        module = Path(file).stem if file else module
    return f"{module}:{name_of(function)}{bound}"


def version_of(function: Callable[..., Any], version: str | None) -> str | None:
    """
    Return the version of *function*: as the user says it, or the hash of its source.

    Raises:
        UsageError: There is no source to hash.
    """
    if version != "source":
        return version
    while isinstance(function, partial):
        function = function.func
    try:
        source = inspect.getsource(function if callable(function) else type(function))
    except (OSError, TypeError) as error:
        raise UsageError(
            f"the source of {name_of(function)} is not to be had: {error}",
            hint="name the version yourself: version='2'",
        ) from error
    return hashlib.blake2b(source.encode(), digest_size=8).hexdigest()


def _spare_unfinished(mine: Path, place: str | None) -> None:
    """
    Refuse to begin the run *mine* where the newest run has stored something and is not finished.

    Raises:
        UsageError: It has; *mine* is removed.
    """
    try:
        _refuse_unfinished(mine.parent, place)
    except UsageError:
        mine.rmdir()
        raise


def _refuse_unfinished(root: Path, place: str | None) -> None:
    for folder in reversed(layout.folders(root)):
        try:
            if layout.read_facts(folder).get("into") != place:
                continue
            with closing(Record(folder)) as record:
                ok, state = record.counts.get("succeeded", 0), record.state
        except UsageError:  # damaged: nothing to go on with
            continue
        if ok and state not in ("finished", "running"):  # of one that runs, the sink will say so
            raise UsageError(
                f"the run {folder.name} into {place!r} is not finished ({state}), and what it has "
                f"stored of {ok:,} items would be lost",
                hint=f"resume={folder.name!r} (treadle resume {folder.name}) goes on with it, "
                "anew=True (--anew) begins again without it",
            )
        return


def place_of(sink: Sink | None) -> str | None:
    """Return where *sink* stores, as text that later sessions can compare."""
    if sink is None:
        return None
    path = getattr(sink, "path", None)
    return str(path) if path is not None else repr(type(sink).__qualname__)


class Recorded:
    """
    The sink of a run, and its ledger beside it. A sink itself.

    Args:
        request: What is to be recorded.

    Attributes:
        sink: Where values go; None until it is open if the run says where.
        ledger: The ledger; from ``open`` on.
        earlier: Items that had settled before this session and do not run again: succeeded, and
            not.
        heard: What the run has said lately.
    """

    sink: Any
    ledger: Ledger

    def __init__(self, request: Request) -> None:
        self.sink = None if request.into is None else sink_for(request.into)
        self.earlier = (0, 0)
        self.heard = Heard()
        self._request = request
        self._group = 0.0 if request.durability == "item" else GROUP
        self._fingerprint: Callable[[Any], str | None] = (
            getattr(request.items, "fingerprint", None) or fingerprint_of
        )
        self._seen: Seen | None = None
        self._past: Past | None = None
        self._later: Mark | None = None  # resume the sink when there is something to store
        self._is_durable = False
        self._is_torn = False
        self._was: str | None = None
        self._committed_at = -math.inf
        self._total: int | None = None
        self._untold_since = math.inf
        self._fresh: list[AnyOutcome] = []  # for whoever wants to know once they are durable
        self._begun: Begun | None = None  # with durability="item"

    @property
    def one_by_one(self) -> bool:
        """True when no item may wait, settled, for the rest of a batch."""
        return self._request.durability == "item"

    # ── a sink ──────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """
        Begin, or go on where the ledger says that the last session ended.

        Raises:
            UsageError: The place cannot be written to, was changed by hand in between, or another
                process writes this run.
        """
        request = self._request
        version = version_of(request.function, request.version)
        folder = request.earlier_run(self.sink)
        is_new = folder is None
        if folder is None:
            folder = layout.make_folder(request.root, datetime.now().astimezone())
            if isinstance(self.sink, DurableSink) and not request.anew:  # others begin anew always
                _spare_unfinished(folder, place_of(self.sink))
            self.ledger = Ledger.begin(folder, request.facts(self.sink))
        else:
            self.ledger = Ledger.reopen(folder)
            if request.command is not None and request.resume is True:
                self.ledger.note_facts(command=request.command)  # as it is called now
        self.ledger.version = version
        try:
            _note(folder)
            self._open_sink()
        except BaseException:
            self._let_go()
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def _open_sink(self) -> None:
        ledger = self.ledger
        if self.sink is None:
            into = ledger.facts.get("into")
            self.sink = Kept(ledger.folder / KEPT) if into is None else sink_for(into)
        self._is_durable = isinstance(self.sink, DurableSink)
        self._was = ledger.fact("state")
        self.earlier = (ledger.count("succeeded"), ledger.failed)
        mark = ledger.mark
        if mark is None and not self.earlier[0]:
            self.sink.open()
            if self._is_durable:
                ledger.drop((), self.sink.mark())  # some sinks take their lock with the first mark
        else:
            self._go_on(mark)
        if self._request.key_of is not None:
            self._seen = Seen()
        if sum(self.earlier):
            ledger.retries = self._request.retry_failed
            self._past = ledger.past(_failed_only if ledger.retries else _missing_only)
        if ledger.retries:
            self.earlier = (self.earlier[0], 0)
        if self.one_by_one:
            noted = begun_in(ledger.folder)
            ended = {key for key, _ in ledger.statuses(noted)}
            self._begun = Begun(ledger.folder, (key for key in noted if key not in ended))

    def _go_on(self, mark: Mark | None) -> None:
        if mark is None or not self._is_durable:
            raise UsageError(
                f"the run {self.ledger.id} cannot be resumed: {self.sink!r} cannot go on with what "
                "an earlier session has stored",
                hint="store into a file or a folder, or a sink that has `mark` and `resume`",
            )
        # What has changed is not run again by a retry, which runs what has failed and no more.
        stale, failed = (set(), set()) if self._request.retry_failed else self._changed()
        if stale or failed or not self._has_all or self._was != "finished":
            self.sink.resume(mark, stale)
            self.ledger.drop(stale | failed, self.sink.mark())
        else:
            self.sink.look(mark)
            self._later = mark
        self.earlier = (self.ledger.count("succeeded"), self.ledger.failed)

    @property
    def is_whole(self) -> bool:
        """False when items are missing that this session does not run: only failed ones."""
        return not self._request.retry_failed or self._was == "finished"

    @property
    def _has_all(self) -> bool:
        """True when the source is known to have no more items than have settled."""
        try:
            total = len(self._request.items)  # type: ignore[arg-type]  # it may have none
        except Exception:
            return False
        return not self._request.retry_failed and sum(self.earlier) >= total

    def _changed(self) -> tuple[set[Key], set[Key]]:
        """
        Return the keys of items to run again: those that succeeded, and those that failed.

        Their function or value has changed, or the request names them.
        """
        changed: dict[bool, set[Key]] = {True: set(), False: set()}
        for key, status in self.ledger.statuses(self._request.redo):
            changed[status == "succeeded"].add(key)
        if self.ledger.version is not None:
            for key, status in self.ledger.of_other_versions():
                changed[status == "succeeded"].add(key)
        if self._reads_again:
            with closing(self.ledger.past(_missing_only)) as past:
                for key, settled in self._that_changed(past):
                    changed[settled.status == "succeeded"].add(key)
        return changed[True], changed[False]

    def _that_changed(self, past: Past) -> Iterator[tuple[Key, Settled]]:
        key_of = self._request.key_of
        for position, value in enumerate(self._request.items):
            key = position if key_of is None else key_of(value, position)
            found = past.find(key)
            if found is None or found.fingerprint is None:
                continue
            if key in past.twice and found.position != position:
                continue  # another item of that key, which failed for it
            if found.fingerprint != self._fingerprint(value):
                yield key, found

    @property
    def _reads_again(self) -> bool:
        """True when the source can be read twice, and its values are not given by their number."""
        items = self._request.items
        if hasattr(type(items), "fingerprint"):
            return getattr(items, "fingerprint", None) is not None
        return not isinstance(items, range) and iter(items) is not items

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Store outcomes, and note how each ended; ``commit_if_due`` makes them durable.

        Raises:
            SinkFailed: Nothing further can be stored; of these, nothing was.
        """
        if self._later is not None:
            self.sink.resume(self._later)
            self.ledger.drop((), self.sink.mark())
            self._later = None
        self._is_torn = True  # until the ledger knows what the sink has
        try:
            refused: list[tuple[AnyOutcome, SinkFailed]] = self.sink.write(outcomes)
        except SinkFailed:
            self._is_torn = False  # nothing was stored
            raise
        by_id = {id(outcome): error for outcome, error in refused}
        endings = [
            outcome if id(outcome) not in by_id else not_stored(outcome, by_id[id(outcome)])
            for outcome in outcomes
        ]
        self.ledger.note(endings)
        if self._request.on_commit is not None or self._begun is not None:
            self._fresh += [ending for ending in endings if ending.kind != "cancelled"]
        self._is_torn = False
        return refused

    def commit_if_due(self) -> None:
        """
        Commit if the last commit was a while ago.

        Raises:
            SinkFailed, RunFailed: As ``commit``.
        """
        if time.monotonic() - self._committed_at >= self._group:
            self.commit()

    def commit(self) -> None:
        """
        Make all that was written durable.

        Raises:
            SinkFailed, RunFailed: That is not possible; what was committed before is safe.
        """
        self.ledger.commit(self._mark(), total=self._total)
        self._committed_at = time.monotonic()

    def tell_committed(self) -> None:
        """Tell whoever wants to know what has become durable."""
        if self.ledger.pending:
            return  # written, but not committed yet
        self._untold_since = math.inf
        fresh, self._fresh = self._fresh, []
        if self._begun is not None:
            self._begun.ended(outcome.key for outcome in fresh)
        if self._request.on_commit is not None and fresh:
            self._request.on_commit(fresh)

    def tell_soon(self) -> None:
        """
        Tell what has become durable when nothing has settled for a moment, or after a while.

        Where many settle together, their successors are to start first.
        """
        now = time.monotonic()
        self._untold_since = min(self._untold_since, now)
        if now - self._untold_since > TELL_WITHIN:
            self.tell_committed()

    @property
    def patience(self) -> float | None:
        """Seconds until something is due, a commit or news of one; None while there is neither."""
        if self.ledger.pending:
            return max(0.0, self._committed_at + self._group - time.monotonic())
        return None if self._untold_since == math.inf else TELL_AFTER

    def _mark(self, *, whole: bool = False) -> Mark | None:
        is_open = self._is_durable and self._later is None
        return self.sink.mark(whole=whole) if is_open else None

    def close(self) -> None:
        """
        Finish sink and ledger.

        Raises:
            SinkFailed: The sink cannot be finished; ``abandon`` follows.
            RunFailed: The ledger cannot be written.
        """
        if self._later is None:
            self.ledger.commit(self._mark(whole=True), total=self._total)
            self.tell_committed()
            self.sink.close()
        total = self._total if self._total is not None else self.ledger.settled
        self.ledger.commit(self._mark(), state="finished", total=total)
        self._let_go()

    def abandon(self) -> str | None:
        """Leave sink and ledger so that the run can be resumed; return where what is stored is."""
        return self.stop("stopped")

    def stop(self, why: str) -> str | None:
        """Like ``abandon``, and note why."""
        if self.ledger.is_closed:
            return None
        try:
            # What was interrupted half-way is not committed: a resume cuts it off, and does it.
            if self._later is None and not self._is_torn:
                self.ledger.commit(self._mark(), state=why, total=self._total)
                self.tell_committed()
        finally:
            try:
                kept: str | None = None if self._later is not None else self.sink.abandon()
            finally:
                self._let_go()
        return kept

    def _let_go(self) -> None:
        if self._past is not None:
            self._past.close()
        if self._seen is not None:
            self._seen.close()
        if self._begun is not None:
            self._begun.close()
        self.ledger.close()

    def values(self) -> Iterable[Any]:
        """Return what was stored."""
        found: Iterable[Any] = self.sink.values()
        return found

    @property
    def path(self) -> Any:
        """Where the sink is, if it is in a place that has a path."""
        return getattr(self.sink, "path", None)

    # ── from other threads ──────────────────────────────────────────────────────────────────

    def screen(self, key: Key, value: Any, position: int) -> bool:
        """
        Tell whether an item that was read shall run.

        Raises:
            UsageError: An earlier item has its key.
        """
        twin = self._twin(key, position)
        fingerprint = self._fingerprint(value)
        if self._past is not None:
            runs, settled = self._past.look(key, position)
            if not runs:
                self._check_same(key, settled, fingerprint)
                return False
        if twin is not None:
            raise twin
        if fingerprint is not None:
            self.ledger.fingerprints[position] = fingerprint
        return True

    def _twin(self, key: Key, position: int) -> UsageError | None:
        if self._seen is not None:
            try:
                self._seen.note(key, position)
            except UsageError as error:
                return error
        return None

    def _check_same(self, key: Key, settled: Settled | None, fingerprint: str | None) -> None:
        """
        Make sure that a source that can be read only once gives what it gave.

        Raises:
            SourceFailed: It gives another value under the same key.
        """
        if settled is None or self._request.retry_failed or self._reads_again:
            return
        known = settled.fingerprint
        if known is not None and fingerprint is not None and known != fingerprint:
            raise SourceFailed(
                f"the item {key!r} is another than the one of that key that has settled",
                hint="give the run the source that it had, with the same items in the same order, "
                "or begin a new run",
            )

    def begins(self, items: Sequence[Item]) -> list[Item]:
        """Note items that are about to start; return those that shall not, which are none."""
        if self._begun is not None:
            self._begun.begin(items)
        return []

    def hear(self, event: events.Event) -> None:
        """Listen to the run."""
        self.heard(event)
        if isinstance(event, events.RunStarted):
            self._total = event.total
        else:
            self.ledger.hear(event)


def _missing_only(status: str) -> bool:
    return not status


def _failed_only(status: str) -> bool:
    return status not in ("", "succeeded")


def not_stored(outcome: AnyOutcome, error: SinkFailed) -> Raised:
    """Turn a value that its sink refused into a failure of its item."""
    return Raised(
        outcome.key,
        outcome.index,
        outcome.attempts,
        outcome.started,
        outcome.duration,
        outcome.cpu,
        outcome.peak_memory,
        outcome.worker,
        failure_from(error),
        error,
    )
