"""A provider that asks nobody: it answers with what it was asked, as slowly and badly as you like.

For trying out a table and its prompts, and for tests. What it does follows from the key of the ask
and the attempt alone, so that a run can be repeated.

These options of its lane, or columns such as ``param.errors`` for one row, change what it does:

    latency   seconds; or "lognormal", "lognormal:MEDIAN" or "lognormal:MEDIAN:SIGMA"
    errors    what goes wrong. By chance, in each attempt: "429:0.1,500:0.05".
              One attempt after the other, then nothing more: "429,429,ok,timeout"
    answer    the answer, instead of an echo
    finish    why the answer ends, instead of "stop"
    window    tokens of its context window
    seed      other numbers give other chances
"""

from __future__ import annotations

import asyncio
import http
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from treadle.prompts import errors, faults
from treadle.prompts.providers.base import HttpReply, Provider, attempt
from treadle.prompts.values import Answer, Ask, LaneSettings, Model, Usage

if TYPE_CHECKING:
    import aiohttp

WINDOW = 100_000
MEDIAN, SIGMA = 0.5, 0.5  # of "lognormal": half of the answers within 0.5 s, 1 of 100 above 1.6 s

# Columns of these names steer the mock; all others are parameters, which it echoes.
OPTIONS = frozenset({"latency", "errors", "answer", "finish", "window", "seed"})

# What an answer may be instead of an error.
_ENDINGS = {"ok": "", "length": "length", "content_filter": "content_filter", "empty": "stop"}
_FAILURES = {kind.kind: kind for kind in errors.KINDS.values() if kind is not errors.RequestFailed}


@dataclass(frozen=True, slots=True)
class _Script:
    """
    What goes wrong.

    Attributes:
        turns: What happens, attempt by attempt.
        chances: What may happen in each attempt, and how probable it is.
    """

    turns: tuple[str, ...] = ()
    chances: tuple[tuple[str, float], ...] = ()


class Mock(Provider):
    """Answers with an echo; see the head of this module."""

    name: ClassVar[str] = "mock"
    needs_key: ClassVar[bool] = False

    async def ask(self, ask: Ask, lane: LaneSettings, session: aiohttp.ClientSession) -> Answer:
        """
        Answer with an echo of *ask*, when nothing is scripted to go wrong.

        Raises:
            RequestFailed: Something is; or the script cannot be understood.
        """
        del session
        options = {**lane.options, **ask.params}
        turn = attempt()
        random = Random(f"{options.get('seed', 0)}:{ask.key}:{turn}")  # noqa: S311  repeatable
        latency = _latency(str(options.get("latency", "0")), random)
        if latency > 0:
            await asyncio.sleep(min(latency, lane.timeout))
        if latency > lane.timeout:
            raise errors.NoReply(f"no answer within {lane.timeout:g} s", hint="a longer --timeout")
        happens = _happens(str(options.get("errors", "")), turn, random)
        name = f"mock-{ask.key}-{turn}"
        if happens not in _ENDINGS:
            raise _failure(happens, lane, name)
        answer = _answer(ask, options)
        answer.latency = latency
        answer.request_id = name
        if happens == "empty":
            answer.text = ""
        answer.finish = _ENDINGS[happens] or answer.finish
        return answer

    async def models(self, lane: LaneSettings, session: aiohttp.ClientSession) -> list[Model]:
        """Return the one model that stands for all: any name can be asked."""
        del session
        return [Model(id="mock", context_window=_window(lane.options))]

    async def prepare(
        self, model: str, lane: LaneSettings, session: aiohttp.ClientSession
    ) -> Model | None:
        """Return *model* with the context window that it is given."""
        del session
        return Model(id=model, context_window=_window(lane.options))


def _answer(ask: Ask, options: Mapping[str, Any]) -> Answer:
    """
    Return the answer that nothing has gone wrong with.

    Raises:
        ContextOverflow: The ask is longer than the window.
    """
    asked = tokens(ask.size)
    window = _window(options)
    if asked > window:
        raise errors.ContextOverflow(
            f"the prompt has about {asked} tokens, and the context window of mock {window}",
            hint="a shorter prompt, or another window for the mock: window = 200000",
            status=400,
        )
    text = str(options["answer"]) if "answer" in options else _echo(ask, asked)
    finish = str(options.get("finish", "stop"))
    most = ask.params.get("max_tokens")
    encoded = text.encode("utf-8", "replace")
    if isinstance(most, int) and len(encoded) > 4 * most:
        encoded, finish = encoded[: 4 * max(0, most)], "length"
        text = encoded.decode("utf-8", "ignore")
    usage = Usage(input=asked, output=tokens(len(encoded)))
    return Answer(text=text, finish=finish, model=ask.model, usage=usage)


