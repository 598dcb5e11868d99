"""``treadle ui --plain``: the UI as lines to read and questions to answer.

For screen readers, and for terminals that can do little: no cursor is moved, nothing is coloured or
drawn, and nothing that has been said is said again in another way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import treadle
from treadle import TreadleError
from treadle.cli import Exit
from treadle.ledger.reader import Record
from treadle.progress.text import clock, number, plural, speed
from treadle.tui import matching, places, wording
from treadle.tui.following import Follower, View
from treadle.tui.launching import Started, start
from treadle.tui.listing import Listing, Row
from treadle.tui.matching import Search
from treadle.tui.plain_form import ask_command
from treadle.tui.plain_lines import Lines
from treadle.tui.plain_plan import agreed
from treadle.tui.remembered import Remembered, state_dir
from treadle.tui.resuming import going_on

_Offer: TypeAlias = tuple[str, Callable[[], object]]
_PAGE = 15  # runs listed at once
_WATCH_EVERY = 3.0  # seconds between two lines about a live run
_HEARD_WITHIN = 2.0  # seconds in which a run does what it is asked, or it is busy
_LOOK_EVERY = 0.05  # seconds between two looks whether it does
_BEGINS_WITHIN = 0.2  # seconds between two looks for the record of a command


def run(runs_dirs: Sequence[Path] = (), remembered: Remembered | None = None) -> int:
    """Ask what to do, and do it, until the answer is to leave, or input ends."""
    lines = Lines()
    kept = Remembered.load() if remembered is None else remembered
    ui = _Plain(lines, runs_dirs, kept)
    try:
        ui.home()
    except EOFError:
        lines.say("")
    except KeyboardInterrupt:
        lines.say("")
        ui.leave()
        return Exit.INTERRUPTED
    ui.leave()
    return Exit.OK


class _Plain:
    def __init__(self, lines: Lines, runs_dirs: Sequence[Path], remembered: Remembered) -> None:
        self._lines = lines
        self._remembered = remembered
        self._listing = Listing(places.roots(runs_dirs, remembered), state_dir() / "runs.json")
        self._started: list[Started] = []

    def leave(self) -> None:
        """Say what goes on without us."""
        self._keep(places.of_started())
        for each in self._started:
            if each.code is None:
                self._lines.say(f"this goes on: {each.line}")
                each.leave()
            else:
                each.forget()

    def _keep(self, found: Iterable[Path]) -> None:
        """List the runs of these folders, too, and remember them for the next time."""
        found = list(found)
        self._listing.watch(found)
        if places.note(self._remembered, found) and (why := self._remembered.save()):
            self._lines.say(f"where runs are cannot be kept for the next time: {why}")

    # ── home ────────────────────────────────────────────────────────────────────────────────

    def home(self) -> None:
        """Ask what to do until the answer is to leave."""
        rows = self._rows()
        self._lines.say("Treadle: " + wording.totals(rows).replace(" · ", ", "))
        if not rows:
            self._lines.say(
                "nothing has run here yet; 3 starts a command",
                "runs are looked for in:",
                *(f"  {root}" for root in self._listing.roots),
            )
        while True:
            chosen = self._lines.choose(
                "What now?",
                ["list runs", "find a run", "start a command", "leave"],
                back="leave",
            )
            match chosen:
                case 0:
                    self._list(self._rows())
                case 1:
                    self._find()
                case 2:
                    self._start()
                case _:
                    return

    def _rows(self) -> list[Row]:
        """Read all runs, newest first; live ones are asked how far they are."""
        self._keep(places.of_started())
        for _ in self._listing.read():
            pass
        try:
            self._listing.look()
        except TreadleError as error:
            self._lines.complain(error)
        used = {row.folder.parent for row in self._listing.rows}
        self._keep(sorted(used.intersection(self._listing.roots)))
        return sorted(self._listing.rows, key=lambda row: not row.is_live)

    def _find(self) -> None:
        text = self._lines.ask(f"search for ({matching.EXAMPLES})")
        if text:
            self._list(list(Search.of(text).among(self._rows())))

    def _list(self, rows: Sequence[Row]) -> None:
        if not rows:
            self._lines.say("no such run" if self._listing.rows else "there are no runs yet")
        for first in range(0, len(rows), _PAGE):
            page = rows[first : first + _PAGE]
            more = first + _PAGE < len(rows)
            title = f"runs {first + 1} to {first + len(page)} of {number(len(rows))}, newest first"
            chosen = self._lines.choose(
                title, [_line(row) for row in page] + ["further runs"] * more
            )
            if chosen is None:
                return
            if chosen < len(page):
                self._open(page[chosen])
                return

    # ── one run ─────────────────────────────────────────────────────────────────────────────

    def _open(self, row: Row) -> None:
        """Ask what to do with one run until the answer is to go back."""
        if row.entry is None:
            self._lines.say(f"this run cannot be read: {row.trouble}")
            return
        try:
            follower = Follower(row.folder)
        except TreadleError as error:
            self._lines.complain(error)
            return
        self._keep([row.folder.parent])
        try:
            while self._ask_about(row, follower):
                pass
        finally:
            follower.close()

    def _ask_about(self, row: Row, follower: Follower) -> bool:
        view = follower.look()
        self._lines.say("", *_about(view))
        offers: list[_Offer] = [
            ("failures, by kind", lambda: self._failures(follower)),
            ("one item, by its key", lambda: self._ask_item(follower)),
            ("write the report", lambda: self._report(row.folder)),
        ]
        offers += self._steering(follower, view) if view.live else self._going_on(row, view)
        chosen = self._lines.choose(f"Run {view.id}", [words for words, _ in offers])
        if chosen is None:
            return False
        try:
            offers[chosen][1]()
        except TreadleError as error:
            self._lines.complain(error)
        return True

    def _steering(self, follower: Follower, view: View) -> list[_Offer]:
        offers: list[_Offer] = [("watch", lambda: self._watch(follower))]
        if view.steerable:
            self._lines.say(f"it cannot be steered: {view.steerable}")
            return offers
        if view.paused:
            offers.append(
                ("continue", lambda: _heard(follower, follower.go_on, lambda view: not view.paused))
            )
        else:
            offers.append(
                (
                    "pause: start nothing further for now",
                    lambda: _heard(follower, follower.pause, lambda view: view.paused),
                )
            )
        return [
            *offers,
            ("change the number of workers", lambda: self._resize(follower)),
            (
                "cancel: let finish what runs, then end",
                lambda: _heard(follower, follower.cancel, lambda view: bool(view.cancelling)),
            ),
            ("kill: end what runs, too", lambda: self._kill(follower)),
        ]

    def _going_on(self, row: Row, view: View) -> list[_Offer]:
        offers: list[_Offer] = []
        if view.state != "finished":
            offers.append(("resume: do what is missing", lambda: self._resume(row, retry=False)))
        if view.failed:
            offers.append(("retry what has failed", lambda: self._resume(row, retry=True)))
        return offers

    def _failures(self, follower: Follower) -> None:
        kinds = follower.tally.kinds
        if not kinds:
            self._lines.say("no item has failed")
            return
        chosen = self._lines.choose(
            "Failures", [f"{number(kind.count)} times: {kind.title}" for kind in kinds]
        )
        if chosen is None:
            return
        kind = kinds[chosen]
        keys, title = kind.keys, "Items that failed so"
        if kind.count > len(keys):
            title += f", the first {number(len(keys))} of {number(kind.count)}"
            title += "; any other is shown by 'one item, by its key'"
        item = self._lines.choose(title, [str(key) for key in keys])
        if item is not None:
            self._item(follower, str(keys[item]))

    def _ask_item(self, follower: Follower) -> None:
        key = self._lines.ask("key of the item")
        if key:
            self._item(follower, key)

    def _item(self, follower: Follower, key: str) -> None:
        """Say how an item has ended, what it has printed, and where it failed."""
        outcome = follower.item(key)
        say = self._lines.say
        say(f"{outcome.key}: {outcome.verdict}", f"attempts: {outcome.attempts}")
        for attempt in follower.attempts(outcome.key):
            say(f"attempt {attempt.number}: {attempt.failure.type}: {attempt.failure.message}")
        if not outcome.ok:
            say(*outcome.failure.traceback.rstrip("\n").split("\n"))
            if outcome.failure.hint:
                say(f"hint: {outcome.failure.hint}")
        messages = follower.messages(outcome.key)
        if messages:
            say("it said:", *(f"{one.stream}: {one.text}" for one in messages))

    def _report(self, folder: Path) -> None:
        found = treadle.Run(Record(folder))
        try:
            self._lines.say(f"written: {found.report()}")
        finally:
            found.close()

    def _resize(self, follower: Follower) -> None:
        text = self._lines.ask("how many workers")
        if text.isdecimal():
            follower.resize(int(text))
        elif text:
            self._lines.say(f"{text!r} is no number")

    def _kill(self, follower: Follower) -> None:
        if self._lines.agree("End what runs now? It can be resumed"):
            follower.cancel(now=True)

    def _resume(self, row: Row, *, retry: bool) -> None:
        command = going_on(row, retry=retry)
        self._lines.say(f"in {command.cwd}:", command.line)
        if self._lines.agree("Start it?") and agreed(self._lines, command.argv, command.cwd):
            self._launch(command.argv, command.cwd)

    # ── commands ────────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        argv = ask_command(self._lines, self._remembered)
        if argv is not None and agreed(self._lines, argv, Path.cwd()):
            try:
                self._launch(argv, Path.cwd())
            except TreadleError as error:
                self._lines.complain(error)

    def _launch(self, argv: Sequence[str], cwd: Path) -> None:
        started = start(argv, cwd)
        self._started.append(started)
        self._lines.say(f"started, process {started.pid}; Enter stops watching, not the run")
        seen = 0
        while True:
            for folder in started.folders()[seen:]:
                seen += 1
                if not self._watch_run(folder):
                    self._lines.say("it goes on")
                    return
            if started.code is not None and seen == len(started.folders()):
                break
            if self._lines.wait(_BEGINS_WITHIN):
                self._lines.say("it goes on")
                return
        said = started.output().rstrip("\n")
        self._lines.say(*(said.split("\n") if said else ()), f"ended, exit code {started.code}")

    def _watch_run(self, folder: Path) -> bool:
        follower = Follower(folder)
        try:
            return self._watch(follower)
        finally:
            follower.close()

    def _watch(self, follower: Follower) -> bool:
        """Say how a run is every few seconds; False when Enter was pressed before its end."""
        while True:
            view = follower.look()
            self._lines.say(_now(view))
            for said in view.said:
                self._lines.say(f"{said.worker}: {said.text}")
            if not view.live:
                return True
            if self._lines.wait(_WATCH_EVERY):
                return False


def _heard(follower: Follower, ask: Callable[[], object], done: Callable[[View], bool]) -> None:
    """Ask something of a run, and wait a moment until it does it: what is said next is so."""
    ask()
    pause = threading.Event()
    end = time.monotonic() + _HEARD_WITHIN
    while (view := follower.look()).live and not done(view) and time.monotonic() < end:
        pause.wait(_LOOK_EVERY)


def _line(row: Row) -> str:
    """Return a run in one line to be read out."""
    if row.entry is None:
        return f"{row.id}, {row.state}"
    done = wording.settled(row)
    return ", ".join(
        [
            wording.what(row),
            row.state,
            f"began {wording.ago(row)}",
            f"{done} items settled, {row.entry.failed:,} failed",
            row.id,
        ]
    )


def _about(view: View) -> list[str]:
    return [
        f"{view.name}, run {view.id}, {view.state}",
        f"calls {view.function}",
        "values in the record" if view.into is None else f"values in {view.into}",
        f"began {view.began.astimezone():%Y-%m-%d %H:%M:%S}",
        _now(view),
        f"recorded in {view.folder}",
    ]


def _now(view: View) -> str:
    state = "paused" if view.paused else "stopping" if view.cancelling else view.state
    of = "" if view.total is None else f" of {number(view.total)}"
    parts = [
        state,
        f"{number(view.settled)}{of} items settled",
        f"{number(view.failed)} failed",
        speed(view.rate),
    ]
    if view.live:
        parts.append(plural(view.workers, "worker"))
    if view.live and view.left is not None and state == "running":
        parts.append(f"{clock(view.left)} to go")
    return ", ".join(parts)
