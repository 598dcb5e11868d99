"""One command runs, others steer and watch it: real processes, and a real terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

import treadle

PATIENCE = 40.0
WAITING = '''\
"""Calls that wait for a sign."""

import os
import time
from pathlib import Path


def call(line):
    Path("begun", line).touch()
    go = "go of the first 20" if len(os.listdir("begun")) <= 20 else "go"
    paused = os.path.exists("paused")
    until = time.monotonic() + 40
    while not os.path.exists("go") and not os.path.exists(go) and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(0.002)
    if line == "5":
        raise ValueError("five")
    return {"line": line, "paused": paused}
'''
COUNT = 150


@pytest.fixture(autouse=True)
def runtime(monkeypatch):
    """A place of its own for the sockets, with a short name."""
    with tempfile.TemporaryDirectory(prefix="tc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def ask(treadle_command):
    """Give a command with ``--json``, and return what it has printed."""

    def ask(*arguments):
        code, out, err = treadle_command(*arguments, "--json")
        assert code == 0, err
        return json.loads(out[-1])

    return ask


class Begun:
    """A ``treadle map`` in a process of its own, as other processes see it."""

    def __init__(self, process):
        self.process = process
        assert soon(treadle.runs)
        self.run = treadle.runs()[-1]

    def status(self):
        """Return how it is; on a busy machine it may take its time until it first answers."""
        from treadle.api.remote import Remote

        told = []

        def answers():
            try:
                told.append(Remote(self.run.record).status())
            except treadle.TreadleError:
                if self.process.poll() is not None:
                    raise
            return told

        assert soon(answers)
        return told[0]

    def ended(self):
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def lines(self):
        """The lines whose values are in the file."""
        return sorted(int(value["line"]) for value in self.values())

    def values(self):
        return [json.loads(row)["value"] for row in Path("out.jsonl").read_text().splitlines()]


@pytest.fixture
def begin(start):
    """Begin a run of calls that wait for the file ``go``."""
    begun = []

    def begin(*flags, function="waiting.py:call"):
        Path("waiting.py").write_text(WAITING)
        Path("begun").mkdir(exist_ok=True)
        Path("lines.txt").write_text("".join(f"{n}\n" for n in range(COUNT)))
        arguments = ("map", function, "lines.txt", "--lines", "--into", "out.jsonl")
        begun.append(Begun(start(*arguments, "--progress", "none", *flags)))
        return begun[-1]

    yield begin
    Path("go").touch()
    for one in begun:
        one.process.kill()
        one.run.record.close()


def soon(condition):
    """Tell whether *condition* comes true; the patience is a net, not a delay."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


ALL_BUT_FIVE = [n for n in range(COUNT) if n != 5]


def test_nothing_begins_between_pause_and_continue(begin, ask):
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    told = ask("pause", "latest")
    assert (told["run"], told["asked"]) == (map_.run.id, "pause")
    assert soon(lambda: map_.status()["paused"])
    Path("go").touch()
    assert soon(lambda: map_.status()["running"] == 0)
    assert soon(lambda: map_.status()["settled"] == len(os.listdir("begun")))
    Path("paused").touch()
    assert map_.status()["settled"] == len(os.listdir("begun")) < COUNT
    Path("paused").unlink()
    assert ask("continue", map_.run.id)["asked"] == "continue"
    code, _, err = map_.ended()
    assert code == 1, err
    assert map_.lines() == ALL_BUT_FIVE
    assert not any(value["paused"] for value in map_.values())


@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_workers_are_added_and_taken_away_and_no_item_is_lost(begin, ask, backend):
    map_ = begin("--workers", 1, "--backend", backend)
    assert soon(lambda: map_.status()["running"] == 1)
    assert ask("workers", "latest", 3)["workers"] == 1  # as it was
    assert soon(lambda: map_.status()["running"] == 3)
    ask("workers", "latest", 1)
    assert soon(lambda: map_.status()["workers"] == 1)
    Path("go of the first 20").touch()
    assert soon(lambda: map_.status()["settled"] == 20)
    assert soon(lambda: map_.status()["running"] == 1)
    Path("go").touch()
    code, _, err = map_.ended()
    assert code == 1, err
    assert map_.lines() == ALL_BUT_FIVE
    assert len(list(map_.run.record.outcomes())) == COUNT
    assert {outcome.attempts for outcome in map_.run.record.outcomes()} == {1}


