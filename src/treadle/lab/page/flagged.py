"""What is odd: flags of runs and of metrics, and metrics without a value, by their reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from treadle.lab.page.about import About
from treadle.lab.page.words import TIMES, count, text

LISTED: Final = 100
"""Runs that are named for each reason; the rest are counted."""

_NAMED: Final = 6  # metrics in a head
_DETAILS: Final = 600  # characters
_WITHOUT: Final = {
    "error": "the extractor failed",
    "undetermined": "the data do not tell it",
    "no_configuration": "something must be known that no measurement tells",
}


@dataclass(slots=True)
class _Group:
    """Runs with the same that is odd of them."""

    title: str
    runs: dict[str, None] = field(default_factory=dict)
    metrics: dict[str, None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    bad: bool = False

    def add(self, run_id: str, metric: str = "") -> None:
        self.runs[run_id] = None
        if metric:
            self.metrics[metric] = None


def flagged(about: About) -> str:
    """Return all that is odd, by what it is, with links to the runs in the history."""
    links = _links(about.history)
    parts = [
        _listed("Flags of runs", "found while staging", _of_runs(about.runs), links),
        _listed("Notes on files", "found while staging", _of_files(about.runs), links),
    ]
    if about.metrics is not None:
        parts.append(_listed("Flags of metrics", "", _of_metrics(about.records("ok")), links))
        for status, meaning in _WITHOUT.items():
            title = f"Metrics without a value: {status.replace('_', ' ')}"
            groups = _without(about.records(status), bad=status == "error")
            parts.append(_listed(title, meaning, groups, links))
        parts.append(_not_applicable(about.records("not_applicable")))
    found = "".join(parts)
    return found or '<p class="note">Nothing is odd.</p>'


def _links(history: pl.DataFrame) -> dict[str, str]:
    return {
        run_id: f'<a href="#run-{text(run_id)}">{seq} {text(proc, 40)} {day or ""}</a>'
        for run_id, seq, proc, day in history.select(
            "run_id", "seq", "proc", "date_local"
        ).iter_rows()
    }


def _of_runs(runs: pl.DataFrame) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    for run_id, flags in runs.select("run_id", "flags").iter_rows():
        for flag in flags or ():
            groups.setdefault(flag, _Group(flag)).add(run_id)
    return groups.values()


def _of_files(runs: pl.DataFrame) -> Iterable[_Group]:
    """Group warnings and errors; notes have the form ``level: CODE: words``."""
    groups: dict[str, _Group] = {}
    for run_id, notes in runs.select("run_id", "notes").iter_rows():
        for note in notes or ():
            level, _, rest = note.partition(": ")
            code, _, words = rest.partition(": ")
            if level == "info":
                continue
            group = groups.setdefault(code, _Group(code, bad=level == "error"))
            group.add(run_id)
            if not group.said:
                group.said.append(f"such as: {words}")
    return groups.values()


def _of_metrics(ok: pl.DataFrame) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    if ok.is_empty():
        return ()
    for run_id, metric, flags in ok.select("run_id", "metric", "flags").iter_rows():
        for flag in flags or ():
            groups.setdefault(flag, _Group(flag)).add(run_id, metric)
    return groups.values()


def _without(records: pl.DataFrame, *, bad: bool) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    for row in records.iter_rows(named=True):
        reason = row["reason"] or "no reason is noted"
        if reason not in groups:
            groups[reason] = _Group(reason, said=list(_example(row)), bad=bad)
        groups[reason].add(row["run_id"], row["metric"])
    return groups.values()


def _example(row: Mapping[str, Any]) -> Iterator[str]:
    if row["hint"]:
        yield f"hint: {row['hint']}"
    if row["details"] and row["details"] != "{}":
        yield f"known of the first: {row['details'][:_DETAILS]}"


def _listed(title: str, more: str, groups: Iterable[_Group], links: Mapping[str, str]) -> str:
    ordered = sorted(groups, key=lambda group: (-len(group.runs), group.title))
    if not ordered:
        return ""
    meaning = f' <span class="gist">{more}</span>' if more else ""
    body = "".join(_kind(group, links) for group in ordered)
    return f"<h3>{title}{meaning}</h3>{body}"


def _kind(group: _Group, links: Mapping[str, str]) -> str:
    kind = " failed" if group.bad else ""
    said = "".join(f'<p class="said">{text(each)}</p>' for each in group.said)
    return (
        f'<details class="kind{kind}"><summary><b class="times">{len(group.runs):,} {TIMES}</b> '
        f'<span class="title">{text(group.title, 300)}</span> '
        f'<span class="gist">{_some(list(group.metrics))}</span></summary>'
        f'<div class="body">{said}{_runs(list(group.runs), links)}</div></details>'
    )


def _some(metrics: Sequence[str]) -> str:
    named = ", ".join(text(each, 80) for each in metrics[:_NAMED])
    more = len(metrics) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _runs(run_ids: Sequence[str], links: Mapping[str, str]) -> str:
    items = "".join(f"<li>{links.get(each, text(each))}</li>" for each in run_ids[:LISTED])
    more = len(run_ids) - LISTED
    rest = f"<li>and {count(more, 'further run')}</li>" if more > 0 else ""
    return f'<ul class="keys">{items}{rest}</ul>'


def _not_applicable(records: pl.DataFrame) -> str:
    """Count what is as it should be: a dark run has no photoresponse."""
    if records.is_empty():
        return ""
    reasons = records["reason"].fill_null("no reason is noted").value_counts(sort=True).rows()
    items = "".join(f"<li>{many:,} {TIMES} {text(reason, 200)}</li>" for reason, many in reasons)
    return (
        f'<details class="plain"><summary>{count(records.height, "record")} of metrics that do not '
        f"apply to their runs, which is nothing odd</summary><ul>{items}</ul></details>"
    )
