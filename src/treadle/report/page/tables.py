"""The tables of the page: slow items, workers, and what the run was made with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypeAlias

from treadle.core.outcome import AnyOutcome
from treadle.report.again import typed_line
from treadle.report.page.words import NONE, moment, span, text
from treadle.report.tally import Tally

WORKERS = 500
_FACTS = 60
_ABOUT_VERSIONS = ("treadle", "python", "host")
_ELSEWHERE = ("format", "name", "function", "into", "began")  # in the summary
_COMMAND = "command"

# What is shown, and the number by which it is sorted; None to sort by what is shown.
Cell: TypeAlias = tuple[str, float | None]


def table(caption: str, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """
    Return a table that the script lets people sort and filter.

    Args:
        caption: What is in it.
        titles: Of the columns; the first names the row.
        rows: The cells, as HTML.
    """
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(
        "<tr>" + "".join(_cell(cell, is_first=not at) for at, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0">'
        f'<table class="sortable"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: Cell, *, is_first: bool) -> str:
    words, number = cell
    sort = "" if number is None else f' class="number" data-sort="{number:.9g}"'
    tag = 'th scope="row"' if is_first else "td"
    return f"<{tag}{sort}>{words}</{tag[:2]}>"


def slowest(outcomes: Sequence[AnyOutcome], zone: tzinfo | None) -> str:
    """Return the items that took longest."""
    rows: list[list[Cell]] = [
        [
            (text(outcome.key, 300), None),
            (span(outcome.duration), outcome.duration),
            (text(outcome.verdict, 200), None),
            (f"{outcome.attempts}", outcome.attempts),
            (text(outcome.worker or NONE, 100), None),
            (moment(outcome.started, zone) if outcome.started else NONE, outcome.started),
        ]
        for outcome in outcomes
    ]
    titles = ("item", "last attempt took", "ending", "attempts", "worker", "began")
    return table("Items that took longest", titles, rows)


def workers(tally: Tally) -> str:
    """Return what each worker did."""
    rows: list[list[Cell]] = []
    lines = tally.lines
    for line in lines[:WORKERS]:
        failed = sum(each.failed for each in line.spans)
        began, ended = line.spans[0].start, line.spans[-1].end
        rows.append(
            [
                (text(line.worker, 100), None),
                (f"{line.items:,}", line.items),
                (f"{failed:,}", failed),
                (span(line.busy), line.busy),
                (span(line.busy / line.items), line.busy / line.items),
                (span(max(began, 0.0)), began),
                (span(ended), ended),
            ]
        )
    titles = ("worker", "items", "failed", "at work", "mean", "first item began", "last one ended")
    more = len(lines) - WORKERS
    rest = f'<p class="note">{more:,} more are left out.</p>' if more > 0 else ""
    return table("Workers", titles, rows) + rest


def parameters(facts: Mapping[str, Any], workers: int) -> str:
    """
    Return how the run was made: what was typed, and what ``run.json`` says beyond the rest.

    Args:
        facts: What it says.
        workers: How many have settled an item; how many were asked for is not noted.
    """
    typed = typed_line(facts)
    said: dict[str, Any] = {} if typed is None else {_COMMAND: typed}
    if workers:
        said["workers seen"] = f"{workers:,}"
    left_out = {*_ABOUT_VERSIONS, *_ELSEWHERE, *(() if typed is None else (_COMMAND, "program"))}
    for name, value in facts.items():
        if name in left_out or not value:
            continue
        if isinstance(value, Mapping):
            said |= {f"{name}: {inner}": one for inner, one in value.items() if one is not None}
        else:
            said[name] = value
    return _pairs(dict(list(said.items())[:_FACTS]))


def versions(facts: Mapping[str, Any], own: str) -> str:
    """Return what the run was made with, and the page."""
    names = ("Treadle", "Python", "host")
    found = {name: facts.get(fact) for name, fact in zip(names, _ABOUT_VERSIONS, strict=True)}
    return _pairs({**found, "page written by": own})


def _pairs(said: Mapping[str, Any]) -> str:
    if not said:
        return '<p class="note">nothing is noted</p>'
    rows = "".join(
        f"<div><dt>{text(name, 100)}</dt><dd>{text(_plain(value), 1000)}</dd></div>"
        for name, value in said.items()
    )
    return f'<dl class="pairs">{rows}</dl>'


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
