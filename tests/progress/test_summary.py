"""The closing words name the guilty."""

from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len

from treadle.core.stats import Stats
from treadle.progress.failures import Failures
from treadle.progress.summary import summary


def told(outcomes, *sequence, **options):
    stats = Stats()
    for event in sequence:
        stats.after(event)
    return [line.plain for line in summary(stats, Failures(outcomes), **options)]


def test_it_counts_names_and_says_where_the_results_are(script):
    outcomes = [
        script.raised("a.csv", hint="open it as UTF-16"),
        script.raised("b.csv", message="no rows", attempts=3),
        script.lost("c.csv"),
        script.timed_out("d.csv"),
    ]
    lines = told(
        outcomes,
        script.started(),
        script.ok(96),
        script.retrying(),
        script.settled(*outcomes),
        script.later(10).ended(),
        into="results.parquet",
    )
    assert lines[0] == "parse: 100 items in 10.0 s (10.0/s): 96 ok, 4 failed, 1 retried"
    assert lines[1:5] == [
        "  2 x raised ValueError",
        "      a.csv: bad header",
        "      b.csv (3 attempts): no rows",
        "      hint: open it as UTF-16",
    ]
    assert "  1 x worker lost (SIGSEGV)" in lines
    assert "      c.csv" in lines
    assert "  1 x timed out after 30 s" in lines
    assert "      d.csv" in lines
    assert lines[-1] == "results: results.parquet"


def test_it_says_why_a_run_stopped_early_and_does_not_call_cancelled_items_failures(script):
    outcomes = [script.cancelled() for _ in range(3)]
    lines = told(outcomes, script.started(), script.settled(*outcomes), script.ended("interrupted"))
    assert lines == ["parse: 0 items: 0 ok, 3 more cancelled", "stopped early: interrupted"]


def test_cancelled_items_count_neither_as_items_nor_in_the_rate(script):
    outcomes = [script.cancelled() for _ in range(14)]
    lines = told(
        outcomes,
        script.started(),
        script.ok(4),
        script.later(2).settled(*outcomes),
        script.ended("interrupted"),
    )
    assert lines[0] == "parse: 4 items in 2.0 s (2.0/s): 4 ok, 14 more cancelled"


def test_a_crash_says_where_it_was_without_being_asked(script):
    words = (
        "Fatal Python error: Segmentation fault\n\n"
        "Stack (most recent call first):\n"
        '  File "/usr/lib/ctypes/__init__.py", line 519 in string_at\n'
        '  File "/home/me/parse.py", line 11 in parse\n'
        '  File "/home/me/worker.py", line 291 in run\n'
    )
    outcome = dataclasses.replace(script.lost(), last_words=words)
    lines = told([outcome])
    assert lines[-2:] == [
        "      | string_at, ctypes/__init__.py, line 519",
        "      | parse, me/parse.py, line 11",
    ]


def test_tracebacks_are_shown_on_request(script):
    outcome = script.raised()
    assert "      | ValueError: bad header" in told([outcome], tracebacks=True)
    assert "      | ValueError: bad header" not in told([outcome])


def test_hundreds_of_kinds_are_cut_short(script):
    lines = told([script.raised(type_=f"Error{n}") for n in range(300)])
    assert "  and 288 further kinds of failure" in lines


@pytest.mark.parametrize("width", [79, 40, 20])
def test_it_fits(script, width):
    outcomes = [script.raised("k" * 300, message="m" * 9000, hint="word " * 90), script.lost("ü")]
    lines = told(
        outcomes,
        script.started(name="n" * 90),
        script.settled(*outcomes),
        script.later(1).ended("a reason " * 30),
        width=width,
        into="/a/path/" * 30,
    )
    assert max(map(cell_len, lines)) <= width
