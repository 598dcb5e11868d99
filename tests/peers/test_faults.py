"""Through a proxy that breaks what passes: nothing is lost, nothing doubled, every wait is kept."""

from __future__ import annotations

import itertools

import pytest

pytestmark = pytest.mark.peers

KEYS = {"LLAMA_KEY": "sk-llama"}
FAULTS = ("429", "503", "kill", "delay", "cut")
# One request in five: that a row meets six of them in a row is out of the question.
MIX = ",".join(f"pass,pass,pass,pass,{fault}" for fault in FAULTS)


def lane(url):
    return {"provider": "openai", "url": f"{url}/v1", "key-env": "LLAMA_KEY"}


@pytest.mark.timeout(180)
def test_no_fault_loses_a_row_or_asks_for_one_that_was_answered(llama, between, experiment):
    proxy = between(llama, faults=MIX)
    rows = [{"param.max_tokens": 8}] * 160

    done = experiment(rows, {"local": lane(proxy.url)}, "--concurrency", "8", keys=KEYS)

    assert done.code == 0, done.said
    assert [int(row["number"]) for row in done.rows] == list(range(1, 161))
    assert {exchange.fault for exchange in proxy.exchanges()} == {"pass", *FAULTS}
    asked = proxy.by_row()
    for row in done.rows:
        tries = asked[int(row["number"])]
        assert [each.good for each in tries] == [False] * (len(tries) - 1) + [True]
        assert row["_status"] not in {"error", "skipped"}
        assert int(row["_attempts"]) == len(tries)
        assert row["_http_status"] == "200"


@pytest.mark.parametrize(("concurrency", "tolerance"), [(1, 0.0), (8, 0.25)])
@pytest.mark.timeout(180)
def test_no_request_is_sent_while_the_server_has_asked_for_quiet(
    concurrency, tolerance, llama, between, experiment
):
    """
    With several in flight, some are on their way when the first is refused: they are spared.
    """
    proxy = between(llama, faults=",".join(["pass"] * 11 + ["429"]), retry_after=2)
    rows = [{"param.max_tokens": 4}] * 48

    done = experiment(
        rows, {"local": lane(proxy.url)}, "--concurrency", str(concurrency), keys=KEYS
    )

    assert done.code == 0, done.said
    exchanges = proxy.exchanges()
    refused = [each for each in exchanges if each.status == 429]
    assert len(refused) >= 4
    inside = [
        (round(other.began - each.ended, 3), other.row)
        for each, other in itertools.product(refused, exchanges)
        if tolerance < other.began - each.ended < 2
    ]
    assert inside == []
