"""Progress of an experiment: how far it is, and what each lane does, waits for and costs.

A listener of the run's events, which also hears how each request ended. Time is the events' own.
It writes to stderr, and to nothing else.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TextIO

import treadle
from treadle.prompts.summary import (
    Column,
    amount,
    laid_out,
    money,
    printable,
    seconds,
    shortened,
)
from treadle.prompts.values import Ask, Ended

CHOICES = ("auto", "live", "plain", "json", "none")
EVERY = 0.1  # seconds between redraws of a terminal
SELDOM = 5.0  # seconds between lines where the cursor cannot be moved
OFTEN = 1.0  # seconds between objects for programs
_PATIENCE = 1.0  # seconds for which nothing need be said
_WINDOW = 60  # seconds over which rates are taken
_STALE = 30.0  # seconds after which it is of no interest why something was tried again
_KINDS = 12  # kinds of errors that are told of; the summary has all of them


class Display(Protocol):
    """A listener that shows."""

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event."""

    def settled(self, ask: Ask, ended: Ended) -> None:
        """Take the end of one request. It may come from another thread than the events."""

    def close(self) -> None:
        """Give the terminal back. Harmless when repeated."""


def display_for(choice: str, lanes: Mapping[Hashable, int], total: int | None) -> Display | None:
    """
    Return the display called *choice*, which writes to stderr; None for none.

    Args:
        choice: auto, live, plain, json or none. Without a terminal, live is plain.
        lanes: How many requests this session will ask of each lane, by its key, in the order in
            which they are shown; others join them when they are seen.
        total: Number of requests; None when it is not known.

    Raises:
        UsageError: There is no such display.
    """
    if choice not in CHOICES:
        raise treadle.UsageError(
            f"no progress display called {choice!r}", hint=f"choose one of: {', '.join(CHOICES)}"
        )
    stream = sys.stderr
    if choice == "none" or stream is None:
        return None
    progress = Progress(lanes, total)
    if choice == "json":
        return JsonLines(stream, progress)
    if choice == "plain" or not stream.isatty():
        return Plain(stream, progress)
    return Live(stream, progress)


@contextmanager
def checking(
    choice: str, rows: int, *, verb: str = "checking", after: float = _PATIENCE
) -> Iterator[None]:
    """
    Say that rows are checked, or written, while no request is under way, if that takes long.

    Args:
        choice: The display that will follow, or was there.
        rows: How many there are.
        verb: What is done with them.
        after: Seconds that need no word.
    """
    stream = sys.stderr
    if choice not in CHOICES or choice == "none" or stream is None:
        yield
        return

    def tell() -> None:
        text = f"{verb} 1 row" if rows == 1 else f"{verb} {rows:,} rows"
        said = {"event": "said", "at": time.monotonic(), "text": text}
        stream.write((json.dumps(said) if choice == "json" else text) + "\n")
        stream.flush()

    timer = threading.Timer(after, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class Rate:
    """What happened in the last minute, by the second."""

    __slots__ = ("_began", "_seconds")

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, float]] = deque()
        self._began: float | None = None

    def note(self, at: float, count: float) -> None:
        """Count *count* at the time *at*; times do not go back."""
        if self._began is None:
            self._began = at
        second = int(at)
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))
        self._forget(at)

    def begin(self, at: float) -> None:
        """Take *at* for the beginning, unless something was counted before."""
        if self._began is None:
            self._began = at

    def per_minute(self, at: float) -> float:
        """Return how many a minute there are at the time *at*."""
        self._forget(at)
        if self._began is None:
            return 0.0
        # In the first second nobody knows: a rate of hundreds would become one of tens at once.
        length = min(max(at - self._began, 1.0), _WINDOW)
        return sum(count for _, count in self._seconds) * 60 / length

    def _forget(self, at: float) -> None:
        while self._seconds and self._seconds[0][0] <= at - _WINDOW:
            self._seconds.popleft()


@dataclass(slots=True)
class Figures:
    """What is known of the requests of one model: how many ended so, and what they used."""

    answered: int = 0
    failed: int = 0
    skipped: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    requests: Rate = field(default_factory=Rate)
    tokens: Rate = field(default_factory=Rate)

    def begin(self, at: float | None) -> None:
        """Take *at* for the beginning, unless there was one before."""
        if at is not None:
            self.requests.begin(at)
            self.tokens.begin(at)

    @property
    def ended(self) -> int:
        """How many were asked, and have ended."""
        return self.answered + self.failed

    def add(self, ended: Ended, at: float) -> None:
        """Count one request."""
        if ended.status == "skipped":
            self.skipped += 1
            return
        self.requests.note(at, 1)
        answer = ended.answer
        if answer is None:
            self.failed += 1
            return
        self.answered += 1
        self.tokens.note(at, (answer.usage.input or 0) + (answer.usage.output or 0))
        if answer.cost is None:
            self.unpriced += 1
        else:
            self.cost += answer.cost

    def spent(self) -> str:
        """Say what they cost; a question mark for what nobody knows."""
        if not self.answered:
            return ""
        if self.unpriced == self.answered:
            return "?"
        return f"{money(self.cost)}{'+?' if self.unpriced else ''}"


