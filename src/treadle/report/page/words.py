"""Anybody's text as text of a page: nothing in it acts, hides or takes a megabyte."""

from __future__ import annotations

import html
import re
from datetime import datetime, tzinfo

from treadle.progress.text import clock

NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"

# What cannot be seen but changes what can: controls, turns of direction, what has no width.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
    "\u00ad\u061c\u115f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]"
)
_RULES = re.compile("\r\n?")


def text(words: object, most: int = 2_000) -> str:
    """
    Return *words* as HTML, for an element or a quoted attribute.

    Args:
        words: Anything.
        most: Characters; of more, the middle is left out and counted.
    """
    found = str(words)
    if len(found) > most:
        left_out = len(found) - most
        tail = most // 3
        found = f"{found[: most - tail]} […{left_out:,} characters left out…] {found[-tail:]}"
    found = _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], _RULES.sub("\n", found))
    return html.escape(found)


def span(seconds: float | None) -> str:
    """Return how long something took: ``850 µs``, ``12.3 ms``, ``4.10 s``, ``1:02:03``."""
    if seconds is None:
        return NONE
    if seconds >= 86400:
        days, rest = divmod(int(seconds), 86400)
        return f"{days} d {clock(rest)}"
    if seconds >= 60:
        return clock(seconds)
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds > 0 else "0 s"


def rate(per_second: float) -> str:
    """Return items per time: ``12,345/s``, ``2.5/s``, ``12/min``, ``3/h``."""
    if per_second >= 100:
        return f"{per_second:,.0f}/s"
    if per_second >= 1 or not per_second:
        return f"{per_second:.3g}/s"
    for factor, unit in ((60, "min"), (3600, "h")):
        if per_second * factor >= 1:
            return f"{per_second * factor:.3g}/{unit}"
    return f"{per_second * 86400:.3g}/d"


def count(number: int, noun: str) -> str:
    """Return ``1 item``, ``2,000 items``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def moment(at: float, zone: tzinfo | None) -> str:
    """Return a point in time, in the zone of the place where the run began."""
    try:
        return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):  # a clock may have said anything
        return f"{at:g} s after 1970"
