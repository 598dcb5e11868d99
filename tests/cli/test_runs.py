"""``treadle runs`` and ``show``: what was recorded, for people and for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import treadle

HERE = ("--backend", "inline")


@pytest.fixture
def recorded(treadle_command):
    """A run of three items called nightly, one of which failed; return its id."""
    arguments = ("map", "mine.py:parse", "data", "--into", "out.csv", "--name", "nightly", *HERE)
    assert treadle_command(*arguments)[0] == 1
    return json.loads(treadle_command("runs", "--json")[1][0])[-1]["id"]


def test_no_runs_are_an_exit_code_and_a_hint(treadle_command):
    code, out, err = treadle_command("runs")
    assert (code, out) == (3, [])
    assert err.startswith("error: there are no runs in ")
    assert "hint: treadle map" in err
    assert treadle_command("runs", "--json")[:2] == (3, ["[]"])


def test_the_table_has_the_newest_run_last_and_fits_80_columns(
    treadle_command, recorded, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    deep = Path("a folder with [brackets]", *["and a long name"] * 5, "out.jsonl")
    arguments = ("map", "mine.py:size", "data", "--into", deep, "--name", "[b]x[/b]", *HERE)
    assert treadle_command(*arguments)[0] == 0
    code, out, _ = treadle_command("runs")
    assert code == 0
    assert max(map(len, out)) <= 80
    head, first, what, second, other = out
    assert head.split() == ["RUN", "BEGAN", "STATE", "OK", "FAILED", "LEFT", "RATE"]
    assert first.split()[0] == recorded
    assert first.split()[3:7] == ["finished", "2", "1", "0"]
    assert what == "  nightly: mine:parse -> out.csv"
    assert second.split()[3:7] == ["finished", "3", "0", "0"]
    assert other.startswith("  [b]x[/b]: mine:size -> ")
    assert treadle_command("runs", "--limit", 1)[1] == [head, second, other]


def test_runs_as_json_have_the_documented_keys(treadle_command, recorded):
    (run,) = json.loads(treadle_command("runs", "--json")[1][0])
    assert run.pop("elapsed") >= 0
    assert run.pop("throughput") >= 0
    assert run.pop("began").startswith("20")
    assert run == {
        "id": recorded,
        "name": "nightly",
        "function": "mine:parse",
        "into": str(Path("out.csv").resolve()),
        "state": "finished",
        "total": 3,
        "ok": 2,
        "failed": 1,
        "left": 0,
        "folder": str(Path(".treadle/runs").resolve() / recorded),
    }


def test_a_run_is_found_by_id_prefix_name_and_latest(treadle_command, recorded):
    for word in (recorded, recorded[:-2], "nightly", "latest"):
        code, out, _ = treadle_command("show", word)
        assert code == 0
        assert out[0] == f"run       {recorded} (nightly)"


def test_of_two_runs_with_one_name_the_newest_is_meant(treadle_command, recorded):
    arguments = ("map", "mine.py:size", "data", "--into", "out.jsonl", "--name", "nightly", *HERE)
    assert treadle_command(*arguments)[0] == 0
    _, out, _ = treadle_command("show", "nightly", "--json")
    assert json.loads(out[0])["function"] == "mine:size"
    code, _, err = treadle_command("show", recorded[:4])
    assert code == 2
    assert "is the beginning of 2 runs" in err


def test_show_says_what_the_summary_said(treadle_command, recorded):
    code, out, err = treadle_command("show", recorded)
    text = "\n".join(out)
    assert (code, err) == (0, "")
    assert "items     2 ok, 1 failed, 0 left of 3" in text
    assert "into      out.csv" in text
    assert "1 x raised ValueError" in text
    assert "b.csv: no header in [b.csv]" in text


def test_show_lists_failed_and_slow_items(treadle_command, recorded):
    _, out, _ = treadle_command("show", recorded, "--failed", "--slow")
    at = out.index("failed:")
    assert out[at + 1] == "  b.csv: raised ValueError: no header in [b.csv]"
    slow = out[out.index("slowest:") + 1 :]
    assert len(slow) == 3
    assert all(any(key in line for line in slow) for key in ("a.csv", "b.csv", "c10.csv"))


def test_show_as_json(treadle_command, recorded):
    _, out, _ = treadle_command("show", recorded, "--json", "--failed", "--slow")
    shown = json.loads(out[0])
    assert shown["id"] == recorded
    assert shown["treadle"] == treadle.__version__
    assert shown["command"]["map"]["function"] == "mine.py:parse"
    assert shown["failures"] == [
        {"kind": "raised ValueError", "count": 1, "hint": None, "first": ["b.csv"]}
    ]
    (failed,) = shown["failed_items"]
    assert (failed["key"], failed["error"]["type"]) == ("b.csv", "ValueError")
    assert len(shown["slowest_items"]) == 3
    assert not any("value" in one for one in shown["slowest_items"])


def test_an_item_is_shown_with_its_attempts_its_traceback_and_what_it_printed(treadle_command):
    Path("words.txt").write_text("word\n")
    arguments = ("map", "mine.py:flaky", "words.txt", "--lines", "--into", "out.jsonl")
    assert treadle_command(*arguments, "--retries", 1, "--workers", 1)[0] == 0
    code, out, _ = treadle_command("show", "latest", "--item", "1")
    text = "\n".join(out)
    assert code == 0
    assert out[:2] == ["1: ok", "attempts  2"]
    assert "attempt 1, failed at " in text
    assert "OSError: not yet" in text
    assert "tried again after" in text
    assert "stdout: got word" in text
    _, out, _ = treadle_command("show", "latest", "--item", "1", "--json")
    item = json.loads(out[0])
    assert (item["key"], item["verdict"], item["attempts"]) == (1, "ok", 2)
    (attempt,) = item["earlier_attempts"]
    assert (attempt["attempt"], attempt["type"], attempt["message"]) == (1, "OSError", "not yet")
    assert [one["text"] for one in item["messages"]] == ["got word"]


def test_a_failed_item_is_shown_with_its_whole_traceback(treadle_command, recorded):
    _, out, _ = treadle_command("show", recorded, "--item", "b.csv")
    assert out[0] == "b.csv: raised ValueError"
    assert any('raise ValueError(f"no header in [{path.name}]")' in line for line in out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--item", "nothing.csv"), "has settled no item 'nothing.csv'"),
        (("--item", "a.csv", "--failed"), "--item and --failed exclude each other"),
    ],
)
def test_a_mistake_is_an_error_and_a_hint(treadle_command, recorded, arguments, message):
    code, out, err = treadle_command("show", recorded, *arguments)
    assert (code, out) == (2, [])
    assert message in err
    assert "hint: " in err


@pytest.mark.parametrize("damage", ["text", "fields", "database", "missing"])
def test_a_damaged_run_is_told_of_and_hides_no_other(treadle_command, recorded, damage):
    other = Path(".treadle/runs/200101-000000")
    shutil.copytree(Path(".treadle/runs") / recorded, other)
    match damage:
        case "text":
            (other / "run.json").write_text("{")
        case "fields":
            (other / "run.json").write_text('{"format": 1}')
        case "database":
            (other / "ledger.sqlite").write_bytes(b"this is no database" * 500)
        case "missing":
            (other / "run.json").unlink()
    code, out, err = treadle_command("runs", "--json")
    assert code == 0
    assert [run["id"] for run in json.loads(out[0])] == [recorded]
    assert "warning: 1 further run in " in err
    assert "treadle prune" in err
