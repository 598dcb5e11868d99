"""The fit of a stretched exponential: right at any scale, and silent where the data are."""

from __future__ import annotations

import math
import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle.lab.extractors.averaging import in_log_time, in_time, resemblance
from treadle.lab.extractors.searching import LARGEST_UNCERTAINTY
from treadle.lab.extractors.stretched_exponential import fit_stretched_exponential

UNTOLD = {"the data do not tell tau", "no minimum within the range of tau and beta"}
SCALES = st.floats(-12, 0).map(lambda power: 10**power)
SEEDS = st.integers(0, 2**32 - 1)


def decay(time, tau, beta):
    return np.exp(-((time / tau) ** beta))


def noisy(seed, rows=2_000, *, tau, beta, window=1.0, snr=50.0, amplitude=1.0, base=0.0):
    """Return a relaxation that began one row before its first one."""
    time = np.linspace(0, window, rows + 1)[1:]
    noise = np.random.default_rng(seed).normal(size=rows) * abs(amplitude) / snr
    return time, base + amplitude * decay(time, tau, beta) + noise


def off_by(fit, tau):
    """Return how far log(tau) is off, and how many of its standard deviations that is."""
    away = abs(math.log(fit.tau / tau))
    return away, away / (fit.uncertainties["tau"] / fit.tau)


# --- it finds what is there ----------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    scale=SCALES,
    offset=st.floats(-10, 10),
    rising=st.booleans(),
    tau=st.floats(0.01, 0.2),
    beta=st.floats(0.35, 1.0),
    window=st.floats(10, 7_200),
)
def test_without_noise_all_four_are_found_at_any_scale(scale, offset, rising, tau, beta, window):
    amplitude, tau = scale * (-1 if rising else 1), tau * window
    time = np.linspace(0, window, 2_001)
    fit = fit_stretched_exponential(time, scale * offset + amplitude * decay(time, tau, beta))
    assert fit.converged, fit.reason
    assert fit.tau == pytest.approx(tau, rel=2e-3)
    assert fit.beta == pytest.approx(beta, rel=2e-3)
    assert fit.amplitude == pytest.approx(amplitude, rel=5e-3)
    assert fit.base == pytest.approx(scale * offset, abs=5e-3 * scale)
    assert fit.r_squared > 0.999999


@settings(max_examples=25, deadline=None)
@given(
    seed=SEEDS, scale=SCALES, rising=st.booleans(), tau=st.floats(0.02, 0.2), beta=st.floats(0.5, 1)
)
def test_with_noise_tau_is_as_far_off_as_its_uncertainty_says(seed, scale, rising, tau, beta):
    amplitude = scale * (-1 if rising else 1)
    curve = noisy(seed, tau=tau, beta=beta, amplitude=amplitude, base=3 * scale)
    fit = fit_stretched_exponential(*curve, origin=0.0)
    assert fit.converged, fit.reason
    assert off_by(fit, tau)[1] < 5
    for name, true in {"base": 3 * scale, "amplitude": amplitude, "beta": beta}.items():
        assert abs(getattr(fit, name) - true) < 5 * fit.uncertainties[name]


def test_of_many_noisy_curves_the_median_is_within_two_percent():
    rng = np.random.default_rng(8)
    taus, betas = np.exp(rng.uniform(np.log(0.01), np.log(0.3), 100)), rng.uniform(0.3, 1, 100)
    away = []
    for seed, (tau, beta) in enumerate(zip(taus, betas, strict=True)):
        curve = noisy(seed, tau=tau, beta=beta, amplitude=1e-9)
        fit = fit_stretched_exponential(*curve, origin=0.0)
        away += [off_by(fit, tau)[0]] if fit.converged else []
    assert len(away) >= 95
    assert np.median(away) < 0.02


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, factor=SCALES, shift=st.floats(-1e3, 1e3), faster=st.floats(1e-3, 1e3))
def test_units_and_offsets_do_not_change_the_shape(seed, factor, shift, faster):
    time, signal = noisy(seed, tau=0.1, beta=0.6)
    first = fit_stretched_exponential(time, signal, origin=0.0)
    other = fit_stretched_exponential(time * faster + shift, (signal + 2) * -factor, origin=shift)
    assert other.converged == first.converged
    assert other.tau == pytest.approx(first.tau * faster, rel=1e-4)
    assert other.beta == pytest.approx(first.beta, rel=1e-4)
    assert other.amplitude == pytest.approx(-first.amplitude * factor, rel=1e-4)
    assert other.uncertainties["tau"] == pytest.approx(
        first.uncertainties["tau"] * faster, rel=1e-3
    )


def test_an_exponential_is_found_though_beta_ends_at_one():
    found = [
        fit_stretched_exponential(*noisy(seed, tau=0.15, beta=1.0), origin=0.0)
        for seed in range(10)
    ]
    assert all(fit.converged for fit in found)
    assert np.mean([fit.beta for fit in found]) == pytest.approx(1, abs=0.02)


