"""One request: ask the provider once, and complete the answer with what only we know.

Whether it is asked again, and when, is decided by the engine. The state is made once for each run,
with one HTTP session for all of its requests.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from treadle.prompts import errors, faults
from treadle.prompts.estimates import Estimates
from treadle.prompts.prices import Prices
from treadle.prompts.providers.base import HttpProvider, Provider, attempt, tokens
from treadle.prompts.providers.once import Once
from treadle.prompts.reusing import Reused
from treadle.prompts.scoring import Scorers
from treadle.prompts.values import Answer, Ask, LaneSettings, Usage
from treadle.prompts.worst_case import choices, output_limit

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

# The provider's own timeout comes first and says more. This one is for those that have none.
_LAST_RESORT = 15.0
# Seconds that the first request to a model waits for what is known of it.
_PATIENCE = 5.0
# Share of the context window that a prompt may fill before a warning.
_NEARLY_FULL = 0.8
# More tokens than so many context windows, or than so many where the window is not known, are no
# count: some servers send nonsense, and believing it would end a run that has a limit.
_TIMES_WINDOW = 10
_MOST_TOKENS = 100_000_000

_UNKNOWN = -1  # no window
_log = logging.getLogger("treadle.prompts")


@dataclass(slots=True)
class State:
    """
    What all requests of a run share.

    Attributes:
        session: The HTTP session.
        lanes: The lanes by name.
        providers: The provider of each lane, by the lane's name.
        prices: What tokens cost.
        estimates: Learns how many tokens requests have.
        scorers: What judges answers.
        reused: Answers of other experiments; None for none.
        windows: The context windows, by lane and model; found out before the first request.
        listed: The context windows of all models that a lane lists, by the lane.
        answered: The lanes and models that have answered.
        keys: What no answer may show, by lane; found out at its first one.
    """

    session: aiohttp.ClientSession
    lanes: Mapping[str, LaneSettings]
    providers: Mapping[str, Provider]
    prices: Prices
    estimates: Estimates
    scorers: Scorers
    reused: Reused | None = None
    windows: Once[int | None] = field(default_factory=Once)
    listed: Once[Mapping[str, int | None]] = field(default_factory=Once)
    answered: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)


async def call(ask: Ask, state: State) -> Answer:
    """
    Send *ask* once.

    Raises:
        RequestFailed: Nothing useful came back.
    """
    if state.reused is not None and (answer := state.reused.get(ask)) is not None:
        state.scorers.score(ask, answer)
        return answer
    lane = state.lanes[ask.lane]
    window = state.windows.known((ask.lane, ask.model), _UNKNOWN)
    if window == _UNKNOWN:
        window = await _window(ask, lane, state)
    began = time.monotonic()
    try:
        answer = await _sent(ask, lane, state)
    except Exception as error:
        faults.redact(error, _secrets(lane))
        if isinstance(error, errors.ModelNotFound):
            _judge(error, ask, lane, state)
        _note(ask, began, _kind_and_status(error))
        raise
    state.answered.add((ask.lane, ask.model))
    faults.clean(answer, _keys(lane, state))
    _complete(ask, answer, lane, window, state)
    if not _log.isEnabledFor(logging.INFO):
        return answer
    usage = answer.usage
    status = f"{answer.status}, HTTP {answer.http_status or '-'}"
    _note(ask, began, f"{status}, {usage.input} + {usage.output} tokens")
    return answer


async def _sent(ask: Ask, lane: LaneSettings, state: State) -> Answer:
    provider = state.providers[ask.lane]
    answer: object
    try:
        if type(provider).ask is HttpProvider.ask:  # the connection knows the timeout
            answer = await provider.ask(ask, lane, state.session)
        else:
            async with asyncio.timeout(lane.timeout + _LAST_RESORT):
                answer = await provider.ask(ask, lane, state.session)
    except errors.RequestFailed:  # its NoReply is a TimeoutError too, and says more
        raise
    except TimeoutError:
        raise errors.NoReply(
            f"no answer from {ask.lane} within {lane.timeout:g} s",
            hint="--timeout SECONDS gives it more time",
        ) from None
    if not isinstance(answer, Answer):
        raise errors.NotUnderstood(
            f"the provider {lane.provider!r} returned no Answer but a {type(answer).__name__}",
            hint="its method `ask` must return a treadle.prompts.values.Answer",
        )
    return answer


def _secrets(lane: LaneSettings) -> tuple[str, ...]:
    """Return what no message may show, whatever a server, or another's provider, has said."""
    key = () if lane.key is None else (lane.key.reveal().strip(),)
    return (*key, *faults.secrets_in(lane.url, lane.headers))


def _keys(lane: LaneSettings, state: State) -> tuple[str, ...]:
    """Return what no answer may show, should a server repeat it."""
    if lane.name not in state.keys:
        key = "" if lane.key is None else lane.key.reveal()
        state.keys[lane.name] = faults.keys_in(key, lane.url, lane.headers)
    return state.keys[lane.name]


def _judge(error: errors.ModelNotFound, ask: Ask, lane: LaneSettings, state: State) -> None:
    """
    Decide whether *error* is about the lane, or about this request only.

    A lane is one model, save where models share it. When that model is not there, or nothing at
    the address, all its requests would fail. Where it is not said clearly, or where the lane has
    answered before, once is not enough to close it.
    """
    is_address = error.missing == "address"
    if lane.shared and not is_address:
        return
    named = _holds(error.message, ask.model)
    if not (error.missing or named or error.status == 404):
        return  # words about a model, which may be the row's own
    is_clear = bool(error.missing) or named
    has_answered = any(
        name == ask.lane and (is_address or model == ask.model) for name, model in state.answered
    )
    error.closes_lane = is_clear and not has_answered
    error.lane_fault = has_answered if is_clear else not has_answered


