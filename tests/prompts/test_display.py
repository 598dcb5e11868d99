"""What a person or a program sees of an experiment while it goes on: a fold over its events."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle import events
from treadle.core.outcome import Cancelled, Failure, Succeeded
from treadle.prompts.display import (
    JsonLines,
    Live,
    Plain,
    Progress,
    Rate,
    bar_line,
    checking,
    display_for,
    lane_lines,
    position,
    troubles,
)
from treadle.prompts.summary import cells_of

sys.path.insert(0, str(Path(__file__).parent))
from endings import asked, failed, good, skipped

GPT = ("openai", "gpt-4o-mini")
CLAUDE = ("anthropic", "claude")


class Stream(io.StringIO):
    """A terminal, as far as it says so."""

    encoding = "utf-8"

    def isatty(self):
        return True


def seen(text):
    """Return the lines that stand on a terminal to which *text* was written."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        match part[-1] if part.startswith("\x1b") else part:
            case "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            case "A":  # cursor up
                row -= int(part[2:-1])
            case "K":  # the line is wiped
                lines[row] = ""
            case "\r" | "m" | "h" | "l":
                pass
            case words:
                lines[row] += words
    return [line.rstrip() for line in lines if line.strip()]


class Script:
    """Tells a display, or the fold itself, what happens; the clock moves when it is told to."""

    def __init__(self, to):
        self.to = to
        self.now = 100.0
        self.take = to.after if isinstance(to, Progress) else to

    def later(self, seconds):
        self.now += seconds
        return self

    def started(self, total=100):
        self.take(
            events.RunStarted(
                at=self.now, name="questions", total=total, workers=9, backend="coroutines"
            )
        )
        return self

    def settled(self, *pairs):
        outcomes = []
        for number, (ask, ended) in enumerate(pairs):
            self.to.settled(ask, ended)
            facts = {
                "key": ask.key, "index": number, "attempts": 1, "started": 1.7e9, "duration": 0.1,
                "cpu": 0.1, "peak_memory": 1, "worker": "w",
            }  # fmt: skip
            if ended.status == "skipped":
                outcomes.append(Cancelled(**facts, reason="closed"))
            else:
                outcomes.append(Succeeded(**facts, value=1))
        self.take(events.ItemsSettled(at=self.now, outcomes=outcomes))
        return self

    def lanes(self, *states):
        self.take(events.LanesChanged(at=self.now, lanes=states))
        return self

    def retrying(self, message):
        failure = Failure("treadle.prompts.errors.RateLimited", message)
        self.take(
            events.Retrying(at=self.now, key="k", index=0, attempt=1, failure=failure, delay=2.0)
        )
        return self

    def cancelling(self, grace=30.0):
        self.take(events.Cancelling(at=self.now, reason="interrupted", grace=grace))
        return self

    def ended(self):
        self.take(events.RunEnded(at=self.now, stopped=None))
        return self


def lane(key=GPT, in_flight=4, limit=10, waiting=50, **facts):
    return events.LaneState(key=key, in_flight=in_flight, limit=limit, waiting=waiting, **facts)


def script(*lanes, total=None):
    return Script(Progress(dict.fromkeys(lanes, 100), total))


def drawn(progress, width=80, most=20):
    return [line for _, line in lane_lines(progress, width, most)]


@pytest.fixture
def terminal(monkeypatch):
    """Makes stderr a terminal of 80 columns and 24 lines, and returns it."""
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)

    def made():  # by the test itself: before its body begins, pytest puts a stderr of its own
        monkeypatch.setattr(sys, "stderr", Stream())
        return sys.stderr

    return made


# What there is to say.


