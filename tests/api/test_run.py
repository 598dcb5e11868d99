"""``run``: values go into a sink, and a report says what became of the items."""

from __future__ import annotations

import csv
import itertools
import json
import math
import signal
import threading
from datetime import timedelta
from pathlib import Path

import chores
import pytest

import treadle
from treadle import events
from treadle.sinks import Memory

THREADS = {"backend": "threads", "workers": 2}
PROCESSES = {"backend": "processes", "workers": 2}
INLINE = {"backend": "inline"}


@pytest.fixture(params=[THREADS, PROCESSES, INLINE], ids=lambda options: options["backend"])
def options(request):
    return request.param


def row(value):
    return {"value": value, "double": 2 * value}


def row_of_odd(value):
    return row(chores.odd_fails(value))


def holding(thing):
    return lambda _: thing


# --- where values go -----------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["group", "item", "none"])
def test_without_a_place_values_are_kept_in_input_order(options, durability):
    report = treadle.run(chores.double, range(30), durability=durability, **options)
    assert report.values() == [2 * n for n in range(30)]
    assert isinstance(report.sink, Memory) == (durability == "none")


def test_into_csv(tmp_path, options):
    path = tmp_path / "out.csv"
    report = treadle.run(row, range(5), into=str(path), ordered=True, **options)
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [(each["value"], each["double"]) for each in found] == [
        (str(n), str(2 * n)) for n in range(5)
    ]
    assert report.ok == len(list(report.values())) == 5


def test_into_jsonl(tmp_path, options):
    path = tmp_path / "out.jsonl"
    report = treadle.run(row, range(5), into=path, **options)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(each["value"]["double"] for each in found) == [0, 2, 4, 6, 8]
    assert report.ok == len(list(report.values())) == 5


def test_into_parquet(tmp_path, options):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "out.parquet"
    report = treadle.run(row, range(5), into=path, **options)
    assert sorted(parquet.read_table(path)["double"].to_pylist()) == [0, 2, 4, 6, 8]
    assert report.ok == len(list(report.values())) == 5


def test_into_a_folder(tmp_path, options):
    report = treadle.run(row, range(5), into=f"{tmp_path}/out/", key=lambda n: f"{n}", **options)
    paths = list(report.values())
    assert len(paths) == report.ok == 5
    assert len([path for path in (tmp_path / "out").rglob("[!.]*") if path.is_file()]) == 5


def test_into_a_sink_of_ones_own():
    class Keys:
        """Keeps the keys of what succeeded, and the order in which its verbs were used."""

        def __init__(self):
            self.said = []
            self.keys = []

        def open(self):
            self.said.append("open")

        def write(self, outcomes):
            self.said.append("write")
            self.keys += [outcome.key for outcome in outcomes if outcome.ok]
            return []

        def close(self):
            self.said.append("close")

        def abandon(self):
            self.said.append("abandon")

        def values(self):
            return self.keys

    sink = Keys()
    report = treadle.run(chores.odd_fails, range(6), into=sink, **THREADS)
    assert report.sink is sink
    assert sorted(report.values()) == [0, 2, 4]
    assert (sink.said[0], sink.said[-1]) == ("open", "close")
    assert set(sink.said[1:-1]) == {"write"}


def test_no_items_make_an_empty_result(tmp_path):
    report = treadle.run(row, [], into=tmp_path / "out.jsonl", **THREADS)
    assert (tmp_path / "out.jsonl").read_text() == ""
    assert (report.ok, report.failed, report.cancelled) == (0, 0, 0)
    assert list(report.values()) == []


# --- the report ----------------------------------------------------------------------------------


def test_a_report_counts_and_names_what_failed(options):
    report = treadle.run(row_of_odd, range(10), **options)
    assert (report.ok, report.failed, report.cancelled) == (5, 5, 0)
    assert [outcome.index for outcome in report.failures] == [1, 3, 5, 7, 9]
    assert str(report.failures[0].error) == "1 is odd"
    assert report.stopped is None
    assert [(kind.title, kind.count) for kind in report.stats.kinds.values()] == [
        ("raised ValueError", 5)
    ]
    assert report.elapsed > 0
    assert math.isclose(report.throughput, 10 / report.elapsed)
    assert str(report).startswith("5 ok, 5 failed in ")


def test_a_report_says_why_the_source_was_not_read_to_its_end():
    report = treadle.run(chores.always_fails, itertools.count(), max_failures=2, **INLINE)
    assert (report.stopped, report.ok, report.failed) == ("failure limit", 0, 2)
    report = treadle.run(
        chores.double, itertools.count(), deadline=timedelta(microseconds=1), **INLINE
    )
    assert (report.stopped, report.ok, report.failed) == ("deadline", 0, 0)


def test_a_report_of_nothing_has_a_throughput():
    report = treadle.run(chores.double, [], **INLINE)
    assert report.throughput == 0.0


def test_what_was_cancelled_is_counted_apart(gate, arrivals):
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    report = treadle.run(waiting, range(5), deadline=timedelta(seconds=1.5), **PROCESSES)
    assert (report.ok, report.failed, report.cancelled) == (0, 0, 5)
    assert report.stopped == "deadline"
    assert report.failures == []
    assert "5 cancelled" in str(report)


# --- sinks that refuse ---------------------------------------------------------------------------


def test_a_value_that_the_sink_refuses_is_a_failure_of_its_item(tmp_path, options):
    path = tmp_path / "out.jsonl"
    report = treadle.run(chores.identity, [1, object, 3], into=path, **options)
    assert (report.ok, report.failed) == (2, 1)
    [failure] = report.failures
    assert failure.index == 1
    assert isinstance(failure.error, treadle.SinkFailed)
    assert len(path.read_text().splitlines()) == 2