def test_a_run_that_was_cancelled_keeps_what_settled_and_can_be_resumed(begin, treadle_command):
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    code, _, err = treadle_command("cancel", map_.run.id)
    assert code == 0
    assert "stopping; what runs (2) may finish" in err
    assert soon(lambda: map_.status()["cancelling"])
    Path("go").touch()
    code, _, err = map_.ended()
    assert code == 1
    assert "stopped early: cancelled from outside" in err
    assert map_.run.state == "cancelled from outside"
    assert map_.run.ok >= 2
    code, _, err = treadle_command("resume", map_.run.id, "--progress", "none")
    assert code == 1, err  # item 5
    assert map_.lines() == ALL_BUT_FIVE


def test_cancelled_now_and_waited_for_it_is_over_when_the_command_returns(begin, ask):
    map_ = begin("--workers", 1, function="mine.py:slow")
    assert soon(lambda: map_.status()["running"] == 1)
    told = ask("cancel", "latest", "--now", "--wait")
    assert told["state"] == "cancelled from outside"
    assert map_.run.record.holder is None
    assert map_.ended()[0] == 1


def test_a_resumed_run_is_steered_like_any_other(begin, start, ask, treadle_command):
    first = begin("--workers", 1)
    assert soon(lambda: first.status()["running"] == 1)
    ask("cancel", "latest", "--now", "--wait")
    first.ended()
    process = first.process = start("resume", first.run.id, "--progress", "none")
    assert soon(lambda: first.run.state == "running")
    assert soon(lambda: first.status()["running"] == 1)
    code, _, err = treadle_command("cancel", "latest", "--now", "--wait")
    assert code == 0, err
    process.communicate(timeout=PATIENCE)
    assert first.run.state == "cancelled from outside"


@pytest.mark.parametrize("command", [["cancel"], ["pause"], ["continue"], ["workers", "2"]])
def test_a_run_that_does_not_run_cannot_be_steered(treadle_command, command):
    Path("words.txt").write_text("a\nb\n")
    map_ = ("map", "mine.py:upper", "words.txt", "--lines", "--backend", "inline")
    assert treadle_command(*map_, "--into", "out.jsonl")[0] == 0
    name, *rest = command
    code, out, err = treadle_command(name, "latest", *rest)
    assert (code, out) == (2, [])
    assert "is not running; it has finished" in err
    assert "hint: treadle show" in err
    assert treadle_command(name, "unknown", *rest)[0] == 2


@pytest.mark.parametrize("number", ["0", "many", "1.5"])
def test_a_number_of_workers_that_is_none_is_a_usage_error(treadle_command, number):
    code, _, err = treadle_command("workers", "latest", number)
    assert code == 2
    assert number in err


def test_an_inline_run_cannot_have_more_workers_but_be_cancelled(begin, treadle_command):
    map_ = begin("--backend", "inline")
    assert soon(lambda: Path("begun", "0").exists())
    assert map_.status()["workers"] == 1
    code, _, err = treadle_command("workers", "latest", 2)
    assert code == 2
    assert "inline" in err
    assert treadle_command("cancel", "latest")[0] == 0
    Path("go").touch()
    assert map_.ended()[0] == 1
    assert map_.run.state == "cancelled from outside"


# ── watching ────────────────────────────────────────────────────────────────────────────────────


def test_watched_by_a_program_it_gives_an_object_a_second_and_one_at_its_end(begin, start):
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    watch = start("watch", "latest", "--json")
    first = json.loads(watch.stdout.readline())
    assert (first["event"], first["run"], first["running"]) == ("progress", map_.run.id, 2)
    assert first["slowest"]["seconds"] >= 0
    Path("go").touch()
    rest = [json.loads(line) for line in watch.stdout]
    assert {told["event"] for told in rest[:-1]} <= {"progress"}
    last = rest[-1]
    assert (last["event"], last["stopped"]) == ("ended", None)
    assert (last["ok"], last["failed"]) == (COUNT - 1, 1)
    assert watch.wait(timeout=PATIENCE) == 1
    assert map_.ended()[0] == 1


