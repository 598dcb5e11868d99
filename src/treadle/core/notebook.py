"""What a notebook shows of a value: small, escaped, and readable on white and on black."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

# Controls, what turns the direction of text, what cannot be seen, and halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def escaped(words: object, most: int = 500) -> str:
    """
    Return *words* as HTML that does nothing, with what cannot be seen as escapes.

    Args:
        words: Anything that has a sound ``str()``.
        most: Characters; the rest is cut off.
    """
    found = str(words)
    cut = found if len(found) <= most else f"{found[:most]}…"
    return html.escape(_UNSEEN.sub(lambda match: ascii(match[0])[1:-1], cut))


def shown(title: str, facts: Mapping[str, object], *, ok: bool | None, more: str = "") -> str:
    """
    Return a title with some facts below it.

    Colours are those of the notebook, light or dark, but for a sign that says how it went.

    Args:
        title: Plain text.
        facts: By name; those that are None or empty are left out.
        ok: Whether it went well; None where that is not known yet.
        more: HTML below it all.
    """
    sign, colour = {True: ("✓", "#2a9d5c"), False: ("✗", "#d9534a"), None: ("●", "#5b8def")}[ok]
    rows = "".join(
        '<tr><th scope="row" style="text-align:left;font-weight:normal;opacity:.75;'
        f'vertical-align:top">{escaped(name)}</th><td style="text-align:left;'
        f'overflow-wrap:anywhere;white-space:pre-wrap">{escaped(value)}</td></tr>'
        for name, value in facts.items()
        if value is not None and value != ""
    )
    table = f'<table style="margin:.3em 0 0">{rows}</table>' if rows else ""
    return (
        '<div style="margin:.3em 0"><div style="overflow-wrap:anywhere">'
        f'<b style="color:{colour}">{sign}</b> <b>{escaped(title)}</b></div>{table}{more}</div>'
    )


def folded(title: str, text: str) -> str:
    """Return text that is shown once it is asked for; empty for none."""
    if not text.strip():
        return ""
    return (
        f"<details><summary>{escaped(title)}</summary>"
        f'<pre style="overflow:auto;max-height:24em">{escaped(text.rstrip(), 8_000)}</pre>'
        "</details>"
    )
