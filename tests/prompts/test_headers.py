"""What a reply says about limits is read in every dialect; nothing that a server sends raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.prompts.headers import Announced, Limit, announced, kept

NOW = datetime(2026, 11, 20, 22, 46, 0, tzinfo=UTC).timestamp()
DAY = 86_400.0


def wait(headers=None, *, status=429, body=""):
    return announced(headers or {}, status=status, body=body, now=NOW).retry_after


def http_date(seconds):
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


def test_a_reply_that_says_nothing_announces_nothing():
    assert announced({"content-type": "text/html"}, now=NOW) == Announced()


# --- how long to wait ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": http_date(90)}, 90.0),
        ({"retry-after": http_date(-90)}, 0.0),
        ({"retry-after": "Friday, 20-Nov-26 22:46:09 GMT"}, 9.0),
        ({"retry-after": str(int(NOW) + 12)}, 12.0),
        ({"retry-after": "2m"}, 120.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"llm_provider-retry-after": "60"}, 60.0),
        ({"retry-after": "5", "llm_provider-retry-after": "60"}, 5.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds):
    assert wait(headers) == (None if seconds is None else pytest.approx(seconds))


def test_retry_after_counts_with_any_status():
    """It comes with 503 too, and with a redirect to a waiting page."""
    assert [wait({"retry-after": "3"}, status=status) for status in (200, 302, 503)] == [3.0] * 3


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("Rate limit reached ... Please try again in 8.71s. Visit ...", 8.71),
        ("Please try again in 1m3.5s.", 63.5),
        ("Please try again in 20ms.", 0.02),
        ("try again in 1h2m3s", 3723.0),
        ("Please retry after 26 seconds. Please go here:", 26.0),
        ("Please retry after 86400 seconds.", DAY),
        ("No deployments available. Try again in 5 seconds. Passed model=x", 5.0),
        ("Please retry in 34.07s.", 34.07),
        ('{"retryDelay": "34s"}', 34.0),
        ("try again in 2 minutes", 120.0),
        ("Try again in 1 hour", 3600.0),
        ("please try again in 3 months", None),
        ("please try again later", None),
        ("we made 20s of attempts", None),
    ],
)
def test_the_words_of_a_refusal_say_how_long_to_wait(body, seconds):
    assert wait(body=body) == (None if seconds is None else pytest.approx(seconds))


def test_words_count_only_in_a_refusal():
    """An answer may speak of trying again, too."""
    assert wait(body="try again in 5s", status=200) is None
    assert wait(body="try again in 5s", status=400) is None
    assert wait(body="try again in 5s", status=503) == 5.0


def test_a_header_goes_before_the_words():
    assert wait({"retry-after": "2"}, body="try again in 9s") == 2.0


def test_the_reset_of_what_was_exceeded_is_waited_for():
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "400",
        "x-ratelimit-reset-requests": "12s",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "20",
        "x-ratelimit-reset-tokens": "59.9s",
    }
    assert wait(headers, body='{"error": {"type": "tokens"}}') == pytest.approx(59.9)
    assert wait(headers) is None
    assert wait(headers | {"x-ratelimit-remaining-requests": "0"}) == 12.0
    assert wait(headers, status=200) is None


# --- limits -------------------------------------------------------------------------------------


def test_openai():
    found = announced(
        {
            "X-RateLimit-Limit-Requests": "500",
            "X-RateLimit-Remaining-Requests": "499",
            "X-RateLimit-Reset-Requests": "120ms",
            "X-RateLimit-Limit-Tokens": "30000",
            "X-RateLimit-Remaining-Tokens": "29000",
            "X-RateLimit-Reset-Tokens": "2s",
        },
        now=NOW,
    )
    assert found.limits == {
        "requests": Limit(500, 499, 0.12, 60.0),
        "tokens": Limit(30_000, 29_000, 2.0, 60.0),
    }
    assert found.exceeded is None


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "period"),
    [
        ("14400", "14399", "6s", None),  # Groq: requests per day, refilled one each 6 s
        ("10000", "9999", "8.64s", None),  # OpenAI's first tier: per day too
        ("200", "199", "7m12s", None),  # OpenAI's free tier
        ("1000", "900", "1800", None),  # perhaps per hour
        ("3600", "3599", "1s", None),  # per hour, refilled
        ("100", "0", "30h", None),
        ("10000", "9999", "6ms", 60.0),
        ("100", "50", "30", 60.0),  # a window that ends, and does not refill
        ("100", "99", "59s", 60.0),
        ("100", "100", "0s", 60.0),
        ("20", "19", "50ms", 1.0),  # 20 a second
    ],
)
def test_a_minute_is_the_period_unless_the_reset_speaks_against_it(limit, remaining, reset, period):
    """A lane that kept the pace of a day would be many times slower than it may be."""
    headers = {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": remaining,
        "x-ratelimit-reset-requests": reset,
    }
    assert announced(headers, now=NOW).limits["requests"].period == period


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h0m0.5s", 3600.5),
        ("45", 45.0),
        ("0.25", 0.25),
        (str(int(NOW) + 30), 30.0),
        (str(int(NOW * 1000) + 30_500), 30.5),
        ("2026-11-20T22:46:30Z", 30.0),
        ("2026-11-20T23:46:30.5+01:00", 30.5),
        ("2026-11-20T22:45:00Z", 0.0),
        ("2026-11-20 22:46:30 UTC", 30.0),
        ("tomorrow", None),
    ],
)
def test_a_reset_is_read_in_all_its_forms(text, seconds):
    headers = {"x-ratelimit-limit-tokens": "10", "x-ratelimit-reset-tokens": text}
    reset = announced(headers, now=NOW).limits["tokens"].reset
    assert reset == (None if seconds is None else pytest.approx(seconds))


def test_anthropic():
    headers = {
        f"anthropic-ratelimit-{kind}-{field}": value
        for kind, limit in (("requests", 50), ("tokens", 100), ("input-tokens", 90))
        for field, value in (
            ("limit", str(limit)),
            ("remaining", str(limit - 10)),
            ("reset", "2026-11-20T22:46:12Z"),
        )
    }
    assert announced(headers | {"retry-after": "4"}, status=429, now=NOW) == Announced(
        4.0,
        {
            "requests": Limit(50, 40, 12.0, 60.0),
            "tokens": Limit(100, 90, 12.0, 60.0),
            "input_tokens": Limit(90, 80, 12.0, 60.0),
        },
        None,
    )


def test_azure_says_the_period_and_has_a_number_for_nothing():
    """Since November 2025 some of its replies hold -1 and 0 where it does not count."""
    headers = {
        "x-ratelimit-limit-requests": "20",
        "x-ratelimit-remaining-requests": "19",
        "x-ratelimit-renewalperiod-requests": "10",
        "x-ratelimit-limit-tokens": "-1",
        "x-ratelimit-remaining-tokens": "-1",
        "x-ratelimit-reset-tokens": "0",
    }
    limits = announced(headers, now=NOW).limits
    assert limits["requests"] == Limit(20, 19, None, 10.0)
    assert (limits["tokens"].limit, limits["tokens"].remaining) == (None, None)
    assert wait({"x-rate-limit-reset-tokens": "55"}, body="exceeded token rate limit") == 55.0


def test_openrouter_says_it_in_the_body():
    reset = str(int(NOW * 1000) + 21_000)
    inner = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    message = "Rate limit exceeded: free-models-per-min. "
    error = {"message": message, "code": 429, "metadata": {"headers": inner}}
    assert announced({}, status=429, body=json.dumps({"error": error}), now=NOW) == Announced(
        pytest.approx(21.0),
        {"requests": Limit(20, 0, pytest.approx(21.0), 60.0)},
        "requests",
    )


def test_limits_with_their_period_in_the_name():
    headers = {
        "x-ratelimit-limit-requests-day": "14400",
        "x-ratelimit-limit-requests-minute": "30",
        "x-ratelimit-remaining-requests-minute": "29",
    }
    assert announced(headers, now=NOW).limits == {"requests": Limit(30, 29, None, 60.0)}
    used_up = headers | {
        "x-ratelimit-remaining-requests-day": "0",
        "x-ratelimit-reset-requests-day": "3h",
        "x-ratelimit-remaining-requests-minute": "0",
        "x-ratelimit-reset-requests-minute": "20s",
    }
    assert announced(used_up, now=NOW).limits == {"requests": Limit(14_400, 0, 10_800.0, DAY)}


@pytest.mark.parametrize("text", ["99999999999999", "1e-320", "1e-9", "0", "-60", "nan"])
def test_a_period_that_nobody_has_is_not_said(text):
    azure = {
        "x-ratelimit-limit-requests": "1",
        "x-ratelimit-reset-requests": "5h",
        "x-ratelimit-renewalperiod-requests": text,
    }
    assert announced(azure, now=NOW).limits["requests"].period is None
    refused = litellm("requests", **{"retry-after": text, "x-ratelimit-limit-requests": "1"})
    assert announced(refused, status=429, now=NOW).limits["requests"].period is None


# --- LiteLLM ------------------------------------------------------------------------------------

REFUSAL = (
    '{"error": {"message": "Rate limit exceeded for api_key: 88dc. Limit type: %s. '
    'Current limit: %d, Remaining: 0. Limit resets at: 2026-11-20 22:46:30 UTC", "code": "429"}}'
)


def litellm(kind, **more):
    return {
        "retry-after": "60",
        "rate_limit_type": kind,
        "reset_at": "2026-11-20 22:46:30 UTC",
        **more,
    }


def test_litellm_does_not_say_the_period_until_it_refuses():
    """Its window can be set to anything; the retry-after of a refusal is all of it."""
    headers = {
        "x-litellm-call-id": "1",
        "x-ratelimit-api_key-limit-requests": "5",
        "x-ratelimit-api_key-remaining-requests": "-10",
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "99",
    }
    assert announced(headers, now=NOW).limits == {"requests": Limit(5, -10, None, None)}
    refused = announced(litellm("requests"), status=429, body=REFUSAL % ("requests", 5), now=NOW)
    assert refused.limits == {"requests": Limit(5, 0, 31.0, 60.0)}
    assert refused.exceeded == "requests"


def test_litellm_waits_until_its_window_ends_and_not_for_a_whole_one():
    """reset_at has whole seconds, so one more may be needed; it is never beyond retry-after."""
    assert wait(litellm("tokens")) == 31.0
    assert wait(litellm("tokens", reset_at="2026-11-20 23:46:30 UTC")) == 60.0
    assert wait(litellm("tokens", reset_at="2026-11-20 21:46:30 UTC")) == 60.0
    assert wait({"retry-after": "60"}, body=REFUSAL % ("requests", 5)) == 31.0


def test_too_many_at_once_is_no_reason_to_wait():
    """LiteLLM says retry-after: 60 to that too; what helps is fewer in flight."""
    found = announced(litellm("max_parallel_requests"), status=429, now=NOW)
    assert (found.exceeded, found.retry_after) == ("max_parallel_requests", None)


def test_a_wrong_clock_is_corrected_by_the_date_of_the_reply():
    headers = litellm("requests", date=http_date(3600))
    headers["reset_at"] = "2026-11-20 23:46:20 UTC"
    assert wait(headers) == 21.0


# --- what was exceeded --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "exceeded"),
    [
        ("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000", "tokens"),
        ("Rate limit reached for gpt-4o on requests per min (RPM): Limit 3", "requests"),
        ("on requests per day (RPD): Limit 200", "requests"),
        ("would exceed your organization's rate limit of 40,000 input tokens per minute", "tokens"),
        ("Number of concurrent connections has exceeded your rate limit", "max_parallel_requests"),
        ("Max parallel request limit reached", "max_parallel_requests"),
        ("Crossed TPM / RPM / Max Parallel Request Limit", None),
        ("have exceeded call rate limit of your current OpenAI S0 pricing tier", "requests"),
        (REFUSAL % ("tokens", 200), "tokens"),
        ("Too many requests", None),
        ("<html>429</html>", None),
    ],
)
def test_the_words_of_a_refusal_say_which_limit(body, exceeded):
    assert announced({}, status=429, body=body, now=NOW).exceeded == exceeded
    assert announced({}, status=200, body=body, now=NOW).exceeded is None


# --- what is kept -------------------------------------------------------------------------------


def test_kept_headers_are_raw_and_few_and_say_the_same():
    headers = {
        "Date": http_date(0),
        "Content-Type": "application/json",
        "Set-Cookie": "secret=1",
        "Retry-After": "60",
        "x-litellm-call-id": "1",
        "X-RateLimit-Limit-Requests": "100",
        "rate_limit_type": "requests",
        "reset_at": "2026-11-20 22:46:30 UTC",
        "anthropic-ratelimit-requests-limit": "50",
    }
    few = kept(headers)
    assert set(few) == {name.lower() for name in headers} - {"content-type", "set-cookie"}
    assert few["reset_at"] == headers["reset_at"]
    assert announced(few, status=429, now=NOW) == announced(headers, status=429, now=NOW)
    assert kept({"Date": http_date(0), "Server": "nginx"}) == {}


# --- nothing raises -----------------------------------------------------------------------------

NAMES = [
    "retry-after",
    "retry-after-ms",
    "date",
    "reset_at",
    "rate_limit_type",
    "x-ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-renewalperiod-tokens",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-api_key-limit-tokens",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-reset",
    "llm_provider-retry-after",
]
VALUES = st.one_of(
    st.text(max_size=40),
    st.floats().map(str),
    st.integers().map(str),
    st.datetimes().map(str),
    st.datetimes().map(datetime.isoformat),
    st.from_regex(r"\A[0-9]{1,30}(ms|s|m|h|d| UTC| GMT)?\Z"),
    st.from_regex(
        r"\A[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9}( [A-Z+0-9]*)?\Z"
    ),
)
BODIES = st.one_of(
    st.text(max_size=100),
    st.from_regex(r"try again in ([0-9.]{1,30}(ms|s|m|h| days)){0,3}"),
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.dictionaries(st.sampled_from(["error", "metadata", "headers"]), inner),
    ).map(json.dumps),
)


@given(
    headers=st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=20)), VALUES),
    status=st.sampled_from([200, 400, 429, 503]),
    body=BODIES,
)
def test_whatever_comes_is_read_without_an_exception(headers, status, body):
    found = announced(headers, status=status, body=body, now=NOW)
    assert found.retry_after is None or 0 <= found.retry_after < 1e16
    for limit in found.limits.values():
        assert limit.limit is None or limit.limit >= 0
        assert limit.reset is None or limit.reset >= 0
        assert limit.period is None or 0.001 <= limit.period <= 32 * DAY
    assert set(kept(headers)) <= {name.lower() for name in headers}


def test_a_hostile_body_takes_no_time_and_does_not_raise():
    """Deep JSON overflows the parser's stack; long digits make careless patterns slow."""
    deep = '{"metadata":' * 5_000
    assert announced({}, status=429, body=deep, now=NOW) == Announced()
    assert wait(body="try again in " + "1" * 1_000_000) is None


@given(seconds=st.floats(0, 100_000))
def test_a_duration_is_read_as_go_writes_it(seconds):
    minutes, rest = divmod(seconds, 60)
    body = f"Please try again in {int(minutes)}m{rest:.6f}s."
    assert wait(body=body) == pytest.approx(seconds, abs=1e-5)
