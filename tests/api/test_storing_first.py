"""``durability="item"``: what has settled is stored before anything takes its place."""

from __future__ import annotations

import asyncio
import errno
import json
import threading

import pytest

import treadle
from treadle.api import patience
from treadle.sinks.jsonl import Jsonl


def test_never_more_is_unstored_than_may_be_in_flight(tmp_path):
    """
    What a kill makes run again is what was in flight, not what had ended and waited to be stored.
    """
    begun, first = [], threading.Event()

    async def call(number):
        begun.append(number)
        if number == 3:
            first.set()
        await asyncio.sleep(0)
        return number

    seen = []

    def stored(outcomes):
        assert first.wait(20)
        seen.append((len(begun), sum(count for _, count in seen) + len(outcomes)))

    report = treadle.run(
        call,
        range(40),
        workers=4,
        durability="item",
        runs_dir=tmp_path,
        on_commit=stored,
    )

    assert report.ok == 40
    assert all(begun_then - stored_then <= 4 for begun_then, stored_then in seen)


class SometimesFull(Jsonl):
    """A file on a disk that is full for a while."""

    def __init__(self, path, failures):
        super().__init__(path)
        self.failures = failures

    def write(self, outcomes):
        if self.failures.pop(0) if self.failures else False:
            raise treadle.SinkFailed("no room") from OSError(errno.ENOSPC, "No space left")
        return super().write(outcomes)

    def mark(self, *, whole=False):
        if len(self.failures) < 3 and (self.failures.pop(0) if self.failures else False):
            raise treadle.SinkFailed("no room") from OSError(errno.ENOSPC, "No space left")
        return super().mark(whole=whole)


def run_into(sink, tmp_path):
    async def call(number):
        return {"number": number}

    return treadle.run(
        call, range(20), into=sink, workers=3, durability="item", runs_dir=tmp_path / "runs"
    )


def test_a_full_disk_is_waited_for_and_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "EVERY", 0.01)
    sink = SometimesFull(tmp_path / "out.jsonl", [False, True, True, True, True, True])
    with pytest.warns(RuntimeWarning, match="the disk is full"):
        report = run_into(sink, tmp_path)
    assert (report.ok, report.failed) == (20, 0)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(row["value"]["number"] for row in rows) == list(range(20))


def test_a_disk_that_stays_full_ends_the_run_and_what_was_stored_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "EVERY", 0.01)
    monkeypatch.setattr(patience, "PATIENCE", 0.05)
    sink = SometimesFull(tmp_path / "out.jsonl", [False, *[True] * 10_000])
    with (
        pytest.warns(RuntimeWarning, match="the disk is full"),
        pytest.raises(treadle.SinkFailed, match="no room") as caught,
    ):
        run_into(sink, tmp_path)
    report = caught.value.report
    assert report.failed > 0
    [run] = treadle.runs(tmp_path / "runs")
    assert run.ok == report.ok > 0
    run.close()


def test_another_failure_of_the_sink_is_not_waited_for(tmp_path):
    class Broken(Jsonl):
        def write(self, outcomes):
            raise treadle.SinkFailed("broken")

    with pytest.raises(treadle.SinkFailed, match="broken"):
        run_into(Broken(tmp_path / "out.jsonl"), tmp_path)
