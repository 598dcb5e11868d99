"""How much the current changes under light beyond what it would have done in the dark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors.corrected import baseline, delta_i_corrected
from treadle.lab.extractors.drift import Line
from treadle.lab.extractors.lit import lit

SAMPLES = Path(__file__).parents[1] / "samples"
REFERENCES = {
    each["source_file"]: each
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text())
    if each["metric"] == "delta_i_corrected"
}
PERIODS = {name: 480.0 for name in REFERENCES if "10-23" in name} | {
    name: 240.0 for name in REFERENCES if "Alisson_09_oct" in name or "Alisson_22_sept" in name
}
STEP = 0.0835


def run_of(time, current, voltage, **facts):
    return StagedRun("It", {"t (s)": time, "I (A)": current, "VL (V)": voltage}, **facts)


def lit_run(background, response, *, period=120.0, scale=1.0, noise=0.0, seed=0):
    """Return a run of dark, light and dark, half a period each; the light adds *response*."""
    time = np.arange(0, 1.5 * period, STEP)
    voltage = np.where((time >= period / 2) & (time < period), 3.0, 0.0)
    current = background(time) + np.where(voltage > 0, response, 0.0)
    current += noise * np.random.default_rng(seed).normal(size=time.size)
    return run_of(time, scale * current, voltage)


def found(run):
    return delta_i_corrected(run)["delta_i_corrected"]


def sample(name):
    measurement = lab.read(SAMPLES / name)
    table = measurement.table
    columns = {each: table[each].to_numpy() for each in table.columns}
    return StagedRun(measurement.procedure, columns, has_light=measurement.has_light)


@settings(max_examples=20, deadline=None)
@given(
    response=st.floats(-2, 2).filter(lambda value: abs(value) > 0.1),
    slope=st.floats(-1, 1),
    period=st.sampled_from([60.0, 120.0, 240.0, 480.0]),
    scale=st.sampled_from([1e-12, 1e-9, -1e-6, 1.0]),
    seed=st.integers(0, 1_000),
)
def test_a_straight_drift_is_taken_away(response, slope, period, scale, seed):
    def background(time):
        return 3 + slope * time / period

    value = found(lit_run(background, response, period=period, scale=scale, noise=0.01, seed=seed))
    assert abs(value.value - scale * response) < 6 * value.uncertainty
    assert value.uncertainty < 0.15 * abs(scale)
    assert value.details["light_read_s"][1] == pytest.approx(period, abs=2 * STEP)


@settings(max_examples=10, deadline=None)
@given(tau=st.floats(2, 8), beta=st.floats(0.6, 1), seed=st.integers(0, 1_000))
def test_a_relaxation_is_carried_on(tau, beta, seed):
    def background(time):
        return 3 + np.exp(-((time / tau) ** beta))

    value = found(lit_run(background, 0.5, noise=0.005, seed=seed))
    assert value.details["baseline"]["model"] == "stretched exponential"
    assert abs(value.value - 0.5) < 6 * value.uncertainty
    assert value.uncertainty < 0.1


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_a_relaxation_whose_time_is_not_told_is_carried_on_by_the_best_curve(noise):
    values = [
        found(
            lit_run(
                lambda time: 10 + 2 * np.exp(-((time / 25) ** 0.7)), 1.0, noise=noise, seed=seed
            )
        )
        for seed in range(20)
    ]
    off = np.array([value.value - 1 for value in values])
    pulls = off / [value.uncertainty for value in values]
    assert np.abs(pulls).max() < 5
    assert np.sqrt(np.mean(pulls**2)) < 2
    assert np.sqrt(np.mean(off**2)) < 0.2  # a line is off by 0.6
    for value in values:
        known = value.details["baseline"]
        assert known["model"] == "stretched exponential"
        assert ("UNTOLD_BASELINE" in value.flags) == (not known["converged"])


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_what_is_no_stretched_exponential_is_carried_on_within_its_uncertainty(noise):
    for seed in range(10):
        value = found(lit_run(lambda time: 10 - 0.4 * np.log1p(time), 1.0, noise=noise, seed=seed))
        assert abs(value.value - 1) < 4 * value.uncertainty
        assert value.uncertainty < 0.25
        assert "UNTOLD_BASELINE" in value.flags


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_a_line_that_a_curve_may_stand_for_is_as_uncertain_as_they_differ(noise):
    run = lit_run(lambda time: 3 + 0.02 * time, 0.5, noise=noise)
    voltage = run.column("VL (V)")
    under = baseline(run.column("t (s)"), run.column("I (A)"), lit(voltage)[0])
    assert isinstance(under.curve, Line)
    assert under.other is not None
    change, doubt = under.change(60, 120)
    assert doubt >= abs(under.other.change(60, 120)[0] - change)
    assert abs(change - 1.2) < 4 * doubt
    assert found(run).uncertainty > doubt


def test_what_settles_fast_before_a_straight_drift_does_not_spoil_the_line():
    def background(time):
        return np.exp(-time / 2) + 0.02 * time

    values = [found(lit_run(background, 0.5, noise=0.01, seed=seed)) for seed in range(10)]
    for value in values:
        assert value.details["baseline"]["model"] == "line"
        assert abs(value.value - 0.5) < 5 * value.uncertainty
        assert value.uncertainty < 0.1


def test_without_noise_the_response_is_all_that_is_left():
    value = found(lit_run(lambda time: 1 - 0.001 * time, 0.25))
    assert value.value == pytest.approx(0.25, rel=1e-6)
    assert value.details["measured"] == pytest.approx(0.25 - 0.06, rel=0.01)
    assert value.details["drifted"] == pytest.approx(-0.06, rel=0.01)
    assert value.flags == ()
    assert value.confidence == 1
    assert json.loads(json.dumps(value.details)) == value.details


def test_windows_follow_the_light_and_not_the_clock():
    time = np.arange(0, 300, 0.1)
    voltage = np.where((time >= 35) & (time < 260), 3.0, 0.0)
    value = found(run_of(time, 1 + 0.01 * time + 2 * (voltage > 0), voltage))
    assert value.value == pytest.approx(2, rel=1e-6)
    assert value.details["dark_read_s"][1] == pytest.approx(34.9)
    assert value.details["fit_s"] == pytest.approx([11.7, 34.9], abs=0.1)
    assert value.details["light_read_s"] == pytest.approx([255.5, 259.9], abs=0.1)


def test_no_response_and_large_drifts_are_flagged():
    none = found(lit_run(lambda time: 1 + 0 * time, 0.0, noise=0.01))
    assert {"NO_RESPONSE"} <= set(none.flags) or {"LOW_SNR"} <= set(none.flags)
    assert none.confidence < 1
    assert "DRIFT_COMPARABLE" in found(lit_run(lambda time: 0.01 * time, 0.3, noise=0.01)).flags


@pytest.mark.parametrize(
    ("lit_from", "lit_to", "kind", "reason"),
    [
        (999, 999, NotApplicable, "dark run"),
        (0, 30, Undetermined, "less than 10 s or 50 rows of dark before the light"),
        (8, 30, Undetermined, "less than 10 s or 50 rows of dark before the light"),
    ],
)
def test_without_light_or_dark_there_is_none(lit_from, lit_to, kind, reason):
    time = np.arange(0, 60, 0.1)
    voltage = np.where((time >= lit_from) & (time < lit_to), 3.0, 0.0)
    with pytest.raises(kind, match=reason):
        found(run_of(time, np.sin(time), voltage))


# --- the samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - set(PERIODS)))
def test_samples_of_120_s_agree_with_the_references_within_both_ways_to_extrapolate(name):
    # There the earlier program's constant times are the edges. It extrapolates a curve whose
    # solver did not move; between that and a line lies at most what the dark phase drifts.
    value, reference = found(sample(name)), REFERENCES[name]["value"]
    doubt = 3 * value.uncertainty + abs(value.details["drifted"])
    assert abs(value.value - reference) < doubt


@pytest.mark.parametrize("name", sorted(PERIODS))
def test_samples_of_other_periods_are_read_where_the_light_is(name):
    # The earlier program reads at 60 s and 120 s, before the light of these runs goes on.
    run = sample(name)
    time, current = run.column("t (s)"), run.column("I (A)")
    details = found(run).details
    assert details["light_read_s"][1] == pytest.approx(PERIODS[name], abs=0.2)
    assert details["dark_read_s"][1] == pytest.approx(PERIODS[name] / 2, abs=0.2)
    read = [np.abs(time - second).argmin() for second in (PERIODS[name] / 2, PERIODS[name])]
    assert details["measured"] == pytest.approx(current[read[1]] - current[read[0]], rel=0.2)
    assert (run.column("VL (V)")[time < 120] == 0).all()
