"""What people type, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from treadle import Rate, UsageError
from treadle.cli.options import deadline, rate, seconds

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("30", 30), ("30s", 30), ("2m", 120), ("2min", 120), ("1h30m", 5400), ("500ms", 0.5)),
        *(("0.5", 0.5), (".5s", 0.5), ("1h 30m", 5400), ("1d", 86400)),
    ],
)
def test_spans_of_time(text, expected):
    assert seconds("--timeout", text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "x", "-5", "5x", "1h30", "30s5", "s", "inf", "nan"])
def test_what_is_no_span_is_refused_with_examples(text):
    with pytest.raises(UsageError) as caught:
        seconds("--timeout", text)
    assert caught.value.message == f"--timeout takes a span of time, got {text!r}"
    assert "--timeout 2m" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("600/min", Rate(600, per=60)), ("10/s", Rate(10)), ("5", Rate(5)), ("0.5/s", Rate(0.5))),
        *(("100/15min", Rate(100, per=900)), ("60 / hour", Rate(60, per=3600))),
    ],
)
def test_rates(text, expected):
    assert rate(text) == expected


@pytest.mark.parametrize("text", ["", "/min", "0/s", "-1/s", "x/s", "5/", "5/week", "inf/s", "nan"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(UsageError, match="--rate takes"):
        rate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:30", datetime(2026, 3, 1, 18, 30, tzinfo=UTC)),
        ("9:00", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
        ("2026-03-05 08:00", datetime(2026, 3, 5, 8, 0, tzinfo=UTC)),
        ("2h", timedelta(hours=2)),
        ("90", timedelta(seconds=90)),
    ],
)
def test_deadlines(text, expected):
    assert deadline(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "25:00", "tomorrow", "99999999999999d"])
def test_what_is_no_deadline_is_refused(text):
    with pytest.raises(UsageError, match="--deadline takes"):
        deadline(text, NOW)


def test_a_deadline_that_has_passed_is_refused():
    with pytest.raises(UsageError) as caught:
        deadline("2026-02-28 12:00", NOW)
    assert caught.value.message == (
        "--deadline 2026-02-28 12:00 has passed; it is 2026-03-01 12:00"
    )
