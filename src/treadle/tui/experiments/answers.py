"""An experiment while it goes on or later: its rows, and models side by side.

What is long, such as prompts and answers, stays in files until it is asked for.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self

from treadle.prompts import noted
from treadle.prompts.places import Place
from treadle.prompts.record import Endings
from treadle.prompts.summary import Summary
from treadle.prompts.values import Ask, Ended
from treadle.tui.experiments.arriving import Arriving

MOST_LINES = 20_000
"""Lines that are kept; the results file has all."""

_SHORT = 200  # letters of an answer, or of a row
_NOT_TOLD = ("provider", "model")  # cells that the columns tell
_BATCH = 500  # endings that are in memory in full at once
_ASKED = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
CREATE TABLE asked (key TEXT PRIMARY KEY, line INT, col INT, prompt TEXT) WITHOUT ROWID;
"""
_FIND = "SELECT line, col, prompt FROM asked WHERE key = ?"


class Brief(NamedTuple):
    """
    How a request ended, in short.

    Attributes:
        key: Of the request.
        status: As in ``Ended``; empty while it has not ended.
        text: The beginning of the answer, or what was wrong.
        error_type: The kind of error; empty for none.
        latency: Seconds; None without an answer.
        cost: US dollars; None where that is not known.
        scores: What scorers said, as text.
    """

    key: str
    status: str = ""
    text: str = ""
    error_type: str = ""
    latency: float | None = None
    cost: Decimal | None = None
    scores: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it was asked, and there is no answer."""
        return self.status == "error"


@dataclass(slots=True)
class Line:
    """
    A row of the table with one prompt, asked of all models.

    Attributes:
        row: Number of the row, from 1; the first of those that differ in the model alone.
        prompt: Name of the prompt.
        repeat: Which repetition, from 1.
        about: The cells of the row, in short.
        briefs: How it ended, by the position of the model in ``Answers.models``.
    """

    row: int
    prompt: str
    repeat: int
    about: str
    briefs: dict[int, Brief] = field(default_factory=dict)


class Whole(NamedTuple):
    """
    All that is known of one request.

    Attributes:
        ask: What was asked.
        ended: How it ended; None when it has not.
        hint: What to do about a failure; None when there is nothing to say.
        attempts: The attempts that were followed by another one.
    """

    ask: Ask
    ended: Ended | None
    hint: str | None
    attempts: list[Any]


class Answers:
    """
    The answers of an experiment; a context manager. Used by one thread at a time.

    Args:
        which: Where it is kept; or its results file or run, as ``treadle prompts status`` takes it.

    Attributes:
        place: Where it is kept.
        experiment: The experiment.
        run: Its run.
        models: Lane and model of each column.
        lines: What is shown; at most ``MOST_LINES``.
        left_out: Lines beyond these.
        several: Whether there are several prompts.
        summary: What all of it came to.

    Raises:
        UsageError: There is no such experiment, or what it needs is gone.
    """

    def __init__(self, which: Place | str | None) -> None:
        self.place = which if isinstance(which, Place) else noted.find(which)
        self.experiment, self.run, self._note = noted.again_at(self.place)
        self.models: list[tuple[str, str]] = []
        self.lines: list[Line] = []
        self.left_out = 0
        self.several = len(self.experiment.items.prompts) > 1
        self.summary = Summary()
        self._columns: dict[tuple[str, str], int] = {}
        self._by_option = bool(self.experiment.options.get("model"))
        # Where each request stands. It may be millions, so it lies in a file, which is of SQLite's
        # own and has no name.
        self._asked = sqlite3.connect("", isolation_level=None)
        self._asked.executescript(_ASKED)
        self._at: dict[tuple[Any, ...], int] = {}
        self._twins: Counter[tuple[Any, ...]] = Counter()
        self._seen: tuple[Any, ...] | None = None
        self._arriving = Arriving(self.run)
        self._endings: Endings | None = None
        self._is_whole = False  # all that has been read counts
        try:
            self._lay_out()
        except BaseException:
            self.close()
            raise

    @property
    def title(self) -> str:
        """The results file, or what stands in its place."""
        return self._note.output or self.place.name.partition(" ")[2]

    @property
    def spent(self) -> Decimal:
        """US dollars of all answers, as far as their price is known."""
        return self.summary.total().cost

    def refresh(self) -> bool:
        """
        Take in what has ended since; tell whether anything has.

        Raises:
            UsageError: The record cannot be read.
            SinkFailed: There is no room to lay it out.
        """
        seen = (self.run.ok, self.run.failed, self.run.state)
        if seen == self._seen:
            return False
        note = noted.Note.read(noted.path_of(self.place, self.run.id)) or self._note
        anew = self._arriving.look()
        again = anew or note.closed != self._note.closed or not self._is_whole
        self._note, self._is_whole = note, False
        endings = self._endings
        if endings is None or anew:
            self._forget()
            # In the place for temporary files: the next session sweeps the folder of the
            # experiment.
            endings = self._endings = Endings(None)
        arriving = self._arriving.read()
        while batch := list(islice(arriving, _BATCH)):
            again = again or any(key in endings for key, _ in batch)  # asked once more
            endings.add(batch)
            if not again:
                for key, ended in batch:
                    self._count(key, ended)
        if again:
            self._walk(endings)
        self._seen, self._is_whole = seen, True
        return True

    def whole(self, line: Line) -> list[Whole]:
        """
        Return all that is known of the requests of a line, in the order of the models.

        Raises:
            UsageError: The record cannot be read.
        """
        wanted = {brief.key: column for column, brief in line.briefs.items()}
        found: dict[int, Whole] = {}
        for ask, _ in self.experiment.items.marked():
            if ask.key in wanted:
                found[wanted[ask.key]] = self._whole(ask)
                if len(found) == len(wanted):
                    break
        self.run.close()
        return [found[column] for column in sorted(found)]

    def close(self) -> None:
        """Let go of files. Harmless when repeated."""
        self._forget()
        self._asked.close()
        self.run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _forget(self) -> None:
        endings, self._endings = self._endings, None
        if endings is not None:
            endings.close()

    def _whole(self, ask: Ask) -> Whole:
        ended = None if self._endings is None else self._endings.get(ask.key)
        hint = None
        if ended is not None and ended.status == "error":
            outcome = self.run.item(ask.key)
            hint = None if outcome.ok else outcome.failure.hint
        return Whole(ask, ended, hint, self.run.attempts(ask.key))

    def _lay_out(self) -> None:
        """Make a line for all that is to be asked."""
        for ask, is_chosen in self.experiment.items.marked():
            if is_chosen:
                line, column = self._place(ask)
                if line is not None:
                    line.briefs[column] = Brief(ask.key)

    def _walk(self, endings: Endings) -> None:
        """Take in all endings, in the order of the table: also of what was never to be asked."""
        rows = self.experiment.rows(endings, self._note.closed)
        for ask, ended in rows:
            line, column = self._place(ask)
            if line is not None:
                line.briefs[column] = _brief(ask.key, ended)
        self.summary = rows.summary

    def _count(self, key: str, ended: Ended) -> None:
        """Take in one more ending."""
        found = self._asked.execute(_FIND, (key,)).fetchone()
        if found is None:
            return  # not asked any more
        at, column, prompt = found
        lane, model = self.models[column]
        self.summary.add(_ask(key, prompt, lane, model), ended)
        if at >= 0:
            self.lines[at].briefs[column] = _brief(key, ended)

    def _place(self, ask: Ask) -> tuple[Line | None, int]:
        """Return the line of a request, None where there are too many, and its column."""
        found = self._asked.execute(_FIND, (ask.key,)).fetchone()
        if found is None:
            column = self._column(ask)
            at = self._new(ask, column)
            self._asked.execute(
                "INSERT INTO asked VALUES (?, ?, ?, ?)", (ask.key, at, column, ask.prompt)
            )
        else:
            at, column, _ = found
        return (None if at < 0 else self.lines[at]), column

    def _new(self, ask: Ask, column: int) -> int:
        """Return where a request that was not seen before belongs; -1 for nowhere."""
        same = (self._row_of(ask), ask.prompt, ask.repeat)
        is_full = len(self.lines) >= MOST_LINES
        if is_full and (same, 0) not in self._at:
            self.left_out += 1
            return -1
        twin = self._twins[same, column]
        self._twins[same, column] += 1
        at = self._at.get((same, twin))
        if at is None:
            if is_full:
                self.left_out += 1
                return -1
            at = self._at[same, twin] = len(self.lines)
            self.lines.append(Line(ask.row, ask.prompt, ask.repeat, _about(ask.cells)))
        return at

    def _row_of(self, ask: Ask) -> int:
        """
        Return what requests have in common that stand on one line.

        A table that names models has a row for each: where all else is the same, they belong
        together.
        """
        if self._by_option:
            return ask.row
        return hash(tuple((name, ask.cells[name]) for name in ask.cells if name not in _NOT_TOLD))

    def _column(self, ask: Ask) -> int:
        model = (ask.lane, ask.model)
        at = self._columns.get(model)
        if at is None:
            at = self._columns[model] = len(self.models)
            self.models.append(model)
        return at


def _ask(key: str, prompt: str, lane: str, model: str) -> Ask:
    """Return a request as far as a summary looks at it."""
    return Ask(
        key=key, index=0, row=0, prompt=prompt, prompt_hash="", lane=lane, model=model, messages=()
    )


def _about(cells: Mapping[str, str]) -> str:
    return " · ".join(_told(cells))[:_SHORT]


def _told(cells: Mapping[str, str]) -> Iterator[str]:
    for name, cell in cells.items():
        if cell.strip() and name not in _NOT_TOLD:
            yield cell[:_SHORT]


def _brief(key: str, ended: Ended) -> Brief:
    answer = ended.answer
    if answer is None:
        return Brief(key, ended.status, ended.error[:_SHORT], ended.error_type)
    scores = " ".join(f"{name}={value}" for name, value in answer.scores.items())
    return Brief(
        key,
        ended.status,
        answer.text[:_SHORT],
        "",
        answer.latency,
        answer.cost,
        scores[:_SHORT],
    )
