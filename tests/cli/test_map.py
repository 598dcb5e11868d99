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


def test_the_format_and_the_encoding_of_rows_can_be_said(treadle_command):
    Path("table.data").write_bytes("a;b\nä;1\n".replace(";", "\t").encode("latin-1"))
    arguments = ("map", "mine.py:field", "table.data", "--rows", *HERE)
    code, out, _ = treadle_command(*arguments, "--format", "tsv", "--encoding", "latin-1")
    assert (code, out) == (0, ["ä"])


def test_the_encoding_of_lines_can_be_said(treadle_command):
    Path("words.txt").write_bytes("ä\n".encode("latin-1"))
    arguments = ("map", "mine.py:upper", "words.txt", "--lines", "--encoding", "latin-1", *HERE)
    assert treadle_command(*arguments)[1] == ["Ä"]


@pytest.mark.parametrize(
    "command", ["map", "resume", "retry", "runs", "show", "export", "prune", "doctor"]
)
def test_help_fits_80_columns_and_does_not_speak_of_types(treadle_command, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = treadle_command(command, "--help")
    assert code == 0
    assert max(map(len, out)) <= 80
    assert "Examples:" in "\n".join(out)
    for word in ("<str>", "list[str]", "int range", "<int>"):
        assert word not in "\n".join(out)


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
    assert "hint: quote a pattern" in err


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (("empty.csv", "--rows"), "no row below the header"),
        (("empty.txt", "--lines"), "the file is empty"),
        (("hollow",), "there are no files in it"),
    ],
)
def test_nothing_to_do_is_explained_by_what_was_asked_for(treadle_command, source, hint):
    Path("hollow").mkdir()
    Path("empty.txt").touch()
    Path("empty.csv").write_text("a,b\n")
    code, _, err = treadle_command("map", "mine.py:size", *source, *HERE)
    assert code == 3
    assert hint in err
    assert "quote" not in err


def test_a_run_that_stopped_before_its_first_item_did_not_find_nothing_to_do():
    from treadle import events
    from treadle.cli.data import Values
    from treadle.cli.execute import Ended

    ended = Ended(Values(None, json=False), printed=False)
    assert ended.exit == 3
    ended(events.RunEnded(at=1.0, stopped="the deadline was reached"))
    assert ended.exit == 1


def test_a_run_that_was_stopped_did_not_succeed_even_if_its_items_did():
    from treadle import events
    from treadle.cli.data import Values
    from treadle.cli.execute import Ended

    ended = Ended(Values(None, json=False), printed=False)
    ended.stats.ok = 3
    assert ended.exit == 0
    ended(events.RunEnded(at=1.0, stopped="the deadline was reached"))
    assert ended.exit == 1


def test_without_stdout_nothing_is_run(treadle_command, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    code, _, err = treadle_command("map", "mine.py:size", "data", *HERE)
    assert code == 2
    assert "error: stdout is closed" in err
    assert "hint: --into FILE" in err


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
        (["mine.py:size", "data", "--workers", "0"], "--workers takes a whole number", "4"),
        (["mine.py:size", "data", "--workers", "[/b]"], "got '[/b]'", "--workers 4"),
        (["mine.py:size", "data", "--retries", "-1"], "--retries takes a whole number from 0", ""),
        (["mine.py:size", "data", "--seed", "x"], "--seed takes a whole number, got 'x'", ""),
        (["mine.py:size", "data", "--backend", "prcs"], "--backend takes auto,", "processes?"),
        (["mine.py:size", "data", "--progress", "x"], "--progress takes auto,", "--progress auto"),
        (["mine.py:size", "data", "--format", "csv"], "--format is that of rows", "add --rows"),
        (["mine.py:size", "data", "--encoding", "latin-1"], "--encoding is that of", "paths"),
        (["mine.py:size", "data", "-q", "-v"], "--quiet and --verbose exclude", "choose one"),
        (["mine.py:size", "data", "--resume"], "--resume is about the record", "add --into"),
        (["mine.py:size", "data", "--name", "n"], "--name is about the record", "add --into"),
        (["mine.py:size", "data", "--durability", "item"], "--durability is about", "add --into"),
        (["mine.py:size", "data", "--version", "2"], "--version is about", "add --into"),
        (["mine.py:size", "data", "--fingerprint", "stat"], "--fingerprint is about", "--into"),
        (["mine.py:size", "data", "--durability", "itm"], "--durability takes", "did you mean"),
        (
            ["mine.py:size", "data", "--into", "o.csv", "--resume", "--durability", "none"],
            "--resume needs the record",
            "leave --durability out",
        ),
        (
            ["mine.py:size", "data", "--into", "o.csv", "--resume", "--shuffle"],
            "--resume with --shuffle needs the order",
            "--seed",
        ),
        (
            ["mine.py:size", "a", "--lines", "--into", "o.csv", "--fingerprint", "content"],
            "--fingerprint is that of files",
            "leave",
        ),
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


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_value_without_a_json_form_is_a_failed_item_on_stdout_too(treadle_command, flags):
    Path("words.txt").write_text("a\n")
    arguments = ("map", "mine.py:odd", "words.txt", "--lines", *flags)
    code, out, err = treadle_command(*arguments, *HERE)
    assert code == 1
    assert "0 ok, 1 failed" in err
    assert "item 1 cannot be printed: mine.Odd has no columns and no plain form" in err
    assert [json.loads(line)["ok"] for line in out] == ([False] if flags else [])


def test_not_a_number_is_null_in_json(treadle_command):
    Path("nan.py").write_text("def f(line): return [float('nan'), float('inf')]\n")
    Path("words.txt").write_text("a\n")
    assert treadle_command("map", "nan.py:f", "words.txt", "--lines", *HERE)[1] == ["[null, null]"]


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


@pytest.mark.parametrize("flags", [("--rows",), ("--lines",), ()])
def test_a_source_is_never_overwritten_by_its_own_results(treadle_command, flags):
    Path("table.csv").write_text("a\n1\n")
    into = ("--into", "./table.csv")
    code, _, err = treadle_command("map", "mine.py:field", "table.csv", *flags, *into, *HERE)
    assert code == 2
    assert "would overwrite the source" in err
    assert Path("table.csv").read_text() == "a\n1\n"


def test_results_in_the_folder_of_the_source_are_no_items_of_the_next_run(treadle_command):
    arguments = ("map", "mine.py:size", "data", "--into", "data/out.csv", *HERE)
    for _ in range(2):
        code, _, err = treadle_command(*arguments)
        assert code == 0
        assert "3 ok" in err


def test_an_interrupted_or_failed_run_says_that_the_results_of_before_are_untouched(
    treadle_command,
):
    Path("old.csv").write_text("key\nold\n")
    arguments = ("map", "mine.py:parse", "data/b.csv", "--into", "old.csv", *HERE)
    code, _, err = treadle_command(*arguments)
    assert code == 1
    assert "results: none; old.csv was not written" in err
    assert Path("old.csv").read_text() == "key\nold\n"
