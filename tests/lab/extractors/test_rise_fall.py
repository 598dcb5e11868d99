"""In which times the current answers the light, and recovers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined, Value
from treadle.lab.extractors.photoresponse import delta_current
from treadle.lab.extractors.rise_fall import rise_fall

SAMPLES = Path(__file__).parents[1] / "samples"
REFERENCES = {
    (each["source_file"], each["metric"]): each["value"]
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text())
    if each["metric"] in {"t_rise", "t_fall"}
}
LIT_SAMPLES = sorted({name for name, _ in REFERENCES})
LN9 = math.log(9)  # 10-90 time of an exponential over its time constant
STEP = 0.1


def run_of(time, signal, voltage):
    return StagedRun("It", {"t (s)": time, "I (A)": signal, "VL (V)": voltage})


def exponential(tau_on=1.0, tau_off=2.0, dark=10.0, light=20.0, after=40.0, step=STEP):
    """Time, signal from 0 to 1 and back, LED voltage; the edges half-way between two samples."""
    time = np.arange(0, dark + light + after, step)
    on, off = dark - step / 2, dark + light - step / 2
    signal = np.where(time < on, 0.0, -np.expm1(-np.maximum(time - on, 0) / tau_on))
    top = -math.expm1(-light / tau_on)
    signal = np.where(time > off, top * np.exp(-np.maximum(time - off, 0) / tau_off), signal)
    return time, signal, np.where((time > on) & (time < off), 3.0, 0.0)


def found(time, signal, voltage):
    both = rise_fall(run_of(time, signal, voltage))
    return both["t_rise"], both["t_fall"]


def sample(name):
    table = lab.read(SAMPLES / name).table
    return tuple(table[each].to_numpy() for each in ("t (s)", "I (A)", "VL (V)"))


# What noise has made of the references, as soon as a level is passed to and fro: they take the
# extreme sample for the level, and the first of those past a level for its passage.
NOISY = {
    ("2025-10-13/It2025-10-13_14.csv", "t_rise"): 24.36,  # 25.56
    ("2025-10-13/It2025-10-13_14.csv", "t_fall"): 46.85,  # 19.94
    ("2025-10-13/It2025-10-13_28.csv", "t_rise"): 17.87,  # 16.98
    ("2025-10-13/It2025-10-13_28.csv", "t_fall"): 33.86,  # 29.50
    ("2025-10-14/It2025-10-14_17.csv", "t_rise"): 46.49,  # 50.44
    ("2025-10-23/It2025-10-23_12.csv", "t_rise"): 194.1,  # 190.9
    ("Alisson_12_sept/It2025-09-12_2.csv", "t_rise"): 47.75,  # 47.39: quiet, but passed to and fro
    ("Alisson_12_sept/It2025-09-12_2.csv", "t_fall"): 32.46,  # 31.92: as well
    ("Alisson_15_sept/It2025-09-15_3.csv", "t_rise"): 26.57,  # 32.38
    ("Alisson_15_sept/It2025-09-15_3.csv", "t_fall"): 1.77,  # 0.0: one sample past both levels
    ("Alisson_22_sept/It2025-09-22_1.csv", "t_rise"): 44.28,  # 48.12
    ("Alisson_22_sept/It2025-09-22_1.csv", "t_fall"): 86.50,  # 88.46
}
NO_RECOVERY = "2025-10-14/It2025-10-14_17.csv"  # 20.71: of its change, two thirds were noise


@pytest.mark.parametrize("name", LIT_SAMPLES)
@pytest.mark.parametrize("metric", ["t_rise", "t_fall"])
def test_samples_agree_with_the_references_where_they_are_quiet(name, metric):
    time, signal, voltage = sample(name)
    value = rise_fall(run_of(time, signal, voltage))[metric]
    reference = REFERENCES.get((name, metric))
    if reference is None or (metric == "t_fall" and name == NO_RECOVERY):
        assert metric == "t_fall"
        assert isinstance(value, Undetermined)
        assert value.reason == "negligible recovery"
        return
    if ours := NOISY.get((name, metric)):
        assert value.value == pytest.approx(ours, rel=0.01)
        assert value.value == pytest.approx(reference, abs=3 * value.uncertainty)
        return
    assert value.value == pytest.approx(reference, abs=0.084), "one sampling interval"


@settings(max_examples=40)
@given(
    scale=st.integers(-12, 0).map(lambda power: 10.0**power),
    offset=st.sampled_from([-3.0, -0.5, 0.0, 2.0]),
    sign=st.sampled_from([-1, 1]),
    tau_on=st.floats(0.5, 2.5),
    tau_off=st.floats(0.5, 4.0),
)
def test_exponentials_at_any_scale_offset_and_direction(scale, offset, sign, tau_on, tau_off):
    time, signal, voltage = exponential(tau_on, tau_off)
    rise, fall = found(time, (sign * signal + offset) * scale, voltage)
    # Linear between samples: the curvature over one of them is what may be left.
    assert rise.value == pytest.approx(LN9 * tau_on, abs=STEP / 4)
    assert fall.value == pytest.approx(LN9 * tau_off, abs=STEP / 4)
    assert rise.flags == fall.flags == ()
    assert rise.confidence == fall.confidence == 1.0
    # What is left of the way when the light or the run ends adds to the sampling.
    assert STEP / 6**0.5 <= rise.uncertainty * 1.001 < 2.5 * STEP / 6**0.5
    json.dumps(rise.details, allow_nan=False)


@pytest.mark.parametrize("ratio", [300, 100, 30, 10])
@pytest.mark.parametrize("sign", [1, -1])
def test_noise_makes_neither_time_longer_or_shorter(ratio, sign):
    time, signal, voltage = exponential(3.0, 3.0, dark=60.0, light=60.0, after=60.0)
    random = np.random.default_rng(3)
    both = [
        found(time, 1e-6 + 1e-7 * (sign * signal + random.normal(0, 1 / ratio, len(time))), voltage)
        for _ in range(30)
    ]
    for values in zip(*both, strict=True):
        times = np.array([each.value for each in values])
        known = np.array([each.uncertainty for each in values])
        assert times.mean() == pytest.approx(3 * LN9, rel=0.03 if ratio >= 30 else 0.12)
        assert np.max(np.abs(times - 3 * LN9) / known) < 4
        assert times.std() < known.mean() < 4 * times.std()
        assert known.min() > STEP / 6**0.5


@pytest.mark.parametrize("ratio", [1e9, 100])
def test_what_has_not_settled_is_in_the_uncertainty_and_flagged(ratio):
    time, signal, voltage = exponential(20.0, 20.0, dark=60.0, light=60.0, after=60.0)
    signal = signal + np.random.default_rng(3).normal(0, 1 / ratio, len(time))
    for value in found(time, signal, voltage):
        assert value.value == pytest.approx(20 * LN9, abs=3 * value.uncertainty)
        assert value.uncertainty < 0.2 * value.value
        assert value.flags == ("NOT_SETTLED",)


def test_a_run_of_three_phases_has_them_too():
    time, signal, voltage = exponential()
    assert "It2" in rise_fall.procedures
    assert "It2" in delta_current.procedures
    found_of = rise_fall(
        StagedRun("It2", {"t (s)": time, "I (A)": signal, "VL (V)": voltage}, has_light=True)
    )
    assert found_of["t_rise"].value == pytest.approx(LN9, abs=STEP / 4)


def test_noise_grows_the_uncertainty_until_it_is_flagged():
    time, signal, voltage = exponential(3.0)
    random = np.random.default_rng(3)
    rises = {
        level: [
            found(time, signal + level * random.normal(0, 1, len(time)), voltage)[0]
            for _ in range(10)
        ]
        for level in (0, 0.01, 0.03, 0.12)
    }
    means = [np.mean([rise.uncertainty for rise in each]) for each in rises.values()]
    assert means == sorted(means)
    flagged = {
        level: sum("NOISY_CROSSINGS" in rise.flags for rise in rises[level]) for level in rises
    }
    assert flagged[0] == flagged[0.01] == 0 < flagged[0.12]


def test_noise_alone_is_no_response():
    time, _, voltage = exponential()
    noise = 1e-12 * np.random.default_rng(5).normal(0, 1, len(time))
    with pytest.raises(Undetermined, match="no response above the noise"):
        rise_fall(run_of(time, noise, voltage))


def test_a_constant_current_is_no_response():
    time, signal, voltage = exponential()
    with pytest.raises(Undetermined, match="no response above the noise"):
        rise_fall(run_of(time, np.full_like(signal, -2e-9), voltage))


def test_a_step_is_as_fast_as_the_samples():
    time, _, voltage = exponential()
    rise, fall = found(time, np.where(voltage > 1, 1e-9, 0.0), voltage)
    for value in (rise, fall):
        assert value.value == pytest.approx(0.8 * STEP)
        assert "FEW_SAMPLES_BETWEEN" in value.flags
        assert value.confidence < 1


def test_a_response_that_goes_on_when_the_light_ends_is_flagged():
    rise, _ = found(*exponential(tau_on=15.0))
    assert rise.flags == ("NOT_SETTLED",)


def test_a_fall_that_began_under_the_light_is_clamped():
    time, signal, voltage = exponential()
    # Fifty samples before the light ends it gives way.
    signal = np.interp(time, [0, 10, 12, 24, 30, 40, 70], [0, 0, 1, 1, 0.7, 0, 0])
    _, fall = found(time, signal, voltage)
    assert "FALL_ONSET_CLAMPED" in fall.flags
    assert fall.details["sections"][0]["t_10"] == pytest.approx(30.0, abs=STEP)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_reversal_under_the_light_makes_two_sections(sign):
    time, _, voltage = exponential()
    signal = sign * np.interp(time, [0, 10, 16, 26, 30, 32, 70], [0, 0, 1, 0.2, 0.2, 0, 0])
    rise, _ = found(time, signal, voltage)
    assert rise.flags == ("SIGN_SWITCH",)
    first, second = rise.details["sections"]
    assert rise.value == first["duration"] == pytest.approx(0.8 * 6, abs=2 * STEP)
    assert second["duration"] == pytest.approx(0.8 * 10, abs=2 * STEP)
    assert second["from"] == pytest.approx(sign * 1.0)
    assert second["to"] == pytest.approx(sign * 0.2)


def test_a_reversal_in_the_recovery_makes_two_sections():
    time, _, voltage = exponential()
    signal = np.interp(time, [0, 10, 12, 30, 36, 50, 70], [0, 0, 1, 1, -0.5, 0.3, 0.3])
    _, fall = found(time, signal, voltage)
    assert "SIGN_SWITCH" in fall.flags
    first, second = fall.details["sections"]
    assert first["duration"] == pytest.approx(0.8 * 6, abs=3 * STEP)
    assert second["duration"] == pytest.approx(0.8 * 14, abs=3 * STEP)


def test_a_second_section_that_comes_to_nothing_is_flagged():
    time, _, voltage = exponential()
    signal = np.interp(time, [0, 10, 14, 18, 22, 30, 32, 70], [0, 0, 1, 0.5, 1, 1, 0, 0])
    rise, _ = found(time, signal, voltage)
    assert rise.flags == ("SIGN_SWITCH", "SECTION1_INCOMPLETE")
    assert len(rise.details["sections"]) == 1


def test_hardly_any_way_back_is_no_reversal():
    time, _, voltage = exponential()
    signal = np.interp(time, [0, 10, 15, 30, 32, 70], [0, 0, 1, 0.985, 0, 0])
    rise, _ = found(time, signal, voltage)
    assert rise.flags == ()
    assert len(rise.details["sections"]) == 1


def test_the_longest_of_several_lights_counts_and_the_dark_beside_it():
    one = exponential()
    short = exponential(tau_on=0.3, light=5.0, after=10.0)
    time = np.concatenate([short[0], one[0] + short[0][-1] + STEP])
    signal, voltage = (np.concatenate([short[k], one[k]]) for k in (1, 2))
    rise, fall = found(time, signal, voltage)
    assert rise.value == pytest.approx(LN9, abs=STEP / 4)
    # The same with the short one behind it: the fall ends where that begins.
    time = np.concatenate([one[0], short[0] + one[0][-1] + STEP])
    signal, voltage = (np.concatenate([one[k], short[k]]) for k in (1, 2))
    rise, fall = found(time, signal, voltage)
    assert rise.value == pytest.approx(LN9, abs=STEP / 4)
    assert fall.value == pytest.approx(2 * LN9, abs=STEP / 4)


def test_light_from_the_very_start():
    time, signal, voltage = exponential()
    with pytest.raises(Undetermined, match="no dark before the light"):
        rise_fall(run_of(time[100:], signal[100:], voltage[100:]))


def test_light_to_the_very_end_still_has_a_rise():
    time, signal, voltage = exponential()
    rise, fall = found(time[:300], signal[:300], voltage[:300])
    assert isinstance(rise, Value)
    assert rise.value == pytest.approx(LN9, abs=STEP / 4)
    assert fall.reason == "no dark after the light"


@pytest.mark.parametrize("rows", [1, 5, 9])
def test_few_samples_after_the_light(rows):
    time, signal, voltage = (each[: 300 + rows] for each in exponential())
    rise, fall = found(time, signal, voltage)
    assert isinstance(rise, Value)
    assert fall.reason == "fewer than 10 samples"


def test_few_samples_under_the_light():
    time, signal, voltage = exponential(tau_on=0.1, light=0.5)
    rise, _ = found(time, signal, voltage)
    assert rise.reason == "fewer than 10 samples"


def test_rows_without_a_number_are_left_out():
    time, signal, voltage = exponential()
    signal[::7] = np.nan
    voltage[::11] = np.nan
    rise, fall = found(time, signal, voltage)
    assert rise.value == pytest.approx(LN9, abs=STEP / 2)
    assert fall.value == pytest.approx(2 * LN9, abs=STEP / 2)


def test_a_dark_run_has_none():
    time, signal, voltage = exponential()
    with pytest.raises(NotApplicable, match="dark run"):
        rise_fall(run_of(time, signal, np.zeros_like(voltage)))


def test_a_run_without_the_voltage_of_the_led_has_none():
    time, signal, _ = exponential()
    with pytest.raises(NotApplicable, match="no numbers in 'VL"):
        rise_fall(StagedRun("It", {"t (s)": time, "I (A)": signal}))