class Progress:
    """
    What there is to show: a fold over events and endings.

    Args:
        lanes: How many requests each lane will get; none where that is not known.
        total: Number of requests; None when it is not known.
    """

    def __init__(self, lanes: Mapping[Hashable, int], total: int | None) -> None:
        self.stats = treadle.Stats()
        self.all = Figures()
        self._retried = (float("-inf"), "")
        self.now = 0.0
        self._total = total
        self._states: dict[Hashable, treadle.events.LaneState] = {}
        self._figures: dict[Hashable, Figures] = {}
        self._lanes = dict(lanes)
        self._closed: set[Hashable] = set()
        self._kinds: set[tuple[str, str, str]] = set()
        self._news: list[str] = []
        self._told = False

    @property
    def total(self) -> int | None:
        """Number of requests; None when it is not known."""
        return self.stats.total if self._total is None else self._total

    @property
    def is_running(self) -> bool:
        """True between the events of the beginning and the end."""
        return self.stats.began is not None and self.stats.ended is None

    def ends(self) -> bool:
        """Tell, once, that the run has ended."""
        told, self._told = self._told, self.stats.ended is not None
        return self._told and not told

    @property
    def done(self) -> int:
        """Requests that have ended, now or earlier; what was cancelled has not."""
        return self.stats.done - self.stats.cancelled

    def after(self, event: treadle.events.Event) -> None:
        """Take one event."""
        self.now = max(self.now, event.at)
        self.stats.after(event)
        match event:
            case treadle.events.RunStarted(at=at):
                self.all.begin(at)
            case treadle.events.LanesChanged(lanes=lanes):
                for state in lanes:
                    self._take(state)
            case treadle.events.Retrying(at=at, failure=failure):
                self._retried = (at, printable(failure.message))
            case treadle.events.Cancelling(reason=reason, grace=grace):
                self._news.append(f"stopping: {printable(reason)}{self._wait(grace)}")
                if reason == "interrupted" and grace > 0:
                    self._news.append("Ctrl-C again ends it now")
            case _:
                pass

    @property
    def retried(self) -> str:
        """Why something was tried again lately; empty when nothing was."""
        at, why = self._retried
        return why if self.now - at < _STALE else ""

    def settled(self, ask: Ask, ended: Ended) -> None:
        """Take the end of one request."""
        # Both, for it is not known yet whether the models of this provider share a lane.
        for key in (ask.lane, (ask.lane, ask.model)):
            figures = self._figures.setdefault(key, Figures())
            figures.begin(self.stats.began)
            figures.add(ended, self.now)
        self.all.add(ended, self.now)
        kind = (ask.lane, ask.model, ended.error_type)
        if ended.status == "error" and kind not in self._kinds and len(self._kinds) < _KINDS:
            self._kinds.add(kind)
            where = f"{title_of((ask.lane, ask.model))}, row {ask.row:,}"
            self._news.append(f"{where}: {ended.error_type}: {printable(ended.error)}")

    def news(self) -> list[str]:
        """Return what has happened since the last call that is worth a line of its own."""
        news, self._news = self._news, []
        return news

    def lanes(self) -> Iterator[tuple[Hashable, treadle.events.LaneState | None, Figures]]:
        """Yield each lane: its key, its state once it is known, and its figures."""
        keys: dict[Hashable, Any] = {**self._lanes, **dict.fromkeys(self._states)}
        # A lane that all models of a provider share is named by the provider alone.
        for key in self._figures:
            if isinstance(key, tuple) and key[0] not in keys:
                keys[key] = None
        for key in keys:
            yield key, self._states.get(key), self._figures.get(key, Figures())

    def left(self) -> float | None:
        """Return the seconds that the slowest lane will take; None when that is not known."""
        times = []
        for rest, figures in self._to_come():
            rate = figures.requests.per_minute(self.now)
            if not rate:
                return None
            times.append(rest * 60 / rate)
        return max(times, default=None)

    def in_all(self) -> Decimal | None:
        """Return what this session will have cost; None before that can be said."""
        to_come = self._to_come()
        if self.all.unpriced == self.all.answered or not to_come:
            return None
        if not all(figures.ended for _, figures in to_come):
            return None  # of this lane, nobody knows yet what it costs
        return self.all.cost + sum(
            (figures.cost * rest / figures.ended for rest, figures in to_come), Decimal(0)
        )

    def rest(self, key: Hashable) -> int | None:
        """Return how many requests of a lane are still to come; None when that is not known."""
        planned = self._lanes.get(key)
        if planned is None:
            return None
        state, figures = self._states.get(key), self._figures.get(key, Figures())
        if state is not None and state.closed:
            return state.in_flight
        return max(planned - figures.ended - figures.skipped, 0)

    def pace(self, key: Hashable) -> tuple[float, float]:
        """Return requests and tokens per minute of a lane; nothing once all of it has ended."""
        figures = self._figures.get(key)
        if figures is None or self.rest(key) == 0:
            return 0.0, 0.0
        return figures.requests.per_minute(self.now), figures.tokens.per_minute(self.now)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return sum(state.in_flight for state in self._states.values())

    @property
    def is_stopping(self) -> bool:
        """True once nothing further starts, until the run has ended."""
        return self.stats.cancelling is not None and self.stats.ended is None

    @property
    def is_resumed(self) -> bool:
        """True when earlier sessions have asked some of it, which the figures do not count."""
        return self.stats.left_out > 0

    def _to_come(self) -> list[tuple[int, Figures]]:
        """Return how many requests are still to come, by lane if that is known, and its figures."""
        if self.stats.ended is not None or self.is_stopping:
            return []
        if not self._lanes:
            rest = self.total - self.done if self.total else 0
            return [(rest, self.all)] if rest > 0 else []
        rests = ((self.rest(key) or 0, key) for key in self._lanes)
        return [(rest, self._figures.get(key, Figures())) for rest, key in rests if rest]

    def _wait(self, grace: float) -> str:
        """Say what is waited for after a cancel."""
        if grace <= 0:
            return ""
        count = self.in_flight
        requests = "1 request" if count == 1 else f"{count:,} requests" if count else "what is"
        return f"; waiting up to {seconds(grace)} for {requests} under way"

    def _take(self, state: treadle.events.LaneState) -> None:
        self._states[state.key] = state
        if state.closed and state.key not in self._closed:
            self._closed.add(state.key)
            self._news.append(f"{title_of(state.key)} is closed: {printable(state.closed)}")