class Fails:
    """A sink that cannot do one of its verbs."""

    def __init__(self, verb, error):
        self.verb = verb
        self.error = error
        self.said = []

    def _do(self, verb):
        self.said.append(verb)
        if verb == self.verb:
            raise self.error

    def open(self):
        self._do("open")

    def write(self, outcomes):
        self._do("write")
        return []

    def close(self):
        self._do("close")

    def abandon(self):
        self._do("abandon")

    def values(self):
        return []


class Untouched:
    """A source that must not be read."""

    def __iter__(self):
        pytest.fail("the source was read")


def in_a_pool(function, items, **options):
    """As ``treadle.run``, on a pool that has run before and runs after."""
    given = {name: options.pop(name) for name in ("backend", "workers") if name in options}
    with treadle.Pool(**given) as pool:
        assert pool.map(chores.double, [1, 2, 3]).values() == [2, 4, 6]
        try:
            return pool.run(function, items, **options)
        finally:
            assert pool.map(chores.double, [1, 2, 3]).values() == [2, 4, 6]


@pytest.fixture(params=[treadle.run, in_a_pool], ids=["run", "pool"])
def run(request):
    return request.param


def test_a_sink_that_cannot_be_opened_fails_before_anything_is_read(run, options):
    """
    Nothing is started, and the sink, which is not open, is not closed.
    """
    sink = Fails("open", treadle.UsageError("no right to write there"))
    heard = []
    with pytest.raises(treadle.UsageError, match="no right"):
        run(chores.double, Untouched(), into=sink, listeners=[heard.append], **options)
    assert sink.said == ["open"]
    assert heard == []


def test_a_place_that_cannot_be_written_to_fails_before_anything_is_read(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(treadle.UsageError, match="cannot be made"):
        run(chores.double, Untouched(), into=tmp_path / "file" / "out.csv", **THREADS)


def test_the_sink_is_open_before_the_source_is_read(run):
    sink = Fails(None, None)

    def source():
        assert sink.said[:1] == ["open"]
        yield 1

    assert run(chores.double, source(), into=sink, **THREADS).ok == 1


@pytest.mark.parametrize(
    ("function", "options", "error"),
    [
        ("not a function", THREADS, treadle.UsageError),
        (chores.double, {**THREADS, "timeout": -1}, treadle.UsageError),
        (holding(threading.Lock()), PROCESSES, treadle.NotPicklable),
    ],
    ids=["function", "option", "unpicklable"],
)
def test_a_run_that_cannot_begin_leaves_the_old_file_alone(tmp_path, run, function, options, error):
    path = tmp_path / "out.csv"
    path.write_text("precious")
    with pytest.raises(error):
        run(function, Untouched(), into=path, **options)
    assert path.read_text() == "precious"
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_a_sink_that_fails_ends_the_run_and_is_abandoned(run, options):
    sink = Fails("write", treadle.SinkFailed("disk full"))
    with pytest.raises(treadle.SinkFailed, match="disk full"):
        run(chores.double, itertools.count(), into=sink, **options)
    assert sink.said == ["open", "write", "abandon"]


def test_a_source_that_raises_fails_the_run_and_what_settled_is_stored(tmp_path, run, options):
    path = tmp_path / "out.jsonl"

    def source():
        yield from range(3)
        raise OSError("disk gone")

    with pytest.raises(treadle.SourceFailed, match="disk gone") as caught:
        run(row, source(), into=path, **options)
    report = caught.value.report
    assert (report.ok, report.kept) == (3, f"{path}.part")
    assert "disk gone" in report.stopped
    assert len(Path(report.kept).read_text().splitlines()) == len(list(report.values())) == 3
    assert not path.exists()


# --- Ctrl-C --------------------------------------------------------------------------------------

INTERRUPTED = """
import itertools, os, signal, sys
import treadle

def work(value):
    if value == 50:
        os.kill(DRIVER, signal.SIGINT)
    return value

DRIVER = os.getpid()
{before}
handler = signal.getsignal(signal.SIGINT)
try:
    treadle.run(work, itertools.count(), into={into!r}, backend={backend!r})
except KeyboardInterrupt as stop:
    report = stop.report
    more = sum(1 for _ in report.values()) - report.ok
    # What raises anywhere may do so between storing and counting.
    usual = handler is signal.default_int_handler
    right = more == 0 if usual else more >= 0
    some = report.ok > 0 if usual else report.ok >= 0  # it may strike before the first is stored
    print(type(stop).__name__, report.stopped, some, right, report.failed)
    sys.exit(130)
"""


@pytest.mark.parametrize("backend", ["inline", "threads", "processes"])
@pytest.mark.parametrize(
    "before",
    [
        "",
        "def own(*_): raise KeyboardInterrupt\nsignal.signal(signal.SIGINT, own)",
    ],
    ids=["usual", "own handler"],
)
def test_an_interrupted_run_has_a_report(program, tmp_path, backend, before):
    into = str(tmp_path / "out.jsonl")
    done = program(INTERRUPTED.format(into=into, backend=backend, before=before))
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout == "Interrupted interrupted True True 0\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_a_run_the_handler_of_ctrl_c_is_what_it_was():
    before = signal.getsignal(signal.SIGINT)
    seen = []
    treadle.run(
        chores.identity,
        range(3),
        listeners=[lambda event: seen.append(isinstance(event, events.RunEnded))],
        **THREADS,
    )
    assert seen[-1]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_record_says_with_which_options_it_was_run(own_runs):
    report = treadle.run(
        str, range(3), backend="threads", workers=2, timeout=30, retry=treadle.Retry(attempts=3)
    )
    noted = json.loads((own_runs / report.run_id / "run.json").read_text())["options"]
    assert noted == {"workers": 2, "timeout": 30, "retry": 3}
