"""What there is to see of a session at one moment: read in a thread, shown in another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle import TreadleError
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.ledger.rows import unpacked
from treadle.tui.following import Follower, Said, Session, View

if TYPE_CHECKING:
    from treadle import Outcome
    from treadle.core.item import Key
    from treadle.report.tally import Bin, Kind, Tally

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


@dataclass(slots=True)
class _Watched:
    follower: Follower
    facts: Mapping[str, Any]
    figures: Figures = field(default_factory=Figures)
    was_live: bool = True  # so that the first look at an old run reads what it said
    heard: deque[Said] = field(default_factory=lambda: deque(maxlen=_KEPT))


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
        stages, troubles = [], []
        started = self._session.started
        code = None if started is None else started.code  # before the rest: then that is the last
        for folder in self._session.folders():
            try:
                stages.append(self._look_at(folder))
            except TreadleError as error:
                troubles.append(str(error.message))
        return Sight(
            stages=tuple(stages),
            output="" if started is None else started.output(),
            code=code,
            troubles=tuple(troubles),
        )

    def _look_at(self, folder: Path) -> Stage:
        watched = self._watched.get(folder)
        if watched is None:
            facts = Record(folder).facts
            watched = self._watched[folder] = _Watched(Follower(folder), facts)
        view = watched.follower.look()
        watched.figures = _figures(watched.follower.tally, view, watched.figures)
        said = self._said(watched, view)
        return Stage(watched.follower, view, watched.figures, watched.facts, said)

    @staticmethod
    def _said(watched: _Watched, view: View) -> tuple[Said, ...]:
        """Return what is new; at the end of a run also what was said since it last answered."""
        said = view.said
        if not view.live and watched.was_live:
            said += _missed(view.folder, watched.heard)
        watched.was_live = view.live
        watched.heard += view.said
        return said

    def close(self) -> None:
        """Let go of the records."""
        for watched in self._watched.values():
            watched.follower.close()
        self._watched.clear()


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
