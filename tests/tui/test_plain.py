"""``treadle ui --plain``: a conversation in lines, which says all that the screens show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import treadle
from treadle.tui.following import View
from treadle.tui.plain import _now

PLAIN = "import sys; from treadle.tui import plain; sys.exit(plain.run())"
FUNCTIONS = """
import os, threading

def third(line):
    print("working on", line)
    return {"n": 3 // int(line)}

def held(line):
    while not os.path.exists("go"):
        threading.Event().wait(0.01)
    return {"n": int(line)}
"""


class Talk:
    """The UI in a process of its own, and what it has said."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PLAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TMPDIR": os.environ["XDG_RUNTIME_DIR"],  # runs of other tests listen in the usual
            },
            start_new_session=True,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = ""
        self.heard = 0

    def until(self, text, patience=40.0):
        """Return what it says up to *text*."""
        end = time.monotonic() + patience
        while text not in self.said[self.heard :]:
            assert time.monotonic() < end, f"{text!r} was not said:\n{self.said}"
            self.said += (self.process.stdout.read() or b"").decode()
            if self.process.poll() is not None:
                self.said += (self.process.stdout.read() or b"").decode()
                assert text in self.said[self.heard :], self.said
            time.sleep(0.01)  # its output cannot be waited for and read whole at the same time
        at = self.said.index(text, self.heard) + len(text)
        said, self.heard = self.said[self.heard : at], at
        return said

    def type(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self):
        """Close its input; return its exit code."""
        self.process.stdin.close()
        code = self.process.wait(40)
        self.said += (self.process.stdout.read() or b"").decode()
        return code


