"""Whatever one item does to its worker: it is named with what became of it, and all others deliver.

Each row of the crash matrix runs under both start methods, in three ways: items that come one by
one while the other worker is idle, tiny items in batches before and behind the guilty one, and
with the other worker busy all the time.
"""

from __future__ import annotations

import atexit
import functools
import os
import signal
import sys
import threading
import weakref

import calls
import psutil
import pytest
from conditions import is_gone, soon

import treadle
from treadle.core import events
from treadle.errors import NotPicklable, RemoteError, SetupFailed, WorkerDied

INNOCENT = 300  # on either side: enough for batches of dozens


# --- the matrix ----------------------------------------------------------------------------------


def lost(how):
    """The worker died: by that signal, or with that exit code."""

    def verdict(outcome):
        assert outcome.kind == "worker lost"
        found = outcome.signal if isinstance(how, str) else outcome.exitcode
        assert found == how
        assert str(how) in outcome.verdict
        assert str(how) in outcome.failure.message
        assert isinstance(outcome.error, WorkerDied)
        assert outcome.failure.hint

    return verdict


def died_of(signal_name, words):
    """The worker died in C code: ``faulthandler`` wrote down where."""

    def verdict(outcome):
        lost(signal_name)(outcome)
        assert words in outcome.failure.traceback
        assert "calls.py" in outcome.failure.traceback

    return verdict


def raised(type_, text=""):
    """The call raised, and the exception itself came back."""

    def verdict(outcome):
        assert outcome.kind == "raised"
        assert type(outcome.error) is type_
        assert text in outcome.failure.message
        assert "calls.py" in outcome.failure.traceback

    return verdict


def told(type_name, text):
    """The call raised what cannot travel: its text came back."""

    def verdict(outcome):
        assert outcome.kind == "raised"
        assert isinstance(outcome.error, RemoteError)
        assert outcome.error.type_name == outcome.failure.type == f"calls.{type_name}"
        assert text in outcome.failure.message
        assert "calls.py" in outcome.failure.traceback

    return verdict


def unpicklable(what, *texts):
    """The argument or the result cannot travel; the message says which part of it, and why."""

    def verdict(outcome):
        assert outcome.kind == "unpicklable"
        assert outcome.what == what
        assert isinstance(outcome.error, NotPicklable)
        for text in texts:
            assert text in outcome.failure.message
        assert outcome.failure.hint

    return verdict


class Holds:
    """An argument with something in it that cannot be pickled."""

    def __init__(self):
        self.tools = [1, {"lock": threading.Lock()}]


ROWS = {
    "killed": ("sigkill", lost("SIGKILL")),
    "terminated": ("sigterm", lost("SIGTERM")),
    "killed by a thread": ("kill_from_a_thread", lost("SIGKILL")),
    "os._exit(3)": ("exit_3", lost(3)),
    "os._exit(0)": ("exit_0", lost(0)),
    "segmentation fault": ("segfault", died_of("SIGSEGV", "Segmentation fault")),
    "abort": ("abort", died_of("SIGABRT", "Aborted")),
    "dies in half a result": ("tear_the_result", lost("SIGKILL")),
    "dies in half a large result": ("tear_the_large_result", lost("SIGKILL")),
    "dies while its result is pickled": ("die_pickling_the_result", lost("SIGKILL")),
    "dies while its argument is loaded": (calls.LethalToWorkers(), lost("SIGKILL")),
    "sys.exit(7)": ("sys_exit", raised(SystemExit, "7")),
    "KeyboardInterrupt": ("raise_keyboard_interrupt", raised(KeyboardInterrupt)),
    "BaseException": ("panic", raised(calls.Panic, "unwrap")),
    "endless recursion": ("raise_recursively", raised(RecursionError, "recursion")),
    "exception cannot be loaded": (
        "raise_unloadable",
        told("Unloadable", "code 4 at the third step"),
    ),
    "exception cannot be loaded here": (
        "raise_unloadable_here",
        told("LoadableInWorkers", "said in the worker"),
    ),
    "exception cannot be pickled": ("raise_unpicklable", told("HoldsLock", "holds a lock")),
    "exception cannot be printed": (
        "raise_unprintable",
        raised(calls.Unprintable, "__str__ raised ValueError"),
    ),
    "result with a generator": (
        "return_generator",
        unpicklable("result", """["files"][0].parts""", "generator"),
    ),
    "result with a lock": ("return_lock", unpicklable("result", """["guard"]""", "_thread.lock")),
    "result cannot be loaded": (
        "return_broken",
        unpicklable("result", "cannot be loaded", "this state is no state"),
    ),
    "result cannot be loaded here": (
        "return_broken_here",
        unpicklable("result", "cannot be loaded here", "not here"),
    ),
    "large result cannot be loaded here": (
        "return_large_broken_here",
        unpicklable("result", "cannot be loaded here", "not here"),
    ),
    "argument cannot be pickled": (
        Holds(),
        unpicklable("argument", """.tools[1]["lock"]""", "_thread.lock"),
    ),
    "argument raises no Exception when pickled": (
        calls.RefusesToBePickled(),
        unpicklable("argument", "Panic"),
    ),
    "argument cannot be loaded in the worker": (
        calls.BrokenThere(),
        unpicklable("argument", "cannot be loaded in the worker", "over there"),
    ),
}


