"""How a request ended: the same whether its outcome is live or comes from the record of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import treadle
from treadle.prompts import errors
from treadle.prompts.ended import ended_of
from treadle.prompts.errors import KINDS, REQUEST_ID_NOTE, RateLimited
from treadle.prompts.values import Answer

sys.path.insert(0, str(Path(__file__).parent))
from asked import an_answer, cancelled, succeeded


class OfAnotherPackage(errors.ServerError):
    """What a provider of another package may raise."""


def live_and_recorded(call):
    """Run *call* as the only item; return its outcome twice: live, and from the record."""
    (live,) = list(treadle.map(call, [1], backend="inline"))
    report = treadle.run(call, [1], backend="inline")
    run = treadle.open(report.run_id)
    (recorded,) = list(run.outcomes())
    run.close()
    return live, recorded


def facts(ended):
    """Return what must not depend on where the outcome comes from."""
    return ended.status, ended.error_type, ended.error, ended.http_status, ended.attempts


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_each_kind_of_failure_is_told_live_and_from_the_record(kind):
    def call(_):
        raise kind("HTTP 418: I am a teapot", status=418, hint="drink coffee")

    for outcome in live_and_recorded(call):
        assert facts(ended_of(outcome)) == (
            "error",
            kind.kind,
            "HTTP 418: I am a teapot",
            418,
            1,
        )


def test_a_kind_of_another_package_counts_as_the_kind_it_derives_from():
    def call(_):
        raise OfAnotherPackage("HTTP 500: oops", status=500)

    for outcome in live_and_recorded(call):
        assert facts(ended_of(outcome)) == ("error", "server_error", "HTTP 500: oops", 500, 1)


def test_other_exceptions_have_their_own_name_and_no_status():
    def call(_):
        raise KeyError("HTTP 500 is only text here")

    for outcome in live_and_recorded(call):
        ended = ended_of(outcome)
        assert (ended.status, ended.error_type, ended.http_status) == ("error", "KeyError", 0)


def test_a_bad_row_says_so():
    def call(_):
        raise treadle.BadRowError("row 7 has no model")

    for outcome in live_and_recorded(call):
        ended = ended_of(outcome)
        assert (ended.error_type, ended.error) == ("bad_row", "row 7 has no model")


def test_a_timeout_of_the_engine_is_a_timeout():
    outcome = treadle.TimedOut("key", 0, 3, 1.0, 2.0, None, None, None, 2.0)
    ended = ended_of(outcome, waited=1.5)
    assert (ended.status, ended.error_type) == ("error", "timeout")
    assert (ended.attempts, ended.waited, ended.started) == (3, 1.5, 1.0)


def test_the_name_of_the_request_comes_along():
    def call(_):
        error = RateLimited("HTTP 429: slow down", status=429, request_id="req-7")
        error.add_note(f"{REQUEST_ID_NOTE}req-7")
        raise error

    assert [ended_of(outcome).request_id for outcome in live_and_recorded(call)] == ["req-7"] * 2


@pytest.mark.parametrize(
    ("reason", "error_type"),
    [
        ("cost is limited to 5.00, of which 0.01 is left (the next item may use 0.02)", "budget"),
        ("total_tokens is limited to 9, of which 0 is left (the next item may use 3)", "budget"),
        ("your organisation is limited to EU models", "closed"),
        ("seats is limited to 5, of which 0 is left (the next item may use 1)", "closed"),
        ("HTTP 403: cost is limited to 5, of which 1 is left (the next item may use 2)", "closed"),
        ("HTTP 401: the key is wrong", "closed"),
        ("HTTP 402: the total budget is spent", "closed"),
        ("interrupted", "stopped"),
        ("deadline", "stopped"),
        ("failure limit", "stopped"),
    ],
)
def test_what_was_left_is_skipped_and_says_why(reason, error_type):
    ended = ended_of(cancelled(reason))
    assert (ended.status, ended.error_type, ended.error) == ("skipped", error_type, reason)
    assert ended.answer is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (an_answer("42"), "ok"),
        (an_answer("4", finish="length"), "truncated"),
        (an_answer("", finish="content_filter"), "filtered"),
        (an_answer(" \n"), "empty"),
    ],
)
def test_an_answer_has_the_status_that_it_deserves(answer, status):
    ended = ended_of(succeeded(answer, attempts=2), waited=3.0)
    assert ended.status == status
    assert ended.answer is answer
    assert (ended.attempts, ended.waited, ended.started) == (2, 3.0, 1_700_000_000.25)
    assert (ended.http_status, ended.request_id) == (200, "req-1")
    assert (ended.error_type, ended.error) == ("", "")


def test_an_answer_read_back_from_a_record_ends_alike():
    def call(_):
        return Answer(text="42", finish="stop", http_status=200, request_id="req-2")

    live, recorded = (ended_of(outcome) for outcome in live_and_recorded(call))
    assert facts(live) == facts(recorded) == ("ok", "", "", 200, 1)
    assert live.answer == recorded.answer
