"""Programs as people write them: without a guard, from stdin, in a REPL, ended in odd ways."""

from __future__ import annotations

import signal

import pytest

DEFINITIONS = """
import os, sys
import treadle

def shift(value):
    return value + SHIFT

SHIFT = 100
"""
MAP = "print(treadle.map(shift, [1, 2, 3], workers=2, start_method={method!r}).values())\n"


def script(*parts: str, method: str = "forkserver") -> str:
    return "".join([DEFINITIONS, *parts]).replace("{method!r}", repr(method))


@pytest.fixture
def run_script(programs):
    """Write a script and run it to its end."""

    def run(*parts: str, method: str = "forkserver"):
        return programs.run(programs.write("script.py", script(*parts, method=method)))

    return run


# --- where functions come from -------------------------------------------------------------------


def test_a_script_needs_no_guard(run_script, start_method):
    """
    Workers do not run the script again, so there is nothing to guard.
    """
    done = run_script('print("once")\n', MAP, method=start_method)
    assert (done.returncode, done.stdout) == (0, "once\n[101, 102, 103]\n"), done.stderr
    assert done.stderr == ""


def test_a_command_line_program(programs, start_method):
    done = programs.run("-c", script(MAP, method=start_method))
    assert (done.returncode, done.stdout) == (0, "[101, 102, 103]\n"), done.stderr


def test_a_script_from_stdin(programs, start_method):
    done = programs.run("-", text=script(MAP, method=start_method))
    assert (done.returncode, done.stdout) == (0, "[101, 102, 103]\n"), done.stderr


def test_a_module_run_with_m(programs, start_method):
    programs.write("tool/__init__.py", "")
    programs.write("tool/__main__.py", script(MAP, method=start_method))
    done = programs.run("-m", "tool")
    assert (done.returncode, done.stdout) == (0, "[101, 102, 103]\n"), done.stderr


def test_a_function_typed_at_the_prompt(terminal, start_method):
    repl = terminal("-q", "-i")  # the basic one: that of 3.13 does not keep the exit code
    repl.read_until(lambda seen: b">>> " in seen)
    for line in script(MAP, method=start_method).strip().splitlines():
        repl.type(f"{line}\n")
        if line.startswith("    "):
            repl.type("\n")
    repl.read_until(lambda seen: b"[101, 102, 103]" in seen)
    repl.type("raise SystemExit(5)\n")
    assert repl.read_to_end() == 5


# --- how the main program ends -------------------------------------------------------------------

OPEN_POOL = """
import itertools
pool = treadle.Pool(workers=2, start_method={method!r})
outcomes = pool.map(shift, itertools.count())
print(next(outcomes).ok, flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass  # the pool is never closed", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('sorry')", 1),
        ("raise RuntimeError('unexpected')", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("del pool, outcomes", 0),
        ("import threading; threading.Thread(target=list, args=[range(3)]).start()", 0),
    ],
)
def test_a_program_ends_with_its_own_exit_code_while_a_pool_is_open(
    run_script, programs, ending, code, start_method
):
    done = run_script(OPEN_POOL, ending, "\n", method=start_method)
    assert (done.returncode, done.stdout) == (code, "True\n"), done.stderr
    assert programs.left() == []
    if code == 0:
        assert done.stderr == ""


def test_os_exit_leaves_no_process(run_script, programs, start_method):
    done = run_script(OPEN_POOL, "os._exit(4)\n", method=start_method)
    assert done.returncode == 4
    assert programs.left() == []


HANGING = """
import time
def hang(value):
    print("hangs", flush=True)
    time.sleep(600)

def listen(event):
    if isinstance(event, treadle.events.Printed):
        running.set()

