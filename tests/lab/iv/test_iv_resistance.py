"""Resistances of single sweeps and of days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.resistance import NOT_OHMIC, day_resistance, resistance

SAMPLES = Path(__file__).parents[1] / "samples"
OUT = np.arange(0, 11) / 10
LOOP = np.concatenate([-OUT, -OUT[-2::-1], OUT, OUT[-2::-1]])
NAN = float("nan")


def run_of(current, voltage=LOOP, **facts):
    return StagedRun("IV", {"Vsd (V)": voltage, "I (A)": current}, **facts)


def of_run(*given, **facts):
    return resistance(run_of(*given, **facts))["resistance"]


def of_day(*runs):
    return day_resistance(list(runs))["day_resistance"]


@given(
    st.floats(-1, 10).map(lambda power: 10.0**power),
    st.floats(-3, 1).map(lambda power: 10.0**power),
    st.sampled_from([-1, 1]),
    st.floats(-1, 1),
)
@settings(max_examples=30, deadline=None)
def test_a_resistor_is_found_at_any_scale_and_direction(ohms, volts, sign, offset):
    voltage = sign * volts * LOOP
    value = of_run(voltage / ohms + offset * volts / ohms, voltage)
    assert value.value == pytest.approx(ohms, rel=1e-9)
    amperes = volts / ohms
    assert value.details["intercept"] == pytest.approx(offset * amperes, abs=1e-9 * amperes)
    assert value.uncertainty < 1e-9 * ohms
    assert (value.flags, value.confidence) == ((), pytest.approx(1))


def test_the_uncertainty_is_the_scatter():
    random = np.random.default_rng(2)
    found = [of_run(LOOP / 1e4 + 1e-6 * random.normal(size=LOOP.size)) for _ in range(200)]
    values = np.array([each.value for each in found])
    assert values.mean() == pytest.approx(1e4, rel=0.001)
    assert values.std() == pytest.approx(np.mean([each.uncertainty for each in found]), rel=0.2)


def test_only_the_way_back_counts():
    outward = np.concatenate([np.ones(11), np.zeros(10), np.ones(11), np.zeros(10)]) > 0
    assert of_run(np.where(outward, 5e-3, LOOP / 500)).value == pytest.approx(500, rel=0.01)


def test_rows_without_numbers_are_left_out():
    current = LOOP / 2e3
    current[::4] = NAN
    assert of_run(current).value == pytest.approx(2e3)


@pytest.mark.parametrize(
    ("current", "voltage"),
    [([], []), ([NAN] * 42, LOOP), (-OUT, -OUT), ([1.0], [0.5]), ([1.0] * 5, [0.0] * 5)],
    ids=["empty", "nan", "out-only", "one-row", "still"],
)
def test_a_sweep_that_does_not_come_back_has_none(current, voltage):
    with pytest.raises(NotApplicable, match="no return segment"):
        of_run(current, voltage)


def test_an_open_circuit_has_none():
    random = np.random.default_rng(3)
    with pytest.raises(Undetermined, match="lost in the noise") as why:
        of_run(1e-10 * random.normal(size=LOOP.size))
    assert why.value.details["slope_error"] > 0
    with pytest.raises(Undetermined, match="lost in the noise"):
        of_run(np.full(LOOP.size, 1e-9))


def test_a_curve_that_is_no_line_is_flagged():
    value = of_run(1e-6 * np.sinh(6 * LOOP))
    assert value.flags == (NOT_OHMIC,)
    assert value.confidence == value.details["r_squared"] < 0.95


def test_a_day_is_the_mean_of_its_runs():
    value = of_day(run_of(LOOP * 1e-3), run_of(LOOP * 3e-3), run_of(-OUT, -OUT))
    assert value.value == pytest.approx(500)
    assert value.uncertainty == pytest.approx(1e-3 / 2e-3**2), "1 mS is the error of their mean"
    assert value.flags == ("RUNS_DIFFER",)
    assert of_day(run_of(LOOP * 1e-3), run_of(LOOP * 1.01e-3)).flags == ()
    assert (value.details["n_runs"], value.details["runs_given"]) == (2, 3)


@pytest.mark.parametrize(
    ("one", "other", "flags"),
    [
        ({"has_light": True, "vg_fixed_v": 0.0}, {"has_light": False, "vg_fixed_v": 0.0}, "LIGHT"),
        ({"has_light": False, "vg_fixed_v": 0.0}, {"has_light": False, "vg_fixed_v": -5.0}, "GATE"),
        ({"has_light": True, "laser_voltage_V": 1.0}, {"has_light": True, "laser_voltage_V": 2.0},
         "LIGHT"),
        ({"has_light": True, "vg_fixed_v": -5.0}, {"has_light": False, "vg_fixed_v": 0.0},
         "LIGHT GATE"),
        ({"has_light": False, "vg_fixed_v": 0.0}, {"has_light": False, "vg_fixed_v": 0.0}, ""),
    ],
)  # fmt: skip
def test_a_day_of_mixed_light_or_gate_is_flagged(one, other, flags):
    value = of_day(run_of(LOOP / 1000, **one), run_of(LOOP / 1080, **other))
    expected = tuple(f"MIXED_{each}" for each in flags.split())
    assert value.flags == expected
    assert value.confidence == pytest.approx(0.5 ** len(expected))


def test_a_day_of_sweeps_that_do_not_come_back_has_none():
    with pytest.raises(NotApplicable, match="no return segment"):
        of_day(run_of(-OUT, -OUT))
    with pytest.raises(NotApplicable, match="no return segment"):
        of_day()


def test_the_samples():
    found = {}
    for path in sorted(SAMPLES.glob("*/IV2*.csv")):
        run = lab.read(path)
        columns = {name: run.table[name].to_numpy() for name in ("Vsd (V)", "I (A)")}
        try:
            value = resistance(StagedRun("IV", columns))["resistance"]
            found[path.name] = (value.value, value.flags)
        except (NotApplicable, Undetermined) as why:
            found[path.name] = why.reason
    assert found.pop("IV2025-09-12_1.csv") == "no return segment", "it was aborted"
    assert found == {
        "IV2025-09-04_1.csv": (pytest.approx(14792, rel=1e-3), ()),
        "IV2025-09-08_1.csv": (pytest.approx(25440, rel=1e-3), ()),
        "IV2025-09-12_2.csv": (pytest.approx(7.483e9, rel=1e-3), (NOT_OHMIC,)),
        "IV2025-09-09_2.csv": (pytest.approx(642.8, rel=1e-3), (NOT_OHMIC,)),
        "IV2025-09-09_4.csv": (pytest.approx(353.1, rel=1e-3), ()),
        "IV2025-09-09_6.csv": (pytest.approx(1.0246e8, rel=1e-3), (NOT_OHMIC,)),
        "IV2025-09-09_10.csv": "the slope is lost in the noise",
        "IV2025-09-09_12.csv": "the slope is lost in the noise",
    }
