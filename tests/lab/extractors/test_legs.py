"""The legs of a gate sweep, and their slopes: whatever the noise, the direction and the order."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from treadle import lab
from treadle.lab.extraction import Undetermined
from treadle.lab.extractors.legs import by_gate, legs, slope_noise, transconductance

SAMPLES = Path(__file__).parents[1] / "samples"
few = settings(max_examples=25, deadline=None)


def way(*corners, steps=40):
    """The gate voltages of a sweep from corner to corner."""
    parts = [np.linspace(a, b, steps + 1)[:-1] for a, b in pairwise(corners)]
    return np.concatenate([*parts, corners[-1:]])


def ends(gate, found):
    return [(gate[leg.start], gate[leg.end - 1], leg.direction) for leg in found]


def test_only_legs_that_cover_the_sweep_count_and_both_have_their_turning_points():
    gate = way(0.0, -1.0, 1.0, -1.0, 0.0)
    assert ends(gate, legs(gate)) == [(-1.0, 1.0, "forward"), (1.0, -1.0, "backward")]


def test_the_legs_of_real_sweeps():
    found = {}
    for path in sorted(SAMPLES.glob("*/IVg*.csv")):
        gate = lab.read(path).table["Vg (V)"].to_numpy()
        found[path.name] = [tuple(np.round(end[:2], 6)) for end in ends(gate, legs(gate))]
    whole = {name for name, each in found.items() if each == [(-5.0, 5.0), (5.0, -5.0)]}
    assert len(whole) == 10
    assert {name: each for name, each in found.items() if name not in whole} == {
        "IVg2025-09-04_11.csv": [(-20.0, 20.0)],  # ended on the way back
        "IVg2025-09-12_2.csv": [(0.0, -2.9)],  # ended on the way out
        "IVg2025-09-09_12.csv": [(-1.0, 1.0), (1.0, -1.0)],
    }


@few
@given(
    shift=st.floats(-50, 50),
    scale=st.floats(0.01, 50),
    noise=st.floats(0, 0.4),
    seed=st.integers(0, 1000),
)
def test_noise_of_a_fraction_of_a_step_parts_no_leg(shift, scale, noise, seed):
    gate = way(0.0, -1.0, 1.0, -1.0, 0.0, steps=60)
    step = 1 / 60
    noisy = gate + noise * step * np.random.default_rng(seed).normal(size=gate.size)
    found = legs(shift + scale * noisy)
    assert [leg.rising for leg in found] == [True, False]
    turns = np.array([found[0].start, found[0].end - 1, found[1].end - 1])
    assert np.abs(turns - [60, 120, 180]).max() <= 4


@few
@given(seed=st.integers(0, 1000), share=st.floats(0.01, 0.15))
def test_rows_without_a_number_and_dwells_part_no_leg(seed, share):
    rng = np.random.default_rng(seed)
    gate = np.repeat(way(-1.0, 1.0, -1.0, steps=50), rng.integers(1, 4, size=101))
    gate[rng.random(gate.size) < share] = np.nan
    found = legs(gate)
    assert [leg.direction for leg in found] == ["forward", "backward"]
    assert all(np.nanmax(gate[leg.rows]) == np.nanmax(gate) for leg in found)


def test_a_sweep_in_reverse_has_the_same_legs_in_reverse():
    gate = way(0.0, -1.0, 1.0, -1.0, 0.0)
    there, back = legs(gate), legs(gate[::-1])
    assert [(gate.size - leg.end, gate.size - leg.start) for leg in reversed(there)] == [
        (leg.start, leg.end) for leg in back
    ]
    assert [leg.rising for leg in back] == [True, False]


@pytest.mark.parametrize(
    "gate", [[], [1.0], [2.0] * 30, [np.nan] * 9], ids=["none", "one", "still", "no_numbers"]
)
def test_what_does_not_sweep_has_no_legs(gate):
    assert legs(np.array(gate, dtype=float)) == []


def test_a_leg_of_too_few_rows_is_none():
    gate = np.array([0.0, 1.0, 0.0])
    assert legs(gate) == []
    assert len(legs(gate, points=2)) == 2


@few
@given(
    coefficients=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    scale=st.floats(-12, 0).map(lambda power: 10**power),
    points=st.integers(5, 60),
    seed=st.integers(0, 1000),
)
def test_the_slope_of_a_cubic_is_exact_in_any_order_and_at_any_scale(
    coefficients, scale, points, seed
):
    cubic = scale * np.polynomial.Polynomial(coefficients)
    gate = np.random.default_rng(seed).permutation(np.linspace(-2, 3, points))
    where, slope = transconductance(gate, cubic(gate))
    assert np.array_equal(where, np.sort(gate))
    assert np.abs(slope - cubic.deriv()(where)).max() <= 1e-8 * scale


@few
@given(seed=st.integers(0, 1000))
def test_the_slope_where_the_gate_is_measured_and_off_the_grid(seed):
    gate = np.linspace(-3, 3, 121) + 0.01 * np.random.default_rng(seed).normal(size=121)
    where, slope = transconductance(gate, np.sin(gate))
    inner = slice(5, -5)
    assert np.abs(slope - np.cos(where))[inner].max() < 0.03


def test_gate_voltages_that_were_measured_twice_count_once():
    gate, signal = by_gate(np.array([2.0, 1.0, 1.0 + 1e-9, 3.0]), np.array([5.0, 1.0, 3.0, 7.0]))
    assert gate == pytest.approx([1.0, 2.0, 3.0])
    assert signal == pytest.approx([2.0, 5.0, 7.0])


@pytest.mark.parametrize(("points", "window"), [(60, 9), (60, 5), (60, 59), (9, 9)])
def test_the_slope_is_that_of_the_filter_of_scipy(points, window):
    gate, signal = np.linspace(-1, 2, points), np.random.default_rng(1).normal(size=points)
    want = savgol_filter(signal, window, 3, deriv=1, delta=gate[1] - gate[0])
    assert transconductance(gate, signal, window=window)[1] == pytest.approx(want)


def test_four_gate_voltages_have_no_slope():
    with pytest.raises(Undetermined, match="fewer than 5 gate voltages"):
        transconductance(np.arange(4.0), np.arange(4.0))


@pytest.mark.parametrize(("points", "window"), [(5, None), (12, None), (60, None), (60, 31)])
def test_the_noise_of_a_slope_is_that_of_many_noisy_ones(points, window):
    rng = np.random.default_rng(8)
    gate = np.linspace(-1, 1, points)
    slopes = [
        transconductance(gate, 0.1 * rng.normal(size=points), window=window)[1] for _ in range(600)
    ]
    assert slope_noise(gate, 0.1, window=window) == pytest.approx(np.std(slopes, axis=0), rel=0.15)
