"""What earlier sessions may have cost: answers, and requests that were billed without one."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

import treadle
from treadle import prompts
from treadle.prompts import errors
from treadle.prompts.estimates import Estimates
from treadle.prompts.lanes import lanes_for
from treadle.prompts.prices import Prices
from treadle.prompts.spending import perhaps_charged, unanswered

sys.path.insert(0, str(Path(__file__).parent))
from servers import Reply, Server, at_home, lane, ok, prompt, refused, results, table

CHARGED = [
    errors.ConnectionLost("it broke"),
    errors.NoReply("no answer within 60 s"),
    errors.BadReply("HTTP 200: cut off", status=200),
    errors.ServerError("HTTP 502: bad gateway", status=502),
    errors.Overloaded("HTTP 503: busy", status=503),
    errors.Overloaded("HTTP 529: busy", status=529),
    errors.Filtered("HTTP 200: refused", status=200),
    ValueError("a provider with a mistake"),
]
NOT_CHARGED = [
    errors.NetworkError("connection refused"),
    errors.RateLimited("HTTP 429: slow down", status=429),
    errors.Unauthorized("HTTP 401: no", status=401),
    errors.BadRequest("HTTP 400: no", status=400),
    errors.Filtered("HTTP 400: refused", status=400),
    treadle.BadRowError("row 3 has no model"),
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


@pytest.fixture
def server():
    """A server with a price: a token of an answer costs a tenth of a cent."""
    with Server() as server:
        lane(server, concurrency=1)
        with Path("treadle.toml").open("a") as file:
            file.write('[prompts.prices."tiny"]\ninput = 0\noutput = 1000\n')
        prompt()
        yield server


def run(**options):
    options = {"param": {"max_tokens": 20}, "backoff": 0.001, "retries": 0, **options}
    return prompts.run("rows.csv", "prompt.txt", "results.csv", **options)


@pytest.mark.parametrize("error", [*CHARGED, *NOT_CHARGED], ids=lambda error: type(error).__name__)
def test_only_what_was_refused_or_never_sent_is_certain_to_be_free(error):
    def call(_):
        raise error

    report = treadle.run(call, [1], backend="inline", retry=treadle.Retry(attempts=3, base=0.0))
    recorded = treadle.open(report.run_id)
    (outcome,) = recorded.failures()
    charged = error in CHARGED
    assert perhaps_charged(outcome.failure) == charged
    assert dict(unanswered(recorded)) == ({"0": outcome.attempts} if charged else {})
    recorded.close()


@pytest.mark.parametrize(
    "error",
    [each for each in (*CHARGED, *NOT_CHARGED) if isinstance(each, errors.RequestFailed)],
    ids=lambda error: type(error).__name__,
)
def test_a_running_lane_judges_as_the_record_of_an_earlier_session_is_judged(error):
    policy = lanes_for({}, estimates=Estimates(), prices=Prices.load())
    failure = treadle.Failure(type(error).__name__, str(error))
    outcome = treadle.Raised("k", 0, 1, 0.0, 0.1, None, None, None, failure, error)
    assert policy.feedback(outcome).spent == (error in CHARGED)


@pytest.mark.parametrize(
    "failure",
    [Reply(reset=True), refused(502, text="bad gateway"), Reply('{"choices": [')],
    ids=["lost", "gateway", "cut"],
)
def test_a_limit_counts_what_earlier_sessions_may_have_been_billed_for(server, failure):
    """Each may cost 2 cents at most: five failures leave room for five more, and no more."""
    table(40)
    server.handler = lambda asked: failure
    limit = {"max_cost": "0.20"}
    run(limit=5, **limit)
    assert len(server.log) == 5
    for _ in range(3):
        run(**limit)
    assert len(server.log) == 10
    for _ in range(2):
        run(retry_errors=True, **limit)
    assert len(server.log) == 10, "though the record forgets what is asked again"
    run(max_cost="0.24", retry_errors=True)
    assert len(server.log) == 12


def test_a_limit_does_not_count_what_was_refused(server):
    table(8)
    server.handler = lambda asked: refused(400, text="no such thing")
    run(limit=4, max_cost="0.02")
    server.handler = lambda asked: ok("x", tokens=(1, 5))
    report = run(max_cost="0.04")
    assert report.cost == Decimal("0.02")
    assert len(server.log) == 8


def test_attempts_that_failed_before_an_answer_came_count_too(server):
    """Each first attempt is lost, each second answers for half a cent."""
    table(2)
    server.handler = lambda asked: Reply(reset=True) if asked.time == 1 else ok("x", tokens=(1, 5))
    run(retries=2, limit=1)
    assert [row["_status"] for row in results()] == ["ok"]
    report = run(max_cost="0.04", retries=2)
    assert report.pending == 1, "0.025 are spent, perhaps, and 0.02 more might be"
    assert run(max_cost="0.045", retries=0).pending == 0


def test_what_is_answered_by_an_estimate_counts_as_what_it_may_have_been(server):
    table(2)
    reply = ok("x")
    del reply.body["usage"]
    server.handler = lambda asked: reply
    run(limit=1)
    assert run(max_cost="0.03").pending == 1
    assert run(max_cost="0.04").pending == 0


def test_a_plan_says_that_too_little_is_left_of_the_limit(server):
    """Each of the six that are left may cost two cents, and one cent was spent."""
    table(8)
    server.handler = lambda asked: ok("x", tokens=(1, 5))
    run(limit=2)

    def warned(limit):
        options = {"param": {"max_tokens": 20}, "max_cost": limit}
        planned = prompts.plan("rows.csv", "prompt.txt", "results.csv", **options)
        return [text for text in planned.warnings if "spent" in text]

    assert warned("0.14") == []
    (text,) = warned("0.125")
    assert text.startswith("about $0.12 is expected and $0.01 was spent")
