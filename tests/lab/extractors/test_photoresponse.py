"""How much current and voltage change under light."""

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
from treadle.lab.extractors.photoresponse import delta_current, delta_voltage

SAMPLES = Path(__file__).parents[1] / "samples"
REFERENCES = {
    each["source_file"]: each["value"]
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text())
    if each["metric"] == "delta_current"
}
NAN = float("nan")


def voltage_of(*windows):
    """LED voltages of windows: (rows, is on)."""
    return np.concatenate([np.full(rows, 3.0 if is_on else 0.0) for rows, is_on in windows])


STANDARD = voltage_of((60, False), (60, True), (60, False))


def current_run(signal, voltage=STANDARD, **facts):
    columns = {"t (s)": np.arange(len(signal)) * 0.1, "I (A)": signal, "VL (V)": voltage}
    return StagedRun("It", columns, **facts)


def ramp(voltage, delta):
    """A signal that goes by *delta* from the first to the last row of each light."""
    signal = np.zeros(len(voltage))
    edges = np.flatnonzero(np.diff(voltage > 1, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        signal[start:end] = np.linspace(0, delta, end - start)
    return signal


def found(extractor, run):
    (value,) = extractor(run).values()
    return value


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_samples_agree_exactly_with_the_references(name):
    measured = lab.read(SAMPLES / name)
    columns = {each: measured.table[each].to_numpy() for each in measured.table.columns}
    value = found(delta_current, StagedRun(measured.procedure, columns))
    assert value.value == REFERENCES[name]
    assert 0 < value.uncertainty < abs(value.value)
    assert len(value.details["cycles"]) == 1


def test_a_drifting_sample_is_told_from_a_steady_one():
    flags = {}
    for name in ("Alisson_15_sept/It2025-09-15_3.csv", "Alisson_12_sept/It2025-09-12_2.csv"):
        table = lab.read(SAMPLES / name).table
        columns = {each: table[each].to_numpy() for each in table.columns}
        flags[name] = found(delta_current, StagedRun("It", columns)).flags
    assert list(flags.values()) == [("DRIFT_COMPARABLE",), ()]


@settings(max_examples=40)
@given(
    scale=st.integers(-12, 0).map(lambda power: 10.0**power),
    offset=st.floats(-50, 50),
    sign=st.sampled_from([-1, 1]),
    cycles=st.integers(1, 4),
)
def test_known_changes_at_any_scale_offset_and_direction(scale, offset, sign, cycles):
    voltage = voltage_of((30, False), *[(20, True), (30, False)] * cycles)
    value = found(delta_current, current_run((ramp(voltage, sign) + offset) * scale, voltage))
    assert value.value == pytest.approx(sign * scale, rel=1e-9)
    assert value.flags == ()
    assert value.confidence == 1.0
    assert len(value.details["cycles"]) == cycles
    json.dumps(value.details, allow_nan=False)


@pytest.mark.parametrize("level", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("seed", range(8))  # of a few samples noise is known to a half only
def test_the_uncertainty_is_that_of_two_noisy_samples(seed, level):
    noise = np.random.default_rng(seed).normal(0, level, len(STANDARD))
    value = found(delta_current, current_run(1e-6 * (5 + ramp(STANDARD, 1) + noise)))
    assert value.uncertainty == pytest.approx(2**0.5 * level * 1e-6, rel=0.6)
    assert abs(value.value - 1e-6) < 6 * value.uncertainty


def test_of_several_cycles_it_is_the_mean_with_its_standard_error():
    voltage = voltage_of((30, False), (20, True), (30, False), (20, True), (30, False))
    signal = ramp(voltage, 1.0)
    signal[80:100] *= 2
    value = found(delta_current, current_run(signal * 1e-9, voltage))
    assert value.value == pytest.approx(1.5e-9)
    assert value.details["cycles"] == pytest.approx([1e-9, 2e-9])
    assert value.uncertainty == pytest.approx(np.std([1e-9, 2e-9], ddof=1) / 2**0.5)
    assert value.flags == ("INCONSISTENT_CYCLES",)


def test_noise_alone_is_no_response():
    noise = np.random.default_rng(7).normal(0, 1, 180)
    noise[[60, 119]] = 0.0, 0.5
    assert "NO_RESPONSE" in found(delta_current, current_run(noise)).flags
    noise[[60, 119]] = 0.0, 2.5
    assert "LOW_SNR" in found(delta_current, current_run(noise)).flags


def test_a_constant_current_is_no_response():
    value = found(delta_current, current_run(np.full(180, -1e-9)))
    assert (value.value, value.uncertainty) == (0.0, 0.0)
    assert value.flags == ("NO_RESPONSE",)


def test_drift_as_large_as_the_change_is_flagged():
    value = found(delta_current, current_run(np.linspace(0, 3, 180)))
    assert value.flags == ("DRIFT_COMPARABLE",)
    assert value.details["drift_under_light"] == pytest.approx(value.value)


def test_the_ratio_is_of_lit_to_dark():
    signal = np.where(STANDARD > 1, 3e-9, 2e-9)
    assert found(delta_current, current_run(signal)).details["response_ratio"] == pytest.approx(0.5)
    assert found(delta_current, current_run(signal - 2e-9)).details["response_ratio"] is None


@pytest.mark.parametrize("windows", [((40, True), (20, False)), ((20, False), (40, True))], ids=str)
def test_light_at_the_very_start_or_end(windows):
    voltage = voltage_of(*windows)
    value = found(delta_current, current_run(ramp(voltage, 2.0), voltage))
    assert value.value == pytest.approx(2.0)


def test_rows_without_a_number_are_left_out():
    signal = ramp(STANDARD, 1.0)
    voltage = STANDARD.copy()
    signal[[3, 60, 119]] = NAN, NAN, math.inf
    voltage[[70, 170]] = NAN
    value = found(delta_current, current_run(signal, voltage))
    assert value.value == pytest.approx(1 - 2 / 59)
    assert len(value.details["cycles"]) == 1


def test_voltage_of_a_vt_run():
    columns = {"t (s)": np.arange(180) * 0.1, "VDS (V)": ramp(STANDARD, -0.02), "VL (V)": STANDARD}
    value = found(delta_voltage, StagedRun("Vt", columns))
    assert value.value == pytest.approx(-0.02)
    assert delta_voltage.metrics == {"delta_voltage": "V"}


@pytest.mark.parametrize(
    ("voltage", "reason"),
    [
        (voltage_of((100, True)), "fewer than 5 samples in the dark"),
        (voltage_of((100, True), (4, False)), "fewer than 5 samples in the dark"),
        (voltage_of((100, False), (4, True)), "fewer than 5 samples with the light on"),
    ],
    ids=["always lit", "hardly dark", "hardly lit"],
)
def test_too_little_light_or_dark_is_undetermined(voltage, reason):
    with pytest.raises(Undetermined, match=reason):
        delta_current(current_run(np.ones(len(voltage)), voltage))


def test_a_dark_run_has_none():
    with pytest.raises(NotApplicable, match="dark run"):
        delta_current(current_run(np.ones(50), np.zeros(50)))


def test_an_empty_run_has_none():
    with pytest.raises(NotApplicable):
        delta_current(current_run(np.array([]), np.array([])))
