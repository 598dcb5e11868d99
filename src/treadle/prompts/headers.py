"""Read what a reply says about rate limits, in the dialects of many providers.

How long to wait, how much is left and until when, and which limit was exceeded. Whatever a server
sends, nothing here raises: what cannot be understood counts as not said. What follows from it is
decided elsewhere: ``faults`` tells the errors apart, ``lanes`` changes the pace.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

Exceeded: TypeAlias = Literal["requests", "tokens", "max_parallel_requests"]

MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0

# Nobody has limits for less or more than this; what a header says beyond it is nonsense.
_SHORTEST, _LONGEST = 1e-3, 32 * DAY

# Servers that refuse for now, and may say in words or by their resets until when.
_REFUSALS = frozenset({429, 500, 503, 529})

# Larger numbers are no seconds to wait but a point in time, in seconds or milliseconds.
_EPOCH = 1e9
_EPOCH_MS = 1e11

# A clock may differ from the server's by this much without being corrected: its own `Date` has
# whole seconds only.
_SKEW = 2.0

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": HOUR}
_UNITS |= {"d": DAY}

_PART = r"(\d{1,15}(?:\.\d{1,15})?)\s?(ns|us|µs|ms|d|h|m|s)(?![a-zµ])"
_DURATION_PART = re.compile(_PART, re.ASCII)
_DURATION = re.compile(rf"(?:{_PART}\s?)+", re.ASCII)

# "Please try again in 8.71s", "Please retry after 26 seconds", '"retryDelay": "34s"'
_IN_WORDS = re.compile(
    rf"(?:try again|retry|retrydelay)\W{{0,6}}(?:in|after)?\W{{0,6}}((?:{_PART}\s?)+)", re.ASCII
)
_LONG_UNITS = (
    (re.compile(r"(?<![a-z])milliseconds?(?![a-z])"), "ms"),
    (re.compile(r"(?<![a-z])sec(?:ond)?s?(?![a-z])"), "s"),
    (re.compile(r"(?<![a-z])min(?:ute)?s?(?![a-z])"), "m"),
    (re.compile(r"(?<![a-z])hours?(?![a-z])"), "h"),
    (re.compile(r"(?<![a-z])days?(?![a-z])"), "d"),
)

_FIELD = "limit|remaining|reset|renewalperiod"
_KIND = "requests|req|tokens|input-tokens|output-tokens"
_EVERY = "second|minute|hour|day"
# x-ratelimit-remaining-tokens; x-ratelimit-api_key-limit-requests (LiteLLM);
# x-ratelimit-limit-requests-day; x-ratelimit-reset (requests are meant)
_OPENAI = re.compile(
    rf"(?:x-)?rate-?limit-(?:[a-z_]+-)?(?P<field>{_FIELD})"
    rf"(?:-(?P<kind>{_KIND}))?(?:-(?P<every>{_EVERY}))?"
)
_ANTHROPIC = re.compile(rf"anthropic-ratelimit-(?P<kind>{_KIND})-(?P<field>limit|remaining|reset)")
_PERIODS = {"second": 1.0, "minute": MINUTE, "hour": HOUR, "day": DAY}

# LiteLLM hands on the headers of the provider behind it under this prefix.
_HANDED_ON = "llm_provider-"
_LITELLM = re.compile(r"x-litellm-|llm_provider-|rate_limit_type$|x-ratelimit-[a-z_]*api_key-")
_LITELLM_BODY = re.compile(
    r"limit type: (\w+)\. current limit: (\d{1,15}), remaining: (-?\d{1,15})", re.ASCII
)
_RESETS_AT = re.compile(r"limit resets at: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d utc)", re.ASCII)

_ABOUT_LIMITS = re.compile(r"rate-?_?limit|retry-after|^reset_at$")
_FURTHER = frozenset({"date", "x-litellm-call-id"})  # needed to read the others later

_PARALLEL = re.compile(r"parallel|concurren|simultaneous")
_TOKENS = re.compile(r"\btokens? (?:per|rate)|\btpm\b|\btpd\b|\btype\W{1,4}tokens\b")
_REQUESTS = re.compile(
    r"\b(?:requests?|call) (?:per|rate)|\brpm\b|\brpd\b|\btype\W{1,4}requests\b|\bmodels-per-"
)
_BOTH = re.compile(r"\btpm\b.*\brpm\b|\brpm\b.*\btpm\b")  # an older LiteLLM names all limits
_OPENROUTER = re.compile(r"free-models-per-(min|day)")
_BODY = 20_000  # characters of a body that are looked at


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One limit, as the server has it.

    Attributes:
        limit: How much is allowed per `period`; None when it is not said.
        remaining: How much of it is left; below zero when too much was used.
        reset: Seconds from now until it is whole again.
        period: Seconds that `limit` is for; None when the server does not say, or hides a limit
            per hour or day among those per minute.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    period: float | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """
    What a reply says about limits.

    Attributes:
        retry_after: Seconds to wait before the next request; None when none are asked for. Always
            None where too many requests were in flight: a wait is not the cure.
        limits: By what they limit: ``"requests"``, ``"tokens"``, ``"input_tokens"``,
            ``"output_tokens"``.
        exceeded: Which limit was exceeded; None when nothing was, or nobody says.
    """

    retry_after: float | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    exceeded: Exceeded | None = None


def announced(
    headers: Mapping[str, str], *, status: int = 200, body: str = "", now: float
) -> Announced:
    """
    Read what a reply says about limits.

    Args:
        headers: Of the reply, or what :func:`kept` has kept of them.
        status: Of the reply.
        body: Of the reply, when it is an error.
        now: Seconds since the epoch.
    """
    text = str(body)[:_BODY]
    names = _names(headers, text)
    now = _server_time(names, now)
    words = text.lower()
    litellm = any(_LITELLM.match(name) for name in names)
    exceeded = _exceeded(names, words) if status == 429 else None
    limits = _limits(names, now, litellm=litellm)
    if litellm and exceeded in ("requests", "tokens"):
        limits[exceeded] = _litellm_limit(names, words, limits.get(exceeded, Limit()), now)
    free = _OPENROUTER.search(words)
    if free is not None and "requests" in limits:
        period = MINUTE if free[1] == "min" else DAY
        limits["requests"] = replace(limits["requests"], period=period)
    if status == 429 and exceeded is None:
        exceeded = _exhausted(limits)
    wait = None
    if exceeded != "max_parallel_requests":
        wait = _wait(names, words, limits, exceeded, status=status, now=now)
    return Announced(wait, limits, exceeded)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those headers that speak of limits, as they came, by their names in lower case."""
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    found = {name: value for name, value in lowered.items() if _ABOUT_LIMITS.search(name)}
    if found:
        found |= {name: lowered[name] for name in _FURTHER if name in lowered}
    return found


