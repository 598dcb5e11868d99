"""Means at each voltage, what differs out and back, and where that is largest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.lab.analysing.fits import polynomial_fit
from treadle.lab.analysing.grouping import v_max_group
from treadle.lab.analysing.hysteresis import against, aligned, raw
from treadle.lab.analysing.peaks import peaks
from treadle.lab.analysing.statistics import means, rounding
from treadle.lab.extraction import Undetermined

OUT = np.array([0.0, 0.0005, 0.0505, 0.1005, 0.1505, 0.2])  # as the instrument goes
BACK = np.array([0.15000000000000002, 0.10000000000000003, 0.05000000000000003, 0.0005])


def test_both_ways_of_the_instrument_meet_at_the_same_voltages():
    forward, back = means(OUT, OUT, 0.01), means(BACK, BACK, 0.01)
    assert forward.voltage.tolist() == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert back.voltage.tolist() == [0.0, 0.05, 0.1, 0.15]
    assert forward.n.tolist() == [2, 1, 1, 1, 1]
    assert forward.true_voltage == pytest.approx([0.00025, 0.0505, 0.1005, 0.1505, 0.2])


@pytest.mark.parametrize("step", [0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_every_voltage_of_the_way_back_is_met_on_the_way_out(step, sign):
    count = 12
    out = sign * np.array([0.0, 0.0005, *(0.0005 + step * np.arange(1, count)), count * step])
    back = sign * (count * step - np.arange(1, count) * step)
    width = rounding([out, back], 2)
    forward, returned = means(out, out, width), means(back, back, width)
    assert set(returned.place.tolist()) <= set(forward.place.tolist())
    assert returned.place.size == back.size, "two voltages were taken for one"


def test_a_half_is_rounded_away_from_zero_whatever_the_float_says():
    voltage = np.array([0.025, 0.015000000000000003, 0.014999999999999998, -0.025, 0.0, -0.0])
    found = means(voltage, voltage, 0.01)
    assert found.voltage.tolist() == [-0.03, 0.0, 0.02, 0.03]
    assert not np.signbit(found.voltage[1])


def test_finer_steps_are_told_apart():
    sweep = np.arange(0, 0.02, 0.001)
    assert rounding([sweep], 2) == 0.001
    assert rounding([np.arange(0, 2, 0.1)], 2) == 0.01
    assert rounding([np.zeros(4), np.empty(0)], 3) == 0.001


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.floats(-1, 1)), min_size=1, max_size=60),
    st.floats(-12, 0).map(lambda power: 10.0**power),
)
@settings(max_examples=50, deadline=None)
def test_means_are_those_of_numpy_at_each_voltage(points, amperes):
    places = np.array([place for place, _ in points])
    current = amperes * np.array([value for _, value in points])
    found = means(places * 0.1, current, 0.1)
    assert found.place.tolist() == sorted(set(places.tolist()))
    for place, mean, std, n in zip(found.place, found.mean, found.std, found.n, strict=True):
        same = current[places == place]
        assert n == same.size
        assert mean == pytest.approx(same.mean(), abs=1e-12 * amperes)
        if n > 1:
            assert std == pytest.approx(same.std(ddof=1), abs=1e-9 * amperes)
        else:
            assert np.isnan(std)


@pytest.mark.parametrize(
    ("v_max", "group"),
    [(3.0, 3.0), (2.9995, 3.0), (0.7205, 0.72), (0.1, 0.1), (0.0501, 0.05), (12.04, 12.0),
     (1.0, 1.0), (0.9999, 1.0), (0.0031, 0.0031)],
)  # fmt: skip
def test_ranges_are_rounded_to_one_decimal_and_below_a_volt_to_two_digits(v_max, group):
    assert v_max_group(v_max) == group


def loop(opening, noise=0.0, runs=4, seed=0):
    random = np.random.default_rng(seed)
    volts = np.tile(np.linspace(-1, 1, 41), runs)
    slope = 1e-6 * volts
    out = slope + opening * (1 - volts**2) + noise * random.normal(size=volts.size)
    back = slope + noise * random.normal(size=volts.size)
    return means(volts, out, 0.01), means(volts, back, 0.01)


def test_a_hysteresis_of_known_height_is_found_by_each_method():
    forward, back = loop(2e-7, noise=1e-9)
    curve = polynomial_fit(back.true_voltage, back.mean, 3)
    for found in (raw(forward, back), aligned(forward, back), against(forward, curve)):
        top = peaks(found)
        assert top["v_at_max_abs"] == pytest.approx(0, abs=0.06)
        assert top["i_max"] == top["i_at_max_abs"] == pytest.approx(2e-7, rel=0.02)
        assert top["mean"] == pytest.approx(2e-7 * (1 - np.mean(found.voltage**2)), rel=0.02)
        assert top["n_points"] == 41
    assert np.median(raw(forward, back).sigma) == pytest.approx(2**0.5 * 1e-9, rel=0.3)
    assert np.median(against(forward, curve).sigma) == pytest.approx(1e-9, rel=0.3)


def test_a_shift_of_the_voltages_looks_like_hysteresis_to_the_raw_method_alone():
    conductance = 1e-3
    forward = means(OUT, conductance * OUT, 0.01)
    back = means(BACK, conductance * BACK, 0.01)
    both = raw(forward, back)
    assert both.current[1:] == pytest.approx([conductance * 0.0005] * 3)
    assert both.current == pytest.approx(-conductance * both.shift)
    assert aligned(forward, back).current == pytest.approx(0, abs=1e-15)
    line = polynomial_fit(back.true_voltage, back.mean, 1)
    assert against(forward, line).current == pytest.approx(0, abs=1e-15)


def test_branches_that_do_not_meet_have_no_hysteresis():
    forward, back = means(OUT, OUT, 0.01), means(-BACK - 0.5, BACK, 0.01)
    for method in (raw, aligned):
        with pytest.raises(Undetermined, match="no voltage is in both branches"):
            method(forward, back)


def test_one_run_has_no_deviation():
    forward, back = loop(1e-9, runs=1)
    assert np.isnan(raw(forward, back).sigma).all()


def test_peaks_of_a_known_curve():
    forward, back = loop(0.0)
    found = raw(forward, back)._replace(
        voltage=np.array([-1.0, 0.0, 0.5, 1.0]), current=np.array([1.0, -4.0, 3.0, 2.0])
    )
    assert peaks(found) == {
        "v_at_max": 0.5, "i_max": 3.0, "v_at_min": 0.0, "i_min": -4.0, "v_at_max_abs": 0.0,
        "i_at_max_abs": -4.0, "mean": 0.5, "std": pytest.approx(3.1091263), "n_points": 4,
    }  # fmt: skip
    single = found._replace(voltage=np.array([0.1]), current=np.array([7.0]))
    assert peaks(single)["std"] is None
