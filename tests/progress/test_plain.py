"""What a log file or a pipe gets to read."""

from __future__ import annotations

import io

import pytest

from treadle.progress.plain import Plain


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def feed(stream):
    display = Plain(stream)

    def feed(*sequence):
        before = len(stream.getvalue())
        for event in sequence:
            display(event)
        return stream.getvalue()[before:].splitlines()

    return feed


def test_the_first_line_says_what_runs_where(feed, script):
    assert feed(script.started(total=1000)) == ["parse: 1,000 items, 4 workers (processes)"]
    assert feed(script.started(total=None, workers=1)) == ["parse: 1 worker (processes)"]


def test_a_line_needs_five_seconds_and_a_tenth_of_the_items(feed, script):
    feed(script.started(total=100))
    assert feed(script.later(1).ok(30)) == []  # enough items, too soon
    assert feed(script.later(4).running(("a.csv", 4.0))) == [
        "parse: 30/100 (30 %), 6.0/s, 0:11 left, 1 running, 0 failed; slowest a.csv 4.0 s"
    ]
    assert feed(script.later(6).ok(5)) == []  # long enough, too few
    assert len(feed(script.later(1).ok(5))) == 1


def test_it_is_never_silent_for_more_than_a_minute(feed, script):
    feed(script.started(total=100))
    assert feed(script.later(59).running()) == []
    assert feed(script.later(1).running()) == [
        "parse: 0/100 (0 %), 1:00 so far, 0 running, 0 failed"
    ]


def test_without_a_total_there_is_a_line_every_five_seconds(feed, script):
    feed(script.started(total=None))
    lines = [feed(script.later(1).ok(10)) for _ in range(20)]
    assert sum(map(len, lines)) == 4


def test_a_thousand_alike_failures_are_one_notice(feed, script):
    feed(script.started(total=1000))
    lines = feed(
        script.settled(script.raised("a.csv", hint="open it as UTF-16")),
        script.settled(*(script.raised() for _ in range(999))),
    )
    assert lines == [
        "failed: a.csv: raised ValueError: bad header",
        "  hint: open it as UTF-16",
    ]


def test_prints_and_log_records_name_their_item(feed, script):
    assert feed(script.started(), script.printed("x\ny\n"), script.logged("odd"))[1:] == [
        "[data/a.csv] x",
        "[data/a.csv] y",
        "[data/a.csv] WARNING reader: odd",
    ]


def test_the_summary_closes_a_run_and_can_be_left_out(stream, script):
    for closing, expected in ((True, "parse: 3 items in 2.0 s (1.5/s): 3 ok\n"), (False, "")):
        display = Plain(stream, closing=closing)
        display(script.started())
        display(script.ok(3))
        stream.seek(0)
        stream.truncate()
        display(script.later(2).ended())
        display.close()
        assert stream.getvalue() == expected


def test_it_writes_no_escape_sequence(feed, script, stream):
    feed(script.started(name="\x1b[31mred"), script.printed("\x1b[1mbold\x1b[0m"), script.ended())
    assert "\x1b" not in stream.getvalue()
    assert "bold" in stream.getvalue()


def test_one_display_can_follow_one_run_after_the_other(feed, script):
    feed(script.started(), script.settled(script.raised()), script.ended())
    lines = feed(script.started(total=1), script.ok(), script.later(1).ended())
    assert lines[-1] == "parse: 1 item in 1.0 s (1.0/s): 1 ok"
