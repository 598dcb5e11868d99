"""How fast the current settles before, under and after the light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.lab.extraction import Absent, NotApplicable, StagedRun, Undetermined, Value
from treadle.lab.extractors.relaxation import relaxation
from treadle.lab.extractors.three_phase import three_phase

PHASES = ("pre", "light", "post")


def run_of(taus, *, lengths=(60.0, 60.0, 60.0), scale=1e-9, seed=0, procedure="It"):
    """Return a run whose phases relax with these times; None: a phase that does not."""
    rng = np.random.default_rng(seed)
    time = np.arange(0, sum(lengths), 0.0835)
    edges = np.searchsorted(time, np.cumsum(lengths))
    current = np.empty(time.size)
    starts = [0, *edges[:-1]]
    for tau, start, end in zip(taus, starts, edges, strict=True):
        since = time[start:end] - time[start] if end > start else time[:0]
        current[start:end] = 0 if tau is None else np.exp(-((since / tau) ** 0.8))
    current += rng.normal(size=time.size) / 200
    voltage = np.zeros(time.size)
    voltage[edges[0] : edges[1]] = 3.0
    columns = {"t (s)": time, "I (A)": scale * (3 - current), "VL (V)": voltage}
    return StagedRun(procedure, columns)


def found(run):
    both = three_phase(run)
    return [both[f"three_phase_tau_{phase}"] for phase in PHASES]


@settings(max_examples=10, deadline=None)
@given(
    taus=st.tuples(*[st.floats(1, 10)] * 3),
    scale=st.sampled_from([1e-12, -1e-9, 1e-3, 1.0]),
    seed=st.integers(0, 99),
)
def test_each_phase_has_its_own_time(taus, scale, seed):
    for value, tau in zip(found(run_of(taus, scale=scale, seed=seed)), taus, strict=True):
        assert abs(value.value - tau) < 5 * value.uncertainty
        assert value.uncertainty < 0.2 * tau


def test_phases_of_different_length_are_those_of_the_light():
    values = found(run_of((2.0, 4.0, 3.0), lengths=(20.0, 90.0, 45.0), procedure="It2"))
    spans = [value.details["window_s"] for value in values]
    assert np.ravel(spans) == pytest.approx([0, 20, 20, 110, 110, 155], abs=0.1)


def test_what_one_phase_does_not_tell_says_nothing_of_the_others():
    pre, light, post = found(run_of((None, 5.0, 5.0)))
    assert isinstance(pre, Undetermined)
    assert isinstance(light, Value)
    assert isinstance(post, Value)


def test_a_phase_that_is_missing_or_short_has_no_time():
    pre, light, post = found(run_of((None, 5.0, 5.0), lengths=(0.0, 60.0, 5.0)))
    assert isinstance(pre, NotApplicable)
    assert pre.reason == "no dark phase on this side of the light"
    assert isinstance(light, Value)
    assert isinstance(post, Undetermined)
    assert post.reason == "less than 10 s without a change of light"


def test_after_the_light_it_is_the_time_of_the_dark():
    run = run_of((None, 5.0, 3.0))
    assert found(run)[2].value == relaxation(run)["tau_dark"].value


def test_a_dark_run_has_no_phases():
    with pytest.raises(Absent, match="dark run"):
        found(run_of((2.0, 2.0, 2.0), lengths=(60.0, 0.0, 60.0)))
