"""Which display is shown where."""

from __future__ import annotations

import io
import sys

import pytest

from treadle.errors import UsageError
from treadle.progress import listener_for
from treadle.progress.json_lines import JsonLines
from treadle.progress.live import Live
from treadle.progress.plain import Plain


def test_auto_is_live_on_a_terminal_and_plain_elsewhere(fake_terminal):
    assert isinstance(listener_for("auto", stream=fake_terminal()), Live)
    assert isinstance(listener_for("auto", stream=io.StringIO()), Plain)


def test_a_dumb_terminal_gets_plain_lines_even_when_live_was_asked_for(fake_terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(listener_for("live", stream=fake_terminal()), Plain)


def test_a_stream_that_only_pretends_to_be_a_terminal_is_none(fake_terminal):
    """
    Inside a Textual app, sys.stderr says isatty() and has the descriptor -1.
    """
    stream = fake_terminal()
    stream.fileno = lambda: -1
    assert isinstance(listener_for("auto", stream=stream), Plain)


def test_none_and_a_program_without_stderr_show_nothing(monkeypatch):
    assert listener_for("none") is None
    monkeypatch.setattr(sys, "stderr", None)
    assert listener_for("auto") is None


def test_json_is_json(fake_terminal):
    assert isinstance(listener_for("json", stream=fake_terminal()), JsonLines)


def test_an_unknown_display_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="'pretty'") as caught:
        listener_for("pretty")
    assert "auto, live, plain, json, none" in str(caught.value.hint)


def test_a_second_display_does_not_draw_into_the_block_of_the_first(
    fake_terminal, script, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", fake_terminal())
    first = listener_for("auto")
    first(script.started())
    try:
        assert isinstance(listener_for("auto"), Plain)
    finally:
        first.close()
    assert isinstance(listener_for("auto"), Live)
