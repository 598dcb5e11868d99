"""Failures by kind: how many, an example with all that is known of it, and whom else it struck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from treadle.core.outcome import AnyOutcome, Failure
from treadle.ledger.reader import Attempt, Message, Record
from treadle.report.page.words import TIMES, count, moment, span, text
from treadle.report.tally import Kind, Tally

KINDS = 40  # with an example; those beyond are named
_TRACEBACK = 8_000  # characters
_MESSAGE = 2_000
_KEY = 200
_ATTEMPTS = 10
_SAID = 50  # lines that the example has printed or logged
_LINE = 400


def failures(record: Record, tally: Tally, zone: tzinfo | None) -> str:
    """
    Return all kinds of failures, the most frequent first.

    Raises:
        UsageError: The record cannot be read.
    """
    kinds = tally.kinds
    if not kinds:
        return '<p class="note">No item failed.</p>' if tally.settled else ""
    shown = "".join(
        _kind(record, kind, zone, is_first=not at) for at, kind in enumerate(kinds[:KINDS])
    )
    rest = kinds[KINDS:]
    if rest:
        names = "".join(
            f"<li>{kind.count:,} {TIMES} {text(kind.title, 200)}, such as "
            f"{text(kind.example.key, _KEY)}</li>"
            for kind in rest
        )
        shown += (
            f'<details class="kind"><summary>{count(len(rest), "further kind")}</summary>'
            f"<ul>{names}</ul></details>"
        )
    return f'<div id="kinds">{shown}</div>'


def _kind(record: Record, kind: Kind, zone: tzinfo | None, *, is_first: bool) -> str:
    example = kind.example
    failure = _failure_of(example)
    head = (
        f'<summary><b class="times">{kind.count:,} {TIMES}</b> <span class="title">'
        f'{text(kind.title, 300)}</span> <span class="gist">{text(_gist(failure))}</span></summary>'
    )
    parts = [
        f'<h3>Example: <code class="key">{text(example.key, _KEY)}</code></h3>',
        f"<p>{_circumstances(example, zone)}</p>",
        f'<p class="message">{text(failure.message, _MESSAGE)}</p>' if failure.message else "",
        *(f'<p class="message">{text(note, _MESSAGE)}</p>' for note in failure.notes[:10]),
        f'<p class="hint"><b>hint:</b> {text(failure.hint)}</p>' if failure.hint else "",
        _traceback(failure),
        _attempts(record.attempts(example.key), zone),
        _messages(record.messages(example.key), zone),
        _keys(kind),
    ]
    state = " open" if is_first else ""
    return f'<details class="kind"{state}>{head}<div class="body">{"".join(parts)}</div></details>'


def _failure_of(outcome: AnyOutcome) -> Failure:
    assert not outcome.ok
    return outcome.failure


def _gist(failure: Failure) -> str:
    return " ".join(failure.message[:400].split())[:160]


def _circumstances(outcome: AnyOutcome, zone: tzinfo | None) -> str:
    said = [count(outcome.attempts, "attempt")]
    if outcome.attempts:
        said += [
            f"the last began {moment(outcome.started, zone)}",
            f"took {span(outcome.duration)}",
        ]
    if outcome.worker is not None:
        said.append(f"on {text(outcome.worker, 100)}")
    return ", ".join(said)


def _traceback(failure: Failure) -> str:
    if not failure.traceback.strip():
        return ""
    return (
        '<pre class="traceback" tabindex="0" aria-label="traceback">'
        f"{text(failure.traceback.rstrip(), _TRACEBACK)}</pre>"
    )


def _attempts(attempts: list[Attempt], zone: tzinfo | None) -> str:
    if not attempts:
        return ""
    rows = "".join(
        f"<li>attempt {one.number} failed {moment(one.at, zone)}: "
        f"{text(one.failure.type, 200)}: {text(one.failure.message, 500)}; tried again after "
        f"{span(one.delay)}</li>"
        for one in attempts[:_ATTEMPTS]
    )
    more = len(attempts) - _ATTEMPTS
    rest = f"<li>and {count(more, 'further attempt')}</li>" if more > 0 else ""
    return f"<h4>Earlier attempts</h4><ul>{rows}{rest}</ul>"


def _messages(messages: list[Message], zone: tzinfo | None) -> str:
    if not messages:
        return ""
    lines = "\n".join(_said(messages[-_SAID:], zone))
    more = len(messages) - _SAID
    rest = f" (the last {_SAID} of {len(messages):,} messages)" if more > 0 else ""
    return (
        f'<h4>What it said{rest}</h4><pre class="said" tabindex="0" '
        f'aria-label="what the item said">{lines}</pre>'
    )


def _said(messages: list[Message], zone: tzinfo | None) -> Iterator[str]:
    for one in messages:
        yield (
            f'<span class="when">{moment(one.at, zone)[11:]} {text(one.stream, 20)}</span> '
            f"{text(one.text, _LINE)}"
        )


def _keys(kind: Kind) -> str:
    if kind.count == 1:
        return ""
    shown = "".join(f"<li>{text(key, _KEY)}</li>" for key in kind.keys)
    all_of_them = len(kind.keys) == kind.count
    which = "Items" if all_of_them else f"The first {len(kind.keys)} of {kind.count:,} items"
    return (
        f'<details><summary>{which} of this kind</summary><ul class="keys">{shown}</ul></details>'
    )