@pytest.fixture(autouse=True)
def known_as_the_driver(monkeypatch):
    monkeypatch.setenv(calls.DRIVER, str(os.getpid()))


# Each row under forkserver; under spawn one for each way in which a worker or a message can end.
# The others come there all the same, among all rows; alone they are left to `make chaos`.
OF_ALL_METHODS = {
    "killed",
    "os._exit(3)",
    "segmentation fault",
    "dies in half a result",
    "dies while its argument is loaded",
    "BaseException",
    "exception cannot be loaded",
    "result with a lock",
    "result cannot be loaded here",
    "argument cannot be loaded in the worker",
}
MATRIX = [
    pytest.param(
        method,
        row,
        id=f"{method}-{name}",
        marks=() if method == "forkserver" or name in OF_ALL_METHODS else pytest.mark.chaos,
    )
    for method in ("forkserver", "spawn")
    for name, row in ROWS.items()
]


def check(outcomes, items, guilty, verdict):
    """
    Every item settled once; the guilty as it must, all others as if nothing had happened.
    """
    assert sorted(outcome.key for outcome in outcomes) == list(range(len(items)))
    for outcome in outcomes:
        item = items[outcome.key]
        if item is guilty:
            verdict(outcome)
        elif isinstance(item, int):
            assert outcome.ok, outcome
            assert outcome.value == item
            assert outcome.attempts == 1


def check_later(pool):
    assert pool.map(calls.act, [7, 8, 9]).values() == [7, 8, 9]


def test_one_by_one_beside_an_idle_worker(pool):
    """
    Each item comes when the one before has settled; others come after the deed.
    """
    items: list = [1, 2]
    for guilty, _ in ROWS.values():
        items += [guilty, 3, 4, 5]
    settled = threading.Semaphore(1)

    def source():
        for item in items:
            settled.acquire()
            yield item

    outcomes = []
    for outcome in pool.map(calls.act, source()):
        outcomes.append(outcome)
        settled.release()
    check_all(outcomes, items)
    check_later(pool)


@pytest.mark.parametrize(("method", "row"), MATRIX)
def test_in_batches(pool, row):
    """
    Hundreds of tiny innocents before, between and behind: they share batches with the guilty.
    """
    guilty, verdict = row
    innocents = list(range(INNOCENT))
    items = [*innocents, guilty, *innocents, guilty, *innocents]
    check(list(pool.map(calls.act, items)), items, guilty, verdict)
    check_later(pool)


def test_beside_a_busy_worker(pool, gate):
    """
    All of them, while the other worker is in a long item, with others queued behind it.
    """
    items: list = [f"wait_at {gate.path}"]
    for guilty, _ in ROWS.values():
        items += [*range(10), guilty]
    outcomes = []
    for outcome in pool.map(calls.act, items):
        outcomes.append(outcome)
        if len(outcomes) == len(items) - 1:
            gate.open()
    assert items[outcomes[-1].key] == items[0]
    check_all(outcomes, items)
    check_later(pool)


@pytest.mark.parametrize("repeat", range(3))
def test_what_is_queued_behind_a_long_item_does_not_wait_for_it_after_a_death(method, gate, repeat):
    """
    The only other worker dies of the last item it had: one in its place takes over the queue.
    """
    with treadle.Pool(workers=2, backend="processes", start_method=method) as pool:
        items = [f"wait_at {gate.path}", *range(repeat * 3), "sigkill", *range(20), "sigkill", 1, 2]
        for count, _ in enumerate(pool.map(calls.act, items), 1):
            if count == len(items) - 1:
                gate.open()