def tokens(size: int) -> int:
    """Return how many tokens the mock counts in *size* bytes."""
    return math.ceil(size / 4)


def _echo(ask: Ask, asked: int) -> str:
    """Return all that one may want to see of an ask, as JSON."""
    echo: dict[str, Any] = {
        "model": ask.model,
        "row": ask.row,
        "repeat": ask.repeat,
        "input_tokens": asked,
        "variables": dict(ask.cells),
    }
    params = {name: value for name, value in ask.params.items() if name not in OPTIONS}
    if params:
        echo["params"] = params
    if any(message.role == "system" for message in ask.messages):
        echo["system"] = "\n\n".join(m.content for m in ask.messages if m.role == "system")
    echo["prompt"] = ask.messages[-1].content if ask.messages else ""
    return json.dumps(echo, ensure_ascii=False, default=str)


def _window(options: Mapping[str, Any]) -> int:
    """
    Return the tokens of the context window.

    Raises:
        BadRequest: It is no number.
    """
    try:
        return int(options.get("window", WINDOW))
    except (TypeError, ValueError) as error:
        raise _wrong("window", options["window"], "such as 100000") from error


# --- what goes wrong ----------------------------------------------------------------------------


def _happens(text: str, turn: int, random: Random) -> str:
    """Return what happens in this attempt, in a word of the script."""
    script = _script(text)
    if turn <= len(script.turns):
        return script.turns[turn - 1]
    if script.chances:
        drawn = random.random()
        for what, chance in script.chances:
            drawn -= chance
            if drawn < 0:
                return what
    return "ok"


@lru_cache(maxsize=1024)
def _script(text: str) -> _Script:
    """
    Read the option ``errors``.

    Raises:
        BadRequest: It is none that can be understood.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    chances = tuple(_chance(part) for part in parts if ":" in part)
    turns = tuple(_known(part) for part in parts if ":" not in part)
    if chances and turns:
        raise _wrong("errors", text, 'either all with a chance, "429:0.1", or none, "429,500"')
    if not math.fsum(chance for _, chance in chances) <= 1:
        raise _wrong("errors", text, "the chances come to more than 1")
    return _Script(turns, chances)


def _chance(part: str) -> tuple[str, float]:
    what, _, number = part.partition(":")
    try:
        chance = float(number)
    except ValueError:
        chance = -1.0
    if not 0 <= chance <= 1:
        raise _wrong("errors", part, 'a chance is a number from 0 to 1, such as "429:0.1"')
    return _known(what.strip()), chance


def _known(what: str) -> str:
    is_status = what.isascii() and what.isdigit() and 400 <= int(what) < 600
    if not is_status and what not in _ENDINGS and what not in _FAILURES:
        words = ", ".join([*_ENDINGS, *_FAILURES])
        raise _wrong("errors", what, f"an HTTP status from 400 to 599, or one of: {words}")
    return what


def _failure(what: str, lane: LaneSettings, name: str) -> errors.RequestFailed:
    """Return the failure that the script names; a status means what it means from any server."""
    kind = _FAILURES.get(what)
    if kind is not None:
        return kind(f"mock: {kind.kind}, as its errors say", request_id=name)
    message = f"{_phrase(int(what))}, as the errors of mock say"
    reply = HttpReply(int(what), {"x-request-id": name}, b"", {"error": {"message": message}})
    return faults.failure_of(reply, provider=lane.name)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "an error"


def _latency(text: str, random: Random) -> float:
    """
    Return the seconds that this attempt takes.

    Raises:
        BadRequest: The option is none that can be understood.
    """
    shape, _, rest = text.partition(":")
    try:
        if shape.strip() == "lognormal":
            median, _, sigma = rest.partition(":")
            mean = math.log(float(median or MEDIAN))
            seconds = random.lognormvariate(mean, float(sigma or SIGMA))
        else:
            seconds = float(text)
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise _wrong("latency", text, 'seconds, such as 0.2, or "lognormal:0.2"')
    return seconds


def _wrong(option: str, value: object, hint: str) -> errors.BadRequest:
    return errors.BadRequest(f"the option {option} of mock is wrong: {value!r:.80}", hint=hint)