def test_the_order_of_rows_and_missing_ones_do_not_matter():
    time, signal = noisy(5, tau=0.1, beta=0.6)
    first = fit_stretched_exponential(time, signal, origin=0.0)
    order = np.random.default_rng(0).permutation(time.size)
    holes = np.r_[time[order], np.nan, 0.5, -3.0], np.r_[signal[order], 1.0, np.inf, 1.0]
    assert fit_stretched_exponential(*holes, origin=0.0) == first


def test_the_origin_is_the_first_time_unless_it_is_known():
    time = np.linspace(100, 160, 700)
    signal = 1e-9 * decay(time - 100, 7.0, 0.5)
    assert fit_stretched_exponential(time, signal).tau == pytest.approx(7, rel=1e-3)
    late = fit_stretched_exponential(time[20:], signal[20:], origin=100.0)
    assert late.tau == pytest.approx(7, rel=1e-3)
    assert late.origin == 100


# --- it says so where the data do not tell it ----------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=SEEDS,
    log_tau=st.floats(-7, 7),
    beta=st.floats(0.3, 1),
    snr=st.sampled_from([3.0, 10.0, 50.0, 500.0]),
    rows=st.sampled_from([40, 150, 2_000]),
)
def test_converged_is_never_wrong(seed, log_tau, beta, snr, rows):
    tau = math.exp(log_tau)
    fit = fit_stretched_exponential(*noisy(seed, rows, tau=tau, beta=beta, snr=snr), origin=0.0)
    if fit.converged:
        away, sigmas = off_by(fit, tau)
        assert fit.uncertainties["tau"] <= LARGEST_UNCERTAINTY * fit.tau * (1 + 1e-9)
        assert sigmas < 6
        assert away < 1
    else:
        assert fit.reason


@pytest.mark.parametrize("tau", [3.0, 10.0, 100.0])
@pytest.mark.parametrize("beta", [0.5, 0.8, 1.0])
def test_a_window_shorter_than_a_third_of_tau_does_not_tell_it(tau, beta):
    for seed in range(5):
        fit = fit_stretched_exponential(*noisy(seed, tau=tau, beta=beta), origin=0.0)
        assert not fit.converged
        assert fit.reason in UNTOLD


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("memory", ["none", "walk"])
def test_noise_alone_is_no_relaxation(seed, memory):
    noise = np.random.default_rng(seed).normal(size=2_000)
    signal = np.cumsum(noise) if memory == "walk" else noise
    assert not fit_stretched_exponential(np.arange(2_000.0), 1e-9 * signal).converged


def test_a_straight_drift_is_no_relaxation():
    time = np.linspace(0, 60, 700)
    noise = np.random.default_rng(3).normal(size=700)
    assert not fit_stretched_exponential(time, 1e-6 + 1e-9 * time + 1e-9 * noise).converged


@pytest.mark.parametrize("snr", [50.0, 200.0, 1e9])
@pytest.mark.parametrize("window", [30.0, 60.0, 120.0, 240.0])
def test_a_logarithmic_decay_has_no_time_that_grows_with_the_window(window, snr):
    time = np.linspace(0, window, 1_500)
    law = np.log1p(time)
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=time.size) * np.ptp(law) / snr
        fit = fit_stretched_exponential(time, 1e-7 * (law + noise))
        assert not fit.converged
        assert fit.reason in {*UNTOLD, "a logarithm of time fits as well"}


def test_what_the_beginning_of_the_window_contradicts_has_no_time():
    time = np.arange(0, 60, 0.083)
    fits = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(size=time.size) / 200
        fits.append(fit_stretched_exponential(time, (1 + time) ** -1.5 + noise))
    assert {fit.reason for fit in fits} == {"the beginning of the window tells another tau"}


def test_two_exponentials_are_no_stretched_one():
    time = np.arange(0, 60, 0.083)
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(size=time.size) / 50
        assert not fit_stretched_exponential(
            time, decay(time, 1, 1) + decay(time, 20, 1) + noise
        ).converged


@pytest.mark.parametrize(("seed", "rows"), [(182, 60), (226, 60), (297, 723), (149, 723)])
def test_of_noise_it_does_not_warn(seed, rows):
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=723), np.cumsum(rng.normal(size=723)), rng.normal(size=723)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for signal in signals:
            assert not fit_stretched_exponential(np.arange(rows) * 0.083, signal[:rows]).converged


def test_a_compressed_exponential_is_no_stretched_one():
    fit = fit_stretched_exponential(*noisy(1, tau=0.3, beta=1.4, snr=200.0), origin=0.0)
    assert fit.reason == "it ends faster than an exponential"


def test_flicker_noise_makes_the_uncertainty_larger():
    rng = np.random.default_rng(11)
    time = np.linspace(0, 60, 2_001)[1:]
    frequencies = np.fft.rfftfreq(time.size)
    frequencies[0] = frequencies[1]
    flicker = np.fft.irfft(np.fft.rfft(rng.normal(size=time.size)) / np.sqrt(frequencies))
    clean = decay(time, 3.0, 0.8)
    white = fit_stretched_exponential(time, clean + rng.normal(size=time.size) / 100, origin=0.0)
    pink = fit_stretched_exponential(time, clean + flicker / flicker.std() / 100, origin=0.0)
    assert pink.uncertainties["tau"] > 3 * white.uncertainties["tau"]