def test_all_of_them_at_once(pool):
    """
    Every row among innocents, and some of them in the same batch.
    """
    items: list = []
    for guilty, _ in ROWS.values():
        items += [*range(20), guilty, guilty]
    check_all(list(pool.map(calls.act, items)), items)
    check_later(pool)


def check_all(outcomes, items):
    for guilty, verdict in ROWS.values():
        check(outcomes, items, guilty, verdict)


def test_a_call_that_closes_our_descriptors_costs_itself(pool):
    """
    Its worker can no longer talk; who follows it in the same instant would be suspected with it.
    """
    for _ in range(3):
        outcomes = list(pool.map(calls.act, ["close_all_descriptors"]))
        assert [outcome.verdict for outcome in outcomes] == ["worker lost (exit code 1)"]
        check_later(pool)


# --- killed from outside -------------------------------------------------------------------------


def test_a_worker_killed_while_busy_takes_one_item_with_it(pool, gate, arrivals):
    items = [f"arrive_and_wait {arrivals.path}|{gate.path}", *range(INNOCENT)]
    outcomes = pool.map(calls.act, items)
    os.kill(int(arrivals.next()), signal.SIGKILL)
    check(list(outcomes), items, items[0], lost("SIGKILL"))
    check_later(pool)


def test_idle_workers_that_are_killed_are_replaced_without_a_word(pool):
    for _ in range(3):
        pids = set(pool.map(calls.pid, range(50)).values())
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        outcomes = list(pool.map(calls.act, range(50)))
        assert all(outcome.ok and outcome.attempts == 1 for outcome in outcomes)
        assert len(outcomes) == 50


def test_a_worker_killed_while_it_receives_a_large_argument(method, gate, arrivals):
    """
    The second argument does not fit into the channel; the worker dies when half of it is there.
    """
    with treadle.Pool(workers=1, backend="processes", start_method=method) as pool:
        items = [f"arrive_and_wait {arrivals.path}|{gate.path}", *([bytes(900_000)] * 4), 1, 2]
        outcomes = pool.map(calls.act, items)
        os.kill(int(arrivals.next()), signal.SIGKILL)
        found = list(outcomes)
        check(found, items, items[0], lost("SIGKILL"))
        assert [outcome.attempts for outcome in found] == [1] * len(items)
        assert all(outcome.value == items[outcome.key] for outcome in found if outcome.key)


def test_a_stopped_worker_that_is_killed_costs_one_item(pool, gate, arrivals):
    items = [f"arrive_and_wait {arrivals.path}|{gate.path}", *range(20)]
    outcomes = pool.map(calls.act, items)
    pid = int(arrivals.next())
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    check(list(outcomes), items, items[0], lost("SIGKILL"))


# --- poison --------------------------------------------------------------------------------------


def test_a_poison_item_stops_after_exactly_its_attempts(pool, tmp_path):
    mark = tmp_path / "attempts"
    items = [*range(50), f"count_and_die {mark}", *range(50)]
    outcomes = list(pool.map(calls.act, items, retry=treadle.Retry(attempts=3, base=0)))
    check(outcomes, items, items[50], lost("SIGKILL"))
    assert mark.read_text() == "xxx"
    (poison,) = [outcome for outcome in outcomes if not outcome.ok]
    assert poison.attempts == 3


def test_an_item_that_kills_its_first_worker_only_succeeds_in_its_second_attempt(pool, tmp_path):
    items = [*range(50), f"die_once {tmp_path / 'mark'}", *range(50)]
    outcomes = list(pool.map(calls.act, items, retry=treadle.Retry(attempts=3, base=0)))
    assert all(outcome.ok for outcome in outcomes)
    assert {o.key: o.attempts for o in outcomes if o.attempts != 1} == {50: 2}


def test_many_poison_items_do_not_wear_the_pool_out(pool):
    items = ["exit_3" if number % 5 == 0 else number for number in range(100)]
    check_many = list(pool.map(calls.act, items))
    assert sorted(o.key for o in check_many if not o.ok) == list(range(0, 100, 5))
    assert all(o.attempts == 1 for o in check_many)


# --- exceptions ----------------------------------------------------------------------------------


def test_a_chained_exception_keeps_its_story(pool):
    (outcome,) = pool.map(calls.act, ["raise_chained"])
    assert type(outcome.error) is ValueError
    assert "KeyError: 'the first cause'" in outcome.failure.traceback
    assert "direct cause" in outcome.failure.traceback


