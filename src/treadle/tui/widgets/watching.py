"""What there is to see of a session at one moment: read in a thread, shown in another."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle import TreadleError
from treadle.ledger import store
from treadle.ledger.format import LOCK
from treadle.ledger.rows import unpacked
from treadle.tui.following import Follower, Said, View
from treadle.tui.session import Session

if TYPE_CHECKING:
    from treadle import Outcome
    from treadle.core.item import Key
    from treadle.report.tally import Bin, Kind, Tally

EVERY = 0.25  # seconds between two looks at what goes on
SELDOM = 1.0  # ... at what has ended, and may be resumed elsewhere
NO_ANSWER = "it does not answer"

_WITHIN = 0.25  # seconds that one look waits for all runs; those late are shown in the next
_SILENT = 1.0  # seconds after which a look that has not ended is told of
_FIGURES_EVERY = 1.0  # seconds; what they are drawn as changes slowly
_KEPT = 1000  # last words by which those that the record has as well are known
_LONGEST = 2000  # characters of one
_LAST_WORDS = (
    f"SELECT at, key, worker, stream, text FROM messages ORDER BY rowid DESC LIMIT {_KEPT}"  # noqa: S608  ours
)


@dataclass(frozen=True, slots=True)
class KindOfFailure:
    """
    Failures with the same verdict.

    Attributes:
        title: The verdict.
        count: How many there are.
        message: What the first of them said.
        hint: What to do about it, or None.
        keys: Of the first hundred.
    """

    title: str
    count: int
    message: str
    hint: str | None
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """
    A copy of what a tally says, for the thread that draws.

    Attributes:
        bins: What settled when.
        width: Seconds of one of them.
        until: Seconds from the first to now.
        kinds: Of failure, the most frequent first.
        slowest: The items that took longest.
    """

    bins: tuple[Bin, ...] = ()
    width: float = 1.0
    until: float = 0.0
    kinds: tuple[KindOfFailure, ...] = ()
    slowest: tuple[Outcome[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """
    One run of the session.

    Attributes:
        follower: Of the run.
        view: How it is.
        figures: What it adds up to.
        facts: What its record says of it.
        said: What its workers have said since the last look.
    """

    follower: Follower
    view: View
    figures: Figures
    facts: Mapping[str, Any]
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """
    What there is to see.

    Attributes:
        stages: The runs, in the order in which they began.
        output: What the command wrote; empty when it was started elsewhere.
        code: Exit code of the command; None while it runs, or when it was started elsewhere.
        troubles: What could not be read, in words.
    """

    stages: tuple[Stage, ...] = ()
    output: str = ""
    code: int | None = None
    troubles: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """True while one of the runs goes on."""
        return any(stage.view.live for stage in self.stages)


class _Watched:
    """
    One run that is looked at.

    Each look is made in a thread of its own, for which nobody waits: one run that does not answer
    holds up neither the others nor whoever leaves.

    Args:
        folder: Of its record.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage: Stage | None = None  # as it was seen last
        self.trouble = ""
        self._error: Exception | None = None
        self._follower: Follower | None = None
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._copied = 0.0
        self._was_live = True  # so that the first look at an old run reads what it said
        self._heard: deque[Said] = deque(maxlen=_KEPT)
        self._said: tuple[Said, ...] = ()  # and has not been shown yet
        self._signed: int | None = None  # by the last session, all of which has been seen

    def begin(self) -> None:
        """Begin to look, save at what has ended; what is still being looked at is left alone."""
        if self.is_busy or (self._signed is not None and self._signed == _signed(self.folder)):
            return
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._look, name="look", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while it is being looked at."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, until: float) -> None:
        """Wait for the end of the look, but not beyond *until*."""
        if self._thread is not None:
            self._thread.join(max(until - time.monotonic(), 0.0))

    def seen(self) -> Stage | None:
        """Return how it was seen last; what was said is told once."""
        if self._error is not None:
            raise self._error
        stage = self.stage
        if stage is None:
            return None
        if self.is_busy:
            silent = time.monotonic() - self._began > _SILENT
            view = replace(stage.view, steerable=NO_ANSWER) if silent else stage.view
            return replace(stage, view=view, said=())
        said, self._said = self._said, ()
        return replace(stage, said=said)

    def close(self) -> None:
        """Let go of the record, once the look at it has ended."""
        if self._thread is not None:
            self._thread.join()
        if self._follower is not None:
            self._follower.close()

    def _look(self) -> None:
        try:
            signed = _signed(self.folder)
            self._follower = follower = self._follower or Follower(self.folder)
            view = follower.look()
            figures = self._figures(follower.tally, view)
            self._said += self._new(view)
            self.stage = Stage(follower, view, figures, follower.record.facts, ())
            self.trouble = ""
            # Rows that were replaced may be read again later: then more are counted than there are.
            counted = sum(each.ok + each.failed for each in figures.bins)
            is_over = not view.live and counted == view.settled
            self._signed = signed if is_over else None
            if is_over:
                follower.close()  # it is opened again where something is read of it
        except TreadleError as error:
            self.trouble = str(error.message)
        except Exception as error:  # raised where it is looked at
            self._error = error

    def _figures(self, tally: Tally, view: View) -> Figures:
        before = Figures() if self.stage is None else self.stage.figures
        now = time.monotonic()
        if view.live and self._was_live and now - self._copied < _FIGURES_EVERY:
            return before
        self._copied = now
        return _figures(tally, view, before)

    def _new(self, view: View) -> tuple[Said, ...]:
        """Return what is new; at the end of a run also what was said since it last answered."""
        said = view.said
        if not view.live and self._was_live:
            said += _missed(view.folder, self._heard)
        self._was_live = view.live
        self._heard += view.said
        return said


