"""How fast the current settles in the dark after the light."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import lab
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined
from treadle.lab.extractors import relaxation as module
from treadle.lab.extractors.corrected import delta_i_corrected
from treadle.lab.extractors.relaxation import relaxation
from treadle.lab.extractors.stretched_exponential import fit_stretched_exponential
from treadle.lab.extractors.three_phase import three_phase

SAMPLES = Path(__file__).parents[1] / "samples"
REFERENCES = {
    each["source_file"]: each["value"]
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text())
    if each["metric"] == "tau_dark"
}

LARGE = "Alisson_12_sept/It2025-09-12_2.csv"
"""Its current changes by 9 microamperes, and the earlier program's solver did move."""


def run_of(time, current, voltage=None, **facts):
    columns = {"t (s)": time, "I (A)": current}
    return StagedRun("It", columns if voltage is None else {**columns, "VL (V)": voltage}, **facts)


def lit_run(tau=6.0, beta=0.7, *, scale=1e-6, seed=0, period=120.0, rising=False):
    """Return a run of three phases of half a period, and after the light a known relaxation."""
    time = np.arange(0, 1.5 * period, 0.0835)
    off = int(np.searchsorted(time, period))
    voltage = np.where((time >= period / 2) & (time < period), 3.0, 0.0)
    after = np.exp(-((np.maximum(time - time[off], 0) / tau) ** beta))
    current = np.where(voltage > 0, 1.0, np.where(time < period / 2, 0.0, after))
    current += np.random.default_rng(seed).normal(size=time.size) / 200
    return run_of(time, scale * (5 - current if rising else 5 + current), voltage)


def from_sample(name):
    measurement = lab.read(SAMPLES / name)
    table = measurement.table
    columns = {each: table[each].to_numpy() for each in table.columns}
    return StagedRun(measurement.procedure, columns, has_light=measurement.has_light)


def after_light(run):
    """Return time and current of the longest dark part after the light, as an array of each."""
    time, current, voltage = (run.column(each) for each in ("t (s)", "I (A)", "VL (V)"))
    last = np.flatnonzero(voltage > 0.1)[-1] + 1
    return time[last:], current[last:]


@settings(max_examples=15, deadline=None)
@given(
    tau=st.floats(1, 10),
    beta=st.floats(0.5, 1),
    scale=st.floats(-12, 0).map(lambda power: 10**power),
    rising=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_time_and_exponent_are_found_at_any_scale(tau, beta, scale, rising, seed):
    found = relaxation(lit_run(tau, beta, scale=scale, seed=seed, rising=rising))
    for value, true in ((found["tau_dark"], tau), (found["beta_dark"], beta)):
        assert abs(value.value - true) < 5 * value.uncertainty
        assert value.uncertainty < 0.2 * true
    assert found["tau_dark"].confidence > 0.5


def test_a_record_keeps_the_fit():
    value = relaxation(lit_run())["tau_dark"]
    assert value.flags == ()
    assert value.details["tau"] == value.value
    assert value.details["uncertainties"]["tau"] == value.uncertainty
    start, end = value.details["window_s"]
    assert start == pytest.approx(120, abs=0.1)
    assert end == pytest.approx(180, abs=0.1)
    assert json.loads(json.dumps(value.details)) == value.details


def test_each_phase_is_fitted_once_for_all_metrics_of_a_run(monkeypatch):
    fitted = []

    def fit(time, signal, **options):
        fitted.append(time[0])
        return fit_stretched_exponential(time, signal, **options)

    monkeypatch.setattr(module, "fit_stretched_exponential", fit)
    run = lit_run(scale=1.2345e-7, seed=77)
    for each in (delta_i_corrected, relaxation, three_phase):
        each(run)
    assert sorted(fitted) == pytest.approx([0, 60, 120], abs=0.2)


@pytest.mark.parametrize("voltage", [None, 0.0, np.nan, 0.1])
def test_in_a_dark_run_it_is_that_of_all_of_it(voltage):
    time = np.arange(0, 60, 0.0835)
    current = 1e-9 * (2 - np.exp(-((time / 4) ** 0.8)))
    light = None if voltage is None else np.full(time.size, voltage)
    value = relaxation(run_of(time, current, light))["tau_dark"]
    assert value.value == pytest.approx(4, rel=1e-3)
    assert value.details["window_s"] == [0.0, float(time[-1])]


def test_the_longest_dark_part_after_a_light_counts():
    time = np.arange(0, 200, 0.1)
    voltage = np.where(((time >= 90) & (time < 100)) | ((time >= 130) & (time < 140)), 3.0, 0.0)
    since = np.maximum(time - 140, 0)
    current = np.where(time < 140, 1.0, np.exp(-since / 5))
    value = relaxation(run_of(time, current, voltage))["tau_dark"]
    assert value.details["window_s"][0] == pytest.approx(140)
    assert value.value == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize(
    ("rows", "step", "lit_until", "kind", "reason"),
    [
        (700, 0.1, 700, NotApplicable, "the light was on all the time"),
        (700, 0.1, 660, Undetermined, "fewer than 50 rows without a change of light"),
        (700, 0.01, 600, Undetermined, "less than 10 s without a change of light"),
        (0, 0.1, 0, NotApplicable, "the light was on all the time"),
    ],
)
def test_without_enough_dark_there_is_none(rows, step, lit_until, kind, reason):
    time = np.arange(rows) * step
    voltage = np.where(np.arange(rows) < lit_until, 3.0, 0.0)
    with pytest.raises(kind, match=reason):
        relaxation(run_of(time, np.ones(rows), voltage))


def test_a_constant_current_and_times_that_go_back_tell_nothing():
    time = np.arange(0, 60, 0.1)
    with pytest.raises(Undetermined, match="the signal does not change"):
        relaxation(run_of(time, np.full(time.size, 1e-9)))
    with pytest.raises(Undetermined, match="time runs backwards"):
        relaxation(run_of(time[::-1], time))


def test_a_lit_run_without_the_voltage_of_its_light_is_left_alone():
    time = np.arange(0, 60, 0.1)
    with pytest.raises(NotApplicable, match="no numbers in 'VL"):
        relaxation(run_of(time, np.exp(-time), has_light=True))


# --- the samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - {LARGE}))
def test_the_references_are_the_first_guess_of_their_solver(name):
    # Its tolerances are absolute: where currents change by some microamperes it is content at once.
    time, current = (each[1:] for each in after_light(from_sample(name)))
    base = current[-max(1, current.size // 5) :].mean()
    amplitude = current.max() - base
    guess = time[np.argmin(np.abs(current - (base + amplitude / np.e)))] - time[0]
    assert REFERENCES[name] == pytest.approx(guess, abs=0.2)


def test_where_the_current_changes_enough_the_reference_is_within_the_uncertainty():
    with pytest.raises(Undetermined) as why:
        relaxation(from_sample(LARGE))
    details = why.value.details
    assert abs(REFERENCES[LARGE] - details["tau"]) < details["uncertainties"]["tau"]


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_the_samples_do_not_tell_a_time(name):
    """A stretched exponential fits, and its time is that of the window: it grows with it."""
    run = from_sample(name)
    with pytest.raises(Undetermined) as why:
        relaxation(run)
    assert why.value.details["r_squared"] > 0.85
    time, current = after_light(run)
    half = time.size // 2
    of_half = fit_stretched_exponential(time[1:half], current[1:half], origin=time[0])
    assert why.value.details["tau"] != pytest.approx(of_half.tau, rel=0.25)
