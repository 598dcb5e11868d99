"""Puts the page of a run together, and writes it whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files as resources
from pathlib import Path

from treadle.ledger.reader import Record
from treadle.report.page import charts, tables
from treadle.report.page.failures import failures
from treadle.report.page.summary import About, header, summary
from treadle.report.page.words import moment, text
from treadle.report.place import written
from treadle.report.tally import Tally


def write(record: Record, into: Path, *, follow: bool = False) -> None:
    """
    Write the page of a run; one from before is replaced when all is written.

    Args:
        record: The run, live or old.
        into: The page.
        follow: Replace what a link leads to, as one means who names it; else the link itself.

    Raises:
        UsageError: The record cannot be read, or the page cannot be written.
    """
    page = text_of(record).encode("utf-8", "backslashreplace")
    with written("report", into, follow=follow) as file:
        file.write(page)


def text_of(record: Record) -> str:
    """
    Return the text of the page.

    Raises:
        UsageError: The record cannot be read.
    """
    return "".join(_page(_about(record)))


def _about(record: Record) -> About:
    tally = Tally(record)
    tally.refresh()
    return About(
        record=record,
        tally=tally,
        name=str(record.facts.get("name") or record.id),
        state=record.state,
        total=record.total,
        elapsed=record.elapsed,
        zone=record.began.tzinfo,
        written=time.time(),
    )


def _page(about: About) -> Iterator[str]:
    style, script = _own("style.css"), _own("script.js")
    yield _head(about, style, script)
    yield header(about)
    yield "<main>"
    yield _section("summary", "Summary", summary(about))
    tally = about.tally
    if tally.settled:
        yield _section("over-time", "Throughput", charts.throughput(tally))
        yield _section("when", "Workers over time", _workers(about))
        yield _section("how-long", "Durations", charts.durations(tally))
        yield _section("what-failed", "Failures", failures(about.record, tally, about.zone))
        yield _section("slow", "Slow items", tables.slowest(tally.slowest, about.zone))
    facts = about.record.facts
    yield _section("made", "How it was run", tables.parameters(facts, len(tally.lines)))
    yield _section("versions", "Versions", tables.versions(facts, _written_by()))
    yield "</main>"
    yield (
        f"<footer><p>Written {moment(about.written, about.zone)} by {text(_written_by())} from "
        f"the record of the run.</p></footer>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _workers(about: About) -> str:
    chart = charts.timeline(about.tally, about.elapsed)
    if not chart:
        return ""
    return f"{chart}<details><summary>As a table</summary>{tables.workers(about.tally)}</details>"


def _section(name: str, title: str, body: str) -> str:
    if not body:
        return ""
    return (
        f'<section aria-labelledby="{name}-title" id="{name}">'
        f'<h2 id="{name}-title">{title}</h2>{body}</section>\n'
    )


def _head(about: About, style: str, script: str) -> str:
    # Nothing of the network, and no script or style but these two: whatever a run has recorded.
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(about.name, 200)}: {text(about.state, 100)}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n"
    )


def _written_by() -> str:
    try:
        return f"Treadle {metadata.version('treadle')}"
    except metadata.PackageNotFoundError:  # run from its source
        return "Treadle"


def _own(name: str) -> str:
    return resources(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
