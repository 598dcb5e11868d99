"""What was typed: flags as text, and how to read them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from treadle import Rate, UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PERIODS = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|min|[smhd])?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """The flags of ``treadle map``, as they were typed."""

    function: str
    source: tuple[str, ...]
    into: str | None = None
    rows: bool = False
    lines: bool = False
    key: str | None = None
    format: str | None = None
    encoding: str | None = None
    workers: int | None = None
    backend: str = "auto"
    start_method: str | None = None
    setup: str | None = None
    teardown: str | None = None
    timeout: str | None = None
    retries: int = 0
    rate: str | None = None
    on_error: str = "continue"
    max_failures: int | None = None
    deadline: str | None = None
    grace: str | None = None
    ordered: bool = False
    limit: int | None = None
    shuffle: bool = False
    seed: int | None = None
    shuffle_seed: int | None = None  # drawn, not typed: of --shuffle without --seed
    name: str | None = None
    resume: bool = False
    anew: bool = False
    durability: str | None = None
    version: str | None = None
    fingerprint: str | None = None
    runs_dir: str | None = None
    json: bool = False
    progress: str = "auto"
    otel: bool = False
    quiet: bool = False
    verbose: bool = False


def choice(flag: str, text: str, choices: Sequence[str]) -> str:
    """
    Read one of several words.

    Raises:
        UsageError: It is none of them.
    """
    if text not in choices:
        near = difflib.get_close_matches(text, choices, n=1, cutoff=0.4)
        raise UsageError(
            f"{flag} takes {', '.join(choices[:-1])} or {choices[-1]}, got {text!r}",
            hint=f"did you mean {near[0]}?" if near else f"{flag} {choices[0]}",
        )
    return text


def whole(flag: str, text: str | None, *, least: int | None = 1) -> int | None:
    """
    Read a whole number; None stays None.

    Raises:
        UsageError: It is none, or less than *least*.
    """
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or (least is not None and number < least):
        range_ = "" if least is None else f" from {least}"
        example = f"{flag} 4" if flag.startswith("-") else "4"
        raise UsageError(
            f"{flag} takes a whole number{range_}, got {text!r}", hint=f"for example {example}"
        )
    return number


def seconds(flag: str, text: str) -> float:
    """
    Read a span of time: ``30``, ``30s``, ``2m``, ``1h30m``, ``500ms``.

    Raises:
        UsageError: It is none.
    """
    total, end, bare = 0.0, 0, 0
    while match := _PART.match(text, end):
        total += float(match[1]) * _UNITS[match[2] or "s"]
        end, bare = match.end(), bare + (match[2] is None)
    mixed = bare and not _is_number(text)
    if end != len(text) or not text or mixed:
        raise UsageError(
            f"{flag} takes a span of time, got {text!r}",
            hint=f"{flag} 30 (seconds), {flag} 30s, {flag} 2m, {flag} 1h30m",
        )
    return total


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def rate(text: str) -> Rate:
    """
    Read a rate: ``600/min``, ``10/s``, ``100/15min``, or items a second when there is no slash.

    Raises:
        UsageError: It is none.
    """
    count, slash, period = (part.strip() for part in text.partition("/"))
    per = _PERIODS.get(period.lower().removesuffix("s") if len(period) > 1 else period.lower())
    if slash and per is None and period[:1].isdigit():
        per = seconds("--rate", period)
    if not _is_number(count) or not 0 < float(count) < math.inf or (slash and not per):
        raise UsageError(
            f"--rate takes a number of starts per time, got {text!r}",
            hint="--rate 600/min, --rate 10/s, --rate 100/15min",
        )
    return Rate(float(count), per=per or 1.0)


def deadline(text: str, now: datetime) -> datetime | timedelta:
    """
    Read a point in time: ``18:30`` (the next), ``2026-01-31 18:30``, or a span such as ``2h``.

    Args:
        text: What was typed.
        now: The time, with its zone; times without a zone are meant in this one.

    Raises:
        UsageError: It is none, or it has passed.
    """
    if re.fullmatch(r"\d{1,2}:\d{2}", text):
        hour, minute = map(int, text.split(":"))
        if hour < 24 and minute < 60:
            at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return at if at > now else at + timedelta(days=1)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return timedelta(seconds=seconds("--deadline", text))
        except (UsageError, OverflowError) as error:
            raise UsageError(
                f"--deadline takes a point in time or a span, got {text!r}",
                hint="--deadline 18:30, --deadline '2026-01-31 18:30', --deadline 2h",
            ) from error
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at <= now:
        raise UsageError(
            f"--deadline {text} has passed; it is {now:%Y-%m-%d %H:%M}",
            hint="--deadline 2h is two hours from now",
        )
    return at