@pytest.mark.parametrize(
    ("time", "signal", "reason"),
    [
        ([], [], "fewer than 10 points"),
        ([1.0], [1.0], "fewer than 10 points"),
        (np.zeros(50), np.arange(50.0), "fewer than 10 points"),
        (np.arange(50.0), np.full(50, np.nan), "fewer than 10 points"),
        (np.arange(50.0), np.full(50, 4.2e-9), "the signal does not change"),
        (np.arange(50.0), np.zeros(50), "the signal does not change"),
    ],
)
def test_without_data_it_says_so(time, signal, reason):
    fit = fit_stretched_exponential(time, signal)
    assert not fit.converged
    assert fit.reason == reason
    assert math.isnan(fit.tau)
    assert np.isnan(fit.at([1.0])).all()


@pytest.mark.parametrize(
    "signal",
    [
        np.repeat([0.0, 1.0], 40),
        np.r_[1.0, np.zeros(79)],
        np.r_[np.zeros(79), 1.0],
        np.tile([0.0, 1.0], 40),
        np.r_[9.9e37, np.linspace(1, 2, 79)],
        1e-300 * np.arange(80.0),
    ],
)
def test_odd_signals_are_survived(signal):
    fit = fit_stretched_exponential(np.arange(80.0), signal)
    assert not fit.converged
    assert fit.reason


def test_ten_points_are_enough_where_there_is_no_noise():
    time = np.geomspace(0.1, 100, 10)
    fit = fit_stretched_exponential(time, 5 - 2 * decay(time, 4.0, 0.7), origin=0.0)
    assert fit.tau == pytest.approx(4, rel=1e-3)
    assert fit.converged


def test_columns_of_different_length_are_refused():
    with pytest.raises(treadle.UsageError, match=r"shape \(3,\)"):
        fit_stretched_exponential([1, 2, 3], [1, 2])
    with pytest.raises(treadle.UsageError, match="points=3"):
        fit_stretched_exponential([1, 2], [1, 2], points=3)


# --- what is returned ----------------------------------------------------------------------------


def test_the_curve_can_be_drawn_and_carried_on():
    time, signal = noisy(2, tau=0.1, beta=0.7, amplitude=-2.0, base=1.0)
    fit = fit_stretched_exponential(time, signal, origin=0.0)
    assert np.std(signal - fit.at(time)) == pytest.approx(2 / 50, rel=0.05)
    assert fit.at(0.0) == pytest.approx(fit.base + fit.amplitude)
    assert fit.at(-1.0) == pytest.approx(fit.base + fit.amplitude)
    assert fit.at(1e9) == pytest.approx(fit.base)
    changes, doubts = zip(*(fit.change(1.0, end) for end in (1.0, 2.0, 4.0)), strict=True)
    assert changes == pytest.approx([float(fit.at(end) - fit.at(1.0)) for end in (1.0, 2.0, 4.0)])
    assert doubts[0] == 0 < doubts[1] < doubts[2]
    with pytest.raises(FrozenInstanceError):
        fit.tau = 3.0


def test_the_uncertainty_of_a_change_is_how_far_it_is_off():
    pulls = []
    for seed in range(60):
        fit = fit_stretched_exponential(*noisy(seed, tau=0.3, beta=0.8), origin=0.0)
        change, doubt = fit.change(1.0, 2.0)
        pulls.append((change - np.diff(decay(np.array([1.0, 2.0]), 0.3, 0.8))[0]) / doubt)
    assert 0.4 < np.std(pulls) < 1.3


# --- averages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("tau", [0.01, 0.1])
def test_averages_do_not_bias_tau(tau, beta):
    time = np.linspace(0, 1, 4_001)  # from the origin on, where the curve is steepest
    signal = decay(time, tau, beta)
    few = fit_stretched_exponential(time, signal)
    every = fit_stretched_exponential(time, signal, points=time.size)
    assert few.points <= 400 < every.points
    assert few.tau == pytest.approx(every.tau, rel=2e-4)
    assert few.tau == pytest.approx(tau, rel=2e-4)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 3_000), most=st.integers(10, 500), start=st.floats(0, 5))
def test_averages_keep_every_row(rows, most, start):
    time = start + np.arange(rows) * 0.1
    signal = np.sin(time)
    for averaged in (in_log_time, in_time):
        times, means, counts = averaged(time, signal, most)
        assert times.size <= max(most, 1)
        assert counts.sum() == rows
        assert (np.diff(times) > 0).all()
        assert float(counts @ means) == pytest.approx(float(signal.sum()), abs=1e-9 * rows)


def test_neighbours_that_resemble_each_other_count_less():
    rng = np.random.default_rng(0)
    white = rng.normal(size=400)
    assert 1 <= resemblance(white, 4) < 3
    assert resemblance(np.cumsum(white), 4) > 30
    assert resemblance(np.zeros(400), 4) == 1
    assert resemblance(white[:5], 4) == 1
