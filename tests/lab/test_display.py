"""What a person sees of several stages: a fold over their events, on a terminal and in a log."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

import treadle
from treadle import events
from treadle.core.outcome import Failure, Raised, Succeeded
from treadle.lab.display import Live, Plain, display_for

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import Screen, on_terminal, raw_tree

STAGES = ("stage", "segment")


class Stream(io.StringIO):
    """A terminal, as far as it says so."""

    encoding = "utf-8"

    def isatty(self):
        return True


class Script:
    """Makes events; the clock moves when it is told to."""

    def __init__(self):
        self.now = 100.0

    def later(self, seconds):
        self.now += seconds
        return self

    def started(self, name, total):
        return events.RunStarted(
            at=self.now, name=name, total=total, workers=2, backend="processes"
        )

    def left_out(self, count):
        return events.ItemsLeftOut(at=self.now, count=count)

    def settled(self, ok=0, failed=0):
        facts = {
            "index": 0, "attempts": 1, "started": 1.7e9, "duration": 0.1, "cpu": 0.1,
            "peak_memory": 1, "worker": "process-7",
        }  # fmt: skip
        failure = Failure("NoData", "there are no rows")
        outcomes = [Succeeded(key=f"{n}.csv", **facts, value=1) for n in range(ok)]
        outcomes += [
            Raised(key=f"{n}.csv", **facts, failure=failure, error=ValueError())
            for n in range(failed)
        ]
        return events.ItemsSettled(at=self.now, outcomes=outcomes)

    def running(self):
        return events.ItemsRunning(at=self.now, running=())

    def printed(self, text, key="a.csv"):
        return events.Printed(at=self.now, worker="process-7", key=key, stream="stdout", text=text)

    def logged(self, **record):
        return events.Logged(at=self.now, worker="process-7", key=None, record=record)

    def cancelling(self, grace=30.0):
        return events.Cancelling(at=self.now, reason="interrupted", grace=grace)

    def ended(self):
        return events.RunEnded(at=self.now, stopped=None)


@pytest.fixture
def script():
    return Script()


@pytest.fixture(autouse=True)
def a_terminal_of_80_columns(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "LINES", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def plain(*sequence):
    stream = io.StringIO()
    display = Plain(stream)
    for event in sequence:
        display(event)
    display.close()
    return stream.getvalue().splitlines()


class Watched:
    """A live display and the screen it draws on."""

    def __init__(self):
        self.stream = Stream()
        self.display = Live(self.stream, STAGES)

    def feed(self, *sequence):
        for event in sequence:
            self.display(event)
        return self.screen.lines

    @property
    def screen(self):
        screen = Screen()
        screen.feed(self.stream.getvalue())
        assert not screen.has_wrapped
        return screen


@pytest.fixture
def live():
    watched = Watched()
    yield watched
    watched.display.close()


def two_stages(script):
    return [
        script.started("stage /data/raw", 40),
        script.left_out(10),
        script.later(1).settled(ok=18, failed=2),
        script.later(1).settled(ok=10),
        script.ended(),
        script.later(1).started("segment", 1500),
        script.later(1).settled(ok=1500),
        script.ended(),
    ]


# --- in a log ------------------------------------------------------------------------------------


def test_a_stage_is_a_line_when_it_begins_and_one_when_it_ends(script):
    assert plain(*two_stages(script)) == [
        "stage: 40 items, 2 workers (processes)",
        "stage: 40/40, 15/s, 2.0 s, 2 failed",
        "segment: 1,500 items, 2 workers (processes)",
        "segment: 1,500/1,500, 1,500/s, 1.0 s",
    ]


def test_a_long_stage_says_every_five_seconds_how_far_it_is(script):
    begun = [script.started("stage x", 1000)]
    ticks = [script.later(1).settled(ok=10) for _ in range(12)]
    _, first, second = plain(*begun, *ticks)
    assert first == "stage: 50/1,000, 10/s, 1:35 left"
    assert second == "stage: 100/1,000, 10/s, 1:30 left"


def test_a_stage_of_hours_says_so(script):
    lines = plain(script.started("stage x", 100_000), script.later(10).settled(ok=10))
    assert lines[-1].endswith("27:46:30 left")


def test_nothing_to_do_is_said_without_a_rate(script):
    lines = plain(script.started("stage x", 3), script.left_out(3), script.ended())
    assert lines[-1] == "stage: 3/3, 0.0 s"


def test_what_workers_print_or_log_has_the_file_before_it(script):
    lines = plain(
        script.started("stage x", 3),
        script.printed("one\ntwo\n"),
        script.logged(levelname="WARNING", name="mine", msg="three"),
        script.logged(levelname="WARNING", name="mine", message="four"),
    )
    assert lines[1:] == ["[a.csv] one", "[a.csv] two", "[process-7] three", "[process-7] four"]


def test_what_a_stream_cannot_write_is_replaced(script):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    display = Plain(stream)
    display(script.started("stage x", 1))
    display(script.printed("línea"))
    assert b"[a.csv] l?nea\n" in raw.getvalue()


@pytest.mark.parametrize("grace", [30.0, 0.0])
def test_after_ctrl_c_it_says_what_is_being_waited_for(script, live, grace):
    sequence = [script.started("stage x", 10), script.cancelling(grace)]
    wait = "; what runs may end within 30.0 s" if grace else ""
    assert plain(*sequence)[-1] == f"stopping: interrupted{wait}"
    assert f"stopping: interrupted{wait}" in live.feed(*sequence)


# --- on a terminal -------------------------------------------------------------------------------


def test_there_is_a_row_for_each_stage_from_the_beginning(script, live):
    assert live.feed() == []
    first, second = live.feed(script.started("stage /data/raw", 40))
    assert first.startswith("stage ")
    assert second.startswith("segment ")
    assert first.endswith("0/40, 0.0 s")


def test_rows_are_redrawn_in_place(script, live):
    lines = live.feed(*two_stages(script))
    assert len(lines) == 2
    assert lines[0].split()[2:] == ["40/40,", "15/s,", "2.0", "s", "2", "failed"]
    assert lines[1].endswith("1,500/1,500, 1,500/s, 1.0 s")


def test_it_is_not_redrawn_more_than_ten_times_a_second(script, live):
    live.feed(script.started("stage x", 1000))
    before = len(live.stream.getvalue())
    live.feed(*(script.later(0.001).settled(ok=1) for _ in range(90)))
    assert len(live.stream.getvalue()) == before
    assert "91/1,000" in live.feed(script.later(0.02).settled(ok=1))[0]


def test_the_row_of_a_stage_to_come_stands_still(script, live):
    """The bar of something that has not begun does not move."""
    live.feed(script.started("stage x", 100))
    for _ in range(5):
        live.feed(script.later(1).running())
    drawn = live.stream.getvalue().split("segment ")[1:]
    assert len(drawn) > 5
    assert len({re.split(r"\x1b\[31m", text)[0].rstrip() for text in drawn}) == 1


def test_the_close_of_one_run_does_not_break_the_rows_of_the_next(tmp_path):
    """A run closes its listeners when it ends; the rows are those of both."""
    raw_tree(tmp_path / "raw", 8)
    code, text = on_terminal("pipeline", tmp_path / "raw", tmp_path / "out", "-w", "1")
    screen = Screen().feed(text)
    assert code == 1
    rows = [line.split()[0] for line in screen.lines[:5]]
    assert rows == ["stage", "segment", "metrics", "iv", "stage:"]
    assert "11/11" in screen.lines[0]
    assert "6/6" in screen.lines[1]
    assert text.count("\x1b[?25l") == 1
    assert screen.is_cursor_shown


def test_what_workers_print_goes_above_the_rows(script, live):
    lines = live.feed(script.started("stage x", 10), script.printed("a word [red]of[/red] mine\n"))
    assert lines[0] == "[a.csv] a word [red]of[/red] mine"
    assert [line.split()[0] for line in lines[1:]] == ["stage", "segment"]


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J\x1b[Hgone", "a\rb", "bell\a", "\x1b]0;title\x07", "\x9b31m", "\u202eback", "\x00"],
    ids=ascii,
)
def test_no_control_character_of_a_worker_reaches_the_terminal(script, live, text):
    plainly = plain(script.started("stage x", 1), script.printed(text, key=f"{text}.csv"))
    assert all(line.isprintable() for line in plainly)
    live.feed(script.started("stage x", 1))
    before = live.stream.getvalue().count("\x1b")
    quiet = Watched()
    quiet.feed(script.started("stage x", 1), script.printed("word", key="a.csv"))
    quiet.display.close()
    shown = live.feed(script.printed(text, key=f"{text}.csv"))
    assert all(line.isprintable() for line in shown)
    assert live.stream.getvalue().count("\x1b") <= max(
        before, quiet.stream.getvalue().count("\x1b")
    )


def test_a_narrow_terminal_breaks_no_row(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    watched = Watched()
    for event in two_stages(script):
        watched.display(event)
    watched.display.close()
    screen = Screen(50)
    screen.feed(watched.stream.getvalue())
    assert not screen.has_wrapped


def test_closed_it_gives_the_terminal_back_however_often(script, live):
    before = sys.stdout, sys.stderr
    live.feed(script.started("stage x", 10), script.later(1).settled(ok=3))
    assert not live.screen.is_cursor_shown
    live.display.close()
    live.display.close()
    assert live.screen.is_cursor_shown
    assert (sys.stdout, sys.stderr) == before
    assert live.screen.column == 0, "what comes next has a line of its own"


def test_closed_before_anything_began_it_leaves_no_trace():
    watched = Watched()
    watched.display.close()
    assert watched.screen.lines == []


# --- which one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "stream", "kind"),
    [
        ("auto", Stream(), Live),
        ("auto", io.StringIO(), Plain),
        ("live", io.StringIO(), Plain),
        ("plain", Stream(), Plain),
        ("none", Stream(), type(None)),
        ("auto", None, type(None)),
    ],
)
def test_the_stream_decides_unless_it_was_said(monkeypatch, choice, stream, kind):
    monkeypatch.setattr(sys, "stderr", stream)
    assert type(display_for(choice, STAGES)) is kind


def test_an_unknown_one_is_refused():
    with pytest.raises(treadle.UsageError, match="'fancy'") as caught:
        display_for("fancy", STAGES)
    assert "auto, live, plain, none" in caught.value.hint