def test_a_lane_is_a_row_with_its_limit_its_pace_and_its_money():
    run = script().started()
    run.lanes(lane(), lane(CLAUDE, in_flight=1, limit=None, waiting=0))
    run.later(30).settled(
        *((asked(), good(cost="0.01", tokens=(900, 100))) for _ in range(20)),
        (asked(lane="anthropic", model="claude"), failed()),
    )

    assert drawn(run.to) == [
        "lane                in flight  waiting  req/min  tok/min  done  failed     cost",
        "openai/gpt-4o-mini       4/10       50       40    40.0k    20          $0.2000",
        "anthropic/claude            1                 2                      1",
    ]


def test_a_lane_that_waits_says_how_long_and_one_that_is_closed_says_so():
    run = script().started()
    run.lanes(lane(paused_until=112.5), lane(CLAUDE, closed="HTTP 401: the key is wrong"))

    assert drawn(run.to)[1].endswith("waits 12.5 s")
    assert drawn(run.to)[2].endswith("closed")
    assert troubles(run.to) == ["openai/gpt-4o-mini waits 12.5 s", "anthropic/claude closed"]
    assert run.to.news() == ["anthropic/claude is closed: HTTP 401: the key is wrong"]

    run.later(13).lanes(lane(paused_until=112.5), lane(CLAUDE, closed="HTTP 401: the key is wrong"))

    assert troubles(run.to) == ["anthropic/claude closed"]
    assert run.to.news() == []


def test_a_lane_that_has_shrunk_shows_what_is_there():
    run = script().started().lanes(lane(in_flight=7, limit=1), lane(CLAUDE, in_flight=1, limit=1))

    assert [line.split()[1] for line in drawn(run.to)[1:]] == ["7", "1/1"]


def test_models_that_share_a_lane_are_one_row_whenever_that_is_known():
    run = script().started().later(6)
    run.settled((asked(model="a"), good()), (asked(model="b"), good()))
    assert [line.split()[0] for line in drawn(run.to)[1:]] == ["openai/a", "openai/b"]

    run.lanes(lane("openai"))

    assert [line.split()[:2] for line in drawn(run.to)[1:]] == [["openai", "4/10"]]
    assert " 2 " in drawn(run.to)[1]


def test_lanes_that_are_announced_stand_there_before_they_are_seen():
    run = script(GPT, CLAUDE).started()

    assert drawn(run.to)[1:] == ["openai/gpt-4o-mini", "anthropic/claude"]


def test_where_lanes_are_too_many_for_the_terminal_the_busiest_are_shown():
    run = script().started()
    run.lanes(*(lane(("mock", f"m{n}"), in_flight=n) for n in range(40)))

    shown = drawn(run.to, most=5)

    assert [line.split()[0] for line in shown] == [
        "lane",
        "mock/m37",
        "mock/m38",
        "mock/m39",
        "and",
    ]
    assert shown[-1] == "and 37 more"


def test_time_left_and_money_in_all_follow_what_was_seen():
    run = script().started(total=100)
    run.later(30).settled(*((asked(), good(cost="0.02")) for _ in range(25)))

    assert position(run.to) == ["25/100", "1:30 left", "$0.5000 of about $2.00", "50/min"]


def test_items_of_an_earlier_session_count_as_done_but_not_towards_the_pace():
    run = script().started(total=100)
    run.take(events.ItemsLeftOut(at=run.now, count=50))
    run.later(30).settled(*((asked(), good(cost="0.02")) for _ in range(25)))

    money = "$0.5000 of about $1.00 this session"
    assert position(run.to) == ["75/100", "30.0 s left", money, "50/min"]


def test_money_that_nobody_knows_is_never_called_nothing():
    run = script().started().later(1).settled((asked(), good(cost=None)))
    assert "?" in position(run.to)
    assert run.to.in_all() is None

    run.settled((asked(), good(cost="0.01")))

    assert "$0.0100+? of about $0.5000" in position(run.to)


