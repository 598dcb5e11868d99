"""A run is steered from outside: what it answers, whom it lets in, and what cannot disturb it."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle.api import control
from treadle.api import remote as asking
from treadle.api.control import Control
from treadle.api.heard import Heard
from treadle.api.remote import Remote
from treadle.errors import NotRunning, TreadleError, UsageError
from treadle.ledger.reader import Record
from treadle.ledger.writer import Ledger

PATIENCE = 20.0


def soon(condition):
    """Tell whether *condition* comes true; the patience is a net, not a delay."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


@pytest.fixture
def place(monkeypatch):
    """A folder as ``XDG_RUNTIME_DIR`` is, with a short name; and another one for what is not."""
    with tempfile.TemporaryDirectory(prefix="tc") as folder:
        runtime, temporary = Path(folder, "r"), Path(folder, "t")
        runtime.mkdir()
        temporary.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        yield runtime


class Live:
    """A run with a ledger whose calls wait until they are let go."""

    def __init__(self, folder, items=8, **options):
        folder.mkdir()
        self.gate = threading.Semaphore(0)
        self.ledger = Ledger.begin(folder, {"name": "live", "began": "2026-01-01T00:00:00+00:00"})
        self.heard = Heard()
        self.outcomes = treadle.map(
            self.call,
            range(items),
            **{"backend": "threads", "workers": 2, "listeners": (self.heard,), **options},
        )
        self.control = Control(self.ledger, self.outcomes, self.heard)
        self.record = Record(folder)

    def call(self, value):
        assert self.gate.acquire(timeout=PATIENCE)
        if value == 5:
            raise ValueError("five")
        return value

    def let(self, count):
        self.gate.release(count)

    @property
    def path(self):
        return self.record.holder["socket"]

    def end(self):
        self.let(1000)
        self.outcomes.close()
        self.control.close()
        self.ledger.close()
        self.record.close()


@pytest.fixture
def begin(place, tmp_path):
    """Begin such runs; they are ended with the test."""
    runs = []

    def begin(**options):
        runs.append(Live(tmp_path / f"260101-00000{len(runs)}", **options))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


@pytest.fixture
def live(begin):
    return begin()


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    connection.connect(path)
    return connection


def exchange(connection, line):
    """Send *line* and return the answer."""
    connection.sendall(line)
    with connection.makefile("rb") as answers:
        return json.loads(answers.readline())


# ── what is asked for is done ───────────────────────────────────────────────────────────────────


def test_the_status_has_the_counts_and_what_runs(live):
    remote = Remote(live.record)
    live.let(6)
    assert soon(lambda: remote.status()["settled"] == 6)
    assert soon(lambda: {item["key"] for item in remote.status()["items"]} == {6, 7})
    status = remote.status()
    assert (status["succeeded"], status["failed"], status["cancelled"]) == (5, 1, 0)
    assert (status["total"], status["workers"], status["backend"]) == (8, 2, "threads")
    assert status["running"] == 2
    assert all(item["worker"] and item["seconds"] >= 0 for item in status["items"])
    assert status["elapsed"] > 0
    assert not status["ended"]


def test_a_status_gives_an_example_of_each_kind_of_failure_that_is_not_known_yet(live):
    remote = Remote(live.record)
    live.let(8)
    assert soon(lambda: remote.status()["failed"] == 1)
    assert remote.status()["failures"] == [1]
    [row] = remote.status()["examples"]
    assert "five" in json.loads(row[-1])["message"]
    assert remote.status(known=1)["examples"] == []


def test_nothing_begins_while_it_is_paused(live):
    remote = Remote(live.record)
    assert soon(lambda: remote.status()["running"] == 2)
    remote.pause()
    assert soon(lambda: remote.status()["paused"])
    live.let(8)
    assert soon(lambda: remote.status()["settled"] == 2)
    assert soon(lambda: remote.status()["running"] == 0)
    assert remote.status()["settled"] == 2
    remote.resume()
    assert soon(lambda: remote.status()["settled"] == 8)
    assert not remote.status()["paused"]


def test_workers_come_and_go(live):
    remote = Remote(live.record)
    assert soon(lambda: remote.status()["running"] == 2)
    remote.resize(4)
    assert soon(lambda: remote.status()["running"] == 4)
    assert remote.status()["workers"] == 4
    remote.resize(1)
    assert soon(lambda: remote.status()["workers"] == 1)
    live.let(4)
    assert soon(lambda: remote.status()["settled"] == 4)
    assert soon(lambda: remote.status()["running"] == 1)


