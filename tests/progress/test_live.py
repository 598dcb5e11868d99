"""What stands on the screen of a person who watches a run."""

from __future__ import annotations

import sys

import pytest

from treadle.progress.live import Live
from treadle.progress.text import cells

LONG = "/very/long/path/with/many/parts/" + "x" * 200 + "/file.csv"


@pytest.fixture
def show(fake_terminal):
    """Feed events to a live display on a terminal of a given width; return terminal and display."""
    displays = []

    def start(*sequence, width=80, **options):
        terminal = fake_terminal(width)
        display = Live(terminal, width=width, **options)
        displays.append(display)
        for event in sequence:
            display(event)
        return terminal, display

    yield start
    for display in displays:
        display.close()


def test_the_block_shows_count_rate_time_left_and_what_runs(show, script):
    terminal, _ = show(
        script.started(total=100),
        script.later(10).ok(40),
        script.later(0.5).running(("data/slow.csv", 9.5), ("data/b.csv", 0.2)),
    )
    bar, below = terminal.lines
    assert bar.startswith("parse  ━")
    assert "40/100 (40 %)" in bar
    assert "3.8/s" in bar
    assert "0:15 left" in bar
    assert below == "2 running · 0 failed · slowest data/slow.csv 9.5 s"


def test_without_a_total_it_counts_and_shows_the_time_so_far(show, script):
    terminal, _ = show(script.started(total=None), script.later(65).ok(1300))
    assert terminal.lines[0] == "parse  1,300 settled  20.0/s  1:05 so far"


def test_retries_pauses_and_cancels_are_said_in_words(show, script):
    terminal, display = show(script.started(), script.retrying(), script.later(1).running())
    assert "1 retried" in terminal.lines[-1]
    display(script.cancelling())
    display(script.later(1).running())
    assert "stopping: interrupted; running items may finish within 30.0 s" in terminal.lines
    assert terminal.lines[-1].startswith("stopping: interrupted · ")


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 30, 20, 12, 8])
def test_nothing_is_wider_than_the_terminal_and_nothing_wraps(show, script, width):
    terminal, display = show(
        script.started(total=1_000_000, name="a_function_with_quite_a_long_name"),
        script.later(100).ok(30_000),
        script.settled(
            script.raised(LONG, message="m" * 300, hint="h " * 100),
            script.lost("日本語のファイル名" * 20),
            script.timed_out("👩‍👩‍👧‍👦" * 30),
        ),
        script.retrying(),
        script.cancelling(),
        script.later(1).running((LONG, 12.3)),
        width=width,
    )
    block = display._screen._shown
    assert len(block) == 2
    assert all(columns < width for columns in block)
    assert all(cells(line) < width for line in terminal.lines)
    display(script.ended("interrupted"))
    assert not any("━" in line for line in terminal.lines), "the bar is still there"


def test_the_middle_of_a_long_key_is_left_out_and_both_ends_stay(show, script):
    terminal, _ = show(script.started(), script.later(1).running((LONG, 3.0)))
    assert "slowest /very/long/" in terminal.lines[-1]
    assert "/file.csv 3.0 s" in terminal.lines[-1]


def test_a_thousand_failures_of_a_kind_are_announced_once_and_counted(show, script):
    terminal, display = show(
        script.started(total=1000),
        script.settled(script.raised("data/a.csv", hint="open it as UTF-16")),
        script.later(1).settled(*(script.raised() for _ in range(998))),
        script.later(1).settled(script.timed_out("data/z.csv")),
        script.later(1).running(),
    )
    assert terminal.text.count("failed: ") == 2
    assert "failed: data/a.csv: raised ValueError: bad header" in terminal.lines
    assert "  hint: open it as UTF-16" in terminal.lines
    assert "failed: data/z.csv: timed out after 30 s" in terminal.lines
    assert "1,000 failed" in terminal.lines[-1]
    display(script.ended())
    assert "  999 x raised ValueError" in terminal.lines
    assert "      and 994 more" in terminal.lines
    assert "  1 x timed out after 30 s" in terminal.lines


@pytest.mark.parametrize("nasty", ["[/bold]", "[red]x[/red]", "[[link=a]]", "a[0]", "\\[b]"])
def test_brackets_of_the_user_are_brackets(show, script, nasty):
    """
    A key such as "[/bold]" is an error in rich's markup.
    """
    terminal, display = show(
        script.started(name=f"f{nasty}"),
        script.settled(script.raised(nasty, message=nasty, hint=nasty)),
        script.printed(nasty, key=nasty),
        script.logged(nasty, key=nasty),
        script.later(1).running((nasty, 1.0)),
    )
    assert f"failed: {nasty}: raised ValueError: {nasty}" in terminal.lines
    assert f"[{nasty}] {nasty}" in terminal.lines
    assert f"slowest {nasty}" in terminal.lines[-1]
    display(script.ended())
    assert f"      {nasty}: {nasty}" in terminal.lines


