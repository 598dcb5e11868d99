"""Pilot tests of what is shown of one item: attempts, traceback, hint, and what it said."""

from __future__ import annotations

import pytest
from textual.widgets import Static

import treadle
from treadle.tui.app import TreadleApp
from treadle.tui.following import Follower
from treadle.tui.screens.failure import FailureScreen, KindScreen
from treadle.tui.widgets.watching import KindOfFailure

KEYS = ["[red]a[/]", "\x1b[31mb\tc", "d\udc80e"]


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """A run whose items fail twice each, and say something that is no plain text."""

    def fail(key):  # travels by value: workers need not import this module
        print(f"{key} [/] \x1b[31mred\x1b[0m")
        error = LookupError(f"[bold]none[/] of {key}\nsecond line")
        error.add_note("a [note]")
        raise error

    place = tmp_path_factory.mktemp("tried")
    retry = treadle.Retry(attempts=2, base=0.01)
    report = treadle.run(fail, KEYS, workers=1, key=str, retry=retry, runs_dir=place)
    return place / report.run_id


@pytest.fixture
def look_at(tried, use, monkeypatch):
    """Open the UI on one item."""
    follower = Follower(tried)

    def look_at(key, walk, *, size=(80, 24)):
        monkeypatch.setattr(
            TreadleApp, "get_default_screen", lambda _: FailureScreen(follower, key)
        )
        use(walk, size=size)

    yield look_at
    follower.close()


@pytest.mark.parametrize("key", KEYS)
def test_an_item_is_shown_with_its_attempts_and_words_as_plain_text(key, look_at, shows, text_of):
    shown = ascii(key)[1:-1]

    async def walk(pilot):
        await shows(pilot, "raised LookupError")
        screen = text_of(pilot.app)
        assert screen.split("\n")[0].strip() == shown
        assert f"LookupError: [bold]none[/] of {shown}".replace("\\t", " ")[:30] in screen
        for words in ("attempt 1", "attempt 2, the last", "second line", "note: a [note]"):
            assert words in screen
        assert "Traceback (most recent call last):" in screen
        assert "[/] \\x1b[31mred\\x1b[0m" in screen
        assert "\x1b" not in screen
        screen.encode()  # as a terminal takes it

    look_at(key, walk, size=(100, 60))


def test_a_small_terminal_scrolls_to_the_end(look_at, shows):
    async def walk(pilot):
        await shows(pilot, "raised LookupError")
        await pilot.press("end")
        await shows(pilot, "what it printed and logged")

    look_at(KEYS[0], walk)


def test_an_item_that_has_not_settled_says_so(look_at, shows):
    async def walk(pilot):
        await shows(pilot, "has settled no item 'nothing [such]'")

    look_at("nothing [such]", walk)


def test_what_is_shown_can_be_copied(look_at, shows):
    copied = []

    async def walk(pilot):
        await shows(pilot, "raised LookupError")
        pilot.app.copy_to_clipboard = copied.append
        await pilot.press("c")
        await shows(pilot, "copied")

    look_at(KEYS[0], walk)
    assert copied[0].startswith("[red]a[/]: raised LookupError")
    assert copied[0].count("Traceback") == 2


def test_only_what_is_in_sight_is_drawn_and_the_last_attempts_are_kept(
    own_runs, use, monkeypatch, shows
):
    def fail(key):
        raise LookupError("\n".join(f"line {number} of {key}" for number in range(300)))

    retry = treadle.Retry(attempts=12, base=0.0001)
    report = treadle.run(fail, ["x"], backend="inline", retry=retry, runs_dir=own_runs)
    follower = Follower(own_runs / report.run_id)
    monkeypatch.setattr(TreadleApp, "get_default_screen", lambda _: FailureScreen(follower, 0))

    async def walk(pilot):
        await shows(pilot, "raised LookupError")
        await shows(pilot, "2 earlier attempts left out")
        await pilot.press("end")
        await shows(pilot, "it has printed and logged nothing")
        assert len(pilot.app.screen.query(Static)) < 10

    use(walk)
    follower.close()


def test_all_items_of_a_kind_can_be_reached_and_one_by_its_key(
    own_runs, use, monkeypatch, shows, until
):
    def fail(number):
        raise LookupError("none") if number % 2 else ValueError("even")

    report = treadle.run(fail, range(1400), backend="inline", runs_dir=own_runs)
    follower = Follower(own_runs / report.run_id)
    kind = KindOfFailure("raised LookupError", 700, "none", None, tuple(range(1, 200, 2)))
    monkeypatch.setattr(TreadleApp, "get_default_screen", lambda _: KindScreen(follower, kind))

    async def walk(pilot):
        rows = pilot.app.screen.query_one("#items")
        await pilot.press("end")
        await shows(pilot, "the first 600 of 700")
        await pilot.press("end")
        await until(pilot, lambda: rows.count == 700, "the last items")
        await pilot.press("end")
        await shows(pilot, "> 1399")
        await pilot.press("slash", *"777", "enter")
        await shows(pilot, "raised LookupError")
        await shows(pilot, "778. of the source")

    use(walk)
    follower.close()
