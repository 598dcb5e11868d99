"""The command as a process among others: pipes, signals, terminals, workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest


def test_it_maps_in_worker_processes_and_names_the_guilty(start):
    Path("words.txt").write_text("a\nb\n")
    process = start("map", "mine.py:upper", "words.txt", "--lines", "--workers", 2, "--json")
    out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    outcomes = [json.loads(line) for line in out.splitlines()]
    assert sorted(outcome["value"] for outcome in outcomes) == ["A", "B"]
    assert all(outcome["worker"].startswith("process") for outcome in outcomes)


def test_a_function_that_ends_its_worker_is_a_failed_item(start):
    Path("words.txt").write_text("a\n")
    process = start("map", "mine.py:leave", "words.txt", "--lines", "--workers", 1)
    _, err = process.communicate(timeout=50)
    assert process.returncode == 1, err
    assert "worker lost (exit code 7)" in err


def test_items_come_from_stdin(start):
    process = start("map", "mine.py:upper", "-", "--backend", "inline", stdin=subprocess.PIPE)
    out, err = process.communicate("x\ny\n", timeout=50)
    assert (process.returncode, out) == (0, "X\nY\n"), err


def test_results_go_into_a_file_and_the_summary_says_which(start):
    process = start("map", "mine.py:parse", "data", "--into", "out.jsonl", "--workers", 1)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, out) == (1, ""), err
    *_, results, hint = err.splitlines()
    assert results == "results: out.jsonl"
    assert hint.startswith("hint: to run again what failed: treadle retry ")
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert sorted(line["key"] for line in lines) == ["a.csv", "c10.csv"]


def test_a_reader_that_leaves_ends_the_run_quietly(start):
    process = start(
        "map", "mine.py:upper", "-", "--backend", "inline", "--progress", "none",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write("line\n" * 3)
    process.stdin.flush()
    assert process.stdout.readline() == "LINE\n"
    process.stdout.close()
    try:
        for _ in range(100_000):
            process.stdin.write("line\n" * 100)
    except BrokenPipeError:
        pass
    else:
        pytest.fail("it went on although nobody reads")
    with suppress(BrokenPipeError):
        process.stdin.close()
    assert process.wait(timeout=50) == 0
    assert process.stderr.read() == ""


def test_a_reader_that_leaves_is_not_told_of_an_interruption(start):
    process = start("map", "mine.py:upper", "-", "--workers", 1, stdin=subprocess.PIPE)
    process.stdin.write("line\n" * 3)
    process.stdin.flush()
    assert process.stdout.readline() == "LINE\n"
    process.stdout.close()
    with suppress(BrokenPipeError):
        process.stdin.write("line\n" * 1000)
        process.stdin.close()
    assert process.wait(timeout=50) == 0
    err = process.stderr.read()
    assert "stopping" not in err
    assert "interrupted" not in err


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@needs_full
@pytest.mark.parametrize("flags", [(), ("--json", "--into", "out.jsonl")])
def test_a_full_stdout_is_an_error_and_no_bug(start, flags):
    Path("words.txt").write_text("a\nb\n")
    arguments = ("map", "mine.py:upper", "words.txt", "--lines", "--backend", "inline", *flags)
    with open("/dev/full", "w") as full:
        process = start(*arguments, stdout=full)
        _, err = process.communicate(timeout=50)
    assert process.returncode == 1, err
    assert "error: stdout cannot be written: No space left on device" in err
    assert "Traceback" not in err
    if flags:
        assert len(Path("out.jsonl").read_text().splitlines()) == 2


def test_a_full_disk_is_told_with_the_counts_of_what_was_stored(start):
    resource = pytest.importorskip("resource")
    Path("long.py").write_text("def f(line): return 'x' * 300_000\n")
    Path("words.txt").write_text("a\n" * 40)
    Path("out.jsonl").write_text('{"from": "before"}\n')
    process = start(
        "map", "long.py:f", "words.txt", "--lines", "--backend", "inline", "--into", "out.jsonl",
        # Too little for the results, and plenty for the record.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )  # fmt: skip
    _, err = process.communicate(timeout=50)
    assert process.returncode == 1, err
    stored = Path("out.jsonl.part").read_text().splitlines()
    assert stored
    assert f" {len(stored)} ok" in err
    assert "out.jsonl.part (unfinished; out.jsonl was not written)" in err
    assert err.count("error: ") == 1
    assert "File too large" in err
    assert Path("out.jsonl").read_text() == '{"from": "before"}\n'


@needs_full
@pytest.mark.parametrize("arguments", [("--version",), ("doctor", "mine.py:upper")])
def test_every_command_says_that_stdout_is_full(start, arguments):
    with open("/dev/full", "w") as full:
        process = start(*arguments, stdout=full)
        _, err = process.communicate(timeout=50)
    assert process.returncode == 1, err
    assert err.startswith("error: stdout cannot be written: No space left on device\n")


@needs_full
@pytest.mark.parametrize("progress", ["plain", "json", "none"])
def test_data_does_not_depend_on_stderr(start, progress):
    Path("words.txt").write_text("a\nb\n")
    arguments = ("map", "mine.py:upper", "words.txt", "--lines", "--workers", 1, "--ordered")
    with open("/dev/full", "w") as full:
        process = start(*arguments, "--progress", progress, stderr=full)
        out, _ = process.communicate(timeout=50)
    assert (process.returncode, out) == (0, "A\nB\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_and_terminate_end_with_130_and_a_summary(start, number):
    Path("words.txt").write_text("a\n")
    process = start(
        "map", "mine.py:slow", "words.txt", "--lines", "--workers", 1,
        "--grace", "0.1", "--progress", "json",
    )  # fmt: skip
    for line in process.stderr:
        told = json.loads(line)
        if told["event"] == "progress" and told["running"]:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=50)
    assert process.returncode == 130, err
    assert [one for one in map(json.loads, err.splitlines()) if one["event"] == "ended"]


def test_terminate_lets_what_runs_finish_in_the_background_of_a_shell_too(start):
    """
    A shell starts such a command with Ctrl-C ignored; SIGTERM has its two steps all the same.

    An item that the worker takes up before it hears of the end may finish too; the rest does not.
    """
    Path("words.txt").write_text("a\n" * 1000)
    Path("later.py").write_text(
        "import os, time\n"
        "def wait(line):\n"
        "    open('begun', 'w').close()\n"
        "    while not os.path.exists('go on'):\n"
        "        time.sleep(0.01)\n"
        "    return line.upper()\n"
    )
    process = start(
        "map", "later.py:wait", "words.txt", "--lines", "--workers", 1, "--progress", "json",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    for line in process.stderr:
        told = json.loads(line)
        if told["event"] == "progress" and told["running"] and Path("begun").exists():
            break
    process.send_signal(signal.SIGINT)  # a Ctrl-C in that terminal: not for us
    process.send_signal(signal.SIGTERM)
    for line in process.stderr:
        if json.loads(line)["event"] == "cancelling":
            break
    Path("go on").touch()
    out, err = process.communicate(timeout=50)
    assert process.returncode == 130, err
    assert 1 <= out.splitlines().count("A") < 1000, err


def test_on_a_terminal_a_bar_is_shown_and_prints_do_not_tear_it(folder):
    pexpect = pytest.importorskip("pexpect")
    Path("words.txt").write_text("one\ntwo\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    arguments = ["-m", "treadle", "map", "mine.py:talk", "words.txt", "--lines", "--workers", "1"]
    child = pexpect.spawn(
        sys.executable,
        arguments,
        env=environment,
        dimensions=(24, 80),
        timeout=50,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "talk" in child.before
    assert "2 ok" in child.before
    assert "one\r\n" in child.before