def test_escape_sequences_in_user_text_do_not_reach_the_terminal(show, script):
    terminal, _ = show(
        script.started(name="\x1b[2Jgone"),
        script.settled(script.raised("a\nb\x1b]0;title\x07c", message="x\r\n\x1b[31mred\x00")),
        script.printed("\x1b[1A\x1b[2Kup\nprogress 1 %\rprogress 99 %\n"),
        script.later(1).running(("k\n\r\tk", 1.0)),
    )
    assert "failed: a bc: raised ValueError: x red\\x00" in terminal.lines
    assert "[data/a.csv] up" in terminal.lines
    assert "[data/a.csv] progress 99 %" in terminal.lines
    assert "slowest k k" in terminal.lines[-1]


def test_what_workers_print_and_log_stands_above_the_bar_with_its_item(show, script):
    terminal, _ = show(
        script.started(),
        script.printed("one\ntwo\n"),
        script.printed("between items\n", key=None),
        script.logged("odd unit"),
        script.later(1).running(),
    )
    assert terminal.lines[:4] == [
        "[data/a.csv] one",
        "[data/a.csv] two",
        "[process-7] between items",
        "[data/a.csv] WARNING reader: odd unit",
    ]
    assert len(terminal.lines) == 6


def test_long_prints_are_kept_whole_and_do_not_tear_the_block(show, script):
    terminal, display = show(script.started(), script.printed("y" * 500), width=40)
    display(script.later(1).running())
    display(script.later(1).running())
    assert terminal.text.count("y") == 500
    assert sum(line.startswith("parse") for line in terminal.lines) == 1
    assert sum("running" in line for line in terminal.lines) == 1


def test_it_draws_ten_times_a_second_however_many_events_come(show, script):
    terminal, display = show(script.started(total=10_000))
    before = terminal.getvalue().count("\r")
    for _ in range(10_000):
        display(script.later(0.0001).ok())
    assert terminal.getvalue().count("\r") - before <= 11


def test_prints_of_the_calling_program_pass_above_the_block(fake_terminal, script, monkeypatch):
    terminal = fake_terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    display = Live(terminal, width=80)
    display(script.started())
    print("hello", end=" ")
    print("world")
    print("to stderr", file=sys.stderr)
    display(script.later(1).ok(5))
    print("[not markup]")
    assert terminal.lines[:3] == ["hello world", "to stderr", "[not markup]"]
    assert terminal.lines[3].startswith("parse  ")
    assert len(terminal.lines) == 5
    print("no end", end="")
    display(script.ended())
    assert sys.stdout is terminal
    assert sys.stderr is terminal
    assert "no end" in terminal.lines


def test_a_guarded_stream_passes_above_the_block_and_works_on_afterwards(fake_terminal, script):
    terminal = fake_terminal()
    display = Live(terminal, width=80)
    guarded = display.guard(terminal)
    display(script.started())
    guarded.write("a value\n")
    assert terminal.lines[0] == "a value"
    assert len(terminal.lines) == 3
    display(script.ended())
    guarded.write("late\n")
    assert terminal.lines[-1] == "late"


def test_a_redirected_stdout_gets_its_data_untouched(fake_terminal, script, monkeypatch, tmp_path):
    """
    stdout is for data: what goes into a file must not end up on the terminal.
    """
    with (tmp_path / "out").open("w+") as file:
        monkeypatch.setattr(sys, "stdout", file)
        display = Live(fake_terminal(), width=80)
        display(script.started())
        assert sys.stdout is file
        print("data")
        display.close()
        file.seek(0)
        assert file.read() == "data\n"


def test_close_gives_the_terminal_back_in_the_middle_of_a_run(fake_terminal, script, monkeypatch):
    terminal = fake_terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    display = Live(terminal, width=80)
    display(script.started())
    display(script.printed("last words"))
    display.close()
    display.close()
    assert sys.stderr is terminal
    assert terminal.lines == ["[data/a.csv] last words"]


def test_no_color_means_no_colour_and_loses_no_word(fake_terminal, script, monkeypatch):
    def shown():
        terminal, now = fake_terminal(), type(script)()
        display = Live(terminal, width=80)
        for event in (
            now.started(),
            now.settled(now.raised("k", hint="do")),
            now.later(1).ok(50),
            now.later(1).running(("k", 1.0)),
        ):
            display(event)
        before = terminal.text
        display(now.ended())
        return terminal.getvalue(), before, terminal.text

    coloured, *words = shown()
    monkeypatch.setenv("NO_COLOR", "1")
    plain, *same_words = shown()
    assert "\x1b[31m" in coloured
    assert "\x1b[3" not in plain
    assert words == same_words


def test_a_terminal_without_unicode_gets_ascii(fake_terminal, script):
    class Ascii(type(fake_terminal())):
        encoding = "ascii"

    terminal = Ascii()
    display = Live(terminal, width=80)
    display(script.started())
    display(script.later(1).ok(50))
    display(script.later(1).running(("caf\u00e9\udcff", 1.0)))
    assert terminal.getvalue().isascii()
    assert "####" in terminal.text
    display.close()


def test_when_the_terminal_is_made_narrower_no_old_block_is_left(fake_terminal, script):
    terminal = fake_terminal(80)
    display = Live(terminal, width=80)
    display(script.started())
    display(script.later(1).running(("k" * 30, 1.0)))
    terminal.shrink(40)
    display._screen._console.width = 40
    display(script.later(1).running(("k" * 30, 1.0)))
    assert len(terminal.lines) == 2
    display.close()
    assert terminal.lines == []
