"""What an experiment came to, by model: how the requests ended, how long they took, what they cost.

A fold over the requests as they end, in whatever order. It keeps numbers only, no answers, so that
its memory depends on the number of models and not on that of the requests.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from treadle.prompts.values import Answer, Ask, Ended

ANSWERED = ("ok", "truncated", "filtered", "empty")
_STATUSES = (*ANSWERED, "error", "skipped")
_STEP = 1.05  # from one class of latencies to the next: quantiles are within 2.5 % of the truth
_FASTEST = 1e-6  # seconds: what took no time at all has no logarithm


class Latencies:
    """Seconds, counted in classes that are 5 % apart: some hundreds of them for all there is."""

    __slots__ = ("_counts", "count", "longest", "shortest")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.shortest = math.inf
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one; what is no length of time is left out."""
        if not 0.0 <= seconds < math.inf:
            return
        self._counts[math.floor(math.log(max(seconds, _FASTEST), _STEP))] += 1
        self.count += 1
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)

    def include(self, other: Latencies) -> None:
        """Count all of *other* as well."""
        self._counts.update(other._counts)
        self.count += other.count
        self.shortest = min(self.shortest, other.shortest)
        self.longest = max(self.longest, other.longest)

    def quantile(self, share: float) -> float | None:
        """Return the time within which *share* of them ended; None when there are none."""
        left = max(math.ceil(share * self.count), 1)
        for number in sorted(self._counts):
            left -= self._counts[number]
            if left <= 0:
                middle: float = _STEP ** (number + 0.5)
                return min(max(middle, self.shortest), self.longest)
        return None

    def classes(self) -> Iterator[tuple[float, float, int]]:
        """Yield each class that is not empty: from, to (seconds), how many."""
        for number in sorted(self._counts):
            yield _STEP**number, _STEP ** (number + 1), self._counts[number]


