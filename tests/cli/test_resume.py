"""A run that was ended before its end is done to its end: nothing is lost, and nothing twice."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import treadle

HERE = ("--backend", "inline")
ALL = list(range(1, 41))


def stored(path="out.csv"):
    """The column n, in order."""
    with open(path, newline="") as file:
        return sorted(int(row["n"]) for row in csv.DictReader(file))


def to_go_on(err):
    """The run of the last line of stderr, which says how to go on."""
    found = re.fullmatch(r"hint: to go on: treadle resume (\S+)", err.splitlines()[-1])
    assert found, err
    return found[1]


def test_a_run_whose_process_was_killed_in_an_item_does_no_other_item_twice(
    start, treadle_command, numbers
):
    Path("armed").touch()
    process = start(
        "map", "mine.py:fatal", numbers, "--lines", "--into", "out.csv",
        "--durability", "item", *HERE,
    )  # fmt: skip
    process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL
    code, out, _ = treadle_command("runs", "--json")
    (run,) = json.loads(out[0])
    assert (code, run["state"], run["ok"]) == (0, "crashed", 12)

    code, _, err = treadle_command("resume", run["id"][:9])
    assert code == 0
    assert "28 items" in err
    assert "12 done before" in err
    assert stored() == ALL
    called = [int(line) for line in Path("calls").read_text().split()]
    assert sorted(called) == sorted([*ALL, 13])


def until_held(start, numbers, *more):
    """Start a run that stays in its eleventh item, and return it there."""
    process = start(
        "map", "mine.py:held", numbers, "--lines", "--into", "out.csv", "--workers", 2, "--json",
        "--grace", "0.1", *more,
    )  # fmt: skip
    settled = [json.loads(process.stdout.readline()) for _ in range(10)]
    assert sorted(one["key"] for one in settled) == ALL[:10]
    return process


def test_a_killed_run_with_worker_processes_has_every_item_once_in_the_end(start, numbers):
    process = until_held(start, numbers)
    process.kill()
    process.communicate(timeout=50)
    Path("go").touch()
    assert not Path("out.csv").exists()

    resumed = start("resume", "latest", "--workers", 1)
    _, err = resumed.communicate(timeout=50)
    assert resumed.returncode == 0, err
    assert stored() == ALL


@pytest.mark.parametrize("by", ["resume", "map"])
def test_after_ctrl_c_the_last_line_says_how_to_go_on_and_that_works(
    start, treadle_command, numbers, by
):
    process = until_held(start, numbers, "--name", "nightly")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=50)
    assert process.returncode == 130, err
    run = to_go_on(err)
    Path("go").touch()

    again = {
        "resume": ("resume", run),
        "map": ("map", "mine.py:held", numbers, "--lines", "--into", "out.csv", "--resume"),
    }
    code, _, err = treadle_command(*again[by], "--workers", 1)
    assert code == 0
    assert "10 done before" in err
    assert "30 items" in err
    assert stored() == ALL
    _, out, _ = treadle_command("runs", "--json")
    (only,) = json.loads(out[0])
    assert (only["id"], only["name"], only["state"]) == (run, "nightly", "finished")


def test_a_finished_run_has_nothing_left_to_do(treadle_command, numbers):
    Path("go").touch()
    arguments = ("map", "mine.py:held", numbers, "--lines", "--into", "out.csv", "--resume", *HERE)
    assert treadle_command(*arguments)[0] == 0
    for again in (arguments, ("resume", "latest")):
        code, _, err = treadle_command(*again)
        assert code == 0
        assert err.splitlines()[-1] == "nothing left to do: all 40 items had settled before"
    assert stored() == ALL


def test_what_failed_before_counts_until_it_is_retried(treadle_command):
    """
    Exit codes speak of the whole run, not of its last session.
    """
    code, _, err = treadle_command("map", "mine.py:parse", "data", "--into", "out.csv", *HERE)
    assert code == 1
    run = err.split("treadle retry ")[1].strip()

    code, _, err = treadle_command("resume", run)
    assert code == 1
    assert "nothing left to do: all 3 items had settled before, 1 of them failed" in err
    assert err.splitlines()[-1] == f"hint: to run again what failed: treadle retry {run}"

    code, _, err = treadle_command("retry", run)
    assert code == 1
    assert "parse: 1 item" in err
    assert "0 ok, 1 failed" in err
    assert "results: out.csv" in err


def test_after_mending_the_function_retry_runs_what_failed_and_nothing_else(treadle_command):
    first = (
        "def f(path):\n    if path.name == 'b.csv': raise ValueError('b')\n    return {'by': 1}\n"
    )
    Path("mended.py").write_text(first)
    arguments = ("map", "mended.py:f", "data", "--into", "out.jsonl", "--workers", 1)
    assert treadle_command(*arguments)[0] == 1
    Path("mended.py").write_text("def f(path):\n    return {'by': 2}\n")

    del sys.modules["mended"]  # a later command is another process, as a rule
    code, _, err = treadle_command("retry", "latest", "--workers", 1)
    assert code == 0, err
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {row["key"]: row["value"]["by"] for row in rows} == {
        "a.csv": 1,
        "b.csv": 2,
        "c10.csv": 1,
    }
    assert treadle_command("retry", "latest")[0] == 0


def test_retry_of_a_run_that_was_not_finished_is_not_the_end_of_it(treadle_command):
    Path("mended.py").write_text("def f(path): return 1 / (path.name != 'b.csv')\n")
    arguments = ("map", "mended.py:f", "data", "--into", "out.jsonl", "--on-error", "stop")
    assert treadle_command(*arguments, *HERE)[0] == 1
    Path("mended.py").write_text("def f(path): return 2\n")
    del sys.modules["mended"]
    code, _, err = treadle_command("retry", "latest")
    assert code == 1
    assert "1 ok" in err
    assert "hint: to do what is missing: treadle resume " in err.splitlines()[-1]
    code, _, err = treadle_command("resume", "latest")
    assert code == 0, err
    keys = [json.loads(line)["key"] for line in Path("out.jsonl").read_text().splitlines()]
    assert sorted(keys) == ["a.csv", "b.csv", "c10.csv"]


def test_a_run_goes_on_from_another_folder(treadle_command, folder, monkeypatch):
    """
    Function, source and results are found where they were.
    """
    arguments = ("map", "mine.py:parse", "data/*.csv", "--into", "out/all.csv", "--limit", 1)
    assert treadle_command(*arguments, *HERE)[0] == 0
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, _, err = treadle_command("resume", "latest", "--runs-dir", "../.treadle/runs")
    assert code == 0
    assert "nothing left to do: all 1 item had settled before" in err
    assert list(elsewhere.iterdir()) == []


def test_what_a_flag_says_now_counts(folder, monkeypatch):
    from treadle.cli import main
    from treadle.cli.again import typed_for
    from treadle.cli.commands import resume

    plans = []
    monkeypatch.setattr(resume, "execute", lambda plan: plans.append(plan) or 0)
    treadle_map = ["map", "mine.py:parse", "data", "--into", "out.csv", "--timeout", "5"]
    assert main([*treadle_map, "--retries", "2", "--deadline", "1h", *HERE, "-q"]) == 1
    assert main(["resume", "latest"]) == 0
    assert main(["retry", "latest", "--timeout", "2m", "--workers", "3", "-q"]) == 0
    before, now = plans
    assert before.arguments["timeout"] == 5.0
    assert before.arguments["retry"] == treadle.Retry(attempts=3)
    assert "deadline" not in before.arguments
    assert before.summary
    assert not before.record.get("retry_failed")
    assert now.arguments["timeout"] == 120.0
    assert now.arguments["workers"] == 3
    assert now.record["retry_failed"] is True
    assert not now.summary
    run = treadle.open("latest")
    assert typed_for(run).deadline is None
    run.record.close()


def test_the_order_of_a_shuffled_run_is_that_of_its_first_session(treadle_command, numbers):
    """
    A random sample stays the same sample.
    """
    arguments = ("map", "mine.py:upper", numbers, "--lines", "--shuffle", "--limit", 5)
    assert treadle_command(*arguments, "--into", "out.jsonl", *HERE)[0] == 0
    before = Path("out.jsonl").read_text()
    code, _, err = treadle_command("resume", "latest")
    assert (code, Path("out.jsonl").read_text()) == (0, before)
    assert "all 5 items" in err


def test_a_changed_file_runs_again_and_the_others_do_not(treadle_command):
    arguments = ("map", "mine.py:size", "data", "--into", "out.csv", "--fingerprint", "content")
    assert treadle_command(*arguments, *HERE)[0] == 0
    Path("data/a.csv").write_text("longer than before")
    code, _, err = treadle_command("resume", "latest")
    assert code == 0
    assert "size: 1 item" in err
    with open("out.csv", newline="") as file:
        sizes = {row["key"]: row["value"] for row in csv.DictReader(file)}
    assert sizes == {"a.csv": "18", "b.csv": "4", "c10.csv": "6"}


def test_what_an_unfinished_run_has_stored_is_not_written_over_by_mistake(
    treadle_command, start, numbers
):
    Path("armed").touch()
    arguments = ("map", "mine.py:fatal", numbers, "--lines", "--into", "out.csv", *HERE)
    start(*arguments).communicate(timeout=50)
    code, _, err = treadle_command(*arguments)
    (run,) = json.loads(treadle_command("runs", "--json")[1][0])
    assert code == 2
    assert f"the run {run['id']} into " in err
    assert "out.csv' is not finished (crashed), and what it has stored of " in err
    assert f"(treadle resume {run['id']}) goes on with it, anew=True (--anew) begins again" in err
    assert treadle_command(*arguments, "--anew")[0] == 0
    assert stored() == ALL


def test_a_run_of_a_program_is_resumed_by_that_program(treadle_command, folder):
    treadle.run(str.upper, ["a"], into="out.jsonl", backend="inline")
    for command in ("resume", "retry"):
        code, _, err = treadle_command(command, "latest")
        assert code == 2
        assert "not by treadle map" in err
        assert "hint: call treadle.run(..., resume='" in err


def test_standard_input_has_to_be_piped_in_again(start, numbers):
    text = Path(numbers).read_text()
    arguments = ("map", "mine.py:held", "-", "--into", "out.csv", *HERE)
    Path("go").touch()
    first = start(*arguments, "--limit", 3, "--max-failures", 1, stdin=subprocess.PIPE)
    first.communicate(text, timeout=50)
    again = start("resume", "latest", stdin=subprocess.PIPE)
    _, err = again.communicate(text, timeout=50)
    assert again.returncode == 0, err
    assert "all 3 items had settled before" in err


@pytest.mark.parametrize("command", ["resume", "retry", "show", "export"])
def test_a_run_that_is_not_there_is_a_usage_error(treadle_command, command):
    more = ("--to", "x.csv") if command == "export" else ()
    code, _, err = treadle_command(command, "260101-000000", *more)
    assert code == 2
    assert err.startswith("error: there is no run '260101-000000' in ")
    assert "hint: " in err


def test_a_run_without_a_record_leaves_none(treadle_command):
    arguments = ("map", "mine.py:parse", "data", "--into", "out.csv", "--durability", "none")
    code, _, err = treadle_command(*arguments, *HERE)
    assert code == 1
    assert "treadle retry" not in err
    assert not Path(".treadle").exists()


def test_the_hint_names_the_folder_of_runs_that_was_given(treadle_command):
    arguments = ("map", "mine.py:parse", "data", "--into", "out.csv", "--runs-dir", "my runs")
    _, _, err = treadle_command(*arguments, *HERE)
    (folder,) = Path("my runs").iterdir()
    assert err.splitlines()[-1].endswith(f"treadle retry {folder.name} --runs-dir 'my runs'")
