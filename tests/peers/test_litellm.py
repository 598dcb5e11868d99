"""Against a LiteLLM proxy: its limits are learned, kept and used up, and its costs are ours."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

WINDOW = 4.0  # seconds, as the proxy of ``conftest.py`` has it
QUOTA = 40  # requests in a window
PER_MILLION = {"input": 3, "output": 15}  # US dollars, as the proxy of ``conftest.py`` has them


def lane(url):
    return {"provider": "openai", "url": f"{url}/v1", "key-env": "PROXY_KEY"}


def test_a_quota_is_learned_then_used_up_and_hardly_passed(litellm, between, experiment):
    """
    Nobody told us of 40 requests in 4 seconds: headers say 40, and the first refusal says 4.

    After the pause that it asks for, less than 2 % are refused, and 95 % of the quota is used.
    """
    proxy = between(litellm)
    rows = [{}] * 240

    done = experiment(
        rows, {"local": lane(proxy.url)}, keys={"PROXY_KEY": f"sk-rpm-{QUOTA}-quota"}, model="mock"
    )

    assert done.code == 0, done.said
    assert {row["_status"] for row in done.rows} == {"ok"}
    exchanges = proxy.exchanges()
    refused = [each for each in exchanges if each.status == 429]
    assert refused, "the quota was never reached"
    first = refused[0].ended
    learned = [each for each in exchanges if each.began > first + WINDOW]
    again = [each for each in learned if each.status == 429]
    assert len(again) < 0.02 * len(learned)
    answered = [each for each in learned if each.good]
    assert len(answered) > 2 * QUOTA
    took = answered[-1].began - answered[0].began
    assert (len(answered) - 1) / took >= 0.95 * QUOTA / WINDOW


def test_no_request_is_sent_in_the_window_that_a_refusal_closes(litellm, between, experiment):
    """Those that were on their way when the first was refused are spared."""
    proxy = between(litellm)

    done = experiment(
        [{}] * 60,
        {"local": lane(proxy.url)},
        "--concurrency",
        "4",
        keys={"PROXY_KEY": "sk-rpm-20-window"},
        model="mock",
    )

    assert done.code == 0, done.said
    exchanges = proxy.exchanges()
    refused = [each for each in exchanges if each.status == 429]
    assert refused
    inside = [
        (round(other.began - each.ended, 3), other.row)
        for each, other in itertools.product(refused, exchanges)
        if 0.5 < other.began - each.ended < float(each.headers["retry-after"])
    ]
    assert inside == []


def test_too_many_at_once_makes_it_fewer_and_no_row_fails(litellm, between, experiment):
    """
    The answer that refuses says to wait for 4 seconds, too; fewer at once is the cure.
    """
    proxy = between(litellm)

    done = experiment(
        [{}] * 30,
        {"local": lane(proxy.url)},
        keys={"PROXY_KEY": "sk-parallel-3-once"},
        model="slow",
    )

    assert done.code == 0, done.said
    assert {row["_status"] for row in done.rows} == {"ok"}
    exchanges = proxy.exchanges()
    refused = [each for each in exchanges if each.status == 429]
    assert {each.headers["rate_limit_type"] for each in refused} == {"max_parallel_requests"}
    later = exchanges[len(exchanges) // 2 :]
    assert len([each for each in later if each.status == 429]) <= len(refused) / 2


def test_every_cost_is_the_one_that_the_proxy_has_computed(litellm, between, experiment):
    """
    The tokens are those of a real model; the proxy multiplies in binary, we in decimal.
    """
    proxy = between(litellm)
    rows = [
        {"question": "why " * (number % 23), "param.max_tokens": 1 + number % 37}
        for number in range(1000)
    ]

    done = experiment(
        rows,
        {"local": lane(proxy.url)},
        "--concurrency",
        "16",
        keys={"PROXY_KEY": "sk-free-0-costs"},
        prices={"tiny": PER_MILLION},
    )

    assert done.code == 0, done.said
    asked = proxy.by_row()
    computed = {
        number: Decimal(tries[-1].headers["x-litellm-response-cost"])
        for number, tries in asked.items()
    }
    assert len(set(computed.values())) > 100
    digits = Decimal("1e-12")
    ours = {int(row["number"]): Decimal(row["_cost"]) for row in done.rows}
    assert ours == {number: cost.quantize(digits) for number, cost in computed.items()}
    total = sum(ours.values())
    usages = [json.loads(tries[-1].answered)["usage"] for tries in asked.values()]
    by_tokens = sum(3 * each["prompt_tokens"] + 15 * each["completion_tokens"] for each in usages)
    assert total == Decimal(by_tokens) / 1_000_000


def test_a_key_that_it_does_not_know_is_unauthorized(litellm, between, experiment):
    proxy = between(litellm)

    done = experiment(
        [{}] * 12, {"local": lane(proxy.url)}, keys={"PROXY_KEY": "sk-nobody"}, model="mock"
    )

    assert done.code not in {0, 2}, done.said
    assert len(proxy.exchanges()) == 1
    assert {(row["_status"], row["_error_type"]) for row in done.rows} == {("skipped", "closed")}
    assert all("401" in row["_error"] for row in done.rows)
    assert "sk-nobody" not in done.path.read_text(encoding="utf-8") + done.said


def test_a_model_that_it_does_not_know_closes_its_own_lane_after_one_request(
    litellm, between, experiment
):
    """It says 400 where others say 404."""
    proxy = between(litellm)
    rows = [{"model": "nothing" if number % 4 == 0 else "mock"} for number in range(12)]

    done = experiment(rows, {"local": lane(proxy.url)}, keys={"PROXY_KEY": "sk-free-0-model"})

    assert done.code == 3, done.said
    left = [row for row in done.rows if row["_status"] == "skipped"]
    assert [row["model"] for row in left] == ["nothing"] * 3
    assert {row["_status"] for row in done.rows if row["model"] == "mock"} == {"ok"}