def _names(headers: Mapping[str, str], text: str) -> dict[str, str]:
    """Return all headers by name, those of a provider that was asked by the server behind them."""
    names = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    for name, value in list(names.items()):
        names.setdefault(name.removeprefix(_HANDED_ON), value)
    for name, value in _headers_in(text):
        names.setdefault(name.lower(), value.strip())
    return names


def _headers_in(text: str) -> Iterable[tuple[str, str]]:
    """Yield the headers that OpenRouter puts into the body: ``error.metadata.headers``."""
    if '"metadata"' not in text:
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for name in ("error", "metadata", "headers"):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict):
        yield from ((name, str(value)) for name, value in found.items())


# --- limits -------------------------------------------------------------------------------------


def _limits(names: Mapping[str, str], now: float, *, litellm: bool) -> dict[str, Limit]:
    """Return one limit of each kind: one that is used up, else the tightest per minute."""
    told: dict[tuple[str, str, str, bool], dict[str, str]] = {}
    for name, value in names.items():
        match = _OPENAI.fullmatch(name) or _ANTHROPIC.fullmatch(name)
        if match is None:
            continue
        words = match.groupdict()
        kind = {None: "requests", "req": "requests"}.get(words["kind"], words["kind"])
        place = name[: match.start("field")] + name[match.end("field") :]
        # Without a kind of its own nothing tells the period: OpenRouter has minutes and days.
        is_known = bool(words["kind"]) and not litellm
        which = (str(kind).replace("-", "_"), place, words.get("every") or "", is_known)
        told.setdefault(which, {})[words["field"]] = value
    found: dict[str, Limit] = {}
    for (kind, _, every, is_known), fields in told.items():
        limit = _limit(fields, now, every=every, is_known=is_known)
        if limit != Limit() and (kind not in found or _rank(limit) < _rank(found[kind])):
            found[kind] = limit
    return found