def title_of(key: Hashable) -> str:
    """Return the key of a lane as it is typed: ``openai/gpt-4o-mini``."""
    return printable("/".join(map(str, key)) if isinstance(key, tuple) else str(key)) or "(none)"


class _Shown:
    """What all displays have in common."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self._lock = threading.Lock()
        self._written = float("-inf")

    def settled(self, ask: Ask, ended: Ended) -> None:
        """Take the end of one request; it is shown with the next event."""
        with self._lock:
            self._progress.settled(ask, ended)


class Live(_Shown):
    """
    A block at the bottom of a terminal: a bar for all, a row for each lane, the last trouble.

    Args:
        stream: The terminal.
        progress: What to show.
    """

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        from rich.console import Console
        from rich.live import Live as Block
        from rich.text import Text

        super().__init__(stream, progress)
        self._console = Console(file=stream, highlight=False)
        self._block = Block(
            Text(""),
            console=self._console,
            auto_refresh=False,  # the events set the pace: no thread of its own
            # Data that goes into a pipe is not for the terminal.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._coding = getattr(stream, "encoding", None) or "utf-8"
        self._marks = "━─" if "━─".encode(self._coding, "ignore") else "#-"
        self._begun = False

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event; draw if the last drawing is a tenth of a second old."""
        with self._lock:
            self._progress.after(event)
            if isinstance(event, treadle.events.RunStarted) and not self._begun:
                self._begun = True
                self._block.start()
            ended = isinstance(event, treadle.events.RunEnded)
            if self._begun and (ended or event.at - self._written >= EVERY):
                self._written = event.at
                self._draw()

    def close(self) -> None:
        """Leave the bar, take the lanes away, and give the terminal back."""
        with self._lock:
            if self._begun:
                self._begun = False
                self._draw(closing=True)
                self._block.stop()

    def _draw(self, *, closing: bool = False) -> None:
        from rich.text import Text

        width = self._console.width
        for line in self._progress.news():
            self._console.print(Text(self._fit(line)))
        lines = [("", bar_line(self._progress, width, self._marks))]
        if not closing and self._progress.stats.ended is None:
            # A block taller than the terminal could not be lifted again.
            lines += lane_lines(self._progress, width, max(self._console.height - 3, 1))
            if self._progress.retried:
                said = shortened(f"last: {self._progress.retried}", width, at_end=True)
                lines.append(("dim", said))
        text = Text(no_wrap=True, overflow="crop")
        for style, line in lines:
            text.append(self._fit(line) + "\n", style=style)
        text.rstrip()
        self._block.update(text, refresh=True)

    def _fit(self, line: str) -> str:
        return line.encode(self._coding, "replace").decode(self._coding)


