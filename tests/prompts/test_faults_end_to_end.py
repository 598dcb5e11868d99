"""What goes wrong on the way to a provider, from a real server to the results file."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from treadle import prompts
from treadle.cli import main
from treadle.prompts import lanes

sys.path.insert(0, str(Path(__file__).parent))
from servers import (
    KEY,
    Reply,
    Server,
    at_home,
    echo,
    eventually_there,
    lane,
    ok,
    prompt,
    records,
    refused,
    results,
    table,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


@pytest.fixture
def server():
    with Server() as server:
        lane(server)
        yield server


def run(output="results.csv", **options):
    return prompts.run("rows.csv", "prompt.txt", output, **{"backoff": 0.01, **options})


@pytest.fixture
def type_in(capfd):
    """Run ``treadle prompts run`` in this process; return exit code, stdout and stderr."""

    def type_in(*arguments):
        typed = ("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "results.csv", *arguments)
        code = main(["prompts", *map(str, typed)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


def two_lanes(server, rows):
    """A table whose rows go to the lane ``mine`` and to ``other`` in turn."""
    lane(server, "other", key_env="OTHER_KEY")
    lines = [f"{name},{name},topic {row}" for row in range(rows) for name in ("mine", "other")]
    Path("rows.csv").write_text("provider,model,topic\n" + "\n".join(lines) + "\n")
    prompt()


def sent_to(server, model):
    return [asked for asked in server.log if asked.model == model]


# --- a lane that cannot work ---------------------------------------------------------------------

NO_KEY = refused(401, "invalid_api_key", "Incorrect API key provided")
NO_MONEY = {
    "402": refused(402, "", "Payment required"),
    "insufficient_quota": refused(429, "insufficient_quota", "You exceeded your current quota"),
}


def test_a_wrong_key_costs_one_request_and_the_right_one_finishes(server, type_in, monkeypatch):
    two_lanes(server, 8)
    monkeypatch.setenv("MINE_KEY", "wrong")
    monkeypatch.setenv("OTHER_KEY", "right")
    server.handler = lambda asked: echo(asked) if asked.key == "right" else NO_KEY

    code, _, err = type_in()
    assert code == 3
    assert len(sent_to(server, "mine")) == 1
    assert len(sent_to(server, "other")) == 8
    assert "the lane mine/mine was closed: HTTP 401: Incorrect API key provided" in err
    statuses = Counter((row["model"], row["_status"]) for row in results())
    assert statuses == {("mine", "skipped"): 8, ("other", "ok"): 8}
    assert {row["_error_type"] for row in results() if row["model"] == "mine"} == {"closed"}

    monkeypatch.setenv("MINE_KEY", "right")
    code, _, err = type_in()
    assert code == 0
    assert len(sent_to(server, "mine")) == 1 + 8
    assert len(sent_to(server, "other")) == 8, "what is answered is not asked again"
    assert [row["_status"] for row in results()] == ["ok"] * 16


@pytest.mark.parametrize("kind", NO_MONEY)
def test_an_empty_account_closes_its_lane_and_no_other(server, type_in, kind):
    two_lanes(server, 5)
    empty = True
    server.handler = lambda asked: (
        NO_MONEY[kind] if empty and asked.model == "mine" else echo(asked)
    )
    code, _, err = type_in()
    assert code == 3
    assert len(sent_to(server, "mine")) == 1
    assert len(sent_to(server, "other")) == 5
    assert NO_MONEY[kind].body["error"]["message"] in err
    assert "the same command asks the rest" in err
    empty = False
    assert type_in()[0] == 0
    assert len(sent_to(server, "mine")) == 1 + 5
    assert [row["_status"] for row in results()] == ["ok"] * 10


def test_a_key_that_is_refused_in_the_middle_loses_nothing(server):
    """As when it is revoked while many requests are in flight."""
    table(30)
    prompt()
    server.handler = lambda asked: echo(asked) if asked.number <= 12 else NO_KEY
    report = run(concurrency=4)
    assert report.pending == 18
    assert report.failed == 0
    assert len(server.log) <= 12 + 4
    assert "HTTP 401" in report.closed["mine/tiny"]
    server.handler = echo
    assert run().pending == 0
    assert [row["_status"] for row in results()] == ["ok"] * 30
    assert Counter(server.said) - Counter(set(server.said)) <= Counter(
        asked.said for asked in server.log if asked.status == 401
    ), "nothing that was answered was asked twice"


def test_a_server_that_is_not_there_closes_its_lane(type_in, monkeypatch):
    made = lanes._lane
    monkeypatch.setattr(lanes, "_lane", lambda each: replace(made(each), fault_pause=0.01))
    with Server() as gone:
        lane(gone)
    table(20)
    prompt()
    code, _, err = type_in("--backoff", "0.01")
    assert code == 3
    assert "no connection to" in err
    assert {row["_status"] for row in results()} == {"skipped"}


def test_a_key_that_is_not_set_is_no_reason_to_hold_other_lanes_up(server, type_in):
    """The provider says whether it needs one."""
    two_lanes(server, 2)
    server.handler = lambda asked: NO_KEY if not asked.key else echo(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_KEY", "right")
        code, _, _ = type_in()
    assert code == 3
    assert [row["_status"] for row in results()] == ["skipped", "ok"] * 2


# --- told to wait --------------------------------------------------------------------------------


def test_a_lane_that_is_told_to_wait_is_silent_so_long_and_the_other_goes_on(server):
    two_lanes(server, 6)
    refused_once = asyncio.Event()

    async def handler(asked):
        if asked.model == "mine" and len(sent_to(server, "mine")) == 3:
            refused_once.set()
            return refused(429, "rate_limit_exceeded", "slow down", Retry_After=1)
        if asked.model == "other" and len(sent_to(server, "other")) == 3:
            await refused_once.wait()
        return echo(asked)

    server.handler = handler
    report = run(concurrency=1)
    assert (report.failed, report.pending) == (0, 0)
    mine, other = sent_to(server, "mine"), sent_to(server, "other")
    window = mine[2].ended, mine[2].ended + 1.0
    assert mine[2].status == 429
    assert mine[3].at >= window[1]
    assert [asked for asked in other if window[0] < asked.at < mine[3].at], "the other went on"
    assert (len(mine), len(other)) == (7, 6)
    (late,) = (row for row in results() if row["_attempts"] == "2")
    assert late["_row"] == "5"
    assert float(late["_waited_s"]) >= 0.99


def test_when_many_are_told_to_wait_at_once_nothing_starts_inside_the_window(server):
    """Those numbered 8 to 13 are all that is in flight, and are refused together."""
    table(30)
    prompt()
    full = asyncio.Barrier(6)

    async def handler(asked):
        if 8 <= asked.number <= 13:
            await full.wait()
            return refused(429, "rate_limit_exceeded", "slow down", Retry_After="0.4")
        return echo(asked)

    server.handler = handler
    report = run(concurrency=6)
    assert (report.failed, report.pending) == (0, 0)
    told = [asked for asked in server.log if asked.status == 429]
    assert len(told) == 6
    assert server.log[13].at >= max(asked.ended for asked in told) + 0.4
    assert server.log[14].at >= server.log[13].ended, "one alone finds out whether it was enough"
    assert Counter(row["_attempts"] for row in results()) == {"1": 24, "2": 6}


def test_a_server_that_says_come_back_tomorrow_leaves_the_rest_for_tomorrow(server, type_in):
    table(5)
    prompt()
    server.handler = lambda asked: (
        echo(asked) if asked.number <= 2 else refused(429, "x", "enough", Retry_After=86400)
    )
    code, _, err = type_in("--concurrency", 1)
    assert code == 3
    assert "86,400 s" in err
    assert Counter(row["_status"] for row in results()) == {"ok": 2, "skipped": 3}
    assert len(server.log) == 3


# --- faults that pass ----------------------------------------------------------------------------

CUT = Reply('{"id": "chatcmpl-1", "choices": [{"index": 0, "mess')
PAGE = Reply("<html><title>503 Service Unavailable</title></html>", 503, kind="text/html")
INSIDE = Reply({"error": {"message": "upstream broke", "code": 502}})


def test_whatever_passes_is_survived_without_a_loss_or_a_double(server):
    """Three in four requests fail first, in one of seven ways; some fail twice."""
    table(60)
    prompt()
    dice = random.Random(4)
    faults = {}

    def refuse_shortly():
        return refused(429, "rate_limit_exceeded", "slow down", Retry_After="0.05")

    async def slow(asked):
        await eventually_there(lambda: server.log[-1] is not asked or len(server.log) > 80)
        return echo(asked)

    async def never(asked):
        await asyncio.Event().wait()

    kinds = {
        "429": lambda asked: refuse_shortly(),
        "503": lambda asked: PAGE,
        "reset": lambda asked: Reply(reset=True),
        "cut": lambda asked: CUT,
        "inside": lambda asked: INSIDE,
        "slow": slow,
        "none": echo,
    }

    async def handler(asked):
        if asked.said == "Say topic 33" and asked.time == 1:
            return await never(asked)
        if asked.said not in faults:
            faults[asked.said] = dice.choice(list(kinds)), dice.choice([1, 1, 2])
        kind, times = faults[asked.said]
        if asked.time > times:
            return echo(asked)
        reply = kinds[kind](asked)
        return reply if isinstance(reply, Reply) else await reply

    server.handler = handler
    report = run(concurrency=5, timeout=1.5)
    assert (report.sent, report.failed, report.pending) == (60, 0, 0)
    assert {kind for kind, _ in faults.values()} == set(kinds)

    rows = results()
    assert [row["topic"] for row in rows] == [f"topic {number}" for number in range(1, 61)]
    assert [row["_output"] for row in rows] == [f"answer to Say {row['topic']}" for row in rows]
    times = Counter(server.said)
    assert {row["topic"]: int(row["_attempts"]) for row in rows} == {
        row["topic"]: times[f"Say {row['topic']}"] for row in rows
    }
    assert {row["_waited_s"] for row in rows if row["_attempts"] == "1"} == {"0.0"}
    assert run().sent == 0


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (PAGE, "overloaded", "503"),
        (Reply(reset=True), "network", ""),
        (CUT, "bad_reply", "200"),
        (INSIDE, "server_error", "200"),
        (refused(500), "server_error", "500"),
    ],
    ids=["503", "reset", "cut", "inside", "500"],
)
def test_what_does_not_pass_is_tried_so_often_and_named(server, reply, kind, status):
    table(["a", "bad", "c"])
    prompt()
    server.handler = lambda asked: reply if "bad" in asked.said else echo(asked)
    report = run(retries=2, concurrency=1)
    assert (report.failed, report.pending) == (1, 0)
    bad = results()[1]
    assert [bad[f"_{name}"] for name in ("status", "error_type", "http_status", "attempts")] == [
        "error", kind, status, "3",
    ]  # fmt: skip
    assert Counter(server.said)["Say bad"] == 3


def test_what_comes_too_late_counts_as_no_answer(server):
    table(["a", "bad"])
    prompt()

    async def never(asked):
        if "bad" in asked.said:
            await asyncio.Event().wait()
        return echo(asked)

    server.handler = never
    report = run(retries=1, timeout=1.5)
    assert report.failed >= 1
    bad = results()[1]
    assert (bad["_status"], bad["_error_type"]) == ("error", "timeout")
    assert int(bad["_attempts"]) == Counter(server.said)["Say bad"] == 2


def test_a_gateway_that_fails_each_time_closes_the_lane_and_leaves_the_rows(server, monkeypatch):
    """
    Ten thousand rows are not turned into errors overnight.
    """
    made = lanes._lane
    monkeypatch.setattr(lanes, "_lane", lambda each: replace(made(each), fault_pause=0.01))
    table(200)
    prompt()
    server.handler = lambda _: refused(502, text="bad gateway")
    report = run()
    (why,) = report.closed.values()
    assert why.startswith("HTTP 502: bad gateway (5 times in a row)")
    assert report.failed < 20
    assert report.pending == 200 - report.failed
    server.handler = echo
    report = run(retry_errors=True)
    assert (report.failed, report.pending) == (0, 0)


# --- faults that do not --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(400, "context_length_exceeded", "maximum context length"), "context_overflow"),
        (refused(400, "content_filter", "filtered"), "filtered"),
        (refused(404, "model_not_found", "no such model"), "not_found"),
        (refused(422, "", "what is topic"), "bad_request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_fail_again_is_asked_once(server, reply, kind):
    table(["a", "bad", "c"])
    prompt()
    server.handler = lambda asked: reply if "bad" in asked.said else echo(asked)
    report = run()
    assert (report.failed, report.pending, report.closed) == (1, 0, {})
    assert Counter(server.said) == {"Say a": 1, "Say bad": 1, "Say c": 1}
    assert (results()[1]["_status"], results()[1]["_error_type"]) == ("error", kind)
    assert reply.body["error"]["message"] in results()[1]["_error"]


def test_an_answer_that_is_cut_filtered_or_empty_is_one_and_is_marked(server, type_in):
    table(["whole", "cut", "filtered", "empty"])
    prompt()
    replies = {
        "whole": ok("yes"),
        "cut": ok("I was about to", finish="length"),
        "filtered": ok("", finish="content_filter"),
        "empty": ok(""),
    }
    server.handler = lambda asked: replies[asked.said.split()[1]]
    code, _, _ = type_in()
    assert code == 0
    found = [(row["_status"], row["_output"], row["_finish"]) for row in results()]
    assert found == [
        ("ok", "yes", "stop"),
        ("truncated", "I was about to", "length"),
        ("filtered", "", "content_filter"),
        ("empty", "", "stop"),
    ]
    assert run().sent == 0


def test_answers_that_would_break_a_table_do_not(server):
    words = [
        'a,"b"\r\nc',
        "\x00\x07\x1b[31m",
        "=1+1",
        "\ufeffü€\U0001f600\u2028",
        '"' * 999,
        "x" * 1_000_000,
    ]
    table([f"topic {number}" for number in range(len(words))])
    prompt()
    server.handler = lambda asked: ok(words[int(asked.said[-1])])
    run()
    found = [row["_output"] for row in results()]
    assert found == [text.replace("\x00", "\ufffd") for text in words]
    assert results()[1]["_warnings"]


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "sk-live-0123456789abcdef"])
def test_a_key_is_nowhere_but_in_the_request(server, type_in, monkeypatch, key, home):
    """Even where a server repeats it in what it says."""
    monkeypatch.setenv("MINE_KEY", key)
    table(["a", "b", "c", "d"])
    prompt()
    echoes = {
        "Say b": refused(400, "", f"bad request with Authorization: Bearer {key}"),
        "Say c": Reply(f"<html><body>{key}", 500, kind="text/html"),
        "Say d": Reply(f'{{"cut for {key}'),
    }

    def handler(asked):
        assert asked.key == key
        return echoes.get(asked.said) or ok("x", system_fingerprint=key)

    server.handler = handler
    arguments = ("--retries", 1, "--backoff", 0, "--verbose", "--progress", "plain")
    code, out, err = type_in(*arguments)
    assert code == 1
    assert Counter(row["_status"] for row in results()) == {"ok": 1, "error": 3}
    server.handler = lambda asked: refused(401, "", f"Incorrect API key provided: {key}")
    code, out2, err2 = type_in("--fresh", *arguments)
    assert code == 3
    assert key not in out + err + out2 + err2
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name.startswith("ledger") for path in files)
    assert [path for path in files if key.encode() in path.read_bytes()] == []


def test_whole_replies_are_kept_on_request_alone(server, home):
    table(1)
    prompt()
    server.handler = lambda asked: ok("x", system_fingerprint="the-mark")

    def marked():
        files = (path for path in home.rglob("*") if path.is_file())
        return [path for path in files if b"the-mark" in path.read_bytes()]

    run()
    assert not marked()
    run(raw=True, fresh=True)
    assert marked()
    (answer,) = records()[-1][0].values()
    assert answer.raw["system_fingerprint"] == "the-mark"