def _holds(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _note(ask: Ask, began: float, what: str) -> None:
    """Log an attempt: neither its key nor what was said, for logs are passed around."""
    if not _log.isEnabledFor(logging.INFO):
        return
    seconds = time.monotonic() - began
    where = f"{ask.lane}/{ask.model}"
    _log.info("row %d, %s, attempt %d: %s, %.2f s", ask.row, where, attempt(), what, seconds)


def _kind_and_status(error: Exception) -> str:
    if isinstance(error, errors.RequestFailed):
        return f"{error.kind}, HTTP {error.status or '-'}"
    return type(error).__name__


# ── before a request ────────────────────────────────────────────────────────────────────────────


async def _window(ask: Ask, lane: LaneSettings, state: State) -> int | None:
    """Return the context window of the model; found out once, however many requests want it."""
    provider, session = state.providers[ask.lane], state.session

    async def prepared() -> int | None:
        model = await provider.prepare(ask.model, lane, session)
        return None if model is None else model.context_window

    async def listed() -> Mapping[str, int | None]:
        models = await provider.models(lane, session)
        return {model.id: model.context_window for model in models}

    async def found() -> int | None:
        window = await _in_time(prepared, lane, None)
        window = window or state.prices.window(ask.model, lane=lane)
        if window is None:
            windows = await state.listed.get(ask.lane, lambda: _in_time(listed, lane, {}))
            window = windows.get(ask.model)
        return window if isinstance(window, int) else None  # a provider may say anything

    return await state.windows.get((ask.lane, ask.model), found)


async def _in_time(fetch: Callable[[], Awaitable[T]], lane: LaneSettings, otherwise: T) -> T:
    """Return what *fetch* finds, else *otherwise*: it is a note, never a gate nor a long wait."""
    try:
        async with asyncio.timeout(min(lane.timeout, _PATIENCE)):
            return await fetch()
    except Exception:  # the request itself will say what is wrong
        return otherwise


# ── after an answer ─────────────────────────────────────────────────────────────────────────────


def _complete(
    ask: Ask, answer: Answer, lane: LaneSettings, window: int | None, state: State
) -> None:
    """
    Add tokens where the server has not counted, the cost, warnings and the scores.

    The answer is paid for: what goes wrong here becomes a warning on it.
    """
    steps: dict[str, Callable[[], object]] = {
        "its tokens": lambda: _count(ask, answer, lane, window, state),
        "its cost": lambda: _price(ask, answer, lane, state),
        "the context window": lambda: _measure(answer, window),
        "its scores": lambda: state.scorers.score(ask, answer),
    }
    for what, step in steps.items():
        try:
            step()
        except Exception as error:
            answer.warnings += (f"{what} could not be found out: {error!r:.200}",)


def _count(ask: Ask, answer: Answer, lane: LaneSettings, window: int | None, state: State) -> None:
    most = _TIMES_WINDOW * window * choices(ask) if window else _MOST_TOKENS
    answer.usage, odd = _sound(answer.usage, most)
    if odd:
        answer.warnings += (f"no request has so many tokens, which are left out: {odd}",)
    made, limit = answer.usage.output, output_limit(ask, lane.provider)
    if made is not None and limit is not None and made > (allowed := limit * choices(ask)):
        answer.warnings += (
            f"the model does not keep its limit: {made:,} tokens of {allowed:,} that were allowed",
        )
    state.estimates.learn(ask, answer)
    if answer.usage.input is None or answer.usage.output is None:
        answer.usage = _estimated(ask, answer, state)


def _price(ask: Ask, answer: Answer, lane: LaneSettings, state: State) -> None:
    if answer.cost is None:
        price = state.prices.of(ask.model, lane=lane)
        answer.cost = None if price is None else price.cost(answer.usage)
        answer.cost_source = "" if price is None or answer.cost is None else price.source
    elif not answer.cost_source:
        answer.cost_source = "provider"


def _measure(answer: Answer, window: int | None) -> None:
    sent = answer.usage.input
    if window and sent and sent > _NEARLY_FULL * window:
        answer.warnings += (f"the prompt fills {sent / window:.0%} of the context window",)


def _sound(usage: Any, most: int) -> tuple[Usage, str]:
    """
    Return *usage* without what is no number of tokens, and that in words; empty when all of it is.

    Args:
        usage: What the provider says, and one of others may say anything.
        most: So many tokens no request has.
    """
    if not isinstance(usage, Usage):
        return Usage(), "" if usage is None else f"usage = {usage!r:.40}"
    counts_said = (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning)
    if all(each is None or (type(each) is int and 0 <= each <= most) for each in counts_said):
        return usage, ""  # nearly always, and a tenth of the time that the rest takes
    said = asdict(usage)
    source = said.pop("source")
    counts = {name: tokens(said, name) for name in said}
    sound = {
        name: count if count is not None and count <= most else None
        for name, count in counts.items()
    }
    odd = [
        f"{name} = {said[name]!r:.40}"
        for name, count in sound.items()
        if count is None and said[name] is not None
    ]
    return Usage(**sound, source=source), ", ".join(odd)


def _estimated(ask: Ask, answer: Answer, state: State) -> Usage:
    """Return the tokens with our guess where the server has said nothing."""
    usage = answer.usage
    return replace(
        usage,
        input=state.estimates.tokens(ask.size, ask.lane) if usage.input is None else usage.input,
        output=(
            state.estimates.tokens(len(answer.text.encode("utf-8", "replace")), ask.lane)
            if usage.output is None
            else usage.output
        ),
        source="estimate",
    )