class Plain(_Shown):
    """
    A line at the beginning, one every five seconds, one at the end, and one for each trouble.

    Args:
        stream: Where to write.
        progress: What to show.
    """

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event."""
        with self._lock:
            self._progress.after(event)
            lines = self._progress.news()
            if isinstance(event, treadle.events.RunStarted):
                self._written = event.at
                lines.append(_beginning(event.name, self._progress.total))
            elif self._progress.is_running and event.at - self._written >= SELDOM:
                self._written = event.at
                lines.append(", ".join(position(self._progress) + troubles(self._progress)))
            self._say(lines)

    def close(self) -> None:
        """Write what is left to be said."""
        with self._lock:
            lines = self._progress.news()
            if self._progress.ends():  # not with the run: the last answers are stored after it
                lines.append(", ".join(position(self._progress) + troubles(self._progress)))
            self._say(lines)

    def _say(self, lines: list[str]) -> None:
        coding = getattr(self._stream, "encoding", None) or "utf-8"
        for line in lines:
            self._stream.write(line.encode(coding, "replace").decode(coding) + "\n")
        if lines:
            self._stream.flush()


class JsonLines(_Shown):
    """
    One JSON object per line, for programs that watch.

    Every object has ``event`` and ``at`` (monotonic seconds). By ``event``: ``started`` (name,
    total or null); ``progress``, at most one a second, and ``ended`` (done, total, answered,
    failed, skipped, retried, requests_per_minute, tokens_per_minute, left in seconds or null, cost
    and cost_in_all of this session as text or null, unpriced, lanes); ``said`` (text). Each of
    ``lanes`` has key (a list, or text where models share it), waiting, in_flight, limit, paused
    (seconds), closed (text, empty while it is open), answered, failed, requests_per_minute,
    tokens_per_minute, cost, unpriced.

    Args:
        stream: Where to write.
        progress: What to show.
    """

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event."""
        with self._lock:
            self._progress.after(event)
            if isinstance(event, treadle.events.RunStarted):
                self._put("started", name=event.name, total=self._progress.total)
            self._put_news()
            if self._progress.is_running and event.at - self._written >= OFTEN:
                self._written = event.at
                self._put("progress", **_sums(self._progress))

    def close(self) -> None:
        """Write what is left to be said."""
        with self._lock:
            self._put_news()
            if self._progress.ends():
                self._put("ended", **_sums(self._progress))

    def _put_news(self) -> None:
        for line in self._progress.news():
            self._put("said", text=line)

    def _put(self, event: str, **said: Any) -> None:
        self._stream.write(json.dumps({"event": event, "at": self._progress.now, **said}) + "\n")
        self._stream.flush()


def _sums(progress: Progress) -> dict[str, Any]:
    at, in_all, rates = progress.now, progress.in_all(), progress.all
    return {
        "done": progress.done,
        "total": progress.total,
        "skipped": progress.all.skipped,
        "retried": progress.stats.retried,
        "left": progress.left(),
        "cost_in_all": None if in_all is None else format(in_all, "f"),
        **_used(progress.all, (rates.requests.per_minute(at), rates.tokens.per_minute(at))),
        "lanes": [
            {**_state(key, state, at), **_used(figures, progress.pace(key))}
            for key, state, figures in progress.lanes()
        ],
    }


def _state(key: Hashable, state: treadle.events.LaneState | None, at: float) -> dict[str, Any]:
    return {
        "key": list(key) if isinstance(key, tuple) else key,
        "waiting": state.waiting if state else 0,
        "in_flight": state.in_flight if state else 0,
        "limit": state.limit if state else None,
        "paused": max(state.paused_until - at, 0.0) if state else 0.0,
        "closed": state.closed if state else "",
    }


def _used(figures: Figures, pace: tuple[float, float]) -> dict[str, Any]:
    priced = figures.answered > figures.unpriced
    return {
        "answered": figures.answered,
        "failed": figures.failed,
        "requests_per_minute": pace[0],
        "tokens_per_minute": pace[1],
        "cost": format(figures.cost, "f") if priced else None,
        "unpriced": figures.unpriced,
    }