@dataclass(slots=True)
class Group:
    """
    The requests of one model, with one prompt where there are several.

    Attributes:
        lane, model, prompt: What they have in common; prompt is empty when there is only one.
        statuses: How many ended so, by status.
        errors: Those that failed, by kind.
        skipped: Those that were left, by reason.
        sent: Times that they were sent, all together.
        retried: Those that were sent more than once.
        retries: Times that they were sent after the first, all together.
        waited: Seconds between attempts, all together.
        latencies: Of those that were answered.
        input, output, cached, reasoning: Tokens, as far as they are known.
        estimated: Answers whose tokens are estimated.
        cost: US dollars, of the answers that have a price.
        unpriced: Answers of which nobody says what they cost.
        scores: Sum and number of each score, by name.
    """

    lane: str = ""
    model: str = ""
    prompt: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    retried: int = 0
    retries: int = 0
    waited: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    scores: dict[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Lane and model as they are typed, and the prompt after them where there is one."""
        model = f"{self.lane}/{self.model}" if self.lane or self.model else "(no model)"
        return f"{model} {self.prompt}" if self.prompt else model

    @property
    def requests(self) -> int:
        """How many there are."""
        return self.statuses.total()

    @property
    def answered(self) -> int:
        """How many were answered, well or not."""
        return sum(self.statuses[status] for status in ANSWERED)

    def score(self, name: str) -> float | None:
        """Return the mean of the score *name*; None when no answer has it."""
        total, count = self.scores.get(name, (0.0, 0))
        return total / count if count else None

    def add(self, ended: Ended) -> None:
        """Count one request."""
        self.statuses[ended.status] += 1
        if ended.status == "error":
            self.errors[ended.error_type or "failed"] += 1
        elif ended.status == "skipped":
            self.skipped[ended.error_type or "left"] += 1
        self.sent += ended.attempts
        self.retried += ended.attempts > 1
        self.retries += max(ended.attempts - 1, 0)
        self.waited += ended.waited
        if ended.answer is not None:
            self._add_answer(ended.answer)

    def include(self, other: Group) -> None:
        """Count all requests of *other* as well."""
        for name in ("statuses", "errors", "skipped"):
            getattr(self, name).update(getattr(other, name))
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latencies.include(other.latencies)
        for name, (total, count) in other.scores.items():
            self._add_score(name, total, count)

    def as_json(self) -> dict[str, Any]:
        """Return everything, for programs; money is text, because it is exact."""
        return {
            "lane": self.lane,
            "model": self.model,
            "prompt": self.prompt,
            "requests": self.requests,
            **{status: self.statuses[status] for status in _STATUSES},
            "errors": dict(self.errors.most_common()),
            "skipped_by": dict(self.skipped.most_common()),
            "sent": self.sent,
            "retried": self.retried,
            "retries": self.retries,
            "waited": self.waited,
            "latency": {"p50": self.latencies.quantile(0.5), "p95": self.latencies.quantile(0.95)},
            "tokens": {
                "input": self.input,
                "output": self.output,
                "cached": self.cached,
                "reasoning": self.reasoning,
                "estimated": self.estimated,
            },
            "cost": format(self.cost, "f") if self.unpriced < self.answered else None,
            "unpriced": self.unpriced,
            "scores": {
                name: {"mean": self.score(name), "count": self.scores[name][1]}
                for name in self.scores
            },
        }

    def _add_answer(self, answer: Answer) -> None:
        self.latencies.add(answer.latency)
        usage = answer.usage
        self.input += usage.input or 0
        self.output += usage.output or 0
        self.cached += usage.cached or 0
        self.reasoning += usage.reasoning or 0
        self.estimated += usage.source == "estimate"
        if answer.cost is None:
            self.unpriced += 1
        else:
            self.cost += answer.cost
        for name, value in answer.scores.items():
            # What is no number, such as a reason given by a scorer, has no mean.
            if isinstance(value, (bool, int, float)) and math.isfinite(value):
                self._add_score(name, float(value), 1)

    def _add_score(self, name: str, total: float, count: int) -> None:
        before, number = self.scores.get(name, (0.0, 0))
        self.scores[name] = (before + total, number + count)


_SUMS = (
    "sent", "retried", "retries", "waited", "input", "output", "cached", "reasoning", "estimated",
    "cost", "unpriced",
)  # fmt: skip


class Summary:
    """What an experiment came to; ``add`` each request as it ends."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], Group] = {}

    def add(self, ask: Ask, ended: Ended) -> None:
        """Count one request."""
        name = (ask.lane, ask.model, ask.prompt)
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(*name)
        group.add(ended)

    def rows(self) -> list[Group]:
        """Return a group for each model, and for each prompt where there are several; sorted."""
        several = len({prompt for _, _, prompt in self._groups}) > 1
        rows: dict[tuple[str, str, str], Group] = {}
        for lane, model, prompt in sorted(self._groups):
            name = (lane, model, prompt if several else "")
            rows.setdefault(name, Group(*name)).include(self._groups[lane, model, prompt])
        return list(rows.values())

    def total(self) -> Group:
        """Return all requests as one group."""
        total = Group(lane="all", model="models")
        for group in self._groups.values():
            total.include(group)
        return total

    def as_json(self) -> dict[str, Any]:
        """Return everything, for programs."""
        total = self.total().as_json()
        for name in ("lane", "model", "prompt"):
            del total[name]
        return {"groups": [group.as_json() for group in self.rows()], "total": total}

    def table(self, width: int | None = 80) -> list[str]:
        """
        Return it as lines of text, none wider than *width*; None for as wide as they come.

        Columns that say nothing are left out. Where the rest does not fit, names are shortened
        first; then what is left of the columns stands in a second table below, and so on. What has
        no number comes last.
        """
        rows = self.rows()
        if not rows:
            return ["no requests"]
        if len(rows) > 1:
            rows.append(self.total())
        names = [
            "all" if len(rows) > 1 and row is rows[-1] else printable(row.name) for row in rows
        ]
        lines: list[str] = []
        for columns in _side_by_side("model", names, list(_columns(rows)), width):
            lines += [""] if lines else []
            lines += laid_out("model", names, columns, width)
        models = rows[:-1] if len(rows) > 1 else rows
        return [*lines, *_wrapped(_notes(models), width)]


@dataclass(slots=True)
class Column:
    """
    One column of a table for the terminal.

    Attributes:
        title: What stands above it.
        cells: One for each line.
        rank: The higher, the sooner it goes where room is short; 0 for never.
    """

    title: str
    cells: list[str]
    rank: int = 0

    @property
    def width(self) -> int:
        """Cells of a terminal that its longest text takes."""
        return max(cells_of(text) for text in (self.title, *self.cells))


_COUNTS = (  # statuses and their titles
    ("ok", "ok"),
    ("truncated", "cut off"),
    ("filtered", "filtered"),
    ("empty", "empty"),
    ("error", "failed"),
    ("skipped", "skipped"),
)
_NAMED = 3  # models that are named in one line


def _columns(rows: list[Group]) -> Iterator[Column]:
    for status, title in _COUNTS:
        numbers = [row.statuses[status] for row in rows]
        yield Column(title, [f"{number:,}" if number else "" for number in numbers])
    yield Column("retries", [f"{row.retries:,}" if row.retries else "" for row in rows])
    yield Column("waited", [seconds(row.waited) if row.waited else "" for row in rows])
    for share, title in ((0.5, "p50"), (0.95, "p95")):
        found = [row.latencies.quantile(share) for row in rows]
        yield Column(title, ["" if value is None else seconds(value) for value in found])
    for name in ("input", "cached", "output"):
        numbers = [getattr(row, name) for row in rows]
        yield Column(name, [amount(number) if number else "" for number in numbers])
    yield Column("cost", [_cost_of(row) for row in rows])
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        means = [row.score(name) for row in rows]
        cells = ["" if mean is None else f"{mean:.3g}" for mean in means]
        yield Column(shortened(printable(name), 30), cells)


def _cost_of(row: Group) -> str:
    if row.unpriced == row.answered:
        return "?" if row.answered else ""
    return f"{money(row.cost)}{'+?' if row.unpriced else ''}"


def _side_by_side(
    title: str, names: list[str], columns: list[Column], width: int | None
) -> list[list[Column]]:
    """Return the columns in as many parts as tables are needed, each beside the names."""
    columns = [column for column in columns if any(column.cells)]
    if width is None:
        return [columns]
    widest = max(map(cells_of, [title, *names]))
    parts = _parts(columns, width - _least(widest, width))
    # Where one table does not do, names need not be short.
    return parts if len(parts) == 1 else _parts(columns, width - min(widest, width // 2))


def _parts(columns: list[Column], room: int) -> list[list[Column]]:
    parts: list[list[Column]] = [[]]
    left = room
    for column in columns:
        left -= column.width + 2
        if left < 0 and parts[-1]:
            parts.append([])
            left = room - column.width - 2
        parts[-1].append(column)
    return parts


def _least(widest: int, width: int) -> int:
    """Return to how many cells names are shortened before other columns have to go."""
    return min(widest, max(width // 4, 8))


def laid_out(title: str, names: list[str], columns: list[Column], width: int | None) -> list[str]:
    """
    Return a table as lines no wider than *width*: a line of titles, then one for each name.

    Args:
        title: What stands above the names.
        names: The first column; they are shortened, down to a quarter of the width, before any
            other column goes.
        columns: All others. Those without any text are left out.
        width: Cells of the terminal; None for as many as it takes.
    """
    columns = [column for column in columns if any(column.cells)]
    widest = max(map(cells_of, [title, *names]))
    width = sys.maxsize if width is None else width
    least = _least(widest, width)
    while True:
        used = sum(column.width + 2 for column in columns)
        first = max(columns, key=lambda column: column.rank, default=None)
        if used + least <= width or first is None or first.rank == 0:
            break
        columns = [column for column in columns if column is not first]
    room = max(min(widest, width - used), 1)
    lines = [_row(title, room, [(column.title, column.width) for column in columns])]
    for number, name in enumerate(names):
        pairs = [(column.cells[number], column.width) for column in columns]
        lines.append(_row(name, room, pairs))
    return [shortened(line, width, at_end=True) for line in lines]


def _row(name: str, room: int, pairs: list[tuple[str, int]]) -> str:
    name = shortened(name, room)
    cells = "".join("  " + " " * (wide - cells_of(text)) + text for text, wide in pairs)
    return (name + " " * (room - cells_of(name)) + cells).rstrip()


def _notes(rows: list[Group]) -> Iterator[str]:
    """Say what a number in a table cannot: why requests failed, and what is not known."""
    for row in rows:
        said = []
        if row.errors:
            said.append(f"failed: {_counted(row.errors)}")
        if row.skipped:
            said.append(f"skipped: {_counted(row.skipped)}")
        if said:
            yield f"{printable(row.name)}: {'; '.join(said)}"
    unpriced = [row for row in rows if row.unpriced]
    if unpriced:
        count = sum(row.unpriced for row in unpriced)
        names = [printable(row.name) for row in unpriced[:_NAMED]]
        if len(unpriced) > _NAMED:
            names.append(f"{len(unpriced) - _NAMED:,} more")
        answers = "1 answer" if count == 1 else f"{count:,} answers"
        yield f"no price is known for {answers} of {', '.join(names)}"


def _wrapped(notes: Iterable[str], width: int | None) -> Iterator[str]:
    for note in notes:
        if width is None:
            yield note
            continue
        lines = textwrap.wrap(note, max(width, 20), subsequent_indent="  ", break_on_hyphens=False)
        yield from (shortened(line, width, at_end=True) for line in lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {printable(kind)}" for kind, count in counts.most_common())


def amount(number: float) -> str:
    """Return a number in five characters or so: ``950``, ``12.3k``, ``4.5M``."""
    for limit, unit in ((1e3, ""), (1e6, "k"), (1e9, "M"), (1e12, "G")):
        if number < limit * 0.9995:
            value = number / (limit / 1e3)
            return f"{value:,.0f}{unit}" if not unit or value >= 99.95 else f"{value:.1f}{unit}"
    return f"{number:.1e}"


def money(dollars: Decimal) -> str:
    """Return an amount of money with two digits at least that are not zero: ``$0.00034``."""
    if dollars == 0:
        return "$0"
    if abs(dollars) >= 1:
        return f"${dollars:,.2f}"
    places = 4 if abs(dollars) >= Decimal("0.01") else 1 - dollars.adjusted()
    return f"${dollars:.{places}f}"


def seconds(length: float) -> str:
    """Return a length of time: ``84 ms``, ``3.2 s``, ``1:05``, ``2:00:10``."""
    if length < 0.0995:
        return f"{length * 1e3:.0f} ms"
    if length < 59.95:
        return f"{length:.2f} s" if length < 0.995 else f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """Put blanks for control characters: none of a table's or a server's gets to a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def cells_of(text: str) -> int:
    """Return how many cells of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shortened(text: str, room: int, *, at_end: bool = False) -> str:
    """Return *text* in *room* cells: its middle gives way, or its end."""
    if cells_of(text) <= room:
        return text
    head = _fitting(text, room - 1 if at_end else room // 2)
    tail = "" if at_end else _fitting(reversed(text), room - 1 - cells_of(head))[::-1]
    return f"{head}…{tail}"


def _fitting(letters: Iterable[str], room: int) -> str:
    """Return the first of *letters* that *room* cells hold."""
    found = []
    for letter in letters:
        room -= cells_of(letter)
        if room < 0:
            break
        found.append(letter)
    return "".join(found)