def test_an_exception_group_arrives_with_all_its_members_named(pool):
    """
    One of them cannot be loaded: the group is told as text, and misses nothing.
    """
    (outcome,) = pool.map(calls.act, ["raise_group"])
    assert outcome.failure.type == "ExceptionGroup"
    assert "both of them (2 sub-exceptions)" in outcome.failure.message
    assert "ValueError: one" in outcome.failure.traceback
    assert "calls.Unloadable: code 2 at two" in outcome.failure.traceback


def test_notes_arrive(pool):
    (outcome,) = pool.map(calls.act, ["raise_noted"])
    assert outcome.failure.notes == ("it was on a Tuesday",)
    assert outcome.error.__notes__ == ["it was on a Tuesday"]


# --- setup ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setup", "text"),
    [
        (calls.setup_raises, "no licence server"),
        (calls.setup_sys_exits, "SystemExit: 4"),
        (calls.setup_exits, "exit code 4"),
        (calls.sigkill, "SIGKILL"),
        (calls.segfault, "SIGSEGV"),
    ],
)
def test_a_setup_that_fails_ends_the_run_and_not_the_pool(pool, setup, text):
    with pytest.raises(SetupFailed, match=text):
        pool.map(calls.with_state, range(100), setup=setup).values()
    check_later(pool)


def test_a_setup_that_fails_does_not_touch_another_run(pool, gate):
    """
    The other run has all its items outside of workers or in one, and goes on.
    """
    items = [f"wait_at {gate.path}", *range(20)]
    good = pool.map(calls.act, items)
    with pytest.raises(SetupFailed):
        pool.map(calls.with_state, range(100), setup=calls.setup_raises).values()
    gate.open()
    assert all(outcome.ok for outcome in good)


def test_a_deadly_setup_does_not_touch_another_run(pool, gate, arrivals):
    """
    Workers die in one run's setup while another run is under way: only the first one fails.
    """
    items = [f"arrive_and_wait {arrivals.path}|{gate.path}", *range(20)]
    good = pool.map(calls.act, items)
    arrivals.next()
    with pytest.raises(SetupFailed):
        pool.map(calls.with_state, range(100), setup=calls.setup_exits).values()
    gate.open()
    assert all(outcome.ok for outcome in good)


def test_a_teardown_that_raises_harms_nobody(pool):
    run = pool.map(
        calls.with_state, [1, 2], setup=calls.setup_state, teardown=calls.teardown_raises
    )
    assert run.values() == [(1, "state"), (2, "state")]
    check_later(pool)


def test_a_setup_that_hangs_ends_with_the_run_and_frees_its_workers(pool, arrivals):
    """
    A run that is killed while its setup hangs leaves a pool that works.
    """
    setup = functools.partial(calls.setup_hangs, arrivals.path)
    with pool.map(calls.with_state, range(10), setup=setup) as run:
        hanging = {psutil.Process(int(arrivals.next())) for _ in range(2)}
        run.kill()
        assert all(outcome.kind == "cancelled" for outcome in run)
        check_later(pool)
        assert soon(lambda: all(map(is_gone, hanging)))


def test_a_killed_run_leaves_its_workers_to_the_next_one(pool, arrivals):
    """
    Some of its items run, others are claimed or queued; the next run must not wait for any.
    """
    for _ in range(5):
        with pool.map(calls.act, [f"arrive_and_hang {arrivals.path}", *range(30)] * 10) as run:
            arrivals.next()
            run.kill()
            assert all(outcome.ok or outcome.kind == "cancelled" for outcome in run)
        check_later(pool)


