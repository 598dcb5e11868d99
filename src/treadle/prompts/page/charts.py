"""The parts of the page that need no script: the summary, charts of it, and errors by kind.

Charts are SVG in per cent of their width, so that they grow with the page and their words do not.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from treadle.prompts.summary import Group, amount, money, seconds
from treadle.prompts.values import Ask, Ended

_STATUSES = {
    "ok": "ok",
    "truncated": "cut off",
    "filtered": "filtered",
    "empty": "empty",
    "error": "failed",
    "skipped": "skipped",
}
_BINS = 60
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # direction of text
_MODELS = 30  # models that have charts of their own
_KINDS = 100  # kinds of errors that are told apart


def text(words: object) -> str:
    """Return *words* as text of an HTML page, control characters made visible."""
    shown = "".join(_visible(letter) for letter in str(words))
    return html.escape(shown)


def _visible(letter: str) -> str:
    code = ord(letter)
    if letter in _TURNS:
        return f"[U+{code:04X}]"
    if code < 32 and letter not in "\n\t":
        return chr(0x2400 + code)
    return "\N{REPLACEMENT CHARACTER}" if 127 <= code < 160 or 0xD800 <= code < 0xE000 else letter


def charted(rows: list[Group]) -> list[Group]:
    """Return those that have charts: all, or those with the most requests where there are many."""
    most = sorted(rows, key=lambda row: -row.requests)[:_MODELS]
    return [row for row in rows if any(row is one for one in most)]


def summary_table(rows: list[Group], total: Group) -> str:
    """Return the figures of each model, and of all together where there are several."""
    scores = list(dict.fromkeys(name for row in rows for name in row.scores))
    statuses = [status for status in _STATUSES if total.statuses[status] or status == "ok"]
    titles = [
        *(_STATUSES[status] for status in statuses),
        *("p50", "p95", "tokens in", "cached", "tokens out", "cost"),
        *scores,
    ]
    head = "".join(f"<th>{text(title)}</th>" for title in titles)
    body = [_summary_row(row.name, row, statuses, scores) for row in rows]
    if len(rows) > 1:
        body.append(_summary_row("all", total, statuses, scores))
    return (
        f'<div class="wide"><table class="summary"><thead><tr><th>model</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _summary_row(name: str, row: Group, statuses: list[str], scores: list[str]) -> str:
    counts = [f"{row.statuses[status]:,}" if row.statuses[status] else "" for status in statuses]
    times = [row.latencies.quantile(share) for share in (0.5, 0.95)]
    means = [row.score(score) for score in scores]
    cells = [
        *counts,
        *("" if time is None else seconds(time) for time in times),
        *(amount(number) if number else "" for number in (row.input, row.cached, row.output)),
        _cost(row),
        *("" if mean is None else f"{mean:.3g}" for mean in means),
    ]
    figures = "".join(f"<td>{text(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{text(name)}</th>{figures}</tr>'


def _cost(row: Group) -> str:
    if not row.answered:
        return ""
    if row.unpriced == row.answered:
        return "not known"
    unknown = f" + {row.unpriced:,} not known" if row.unpriced else ""
    return money(row.cost) + unknown


def outcomes(rows: list[Group]) -> str:
    """Return a bar for each model: how its requests ended."""
    return _chart("How they ended", (_named(_ended(row), _outcome_bar(row)) for row in rows))


def _ended(row: Group) -> str:
    counts = ((row.statuses[status], title) for status, title in _STATUSES.items())
    return f"{row.name}: {', '.join(f'{count:,} {title}' for count, title in counts if count)}"


def _outcome_bar(row: Group) -> str:
    at, parts = 0.0, []
    for status, title in _STATUSES.items():
        share = 100 * row.statuses[status] / max(row.requests, 1)
        if share:
            parts.append(
                f'<rect class="{status}" x="{at:.3f}%" width="{share:.3f}%" height="100%">'
                f"<title>{title}: {row.statuses[status]:,}</title></rect>"
            )
        at += share
    return _svg("bar", "".join(parts), f"how requests of {row.name} ended")


def costs(rows: list[Group]) -> str:
    """Return a bar for each model that has a price; nothing when none has."""
    priced = [row for row in rows if row.answered > row.unpriced]
    most = max((row.cost for row in priced), default=Decimal(0))
    if not most:
        return ""
    lines = []
    for row in priced:
        width = float(100 * row.cost / most)
        bar = f'<rect class="cost" width="{width:.3f}%" height="100%"/>'
        each = money(row.cost / (row.answered - row.unpriced))
        name = f"{row.name}: {money(row.cost)}, {each} an answer"
        lines.append(_named(name, _svg("bar", bar, name)))
    return _chart("What they cost", lines)


def latencies(rows: list[Group]) -> str:
    """Return a histogram for each model, on one logarithmic scale; nothing without latencies."""
    timed = [row for row in rows if row.latencies.longest > 0]
    if not timed:
        return ""
    low = max(min(row.latencies.shortest for row in timed), 1e-3)
    scale = _Scale(low / 1.1, max(low, *(row.latencies.longest for row in timed)) * 1.1)
    lines = [_named(_times(row), _histogram(row, scale)) for row in timed]
    return _chart("How long they took", [*lines, _axis(scale)])


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds from `low` to `high`, as per cent of a width, logarithmic."""

    low: float
    high: float

    def __call__(self, time: float) -> float:
        share = math.log(max(time, self.low) / self.low) / math.log(self.high / self.low)
        return 100 * min(max(share, 0.0), 1.0)


