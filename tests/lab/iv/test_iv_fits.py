"""Powers of the voltage: known polynomials come back, with errors that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import polynomial

from treadle.lab.analysing.fits import Sweep, choices, odd_fit, polynomial_fit, resistance, slopes
from treadle.lab.extraction import Undetermined

ORDERS = (1, 3, 5, 7)
SCALES = st.floats(-12, 3).map(lambda power: 10.0**power)
COEFFICIENTS = st.lists(st.floats(-1, 1), min_size=4, max_size=4)


@given(SCALES, st.floats(-3, 2).map(lambda power: 10.0**power), COEFFICIENTS)
@settings(max_examples=60, deadline=None)
def test_odd_polynomials_are_recovered_at_any_scale(amperes, volts, wanted):
    voltage = volts * np.linspace(-1, 1, 41)
    current = sum(
        amperes * each * (voltage / volts) ** power
        for each, power in zip(wanted, (1, 3, 5, 7), strict=True)
    )
    fit = odd_fit(voltage, current, 7)
    for each, power, found in zip(wanted, fit.powers, fit.coefficients, strict=True):
        unit = amperes / volts**power
        assert found == pytest.approx(each * unit, abs=1e-9 * unit)
    assert fit.rmse <= 1e-12 * amperes
    assert fit.mae <= fit.rmse * (1 + 1e-9)
    assert fit(voltage) == pytest.approx(current, abs=1e-9 * amperes)


@pytest.mark.parametrize("order", ORDERS)
def test_odd_fits_are_those_of_least_squares_done_by_hand(order):
    random = np.random.default_rng(order)
    voltage = np.linspace(-0.7, 1.1, 37)
    current = 1e-6 * (np.sinh(2 * voltage) + 0.1 * random.normal(size=37))
    fit = odd_fit(voltage, current, order)
    columns = np.stack([voltage**power for power in range(1, order + 1, 2)], axis=1)
    by_hand, _, _, _ = np.linalg.lstsq(columns, current, rcond=None)
    rest = current - columns @ by_hand
    covariance = rest @ rest / (37 - columns.shape[1]) * np.linalg.inv(columns.T @ columns)
    assert fit.coefficients == pytest.approx(by_hand, rel=1e-7)
    assert fit.errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)
    assert fit.rmse == pytest.approx(np.sqrt(np.mean(rest**2)))
    assert fit.mae == pytest.approx(np.mean(np.abs(rest)))
    assert fit.r_squared == pytest.approx(1 - rest @ rest / np.sum((current - current.mean()) ** 2))
    assert fit.n_points == 37


@pytest.mark.parametrize("order", ORDERS)
def test_polynomials_with_a_constant_are_those_of_numpy(order):
    random = np.random.default_rng(order)
    voltage = np.linspace(-3, 3, 61)
    current = 1e-9 * (1 + np.exp(voltage) + 0.1 * random.normal(size=61))
    fit = polynomial_fit(voltage, current, order)
    assert fit.coefficients == pytest.approx(polynomial.polyfit(voltage, current, order), rel=1e-6)


def test_the_errors_of_a_line_are_those_of_numpy():
    random = np.random.default_rng(1)
    voltage = np.linspace(-1, 1, 21)
    current = 2e-6 * voltage + 1e-7 * random.normal(size=21) + 1e-6
    fit = polynomial_fit(voltage, current, 1)
    (slope, intercept), covariance = np.polyfit(voltage, current, 1, cov=True)
    assert fit.coefficients == pytest.approx([intercept, slope])
    assert fit.covariance == pytest.approx(covariance[::-1, ::-1])
    assert fit.r_squared == pytest.approx(np.corrcoef(voltage, current)[0, 1] ** 2)


def test_the_errors_are_the_scatter_of_the_coefficients_over_many_curves():
    random = np.random.default_rng(3)
    voltage = np.linspace(-1, 1, 41)
    true = 1e-6 * voltage + 3e-7 * voltage**3
    fits = [odd_fit(voltage, true + 1e-8 * random.normal(size=41), 3) for _ in range(400)]
    found = np.array([fit.coefficients for fit in fits])
    errors = np.array([fit.errors for fit in fits])
    assert found.mean(axis=0) == pytest.approx([1e-6, 3e-7], rel=0.01)
    assert found.std(axis=0) == pytest.approx(np.sqrt((errors**2).mean(axis=0)), rel=0.15)
    within = np.abs(found - [1e-6, 3e-7]) < 2 * errors
    assert within.mean() == pytest.approx(0.95, abs=0.03)


def test_the_error_of_the_curve_is_that_of_its_values():
    random = np.random.default_rng(4)
    voltage = np.linspace(-1, 1, 31)
    fits = [
        polynomial_fit(voltage, 1e-9 * (voltage + 0.05 * random.normal(size=31)), 3)
        for _ in range(300)
    ]
    at = np.array([-1.0, 0.0, 0.6])
    spread = np.array([fit(at) for fit in fits]).std(axis=0)
    assert np.mean([fit.sigma(at) for fit in fits], axis=0) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_needs_one_point_more_than_it(order):
    voltage = np.linspace(0.1, 1, order + 1)
    assert odd_fit(voltage, voltage, order).n_points == order + 1
    with pytest.raises(Undetermined, match="too few points for the order"):
        odd_fit(voltage[1:], voltage[1:], order)
    with pytest.raises(Undetermined, match="too few points for the order"):
        polynomial_fit(voltage, voltage, order)


def test_no_points_are_said_to_be_none():
    with pytest.raises(Undetermined, match="no points"):
        odd_fit(np.empty(0), np.empty(0), 1)


@pytest.mark.parametrize("voltage", [[0.0] * 9, [0.5] * 9, [0.5, -0.5, 0.5] * 3])
def test_voltages_that_do_not_tell_the_powers_apart_give_no_fit(voltage):
    volts = np.array(voltage)
    with pytest.raises(Undetermined, match="too few different voltages"):
        odd_fit(volts, np.arange(9.0), 3)
    with pytest.raises(Undetermined, match="too few different voltages"):
        polynomial_fit(volts, np.arange(9.0), 3)


@pytest.mark.parametrize("current", [0.0, 1e-9, -3.3e-7])
def test_a_constant_current_has_no_r_squared(current):
    fit = polynomial_fit(np.linspace(-1, 1, 11), np.full(11, current), 1)
    assert fit.r_squared is None
    assert fit.coefficients[1] == pytest.approx(0, abs=1e-15 * abs(current))


def test_the_strategies_take_the_points_that_they_say():
    voltage = np.array([-0.5, -1.0, -0.5, -0.1, 0.5, 1.0, 0.5, 0.1, 0.0])
    segment = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])
    sweep = Sweep(voltage, voltage, segment, np.isin(segment, [1, 3]))
    found = {
        (each.strategy, each.segment): voltage[each.points].tolist() for each in choices(sweep)
    }
    assert found == {
        ("individual", 1): [-0.5, -0.1],
        ("individual", 3): [0.5, 0.1, 0.0],
        ("all", None): [-0.5, -0.1, 0.5, 0.1, 0.0],
        ("near_zero", None): [-0.1, 0.1, 0.0],
        ("forward", None): [-0.5, -1.0, 0.5, 1.0],
        ("negative", None): [-0.5, -0.1],
        ("positive", None): [0.5, 0.1],
    }
    wider = {each.strategy: int(each.points.sum()) for each in choices(sweep, near_zero=0.5)}
    assert wider["near_zero"] == 5


def test_a_strategy_without_points_is_there_all_the_same():
    sweep = Sweep(np.array([0.0, 0.1]), np.zeros(2), np.zeros(2, int), np.zeros(2, bool))
    found = {each.strategy: int(each.points.sum()) for each in choices(sweep)}
    assert found == {
        "individual": 0, "all": 0, "near_zero": 0, "forward": 2, "negative": 0, "positive": 0,
    }  # fmt: skip


def test_resistance_is_one_over_the_slope_and_its_error_follows():
    random = np.random.default_rng(5)
    voltage = np.linspace(-1, 1, 21)
    values, errors = [], []
    for _ in range(300):
        fit = polynomial_fit(voltage, voltage / 1000 + 1e-5 * random.normal(size=21), 1)
        value, error = resistance(fit.coefficients[1], fit.errors[1])
        values.append(value)
        errors.append(error)
    assert np.mean(values) == pytest.approx(1000, rel=0.001)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.15)


def test_runs_that_differ_make_the_resistance_uncertain():
    volts = np.linspace(-1, 1, 11)
    differ = slopes([(volts, 1e-3 * volts), (volts, 3e-3 * volts), (volts[:1], volts[:1])])
    assert differ == pytest.approx((2**0.5 * 1e-3, 1e-3))
    assert resistance(2e-3, 0.0, differ.error) == pytest.approx((500, 250))
    assert slopes([(volts, volts)]) is None


@pytest.mark.parametrize(("slope", "error"), [(0.0, 0.0), (1e-9, 1e-9), (-2e-9, 1e-9)])
def test_a_slope_that_noise_could_make_gives_no_resistance(slope, error):
    with pytest.raises(Undetermined, match="lost in the noise"):
        resistance(slope, error)