def test_the_time_left_is_that_of_the_slowest_lane():
    run = Script(Progress({GPT: 900, CLAUDE: 100}, 1000)).started(total=1000).later(30)
    run.settled(*((asked(), good(cost="0.001")) for _ in range(600)))
    assert run.to.left() is None, "nobody knows how fast the other one is"
    assert run.to.in_all() is None
    claude = asked(lane="anthropic", model="claude")
    run.settled(*((claude, good(cost="0.1")) for _ in range(10)))

    assert position(run.to)[:3] == ["610/1,000", "4:30 left", "$1.60 of about $10.90"]


def test_a_lane_that_has_done_its_part_has_no_pace_and_one_that_is_closed_takes_no_time():
    run = Script(Progress({GPT: 20, CLAUDE: 100}, 120)).started().later(30)
    claude = asked(lane="anthropic", model="claude")
    run.settled(*((asked(), good()) for _ in range(20)), (claude, good()))
    run.lanes(lane(in_flight=0, waiting=0), lane(CLAUDE))

    assert [run.to.pace(GPT), run.to.pace(CLAUDE)] == [(0, 0), (2, 24)]
    assert drawn(run.to)[1].split() == ["openai/gpt-4o-mini", "0/10", "20", "$0.2000"]
    assert run.to.left() == 99 * 30

    run.lanes(lane(in_flight=0, waiting=0), lane(CLAUDE, in_flight=0, closed="HTTP 401"))

    assert run.to.left() is None
    assert "30.0 s" in position(run.to)


def test_what_stops_says_for_how_many_it_waits_and_not_how_long_all_would_take():
    run = script().started(total=100).later(30).settled((asked(), good()))
    run.lanes(lane(in_flight=3), lane(CLAUDE, in_flight=1)).cancelling()

    assert position(run.to) == ["1/100", "stopping, 4 under way", "$0.0100"]

    run.lanes(lane(in_flight=0), lane(CLAUDE, in_flight=0)).ended()

    assert position(run.to) == ["1/100", "30.0 s", "$0.0100"]


def test_a_run_that_others_stop_does_not_speak_of_ctrl_c():
    run = script().started()
    run.take(events.Cancelling(at=run.now, reason="cancelled by ada", grace=30.0))
    run.take(events.Cancelling(at=run.now, reason="interrupted", grace=0.0))

    assert run.to.news() == [
        "stopping: cancelled by ada; waiting up to 30.0 s for what is under way",
        "stopping: interrupted",
    ]


def test_without_a_total_nothing_is_said_of_the_rest():
    run = script().started(total=None).later(5).settled((asked(), good()), (asked(), failed()))

    assert position(run.to) == ["2", "5.0 s", "$0.0100", "1 failed"]


def test_what_was_left_is_no_failure_and_no_pace():
    run = script().started().later(6).settled((asked(), good()), (asked(), skipped("closed")))

    assert position(run.to)[-1] == "1 skipped"
    assert run.to.all.requests.per_minute(run.now) == 10


def test_the_first_error_of_a_kind_is_told_and_no_other():
    run = script().started()
    run.settled((asked(row=7), failed()), (asked(row=8), failed()), (asked(), failed("timeout")))

    assert run.to.news() == [
        "openai/gpt-4o-mini, row 7: server_error: HTTP 502: Bad gateway",
        "openai/gpt-4o-mini, row 1: timeout: HTTP 502: Bad gateway",
    ]


def test_why_something_was_tried_again_is_told_for_half_a_minute():
    run = script().started().retrying("HTTP 429: too fast")
    assert run.later(29).lanes().to.retried == "HTTP 429: too fast"
    assert run.later(2).lanes().to.retried == ""


def test_a_rate_is_that_of_the_last_minute():
    rate = Rate()
    rate.begin(0.0)
    for second in range(120):
        rate.note(float(second), 2 if second < 60 else 5)

    assert rate.per_minute(119.0) == 300
    assert rate.per_minute(400.0) == 0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 9)), min_size=1, max_size=50))
