"""By how much one sweep differs from the one before, in legs of the same direction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.sweep_difference import (
    sweep_difference_current,
    sweep_difference_voltage,
)

SAMPLES = Path(__file__).parents[1] / "samples"
few = settings(max_examples=25, deadline=None)
LEG = np.linspace(-3, 3, 121)
LOOP = np.concatenate([LEG, LEG[::-1]])


def ivg(current, gate=LOOP, **facts):
    facts = {"vds_v": 0.1, "has_light": False, **facts}
    return StagedRun("IVg", {"Vg (V)": gate, "I (A)": current}, **facts)


def difference(earlier, later):
    return sweep_difference_current(earlier, later)["sweep_delta_current"]


@few
@given(
    shift=st.floats(-20, 20),
    scale=st.floats(-12, 0).map(lambda power: 10**power),
    step=st.floats(-2, 2).filter(lambda step: abs(step) > 1e-3),
    hysteresis=st.floats(-5, 5),
)
def test_a_step_of_the_current_is_found_whatever_the_hysteresis(shift, scale, step, hysteresis):
    """The directions differ by more than the sweeps: only legs of one direction are compared."""
    back = np.arange(LOOP.size) >= LEG.size
    before = scale * (np.hypot(LOOP, 1) + hysteresis * back)
    found = difference(
        ivg(before, gate=LOOP + shift), ivg(before + scale * step, gate=LOOP + shift)
    )
    assert found.value == pytest.approx(scale * abs(step), rel=1e-6)
    assert found.details["mean"] == pytest.approx(scale * step, rel=1e-6)
    assert found.details["rms"] == pytest.approx(scale * abs(step), rel=1e-6)
    assert found.details["forward"]["gate_v"] == pytest.approx([shift - 3, shift + 3])


def test_where_it_is_largest_and_in_which_direction():
    later = np.hypot(LOOP, 1)
    bump = np.exp(-(((LOOP - 1.5) / 0.3) ** 2)) * (np.arange(LOOP.size) >= LEG.size)
    found = difference(ivg(1e-6 * later), ivg(1e-6 * (later - bump)))
    assert found.value == pytest.approx(1e-6)
    assert found.details["direction"] == "backward"
    assert found.details["at_gate_v"] == pytest.approx(1.5)
    assert found.details["largest"] == pytest.approx(-1e-6)
    assert found.details["forward"]["largest"] == pytest.approx(0, abs=1e-12)
    change = found.details["later"] - found.details["earlier"]
    assert change == pytest.approx(found.details["largest"])


@pytest.mark.parametrize("which", ["order", "grid", "range"])
def test_sweeps_need_not_be_of_one_grid_order_or_range(which):
    gate = {
        "order": LOOP[::-1],
        "grid": np.concatenate([np.linspace(-3, 3, 151), np.linspace(3, -3, 77)]),
        "range": np.concatenate([np.linspace(-4, 2, 121), np.linspace(2, -4, 121)]),
    }[which]
    found = difference(ivg(2 * LOOP + 9), ivg(2 * gate + 9.5, gate=gate))
    assert found.value == pytest.approx(0.5)
    assert found.details["forward"]["gate_v"] == [-3, 2 if which == "range" else 3]


@pytest.mark.parametrize("seed", [461, *range(12)])
def test_what_noise_may_have_made_is_told(seed):
    rng = np.random.default_rng(seed)
    one, other = (1e-6 * (np.hypot(LOOP, 1) + 0.01 * rng.normal(size=LOOP.size)) for _ in "ab")
    found = difference(ivg(one), ivg(other))
    assert "WITHIN_NOISE" in found.flags
    assert found.uncertainty == pytest.approx(1e-8 * 2**0.5, rel=0.5)
    assert difference(ivg(one), ivg(other + 1e-6)).flags == ()


def test_an_unchanged_sweep_differs_by_nothing():
    assert difference(ivg(np.hypot(LOOP, 1)), ivg(np.hypot(LOOP, 1))).value == 0


def test_other_conditions_are_told():
    before = ivg(np.hypot(LOOP, 1))
    after = np.hypot(LOOP, 1) + 1
    assert difference(before, ivg(after, vds_v=0.2)).flags == ("DIFFERENT_BIAS",)
    assert difference(before, ivg(after, vds_v=None)).flags == ("DIFFERENT_BIAS",)
    assert difference(before, ivg(after, has_light=True)).flags == ("DIFFERENT_LIGHT",)


def test_one_direction_is_compared_with_that_of_the_other_sweep():
    found = difference(ivg(np.hypot(LEG, 1), gate=LEG), ivg(np.hypot(LOOP, 1) + 1))
    assert found.flags == ("ONE_DIRECTION",)
    assert found.details["direction"] == "forward"


def test_legs_of_opposite_directions_are_not_compared():
    with pytest.raises(Undetermined, match="no direction has a leg in both"):
        difference(ivg(np.hypot(LEG, 1), gate=LEG), ivg(np.hypot(LEG, 1), gate=LEG[::-1]))


def test_sweeps_that_hardly_overlap_are_not_compared():
    with pytest.raises(NotApplicable, match="less than 1 V in common"):
        difference(ivg(LOOP + 9), ivg(LOOP + 9, gate=LOOP + 5.5))


def test_rows_without_a_number_and_missing_columns():
    holed = np.hypot(LOOP, 1)
    holed[::5] = np.nan
    assert difference(ivg(np.hypot(LOOP, 1)), ivg(holed + 1)).value == pytest.approx(1, abs=0.02)
    with pytest.raises(Undetermined):
        difference(ivg(holed), ivg(np.full(LOOP.size, np.nan)))
    with pytest.raises(NotApplicable, match="I"):
        difference(ivg(holed), StagedRun("IVg", {"Vg (V)": LOOP}))


def test_the_voltage_at_a_fixed_current_has_its_own_metric():
    one, other = (
        StagedRun("VVg", {"Vg (V)": LOOP, "VDS (V)": 1 / np.hypot(LOOP, 1) + at}, ids_a=1e-6)
        for at in (0.0, 0.25)
    )
    found = sweep_difference_voltage(one, other)["sweep_delta_voltage"]
    assert found.value == pytest.approx(0.25)


def test_two_real_sweeps_of_a_chip():
    runs = []
    for name in ("2025-10-17/IVg2025-10-17_1.csv", "2025-10-19/IVg2025-10-19_1.csv"):
        read = lab.read(SAMPLES / name)
        columns = {column: read.table[column].to_numpy() for column in ("Vg (V)", "I (A)")}
        runs.append(StagedRun("IVg", columns, vds_v=0.1, has_light=False))
    found = difference(*runs)
    gate, one, other = (runs[0].column("Vg (V)"), *(run.column("I (A)") for run in runs))
    by_row = np.abs(other - one)[100:501]  # both sweeps have the same gate voltages
    assert found.value == pytest.approx(by_row.max())
    assert abs(gate[100:501][by_row.argmax()] - found.details["at_gate_v"]) < 1e-9
    assert len(json.dumps(dict(found.details))) < 1500  # a summary, not the curves
