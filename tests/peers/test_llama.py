"""Against a real llama.cpp server: three protocols, its own errors, and answers that are junk."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.peers

# Of each provider: what comes after the server's address, and the column of the longest answer.
PROTOCOLS = {
    "openai": ("/v1", "param.max_tokens"),
    "anthropic": ("", "param.max_tokens"),
    "openai-responses": ("/v1", "param.max_output_tokens"),
}
# In a process of its own: Polars opens, once, what it keeps for the life of the process.
READ_BY_POLARS = """
import json, sys
import polars as pl

table = pl.read_csv(sys.argv[1], infer_schema=False).fill_null("")
print(json.dumps(dict(table.select("number", "_output").iter_rows())))
"""
KEYS = {"LLAMA_KEY": "sk-llama", "WRONG_KEY": "sk-wrong"}


def lane(url, provider="openai", key_env="LLAMA_KEY"):
    return {"provider": provider, "url": url + PROTOCOLS[provider][0], "key-env": key_env}


def text_of(reply):
    """Return the answer in a reply of any of the protocols."""
    if "choices" in reply:
        return reply["choices"][0]["message"]["content"]
    if "output" in reply:
        return "".join(part["text"] for each in reply["output"] for part in each["content"])
    return "".join(part["text"] for part in reply["content"])


def tokens_of(usage):
    """Return tokens in and out; Anthropic's shape counts what came from a cache apart."""
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    cached = usage.get("cache_read_input_tokens", 0) + usage.get("cache_creation_input_tokens", 0)
    return usage["input_tokens"] + cached, usage["output_tokens"]


def as_csv(text):
    """Return what a results file holds of an answer: no NUL, which CSV readers stumble on."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_each_protocol_gives_the_answers_and_the_tokens_of_the_server(
    provider, llama, between, experiment
):
    proxy = between(llama)
    rows = [{PROTOCOLS[provider][1]: 8 + number} for number in range(16)]
    lanes = {"local": lane(proxy.url, provider)}

    done = experiment(rows, lanes, "--concurrency", "4", keys=KEYS)

    assert done.code == 0, done.said
    asked = proxy.by_row()
    assert sorted(asked) == list(range(1, 17))
    for row in done.rows:
        [exchange] = asked[int(row["number"])]
        assert row["_status"] in {"ok", "truncated", "empty"}, row
        assert row["_output"] == as_csv(text_of(exchange.reply))
        counted = (int(row["_in_tokens"]), int(row["_out_tokens"]))
        assert counted == tokens_of(exchange.reply["usage"])
        assert (row["_tokens_source"], row["_model_used"]) == ("usage", "tiny")
        assert (row["_attempts"], row["_http_status"]) == ("1", "200")


def test_an_answer_that_was_cut_at_its_longest_is_truncated_and_not_ok(llama, between, experiment):
    proxy = between(llama)
    rows = [{"param.max_tokens": 4}] * 6

    done = experiment(rows, {"local": lane(proxy.url)}, keys=KEYS)

    asked = proxy.by_row()
    reasons = [
        asked[int(row["number"])][0].reply["choices"][0]["finish_reason"] for row in done.rows
    ]
    assert "length" in reasons
    assert [row["_finish"] for row in done.rows] == reasons
    for row, reason in zip(done.rows, reasons, strict=True):
        assert (row["_status"] == "truncated") == (reason == "length")


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_a_prompt_beyond_the_context_fails_alone_and_is_not_sent_again(
    provider, llama, between, experiment
):
    proxy = between(llama)
    rows = [{"question": "why?", PROTOCOLS[provider][1]: 8} for _ in range(6)]
    rows[3]["question"] = "x y " * 900

    done = experiment(rows, {"local": lane(proxy.url, provider)}, keys=KEYS)

    assert done.code == 1, done.said
    long = done.rows[3]
    assert (long["_status"], long["_error_type"]) == ("error", "context_overflow")
    assert "512" in long["_error"]  # the server's own words
    assert (long["_attempts"], long["_http_status"]) == ("1", "400")
    assert len(proxy.by_row()[4]) == 1
    others = done.rows[:3] + done.rows[4:]
    assert not [row for row in others if row["_status"] in {"error", "skipped"}]


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_a_wrong_key_costs_one_request_and_the_other_lane_goes_on(
    provider, llama, between, experiment
):
    bad, good = between(llama), between(llama)
    lanes = {
        "bad": lane(bad.url, provider, "WRONG_KEY"),
        "good": lane(good.url, provider),
    }
    most = PROTOCOLS[provider][1]
    rows = [{"provider": name, most: 8} for name in ("bad", "good") * 10]

    done = experiment(rows, lanes, keys=KEYS)

    assert done.code not in {0, 2}, done.said
    assert len(bad.exchanges()) == 1
    assert len(good.exchanges()) == 10
    of_bad = [row for row in done.rows if row["provider"] == "bad"]
    of_good = [row for row in done.rows if row["provider"] == "good"]
    assert {(row["_status"], row["_error_type"]) for row in of_bad} == {("skipped", "closed")}
    assert all("401" in row["_error"] for row in of_bad)
    assert not [row for row in of_good if row["_status"] in {"error", "skipped"}]
    assert "sk-wrong" not in done.path.read_text(encoding="utf-8") + done.said


def test_junk_survives_the_way_through_the_file(llama, between, experiment):
    """The answers hold control characters, quotes, commas, line ends and replaced bytes."""
    proxy = between(llama)
    rows = [
        {"param.max_tokens": 64, "param.temperature": 2.0, "param.seed": number}
        for number in range(60)
    ]

    done = experiment(rows, {"local": lane(proxy.url)}, "--concurrency", "4", keys=KEYS)

    assert done.code == 0, done.said
    said = {
        str(number): as_csv(text_of(exchange.reply))
        for number, [exchange] in proxy.by_row().items()
    }
    for nasty in ('"', ",", "\n", "\r", "\x1b", "\N{REPLACEMENT CHARACTER}"):
        assert any(nasty in text for text in said.values()), f"no answer holds {nasty!r}"
    assert {row["number"]: row["_output"] for row in done.rows} == said
    command = [sys.executable, "-c", READ_BY_POLARS, str(done.path)]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout) == said
