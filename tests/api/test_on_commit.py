"""``on_commit``: it hears of every outcome once, and of none that could still be lost."""

from __future__ import annotations

import threading

import chores
import pytest

import treadle

BACKENDS = {
    "inline": {"backend": "inline"},
    "threads": {"backend": "threads", "workers": 3},
    "processes": {"backend": "processes", "workers": 2},
}


@pytest.fixture(params=BACKENDS, ids=str)
def backend(request):
    return BACKENDS[request.param]


@pytest.fixture(params=["group", "item"])
def durability(request):
    return request.param


@pytest.fixture(params=["out.csv", "out.jsonl", None], ids=str)
def into(request, tmp_path):
    return None if request.param is None else str(tmp_path / request.param)


def recorded():
    """Return what is in the record of the newest run, by key: how each item has ended."""
    run = treadle.open("latest")
    try:
        return {outcome.key: outcome.kind for outcome in run.outcomes()}
    finally:
        run.close()


class Heard:
    """Hears of outcomes, and looks into the record each time."""

    def __init__(self, *, look=True):
        self.keys = []
        self.sizes = []
        self.threads = set()
        self.missing = []
        self.look = look

    def __call__(self, outcomes):
        self.threads.add(threading.current_thread())
        self.sizes.append(len(outcomes))
        self.keys += [outcome.key for outcome in outcomes]
        if self.look:
            known = recorded()
            self.missing += [each for each in outcomes if known.get(each.key) != each.kind]


def row(value):
    return {"value": value}


def row_of_odd(value):
    return {"value": chores.odd_fails(value)}


def test_it_hears_of_every_outcome_once_when_it_is_in_the_record(backend, durability, tmp_path):
    heard, into = Heard(), tmp_path / "out.jsonl"
    report = treadle.run(
        row_of_odd, range(30), into=into, durability=durability, on_commit=heard, **backend
    )
    assert (report.ok, report.failed) == (15, 15)
    assert sorted(heard.keys) == list(range(30))
    assert heard.missing == []
    assert heard.threads == {threading.current_thread()}
    assert 0 not in heard.sizes


def test_it_hears_in_the_order_in_which_outcomes_were_stored_and_of_all_by_the_end():
    heard = Heard(look=False)
    treadle.run(abs, range(5), durability="item", on_commit=heard, backend="inline")
    assert heard.keys == [0, 1, 2, 3, 4]


def test_it_hears_while_nothing_else_happens():
    """
    News are told at leisure, after further items have started, but not only with the next one.
    """
    heard, news = [], threading.Event()

    def call(value):
        if value == 1:
            assert news.wait(20)
        return value

    def note(outcomes):
        heard.extend(outcome.key for outcome in outcomes)
        news.set()

    treadle.run(call, range(2), durability="item", on_commit=note, backend="threads", workers=1)
    assert heard == [0, 1]


def test_a_value_that_cannot_be_stored_is_heard_of_as_a_failure():
    kinds = []
    treadle.run(
        lambda value: threading.Lock() if value else value,
        range(2),
        backend="inline",
        on_commit=lambda outcomes: kinds.extend(outcome.kind for outcome in outcomes),
    )
    assert sorted(kinds) == ["raised", "succeeded"]


def test_items_that_were_cancelled_are_not_heard_of(backend):
    heard = Heard()
    treadle.run(
        chores.odd_fails, range(50), max_failures=1, on_commit=heard, ordered=True, **backend
    )
    assert any(key % 2 for key in heard.keys)
    assert sorted(heard.keys) == sorted(
        key for key, kind in recorded().items() if kind != "cancelled"
    )
    assert heard.missing == []


def test_a_resumed_run_hears_of_what_it_does_and_of_nothing_before(durability, into):
    first, second, third = Heard(), Heard(), Heard()

    def go(heard, **options):
        treadle.run(
            row_of_odd,
            range(10),
            into=into,
            durability=durability,
            backend="inline",
            on_commit=heard,
            **options,
        )

    go(first, max_failures=3, resume=True)
    go(second, resume=True)
    go(third, resume=True, retry_failed=True)
    assert sorted(first.keys + second.keys) == list(range(10))
    assert sorted(third.keys) == [1, 3, 5, 7, 9]


