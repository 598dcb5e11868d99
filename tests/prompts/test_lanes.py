"""What lanes may do, what requests reserve, and what replies teach; the engine obeys elsewhere."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts import errors
from treadle.prompts.estimates import Estimates
from treadle.prompts.lanes import COST, TOTAL_TOKENS, lanes_for
from treadle.prompts.prices import Prices
from treadle.prompts.providers.anthropic import MAX_TOKENS
from treadle.prompts.values import Answer, Ask, LaneSettings, Message, Usage
from treadle.prompts.worst_case import WorstCase, check_limits, input_tokens, output_limit

NOW = 1_800_000_000.0
LANES = {
    "openai": LaneSettings(name="openai", provider="openai"),
    "fixed": LaneSettings(
        name="fixed",
        provider="openai",
        concurrency=4,
        rpm=600,
        tpm=10_000,
        input_tpm=8_000,
        output_tpm=2_000,
    ),
    "together": LaneSettings(name="together", provider="openai", shared=True),
    "ollama": LaneSettings(name="ollama", provider="ollama", local=True),
    "slow": LaneSettings(name="slow", provider="ollama", local=True, concurrency=2),
}


def policy(estimates=None, **more):
    return lanes_for(
        LANES,
        estimates=estimates or Estimates(),
        prices=Prices.load(),
        clock=lambda: NOW,
        **more,
    )


def an_ask(text="hello", *, lane="openai", model="gpt-4o", key="k", problem="", **params):
    return Ask(
        key=key,
        index=0,
        row=7,
        prompt="p",
        prompt_hash="",
        lane=lane,
        model=model,
        messages=(Message("user", text),),
        params=params,
        problem=problem,
    )


def succeeded(answer, key="k"):
    return treadle.Succeeded(key, 0, 1, NOW, 0.1, None, None, None, answer)


def raised(error, key="k"):
    failure = treadle.Failure(type(error).__name__, str(error))
    return treadle.Raised(key, 0, 1, NOW, 0.1, None, None, None, failure, error)


def taught(error, lanes=None):
    feedback = (lanes or policy()).feedback(raised(error))
    assert feedback is not None
    return feedback


# ── which lane, and what it may do ───────────────────────────────────────────────────────────────


def test_a_lane_is_a_model_unless_the_models_share_their_limits():
    lanes = policy()
    assert lanes.key(an_ask(model="a")) != lanes.key(an_ask(model="b"))
    assert lanes.key(an_ask(model="a")) == ("openai", "a")
    assert lanes.key(an_ask(lane="together", model="a")) == "together"
    assert lanes.of(lanes.key(an_ask(lane="together"))).warm_up


def test_without_a_number_the_limit_is_found_by_trying():
    lane = policy().of(("openai", "gpt-4o"))
    assert (lane.start, lane.concurrency, lane.braked) == (10, 200, False)
    assert lane.warm_up
    assert lane.rate is None
    assert lane.max_pause == 600


def test_a_local_server_begins_with_one_request_and_brakes():
    lane = policy().of(("ollama", "llama"))
    assert (lane.start, lane.concurrency, lane.braked) == (1, 16, True)


def test_what_the_settings_say_is_fixed():
    lane = policy().of(("fixed", "gpt-4o"))
    assert (lane.start, lane.concurrency, lane.braked) == (None, 4, False)
    assert policy().of(("slow", "llama")).concurrency == 2
    assert not policy().of(("slow", "llama")).braked


def test_the_pace_stays_a_little_below_what_is_allowed():
    lane = policy().of(("fixed", "gpt-4o"))
    assert lane.rate == treadle.Rate(585.0, per=60.0)
    assert lane.budgets == {
        "tokens": treadle.Rate(9_750.0, per=60.0),
        "input_tokens": treadle.Rate(7_800.0, per=60.0),
        "output_tokens": treadle.Rate(1_950.0, per=60.0),
    }


def test_a_row_that_cannot_be_sent_neither_costs_nor_breaks_anything():
    lanes = policy(max_cost=Decimal(1))
    ask = an_ask(lane="nowhere", problem="no such lane")
    assert lanes.cost is not None
    assert lanes.cost(ask) == {}
    assert lanes.of(lanes.key(ask)) == treadle.Lane()


# ── what a request reserves ──────────────────────────────────────────────────────────────────────


def test_a_request_reserves_the_tokens_that_are_expected():
    lanes = policy()
    ask = an_ask("x" * 400, max_tokens=50)
    assert lanes.cost is not None
    assert lanes.cost(ask) == {"input_tokens": 100, "output_tokens": 50, "tokens": 150}
    assert lanes.totals == {}


def test_estimates_that_have_learnt_are_what_is_reserved():
    estimates = Estimates()
    lanes = policy(estimates)
    ask = an_ask("x" * 400)
    for _ in range(30):
        estimates.learn(ask, Answer(text="", usage=Usage(input=200, output=10)))
    assert lanes.cost is not None
    assert lanes.cost(ask) == {"input_tokens": 200, "output_tokens": 10, "tokens": 210}


def test_a_limit_on_money_reserves_the_worst_case():
    lanes = policy(max_cost=Decimal(5), spent=Decimal("1.5"))
    assert (lanes.totals, lanes.spent) == ({COST: Decimal(5)}, {COST: Decimal("1.5")})
    assert lanes.cost is not None
    reserved = lanes.cost(an_ask("x" * 984, max_tokens=100))
    # 984 bytes, 16 for the message, 19 of {"max_tokens": 100}; 2.50 and 10.00 a million
    assert reserved[COST] == Decimal("0.0035475")


def test_a_limit_on_tokens_reserves_the_worst_case():
    lanes = policy(max_tokens_total=1000, spent_tokens=400)
    assert (lanes.totals, lanes.spent) == ({TOTAL_TOKENS: 1000}, {TOTAL_TOKENS: 400})
    assert lanes.cost is not None
    assert lanes.cost(an_ask("x" * 10, max_tokens=50))[TOTAL_TOKENS] == 10 + 16 + 18 + 50


def test_several_answers_at_once_and_tools_are_part_of_the_worst_case():
    worst = WorstCase(LANES, Prices.load())
    one, three = an_ask(max_tokens=1000), an_ask(max_tokens=1000, n=3)
    assert worst.cost(three) - worst.cost(one) > 2 * 1000 * Decimal("0.00001")
    tool = {"name": "weather", "description": "x" * 500}
    assert input_tokens(an_ask(tools=[tool])) > input_tokens(an_ask()) + 500


def test_of_the_best_of_several_answers_all_are_paid():
    worst = WorstCase(LANES, Prices.load())
    three = an_ask(max_tokens=1000, n=3)
    assert worst.tokens(an_ask(max_tokens=1000, best_of=3)) >= worst.tokens(three)
    both = an_ask(max_tokens=1000, n=2, best_of=3)
    assert 3000 < worst.tokens(both) < 3100


@pytest.mark.parametrize(
    ("provider", "params", "limit"),
    [
        ("openai", {"max_tokens": 5}, 5),
        ("openai", {"max_completion_tokens": 5}, 5),
        ("openai", {"max_tokens": 5, "max_completion_tokens": 9}, 9),
        ("openai", {"num_predict": 5}, None),
        ("openai", {"max_output_tokens": 5}, None),
        ("openrouter", {"max_tokens": 5, "num_predict": 9}, 5),
        ("somebody's", {"num_predict": 5}, None),
        ("openai-responses", {"max_output_tokens": 5}, 5),
        ("openai-responses", {"max_tokens": 5, "num_predict": 9}, 5),
        ("anthropic", {"max_tokens": 5}, 5),
        ("anthropic", {"max_output_tokens": 5}, 5),
        ("anthropic", {"num_predict": 5}, MAX_TOKENS),
        ("anthropic", {}, MAX_TOKENS),
        ("ollama", {"num_predict": 5}, 5),
        ("ollama", {"max_tokens": 5}, 5),
    ],
)
def test_only_what_the_provider_obeys_limits_an_answer(provider, params, limit):
    assert output_limit(an_ask(**params), provider) == limit
    lanes = {"mine": LaneSettings(name="mine", provider=provider)}
    worst = WorstCase(lanes, Prices.load({"mine": {"input": 1, "output": 1}}))
    ask = an_ask(lane="mine", model="mine", **params)
    if limit is None:
        with pytest.raises(treadle.UsageError, match="how long an answer"):
            worst.tokens(ask)
    else:
        assert worst.tokens(ask) == input_tokens(ask) + limit


@pytest.mark.parametrize("tier", ["priority", "auto", "flex"])
def test_a_limit_on_money_cannot_hold_for_another_tier_of_service(tier):
    worst = WorstCase(LANES, Prices.load())
    ask = an_ask(max_tokens=5, service_tier=tier)
    with pytest.raises(treadle.UsageError, match=rf"service_tier='{tier}'.*row 7") as caught:
        check_limits(ask, worst, max_cost=Decimal(1))
    assert "leave service_tier out" in (caught.value.hint or "")
    check_limits(ask, worst, max_tokens_total=1000)
    check_limits(an_ask(max_tokens=5, service_tier="default"), worst, max_cost=Decimal(1))


@pytest.mark.parametrize(
    ("ask", "message", "hint"),
    [
        (an_ask(model="gpt-99", max_tokens=5), "'gpt-99' of the lane 'openai' costs", "input ="),
        (an_ask(lane="ollama", model="llama", max_tokens=5), "'llama'", '[prompts.prices."llama"]'),
    ],
)
def test_a_limit_on_money_needs_a_price(ask, message, hint):
    worst = WorstCase(LANES, Prices.load())
    with pytest.raises(treadle.UsageError) as caught:
        check_limits(ask, worst, max_cost=Decimal(1))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    lanes = policy(max_cost=Decimal(1))
    assert lanes.cost is not None
    with pytest.raises(treadle.UsageError):
        lanes.cost(ask)


def test_a_limit_needs_an_end_of_the_answer():
    prices = Prices.load({"mine": {"input": 1, "output": 1}})
    worst = WorstCase(LANES, prices)
    for limit in ({"max_cost": Decimal(1)}, {"max_tokens_total": 1000}):
        with pytest.raises(treadle.UsageError) as caught:
            check_limits(an_ask(model="mine"), worst, **limit)
        assert "'mine'" in caught.value.message
        assert "--param max_tokens=" in (caught.value.hint or "")
        check_limits(an_ask(model="mine", max_tokens=10), worst, **limit)
    check_limits(an_ask(model="mine"), worst)


def test_a_model_that_is_free_needs_no_end_of_the_answer():
    worst = WorstCase(LANES, Prices.load({"ollama/*": 0}))
    ask = an_ask(lane="ollama", model="llama")
    check_limits(ask, worst, max_cost=Decimal("0.01"))
    assert worst.cost(ask) == 0


def test_a_request_that_alone_may_pass_the_limit_is_said_before():
    worst = WorstCase(LANES, Prices.load())
    with pytest.raises(treadle.UsageError, match=r"row 7.*may use \$0\.16.*--max-cost is 0\.1"):
        check_limits(an_ask(), worst, max_cost=Decimal("0.1"))
    with pytest.raises(treadle.UsageError, match=r"16,405 tokens.*--max-tokens-total is 9"):
        check_limits(an_ask(), worst, max_tokens_total=9)


# ── what answers teach ───────────────────────────────────────────────────────────────────────────


def test_an_answer_says_what_was_really_used():
    lanes = policy(max_cost=Decimal(1), max_tokens_total=100_000)
    answer = Answer(text="x", usage=Usage(input=7, output=3), cost=Decimal("0.5"))
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(answer))
    assert told is not None
    assert told.used == {
        "input_tokens": 7,
        "output_tokens": 3,
        "tokens": 10,
        COST: Decimal("0.5"),
        TOTAL_TOKENS: 10,
    }
    assert told.pause is None
    assert told.charged


def test_what_nobody_has_counted_stays_reserved():
    lanes = policy(max_cost=Decimal(1), max_tokens_total=100_000)
    guess = Usage(input=7, output=3, source="estimate")
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", usage=guess, cost=Decimal("0.1"))))
    assert told is not None
    assert COST not in told.used
    assert TOTAL_TOKENS not in told.used
    assert told.at_least == {COST: Decimal("0.1"), TOTAL_TOKENS: 10}
    assert told.used["tokens"] == 10  # a budget per minute may be settled with a guess
    billed = Answer(text="x", usage=guess, cost=Decimal("0.1"), cost_source="provider")
    told = lanes.feedback(succeeded(billed))
    assert told is not None
    assert told.used[COST] == Decimal("0.1")
    told = lanes.feedback(succeeded(Answer(text="x")))
    assert told is not None
    assert told.used == {}


def test_announced_limits_become_the_pace():
    limits = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29000",
        "x-ratelimit-reset-tokens": "2s",
    }
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert told.rate == treadle.Rate(487.5, per=60.0)
    assert told.budgets == {"tokens": treadle.Rate(29_250.0, per=60.0)}
    assert told.pause is None


def test_anthropic_limits_tokens_in_and_out_apart():
    limits = {
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "39000",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "8000",
    }
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert told.budgets == {
        "input_tokens": treadle.Rate(39_000.0, per=60.0),
        "output_tokens": treadle.Rate(7_800.0, per=60.0),
    }


@pytest.mark.parametrize(
    ("limits", "room"),
    [
        ({"x-ratelimit-api_key-remaining-requests": "7"}, 7),
        ({"x-ratelimit-api_key-remaining-requests": "-10"}, 0),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "5h"}, 3),
        (
            {
                "x-ratelimit-limit-requests": "200",
                "x-ratelimit-remaining-requests": "3",
                "x-ratelimit-reset-requests": "5h",
            },
            3,
        ),
        ({"x-ratelimit-limit-requests-day": "50", "x-ratelimit-remaining-requests-day": "2"}, 2),
        ({"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "3"}, None),
        ({"x-ratelimit-remaining-tokens": "3", "x-litellm-call-id": "1"}, None),
        ({}, None),
    ],
)
def test_what_is_left_of_a_limit_whose_period_nobody_knows_is_the_room_there_is(limits, room):
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert told.room == room
    assert taught(errors.ServerError("HTTP 500", status=500, limits=limits)).room == room


def test_when_nothing_is_left_of_a_window_the_lane_waits_for_the_next():
    limits = {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int((NOW + 12) * 1000)),
    }
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert told.pause == pytest.approx(12, abs=1)
    told = lanes.feedback(
        succeeded(Answer(text="x", limits={**limits, "x-ratelimit-remaining": "1"}))
    )
    assert told is not None
    assert told.pause is None


def test_a_limit_per_day_is_no_pace_but_counts_when_nothing_is_left():
    """
    Ten thousand a day would be one every nine seconds, where five hundred a minute are allowed.
    """
    limits = {
        "x-ratelimit-limit-requests-day": "10000",
        "x-ratelimit-remaining-requests-day": "9999",
        "x-ratelimit-reset-requests-day": "8.64s",
    }
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert (told.rate, told.budgets, told.pause) == (None, {}, None)
    limits["x-ratelimit-remaining-requests-day"] = "0"
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert (told.rate, told.budgets, told.pause) == (None, {}, pytest.approx(8.64))


@pytest.mark.parametrize("period", ["99999999999999", "1e-300", "0", "-5", "nan", "inf"])
def test_a_period_that_cannot_be_is_not_obeyed(period):
    limits = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-renewalperiod-requests": period,
    }
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=200)))
    assert told is not None
    assert told.rate in (None, treadle.Rate(487.5, per=60.0))


def test_a_limit_that_is_none_is_no_pace():
    limits = {"x-ratelimit-limit-requests": "999999999999999", "x-ratelimit-limit-tokens": "-1"}
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(succeeded(Answer(text="x", limits=limits)))
    assert told is not None
    assert told.rate is None
    assert told.budgets == {}


# ── what failures teach ──────────────────────────────────────────────────────────────────────────


def test_too_fast_is_a_wait_that_is_not_charged():
    told = taught(errors.RateLimited("HTTP 429: slow down", status=429, retry_after=8.71))
    assert told.pause == 8.71
    assert not told.charged
    assert not told.overloaded
    assert told.used == {}


def test_too_fast_without_a_word_on_how_long_is_a_short_wait():
    told = taught(errors.RateLimited("HTTP 429: no", status=429))
    assert told.pause is not None
    assert 0 < told.pause <= 10
    assert not told.charged


def test_a_wait_may_stand_in_the_message_or_the_headers():
    told = taught(errors.RateLimited("HTTP 429: Please try again in 1m3.5s.", status=429))
    assert told.pause == 63.5
    told = taught(errors.RateLimited("HTTP 429", status=429, limits={"retry-after-ms": "250"}))
    assert told.pause == 0.25


def test_a_refusal_may_be_what_tells_the_pace():
    error = errors.RateLimited(
        "HTTP 429: Rate limit exceeded. Limit type: requests. Current limit: 5, Remaining: 0.",
        status=429,
        retry_after=30.0,
        limits={"rate_limit_type": "requests", "retry-after": "60", "x-litellm-call-id": "1"},
    )
    told = taught(error)
    assert told.rate == treadle.Rate(4.875, per=60.0)
    assert told.pause == 30.0


def test_too_many_at_once_is_a_smaller_lane_and_no_wait():
    told = taught(errors.TooManyAtOnce("HTTP 429: parallel", status=429, retry_after=60))
    assert told.overloaded
    assert told.pause is None
    assert not told.charged


def test_an_overloaded_provider_is_asked_less_and_a_failing_one_only_when_it_says():
    told = taught(errors.Overloaded("HTTP 529", status=529))
    assert told.overloaded
    assert told.charged
    assert told.pause is None
    assert taught(errors.Overloaded("HTTP 503", status=503, retry_after=3)).pause == 3
    told = taught(errors.ServerError("HTTP 500", status=500))
    assert told == treadle.Feedback(spent=True)


@pytest.mark.parametrize("kind", [errors.ServerError, errors.Overloaded, errors.NoReply])
@pytest.mark.parametrize(("attempts", "fault"), [(1, None), (2, None), (3, "no"), (6, "no")])
def test_a_provider_that_fails_at_a_request_again_and_again_is_a_fault(kind, attempts, fault):
    lanes = policy()
    assert lanes.feedback is not None
    outcome = replace(raised(kind("no", status=502)), attempts=attempts)
    told = lanes.feedback(outcome)
    assert told is not None
    assert (told.fault, told.spent) == (fault, True)


@pytest.mark.parametrize("kind", [errors.BadReply, errors.RateLimited, errors.BadRequest])
def test_other_failures_are_none_of_the_lane_however_often_they_come(kind):
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(replace(raised(kind("no", status=400)), attempts=6))
    assert told is not None
    assert told.fault is None


@pytest.mark.parametrize("kind", [errors.Unauthorized, errors.OutOfQuota])
def test_what_no_further_request_can_cure_closes_the_lane(kind):
    told = taught(kind("HTTP 401: no", status=401, retry_after=5))
    assert told.closed == "HTTP 401: no"
    assert told.pause is None


def test_a_broken_connection_is_a_fault_of_the_lane():
    told = taught(errors.NetworkError("connection refused"))
    assert told.fault == "connection refused"
    assert told.closed is None
    assert told.charged


@pytest.mark.parametrize(
    "kind", [errors.BadRequest, errors.ContextOverflow, errors.ModelNotFound, errors.Filtered]
)
def test_a_wrong_request_says_nothing_about_the_lane(kind):
    assert taught(kind("HTTP 400", status=400)) == treadle.Feedback()


@pytest.mark.parametrize(
    "error",
    [
        errors.NoReply("no answer within 5 s"),
        errors.BadReply("HTTP 200: cut off", status=200),
        errors.ConnectionLost("the connection broke"),
        errors.ServerError("HTTP 500", status=500),
        errors.ServerError("HTTP 504: gateway timeout", status=504),
        errors.Overloaded("HTTP 503", status=503),
        errors.Filtered("HTTP 200: refused", status=200),
        RuntimeError("a bug, perhaps after the answer"),
        treadle.WorkerDied("gone"),
    ],
    ids=str,
)
def test_a_request_that_may_have_been_billed_counts_as_spent(error):
    assert taught(error).spent


@pytest.mark.parametrize(
    "error",
    [
        errors.NetworkError("no connection"),
        errors.RateLimited("HTTP 429", status=429),
        errors.TooManyAtOnce("HTTP 429", status=429),
        errors.BadRequest("HTTP 400", status=400),
        errors.Unauthorized("HTTP 401", status=401),
        errors.ModelNotFound("HTTP 404", status=404),
        errors.Filtered("HTTP 403", status=403),
    ],
    ids=str,
)
def test_a_request_that_was_refused_or_never_arrived_has_cost_nothing(error):
    assert not taught(error).spent


def test_a_timeout_of_the_engine_is_one_of_the_lane():
    lanes = policy()
    assert lanes.feedback is not None
    told = lanes.feedback(treadle.TimedOut("k", 0, 1, NOW, 9.0, None, None, None, 9.0))
    assert told == treadle.Feedback(spent=True, overloaded=True)


def test_what_requests_reserve_is_kept_nowhere_but_in_the_engine():
    """
    A run of a million requests, most of which are left, must not remember them.
    """
    lanes = policy(max_cost=Decimal(100))
    assert lanes.cost is not None
    assert lanes.feedback is not None
    own = lanes.cost.__self__
    before = dicts_of(own)
    for number in range(100):
        lanes.cost(an_ask(key=f"k{number}"))
        lanes.feedback(raised(errors.NoReply("no answer"), key=f"k{number}"))
    assert dicts_of(own) == before


def dicts_of(value):
    return {name: dict(each) for name, each in vars(value).items() if isinstance(each, dict)}


def test_what_is_no_failure_of_a_request_teaches_nothing():
    lanes = policy()
    assert lanes.feedback is not None
    assert lanes.feedback(succeeded("no answer")) is None
    cancelled = treadle.Cancelled("k", 0, 0, 0.0, 0.0, None, None, None, "interrupted")
    assert lanes.feedback(cancelled) is None


ALL_KINDS = sorted(errors.KINDS.values(), key=lambda kind: kind.kind)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "retry-after",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
            "x-ratelimit-limit-tokens",
            "x-ratelimit-renewalperiod-requests",
            "x-ratelimit-limit-requests-day",
            "anthropic-ratelimit-tokens-limit",
            "rate_limit_type",
        ]
    ),
    st.one_of(st.text(max_size=12), st.integers().map(str), st.floats().map(str)),
)


@given(st.sampled_from(ALL_KINDS), HEADERS, st.text(max_size=60), st.sampled_from([0, 200, 429]))
def test_whatever_a_server_says_feedback_never_fails(kind, limits, message, status):
    told = taught(kind(message, status=status, limits=limits))
    assert told.pause is None or told.pause >= 0
    lanes = policy()
    assert lanes.feedback is not None
    assert lanes.feedback(succeeded(Answer(text="x", limits=limits, http_status=status)))
