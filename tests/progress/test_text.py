"""Numbers and words, and the space they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from treadle.progress.pace import Pace
from treadle.progress.text import cells, clean, middle, one_line, seconds, share, speed


@given(st.text(max_size=60), st.integers(0, 40))
def test_shortened_text_fits_and_text_that_fits_is_left_alone(text, width):
    short = middle(text, width)
    assert cells(short) <= width
    assert cell_len(short) <= width
    assert short == text or cells(text) > width


@given(st.text(max_size=200))
def test_one_line_is_one_line_without_control_characters(text):
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in clean(text)
    assert all(character.isprintable() or ord(character) > 159 for character in line)


@pytest.mark.parametrize(
    ("span", "text"),
    [(0.0, "0.00 s"), (0.314, "0.31 s"), (12.34, "12.3 s"), (245, "4:05"), (7300, "2:01:40")],
)
def test_times(span, text):
    assert seconds(span) == text


def test_a_hundred_percent_means_all():
    assert share(999, 1000) == "99 %"
    assert share(1000, 1000) == "100 %"


def test_slow_runs_are_counted_by_the_minute():
    assert speed(0.05) == "3.0/min"
    assert speed(2.5) == "2.5/s"
    assert speed(123456.7) == "123,457/s"


def test_the_rate_follows_the_last_twenty_seconds():
    """
    A run that was fast for an hour and is slow now does not promise to be over soon.
    """
    pace = Pace()
    for second in range(3600):
        pace.note(float(second), second * 1000)
    for second in range(3600, 3640):
        pace.note(float(second), 3_600_000)
    assert pace.rate < 10
    assert pace.left(1000) is None or pace.left(1000) > 100
