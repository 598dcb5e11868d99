"""What tables and pages of an experiment say: cells, lanes, all that is known of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from treadle.progress.text import middle, number
from treadle.prompts.summary import amount, money, seconds
from treadle.tui.widgets.grid import Cell, Column
from treadle.tui.widgets.literal import Piece, visible, visible_lines

if TYPE_CHECKING:
    from treadle.prompts.summary import Group
    from treadle.prompts.values import Answer, Ended
    from treadle.tui.experiments.answers import Answers, Brief, Line, Whole
    from treadle.tui.following import LaneView

SORTS = ("row", "text", "failures first", "slowest first", "dearest first")
"""How lines can be sorted."""

_TITLE = 24  # columns that the name of a model may take
_LONG = 20_000  # letters of an answer or a prompt that are shown
_WORD = 20  # letters of a state that is a word, and no reason
_WARNS = {"truncated": "cut off", "filtered": "filtered", "empty": "empty"}


# ── the table ───────────────────────────────────────────────────────────────────────────────────


def columns_of(answers: Answers) -> list[Column]:
    """Return the columns of the table: what was asked, and one for each model."""
    found = [Column("row", 5, right=True), Column("asked", 16, share=2)]
    if answers.several:
        found.append(Column("prompt", 12))
    if answers.experiment.options.get("repeats", 1) > 1:
        found.append(Column("#", 2, right=True))
    for lane, model in answers.models:
        found.append(Column(middle(visible(f"{lane}/{model}"), _TITLE), 18, share=3))
    return found


def cells_of(answers: Answers, line: Line) -> list[Cell]:
    """Return the cells of a line of the table."""
    found: list[Cell] = [str(line.row), line.about]
    if answers.several:
        found.append(line.prompt)
    if answers.experiment.options.get("repeats", 1) > 1:
        found.append(str(line.repeat))
    found += [_cell(line.briefs.get(column)) for column in range(len(answers.models))]
    return found


def _cell(brief: Brief | None) -> Cell:
    if brief is None:
        return ""
    match brief.status:
        case "":
            return ("·", "dim")
        case "error":
            return (f"✗ {brief.error_type}: {brief.text}", "bad")
        case "skipped":
            return (f"not asked: {brief.error_type}", "warn")
    scores = f"{brief.scores} · " if brief.scores else ""
    if brief.status == "ok":
        return f"{scores}{brief.text}"
    return (f"{_WARNS.get(brief.status, brief.status)} · {scores}{brief.text}", "warn")


def ordered(
    lines: Sequence[Line], *, holding: str = "", failed: bool = False, sort: str = "row"
) -> list[Line]:
    """
    Return the lines that are shown, in their order.

    Args:
        lines: All.
        holding: Only those in which this text stands, in capital or small letters.
        failed: Only those in which something has failed.
        sort: One of `SORTS`, or ``"model N"`` for the text of a model.
    """
    words = holding.casefold()
    found = [
        line
        for line in lines
        if (not words or _holds(line, words)) and (not failed or _failures(line))
    ]
    match sort:
        case "text":
            found.sort(key=lambda line: line.about.casefold())
        case "failures first":
            found.sort(key=lambda line: (-_failures(line), line.row))
        case "slowest first":
            found.sort(key=lambda line: -max(b.latency or 0 for b in line.briefs.values()))
        case "dearest first":
            found.sort(key=lambda line: -sum(b.cost or 0 for b in line.briefs.values()))
        case "row":
            found.sort(key=lambda line: (line.row, line.prompt, line.repeat))
        case _:
            model = int(sort.rpartition(" ")[2])
            found.sort(key=lambda line: _text_of(line.briefs.get(model)))
    return found


def _holds(line: Line, words: str) -> bool:
    if words in line.about.casefold() or words in line.prompt.casefold():
        return True
    return any(
        words in f"{brief.status} {brief.error_type} {brief.scores} {brief.text}".casefold()
        for brief in line.briefs.values()
    )


def _failures(line: Line) -> int:
    return sum(brief.has_failed for brief in line.briefs.values())


def _text_of(brief: Brief | None) -> tuple[bool, str]:
    return (brief is None, "" if brief is None else brief.text.casefold())


# ── lanes ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class LaneLine:
    """A model, and what is known of it: from the record, and from the run while it goes on."""

    name: str
    group: Group | None = None
    live: LaneView | None = None
    rate: float = 0.0


def lane_lines(
    groups: Sequence[Group], lanes: Sequence[LaneView], rates: Mapping[str, float]
) -> list[LaneLine]:
    """
    Put together what is known of each model.

    Args:
        groups: What came of each, from the record.
        lanes: Those of the run, while it goes on.
        rates: Requests a minute that were answered, by the names of the lines.
    """
    found: dict[str, LaneLine] = {}
    keys: dict[str, LaneLine] = {}
    for group in groups:
        line = found[group.name] = LaneLine(group.name, group, rate=rates.get(group.name, 0.0))
        # A lane is known by lane and model, or by its name alone where all models share limits.
        keys.setdefault(str((group.lane, group.model)), line)
        keys.setdefault(group.lane, line)
    for lane in lanes:
        mine = keys.get(lane.key)
        if mine is None:
            name = lane.key.strip("()").replace("', '", "/").strip("'")
            mine = found[name] = LaneLine(name)
        mine.live = lane
    return list(found.values())


def lane_columns(lines: Sequence[LaneLine], width: int) -> list[Column]:
    """Return the columns of the lanes; those of a run that goes on only while it does."""
    live = any(line.live for line in lines)
    columns = [Column("lane/model", 12, share=1)]
    if live:
        columns += [Column("busy", 5, right=True), Column("waits", 5, right=True)]
    columns += [Column("done", 6, right=True), Column("failed", 6, right=True)]
    if live:
        columns.append(Column("req/min", 7, right=True))
    if not live or width >= 100:
        columns.append(Column("tokens in/out", 13, right=True))
    return [*columns, Column("cost", 7, right=True), Column("", 12, share=2)]


def lane_cells(line: LaneLine, columns: Sequence[Column]) -> list[Cell]:
    """Return the cells of a lane for these columns."""
    group, live = line.group, line.live
    failed = group.statuses["error"] if group else 0
    told: dict[str, Cell] = {
        "lane/model": line.name,
        "busy": "" if live is None else f"{live.in_flight}/{_limit(live)}",
        "waits": "" if live is None else number(live.waiting),
        "done": number(group.answered) if group else "",
        "failed": (number(failed), "bad") if failed else "",
        "req/min": amount(line.rate) if line.rate else "",
        "tokens in/out": f"{amount(group.input)}/{amount(group.output)}" if group else "",
        "cost": _cost(group) if group else "",
        "": _state(line),
    }
    return [told[column.title] for column in columns]


def _limit(live: LaneView) -> str:
    return "-" if live.limit is None else str(live.limit)


def _state(line: LaneLine) -> Cell:
    live, group = line.live, line.group
    if live is not None and live.closed:
        return (f"closed: {live.closed}", "bad")
    if live is not None and live.paused:
        return (f"paused, {live.paused:.0f} s to go", "warn")
    if group is not None and group.statuses["skipped"]:
        why = ", ".join(group.skipped)
        return (f"{group.statuses['skipped']:,} not asked: {why}", "warn")
    if group is not None and group.errors:
        return (", ".join(f"{count:,} {kind}" for kind, count in group.errors.most_common()), "bad")
    return ("going", "good") if live is not None and live.in_flight else ""


def _cost(group: Group) -> str:
    if group.unpriced and group.unpriced == group.answered:
        return "?"
    return money(group.cost) + ("+?" if group.unpriced else "")


def in_short(answers: Answers) -> str:
    """Say how far an experiment is, and what it has cost."""
    total, run = answers.summary.total(), answers.run
    asked = sum(len(line.briefs) for line in answers.lines)
    of = "" if answers.left_out else f" of {asked:,}"
    parts = [f"{total.answered:,}{of} answered"]
    if failed := total.statuses["error"]:
        parts.append(f"{failed:,} failed")
    if skipped := total.statuses["skipped"]:
        parts.append(f"{skipped:,} not asked")
    most: Decimal | None = answers.experiment.max_cost
    spent = _cost(total)
    parts.append(spent if most is None else f"{spent} of at most {money(most)}")
    if answers.left_out:
        parts.append(f"{answers.left_out:,} requests are left out here, not in the results")
    state = visible(run.state)
    # Why a lane was closed takes a line of its own, which may be cut off.
    parts.insert(0 if len(state) < _WORD else len(parts), state)
    return " · ".join(parts)


# ── one line of the table, in full ──────────────────────────────────────────────────────────────


def row_lines(whole: Whole, line: Line) -> Iterator[list[Piece]]:
    """Yield what was asked, as lines of pieces: the row, and what was sent of it."""
    ask = whole.ask
    repeat = f", repeat {line.repeat}" if line.repeat > 1 else ""
    yield [(f"row {line.row}, {visible(ask.prompt)}{repeat}", "bold")]
    for name, cell in ask.cells.items():
        first, *rest = _lines(cell, 2000) or [""]
        yield [(f"  {visible(name)}: ", "name"), (first, "")]
        yield from ([(f"    {more}", "")] for more in rest)


def sent_lines(whole: Whole) -> Iterator[list[Piece]]:
    """Yield what was sent, as lines of pieces."""
    yield [("sent", "bold")]
    for message in whole.ask.messages:
        yield [(f"  {message.role}", "name")]
        yield from ([(f"    {line}", "")] for line in _lines(message.content, _LONG))
    if whole.ask.params:
        told = ", ".join(f"{name}={value}" for name, value in whole.ask.params.items())
        yield [("  parameters: ", "name"), (visible(told), "")]


def answer_lines(whole: Whole) -> Iterator[list[Piece]]:
    """Yield what came back, as lines of pieces."""
    ended = whole.ended
    yield [(visible(f"{whole.ask.lane}/{whole.ask.model}"), "bold"), ("  ", ""), _ending(ended)]
    if ended is not None:
        yield [(f"  {_figures(ended)}", "dim")]
        if ended.error:
            yield from ([(f"  {line}", "bad")] for line in _lines(ended.error, _LONG))
    if whole.hint:
        yield [("  hint: ", "name"), (visible(whole.hint), "")]
    for attempt in whole.attempts:
        said = f"{attempt.failure.message}; again after {seconds(attempt.delay)}"
        yield [(f"  attempt {attempt.number}: ", "name"), (visible(said), "warn")]
    for warning in _warnings(whole):
        yield [("  odd: ", "name"), (visible(warning), "warn")]
    answer = None if ended is None else ended.answer
    if answer is not None:
        for name, value in answer.scores.items():
            yield [(f"  {visible(name)}: ", "name"), (visible(value), "")]
        yield from ([(f"  {line}", "")] for line in _lines(answer.text, _LONG))


def _ending(ended: Ended | None) -> Piece:
    if ended is None:
        return ("· not answered yet", "dim")
    if ended.status == "ok":
        return ("✓ ok", "good")
    if ended.status == "error":
        return (f"✗ {ended.error_type or 'failed'}", "bad")
    if ended.status == "skipped":
        return (f"not asked: {ended.error_type}", "warn")
    return (_WARNS.get(ended.status, ended.status), "warn")


def _figures(ended: Ended) -> str:
    parts = [] if ended.answer is None else list(_of_answer(ended.answer))
    if ended.attempts > 1:
        parts.append(f"{ended.attempts} attempts, {seconds(ended.waited)} between them")
    if ended.http_status:
        parts.append(f"HTTP {ended.http_status}")
    if ended.request_id:
        parts.append(f"request {visible(ended.request_id, 60)}")
    return " · ".join(parts)


def _of_answer(answer: Answer) -> Iterator[str]:
    usage = answer.usage
    yield seconds(answer.latency)
    if answer.ttft is not None:
        yield f"first token after {seconds(answer.ttft)}"
    if usage.input is not None or usage.output is not None:
        guessed = ", estimated" if usage.source == "estimate" else ""
        yield f"{usage.input or 0:,} tokens in, {usage.output or 0:,} out{guessed}"
    if usage.cached:
        yield f"{usage.cached:,} cached"
    if usage.reasoning:
        yield f"{usage.reasoning:,} for reasoning"
    yield "no price known" if answer.cost is None else money(answer.cost)
    if answer.finish:
        yield f"ended: {visible(answer.finish, 40)}"


def _warnings(whole: Whole) -> tuple[str, ...]:
    answer = None if whole.ended is None else whole.ended.answer
    return (*whole.ask.warnings, *(answer.warnings if answer else ()))


def _lines(text: str, most: int) -> list[str]:
    found = visible_lines(text[:most])
    if len(text) > most:
        found.append(f"… {len(text) - most:,} further letters stand in the results")
    return found