@pytest.fixture
def talk(tmp_path, monkeypatch):
    """Begin to talk, in a folder with functions."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(FUNCTIONS)
    Path("lines.txt").write_text("0\n1\n2\n3\n")
    talks = []

    def begin():
        talks.append(Talk())
        return talks[-1]

    yield begin
    for one in talks:
        one.process.kill()
        one.process.wait()
        one.process.stdin.close()
        one.process.stdout.close()


def number_of(said, offer):
    """Return the number under which an offer that begins so stands in the last list."""
    lines = [line.partition(": ") for line in said.splitlines()]
    return [number for number, _, words in lines if words.startswith(offer)][-1]


def choose(one, offer):
    """Answer with the number of *offer*."""
    said = one.until("number, or Enter to ")
    one.type(number_of(said, offer))
    one.until(":\n")


def test_a_newcomer_is_told_what_to_do_and_asked_again_after_a_wrong_number(talk, own_runs):
    one = talk()
    one.until("number, or Enter to leave:\n")
    one.type("99")
    one.until("'99' is no number from 1 to 4")
    one.type("?")
    one.until("q leaves Treadle: what was started goes on\n")
    one.type("3")
    one.until("number, or Enter to go back:\n")
    one.type("q")
    assert one.process.wait(40) == 0
    assert one.end() == 0
    assert "nothing has run here yet; 3 starts a command" in one.said
    assert str(own_runs) in one.said
    assert "3: start a command" in one.said


def test_nothing_but_plain_lines_is_written(talk, finished, stopped):
    one = talk()
    choose(one, "list runs")
    choose(one, "halves: halve")
    choose(one, "failures, by kind")
    choose(one, "2 times")
    choose(one, "7")
    one.until("number, or Enter")
    assert one.end() == 0
    assert all(character.isprintable() for character in one.said.replace("\n", ""))
    assert one.said.isascii()
    assert "halves, run" in one.said
    assert "2 times: raised ValueError" in one.said
    assert "[red]7[/] is odd, and no tag" in one.said
    assert 'raise ValueError(f"[red]{value}[/] is odd, and no tag")' in one.said


def test_a_run_is_searched_for_and_an_item_asked_for_by_its_key(talk, finished, stopped):
    one = talk()
    choose(one, "find a run")
    one.until("search for")
    one.type("failed>1")
    said = one.until("number, or Enter to go back:\n")
    assert "stopped" not in said
    one.type(number_of(said, "halves"))
    choose(one, "one item")
    one.until("key of the item:\n")
    one.type("17")
    one.until("17: raised ValueError")
    choose(one, "one item")
    one.until("key of the item:\n")
    one.type("nonsense")
    said = one.until("hint: ")
    assert "has settled no item 'nonsense'" in said
    assert one.end() == 0


def test_of_many_failures_it_says_how_to_reach_the_further_ones(talk, own_runs):
    treadle.run(int, ["x"] * 150, backend="inline", runs_dir=own_runs)
    one = talk()
    choose(one, "list runs")
    choose(one, "int")
    choose(one, "failures, by kind")
    choose(one, "150 times")
    one.until("the first 100 of 150; any other is shown by 'one item, by its key'")
    assert one.end() == 0
    assert "retry what has failed" in one.said
    assert "resume" not in one.said  # it has ended


def test_a_run_of_prompts_is_planned_and_agreed_to_before_anything_is_sent(talk, own_runs):
    Path("rows.csv").write_text("topic,provider,model\nthe sky,mock,small\nthe rain,mock,small\n")
    Path("p.txt").write_text("Explain {{topic}}.")
    one = talk()
    choose(one, "start a command")
    choose(one, "prompts run")
    for option, value in (("--prompt", "p.txt"), ("--experiments", "rows.csv")):
        one.until(f"{option}: ")
        one.until(":\n")
        one.type(value)
    choose(one, "start it")
    said = one.until("Send it? (y for yes, Enter for no):\n")
    assert "2 rows, 2 requests\nlane/model" in said
    assert "$0.00" in said
    one.type("")
    one.until("What now?")
    assert one.end() == 0
    assert not list(own_runs.iterdir())


def test_of_a_paused_run_no_time_is_left_to_be_said():
    facts = {"folder": Path("/r"), "id": "r", "name": "r", "function": "f", "into": None}
    facts |= {"began": datetime.now(UTC), "parent": None, "stage": 0, "state": "running"}
    view = View(**facts, live=True, steerable="", total=8, left=12.0)
    assert "0:12 to go" in _now(view)
    assert "to go" not in _now(replace(view, paused=True))


def test_ctrl_c_ends_it(talk):
    one = talk()
    one.until("What now?")
    one.until("to leave:\n")
    os.kill(one.process.pid, signal.SIGINT)
    assert one.process.wait(40) == 130
    assert "Traceback" not in one.said + (one.process.stdout.read() or b"").decode()


def begin_command(one, *, function):
    choose(one, "start a command")
    choose(one, "map: ")
    one.until("FUNCTION")
    one.until(":\n")
    one.type(f"mine.py:{function}")
    one.until("SOURCE")
    one.until(":\n")
    one.type("lines.txt")
    for option, value in (("--into", "out.jsonl"), ("--lines", "y"), ("--backend", None)):
        choose(one, "change or add an option")
        one.until("Enter lists them:\n")
        one.type(option)
        if value is None:
            choose(one, "threads")
        else:
            one.until(":\n")
            one.type(value)


def test_a_command_is_put_together_confirmed_and_watched(talk, own_runs):
    one = talk()
    begin_command(one, function="third")
    said = one.until("Ready?")
    command = "treadle map mine.py:third lines.txt --into out.jsonl --lines --backend threads"
    assert command in said
    assert not list(own_runs.iterdir())
    choose(one, "start it")
    one.until("ended, exit code 1")
    assert "finished, 4 of 4 items settled, 1 failed" in one.said
    (run,) = treadle.runs(own_runs)
    assert (run.ok, run.failed) == (3, 1)
    run.close()
    choose(one, "list runs")
    choose(one, "third")
    choose(one, "retry what has failed")
    said = one.until("Start it? (y for yes, Enter for no):\n")
    assert f"treadle retry {run.id} --runs-dir" in said
    one.type("")
    one.until("go back:\n")
    assert one.end() == 0


def test_a_live_run_is_watched_paused_and_cancelled(talk, own_runs):
    one = talk()
    begin_command(one, function="held")
    choose(one, "start it")
    one.until("running, 0 items settled")
    one.type("")  # stops watching
    one.until("it goes on")
    choose(one, "list runs")
    choose(one, "held, running")
    choose(one, "pause")
    one.until("paused, 0 items settled")
    choose(one, "continue")
    one.until("running, 0 items")
    choose(one, "cancel")
    one.until("stopping, 0 items settled")
    choose(one, "watch")
    Path("go").touch()
    one.until("cancelled from outside")
    assert one.end() == 0
    (run,) = treadle.runs(own_runs)
    assert run.state == "cancelled from outside"
    run.close()


def test_what_goes_on_is_told_at_the_end(talk, own_runs):
    one = talk()
    begin_command(one, function="held")
    choose(one, "start it")
    one.until("running, 0 items settled")
    assert one.end() == 0
    assert "this goes on: treadle map mine.py:held" in one.said
    Path("go").touch()
    (run,) = treadle.runs(own_runs)
    end = time.monotonic() + 40
    while run.state == "running" and time.monotonic() < end:
        time.sleep(0.01)
    assert run.state == "finished"
    assert run.ok == 4
    run.close()
