"""The curves of calibrations."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.calibration import calibration_max_power, curve

SAMPLES = sorted(Path(__file__).parents[1].glob("samples/*/LaserCalibration*.csv"))
NAN = float("nan")


def run_of(voltage, power, **facts):
    return StagedRun("LaserCalibration", {"VL (V)": voltage, "Power (W)": power}, **facts)


def found(*given, **facts):
    return calibration_max_power(run_of(*given, **facts))["calibration_max_power"]


def test_the_samples():
    assert len(SAMPLES) == 3
    for path in SAMPLES:
        table = lab.read(path).table
        voltage, power = (table[name].to_numpy() for name in ("VL (V)", "Power (W)"))
        value = found(voltage, power)
        assert value.value == power.max()
        assert value.details["points"] == len(value.details["voltage_v"]) == 51
        assert value.details["power_w"] == power.tolist()
        assert 0 < value.uncertainty < 0.01 * value.value
        assert value.flags == ()


def test_it_tells_wavelength_and_fibre():
    parameters = json.dumps({"Optical fiber": "F1 (M92L02)"})
    value = found([0, 1], [0, 1e-6], wavelength_nm=385.0, parameters=parameters)
    assert value.details["wavelength_nm"] == 385.0
    assert value.details["optical_fiber"] == "F1 (M92L02)"
    assert found([0, 1], [0, 1e-6]).details["optical_fiber"] is None


@settings(max_examples=50)
@given(
    points=st.lists(
        st.tuples(st.integers(0, 8), st.floats(-1, 1) | st.just(NAN)), min_size=1, max_size=30
    ),
    scale=st.integers(-12, 0).map(lambda power: 10.0**power),
)
def test_a_curve_is_the_mean_at_each_voltage(points, scale):
    by_voltage = {}
    for step, power in points:
        if not math.isnan(power):
            by_voltage.setdefault(step, []).append(power * scale)
    voltage, power = curve([step * 0.1 for step, _ in points], [each * scale for _, each in points])
    assert voltage == pytest.approx([step * 0.1 for step in sorted(by_voltage)])
    expected = [sum(each) / len(each) for _, each in sorted(by_voltage.items())]
    assert power == pytest.approx(expected, abs=1e-12 * scale)


def test_voltages_that_differ_by_rounding_are_one():
    voltage, power = curve([0.3, 0.1 + 0.2, -0.0, 0.0], [1, 2, 3, 5])
    assert voltage.tolist() == [0.0, 0.3]
    assert power.tolist() == [4, 1.5]


def test_points_without_a_number_are_counted():
    value = found([0, 1, 2, NAN, 4], [0, NAN, 2, 3, 4])
    assert value.details["voltage_v"] == [0, 2, 4]
    assert value.details["points_dropped"] == 2


def test_a_power_that_falls_at_the_end_is_flagged():
    value = found(np.arange(6.0), np.array([0, 1, 2, 3, 2, 1]) * 1e-6)
    assert (value.value, value.flags) == (3e-6, ("POWER_FALLS",))


@pytest.mark.parametrize(
    ("voltage", "power", "reason"),
    [
        ([1.0], [1.0], "fewer than 2 voltages"),
        ([1.0, 1.0], [1.0, 2.0], "fewer than 2 voltages"),
        ([1.0, 2.0], [1.0, NAN], "fewer than 2 voltages"),
        ([1.0, 2.0], [-1e-9, 0.0], "no power above zero"),
        ([], [], "fewer than 2 voltages"),
    ],
    ids=["one point", "one voltage", "one number", "no power", "no rows"],
)
def test_what_is_no_curve(voltage, power, reason):
    with pytest.raises(Undetermined, match=reason):
        found(voltage, power)


def test_without_the_power_it_does_not_apply():
    with pytest.raises(NotApplicable):
        calibration_max_power(StagedRun("LaserCalibration", {"VL (V)": [1.0]}))
