"""``treadle doctor`` names what cannot travel, where it sits, and the cure."""

from __future__ import annotations

from pathlib import Path


def test_what_travels_is_said_and_the_exit_code_is_0(treadle_command):
    code, out, _ = treadle_command("doctor", "mine.py:parse", "data/a.csv")
    assert code == 0
    text = "\n".join(out)
    assert "function parse" in text
    assert "mine.py, line" in text
    assert "travels by reference: workers import mine.parse" in text
    assert "returned a dict" in text
    assert "usable" in text
    assert "spawn" in text
    assert not any(line.startswith("NO") for line in out)


def test_a_lambda_travels_by_value(treadle_command):
    Path("small.py").write_text("double = lambda x: x * 2\n")
    code, out, _ = treadle_command("doctor", "small.py:double", "ab")
    assert code == 0
    assert any("travels by value" in line for line in out)


def test_a_result_that_cannot_travel_is_named(treadle_command):
    code, out, _ = treadle_command("doctor", "mine.py:unsendable", "abc")
    assert code == 1
    at = next(n for n, line in enumerate(out) if line.startswith("NO  result"))
    assert "it is a generator" in out[at]
    assert "hint: " in out[at + 1]
    assert "list" in out[at + 1]


def test_a_closure_over_a_lock_is_named(treadle_command):
    Path("closure.py").write_text(
        "import threading\n"
        "def make():\n"
        "    lock = threading.Lock()\n"
        "    def inner(item):\n"
        "        with lock: return item\n"
        "    return inner\n"
        "f = make()\n"
    )
    code, out, _ = treadle_command("doctor", "closure.py:f")
    assert code == 1
    assert any(line.startswith("NO  function") and "lock" in line for line in out)


def test_a_function_that_raises_is_shown_with_its_place(treadle_command):
    code, out, _ = treadle_command("doctor", "mine.py:parse", "data/b.csv")
    assert code == 1
    run = next(line for line in out if line.startswith("NO  run"))
    assert "raised ValueError: no header in [b.csv]" in run
    assert "mine.py, line" in run


def test_async_functions_and_setup_are_run_as_map_does(treadle_command):
    assert treadle_command("doctor", "mine.py:later", "now")[0] == 0
    assert treadle_command("doctor", "mine.py:with_state", "a", "--setup", "setup")[0] == 0


def test_a_missing_function_is_a_usage_error(treadle_command):
    code, _, err = treadle_command("doctor", "mine.py:sise")
    assert code == 2
    assert "hint: did you mean size?" in err


def test_an_item_that_kills_its_process_is_a_finding_and_the_next_one_is_looked_at(treadle_command):
    Path("deadly.py").write_text(
        "import os\ndef f(x):\n    if x == 'bad': os._exit(3)\n    return x\n"
    )
    code, out, _ = treadle_command("doctor", "deadly.py:f", "bad", "good")
    assert code == 1
    assert any(
        line.startswith("NO  run") and "killed its worker: exit code 3" in line for line in out
    )
    assert any(line.startswith("ok  run") and "returned a str" in line for line in out)


def test_a_function_that_never_returns_is_ended_by_the_timeout(treadle_command):
    Path("stuck.py").write_text("import threading\ndef f(x): threading.Event().wait()\n")
    code, out, _ = treadle_command("doctor", "stuck.py:f", "a", "--timeout", "0.2")
    assert code == 1
    assert any(line.startswith("NO  run") and "timed out after 0.2 s" in line for line in out)


def test_a_setup_that_raises_is_a_finding(treadle_command):
    Path("unset.py").write_text("def s(): raise OSError('no key')\ndef f(x, state): return x\n")
    code, out, _ = treadle_command("doctor", "unset.py:f", "a", "--setup", "s")
    assert code == 1
    assert any(line.startswith("NO  setup") and "no key" in line for line in out)


def test_an_exception_that_cannot_travel_is_named(treadle_command):
    Path("fussy.py").write_text(
        "class Fussy(Exception):\n"
        "    def __init__(self, a, b): super().__init__(a)\n"
        "def f(x): raise Fussy(1, 2)\n"
    )
    _, out, _ = treadle_command("doctor", "fussy.py:f", "a")
    assert any(line.startswith("NO  exception") and "fussy.Fussy" in line for line in out)


def test_what_is_no_file_is_said_to_be_given_as_text(treadle_command):
    _, out, _ = treadle_command("doctor", "mine.py:upper", "nofile.csv")
    assert any("'nofile.csv'" in line and "no such file" in line for line in out)


def test_a_setup_that_never_returns_is_ended_too(treadle_command, monkeypatch):
    monkeypatch.setattr("treadle.cli.examination._STARTING", 0.5)
    Path("waiting.py").write_text(
        "import threading\ndef s(): threading.Event().wait()\ndef f(x, state): return x\n"
    )
    arguments = ("doctor", "waiting.py:f", "a", "--setup", "s", "--timeout", "0.1")
    code, out, _ = treadle_command(*arguments)
    assert code == 1
    assert any(line.startswith("NO  run") and "did not begin" in line for line in out)
