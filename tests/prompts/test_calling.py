"""One request: what is known before it, what is added to its answer, and whose fault a failure is.

The provider here does what the test tells it to; those that speak HTTP have tests of their own.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import traceback
from decimal import Decimal
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_server import asked, lane, served

import treadle
from treadle.prompts import calling, errors
from treadle.prompts.estimates import Estimates
from treadle.prompts.prices import Prices
from treadle.prompts.providers.base import Provider
from treadle.prompts.providers.once import Once
from treadle.prompts.providers.openai_chat import OpenAIChat
from treadle.prompts.scoring import Scorers
from treadle.prompts.values import Answer, LaneSettings, Model, Usage


class Told(Provider):
    """A provider that does what it is told: *told* is an answer, an error, or one for each ask."""

    name = "told"

    def __init__(self, *told, window=None, listed=()):
        self.told = list(told) or [Answer(text="yes", usage=Usage(input=10, output=5))]
        self.window, self.listed = window, listed
        self.asked, self.prepared, self.lists = [], [], 0

    async def ask(self, ask, lane, session):
        self.asked.append(ask.key)
        turn = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if isinstance(turn, Exception):
            raise copy.copy(turn)
        return copy.copy(turn)

    async def prepare(self, model, lane, session):
        self.prepared.append(model)
        await asyncio.sleep(0)  # others come meanwhile
        if isinstance(self.window, Exception):
            raise self.window
        return None if self.window is None else Model(id=model, context_window=self.window)

    async def models(self, lane, session):
        self.lists += 1
        await asyncio.sleep(0)
        if isinstance(self.listed, Exception):
            raise self.listed
        return list(self.listed)


def state(provider, *, prices=None, **fields):
    settings = lane(**fields)
    return calling.State(
        session=None,
        lanes={"there": settings},
        providers={"there": provider},
        prices=prices or Prices.load({"tiny": {"input": 1, "output": 2}}),
        estimates=Estimates(),
        scorers=Scorers(),
    )


def called(provider, ask=None, **fields):
    """Return the answer to one request."""
    return asyncio.run(calling.call(ask or asked(), state(provider, **fields)))


def failed(provider, *asks, **fields):
    """Return how the last of *asks* fails, after the others have ended in some way."""

    async def main():
        shared = state(provider, **fields)
        for ask in asks[:-1]:
            await asyncio.gather(calling.call(ask, shared), return_exceptions=True)
        with pytest.raises(errors.RequestFailed) as caught:
            await calling.call(asks[-1], shared)
        return caught.value

    return asyncio.run(main())


# --- what is added to an answer -------------------------------------------------------------------


def test_an_answer_gets_its_cost_by_the_tokens_that_the_server_counts():
    answer = called(Told())
    assert (answer.cost, answer.cost_source) == (Decimal("0.00002"), "treadle.toml")
    assert answer.warnings == ()


def test_tokens_that_nobody_counts_are_estimated():
    answer = called(Told(Answer(text="x" * 40)))
    assert (answer.usage.output, answer.usage.source) == (10, "estimate")


class Broken(Prices):
    """A list of prices that fails when it is asked."""

    def of(self, model, *, lane=None):
        raise LookupError("no price for this unit")


def test_a_paid_answer_is_kept_when_its_price_cannot_be_found_out():
    answer = called(Told(), prices=Broken.load())
    assert (answer.text, answer.cost) == ("yes", None)
    assert "its cost could not be found out" in answer.warnings[0]
    assert "no price for this unit" in answer.warnings[0]


def odd(usage, **fields):
    """Return the answer, and its one warning, to a request whose tokens are counted so."""
    answer = called(Told(Answer(text="yes", usage=usage), **fields))
    assert (answer.text, answer.usage.source) == ("yes", "estimate")
    assert all(isinstance(count, int) for count in (answer.usage.input, answer.usage.output))
    assert answer.cost is not None
    assert answer.cost < 1
    (warning,) = answer.warnings
    assert warning.startswith("no request has so many tokens, which are left out: ")
    return answer, warning.partition(": ")[2]


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(input="12", output=3), "input = '12'"),
        (Usage(input=1, output=[2]), "output = [2]"),
        (Usage(input=-1, output=0.5), "input = -1, output = 0.5"),
        (Usage(input=1, output=float("nan")), "output = nan"),
        (Usage(input=1, output=10**30, reasoning=True), f"output = 1{'0' * 30}, reasoning = True"),
        (Usage(input=100_000_001, output=1), "input = 100000001"),
        ("many", "usage = 'many'"),
    ],
)
def test_tokens_that_cannot_be_are_left_out_and_estimated(usage, said):
    assert odd(usage)[1] == said


def test_more_than_ten_windows_are_no_tokens():
    answer, said = odd(Usage(input=10, output=1001), window=100)
    assert (said, answer.usage.input) == ("output = 1001", 10)
    answer = called(Told(Answer(text="yes", usage=Usage(input=10, output=1000)), window=100))
    assert (answer.usage.output, answer.warnings) == (1000, ())


def test_a_provider_that_counts_nothing_gets_no_warning():
    answer = called(Told(Answer(text="yes", usage=None)))
    assert (answer.usage.source, answer.warnings) == ("estimate", ())


def test_a_window_that_is_no_number_measures_nothing():
    usage = Usage(input=10, output=5)
    answer = called(
        Told(Answer(text="yes", usage=usage), listed=[Model(id="tiny", context_window="big")])
    )
    assert (answer.usage, answer.warnings) == (usage, ())


@pytest.mark.parametrize("usage", [Usage(input=10, output=5001), Usage(output=5001)])
def test_a_model_that_does_not_keep_its_limit_is_warned_of(usage):
    answer = called(Told(Answer(text="yes", usage=usage)), asked(params={"max_tokens": 50}))
    assert answer.usage.output == 5001
    assert answer.warnings == (
        "the model does not keep its limit: 5,001 tokens of 50 that were allowed",
    )


@pytest.mark.parametrize(
    "params", [{"max_tokens": 5001}, {"max_tokens": 2501, "n": 2}, {"num_predict": 5}, {}]
)
def test_a_model_that_keeps_what_limits_it_is_not(params):
    provider = Told(Answer(text="yes", usage=Usage(input=10, output=5001)))
    assert called(provider, asked(params=params)).warnings == ()


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        ({"prompt_tokens": -3, "completion_tokens": 5, "total_cost": -1}, "prompt_tokens = -3"),
        (
            {"prompt_tokens": 1, "completion_tokens": "12", "details": {"cached_tokens": 0.5}},
            "completion_tokens = '12', cached_tokens = 0.5",
        ),
        ("many", "usage = 'many'"),
    ],
)
def test_what_a_server_counts_and_cannot_be_is_named(usage, said):
    message = {"message": {"content": "Hi"}, "finish_reason": "stop"}

    async def use(session, url):
        shared = state(OpenAIChat(), url=url)
        shared.session = session
        return await calling.call(asked(), shared)

    answer, _ = served(lambda _: {"choices": [message], "usage": usage}, use)
    assert answer.warnings == (f"the server has counted what cannot be, which is left out: {said}",)
    assert answer.usage.source == "estimate"


def test_a_provider_that_returns_something_else_is_named_and_not_asked_again():
    error = failed(Told("yes"), asked())
    assert (error.kind, error.again) == ("not_understood", False)
    assert "returned no Answer but a str" in error.message


# --- context windows ------------------------------------------------------------------------------


def filled(provider, model="tiny", **fields):
    """Return what is said of the window when a prompt of 90 tokens was sent."""
    provider.told = [Answer(text="yes", usage=Usage(input=90, output=1))]
    return called(provider, asked(model=model), **fields).warnings


@pytest.mark.parametrize(
    "provider",
    [
        Told(window=100),
        Told(listed=[Model(id="other", context_window=9), Model(id="tiny", context_window=100)]),
    ],
    ids=["prepare", "list"],
)
def test_a_prompt_that_nearly_fills_the_window_is_warned_of(provider):
    assert filled(provider) == ("the prompt fills 90% of the context window",)


def test_the_list_is_asked_for_only_where_nobody_else_knows_the_window():
    known, priced, unknown = Told(window=1000), Told(), Told()
    filled(known)
    filled(priced, "gpt-4o")
    filled(unknown)
    assert (known.lists, priced.lists, unknown.lists) == (0, 0, 1)


def test_many_requests_and_models_ask_for_the_list_once():
    provider = Told(listed=[Model(id="m1", context_window=12), Model(id="m2")])

    async def main():
        shared = state(provider)
        asks = [asked(model=f"m{number % 4}") for number in range(20)]
        return await asyncio.gather(*(calling.call(ask, shared) for ask in asks))

    answers = asyncio.run(main())
    assert (provider.lists, sorted(provider.prepared)) == (1, ["m0", "m1", "m2", "m3"])
    assert sum(bool(answer.warnings) for answer in answers) == 5  # 10 of 12 tokens


@pytest.mark.parametrize("error", [errors.Unauthorized("no"), treadle.UsageError("no"), OSError()])
def test_what_cannot_be_found_out_is_no_gate(error):
    provider = Told(window=error, listed=error)
    assert filled(provider) == ()
    assert provider.lists == 1


@pytest.mark.parametrize("odd", [7, "many", [None], {"tiny": 100}])
def test_nonsense_about_models_is_no_gate(odd):
    class Odd(Told):
        async def prepare(self, model, lane, session):
            return odd

        async def models(self, lane, session):
            return odd

    assert filled(Odd()) == ()


class Silent(Told):
    """A provider that never says anything of its models."""

    async def prepare(self, model, lane, session):
        self.prepared.append(model)
        await asyncio.Event().wait()

    async def models(self, lane, session):
        self.lists += 1
        await asyncio.Event().wait()


def test_a_provider_that_says_nothing_of_its_models_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(calling, "_PATIENCE", 0.01)
    provider = Silent()

    async def main():
        shared = state(provider)
        asks = [asked(key=f"k{number}") for number in range(5)]
        return await asyncio.gather(*(calling.call(ask, shared) for ask in asks))

    assert [answer.text for answer in asyncio.run(main())] == ["yes"] * 5
    assert (len(provider.prepared), provider.lists) == (1, 1)


def test_a_server_is_asked_for_its_list_before_the_first_request():
    message = {"message": {"content": "Hi"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 500, "completion_tokens": 2}

    def handler(request):
        if request.method == "GET":
            return {"data": [{"id": "tiny", "meta": {"n_ctx": 512}}]}
        return {"choices": [message], "usage": usage}

    async def use(session, url):
        shared = state(OpenAIChat(), url=url)
        shared.session = session
        return [await calling.call(asked(), shared) for _ in range(3)]

    answers, seen = served(handler, use)
    assert [each.path for each in seen] == ["/v1/models"] + ["/v1/chat/completions"] * 3
    assert answers[2].warnings == ("the prompt fills 98% of the context window",)


def test_many_who_want_the_same_fetch_it_once_and_again_after_a_failure():
    calls = []

    async def fetch():
        calls.append(1)
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise errors.NetworkError("down")
        return 42

    async def main():
        once = Once()
        three = (once.get("m", fetch) for _ in range(3))
        first = await asyncio.gather(*three, return_exceptions=True)
        second = await asyncio.gather(*(once.get("m", fetch) for _ in range(3)))
        return first, second, await once.get("m", fetch)

    first, second, third = asyncio.run(main())
    assert [type(each) for each in first] == [errors.NetworkError] * 3
    assert (second, third) == ([42, 42, 42], 42)
    assert len(calls) == 2


# --- whose fault a failure is ---------------------------------------------------------------------


def not_found(message="HTTP 404: no", *, missing="", status=404):
    error = errors.ModelNotFound(message, status=status)
    error.missing = missing
    return error


NAMED = not_found("HTTP 404: model 'tiny' not found")
SAID = not_found(missing="model")
NO_PATH = not_found("HTTP 404: Not Found", missing="address")
UNCLEAR = not_found("HTTP 404: No endpoints found that support tool use")
WORDS = not_found("HTTP 400: why is no such model known?", status=400)
GOOD = Answer(text="yes")


@pytest.mark.parametrize(
    ("turns", "shared", "closes", "fault"),
    [
        ([NAMED], False, True, False),
        ([SAID], False, True, False),
        ([NO_PATH], False, True, False),
        ([UNCLEAR], False, False, True),
        ([WORDS], False, False, False),
        # A lane of several models goes on with the others.
        ([NAMED], True, False, False),
        ([SAID], True, False, False),
        ([UNCLEAR], True, False, False),
        ([NO_PATH], True, True, False),
        # Where an answer came, something else may be wrong: only several in a row close it.
        ([GOOD, NAMED], False, False, True),
        ([GOOD, NO_PATH], True, False, True),
        ([GOOD, UNCLEAR], False, False, False),
    ],
)
def test_a_model_that_is_not_there_closes_a_lane_that_is_one_model(turns, shared, closes, fault):
    error = failed(Told(*turns), *([asked()] * len(turns)), shared=shared)
    assert (error.closes_lane, error.lane_fault) == (closes, fault)
    assert type(error).closes_lane is False  # others of its kind are not judged by this one


def test_an_answer_of_another_model_says_nothing_of_this_one():
    error = failed(Told(GOOD, NAMED), asked(model="other"), asked())
    assert error.closes_lane


def test_a_name_within_a_longer_one_is_not_the_model():
    assert not failed(Told(not_found("HTTP 400: tiny-2", status=400)), asked()).closes_lane


# --- keys -----------------------------------------------------------------------------------------


def test_no_provider_gets_a_key_into_a_message_note_or_cause():
    error = errors.BadRequest(
        "what is topsecretkey99?", hint="not pw123456", request_id="topsecretkey99"
    )
    error.__cause__ = OSError("https://h?key=topsecretkey99")
    provider = Told(error)
    found = failed(provider, asked(), key="topsecretkey99", headers={"X-Proxy": "pw123456"})
    said = "".join(traceback.format_exception(found)) + str(found.hint) + found.request_id
    assert "topsecretkey99" not in said
    assert "pw123456" not in said


KEY = "sk-top-secret-99"


def echoed(secret):
    """Return an answer that repeats *secret* in all of its texts."""
    raw = {"id": [secret, {f"a {secret}": 1}], "n": 3}
    return Answer(
        text=f"your key is {secret}!",
        finish=secret,
        model=f"m-{secret}",
        request_id=secret,
        warnings=(f"refused: {secret}",),
        limits={"x-ratelimit-key": secret},
        usage=Usage(input=1, output=1),
        raw=raw,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"key": KEY},
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-Proxy-Key": KEY}},
        {"headers": {"Authorization": "Basic bWU6c2stdG9wLXNlY3JldC05OQ=="}},
        {"url": f"https://host/v1?key={KEY}"},
    ],
    ids=str,
)
def test_a_key_that_a_server_repeats_is_nowhere_in_its_answer(fields):
    answer = called(Told(echoed(KEY)), **fields)
    assert KEY not in repr(answer)
    assert answer.text == "your key is ***!"
    assert answer.raw == {"id": ["***", {"a ***": 1}], "n": 3}


@pytest.mark.parametrize("word", ["ollama", "anything", "EMPTY", "test"])
def test_a_word_that_stands_for_no_key_stays_in_answers(word):
    assert called(Told(echoed(word)), key=word).text == f"your key is {word}!"


def test_the_value_of_a_header_that_is_no_key_stays_in_answers():
    fields = {"key": KEY, "headers": {"X-Project": "climate-study-of-1999"}}
    answer = called(Told(echoed("climate-study-of-1999")), **fields)
    assert answer.text == "your key is climate-study-of-1999!"


def test_an_answer_without_a_key_is_not_touched():
    provider = Told(echoed("nothing of the kind"))
    first = provider.told[0]
    answer = called(provider, key=KEY)
    assert (answer.raw, answer.limits) == (first.raw, first.limits)
    assert answer.raw is first.raw


def test_json_that_is_nested_deeper_than_anybody_writes_loses_no_answer():
    raw = [KEY]
    for _ in range(5000):
        raw = [raw]
    answer = called(Told(Answer(text="yes", raw=raw)), key=KEY)
    assert answer.text == "yes"
    depth = 0
    raw = answer.raw
    while raw:
        raw, depth = raw[0], depth + 1
    assert (raw, depth) == (None, 101)


def test_no_representation_of_a_lane_shows_what_may_be_secret():
    shown = repr(
        LaneSettings(
            name="a",
            provider="openai",
            url="https://me:pw123@host/v1?key=abc",
            headers={"Authorization": "Bearer topsecretkey99"},
        )
    )
    assert "name='a'" in shown
    for secret in ("pw123", "abc", "topsecretkey99"):
        assert secret not in shown


# --- the log --------------------------------------------------------------------------------------


def test_each_attempt_is_one_line_of_the_log_without_key_or_content(caplog):
    caplog.set_level(logging.INFO, "treadle.prompts")
    refused = errors.RateLimited("HTTP 429: slow down, dear sir", status=429)
    answer = Answer(text="an answer", http_status=200, usage=Usage(input=12, output=34))
    provider = Told(refused, ValueError("odd"), answer)

    async def main():
        shared = state(provider)
        asks = [calling.call(asked("a question", row=7), shared) for _ in range(3)]
        return [await asyncio.gather(ask, return_exceptions=True) for ask in asks]

    asyncio.run(main())
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(", ")[0] for line in lines] == [
        "row 7, there/tiny, attempt 1: rate_limited, HTTP 429",
        "row 7, there/tiny, attempt 1: ValueError",
        "row 7, there/tiny, attempt 1: ok, HTTP 200, 12 + 34 tokens",
    ]
    assert all(line.endswith(" s") for line in lines)