def _limit(fields: Mapping[str, str], now: float, *, every: str, is_known: bool) -> Limit:
    """Return one limit; *every* names its period, and without it one may be known by its kind."""
    limit = _whole(fields.get("limit"))
    remaining = _whole(fields.get("remaining"))
    if limit is not None and limit <= 0:  # Azure: -1 and 0 for what it does not count
        limit = remaining = None
    reset = _until(fields.get("reset"), now)
    period = _PERIODS.get(every)
    renewal = _bounded(_number(fields.get("renewalperiod")))
    if renewal is not None:
        period = renewal
    elif period is None and is_known:
        period = _period(limit, remaining, reset)
    return Limit(limit, remaining, reset, None if limit is None else period)


def _bounded(period: float | None) -> float | None:
    return period if period is not None and _SHORTEST <= period <= _LONGEST else None


def _period(limit: int | None, remaining: int | None, reset: float | None) -> float | None:
    """
    Return the period that nobody names: a minute, unless the reset speaks against it.

    OpenAI and Groq send their limit of requests per day where others send that per minute, which
    no header of theirs names. Such a limit refills steadily, so that the reset tells how long all
    of it takes. Its period is not said: a lane that kept the pace of a day would be many times
    slower than it may be.
    """
    if reset is None or limit is None:
        return MINUTE
    if reset > MINUTE + 1:
        return None
    used = limit - (limit if remaining is None else remaining)
    whole = reset * limit / used if used > 0 else MINUTE
    if _is_about(whole, 1.0):
        return 1.0
    return None if _is_about(whole, HOUR) or _is_about(whole, DAY) else MINUTE


def _is_about(seconds: float, period: float) -> bool:
    return 0.95 < seconds / period < 1.05


def _rank(limit: Limit) -> tuple[int, float]:
    """Return what sorts limits of one kind: the one that decides how fast to go comes first."""
    if _is_empty(limit):
        return 0, -(limit.reset or 0.0)
    pace = math.inf if limit.limit is None else limit.limit / (limit.period or MINUTE)
    return (1 if (limit.period or MINUTE) <= MINUTE else 2), pace


def _litellm_limit(names: Mapping[str, str], words: str, limit: Limit, now: float) -> Limit:
    """Add what only a refusal of LiteLLM tells: its ``retry-after`` is the whole period."""
    match = _LITELLM_BODY.search(words)
    if match is not None:
        limit = replace(limit, limit=int(match[2]), remaining=int(match[3]))
    reset = _reset_at(names, words, now)
    if reset is not None:
        limit = replace(limit, reset=reset)
    period = _bounded(_number(names.get("retry-after")))
    return replace(limit, period=limit.period if period is None else period)


# --- what was exceeded --------------------------------------------------------------------------


def _exceeded(names: Mapping[str, str], words: str) -> Exceeded | None:
    said = f"{names.get('rate_limit_type', '')} {names.get('x-ratelimit-type', '')}".lower()
    if _PARALLEL.search(said):
        return "max_parallel_requests"
    if "tokens" in said:
        return "tokens"
    if "requests" in said:
        return "requests"
    match = _LITELLM_BODY.search(words)
    if match is not None and match[1] in ("tokens", "requests"):
        return "tokens" if match[1] == "tokens" else "requests"
    if _BOTH.search(words):
        return None
    if _PARALLEL.search(words):
        return "max_parallel_requests"
    if _TOKENS.search(words):
        return "tokens"
    return "requests" if _REQUESTS.search(words) else None