def test_a_module_that_cannot_be_imported_in_the_worker_fails_the_run(pool, tmp_path, monkeypatch):
    """
    It imports something that only the driver has.
    """
    path = tmp_path / "needs_a_display.py"
    path.write_text(
        f"import os\nif os.getpid() != {os.getpid()}:\n    raise ImportError('no display')\n"
        "def f(x):\n    return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "needs_a_display", raising=False)
    import needs_a_display

    with pytest.raises(SetupFailed, match="no display"):
        pool.map(needs_a_display.f, range(3)).values()
    check_later(pool)


# --- spoilt surroundings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoiler",
    [
        "close_stdout",
        "close_raw_stdout",
        "replace_stdout",
        "forget_stdout",
        "change_directory",
        "leave_a_deleted_directory",
        "install_handlers",
        "start_thread x",
        "start_child",
        "fork_child",
    ],
)
def test_what_a_call_does_to_its_worker_does_not_reach_the_next_item(method, spoiler, capfd):
    """
    The one after it, in the same process, prints and finds itself where it would have been.
    """
    with treadle.Pool(workers=1, backend="processes", start_method=method) as pool:
        items = [1, spoiler, "say hello", "working_directory", *range(100), "pid", spoiler, "pid"]
        outcomes = sorted(pool.map(calls.act, items), key=lambda outcome: outcome.index)
        assert [outcome.verdict for outcome in outcomes] == ["ok"] * len(items)
        assert outcomes[3].value == os.getcwd()
        assert outcomes[-1].value == outcomes[-3].value
        assert "hello\n" in capfd.readouterr().out
        check_later(pool)
    # That nothing is left, neither thread nor child, is for the fixture `nothing_leaks` to see.


@pytest.mark.parametrize("deed", ["start_child_and_die", "start_child_and_hang"])
def test_children_of_a_call_go_with_its_worker(pool, deed, arrivals):
    run = pool.map(calls.act, [f"{deed} {arrivals.path}", 1, 2], timeout=1.0)
    child = psutil.Process(int(arrivals.next()))
    assert sorted(outcome.verdict for outcome in run)[:2] == ["ok", "ok"]
    pool.close()
    assert soon(lambda: is_gone(child))


def test_a_child_that_holds_the_channel_does_not_delay_the_news_of_a_death(pool):
    items = [*range(50), "fork_child_and_die", *range(50)]
    check(list(pool.map(calls.act, items)), items, "fork_child_and_die", lost("SIGKILL"))


def test_a_forked_child_may_print(pool, capfd):
    assert pool.map(calls.act, ["fork_child_that_prints"] * 20).values() == [0] * 20
    pool.close()
    captured = capfd.readouterr()
    assert (captured.out + captured.err).count("said by the child\n") == 20


def test_a_call_that_forks_and_comes_back_twice_counts_once(pool):
    items = ["fork_and_come_back_twice", *range(100)] * 5
    assert pool.map(calls.act, items).values() == ["back", *range(100)] * 5
    check_later(pool)


def test_a_result_whose_class_cannot_be_hashed_costs_its_item_alone(pool):
    items = [*range(50), "return_of_unhashable_kind", *range(50)]
    outcomes = list(pool.map(calls.act, items))
    check(outcomes, items, "return_of_unhashable_kind", unpicklable("result"))


def test_a_result_that_finds_no_descriptor_says_so(method):
    with treadle.Pool(workers=1, backend="processes", start_method=method) as pool:
        first, second = pool.map(calls.act, ["return_large_without_descriptors", 1], ordered=True)
    assert first.kind == "unpicklable"
    assert "Too many open files" in first.failure.message
    assert first.failure.hint
    assert second.ok


def test_what_a_call_executes_does_not_find_our_descriptors(pool, tmp_path):
    (listing,) = pool.map(calls.inherited, [str(tmp_path / "listing")]).values()
    assert "/proc/" in listing  # its own
    assert "socket:" not in listing
    assert "memfd:" not in listing


@pytest.mark.filterwarnings("ignore:start_method='fork'", "ignore:.*fork:DeprecationWarning")
def test_workers_that_are_forks_leave_the_exit_handlers_of_the_driver_alone(tmp_path):
    handler = (tmp_path / "handler").touch
    atexit.register(handler)
    finalizer = weakref.finalize(check_later, (tmp_path / "finalizer").touch)
    try:
        with treadle.Pool(workers=2, backend="processes", start_method="fork") as forks:
            assert forks.map(calls.act, range(100)).values() == list(range(100))
    finally:
        atexit.unregister(handler)
        assert finalizer.detach()
    assert not list(tmp_path.iterdir())


def test_the_first_item_is_not_charged_for_the_cpu_of_the_setup(pool):
    run = pool.map(calls.ignore_state, range(4), setup=calls.setup_burns)
    assert all(outcome.cpu < 0.25 for outcome in run)


# --- what calls say ------------------------------------------------------------------------------