class Broken(Exception):
    """Raised by what listens."""


@pytest.mark.parametrize("kind", [Broken, SystemExit])
def test_what_it_raises_ends_the_run_and_keeps_what_is_committed(backend, kind, tmp_path):
    heard, into = [], tmp_path / "out.jsonl"

    def breaks(outcomes):
        heard.extend(outcome.key for outcome in outcomes)
        raise kind("full")

    with pytest.raises(kind, match="full"):
        treadle.run(
            row,
            range(40),
            into=into,
            durability="item",
            on_commit=breaks,
            **backend,
        )
    assert len(set(heard)) == len(heard) > 0
    known = recorded()
    assert set(heard) <= set(known)
    rest = Heard(look=False)
    treadle.run(
        row,
        range(40),
        into=into,
        durability="item",
        on_commit=rest,
        resume=True,
        **backend,
    )
    assert sorted(heard + rest.keys) == list(range(40))


def test_what_it_raises_at_the_very_end_leaves_a_run_that_can_be_finished(into):
    def breaks(_):
        raise Broken("full")

    with pytest.raises(Broken):
        treadle.run(row, range(3), into=into, on_commit=breaks, backend="inline")
    heard = Heard(look=False)
    report = treadle.run(
        row,
        range(3),
        into=into,
        on_commit=heard,
        resume=True,
        backend="inline",
    )
    assert sum(report.earlier) + report.ok == 3
    assert len(heard.keys) == report.ok
    assert len(list(report.values())) == 3


def test_ctrl_c_loses_nothing_that_it_has_not_heard_of(into):
    heard = Heard()

    def call(value):
        if value == 7:
            raise KeyboardInterrupt
        return {"value": value}

    with pytest.raises(treadle.Interrupted):
        treadle.run(call, range(20), into=into, on_commit=heard, backend="inline")
    assert sorted(heard.keys) == sorted(
        key for key, kind in recorded().items() if kind != "cancelled"
    )


PROGRAM = """
import os, signal, sys
import treadle

class Notes:
    def __init__(self):
        self.count = 0

    def __call__(self, outcomes):
        with open({notes!r}, "a") as file:
            for outcome in outcomes:
                file.write(f"{{outcome.key}}\\n")
        self.count += len(outcomes)
        if "AGAIN" not in os.environ and self.count >= 20:
            os.kill(os.getpid(), signal.SIGKILL)

def work(n):
    return {{"n": n}}

if __name__ == "__main__":
    treadle.run(work, range(60), into={into!r}, backend="threads", workers=2, resume=True,
                durability={durability!r}, on_commit=Notes())
"""


def test_over_kill_and_resume_each_outcome_is_heard_of_once(tmp_path, program, durability):
    notes, into = tmp_path / "notes", tmp_path / "out.jsonl"
    text = PROGRAM.format(notes=str(notes), into=str(into), durability=durability)
    assert program(text).returncode == -9
    before = notes.read_text().split()
    assert len(before) >= 20
    again = program(text, AGAIN="1")
    assert again.returncode == 0, again.stderr
    assert sorted(map(int, notes.read_text().split())) == list(range(60))
    assert len(into.read_text().splitlines()) == 60


@pytest.mark.parametrize(
    "options", [{"on_commit": "print"}, {"on_commit": print, "durability": "none"}]
)
def test_what_makes_no_sense_is_refused_before_anything_runs(options):
    called = []
    with pytest.raises(treadle.UsageError, match="on_commit") as caught:
        treadle.run(called.append, range(3), backend="inline", **options)
    assert called == []
    assert caught.value.hint


def test_it_belongs_to_run_alone():
    with pytest.raises(treadle.UsageError, match="on_commit"):
        treadle.map(str, range(3), on_commit=print)
