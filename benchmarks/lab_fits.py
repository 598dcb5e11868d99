"""The fit of a stretched exponential beside SciPy's ``curve_fit`` as one writes it, and lmfit.

Curves of 2,000 rows with a known tau, rising and falling, of 1e-12 to 1 A, at a signal-to-noise
ratio of 50. ``telling`` have windows of 3 to 100 times tau, beta from 0.3 to 1. The others are
those on which a fit must not say that it has converged to something else: windows shorter than a
third of tau (``short``), flicker noise of the same size (``flicker``), noise alone (``noise``).

Wrong is what calls itself converged, and is off by more than four of its own standard deviations,
in the logarithm of tau; of noise alone, whatever calls itself converged.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks import harness
from benchmarks.harness import Facts, Options, Result, Target

CASE = "lab_fits"
CURVE_FIT = "curve_fit"
LMFIT = "lmfit"
ROWS = 2_000
SNR = 50.0
WRONG = 4.0  # standard deviations
# Kind: shortest and longest tau, in windows; and what the noise is like.
KINDS = {
    "telling": (0.01, 1 / 3, "white"),
    "short": (3.0, 100.0, "white"),
    "flicker": (0.01, 1 / 3, "flicker"),
    "noise": (math.nan, math.nan, "white"),
}


class Curve(NamedTuple):
    """What is to be fitted, and the answer; NaN where it is noise alone."""

    time: Any
    signal: Any
    tau: float


class Found(NamedTuple):
    """What a fit says of tau."""

    tau: float
    uncertainty: float
    converged: bool


def curves(kind: str, count: int, seed: int = 1854) -> Iterator[Curve]:
    """Return *count* curves, the same ones for everybody."""
    shortest, longest, colour = KINDS[kind]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        window = 10 ** rng.uniform(1, 3.5)
        amplitude = 10 ** rng.uniform(-12, 0) * rng.choice([-1.0, 1.0])
        seconds = np.linspace(0, window, ROWS + 1)[1:]
        share, beta, offset = rng.uniform(0, 1), rng.uniform(0.3, 1.0), rng.uniform(-10, 10)
        noise = rng.normal(size=ROWS) if colour == "white" else _flicker(rng)
        signal = amplitude * (offset + noise / SNR)
        if kind == "noise":
            yield Curve(seconds, signal, math.nan)
            continue
        tau = window * shortest * (longest / shortest) ** share
        yield Curve(seconds, signal + amplitude * np.exp(-((seconds / tau) ** beta)), tau)


def _flicker(rng: np.random.Generator) -> Any:
    frequencies = np.fft.rfftfreq(ROWS)
    frequencies[0] = frequencies[1]
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=ROWS)) / np.sqrt(frequencies), ROWS)
    return noise / noise.std()


# --- the engines ---------------------------------------------------------------------------------


def _treadle() -> Callable[[Curve], Found]:
    module: Any = import_module("treadle.lab.extractors.stretched_exponential")

    def fit(curve: Curve) -> Found:
        found = module.fit_stretched_exponential(curve.time, curve.signal, origin=0.0)
        return Found(found.tau, found.uncertainties["tau"], found.converged)

    return fit


def _model(seconds: Any, base: float, amplitude: float, tau: float, beta: float) -> Any:
    return base + amplitude * np.exp(-((seconds / tau) ** beta))


def _guess(curve: Curve) -> tuple[float, float, float, float]:
    """Return what one reads off the curve: end, height, and the time at which 1/e of it is left."""
    base = float(curve.signal[-ROWS // 5 :].mean())
    amplitude = float(curve.signal[:5].mean()) - base
    near = np.argmin(np.abs(curve.signal - (base + amplitude / math.e)))
    return base, amplitude, float(curve.time[near]), 0.7


def _curve_fit() -> Callable[[Curve], Found]:
    optimize: Any = import_module("scipy.optimize")

    def fit(curve: Curve) -> Found:
        try:
            found, covariance = optimize.curve_fit(
                _model, curve.time, curve.signal, p0=_guess(curve)
            )
        except RuntimeError:
            return Found(math.nan, math.nan, converged=False)
        doubt = math.sqrt(covariance[2, 2])
        return Found(float(found[2]), doubt, math.isfinite(doubt))

    return fit


def _lmfit() -> Callable[[Curve], Found]:
    lmfit: Any = import_module("lmfit")
    model = lmfit.Model(_model)

    def fit(curve: Curve) -> Found:
        names = ("base", "amplitude", "tau", "beta")
        parameters = model.make_params(**dict(zip(names, _guess(curve), strict=True)))
        parameters["tau"].min = 1e-6
        parameters["beta"].set(min=0.01, max=1.0)
        found = model.fit(curve.signal, parameters, seconds=curve.time)
        tau = found.params["tau"]
        told = found.success and tau.stderr is not None
        return Found(tau.value, tau.stderr if told else math.nan, told)

    return fit


_ENGINES = {harness.TREADLE: _treadle, CURVE_FIT: _curve_fit, LMFIT: _lmfit}


# --- measuring -----------------------------------------------------------------------------------


def measure(facts: Facts, *, engine: str, kind: str, count: int) -> None:
    """Fit all curves of a kind."""
    warnings.simplefilter("ignore", RuntimeWarning)  # overflows of those who do not normalise
    fit = _ENGINES[engine]()
    fit(next(curves("telling", 1)))  # the imports
    seconds, errors, wrong, converged = 0.0, [], 0, 0
    for curve in curves(kind, count):
        began = time.process_time()
        found = fit(curve)
        seconds += time.process_time() - began
        if not found.converged:
            continue
        converged += 1
        away = abs(math.log(found.tau / curve.tau)) if found.tau > 0 else math.inf
        errors.append(100 * away)
        # Noise alone has no tau: its `away` is NaN, and so not within anything.
        wrong += not away <= WRONG * found.uncertainty / found.tau
    facts["milliseconds"] = 1_000 * seconds / count
    facts["converged"] = 100 * converged / count
    facts["wrong"] = wrong
    if errors and kind != "noise":
        facts["median"], facts["worst"] = np.quantile(errors, [0.5, 0.95]).tolist()


def run(options: Options) -> Result:
    """Measure all kinds."""
    count = 50 if options.quick else 1_000
    result = Result(CASE, {"curves": count, "rows": ROWS, "snr": SNR})
    engines = [harness.TREADLE, CURVE_FIT]
    if find_spec("lmfit"):
        engines.append(LMFIT)
    else:
        result.notes.append("lmfit: skipped, it is not installed")
    variants = {kind: {"kind": kind, "count": count} for kind in KINDS}
    result.measurements.extend(
        harness.interleave(CASE, engines, variants, rounds=options.rounds or 1, limit=600)
    )
    none = Target(limit=0)
    rows = (
        ("telling", "% off, median", "median", Target(limit=2.0)),
        ("telling", "% off, 95 % are better", "worst", Target()),
        ("telling", "% converged", "converged", Target()),
        ("telling", "ms of processor", "milliseconds", Target()),
        ("telling", "wrong", "wrong", none),
        ("short", "wrong", "wrong", none),
        ("short", "% converged", "converged", Target()),
        ("noise", "wrong", "wrong", none),
        ("flicker", "wrong", "wrong", Target()),
        ("flicker", "% converged", "converged", Target()),
        ("flicker", "% off, median", "median", Target()),
    )
    for kind, unit, fact, target in rows:
        by_engine = harness.values(result.measurements, fact, kind)
        better = "higher" if kind == "telling" and fact == "converged" else "lower"
        harness.add_row(
            result, f"{kind}, {count:,} curves", unit, by_engine, better=better, target=target
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
