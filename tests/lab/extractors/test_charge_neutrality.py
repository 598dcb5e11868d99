"""The charge neutrality point: where it is, how well it is known, and when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.charge_neutrality import charge_neutrality, neutrality

SAMPLES = Path(__file__).parents[1] / "samples"
REFERENCES = {
    (each["source_file"], each["metric"]): each["value"]
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text("utf-8"))
    if each["metric"].startswith("cnp_")
}
DEAD = "Alisson_12_sept/IVg2025-09-12_2.csv"
few = settings(max_examples=25, deadline=None)
LEG = np.linspace(-5, 5, 201)
LOOP = np.concatenate([LEG, LEG[::-1]])


def dip(gate, at=0.0, width=0.5, steeper=1.0):
    """A transfer curve with its minimum at *at*, for holes *steeper* than for electrons."""
    away = np.asarray(gate) - at
    return width * np.sqrt(1 + (away / width) ** 2) * np.where(away < 0, steeper, 1.0) + np.where(
        away < 0, width * (1 - steeper), 0.0
    )


def loop(at=0.3, *, later=0.0, gate=LOOP, width=0.5, steeper=1.0):
    """A run with its minimum at *at* on the way up, and *later* more on the way down."""
    half = gate.size // 2
    up, down = dip(gate[:half], at, width, steeper), dip(gate[half:], at + later, width, steeper)
    return np.concatenate([up, down])


def ivg(current, gate=LOOP, **facts):
    return StagedRun("IVg", {"Vg (V)": gate, "I (A)": current}, **facts)


def read(path):
    found = lab.read(path)
    columns = {name: found.table[name].to_numpy() for name in ("Vg (V)", "I (A)")}
    return StagedRun(found.procedure, columns, flags=found.flags)


# --- where it is --------------------------------------------------------------------------------


@few
@given(
    at=st.floats(-2, 2),
    later=st.floats(-0.9, 0.9),
    shift=st.floats(-30, 30),
    scale=st.floats(-12, 0).map(lambda power: 10**power),
    sign=st.sampled_from([1, -1]),
)
def test_a_clean_curve_gives_its_minimum_whatever_its_place_scale_and_sign(
    at, later, shift, scale, sign
):
    found = charge_neutrality(ivg(sign * scale * loop(at, later=later), gate=LOOP + shift))
    want = [at + shift, at + later + shift, at + later / 2 + shift, later]
    got = [found[f"cnp_{name}"].value for name in ("forward", "backward", "voltage", "hysteresis")]
    assert got == pytest.approx(want, abs=0.003)  # of steps of 0.05 V
    forward = found["cnp_forward"]
    assert forward.details["signal"] == pytest.approx(sign * scale * 0.5, rel=0.01)
    assert np.sign(forward.details["curvature"]) == sign


@few
@given(at=st.floats(-2, 2), sign=st.sampled_from([1, -1]), scale=st.sampled_from([1e-6, 1e-3, 1.0]))
def test_at_a_fixed_current_it_is_the_maximum_of_the_voltage(at, sign, scale):
    voltage = sign * scale / loop(at)
    run = StagedRun("VVg", {"Vg (V)": LOOP, "VDS (V)": voltage})
    found = charge_neutrality(run)
    assert found["cnp_voltage"].value == pytest.approx(at, abs=0.003)
    assert np.sign(found["cnp_forward"].details["curvature"]) == -sign


def test_a_current_that_an_offset_takes_below_zero_has_one_minimum():
    found = charge_neutrality(ivg(1e-6 * (loop(0.4) - 0.8)))
    assert found["cnp_voltage"].value == pytest.approx(0.4, abs=0.003)
    assert found["cnp_voltage"].details["forward"]["signal"] < 0


def test_the_order_of_the_legs_does_not_matter():
    current = loop(0.3, later=0.5)
    there, back = charge_neutrality(ivg(current)), charge_neutrality(ivg(current[::-1]))
    assert there["cnp_voltage"].value == pytest.approx(back["cnp_voltage"].value)
    assert there["cnp_hysteresis"].value == pytest.approx(-back["cnp_hysteresis"].value)


# --- how well it is known -----------------------------------------------------------------------


def found_in(curve, noise, *, width=0.5, times=40, gate=LEG):
    """Errors, their uncertainties and the errors of the lowest row, over noise and places."""
    rng = np.random.default_rng(12)
    errors, uncertainties, lowest_rows = [], [], []
    for _ in range(times):
        at = rng.uniform(-1, 1)
        clean = curve(gate - at, width)
        signal = clean + noise * np.ptp(clean) * rng.normal(size=gate.size)
        lowest_rows.append(gate[np.argmin(signal)] - at)
        found = neutrality(gate, 1e-9 * signal)
        errors.append(found.voltage - at)
        uncertainties.append(found.uncertainty)
    return np.array(errors), np.array(uncertainties), np.array(lowest_rows)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03])
@pytest.mark.parametrize("width", [0.1, 0.5, 1.5])
def test_the_window_follows_the_noise_and_the_uncertainty_is_honest(noise, width):
    errors, uncertainties, lowest_rows = found_in(lambda x, w: dip(x, width=w), noise, width=width)
    assert rms(errors) < 0.9 * rms(lowest_rows)
    assert np.mean(np.abs(errors) < 3 * uncertainties) >= 0.9
    assert rms(np.sort(np.abs(errors / uncertainties))[:-2]) < 1.4  # two of 40 may be anything
    assert np.median(uncertainties) < 4 * np.median(np.abs(errors))


def bent_at_once(steeper):
    """A curve whose curvature jumps at its minimum, by that factor."""
    return lambda x, width: np.where(x < 0, steeper, 1) * (np.hypot(x, width) - width)


def bent_steadily(steeper):
    """Electrons and holes that overlap, of slopes that differ by that factor."""

    def curve(x, width):
        x = x + width * np.log(steeper)  # where its slope is zero
        return width * (steeper * np.logaddexp(0, -x / width) + np.logaddexp(0, x / width))

    return curve


@pytest.mark.parametrize("steeper", [0.2, 0.5, 1.5, 2, 5])
@pytest.mark.parametrize("shape", [bent_at_once, bent_steadily])
def test_a_curve_that_is_steeper_on_one_side_does_not_shift_it_in_secret(shape, steeper):
    shares, spreads = [], []
    for noise in (0.003, 0.01, 0.03):
        errors, uncertainties, _ = found_in(shape(steeper), noise, times=25)
        shares.append(np.mean(np.abs(errors) > 3 * uncertainties))
        spreads.append(rms(errors / uncertainties))
    assert np.mean(shares) <= 0.1
    assert np.mean(spreads) < 2.2


def test_a_cubic_halves_the_shift_of_a_parabola_to_the_flat_side():
    """Of branches whose slopes differ by five, at a hundredth of noise: 0.11 V by a parabola."""
    gate = np.arange(-3, 3.001, 0.02)
    errors, _, _ = found_in(bent_at_once(0.2), 0.01, width=0.3, gate=gate)
    assert abs(np.mean(errors)) < 0.07
    found = neutrality(gate, bent_at_once(0.2)(gate, 0.3))
    assert found.fit["is_skewed"]
    assert not neutrality(gate, dip(gate, width=0.3)).fit["is_skewed"]


@pytest.mark.parametrize("width", [0.0, 0.05, 0.1, 0.3, 0.5, 1.0])
def test_a_coarse_sweep_without_noise_has_one(width):
    """-1 V to 1 V in steps of 0.2 V, as many are measured."""
    gate = np.linspace(-1, 1, 11)
    found = neutrality(gate, 1e-6 * (0.2 + np.hypot(gate - 0.13, width)))
    assert abs(found.voltage - 0.13) < min(0.03, found.uncertainty)
    assert found.uncertainty < 0.1


def test_a_coarse_sweep_of_noise_is_told_to_be_too_coarse():
    rng = np.random.default_rng(2)
    reasons = set()
    for _ in range(20):
        try:
            neutrality(np.linspace(-1, 1, 11), 1 + rng.normal(size=11))
        except Undetermined as error:
            reasons.add(error.reason)
    assert "too few gate voltages to tell an extremum from noise" in reasons


def test_more_noise_means_a_wider_window():
    rng = np.random.default_rng(3)
    clean = dip(LEG, 0.2, 1.0)
    windows = [
        np.median(
            [
                neutrality(LEG, clean + noise * rng.normal(size=LEG.size)).fit["window_v"]
                for _ in range(15)
            ]
        )
        for noise in (0.003, 0.03, 0.3)
    ]
    assert windows == sorted(windows)
    assert windows[-1] > 3 * windows[0]


def test_a_single_glitch_is_no_minimum():
    current = loop(1.0)
    current[40] = current[300] = -3.0
    found = charge_neutrality(ivg(1e-6 * current))
    assert found["cnp_voltage"].value == pytest.approx(1.0, abs=0.01)


def test_rows_without_a_number_are_passed_over():
    current, gate = loop(0.3), LOOP.copy()
    current[::7] = np.nan
    gate[::11] = np.nan
    found = charge_neutrality(ivg(current, gate=gate))
    assert found["cnp_voltage"].value == pytest.approx(0.3, abs=0.005)


# --- what is odd --------------------------------------------------------------------------------


def test_a_second_dip_is_told_and_lowers_the_confidence():
    current = np.minimum(loop(-2.0), loop(2.5) + 0.3)
    found = charge_neutrality(ivg(1e-6 * current))["cnp_forward"]
    assert found.value == pytest.approx(-2.0, abs=0.01)
    assert found.flags == ("SECOND_EXTREMUM",)
    assert found.confidence < 1
    assert found.details["other_extrema_v"] == pytest.approx([2.5], abs=0.06)


@few
@given(seed=st.integers(0, 1000), noise=st.floats(0, 0.1))
def test_noise_is_no_second_dip(seed, noise):
    current = loop(0.5)
    current = current + noise * np.ptp(current) * np.random.default_rng(seed).normal(size=402)
    assert "SECOND_EXTREMUM" not in charge_neutrality(ivg(current))["cnp_voltage"].flags


def test_a_large_hysteresis_and_a_shallow_dip_are_told():
    assert charge_neutrality(ivg(loop(0.0, later=1.5)))["cnp_voltage"].flags == ("HIGH_HYSTERESIS",)
    assert charge_neutrality(ivg(loop(0.0) + 20))["cnp_voltage"].flags == ("LOW_MODULATION",)


def test_a_sweep_of_one_direction_has_no_other_one():
    found = charge_neutrality(ivg(dip(LEG, 0.3), gate=LEG))
    assert found["cnp_voltage"].value == found["cnp_forward"].value
    assert found["cnp_voltage"].flags == ("ONE_DIRECTION",)
    assert isinstance(found["cnp_backward"], NotApplicable)
    assert isinstance(found["cnp_hysteresis"], NotApplicable)


def test_a_direction_whose_minimum_is_out_of_range_leaves_the_other_one():
    found = charge_neutrality(ivg(loop(3.0, later=4.0)))
    assert found["cnp_voltage"].value == pytest.approx(3.0, abs=0.003)
    assert found["cnp_backward"].reason == "the extremum is at an end of the sweep"


# --- when there is none -------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-9.0, -5.0, 4.99, 30.0])
def test_a_minimum_at_the_end_of_the_sweep_is_none(at):
    with pytest.raises(Undetermined, match="at an end of the sweep"):
        charge_neutrality(ivg(loop(at)))


def test_a_curve_that_bends_the_wrong_way_has_none():
    rng = np.random.default_rng(5)
    for _ in range(20):
        hill = 30 - LEG**2 + 0.5 * rng.normal(size=LEG.size)
        with pytest.raises(Undetermined):
            neutrality(LEG, hill)


def test_noise_has_none():
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(100):
        try:
            neutrality(LEG, 1 + 0.1 * rng.normal(size=LEG.size))
        except Undetermined:
            continue
        found += 1
    assert found <= 3


@pytest.mark.parametrize(
    ("gate", "current"),
    [
        ([], []),
        ([1.0], [1.0]),
        (LOOP, np.full(LOOP.size, np.nan)),
        (LOOP, np.full(LOOP.size, 1e-6)),
        (LOOP, np.zeros(LOOP.size)),
        (np.full(50, 1.0), np.arange(50.0)),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 0.0, 1.0, 2.0]),
    ],
    ids=["no_rows", "one_row", "no_numbers", "constant", "zero", "still", "five_rows"],
)
def test_what_holds_no_curve_has_none(gate, current):
    with pytest.raises(Undetermined):
        charge_neutrality(ivg(np.array(current), gate=np.array(gate)))


def test_without_the_column_it_does_not_apply():
    with pytest.raises(NotApplicable, match="VDS"):
        charge_neutrality(StagedRun("VVg", {"Vg (V)": LOOP}))


# --- real sweeps --------------------------------------------------------------------------------


def test_it_agrees_with_the_earlier_program_within_three_quarters_of_a_step():
    """The earlier one goes through three noisy points; what it found in noise, is not found."""
    agreement = {}
    for (file, metric), want in REFERENCES.items():
        try:
            found = charge_neutrality(read(SAMPLES / file))[metric]
        except Undetermined:
            assert file == DEAD
            continue
        step = 0.1 if "04_11" in file else 0.05
        agreement[file, metric] = (found.value - want) / step
    assert len(agreement) == 10 * 3 + 2
    assert np.abs(list(agreement.values())).max() < 3 / 4
    assert np.median(np.abs(list(agreement.values()))) < 0.16


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (DEAD, "no extremum stands out of the noise"),
        ("Serbian_Graphene/IVg2025-09-09_12.csv", "at an end of the sweep"),
    ],
    ids=["flat", "saturated"],
)
def test_a_dead_device_has_none(file, reason):
    with pytest.raises(Undetermined, match=reason):
        charge_neutrality(read(SAMPLES / file))


def test_a_bottom_that_is_flat_has_none_in_its_last_digits():
    flat = np.maximum(np.abs(LEG), 4.0) + 1e3
    with pytest.raises(Undetermined, match="no extremum stands out"):
        neutrality(LEG, flat)