def test_a_rate_counts_everything_younger_than_a_minute(steps):
    rate, at, noted = Rate(), 50.0, []
    for step, count in steps:
        at += step
        rate.note(at, count)
        noted.append((at, count))
    least = sum(count for when, count in noted if when > at - 59)
    most = sum(count for when, count in noted if when > at - 61)
    length = min(max(at - noted[0][0], 1.0), 60)

    assert least * 60 / length <= rate.per_minute(at) + 1e-6
    assert rate.per_minute(at) <= most * 60 / length + 1e-6


names = st.text(max_size=40)


@given(
    st.lists(st.tuples(names, names, st.text(max_size=20)), max_size=6), st.integers(20, 130),
    st.integers(1, 12),
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal_nor_acts_on_it(lanes, width, most):
    run = script().started(total=10**6).later(10)
    run.lanes(*(lane((name, model), closed=why) for name, model, why in lanes))
    run.settled(*((asked(lane=name, model=model), good(cost="99")) for name, model, _ in lanes))
    lines = [bar_line(run.to, width, "━─"), *drawn(run.to, width, most)]

    assert all(cells_of(line) <= width for line in lines)
    assert all(line.isprintable() for line in [*lines, *run.to.news()])


# The displays.


def test_the_terminal_shows_a_bar_and_lanes_and_in_the_end_the_bar_alone(terminal):
    stream = terminal()
    display = display_for("auto", {GPT: 100}, 100)
    run = Script(display).started().lanes(lane()).retrying("HTTP 429: too fast\x1b[2J")
    run.later(20).settled(*((asked(), good()) for _ in range(50)))
    run.later(1).lanes(lane(paused_until=run.now + 5))
    screen = seen(stream.getvalue())

    assert isinstance(display, Live)
    assert screen[0].startswith("━━━")
    assert "50/100" in screen[0]
    assert screen[2].split()[:2] == ["openai/gpt-4o-mini", "4/10"]
    assert screen[2].endswith("waits 5.0 s")
    assert screen[3] == "last: HTTP 429: too fast [2J"

    run.later(1).ended()
    display.close()
    display.close()
    screen = seen(stream.getvalue())

    assert len(screen) == 1
    assert "50/100  22.0 s  $0.5000" in screen[0]
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_news_stand_above_the_block(terminal):
    stream = terminal()
    display = display_for("live", {}, None)
    run = Script(display).started().lanes(lane())
    run.later(1).settled((asked(row=3), failed())).cancelling().later(1).lanes(lane())
    lines = seen(stream.getvalue())
    display.close()

    assert lines[:3] == [
        "openai/gpt-4o-mini, row 3: server_error: HTTP 502: Bad gateway",
        "stopping: interrupted; waiting up to 30.0 s for 4 requests under way",
        "Ctrl-C again ends it now",
    ]
    assert "1/100  stopping, 4 under way  1 failed" in lines[3]


def test_what_goes_into_a_pipe_is_not_led_to_the_terminal(terminal, monkeypatch):
    stream, data = terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", data)
    display = display_for("live", {}, None)
    Script(display).started()
    print("data")
    display.close()

    assert data.getvalue() == "data\n"
    assert "0/100" in stream.getvalue()


def test_a_terminal_that_cannot_draw_gets_letters_it_has(terminal):
    stream = terminal()
    stream.encoding = "ascii"
    display = display_for("live", {("mock", "模型"): 10}, 10)
    Script(display).started(10).later(1).settled((asked(), good())).later(1).lanes(lane())
    display.close()

    assert "1/10" in stream.getvalue()
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).isascii()