def position(progress: Progress) -> list[str]:
    """Say how far it is, how fast, how long it will take and what it costs: the most first."""
    stats, total = progress.stats, progress.total
    said = [f"{progress.done:,}/{total:,}" if total else f"{progress.done:,}"]
    rate = progress.all.requests.per_minute(progress.now)
    left = progress.left()
    if progress.is_stopping:
        said.append(f"stopping, {progress.in_flight:,} under way")
    elif left is not None:
        said += [f"{seconds(left)} left", f"{amount(rate)}/min"]
    else:
        said.append(seconds(stats.elapsed(progress.now)))
    cost, in_all = progress.all.spent(), progress.in_all()
    if cost:
        of = "" if in_all is None else f" of about {money(in_all)}"
        said.insert(2, cost + of + (" this session" if progress.is_resumed else ""))
    if progress.all.failed:
        said.append(f"{progress.all.failed:,} failed")
    if progress.all.skipped:
        said.append(f"{progress.all.skipped:,} skipped")
    return said


def troubles(progress: Progress) -> list[str]:
    """Name the lanes from which nothing starts now, and say until when."""
    said = []
    for key, state, _ in progress.lanes():
        trouble = _trouble(state, progress.now)
        if trouble:
            said.append(f"{title_of(key)} {trouble}")
    return said


def bar_line(progress: Progress, width: int, marks: str) -> str:
    """Return one line for all: a bar where there is room for one, and how far it is."""
    said = position(progress)
    while len(said) > 1 and len("  ".join(said)) > width:
        said.pop()
    line = "  ".join(said)
    room = min(width - len(line) - 2, 30)
    if not progress.total or room < 8:
        return shortened(line, width, at_end=True)
    full = min(room * progress.done // progress.total, room)
    return f"{marks[0] * full}{marks[1] * (room - full)}  {line}"


def lane_lines(progress: Progress, width: int, most: int) -> list[tuple[str, str]]:
    """
    Return a style and a line for each lane, under a line of titles.

    Args:
        progress: What there is to show.
        width: Cells of the terminal.
        most: So many lines at most; lanes with nothing in flight go first where there are more.
    """
    lanes = list(progress.lanes())
    if not lanes:
        return []
    if len(lanes) >= most:
        busiest = sorted(lanes, key=lambda lane: -(lane[1].in_flight if lane[1] else -1))
        kept = {id(lane) for lane in busiest[: max(most - 2, 1)]}
        lanes = [lane for lane in lanes if id(lane) in kept]
    at = progress.now
    figures = [figure for _, _, figure in lanes]
    states = [state for _, state, _ in lanes]
    paces = [progress.pace(key) for key, _, _ in lanes]
    columns = [
        Column("in flight", [_in_flight(state) for state in states]),
        Column("waiting", [_count(state.waiting if state else 0) for state in states], 5),
        Column("req/min", [_amount(requests) for requests, _ in paces], 3),
        Column("tok/min", [_amount(tokens) for _, tokens in paces], 4),
        Column("done", [_count(figure.answered) for figure in figures], 2),
        Column("failed", [_count(figure.failed) for figure in figures], 1),
        Column("cost", [figure.spent() for figure in figures], 1),
        Column("", [_trouble(state, at) for state in states]),
    ]
    names = [title_of(key) for key, _, _ in lanes]
    title, *rows = laid_out("lane", names, columns, width)
    lines = [("dim", title)]
    lines += [(_style(state, at), row) for state, row in zip(states, rows, strict=True)]
    missing = len(list(progress.lanes())) - len(lanes)
    if missing:
        lines.append(("dim", f"and {missing:,} more"))
    return lines


def _in_flight(state: treadle.events.LaneState | None) -> str:
    if state is None:
        return ""
    # After a shrink there are more than may be, until they end: no limit of what is there now.
    limit = "" if state.limit is None or state.in_flight > state.limit else f"/{state.limit:,}"
    return f"{state.in_flight:,}{limit}"


def _trouble(state: treadle.events.LaneState | None, at: float) -> str:
    if state is None:
        return ""
    if state.closed:
        return "closed"
    left = state.paused_until - at
    return f"waits {seconds(left)}" if left > 0 else ""


def _style(state: treadle.events.LaneState | None, at: float) -> str:
    trouble = _trouble(state, at)
    return "" if not trouble else "red" if trouble == "closed" else "yellow"


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _amount(number: float) -> str:
    return amount(number) if number >= 0.5 else ""


def _beginning(name: str, total: int | None) -> str:
    requests = "" if total is None else ": 1 request" if total == 1 else f": {total:,} requests"
    return f"{printable(name)}{requests}"
