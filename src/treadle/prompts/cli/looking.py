"""The commands that look at what there is: ``status``, ``export``, ``report``."""

from __future__ import annotations

import json as jsons
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import treadle
from treadle.cli import Exit, put, say
from treadle.prompts.cli import options, words

if TYPE_CHECKING:
    from treadle.prompts.places import Place

STATUS = """\
\b
Examples:
  treadle prompts status
  treadle prompts status results.csv --json

\b
Exit codes: 0 all answered, 1 some failed, 2 usage, 3 some are left.
"""

EXPORT = """\
\b
Examples:
  treadle prompts export results.csv
  treadle prompts export results.csv --to results.jsonl

\b
Makes the results anew from the record, in the order of the table.

\b
Exit codes: 0 done, 2 usage.
"""

REPORT = """\
\b
Examples:
  treadle prompts report results.csv
  treadle prompts report results.csv --to compare.html

\b
One HTML page: rows and models side by side, latency and cost.

\b
Exit codes: 0 done, 2 usage.
"""

_To = Annotated[str | None, typer.Option("--to", metavar="FILE", help="Where to write.")]


def status(which: options.Which = None, *, json: options.Json = False) -> int:
    """Say how far an experiment is."""
    facts = _facts(_found(which))
    if json:
        put(jsons.dumps(facts) + "\n")
    else:
        put(_in_words(facts))
    if facts["left"] != 0:
        return Exit.NOTHING
    return Exit.ITEMS_FAILED if facts["failed"] else Exit.OK


def _found(which: str | None) -> Place:
    from treadle.prompts import noted

    try:
        return noted.find(which)
    except treadle.UsageError as error:
        if which is None:
            raise
        raise treadle.UsageError(
            error.message,
            hint="name the results file of an experiment, or leave it out for the newest one",
        ) from error


def _facts(place: Place) -> dict[str, Any]:
    run = place.newest()
    if run is None:
        raise treadle.UsageError(
            f"there is no run of {place.name!r}", hint="treadle prompts run --help"
        )
    with closing(run):
        return _counted(place, run)


def _counted(place: Place, run: treadle.Run) -> dict[str, Any]:
    from treadle.prompts.ended import ended_of
    from treadle.prompts.record import answers

    failures = (outcome for outcome in run.record.outcomes(failed=True) if not outcome.ok)
    kinds = Counter(ended_of(outcome).error_type for outcome in failures)
    statuses: Counter[str] = Counter()
    cost, unpriced, tokens_in, tokens_out = Decimal(0), 0, 0, 0
    for answer in answers(run):
        statuses[answer.status] += 1
        cost += answer.cost or 0
        unpriced += answer.cost is None
        tokens_in += answer.usage.input or 0
        tokens_out += answer.usage.output or 0
    return {
        "name": place.name.partition(" ")[2],
        "run": run.id,
        "state": run.state,
        "requests": run.total,
        "answered": run.ok,
        **{status: statuses[status] for status in ("ok", "truncated", "filtered", "empty")},
        "failed": run.failed,
        "errors": dict(kinds.most_common()),
        "left": run.left,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": str(cost),
        "without_price": unpriced,
        "elapsed": round(run.elapsed, 1),
        "folder": str(run.folder),
    }


def _in_words(facts: dict[str, Any]) -> str:
    left = "unknown" if facts["left"] is None else f"{facts['left']:,}"
    further = [
        f"{facts[name]:,} {name}" for name in ("truncated", "filtered", "empty") if facts[name]
    ]
    errors = ", ".join(f"{count:,} {kind}" for kind, count in facts["errors"].items())
    lines = [
        words.path(facts["name"]),
        f"  run       {facts['run']} ({facts['state']}), {facts['elapsed']:,} s",
        f"  answered  {facts['answered']:,}" + (f" ({', '.join(further)})" if further else ""),
        f"  failed    {facts['failed']:,}" + (f" ({errors})" if errors else ""),
        f"  left      {left}",
        f"  tokens    {facts['tokens_in']:,} in, {facts['tokens_out']:,} out",
        f"  cost      ${facts['cost']}"
        + (f", {facts['without_price']:,} without a price" if facts["without_price"] else ""),
    ]
    return "".join(f"{line}\n" for line in lines)


def export(which: options.Which = None, *, to: _To = None) -> int:
    """Write the results anew from the record."""
    from treadle.prompts.exporting import export as write

    _found(which)
    written = write(which, to)
    say(f"{words.counted(written.rows, 'row')} in {words.path(written.place)}")
    return Exit.OK


def report(which: options.Which = None, *, to: _To = None) -> int:
    """Compare prompts and models on one HTML page."""
    from treadle.prompts.exporting import report as write

    _found(which)
    written = write(which, None if to is None else Path(to))
    say(f"{words.counted(written.rows, 'request')} in {words.path(written.place)}")
    return Exit.OK