def test_the_watching_ends_when_its_reader_leaves(begin, start):
    map_ = begin("--workers", 1)
    assert soon(lambda: map_.status()["running"] == 1)
    watch = start("watch", "latest", "--json")
    assert json.loads(watch.stdout.readline())["running"] == 1
    watch.stdout.close()
    assert watch.wait(timeout=PATIENCE) == 0
    assert watch.stderr.read() == ""
    assert map_.status()["running"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_stdout_ends_the_watching_with_an_error(begin, start):
    map_ = begin("--workers", 1)
    assert soon(lambda: map_.status()["running"] == 1)
    with open("/dev/full", "w") as full:
        watch = start("watch", "latest", "--json", stdout=full)
        _, err = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 1
    assert err.startswith("error: stdout cannot be written: No space left on device\n")


def test_watched_by_a_log_it_gives_lines_and_the_summary(begin, start):
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    watch = start("watch", map_.run.id)
    assert watch.stderr.readline() == "call: 2 workers (processes)\n"
    Path("go").touch()
    err = watch.stderr.read()
    assert watch.wait(timeout=PATIENCE) == 1
    assert f"{COUNT - 1} ok, 1 failed" in err
    assert "1 x raised ValueError" in err
    assert "out.jsonl" in err
    assert map_.ended()[0] == 1


def watch_in_terminal(pexpect, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    return pexpect.spawn(
        sys.executable,
        ["-m", "treadle", "watch", *arguments],
        env=environment,
        dimensions=(24, 100),
        timeout=PATIENCE,
        encoding="utf-8",
    )


def test_watched_in_a_terminal_it_shows_counts_failures_and_the_end(begin, treadle_command):
    pexpect = pytest.importorskip("pexpect")
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    watch = watch_in_terminal(pexpect, "latest")
    watch.expect("2 running")
    assert treadle_command("pause", "latest")[0] == 0
    watch.expect("paused")
    Path("go").touch()
    assert treadle_command("workers", "latest", 1)[0] == 0
    assert treadle_command("continue", "latest")[0] == 0
    watch.expect("failed: 6: raised ValueError: five")
    watch.expect(f"{COUNT - 1} ok, 1 failed")
    watch.expect(pexpect.EOF)
    watch.close()
    assert watch.exitstatus == 1
    assert map_.ended()[0] == 1


def test_ctrl_c_ends_the_watching_and_not_the_run(begin):
    pexpect = pytest.importorskip("pexpect")
    map_ = begin("--workers", 2)
    assert soon(lambda: map_.status()["running"] == 2)
    watch = watch_in_terminal(pexpect, "latest")
    watch.expect("2 running")
    watch.sendintr()
    watch.expect(f"{map_.run.id} goes on; to end it: treadle cancel {map_.run.id}")
    watch.expect(pexpect.EOF)
    watch.close()
    assert watch.exitstatus == 130
    assert not map_.status()["cancelling"]
    Path("go").touch()
    assert map_.ended()[0] == 1
    assert map_.lines() == ALL_BUT_FIVE


def test_the_watching_ends_when_the_run_is_killed(begin, start):
    map_ = begin("--workers", 1)
    assert soon(lambda: map_.status()["running"] == 1)
    watch = start("watch", "latest", "--json")
    assert json.loads(watch.stdout.readline())["event"] == "progress"
    map_.process.send_signal(signal.SIGKILL)
    assert json.loads(watch.stdout.readlines()[-1])["stopped"] == "crashed"
    assert watch.wait(timeout=PATIENCE) == 1


def test_of_a_run_that_is_over_the_summary_is_shown(treadle_command):
    Path("words.txt").write_text("a\nb\n")
    map_ = ("map", "mine.py:upper", "words.txt", "--lines", "--backend", "inline")
    assert treadle_command(*map_, "--into", "out.jsonl")[0] == 0
    code, out, err = treadle_command("watch", "latest")
    assert (code, out) == (0, [])
    assert "upper: 2 items" in err
    assert "2 ok" in err
    code, out, err = treadle_command("watch", "latest", "--json")
    assert (code, err) == (0, "")
    [told] = map(json.loads, out)
    assert (told["event"], told["ok"], told["left"]) == ("ended", 2, told["left"])
