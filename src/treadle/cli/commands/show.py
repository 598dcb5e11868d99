"""``treadle show``: one recorded run, or one item of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from treadle import Outcome, Run, Stats, UsageError
from treadle.cli import flags
from treadle.cli.commands.runs import place
from treadle.cli.data import put, record
from treadle.cli.exits import Exit
from treadle.cli.records import Entry, open_run
from treadle.progress.failures import Failures, says
from treadle.progress.summary import summary
from treadle.progress.text import clean, number, one_line, printed_lines, seconds
from treadle.sinks import columns

EPILOG = """\
\b
Examples:
  treadle show latest
  treadle show nightly --failed
  treadle show 260131-1830 --item data/b.csv
  treadle show latest --failed --json | jq -r '.failed_items[].key'

\b
Exit codes: 0 shown, whatever became of the run, 2 usage.
"""

_SLOWEST = 10


def show(
    run: flags.Run,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="List every item that failed, with its reason.")
    ] = False,
    slow: Annotated[
        bool, typer.Option("--slow", help=f"List the {_SLOWEST} items that took longest.")
    ] = False,
    item: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="All about one item: attempts, traceback, what it said."),
    ] = None,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """Show a run: how far it is, and what failed."""
    if item is not None and (failed or slow):
        flag = "--failed" if failed else "--slow"
        raise UsageError(f"--item and {flag} exclude each other", hint="choose one of them")
    found = open_run(run, runs_dir)
    try:
        if item is not None:
            text = _item_as_json(found, item) if json else _item(found, item)
        elif json:
            text = columns.dumps(_as_json(found, failed=failed, slow=slow)) + "\n"
        else:
            text = "".join(f"{line}\n" for line in _about(found, failed=failed, slow=slow))
    finally:
        found.record.close()
    put(text)
    return Exit.OK


def _about(run: Run, *, failed: bool, slow: bool) -> Iterator[str]:
    entry = Entry.of(run)
    yield from _facts(run, entry)
    if failed:
        yield from _section("failed", [_failure(outcome) for outcome in run.failures()])
    if slow:
        yield from _section("slowest", [_duration(outcome) for outcome in run.slowest(_SLOWEST)])
    if not failed and not slow:
        yield from _summary(run, entry)


def _facts(run: Run, entry: Entry) -> Iterator[str]:
    noted = run.record.facts
    made = f"treadle {noted.get('treadle')}, Python {noted.get('python')} on {noted.get('host')}"
    holder = run.record.holder
    rows = {
        "run": f"{entry.id} ({entry.name})" if entry.name else entry.id,
        "function": entry.function,
        "into": "the record" if entry.into is None else place(entry.into),
        "state": entry.state
        + (f" (process {holder['pid']})" if holder and "pid" in holder else ""),
        "began": f"{entry.began.astimezone():%Y-%m-%d %H:%M:%S}",
        "items": _counts(entry),
        "made by": made,
        "record": place(str(entry.folder)),
    }
    for name, value in rows.items():
        yield f"{name:<9} {one_line(value)}"


def _counts(entry: Entry) -> str:
    settled = f"{number(entry.ok)} ok, {number(entry.failed)} failed"
    if entry.total is None:
        return settled
    return f"{settled}, {number(entry.left or 0)} left of {number(entry.total)}"


def _summary(run: Run, entry: Entry) -> Iterator[str]:
    """Sum it up as its end did."""
    stats = Stats(
        name=entry.name or entry.function,
        ok=entry.ok,
        failed=entry.failed,
        began=0.0,
        ended=entry.elapsed,
    )
    yield ""
    # Not on a terminal: nobody is there whose lines could break.
    for line in summary(stats, Failures(run.record.outcomes(failed=True)), width=_width()):
        yield line.plain


def _width() -> int | None:
    """Columns to fit; None where a program reads."""
    size = shutil.get_terminal_size((0, 0)).columns
    return size or None


def _section(name: str, lines: list[str]) -> Iterator[str]:
    yield ""
    yield f"{name}:" if lines else f"{name}: none"
    yield from (f"  {line}" for line in lines)


def _failure(outcome: Outcome[Any]) -> str:
    said = says(outcome)
    tries = f" ({outcome.attempts} attempts)" if outcome.attempts > 1 else ""
    about = f"{one_line(outcome.key)}{tries}: {one_line(outcome.verdict)}"
    return f"{about}: {said}" if said else about


def _duration(outcome: Outcome[Any]) -> str:
    return f"{_span(outcome.duration):>9}  {one_line(outcome.key)}: {one_line(outcome.verdict)}"


# ── one item ────────────────────────────────────────────────────────────────────────────────────


def _item(run: Run, key: str) -> str:
    outcome = run.item(key)
    lines = [f"{one_line(outcome.key)}: {one_line(outcome.verdict)}", *_circumstances(outcome)]
    for attempt in run.attempts(outcome.key):
        failure = attempt.failure
        message = f"{failure.type}: {one_line(failure.message)}"
        lines += [
            "",
            f"attempt {attempt.number}, failed at {_time(attempt.at)}: {message}",
            *_indented(failure.traceback),
            f"  tried again after {_span(attempt.delay)}",
        ]
    if not outcome.ok:
        lines += ["", f"{outcome.failure.type}: {one_line(outcome.failure.message)}"]
        lines += _indented(outcome.failure.traceback)
        lines += [f"  hint: {one_line(outcome.failure.hint)}"] if outcome.failure.hint else []
    messages = run.messages(outcome.key)
    if messages:
        lines += ["", "it said:"]
    for said in messages:
        head = f"  {_time(said.at)} {clean(said.stream)}: "
        lines += [head + line for line in printed_lines(said.text)]
    return "".join(f"{line}\n" for line in lines)


def _circumstances(outcome: Outcome[Any]) -> Iterator[str]:
    yield f"{'attempts':<9} {outcome.attempts}"
    if outcome.attempts:
        yield f"{'began':<9} {_time(outcome.started)}"
        yield f"{'took':<9} {_span(outcome.duration)}"
    if outcome.worker is not None:
        yield f"{'worker':<9} {one_line(outcome.worker)}"


def _indented(traceback: str) -> list[str]:
    return [f"  | {clean(line)}" for line in traceback.rstrip("\n").split("\n") if traceback]


def _span(duration: float) -> str:
    return seconds(duration) if duration >= 1 else f"{duration * 1000:.3g} ms"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


# ── for programs ────────────────────────────────────────────────────────────────────────────────


def _as_json(run: Run, *, failed: bool, slow: bool) -> dict[str, Any]:
    noted = run.record.facts
    kinds = Failures(run.record.outcomes(failed=True)).kinds.values()
    made = {name: noted.get(name) for name in ("treadle", "python", "host", "cwd", "command")}
    shown = {
        **Entry.of(run).as_json(),
        **made,
        "failures": [
            {
                "kind": kind.title,
                "count": kind.count,
                "hint": kind.hint,
                "first": [outcome.key for outcome in kind.first],
            }
            for kind in kinds
        ],
    }
    if failed:
        shown["failed_items"] = [_settled(outcome) for outcome in run.failures()]
    if slow:
        shown["slowest_items"] = [_settled(outcome) for outcome in run.slowest(_SLOWEST)]
    return shown


def _item_as_json(run: Run, key: str) -> str:
    outcome = run.item(key)
    shown = {
        **_settled(outcome),
        "earlier_attempts": [
            {
                "attempt": attempt.number,
                "at": attempt.at,
                "delay": attempt.delay,
                "type": attempt.failure.type,
                "message": attempt.failure.message,
                "traceback": attempt.failure.traceback,
            }
            for attempt in run.attempts(outcome.key)
        ],
        "messages": [
            {"at": one.at, "worker": one.worker, "stream": one.stream, "text": one.text}
            for one in run.messages(outcome.key)
        ],
    }
    return columns.dumps(columns.plain(shown)) + "\n"


def _settled(outcome: Outcome[Any]) -> dict[str, Any]:
    """Write an outcome as ``treadle map --json`` does, but for the value, which is in the file."""
    return {name: fact for name, fact in record(outcome).items() if name != "value"}