def test_a_log_has_a_line_now_and_then_and_one_for_each_trouble():
    stream = io.StringIO()
    run = Script(Plain(stream, Progress({}, None))).started()
    run.later(1).settled((asked(), good()))
    run.later(5).lanes(lane(paused_until=118.0), lane(CLAUDE, closed="HTTP 401: no such key"))
    run.later(1).settled((asked(row=2), failed())).later(1).ended()
    run.to.close()
    waits, closed = "openai/gpt-4o-mini waits", "anthropic/claude closed"

    assert stream.getvalue().splitlines() == [
        "questions: 100 requests",
        "anthropic/claude is closed: HTTP 401: no such key",
        f"1/100, 9:54 left, $0.0100 of about $1.00, 10/min, {waits} 12.0 s, {closed}",
        "openai/gpt-4o-mini, row 2: server_error: HTTP 502: Bad gateway",
        f"2/100, 8.0 s, $0.0100, 1 failed, {waits} 10.0 s, {closed}",
    ]


def test_programs_get_objects_in_which_money_is_exact():
    stream = io.StringIO()
    run = Script(JsonLines(stream, Progress({}, None))).started()
    run.later(2).settled((asked(), good(cost="0.00000123")), (asked(), failed()))
    run.lanes(lane(closed="HTTP 402: nothing left"), lane("ollama", limit=None)).later(1).ended()
    run.settled((asked(row=2), good(cost="0.5")))  # the last are stored after the end
    run.to.close()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]

    kinds = [one["event"] for one in told]
    assert kinds == ["started", "progress", "said", "progress", "said", "ended"]
    assert told[0] == {"event": "started", "at": 100.0, "name": "questions", "total": 100}
    last = told[-1]
    assert (last["event"], last["done"], last["total"], last["failed"]) == ("ended", 3, 100, 1)
    assert Decimal(last["cost"]) == Decimal("0.50000123")
    assert [one["key"] for one in last["lanes"]] == [["openai", "gpt-4o-mini"], "ollama"]
    assert last["lanes"][0]["closed"] == "HTTP 402: nothing left"


def test_programs_get_at_most_one_object_a_second():
    stream = io.StringIO()
    run = Script(JsonLines(stream, Progress({}, None))).started()
    for _ in range(100):
        run.later(0.1).lanes(lane())
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]

    assert 9 <= told.count("progress") <= 12


def test_displays_are_chosen_by_name_and_by_what_stderr_is(terminal, monkeypatch):
    terminal()
    assert isinstance(display_for("live", {}, None), Live)
    assert display_for("none", {}, None) is None
    assert isinstance(display_for("plain", {}, None), Plain)
    assert isinstance(display_for("json", {}, None), JsonLines)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(display_for("live", {}, None), Plain)
    monkeypatch.setattr(sys, "stderr", None)
    assert display_for("auto", {}, None) is None


def test_a_display_that_there_is_not_is_named_with_those_there_are():
    with pytest.raises(treadle.UsageError, match="no progress display called 'fancy'") as caught:
        display_for("fancy", {}, None)

    assert caught.value.hint == "choose one of: auto, live, plain, json, none"


class Heard(Stream):
    """A terminal that notes when something was written."""

    def __init__(self):
        super().__init__()
        self.heard = threading.Event()

    def flush(self):
        self.heard.set()


@pytest.mark.parametrize("choice", ["auto", "plain", "json"])
def test_a_long_check_before_anything_is_sent_is_told_of(monkeypatch, choice):
    stream = Heard()
    monkeypatch.setattr(sys, "stderr", stream)
    with checking(choice, 1_000_000, after=0):
        assert stream.heard.wait(30)
    text = stream.getvalue().strip()
    assert (json.loads(text)["text"] if choice == "json" else text) == "checking 1,000,000 rows"


@pytest.mark.parametrize("choice", ["none", "auto"])
def test_a_short_check_needs_no_word(monkeypatch, choice):
    stream = Heard()
    monkeypatch.setattr(sys, "stderr", stream)
    threads = threading.active_count()
    with checking(choice, 1_000_000, after=0 if choice == "none" else 1000):
        pass
    assert stream.getvalue() == ""
    assert threading.active_count() == threads
