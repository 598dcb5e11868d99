"""The head of the page: how the run ended, its counts and times, and where things are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from treadle.errors import UsageError
from treadle.ledger.reader import Record
from treadle.report.again import command_for
from treadle.report.page.words import NONE, moment, rate, span, text
from treadle.report.tally import Tally

_SIGNS = {"good": "✓", "going": "●", "bad": "✗", "ended": "▲"}
_CLASSES = {"finished": "good", "running": "going", "crashed": "bad"}


@dataclass(frozen=True, slots=True)
class About:
    """
    A run, as the page sees it, at one moment.

    Attributes:
        name: What people call it.
        state: As of ``Run``.
        total: Items of its source, if that is known.
        elapsed: Seconds that its sessions took together.
        zone: Of the place where it began.
        written: When the page was, in seconds since the epoch.
    """

    record: Record
    tally: Tally
    name: str
    state: str
    total: int | None
    elapsed: float
    zone: tzinfo | None
    written: float

    @property
    def left(self) -> int:
        """Items that have not settled, as far as that is known."""
        return max(0, (self.total or 0) - self.tally.settled)

    @property
    def ending(self) -> tuple[str, str]:
        """How it is in words, and the class of these: a run may finish with all items failed."""
        kind = _CLASSES.get(self.state, "ended")
        if kind != "good" or not self.tally.failed:
            return self.state, kind
        return (
            f"{self.state}, {self.tally.failed:,} failed",
            "ended" if self.tally.ok else "bad",
        )


def header(about: About) -> str:
    """Return the name of the run and how it is."""
    said, kind = about.ending
    function = about.record.facts.get("function")
    return (
        f'<header><div><h1>{text(about.name, 200)}</h1><p class="what">'
        f"{text(function, 300) if function else 'a run'}</p></div>"
        f'<p class="state {kind}"><span aria-hidden="true">{_SIGNS[kind]}</span> '
        f"{text(said, 100)}</p></header>"
    )


def summary(about: About) -> str:
    """Return the figures of the run."""
    cards = "".join(
        f'<div class="card{kind}"><dt>{name}</dt><dd>{value}</dd>{more}</div>'
        for name, value, more, kind in _cards(about)
    )
    notes = "".join(f'<p class="notice">{note}</p>' for note in _notices(about))
    return f'{notes}<dl class="cards">{cards}</dl>{_shares(about)}{_places(about)}'


def _cards(about: About) -> Iterator[tuple[str, str, str, str]]:
    tally = about.tally
    yield "ok", f"{tally.ok:,}", _more(_percent(tally.ok, tally.settled)), " ok"
    failed = _more(_percent(tally.failed, tally.settled) if tally.failed else "")
    yield "failed", f"{tally.failed:,}", failed, " failed" if tally.failed else ""
    if about.total is not None:
        yield "left", f"{about.left:,}", _more(f"of {about.total:,}"), ""
    yield "duration", span(about.elapsed), _more(""), ""
    pace = tally.settled / about.elapsed if about.elapsed > 0 else 0.0
    yield "rate", rate(pace), _more("on average"), ""
    typical = _more(f"95 % within {span(tally.p95)}" if tally.p95 is not None else "")
    yield "median item", span(tally.median), typical, ""


def _more(words: str) -> str:
    return f'<dd class="more">{words}</dd>' if words else ""


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    share = 100 * part / whole
    if part and part != whole:  # neither all nor nothing
        share = min(max(share, 0.01), 99.99)
    return f"{share:.4g} %"


def _shares(about: About) -> str:
    """Return the counts as one bar."""
    tally = about.tally
    whole = tally.settled + about.left
    if not whole:
        return ""
    parts, at = [], 0.0
    for name, number in (("ok", tally.ok), ("failed", tally.failed), ("left", about.left)):
        # A few failures among a million items are seen all the same.
        wide = max(100 * number / whole, 0.4) if number else 0.0
        at = min(at, 100 - wide)
        parts.append(
            f'<rect class="{name}" x="{at:.3f}%" width="{wide:.3f}%" height="100%"/>'
            if number
            else ""
        )
        at += wide
    said = f"{tally.ok:,} ok, {tally.failed:,} failed" + (
        f", {about.left:,} left" if about.left else ""
    )
    return f'<svg class="shares" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def _notices(about: About) -> Iterator[str]:
    if about.state == "running":
        yield (
            "The run was going on when this page was written: it shows how far it had come. "
            f"<code>{text(_written_again(about.record))}</code> writes it again."
        )
    elif about.state == "crashed":
        yield (
            "The process of the run ended without a word. What is shown here had settled, and is "
            f"safe. {_going_on(about.record)}"
        )
    elif about.state != "finished":
        yield f"The run was stopped early. {_going_on(about.record)}"
    if not about.tally.settled:
        yield "No item has settled, so there is nothing to draw."
    if about.tally.failed and about.state == "finished":
        yield _going_on(about.record, retry=True)


def _written_again(record: Record) -> str:
    folder = record.folder.absolute()
    return shlex.join(["treadle", "report", folder.name, "--runs-dir", str(folder.parent)])


def _going_on(record: Record, *, retry: bool = False) -> str:
    """Say what to type to go on with the run, wherever one is; or why only its program can."""
    try:
        command = command_for(record.folder.absolute(), record.facts, retry=retry)
    except UsageError as error:
        why = f"{error.message[:1].upper()}{error.message[1:]}"
        what = "run again what failed" if retry else "do the rest"
        return f"{text(why)}. To {what}: {text(error.hint)}."
    what = "runs again what failed" if retry else "does the rest"
    return f"<code>{text(command.line_from_anywhere)}</code> {what}."


def _places(about: About) -> str:
    record, tally = about.record, about.tally
    into = record.facts.get("into")
    ended = moment(tally.ended, about.zone) if tally.ended is not None else NONE
    rows = {
        "run": record.id,
        "began": moment(tally.began or 0.0, about.zone) + _zone(about),
        "last item settled": ended,
        "results": "kept in the record" if into is None else into,
        "record": record.folder,
    }
    body = "".join(
        f"<div><dt>{name}</dt><dd>{text(value, 1000)}</dd></div>" for name, value in rows.items()
    )
    return f'<dl class="pairs">{body}</dl>'


def _zone(about: About) -> str:
    name = about.zone.tzname(None) if about.zone is not None else None
    return f" ({name})" if name else ""