def _times(row: Group) -> str:
    half, most = (row.latencies.quantile(share) or 0.0 for share in (0.5, 0.95))
    return f"{row.name}: half within {seconds(half)}, 95 % within {seconds(most)}"


def _histogram(row: Group, scale: _Scale) -> str:
    counts = [0] * _BINS
    for low, high, count in row.latencies.classes():
        place = int(scale(math.sqrt(low * high)) * _BINS / 100)
        counts[min(place, _BINS - 1)] += count
    width, most = 100 / _BINS, max(counts)
    parts = [
        f'<rect class="time" x="{number * width:.3f}%" y="{100 - 100 * count / most:.2f}%" '
        f'width="{width * 0.9:.3f}%" height="{100 * count / most:.2f}%">'
        f"<title>{count:,}</title></rect>"
        for number, count in enumerate(counts)
        if count
    ]
    for share in (0.5, 0.95):
        at = scale(row.latencies.quantile(share) or 0.0)
        parts.append(f'<line class="mark" x1="{at:.3f}%" x2="{at:.3f}%" y1="0" y2="100%"/>')
    return _svg("histogram", "".join(parts), f"latencies of {row.name}")


def _axis(scale: _Scale) -> str:
    parts = []
    last = -100.0
    for time in _ticks(scale.low, scale.high):
        at = scale(time)
        if at - last < 12 or not 3 < at < 97:
            continue
        last = at
        parts.append(f'<text x="{at:.3f}%" y="12">{seconds(time)}</text>')
    return _svg("axis", "".join(parts), "seconds")


def _ticks(low: float, high: float) -> Iterator[float]:
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        yield from (digit * 10.0**power for digit in (1, 2, 5))


def _svg(kind: str, parts: str, label: str) -> str:
    return f'<svg class="{kind}" role="img" aria-label="{text(label)}">{parts}</svg>'


def _named(name: str, chart: str) -> str:
    return f'<div class="named"><span>{text(name)}</span>{chart}</div>'


def _chart(title: str, parts: Iterable[str]) -> str:
    return f'<section class="chart"><h2>{text(title)}</h2>{"".join(parts)}</section>'


@dataclass(slots=True)
class _Kind:
    """Errors that say the same: how many, of which models, and the first rows."""

    count: int = 0
    models: dict[str, None] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)


class Errors:
    """Errors by what they say; ``add`` each request. It keeps a hundred kinds at most."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._others = 0

    def add(self, ask: Ask, ended: Ended) -> None:
        """Count one request, if it failed or was left."""
        if ended.status not in ("error", "skipped"):
            return
        name = (ended.error_type or ended.status, ended.error[:300])
        if name not in self._kinds and len(self._kinds) >= _KINDS:
            self._others += 1
            return
        kind = self._kinds.setdefault(name, _Kind())
        kind.count += 1
        kind.models[f"{ask.lane}/{ask.model}"] = None
        if len(kind.rows) < 5 and ask.row not in kind.rows:
            kind.rows.append(ask.row)

    def table(self) -> str:
        """Return them as a table, the most frequent first; nothing when there are none."""
        if not self._kinds:
            return ""
        kinds = sorted(self._kinds.items(), key=lambda item: -item[1].count)
        body = "".join(_error_row(name, said, kind) for (name, said), kind in kinds)
        if self._others:
            body += f'<tr><td>{self._others:,}</td><td colspan="4">of other kinds</td></tr>'
        titles = "".join(
            f"<th>{title}</th>" for title in ("number", "kind", "message", "models", "rows")
        )
        return (
            f'<section><h2>What went wrong</h2><div class="wide"><table class="errors">'
            f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div></section>"
        )


def _error_row(name: str, said: str, kind: _Kind) -> str:
    models = ", ".join(list(kind.models)[:5]) + (", …" if len(kind.models) > 5 else "")
    rows = ", ".join(f"{row:,}" for row in kind.rows) + (", …" if kind.count > 5 else "")
    return (
        f"<tr><td>{kind.count:,}</td><td>{text(name)}</td>"
        f'<td><button class="find" data-find="{text(said)}">{text(said) or "show"}</button></td>'
        f"<td>{text(models)}</td><td>{rows}</td></tr>"
    )