@pytest.mark.parametrize("number", [0, -1, True, 2.0, "4", None, [], 10**9, 10**400])
def test_a_number_of_workers_that_is_none_is_refused_and_changes_nothing(live, number):
    remote = Remote(live.record)
    with pytest.raises(UsageError, match="workers must be"):
        remote.resize(number)
    assert remote.status()["workers"] == 2


def test_an_inline_run_says_that_it_has_one_worker(begin):
    run = begin(backend="inline", workers=None)
    with pytest.raises(UsageError, match="inline"):
        Remote(run.record).resize(2)


def test_a_cancelled_run_ends_and_says_that_it_was_cancelled_from_outside(live):
    remote = Remote(live.record)
    assert soon(lambda: remote.status()["running"] == 2)
    remote.cancel()
    assert soon(lambda: remote.status()["cancelling"])
    live.let(2)
    outcomes = list(live.outcomes)
    assert sum(outcome.ok for outcome in outcomes) == 2
    assert live.outcomes.stats.stopped == "cancelled from outside"


def test_a_paused_run_can_be_cancelled(live):
    remote = Remote(live.record)
    assert soon(lambda: remote.status()["running"] == 2)
    remote.pause()
    remote.cancel()
    assert soon(lambda: remote.status()["cancelling"])
    live.let(2)
    assert len([outcome for outcome in live.outcomes if outcome.ok]) == 2


def test_cancelled_now_it_does_not_wait_for_what_runs(live):
    remote = Remote(live.record)
    assert soon(lambda: remote.status()["running"] == 2)
    remote.cancel(now=True)
    outcomes = list(live.outcomes)
    assert {outcome.kind for outcome in outcomes} == {"cancelled"}


def test_at_its_end_a_run_tells_how_it_is_and_takes_no_orders(live):
    remote = Remote(live.record)
    live.let(8)
    list(live.outcomes)
    assert remote.status()["ended"]
    for order in (remote.cancel, remote.pause, remote.resume):
        with pytest.raises(UsageError, match="being stored"):
            order()


# ── where it is, and who may come in ────────────────────────────────────────────────────────────