def _exhausted(limits: Mapping[str, Limit]) -> Exceeded | None:
    """Return the one kind of which nothing is left, if it is one."""
    empty = {_group(kind) for kind, limit in limits.items() if _is_empty(limit)}
    return empty.pop() if len(empty) == 1 else None


def _group(kind: str) -> Exceeded:
    return "requests" if kind == "requests" else "tokens"


def _is_empty(limit: Limit) -> bool:
    return limit.remaining is not None and limit.remaining <= 0


# --- how long to wait ---------------------------------------------------------------------------


def _wait(
    names: Mapping[str, str],
    words: str,
    limits: Mapping[str, Limit],
    exceeded: Exceeded | None,
    *,
    status: int,
    now: float,
) -> float | None:
    """Return the seconds to wait: the more exact word goes first."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(names.get(name))
        if milliseconds is not None:
            return max(0.0, milliseconds / 1000)
    asked = _until(names.get("retry-after"), now)
    if status not in _REFUSALS:
        return asked
    reset = _reset_at(names, words, now)
    if reset is not None:  # then `asked` is LiteLLM's whole period, whenever it began
        return reset if asked is None else min(asked, reset)
    if asked is not None:
        return asked
    match = _IN_WORDS.search(_short_units(words))
    if match is not None:
        return _duration(match[1])
    return _longest_reset(limits, exceeded) if status == 429 else None


def _longest_reset(limits: Mapping[str, Limit], exceeded: Exceeded | None) -> float | None:
    """Return when the last of the limits that are used up is whole again."""
    of_kind = [v for kind, v in limits.items() if exceeded is None or _group(kind) == exceeded]
    empty = [limit for limit in of_kind if _is_empty(limit)]
    if not empty and exceeded is not None:
        empty = of_kind  # a request may need more tokens than the few that are left
    return max((limit.reset for limit in empty if limit.reset is not None), default=None)


def _reset_at(names: Mapping[str, str], words: str, now: float) -> float | None:
    """Return the seconds until LiteLLM's ``reset_at``; None when there is none or it is past."""
    match = _RESETS_AT.search(words)
    moment = _moment(names.get("reset_at") or (match[1] if match else ""))
    if moment is None or moment < now - 1:
        return None
    return moment - now + 1  # its fraction was cut off


def _server_time(names: Mapping[str, str], now: float) -> float:
    """Return the time by the server's clock, when ours is wrong."""
    date = _moment(names.get("date", ""))
    return now if date is None or abs(date - now) <= _SKEW else date


# --- numbers and times --------------------------------------------------------------------------


def _until(text: str | None, now: float) -> float | None:
    """Return the seconds from *now*, whatever way a time is written in; never below 0."""
    if not text:
        return None
    seconds = _number(text)
    if seconds is not None:
        if seconds >= _EPOCH_MS:
            seconds = seconds / 1000 - now
        elif seconds >= _EPOCH:
            seconds -= now
        return max(0.0, seconds)
    seconds = _duration(text.lower())
    if seconds is not None:
        return seconds
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - now)


def _number(text: str | None) -> float | None:
    """Return a finite number that is no nonsense for seconds or a limit."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None  # NaN is not


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _duration(text: str) -> float | None:
    """Return the seconds of a duration such as ``1m3.5s`` or ``120ms``."""
    if len(text) > 80 or not _DURATION.fullmatch(text.strip()):
        return None
    parts = _DURATION_PART.findall(text)
    return math.fsum(float(number) * _UNITS[unit] for number, unit in parts)


def _short_units(words: str) -> str:
    for pattern, unit in _LONG_UNITS:
        words = pattern.sub(unit, words)
    return words


def _moment(text: str) -> float | None:
    """Return the time of an ISO 8601 text, LiteLLM's ``... UTC``, or an HTTP date."""
    text = text.strip()
    if not text or len(text) > 64:
        return None
    upper = text.upper()
    iso = upper.removesuffix(" UTC") + "+00:00" if upper.endswith(" UTC") else upper
    try:
        moment = datetime.fromisoformat(iso) if text[0].isdigit() else _http_date(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    # The parser of mail dates fails in many ways on what is none.
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def _http_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime  # late: it brings half of the mail library

    return parsedate_to_datetime(text)
