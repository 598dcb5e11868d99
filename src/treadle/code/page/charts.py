"""The parts of the page that need no script: languages, kinds, sizes, and what went otherwise.

Charts are SVG in per cent of their width, so that they grow with the page and their words do not.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from treadle.code.page.figures import Figures, Reason, Row
from treadle.code.report import Failed
from treadle.code.schema import METHODS
from treadle.code.values import KINDS, REASONS

_BINS = 40
_FAILED = 100  # files that are named
_LANGUAGES = 60  # rows of the table; the rest is one row
# Nothing that turns or hides text may act: what the page shows is what stands in the file.
_UNSEEN = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
FAMILIES = {
    "function": "callable",
    "method": "callable",
    "constant": "value",
    "macro": "value",
    "data": "value",
    "section": "part",
    "rule": "part",
    "element": "part",
    "query": "part",
    "import": "import",
    "comment": "comment",
    "text": "comment",
    "block": "block",
    "mixed": "block",
}
"""Kinds that share a colour; those that are not named here are types of all sorts."""


def family(kind: str) -> str:
    """Return the colour of a kind, by name."""
    return FAMILIES.get(kind, "type")


def text(words: object) -> str:
    """Return *words* as text of an HTML page, what cannot be seen made visible."""
    return html.escape("".join(_visible(letter) for letter in str(words)))


def _visible(letter: str) -> str:
    code = ord(letter)
    if letter in _UNSEEN:
        return f"[U+{code:04X}]"
    if code < 32 and letter not in "\n\t":
        return chr(0x2400 + code)
    return "\N{REPLACEMENT CHARACTER}" if 127 <= code < 160 or 0xD800 <= code < 0xE000 else letter


def amount(number: float) -> str:
    """Return a number in few digits: ``12,345``, ``1.2 M``."""
    for size, unit in ((1e9, " G"), (1e6, " M")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:,.0f}"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:,} B"


def languages(figures: Figures, unit: str) -> str:
    """
    Return a table of all languages, those with the most bytes first, and a row for all.

    Args:
        figures: What was counted.
        unit: What the sizes of chunks are: ``"tokens"`` or ``"characters"``.
    """
    rows = sorted(figures.languages.items(), key=lambda item: (-item[1].bytes, item[0]))
    most = max((row.bytes for _, row in rows), default=0)
    body = [_language_row(name, row, most) for name, row in rows[:_LANGUAGES]]
    if rows[_LANGUAGES:]:
        body.append(_language_row(f"{len(rows) - _LANGUAGES} more", _sum(rows[_LANGUAGES:]), most))
    if len(rows) > 1:
        body.append(_language_row("all", figures.total, 0))
    titles = ("files", "ok", "with errors", "size", "chunks", unit, "per chunk")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return (
        '<div class="wide"><table class="figures"><thead><tr><th>language</th><th></th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _language_row(name: str, row: Row, most: int) -> str:
    cells = (
        f"{row.files:,}",
        f"{row.ok:,}" if row.ok else "",
        f"{row.errors:,}" if row.errors else "",
        size(row.bytes),
        f"{row.chunks:,}" if row.chunks else "",
        amount(row.tokens) if row.tokens else "",
        f"{row.tokens / row.chunks:,.0f}" if row.chunks else "",
    )
    width = 100 * row.bytes / most if most else 0
    bar = _svg("bar", f'<rect class="share" width="{width:.3f}%" height="100%"/>', name)
    figures = "".join(f"<td>{text(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{text(name)}</th><td>{bar if most else ""}</td>{figures}</tr>'


def _sum(rows: Iterable[tuple[str, Row]]) -> Row:
    total = Row()
    for _, row in rows:
        total.files += row.files
        total.bytes += row.bytes
        total.chunks += row.chunks
        total.tokens += row.tokens
        total.ok += row.ok
        total.errors += row.errors
    return total


def kinds(figures: Figures) -> str:
    """Return a bar for each kind of chunk; nothing when there are no chunks."""
    return _bars("What they are", figures.kinds, KINDS, family)


def methods(figures: Figures) -> str:
    """Return a bar for each way in which chunks were cut; nothing when there are no chunks."""
    return _bars("How they were cut", figures.methods, METHODS, lambda name: name)


def _bars(
    title: str, counts: Mapping[str, int], words: Mapping[str, str], colour: Callable[[str], str]
) -> str:
    total = sum(counts.values())
    lines = []
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        share = 100 * count / total
        label = f"{name}: {count:,}, {share:.1f} %"
        bar = f'<rect class="{text(colour(name))}" width="{share:.3f}%" height="100%"/>'
        lines.append(_named(label, words.get(name, ""), _svg("bar", bar, label)))
    return _chart(title, lines) if lines else ""


def sizes(figures: Figures, limit: int | None, unit: str) -> str:
    """
    Return a histogram of chunks by their sizes.

    Args:
        figures: What was counted.
        limit: The largest size, where it is known.
        unit: As for `languages`.
    """
    if not figures.sizes:
        return ""
    longest = max(figures.sizes)
    most = max(longest, limit or 1)
    counts = [0] * _BINS
    for tokens, count in figures.sizes.items():
        counts[min(tokens * _BINS // (most + 1), _BINS - 1)] += count
    half, many = figures.quantile(0.5), figures.quantile(0.95)
    marks = "".join(
        f'<line class="mark" x1="{at:.3f}%" x2="{at:.3f}%" y1="0" y2="100%"/>'
        for at in (100 * half / most, 100 * many / most)
    )
    label = f"half have at most {half:,} {unit}, 95 % at most {many:,}, the largest {longest:,}"
    label += f"; the limit is {limit:,}" if limit else ""
    chart = _svg("histogram", "".join(_columns(counts, most, unit)) + marks, label)
    return _chart("How large they are", [_named(label, "", chart + _axis(most, unit))])


def _columns(counts: list[int], most: int, unit: str) -> Iterator[str]:
    width, highest = 100 / len(counts), max(counts)
    for number, count in enumerate(counts):
        if count:
            low, high = (round(edge * (most + 1) / len(counts)) for edge in (number, number + 1))
            tall = 100 * count / highest
            yield (
                f'<rect class="share" x="{number * width:.3f}%" y="{100 - tall:.2f}%" '
                f'width="{width * 0.9:.3f}%" height="{tall:.2f}%">'
                f"<title>{low:,} to {max(high - 1, low):,} {unit}: {count:,}</title></rect>"
            )


def _axis(most: int, unit: str) -> str:
    parts = (
        '<text class="first" x="0%" y="12">0</text>'
        f'<text x="50%" y="12">{most / 2:,.0f}</text>'
        f'<text class="last" x="100%" y="12">{most:,} {unit}</text>'
    )
    return _svg("axis", parts, unit)


def reasons(figures: Figures) -> str:
    """Return a table of what was skipped or degraded, and why; nothing when nothing was."""
    if not figures.reasons:
        return ""
    found = sorted(figures.reasons.items(), key=lambda item: (-item[1].files, item[0]))
    titles = "".join(f"<th>{title}</th>" for title in ("files", "size", "", "reason", "such as"))
    return (
        '<section><h2>Skipped, or cut without syntax</h2><div class="wide"><table class="reasons">'
        f"<thead><tr>{titles}</tr></thead>"
        f"<tbody>{''.join(_reason_row(*one) for one in found)}</tbody></table></div></section>\n"
    )


def _reason_row(name: str, reason: Reason) -> str:
    shown = "".join(
        f"<li>{text(path)}{f' <small>{text(detail[:300])}</small>' if detail else ''}</li>"
        for path, detail in reason.first
    )
    more = reason.files - len(reason.first)
    rest = f"<li>and {more:,} more</li>" if more else ""
    return (
        f"<tr><td>{reason.files:,}</td><td>{size(reason.bytes)}</td>"
        f'<td><span class="status {text(reason.status)}">{text(reason.status)}</span></td>'
        f"<td>{text(name)}: {text(REASONS.get(name, ''))}</td><td><ul>{shown}{rest}</ul></td></tr>"
    )


def failed(files: Sequence[Failed]) -> str:
    """Return a table of the files that could not be read or cut; nothing when there are none."""
    if not files:
        return ""
    body = "".join(
        f"<tr><td>{text(path)}</td><td>{text(message)}"
        f"{f' <small>{text(hint)}</small>' if hint else ''}</td></tr>"
        for path, message, hint in files[:_FAILED]
    )
    more = len(files) - _FAILED
    rest = f'<tr><td colspan="2">and {more:,} more</td></tr>' if more > 0 else ""
    return (
        '<section><h2>Failed</h2><div class="wide"><table class="failed"><thead><tr><th>file</th>'
        f"<th>what is wrong</th></tr></thead><tbody>{body}{rest}</tbody></table></div></section>\n"
    )


def _svg(kind: str, parts: str, label: str) -> str:
    return f'<svg class="{kind}" role="img" aria-label="{text(label)}">{parts}</svg>'


def _named(name: str, words: str, chart: str) -> str:
    more = f" <small>{text(words)}</small>" if words else ""
    return f'<div class="named"><span>{text(name)}{more}</span>{chart}</div>'


def _chart(title: str, parts: Iterable[str]) -> str:
    return f'<section class="chart"><h2>{text(title)}</h2>{"".join(parts)}</section>'
