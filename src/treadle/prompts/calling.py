"""One request: ask the provider once, and complete the answer with what only we know.

Whether it is asked again, and when, is decided by the engine. The state is made once for each run,
with one HTTP session for all of its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from treadle.prompts.errors import NoReply, RequestFailed
from treadle.prompts.estimates import Estimates
from treadle.prompts.prices import Prices
from treadle.prompts.providers.base import Provider
from treadle.prompts.reusing import Reused
from treadle.prompts.scoring import Scorers
from treadle.prompts.settings import redacted
from treadle.prompts.values import Answer, Ask, LaneSettings, Model, Usage

if TYPE_CHECKING:
    import aiohttp

# The provider's own timeout comes first and says more. This one is for those that have none.
_LAST_RESORT = 15.0
# Share of the context window that a prompt may fill before a warning.
_NEARLY_FULL = 0.8


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
        known: What is known of the models, by lane and model; filled before the first request.
    """

    session: aiohttp.ClientSession
    lanes: Mapping[str, LaneSettings]
    providers: Mapping[str, Provider]
    prices: Prices
    estimates: Estimates
    scorers: Scorers
    reused: Reused | None = None
    known: dict[tuple[str, str], asyncio.Task[Model | None]] = field(default_factory=dict)


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
    provider = state.providers[ask.lane]
    model = await _known(ask, lane, provider, state)
    try:
        async with asyncio.timeout(lane.timeout + _LAST_RESORT):
            answer = await provider.ask(ask, lane, state.session)
    except RequestFailed as error:
        _redact(error, lane)
        raise
    except TimeoutError as error:
        raise NoReply(
            f"no answer from {ask.lane} within {lane.timeout:g} s",
            hint="--timeout SECONDS gives it more time",
        ) from error
    return _completed(ask, answer, lane, model, state)


def _redact(error: RequestFailed, lane: LaneSettings) -> None:
    """Take the lane's key out of what the server, or a provider of another package, has said."""
    if lane.key is not None:
        error.args = (redacted(error.message, [lane.key]),)
        error.hint = None if error.hint is None else redacted(error.hint, [lane.key])


async def _known(ask: Ask, lane: LaneSettings, provider: Provider, state: State) -> Model | None:
    """Return what is known of the model; asked for once, however many requests want it."""
    which = ask.lane, ask.model
    if which not in state.known:
        state.known[which] = asyncio.ensure_future(
            _prepared(provider, ask.model, lane, state.session)
        )
    # Shielded: a request that is cancelled must not take the others' knowledge with it.
    return await asyncio.shield(state.known[which])


async def _prepared(
    provider: Provider, model: str, lane: LaneSettings, session: aiohttp.ClientSession
) -> Model | None:
    try:
        return await provider.prepare(model, lane, session)
    except Exception:  # a note, never a gate: the request itself will say what is wrong
        return None


def _completed(
    ask: Ask, answer: Answer, lane: LaneSettings, model: Model | None, state: State
) -> Answer:
    """Add tokens where the server has not counted, the cost, the scores and warnings."""
    state.estimates.learn(ask, answer)
    usage = answer.usage
    if usage.input is None or usage.output is None:
        answer.usage = usage = _estimated(ask, answer, state)
    if answer.cost is None:
        price = state.prices.of(ask.model, lane=lane)
        answer.cost = None if price is None else price.cost(usage)
        answer.cost_source = "" if price is None or answer.cost is None else price.source
    elif not answer.cost_source:
        answer.cost_source = "provider"
    window = model.context_window if model is not None else None
    window = window or state.prices.window(ask.model, lane=lane)
    if window and usage.input and usage.input > _NEARLY_FULL * window:
        answer.warnings += (f"the prompt fills {usage.input / window:.0%} of the context window",)
    state.scorers.score(ask, answer)
    return answer


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