outcomes = treadle.map(hang, [1], workers=1, start_method={method!r}, listeners=[listen])
"""


@pytest.mark.parametrize(
    ("ending", "code"), [("sys.exit(3)", 3), ("raise RuntimeError('unexpected')", 1)]
)
def test_a_call_that_hangs_does_not_keep_a_program_that_ends(
    run_script, programs, ending, code, start_method
):
    begin = "import threading\nrunning = threading.Event()\n"
    done = run_script(begin, HANGING, "running.wait()\n", ending, "\n", method=start_method)
    assert done.returncode == code, done.stderr
    assert programs.left() == []


def test_an_exception_between_outcomes_ends_the_run(run_script, programs):
    """
    The iterator is still referred to by the traceback that the interpreter prints.
    """
    done = run_script(
        "import itertools\n"
        "for outcome in treadle.map(shift, itertools.count(), workers=2):\n"
        "    raise LookupError('mine')\n"
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("LookupError: mine")
    assert programs.left() == []


def test_an_executor_that_is_never_shut_down_finishes_what_it_was_given(run_script, programs):
    """
    As the standard library's does.
    """
    done = run_script(
        "executor = treadle.Executor(max_workers=2)\n"
        "futures = [executor.submit(shift, value) for value in range(50)]\n"
        "for future in futures:\n"
        "    future.add_done_callback(lambda future: print(future.result()))\n"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(map(int, done.stdout.split())) == list(range(100, 150))
    assert programs.left() == []


# --- processes of the user's own -----------------------------------------------------------------


def test_a_child_forked_by_the_program_harms_neither_run(run_script):
    """
    The child has the pool's descriptors but not its threads. It ends, and the run goes on.
    """
    done = run_script(
        "with treadle.Pool(workers=2) as pool:\n"
        "    print(pool.map(shift, [1]).values(), flush=True)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "    print(pool.map(shift, [2]).values(), flush=True)\n"
    )
    assert (done.returncode, done.stdout) == (0, "[101]\n7\n[102]\n"), done.stderr


def test_a_forked_child_may_have_a_pool_of_its_own(run_script, programs):
    done = run_script(
        "print(treadle.map(shift, [1], workers=1).values(), flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print(treadle.map(shift, [2], workers=1).values(), flush=True)\n"
        "    sys.exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "print(treadle.map(shift, [3], workers=1).values(), flush=True)\n"
    )
    assert (done.returncode, done.stdout) == (0, "[101]\n[102]\n7\n[103]\n"), done.stderr
    assert programs.left() == []


def test_a_forked_child_ends_normally_beside_an_open_pool(run_script, programs):
    """
    Its exit handlers must not wait for threads that exist in the parent only.
    """
    done = run_script(
        OPEN_POOL,
        "child = os.fork()\n"
        "if child == 0:\n"
        "    sys.exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "print(next(outcomes).ok, flush=True)\n",
    )
    assert (done.returncode, done.stdout) == (0, "True\n7\nTrue\n"), done.stderr
    assert programs.left() == []


def test_a_multiprocessing_child_ends_normally_beside_an_open_pool(run_script, programs):
    done = run_script(
        OPEN_POOL,
        "import multiprocessing\n"
        "process = multiprocessing.get_context('fork').Process(target=shift, args=[1])\n"
        "process.start()\n"
        "process.join()\n"
        "print(process.exitcode, flush=True)\n"
        "print(next(outcomes).ok, flush=True)\n",
    )
    assert (done.returncode, done.stdout) == (0, "True\n0\nTrue\n"), done.stderr
    assert programs.left() == []


# --- in workers ----------------------------------------------------------------------------------


def test_a_map_inside_a_worker(run_script, programs, start_method):
    done = run_script(
        "def inner(value):\n"
        "    return sum(treadle.map(shift, range(value), workers=2).values())\n"
        "print(treadle.map(inner, [1, 2, 3], workers=2, start_method={method!r}).values())\n",
        method=start_method,
    )
    assert (done.returncode, done.stdout) == (0, "[100, 201, 303]\n"), done.stderr
    assert programs.left() == []


def test_a_map_inside_a_worker_that_is_killed_leaves_nothing(run_script, programs, start_method):
    done = run_script(
        "import signal\n"
        "def inner(value):\n"
        "    for outcome in treadle.map(shift, iter(range(10**9)), workers=2):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "outcome, = treadle.map(inner, [1], workers=1, start_method={method!r})\n"
        "print(outcome.kind)\n",
        method=start_method,
    )
    assert (done.returncode, done.stdout) == (0, "worker lost\n"), done.stderr
    assert programs.left() == []


@pytest.mark.parametrize("context", ["fork", "forkserver", "spawn"])
def test_a_pool_of_the_standard_library_inside_a_worker(run_script, programs, context):
    done = run_script(
        "import concurrent.futures, multiprocessing, math\n"
        "def inner(value):\n"
        f"    context = multiprocessing.get_context({context!r})\n"
        "    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:\n"
        "        return list(pool.map(math.sqrt, [value, 4 * value]))\n"
        "print(treadle.map(inner, [1, 4], workers=2).values())\n"
    )
    assert (done.returncode, done.stdout) == (0, "[[1.0, 2.0], [2.0, 4.0]]\n"), done.stderr
    assert programs.left() == []


CLASS = """
class Point:
    moved = 0
    def __init__(self, x): self.x = x
    def shifted(self): return shift(self.x)

def move(point):
    Point.moved += 1
    return Point(point.x + 1)

def lose(point):
    class Lost(Exception): pass
    raise Lost(Point(1))

plain = Point.shifted
"""


def test_instances_that_come_back_do_not_change_their_class(run_script):
    """
    A class of the script travels by value; what became of it in the worker stays in the worker.
    """
    done = run_script(
        CLASS,
        "first, second = treadle.map(move, [Point(1), Point(2)], workers=1).values()\n"
        "print(type(first) is Point, Point.moved, Point.shifted is plain)\n"
        "SHIFT = 1000\n"
        "print(first.shifted(), second.shifted())\n"
        "kinds = [outcome.kind for outcome in treadle.map(lose, [Point(1)], workers=1)]\n"
        "print(kinds, Point.shifted is plain)\n",
    )
    assert done.stdout == "True 0 True\n1002 1003\n['raised'] True\n", done.stderr
