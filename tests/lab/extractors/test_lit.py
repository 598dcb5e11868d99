"""The windows in which the light was on, or off."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.lit import LASER_ON, Window, dark, lit, lit_signal

NAN = float("nan")
VOLTAGES = st.lists(st.sampled_from([0.0, -1.0, LASER_ON, 0.11, 3.5, NAN]), max_size=30)


@pytest.mark.parametrize(
    ("voltage", "expected"),
    [
        ([], []),
        ([0, 0, 0], []),
        ([NAN, NAN], []),
        ([0.1, 0.1], []),
        ([2], [(0, 1)]),
        ([2, 2, 2], [(0, 3)]),
        ([2, 0, 0], [(0, 1)]),
        ([0, 0, 2], [(2, 3)]),
        ([0, 2, 2, 0, 3, 0], [(1, 3), (4, 5)]),
        ([2, NAN, 2], [(0, 1), (2, 3)]),
    ],
    ids=str,
)
def test_windows_with_the_light_on(voltage, expected):
    assert lit(np.array(voltage, dtype=float)) == [Window(*each) for each in expected]


def test_another_threshold():
    voltage = np.array([0.0, 0.2, 0.6, 0.2])
    assert lit(voltage, 0.5) == [Window(2, 3)]
    assert dark(voltage, 0.5) == [Window(0, 2), Window(3, 4)]


@settings(max_examples=100)
@given(VOLTAGES)
def test_each_row_is_in_one_window_and_windows_alternate(voltage):
    column = np.array(voltage, dtype=float)
    windows = sorted([*lit(column), *dark(column)], key=lambda window: window.start)
    rows = [row for window in windows for row in range(window.start, window.end)]
    assert rows == list(range(len(voltage)))
    kinds = [window in lit(column) for window in windows]
    assert all(one != other for one, other in pairwise(kinds))
    for window, is_on in zip(windows, kinds, strict=True):
        assert len(window) == len(column[window.rows]) > 0
        assert all((value > LASER_ON) is is_on for value in column[window.rows].tolist())


def run_of(voltage, **facts):
    rows = np.arange(float(len(voltage)))
    return StagedRun("It", {"t (s)": rows, "I (A)": rows, "VL (V)": voltage}, **facts)


def test_a_lit_signal_leaves_out_rows_that_lack_something():
    time, signal, voltage = lit_signal(run_of([0, 1, NAN, 1, 0]), "I (A)")
    assert time.tolist() == signal.tolist() == [0, 1, 3, 4]
    # The row without a voltage does not cut the light in two.
    assert lit(voltage) == [Window(1, 3)]


def test_a_dark_run_does_not_apply():
    with pytest.raises(NotApplicable, match="dark run"):
        lit_signal(run_of([0, 0, 0], has_light=False), "I (A)")


def test_a_run_stopped_before_its_light_is_undetermined():
    with pytest.raises(Undetermined, match="the light never went on"):
        lit_signal(run_of([0, 0, 0], has_light=True), "I (A)")


@pytest.mark.parametrize("voltage", [[NAN, NAN], []], ids=str)
def test_without_a_voltage_of_the_led_it_does_not_apply(voltage):
    with pytest.raises(NotApplicable, match="no numbers in 'VL"):
        lit_signal(run_of(voltage, has_light=True), "I (A)")


def test_without_the_column_it_does_not_apply():
    run = StagedRun("It", {"t (s)": [0.0, 1.0], "I (A)": [0.0, 1.0]})
    with pytest.raises(NotApplicable, match="no numbers in 'VL"):
        lit_signal(run, "I (A)")


def test_time_has_to_go_on():
    run = StagedRun("It", {"t (s)": [0.0, 2.0, 1.0], "I (A)": [1.0] * 3, "VL (V)": [0.0, 2.0, 2.0]})
    with pytest.raises(Undetermined, match="time runs backwards"):
        lit_signal(run, "I (A)")
