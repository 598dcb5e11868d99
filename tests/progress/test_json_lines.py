"""What a program that watches a run reads."""

from __future__ import annotations

import io
import json

import pytest

from treadle.core import events
from treadle.progress.json_lines import JsonLines


@pytest.fixture
def told():
    def told(*sequence):
        stream = io.StringIO()
        display = JsonLines(stream)
        for event in sequence:
            display(event)
        display.close()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return told


def test_every_line_is_an_object_with_event_and_time(told, script):
    lines = told(
        script.started(),
        events.WorkerStarted(at=1.0, worker="w"),
        script.printed("x\n"),
        script.logged("odd"),
        script.retrying(),
        events.Paused(at=1.0),
        events.Continued(at=1.0),
        script.later(1).ok(3),
        script.cancelling(),
        events.WorkerEnded(at=1.0, worker="w", reason="closed"),
        script.ended("interrupted"),
    )
    names = [line["event"] for line in lines]
    assert names == [
        *("started", "progress", "worker", "printed", "logged", "retrying", "paused"),
        *("continued", "progress", "cancelling", "worker", "ended"),
    ]
    assert all(isinstance(line["at"], float) for line in lines)
    assert lines[-1]["stopped"] == "interrupted"
    assert lines[-1]["ok"] == 3


def test_progress_comes_once_a_second(told, script):
    lines = told(script.started(total=100), *(script.later(0.1).ok() for _ in range(50)))
    progress = [line for line in lines if line["event"] == "progress"]
    assert len(progress) in (5, 6)
    assert progress[-1]["settled"] > progress[-2]["settled"]
    assert progress[-1]["rate"] == pytest.approx(10, rel=0.1)
    assert progress[-1]["left"] == pytest.approx(5, rel=0.2)


def test_every_failed_item_has_its_line_and_cancelled_ones_do_not(told, script):
    lines = told(
        script.started(),
        script.settled(script.raised("k[0]", hint="do"), script.lost(7), script.cancelled()),
    )
    failed = [line for line in lines if line["event"] == "failed"]
    assert [line["key"] for line in failed] == ["k[0]", 7]
    assert failed[0]["verdict"] == "raised ValueError"
    assert failed[0]["message"] == "bad header"
    assert failed[0]["hint"] == "do"


def test_the_item_that_runs_longest_is_named(told, script):
    lines = told(script.started(), script.later(2).running(("a", 0.5), ("b", 1.5)))
    assert lines[-1]["slowest"] == {"key": "b", "seconds": 1.5}
    assert lines[-1]["running"] == 2