def test_only_the_owner_can_reach_the_socket(live, place):
    path = Path(live.path)
    assert path.parent == place / "treadle"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_without_a_runtime_folder_it_is_among_the_temporary_files(begin, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    run = begin()
    assert Path(run.path).parent == Path(tempfile.gettempdir(), f"treadle-{os.geteuid()}")
    assert Remote(run.record).status()["total"] == 8


@pytest.mark.parametrize("runtime", ["not/there", "x" * 120])
def test_a_runtime_folder_that_is_of_no_use_is_passed_over(begin, place, monkeypatch, runtime):
    folder = place / runtime
    if "/" not in runtime:
        folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    assert Path(begin().path).parent.parent == Path(tempfile.gettempdir())


def open_to_all(folder):
    folder.mkdir()
    folder.chmod(0o755)


def elsewhere(folder):
    target = folder.parent / f"target-of-{folder.name}"
    target.mkdir(mode=0o700)
    folder.symlink_to(target)


@pytest.mark.parametrize("make", [open_to_all, elsewhere, Path.touch])
def test_a_folder_that_is_not_the_owners_alone_is_refused_and_the_run_goes_on(begin, place, make):
    make(place / "treadle")
    make(Path(tempfile.gettempdir(), f"treadle-{os.geteuid()}"))
    run = begin()
    with pytest.raises(UsageError, match=r"cannot be steered from here.*0700") as caught:
        Remote(run.record)
    assert f"kill -INT {os.getpid()}" in caught.value.hint
    run.let(8)
    assert len(list(run.outcomes)) == 8


def test_a_system_without_unix_sockets_has_no_control_and_says_so(begin, monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX")
    run = begin()
    with pytest.raises(UsageError, match="no Unix sockets"):
        Remote(run.record)


def test_without_a_thread_to_be_had_the_run_goes_on(begin, monkeypatch, place):
    def start(thread):
        if thread.name == "treadle-control":
            raise RuntimeError("can't start new thread")
        begins(thread)

    begins = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    run = begin()
    with pytest.raises(UsageError, match="can't start new thread"):
        Remote(run.record)
    assert list((place / "treadle").iterdir()) == []
    run.let(8)
    assert len(list(run.outcomes)) == 8


def test_sockets_of_dead_processes_are_removed_and_nothing_else(begin, place):
    folder = place / "treadle"
    folder.mkdir(mode=0o700)
    dead = 2**22 + 1  # more than any Linux gives
    stale, ours, foreign = (
        folder / name for name in (f"a-{dead}-1.sock", f"b-{os.getpid()}-0.sock", "notes.txt")
    )
    for path in (stale, ours):
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
    foreign.touch()
    with socket.socket(socket.AF_UNIX) as in_another_container:
        alive = folder / f"c-{dead}-1.sock"
        in_another_container.bind(str(alive))
        in_another_container.listen()
        begin()
        assert not stale.exists()
        assert ours.exists()
        assert foreign.exists()
        assert alive.exists()


def test_two_runs_of_one_process_have_two_sockets(begin):
    first, second = begin(), begin()
    Remote(first.record).pause()
    assert soon(lambda: Remote(first.record).status()["paused"])
    assert not Remote(second.record).status()["paused"]


def test_a_run_that_is_over_leaves_no_socket_and_is_not_running(live):
    remote, path = Remote(live.record), Path(live.path)
    live.end()
    assert not path.exists()
    with pytest.raises(NotRunning, match="not running; it has crashed"):
        remote.pause()
    with pytest.raises(NotRunning, match="not running"):
        Remote(live.record)


def test_a_run_on_another_machine_is_named(live):
    live.ledger.lock.say(host="elsewhere", socket="/x")
    with pytest.raises(UsageError, match=r"on elsewhere, not on this machine"):
        Remote(live.record)


def test_a_process_that_does_not_answer_is_named(live, place, monkeypatch):
    monkeypatch.setattr(asking, "ANSWERED_WITHIN", 0.05)
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(place / "stuck"))
        stuck.listen()
        live.ledger.lock.say(socket=str(place / "stuck"))
        with pytest.raises(TreadleError, match=f"process {os.getpid()}.*does not answer"):
            Remote(live.record).status()


def test_a_run_that_does_not_say_where_it_listens_cannot_be_steered(live, monkeypatch):
    monkeypatch.setattr(asking, "BEGINNING", 0.0)
    live.ledger.lock.say()
    with pytest.raises(UsageError, match="does not say where"):
        Remote(live.record)


# ── what cannot disturb it ──────────────────────────────────────────────────────────────────────

GARBAGE = [
    b"\n",
    b"[]\n",
    b"{\n",
    b"\xff\xfe\n",
    b"[" * 4000 + b"\n",
    b'{"do": "fly"}\n',
    b'{"do": 5}\n',
    b'{"do": {}}\n',
    b'{"do": "workers", "workers": 1e999}\n',
    b"9" * 4096 + b"\n",
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_answered_with_what_is_wrong(live, line):
    with connect(live.path) as connection:
        answer = exchange(connection, line)
        assert not answer["ok"]
        assert answer["error"]
        assert exchange(connection, b'{"do": "status"}\n')["ok"]


def test_any_line_has_an_answer_and_stops_nothing(live):
    with connect(live.path) as connection:

        @settings(max_examples=200)
        @given(st.binary(max_size=200).filter(lambda line: b"\n" not in line))
        def check(line):
            assert isinstance(exchange(connection, line + b"\n")["ok"], bool)

        check()
        assert exchange(connection, b'{"do": "status"}\n')["status"]["workers"] == 2


def test_half_a_request_keeps_nobody_waiting(live):
    with connect(live.path) as slow, connect(live.path) as other:
        slow.sendall(b'{"do": "sta')
        assert exchange(other, b'{"do": "status"}\n')["ok"]
        assert exchange(slow, b'tus"}\n')["ok"]


def test_who_takes_too_long_is_hung_up_on(begin, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE", 0.05)
    with connect(begin().path) as slow:
        slow.sendall(b'{"do": "sta')
        assert slow.recv(1) == b""


def test_a_line_without_end_is_hung_up_on(live):
    with connect(live.path) as endless, suppress(BrokenPipeError, ConnectionResetError):
        endless.sendall(b"x" * 100_000)
        assert endless.recv(1) == b""
    assert Remote(live.record).status()["workers"] == 2


def test_who_never_takes_an_answer_keeps_nobody_waiting(live):
    with connect(live.path) as deaf:
        deaf.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                deaf.sendall(b'{"do": "status"}\n' * 100)
        assert Remote(live.record).status()["workers"] == 2
        live.let(8)
        assert len(list(live.outcomes)) == 8


def test_several_ask_at_once(live):
    def ask():
        remote = Remote(live.record)
        answers.extend(remote.status()["workers"] for _ in range(50))

    answers = []
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == [2] * 200


def test_of_too_many_clients_the_oldest_is_hung_up_on(live):
    clients = [connect(live.path) for _ in range(control.CLIENTS + 1)]
    try:
        assert exchange(clients[-1], b'{"do": "status"}\n')["ok"]
        assert clients[0].recv(1) == b""
        assert exchange(clients[1], b'{"do": "status"}\n')["ok"]
    finally:
        for client in clients:
            client.close()


def test_long_keys_and_messages_are_cut(begin):
    run = begin(key=lambda value: f"{value}-" + "k" * 100_000)
    remote = Remote(run.record)
    assert soon(lambda: remote.status()["running"] == 2)
    assert all(len(item["key"]) <= control.TEXT for item in remote.status()["items"])
    run.let(8)
    assert soon(lambda: remote.status()["failed"] == 1)
    [row] = remote.status()["examples"]
    assert len(row[1]) <= control.TEXT


def printing(value):
    print(f"one {value}")
    logging.getLogger("there").warning("two %s", value)
    return value


class Asking:
    """Asks a run how it is, as soon as its answer has what is waited for."""

    def __init__(self, folder, is_there):
        self.folder, self.is_there = folder, is_there

    def look(self):
        (run,) = treadle.runs(self.folder)
        remote = treadle.Remote(run.record)
        assert soon(lambda: self.is_there(remote.status()))
        self.status = remote.status()
        self.live = [each.folder for each in treadle.live()]
        self.later = remote.status(heard=self.status["said"][-1][0])


def test_a_status_says_where_the_run_is_who_works_and_what_they_said(place, tmp_path):
    gate, there = tmp_path / "gate", tmp_path / "runs"
    asking = Asking(there, lambda status: len(status["said"]) >= 2 and status["items"])

    def work(value):
        printing(value)
        until = time.monotonic() + PATIENCE
        while not gate.exists() and time.monotonic() < until:
            time.sleep(0.005)

    def ask():
        try:
            assert soon(lambda: treadle.runs(there))
            asking.look()
        finally:
            gate.touch()

    asker = threading.Thread(target=ask)
    asker.start()
    report = treadle.run(work, ["a"], runs_dir=there, workers=1, start_method="spawn")
    asker.join()
    folder = there / report.run_id
    status = asking.status
    assert (status["folder"], status["pid"]) == (str(folder), os.getpid())
    assert (status["parent"], status["stage"]) == (None, 0)
    (seat,) = status["seats"]
    assert seat["worker"] == f"process-{seat['pid']}" == status["items"][0]["worker"]
    assert [line[3:] for line in status["said"]] == [
        [0, "stdout", "one a"],
        [0, "WARNING", "two a"],
    ]
    assert asking.later["said"] == []
    assert asking.live == [folder]
    assert treadle.live() == []


def test_whoever_starts_a_process_is_told_which_runs_it_records(tmp_path, monkeypatch):
    noted = tmp_path / "noted"
    monkeypatch.setenv("TREADLE_RUNS_NOTED", str(noted))
    first = treadle.run(str, range(3), backend="inline", runs_dir=tmp_path / "runs", name="n")
    again = treadle.run(
        str, range(3), backend="inline", runs_dir=tmp_path / "runs", name="n", resume=True
    )
    folder = str(tmp_path / "runs" / first.run_id)
    assert again.run_id == first.run_id
    assert noted.read_text().splitlines() == [folder, folder]


def test_a_file_for_the_runs_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TREADLE_RUNS_NOTED", str(tmp_path / "none" / "noted"))
    with pytest.raises(treadle.UsageError, match="cannot be written") as caught:
        treadle.run(str, range(3), backend="inline", runs_dir=tmp_path / "runs")
    assert "TREADLE_RUNS_NOTED" in caught.value.hint
    assert treadle.runs(tmp_path / "runs") == []
