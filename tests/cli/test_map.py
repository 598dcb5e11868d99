"""``treadle map``: stdout is data, stderr is for people, the exit code tells a script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = ("--backend", "inline")


def test_values_are_printed_one_by_one(treadle_command):
    code, out, err = treadle_command("map", "mine.py:size", "data", *HERE)
    assert code == 0
    assert sorted(map(int, out)) == [4, 4, 6]
    assert "size: 3 items" in err
    assert "3 ok" in err


def test_text_is_printed_as_it_is_and_other_values_as_json(treadle_command):
    Path("words.txt").write_text("a\nb\n")
    assert treadle_command("map", "mine.py:upper", "words.txt", "--lines", *HERE)[1] == ["A", "B"]
    _, out, _ = treadle_command("map", "mine.py:parse", "data/a.csv", *HERE)
    assert [json.loads(line) for line in out] == [{"name": "a.csv", "rows": 2}]


def test_a_failed_item_is_named_with_its_reason_and_the_exit_code_is_1(treadle_command):
    code, out, err = treadle_command("map", "mine.py:parse", "data/*.csv", *HERE)
    assert code == 1
    assert len(out) == 2
    assert "failed: b.csv: raised ValueError: no header in [b.csv]" in err
    assert "parse: 3 items" in err
    assert "2 ok, 1 failed" in err


def test_json_has_every_ending(treadle_command):
    code, out, _ = treadle_command("map", "mine.py:parse", "data", "--json", *HERE)
    outcomes = {outcome["key"]: outcome for outcome in map(json.loads, out)}
    assert code == 1
    good, bad = outcomes["a.csv"], outcomes["b.csv"]
    assert good["ok"] is True
    assert good["value"] == {"name": "a.csv", "rows": 2}
    assert "error" not in good
    assert bad["ok"] is False
    assert bad["verdict"] == "raised ValueError"
    assert bad["error"]["type"] == "ValueError"
    assert bad["error"]["message"] == "no header in [b.csv]"
    assert "in parse" in bad["error"]["traceback"]
    assert "value" not in bad
    common = {"key", "ok", "verdict", "attempts", "started", "duration"}
    assert common | {"cpu", "peak_memory", "worker"} <= set(good) & set(bad)


def test_rows_are_named_by_their_key_column(treadle_command):
    Path("table.csv").write_text("id,a\nx,1\ny,2\n")
    arguments = ("map", "mine.py:field", "table.csv", "--rows", "--key", "id", "--json", *HERE)
    _, out, _ = treadle_command(*arguments)
    assert {one["key"]: one["value"] for one in map(json.loads, out)} == {"x": "1", "y": "2"}


def test_limit_shuffle_and_seed(treadle_command):
    Path("words.txt").write_text("".join(f"w{number}\n" for number in range(50)))
    arguments = ("map", "mine.py:upper", "words.txt", "--lines", "--shuffle", "--limit", 5, *HERE)
    _, first, err = treadle_command(*arguments, "--seed", 7)
    assert len(first) == 5
    assert first != [f"W{number}" for number in range(5)]
    assert "--seed 7 gives this order again" in err
    assert treadle_command(*arguments, "--seed", 7)[1] == first


def test_quiet_says_nothing_but_errors(treadle_command):
    assert treadle_command("map", "mine.py:parse", "data", "-q", *HERE)[2] == ""
    code, _, err = treadle_command("map", "mine.py:parse", "nowhere", "-q", *HERE)
    assert code == 2
    assert err.startswith("error: 'nowhere' does not exist")


def test_verbose_shows_tracebacks(treadle_command):
    _, _, err = treadle_command("map", "mine.py:parse", "data", "--verbose", *HERE)
    assert "| ValueError: no header in [b.csv]" in err


def test_progress_none_still_sums_up_and_json_is_all_json(treadle_command):
    _, _, err = treadle_command("map", "mine.py:parse", "data", "--progress", "none", *HERE)
    assert err.startswith("parse: 3 items")
    _, _, err = treadle_command("map", "mine.py:parse", "data", "--progress", "json", *HERE)
    told = [json.loads(line) for line in err.splitlines()]
    assert told[0]["event"] == "started"
    assert told[-1]["event"] == "ended"
    assert [one["key"] for one in told if one["event"] == "failed"] == ["b.csv"]


def test_nothing_to_do_is_an_exit_code_of_its_own(treadle_command):
    code, out, err = treadle_command("map", "mine.py:size", "data/*.zip", *HERE)
    assert (code, out) == (3, [])
    assert "error: nothing to do: no item in data/*.zip" in err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["mine.py:sise", "data"], "there is no 'sise' in mine.py", "did you mean size?"),
        (["mine.py:size", "dat"], "'dat' does not exist", "did you mean 'data'?"),
        (["mine.py:size", "data", "--timeout", "x"], "--timeout takes a span", "--timeout 30"),
        (["mine.py:size", "data", "--rate", "x"], "--rate takes a number", "--rate 600/min"),
        (["mine.py:size", "data", "--key", "a"], "--key names a column", "add --rows"),
        (["mine.py:size", "a", "b", "--rows"], "--rows takes one source, got 2", "one after"),
        (["mine.py:size", "-", "data"], "- takes one source", ""),
        (["mine.py:size", "-", "--rows", "--lines"], "exclude each other", "choose one"),
        (["mine.py:size", "data", "--bogus"], "no such option", "--help"),
        (["mine.py:size", "data", "--workers", "0"], "invalid value for '--workers'", "--help"),
        (["mine.py:size", "data", "--workers", "[/b]"], "'--workers'", "--help"),
        (["mine.py:size", "data", "--backend", "x"], "'--backend'", "--help"),
        (["mine.py:size"], "missing argument", "--help"),
    ],
)
def test_a_mistake_is_an_error_and_a_hint_and_nothing_is_run(
    treadle_command, arguments, message, hint
):
    code, out, err = treadle_command("map", *arguments)
    assert (code, out) == (2, [])
    error, *rest = err.splitlines()
    assert error.startswith("error: ")
    assert message.lower() in error.lower()
    assert hint in "\n".join(rest)
    assert not rest or rest[0].startswith("hint: ")


def test_an_unexpected_exception_asks_for_a_report(treadle_command, monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("a bug [/bold]")

    monkeypatch.setattr("treadle.cli.commands.map.execute", broken)
    code, _, err = treadle_command("map", "mine.py:size", "data")
    assert code == 70
    assert "Traceback (most recent call last)" in err
    assert "RuntimeError: a bug [/bold]" in err
    assert "please report it" in err


def test_the_version(treadle_command):
    code, out, _ = treadle_command("--version")
    assert code == 0
    assert out[0].startswith("treadle ")


def test_flags_reach_the_run_as_arguments(folder, monkeypatch):
    """
    What was typed is what treadle.map and treadle.run are called with.
    """
    import treadle
    from treadle.cli.options import MapOptions
    from treadle.cli.plan import Plan

    plan = Plan.of(
        MapOptions(
            function="mine.py:with_state",
            source=("data",),
            setup="setup",
            timeout="2m",
            retries=2,
            rate="600/min",
            workers=3,
            on_error="stop",
            deadline="1h",
            grace="5",
        )
    )
    given = dict(plan.arguments)
    assert given.pop("retry") == treadle.Retry(attempts=3)
    assert given.pop("rate") == treadle.Rate(600, per=60)
    assert given.pop("setup")() == "state"
    assert given.pop("deadline").total_seconds() == 3600
    assert given == {
        "timeout": 120.0,
        "workers": 3,
        "on_error": "stop",
        "grace": 5.0,
        "backend": "auto",
        "ordered": False,
    }


def test_what_the_function_prints_in_this_process_does_not_mix_with_the_data(treadle_command):
    Path("words.txt").write_text("a\nb\n")
    _, out, err = treadle_command("map", "mine.py:talk", "words.txt", "--lines", *HERE)
    assert out == ["a", "b"]
    assert "working on a" in err


def test_a_value_that_the_file_cannot_hold_is_a_failed_item(treadle_command):
    Path("words.txt").write_text("a\n")
    arguments = ("map", "mine.py:odd", "words.txt", "--lines", "--into", "out.jsonl")
    code, _, err = treadle_command(*arguments, *HERE)
    assert code == 1
    assert "0 ok, 1 failed" in err
    assert "SinkFailed" in err


def test_a_value_without_a_json_form_is_printed_by_its_name(treadle_command):
    Path("words.txt").write_text("a\n")
    code, out, _ = treadle_command("map", "mine.py:odd", "words.txt", "--lines", *HERE)
    assert code == 0
    assert json.loads(out[0]) == "<odd>"


def test_json_and_into_go_together(treadle_command):
    arguments = ("map", "mine.py:parse", "data", "--into", "out.jsonl", "--json", *HERE)
    _, out, _ = treadle_command(*arguments)
    assert {json.loads(line)["key"] for line in out} == {"a.csv", "b.csv", "c10.csv"}
    assert len(Path("out.jsonl").read_text().splitlines()) == 2


def test_a_source_that_breaks_ends_the_run_after_what_settled(treadle_command):
    Path("words.txt").write_bytes(b"a\nb\n\xff\n")
    code, out, err = treadle_command("map", "mine.py:upper", "words.txt", "--lines", *HERE)
    assert code == 1
    assert out == ["A", "B"]
    assert "2 ok" in err
    assert err.count("error: ") == 1
    assert "line 3 of words.txt is not utf-8" in err
    assert "hint: " in err


def test_a_function_that_cannot_travel_is_refused_before_anything_runs(treadle_command):
    Path("locked.py").write_text(
        "import threading\n"
        "def make():\n"
        "    lock = threading.Lock()\n"
        "    return lambda item: lock\n"
        "f = make()\n"
    )
    code, out, err = treadle_command("map", "locked.py:f", "data", "--workers", "1")
    assert (code, out) == (2, [])
    assert "cannot be pickled" in err
    assert "lock" in err
