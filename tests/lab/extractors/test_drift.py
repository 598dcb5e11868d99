"""How fast current and voltage drift before the light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.drift import linear_drift_current, linear_drift_voltage, straight


def noise(seed, rows):
    return np.random.default_rng(seed).normal(size=rows)


def run_of(time, signal, voltage=None, *, procedure="It"):
    column = "VDS (V)" if procedure == "Vt" else "I (A)"
    columns = {"t (s)": time, column: signal}
    return StagedRun(procedure, columns if voltage is None else {**columns, "VL (V)": voltage})


def of_current(run):
    return linear_drift_current(run)["linear_drift_current"]


def of_voltage(run):
    return linear_drift_voltage(run)["linear_drift_voltage"]


@settings(max_examples=30, deadline=None)
@given(
    slope=st.floats(-5, 5),
    offset=st.floats(-10, 10),
    scale=st.floats(-12, 0).map(lambda power: 10**power),
    seed=st.integers(0, 10_000),
    rows=st.integers(120, 3_000),
)
def test_the_slope_is_as_far_off_as_its_uncertainty_says(slope, offset, scale, seed, rows):
    time = np.linspace(0, 60, rows)
    signal = scale * (offset + slope * time / 60 + 0.02 * noise(seed, rows))
    value = of_current(run_of(time, signal))
    assert abs(value.value - scale * slope / 60) < 6 * value.uncertainty
    assert ("BELOW_NOISE" in value.flags) == (abs(value.value) <= 3 * value.uncertainty)


def test_a_straight_line_without_noise_is_found():
    time = np.linspace(5, 65, 700)
    value = of_voltage(run_of(time, 0.3 - 2e-6 * time, procedure="Vt"))
    assert value.value == pytest.approx(-2e-6, rel=1e-9)
    assert value.details["r_squared"] == pytest.approx(1)
    assert value.flags == ()
    assert value.confidence == 1


def test_only_what_is_before_the_light_counts():
    time = np.linspace(0, 180, 2_100)
    voltage = np.where((time >= 60) & (time < 120), 3.0, 0.0)
    current = 1e-6 + 1e-10 * time + np.where(time >= 60, 4e-7, 0)
    value = of_current(run_of(time, current, voltage))
    assert value.value == pytest.approx(1e-10, rel=1e-6)
    assert value.details["window_s"] == pytest.approx([0, 60], abs=0.1)


def test_a_bent_signal_is_flagged():
    time = np.linspace(0, 60, 700)
    signal = 1e-9 * (np.exp(-time / 15) + noise(1, 700) / 100)
    value = of_current(run_of(time, signal))
    assert "CURVED" in value.flags
    assert value.confidence < 1


def test_no_drift_is_a_value_below_the_noise():
    time = np.linspace(0, 20, 300)
    value = of_current(run_of(time, 1e-6 + 1e-9 * noise(2, 300)))
    assert value.flags == ("BELOW_NOISE", "SHORT")
    assert abs(value.value) <= 3 * value.uncertainty
    assert of_current(run_of(time, np.ones(300))).value == 0


def test_flicker_noise_makes_the_slope_less_certain():
    time = np.linspace(0, 60, 2_000)
    walk = np.cumsum(noise(4, 2_000))
    slow, fast = straight(time, walk / walk.std()), straight(time, noise(5, 2_000))
    assert slow.uncertainty > 5 * fast.uncertainty


def test_a_line_can_be_carried_on():
    line = straight(np.linspace(0, 60, 100), 2.0 + 0.5 * np.linspace(0, 60, 100))
    assert line.at(np.array([0.0, 100.0])) == pytest.approx([2.0, 52.0])
    assert line.change(60, 80)[0] == pytest.approx(10)
    noisy = straight(np.linspace(0, 60, 100), noise(0, 100))
    assert noisy.change(60, 80) == (noisy.slope * 20, noisy.uncertainty * 20)


@pytest.mark.parametrize(
    ("time", "lit_from", "kind", "reason"),
    [
        (np.arange(0, 60, 0.1), 0.0, NotApplicable, "lit from the start"),
        (np.arange(0, 60, 0.1), 8.0, Undetermined, "less than 10 s in the dark"),
        (np.arange(0, 60, 5.0), 40.0, Undetermined, "fewer than 10 rows in the dark"),
        (np.repeat([0.0, 20.0], 400), 99.0, Undetermined, "fewer than 10 rows in the dark"),
        (np.array([]), 99.0, NotApplicable, "no rows"),
        (np.full(3, np.nan), 99.0, NotApplicable, "no rows"),
        (np.arange(60, 0, -0.1), 99.0, Undetermined, "time runs backwards"),
    ],
)
def test_without_enough_dark_there_is_none(time, lit_from, kind, reason):
    voltage = np.where(time >= lit_from, 3.0, 0.0)
    with pytest.raises(kind, match=reason):
        of_current(run_of(time, np.ones(time.size), voltage))