class Watcher:
    """
    Looks at the runs of a session. One thread at a time.

    Args:
        session: Whose runs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watched: dict[Path, _Watched] = {}

    def look(self) -> Sight:
        """Look at all of it; what cannot be read is told in the answer."""
        started = self._session.started
        code = None if started is None else started.code  # before the rest: then that is the last
        folders = self._session.folders()
        watched = [self._watched.setdefault(folder, _Watched(folder)) for folder in folders]
        for each in watched:
            each.begin()
        until = time.monotonic() + _WITHIN
        for each in watched:
            each.wait(until)
        return Sight(
            stages=tuple(stage for each in watched if (stage := each.seen()) is not None),
            output="" if started is None else started.output(),
            code=code,
            troubles=tuple(each.trouble for each in watched if each.trouble),
        )

    def close(self) -> None:
        """Let go of the records."""
        for watched in self._watched.values():
            watched.close()
        self._watched.clear()


class Watching:
    """
    Looks again and again, in a thread of its own that no one waits for.

    Args:
        session: At what.
        tell: Gets what was seen, in that thread; at last an error, if there is one, to be raised.
        woken: Set when there is something to look at.
    """

    def __init__(
        self, session: Session, tell: Callable[[Sight | Exception], object], woken: threading.Event
    ) -> None:
        self.is_seen = True  # else it is enough to look seldom
        self._session = session
        self._tell = tell
        self._woken = woken
        self._drawn = threading.Event()
        self._ended = False

    def start(self) -> None:
        """Begin; what is told finds the application that this is called in."""
        context = copy_context()
        threading.Thread(target=context.run, args=(self._watch,), name="watch", daemon=True).start()

    def go_on(self) -> None:
        """Look again, for what was told has been drawn: never ahead of what is seen."""
        self._drawn.set()

    def end(self) -> None:
        """Tell nothing further, and let go of the records as soon as may be."""
        self._ended = True
        self._drawn.set()
        self._woken.set()

    def _watch(self) -> None:
        watcher = Watcher(self._session)
        try:
            while not self._ended:
                self._drawn.clear()
                sight = watcher.look()
                if self._ended:
                    return
                self._tell(sight)
                self._drawn.wait()
                self._woken.wait(EVERY if self.is_seen and self._goes_on(sight) else SELDOM)
                self._woken.clear()
        except Exception as error:  # raised by who is told
            self._tell(error)
        finally:
            watcher.close()

    def _goes_on(self, sight: Sight) -> bool:
        return sight.live or (self._session.started is not None and sight.code is None)


def _signed(folder: Path) -> int | None:
    """Return what changes when a session of the run begins, or ends: when it last signed."""
    try:
        return (folder / LOCK).stat().st_mtime_ns
    except OSError:
        return None


def _missed(folder: Path, heard: Collection[Said]) -> tuple[Said, ...]:
    """Return what the record says of the last words of a run, save for what was heard."""
    with store.explained(folder), closing(store.open_to_read(folder)) as database:
        rows = database.execute(_LAST_WORDS).fetchall()
    known = {(each.worker, each.key, each.stream, each.text.rstrip("\n")) for each in heard}
    # Both clocks are the same one, read a moment apart.
    since = max((each.at for each in heard), default=0.0) - 5.0
    found = []
    for at, key, worker, stream, text in reversed(rows):
        said = Said(at, worker, unpacked(key), stream, text[:_LONGEST])
        if at >= since and (worker, said.key, stream, said.text.rstrip("\n")) not in known:
            found.append(said)
    return tuple(found)


def _figures(tally: Tally, view: View, before: Figures) -> Figures:
    bins = tuple(tally.bins)
    until = bins[-1].start + tally.width if bins else 0.0
    if bins and view.live and tally.began is not None:  # up to now, whatever has settled
        until = max(time.time() - tally.began, bins[-1].start + tally.width / 8)
    if bins == before.bins and tally.width == before.width and until == before.until:
        return before
    return Figures(
        bins=bins,
        width=tally.width,
        until=until,
        kinds=tuple(_kind(kind) for kind in tally.kinds),
        slowest=tuple(tally.slowest),
    )


def _kind(kind: Kind) -> KindOfFailure:
    example = kind.example
    assert not example.ok
    failure = example.failure
    return KindOfFailure(kind.title, kind.count, failure.message, failure.hint, tuple(kind.keys))