def said(pool, items, **options):
    """Return what listeners heard as ``(key, stream or level, text)``."""
    heard = []

    def listen(event):
        match event:
            case events.Printed():
                heard.append((event.key, event.stream, event.text))
            case events.Logged():
                heard.append((event.key, event.record["levelname"], event.record["msg"]))

    list(pool.map(calls.act, items, listeners=[listen], **options))
    return heard


def test_prints_arrive_with_the_key_of_their_item(pool, capfd):
    items = ["say one", *range(100), "say two"]
    heard = said(pool, items)
    assert sorted(heard) == [(0, "stdout", "one\n"), (101, "stdout", "two\n")]
    assert sorted(capfd.readouterr().out.split()) == ["one", "two"]


def test_raw_writes_arrive(pool, capfd):
    """
    C libraries and child processes write to the descriptor; that they are heard is promised,
    that their item can be told is not.
    """
    said(pool, ["say_raw from C", *range(10)])
    pool.close()
    captured = capfd.readouterr()
    assert "from C\n" in captured.out + captured.err


def test_log_records_arrive_with_the_key_of_their_item(pool, caplog):
    heard = said(pool, ["log one", *range(100), "log_an_exception"])
    assert sorted(heard) == [
        (0, "WARNING", "logged: one"),
        (101, "ERROR", "that went wrong"),
    ]
    assert {record.name for record in caplog.records} == {"instrument"}
    assert "KeyError: 'the first cause'" in caplog.text


def test_text_that_cannot_be_encoded_is_shown_all_the_same(pool, capfd):
    said(pool, ["say_surrogate", "say next"])
    out = capfd.readouterr().out
    assert "a file called" in out
    assert "next\n" in out


def test_threads_of_a_call_lose_nothing_that_they_print(pool, capfd):
    pool.map(calls.act, ["reconfigure", "print_from_threads 2000"]).values()
    pool.close()
    assert capfd.readouterr().out.count("word") == 8000


def test_finalizers_may_print_at_any_moment(pool, capfd):
    """
    They run wherever the collector strikes, which may be in the middle of our own book-keeping.
    """
    run = pool.map(calls.leave_loud_garbage, range(2000))
    assert run.values() == list(range(2000))
    pool.close()
    assert capfd.readouterr().out.count("gone\n") > 1000


# --- memory and recycling ------------------------------------------------------------------------


def test_an_item_that_meets_a_memory_limit_raises_memory_error(pool):
    items = [*range(100), "run_out_of_memory", *range(100)]
    check(list(pool.map(calls.act, items)), items, items[100], raised(MemoryError))


def test_an_item_above_the_memory_limit_is_killed_and_named(method, arrivals):
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, max_worker_memory=150 << 20
    ) as pool:
        items = [*range(200), f"grow {arrivals.path}", *range(200)]

        def verdict(outcome):
            assert outcome.kind == "worker lost"
            assert "memory limit" in outcome.verdict

        check(list(pool.map(calls.act, items)), items, items[200], verdict)
        check_later(pool)


def test_a_leaking_function_gets_fresh_workers_and_loses_nothing(method):
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, max_worker_memory=100 << 20
    ) as pool:
        outcomes = list(pool.map(calls.leak, range(20)))
    assert [outcome.attempts for outcome in outcomes if outcome.ok] == [1] * 20
    pids = [outcome.value for outcome in outcomes]
    assert max(pids.count(pid) for pid in pids) <= 5


@pytest.mark.parametrize("limit", [1, 7])
def test_no_worker_gets_more_items_than_its_limit(method, limit):
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, max_items_per_worker=limit
    ) as pool:
        pids = pool.map(calls.pid, range(6 * limit)).values()
    assert max(pids.count(pid) for pid in pids) <= limit


def test_tiny_items_are_counted_one_by_one_for_the_limit(method):
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, max_items_per_worker=500
    ) as pool:
        pids = pool.map(calls.pid, range(4000)).values()
    assert max(pids.count(pid) for pid in pids) <= 500


def test_crashes_and_recycling_together(method):
    items = ["exit_3" if number % 50 == 25 else number for number in range(400)]
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, max_items_per_worker=20
    ) as pool:
        outcomes = list(pool.map(calls.act, items))
        check(outcomes, items, "exit_3", lost(3))


def test_a_machine_short_of_memory_runs_one_item_at_a_time_and_does_not_stand_still(method):
    with treadle.Pool(
        workers=2, backend="processes", start_method=method, min_free_memory=1 << 60
    ) as pool:
        assert pool.map(calls.act, range(20)).values() == list(range(20))
