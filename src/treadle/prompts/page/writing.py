"""Writes the page: requests as they are read, then what they come to, then how it looks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import treadle
from treadle.cli import whole
from treadle.prompts.page import charts
from treadle.prompts.page.entries import Entries, embeddable
from treadle.prompts.summary import Group, Summary, money
from treadle.prompts.values import Ask, Ended


def write_report(
    rows: Iterable[tuple[Ask, Ended]],
    to: Path,
    *,
    title: str,
    summary: Summary | None = None,
) -> None:
    """
    Write an experiment as one HTML page; an older page is replaced only when all is written.

    Five thousand rows are shown, or 64 million letters of them, and the page says what it leaves
    out. Figures are of all requests.

    Args:
        rows: The requests and how they ended, in the order in which they are shown. They are read
            once, one by one.
        to: The file.
        title: What stands above all.
        summary: The figures; default: those of *rows*.

    Raises:
        SinkFailed: The file cannot be written.
    """
    try:
        with whole(to) as stream:
            # Lone surrogates become escapes; they only ever stand in JSON.
            stream.writelines(
                part.encode(errors="backslashreplace") for part in _page(rows, title, summary)
            )
    except OSError as error:
        raise treadle.SinkFailed(
            f"the report {to} cannot be written: {error.strerror or error}",
            hint="is the disk full, or the folder write-protected? name another file",
        ) from error


def _page(rows: Iterable[tuple[Ask, Ended]], title: str, summary: Summary | None) -> Iterator[str]:
    style, script = _own("style.css"), _own("script.js")
    yield _head(title, style, script)
    entries, errors, counted = Entries(), charts.Errors(), Summary()
    yield '<script type="application/json" id="entries">['
    comma = ""
    for ask, ended in rows:
        counted.add(ask, ended)
        errors.add(ask, ended)
        entry = entries.text(ask, ended)
        if entry is not None:
            yield f"{comma}\n{entry}"
            comma = ","
    variants = [
        {"prompt": prompt, "lane": lane, "model": model} for prompt, lane, model in entries.variants
    ]
    yield (
        '\n]</script>\n<script type="application/json" id="variants">'
        f"{embeddable(variants)}</script>\n"
    )
    yield _overview(title, counted if summary is None else summary)
    yield errors.table()
    yield _answers(entries.left_out)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _head(title: str, style: str, script: str) -> str:
    # Nothing of the network, and no script or style but these two: whatever an answer holds.
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{charts.text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )


def _overview(title: str, summary: Summary) -> str:
    rows, total = summary.rows(), summary.total()
    shown = charts.charted(rows)
    return (
        f"<header><h1>{charts.text(title)}</h1><p>{charts.text(_in_short(total))}</p></header>\n"
        f"<section><h2>Models</h2>{charts.summary_table(rows, total)}</section>\n"
        f'<div class="charts">{charts.outcomes(shown)}{charts.latencies(shown)}'
        f"{charts.costs(shown)}</div>\n"
    )


def _in_short(total: Group) -> str:
    said = [f"{total.requests:,} requests", f"{total.answered:,} answered"]
    if total.answered > total.unpriced:
        said.append(money(total.cost))
    if total.estimated:
        said.append(f"tokens of {total.estimated:,} answers are estimated")
    return f"{', '.join(said)} · written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _answers(left_out: int) -> str:
    note = ""
    if left_out:
        requests = "1 request is" if left_out == 1 else f"{left_out:,} requests are"
        note = f'<p class="note">{requests} left out here; the results have all of them.</p>'
    return (
        f'<section id="answers"><h2>Answers</h2>{note}'
        "<noscript><p>Answers are shown by a script of this page; it is not allowed to run."
        "</p></noscript></section>\n"
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
