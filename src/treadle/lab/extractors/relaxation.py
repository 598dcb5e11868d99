"""How fast a current settles in the dark after the light was switched off."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.lit import LED, Window, dark
from treadle.lab.extractors.stretched_exponential import (
    StretchedExponential,
    fit_stretched_exponential,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

SHORTEST: Final = 10.0
"""Seconds. No time of a relaxation is to be had from less: LEDs and amplifiers settle too."""

FEWEST: Final = 50
"""Rows, for the same reason."""

_HIGHLY_STRETCHED: Final = 0.3
"""Of beta: below it a relaxation covers so many decades that one time says little of it."""


class Phase(NamedTuple):
    """
    A part of a run in which the light did not change.

    Attributes:
        fit: What was fitted to it, from its second row on: the light changed during its first.
        start: The time of its first row (s), which is the origin of the fit.
        end: That of its last row.
        step: The usual time between rows.
    """

    fit: StretchedExponential
    start: float
    end: float
    step: float

    @property
    def details(self) -> dict[str, Any]:
        """What a record keeps of it."""
        fit = self.fit
        names = ("base", "amplitude", "tau", "beta", "r_squared", "evaluations", "points")
        return {
            **{name: getattr(fit, name) for name in names},
            "uncertainties": dict(fit.uncertainties),
            "window_s": [self.start, self.end],
        }

    def tau(self) -> Value:
        """
        Return its time (s).

        Raises:
            Undetermined: The data do not tell it.
        """
        return self._value("tau")

    def beta(self) -> Value:
        """
        Return how stretched it is.

        Raises:
            Undetermined: The data do not tell the time, so not this either.
        """
        return self._value("beta")

    def _value(self, name: str) -> Value:
        fit = self.fit
        if not fit.converged:
            raise Undetermined(fit.reason, details=self.details)
        flags = {
            "LOW_R_SQUARED": fit.r_squared < 0.8,
            "HIGHLY_STRETCHED": fit.beta < _HIGHLY_STRETCHED,
            "LONGER_THAN_WINDOW": fit.tau > self.end - self.start,
            "AS_FAST_AS_ROWS": fit.tau < 3 * self.step,
        }
        return Value(
            getattr(fit, name),
            uncertainty=fit.uncertainties[name],
            confidence=_confidence(fit.r_squared),
            flags=tuple(flag for flag, is_so in flags.items() if is_so),
            details=self.details,
        )


@extractor(
    "relaxation",
    version="1",
    metrics={"tau_dark": "s", "beta_dark": ""},
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)")),
    category="photoresponse",
)
def relaxation(run: StagedRun) -> dict[str, Value]:
    """
    Return how fast, and how stretched, the current settles in the dark after the light.

    Of a stretched exponential in the longest dark part that follows a lit one; in the longest of
    all where none does, as in a dark run.
    """
    time, current, voltage = signal_and_light(run, "I (A)")
    parts = dark(voltage)
    if not parts:
        raise NotApplicable("the light was on all the time")
    after_light = [part for part in parts if part.start > 0]
    phase = settled(time, current, max(after_light or parts, key=len))
    return {"tau_dark": phase.tau(), "beta_dark": phase.beta()}


def signal_and_light(run: StagedRun, signal: str) -> tuple[Numbers, Numbers, Numbers]:
    """
    Return times (s), signal and LED voltage (V) of a run, lit or dark.

    Rows without time or signal are left out. Without a voltage the LED was off.

    Args:
        run: The run.
        signal: The column of the signal, by its name with unit.

    Raises:
        NotApplicable: It was lit, and when is not known.
        Undetermined: Its times go back.
    """
    if run.facts.get("has_light") and not run.has(LED):
        raise NotApplicable(f"no numbers in {LED!r}")
    time, values = run.column("t (s)"), run.column(signal)
    voltage = run.column(LED) if run.has(LED) else np.zeros_like(time)
    whole = np.isfinite(time) & np.isfinite(values)
    time, values, voltage = time[whole], values[whole], voltage[whole]
    if bool((np.diff(time) < 0).any()):
        raise Undetermined("time runs backwards")
    return time, values, voltage


def settled(time: Numbers, signal: Numbers, part: Window) -> Phase:
    """
    Fit a stretched exponential to a part of a run in which the light did not change.

    Args:
        time: Those of the run (s), never falling.
        signal: What was measured then.
        part: The part.

    Raises:
        Undetermined: It has fewer than 50 rows, or lasts less than 10 s.
    """
    since, values = time[part.rows], signal[part.rows]
    if len(part) < FEWEST:
        raise Undetermined("fewer than 50 rows without a change of light")
    start, end = float(since[0]), float(since[-1])
    if end - start < SHORTEST:
        raise Undetermined("less than 10 s without a change of light")
    return Phase(fitted(since, values), start, end, float(np.median(np.diff(since))))


def fitted(time: Numbers, signal: Numbers) -> StretchedExponential:
    """
    Fit a stretched exponential from the second row on: the light changed during the first.

    Several metrics ask for the same phases of a run, one after the other: the last few fits are
    kept.

    Args:
        time: In s, never falling. Its first one is the origin of the fit.
        signal: What was measured then.
    """
    return _kept(time.tobytes(), signal.tobytes())


@functools.lru_cache(maxsize=4)
def _kept(time: bytes, signal: bytes) -> StretchedExponential:
    since, values = np.frombuffer(time), np.frombuffer(signal)
    return fit_stretched_exponential(since[1:], values[1:], origin=float(since[0]))


def _confidence(r_squared: float) -> float:
    """Return what scatter about the curve leaves of the trust in it."""
    limits = {0.95: 0.8, 0.9: 0.7, 0.8: 0.5}
    return math.prod(factor for limit, factor in limits.items() if r_squared < limit)
