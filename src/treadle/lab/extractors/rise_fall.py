"""How fast the current answers the light: from 10 % to 90 % of its change, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from treadle.lab.extraction import Absent, StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.lit import LED, Window, dark, lit, lit_signal
from treadle.lab.extractors.noise import noise
from treadle.lab.extractors.passage import (
    FEWEST,
    TOO_FEW,
    Passage,
    Section,
    moving_means,
    passage,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_HIDDEN: Final = 6.0
"""A change by less than so many standard deviations of the noise could be noise alone."""
_ROUNDED: Final = 16  # last digits of a double: a mean of equal samples may be off by some
_NEGLIGIBLE: Final = 0.1  # of the change under light: a recovery by less tells nothing of its time
_SMOOTHED: Final = 5  # samples in the moving average that is looked at for reversals
_IN_A_ROW: Final = 15  # differences of the opposite sign that make one
_LEAST_TURN: Final = 0.02  # of the change: less is rounding, or the end of the response
_VAGUE: Final = 0.25  # of a time: its uncertainty should be less
_FEW: Final = 3  # samples between the levels: fewer, and the time is that of the sampling
_NOT_SETTLED: Final = 0.1  # of a time: where the signal still goes must not move it by more
_SEEN: Final = 3.0  # standard deviations: a drift by less may be noise
_QUIET: Final = 0.002  # of the change: noise that lets a single sample be the extremum
_SURE: Final = 0.005  # of the change: noise of an extremum that is a mean
_PENALTIES: Final = {
    "RISE_ONSET_CLAMPED": 0.7,
    "FALL_ONSET_CLAMPED": 0.7,
    "SIGN_SWITCH": 0.7,
    "SECTION1_INCOMPLETE": 1.0,
    "NOT_SETTLED": 0.7,
    "NOISY_CROSSINGS": 0.5,
    "FEW_SAMPLES_BETWEEN": 0.7,
}
"""By how much the confidence falls with each flag."""


@dataclass(frozen=True, slots=True)
class Response:
    """
    What the signal did under one light.

    Attributes:
        time: In s.
        signal: A number for each time.
        light: The rows with the light on.
        after: The dark rows after it; None: the run ends with the light.
        base: The level that the signal had come to before the light.
        extremum: The level farthest from *base* that it had under the light.
        doubt: The standard deviation of *extremum*.
        noise: Of single samples, as a standard deviation.
    """

    time: Numbers
    signal: Numbers
    light: Window
    after: Window | None
    base: float
    extremum: float
    doubt: float
    noise: float

    @property
    def span(self) -> float:
        """How far the light moves the signal."""
        return abs(self.extremum - self.base)


@extractor(
    "rise_fall",
    version="1",
    metrics={"t_rise": "s", "t_fall": "s"},
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)", LED)),
    category="photoresponse",
)
def rise_fall(run: StagedRun) -> dict[str, Value | Absent]:
    """Return in which times the current answers the longest light of a run, and recovers."""
    response = response_of(*lit_signal(run, "I (A)"))
    return {"t_rise": _or_why(t_rise, response), "t_fall": _or_why(t_fall, response)}


def response_of(time: Numbers, signal: Numbers, voltage: Numbers) -> Response:
    """
    Return what a signal does under the longest light.

    Args:
        time: In s, never falling.
        signal: A number for each time.
        voltage: That of the LED (V), also for each time; above its threshold at least once.

    Raises:
        Undetermined: There is no dark before that light; or the signal changes by less than six
            standard deviations of its noise, which noise alone can do.
    """
    light = max(lit(voltage), key=len)
    beside = {edge: window for window in dark(voltage) for edge in (window.start, window.end)}
    before = beside.get(light.start)
    if before is None:
        raise Undetermined("no dark before the light")
    base = _tail(signal, before)
    under = signal[light.rows]
    scatter = noise(under)
    extremum, doubt = _farthest(under, base, scatter)
    after = beside.get(light.end)
    response = Response(time, signal, light, after, base, extremum, doubt, scatter)
    rounding = _ROUNDED * float(np.spacing(max(abs(base), abs(extremum))))
    if response.span <= max(_HIDDEN * response.noise, rounding):
        raise Undetermined(
            "no response above the noise",
            details={"change": extremum - base, "noise": response.noise},
        )
    return response


def t_rise(response: Response) -> Value:
    """
    Return the time from 10 % to 90 % of the way from the dark level to the extremum under light.

    Raises:
        Undetermined: There are fewer than ten samples, or the way is done before the first.
    """
    light, base, signal = response.light, response.base, response.signal
    turn = _reversal(response, light)
    if turn is None:
        # Where it comes back from the extremum, that is all the same the level it has reached.
        onward = _drift(signal, light) * math.copysign(1, response.extremum - base)
        doubt = math.hypot(response.doubt, max(onward, _drift_by_noise(response, light)))
        sections = [Section(light, base, response.extremum, doubt)]
    else:
        out = Window(light.start, turn + 1)
        turned, doubt = _farthest(signal[out.rows], base, response.noise)
        sections = [
            Section(out, base, turned, doubt),
            _to_the_end(response, Window(turn, light.end), turned),
        ]
    return _timed(response, sections, "RISE_ONSET_CLAMPED")


def t_fall(response: Response) -> Value:
    """
    Return the time from 10 % to 90 % of the way from that extremum to the level of the dark after.

    Raises:
        Undetermined: There is no dark after the light; there are fewer than ten samples in it; the
            signal recovers by less than a tenth of its change, or before the first sample.
    """
    light, after, signal = response.light, response.after, response.signal
    if after is None:
        raise Undetermined("no dark after the light")
    if len(after) < FEWEST:
        raise Undetermined(TOO_FEW)
    recovery = abs(_tail(signal, after) - response.extremum) / response.span
    if recovery < _NEGLIGIBLE:
        raise Undetermined("negligible recovery", details={"recovery": recovery})
    turn = _reversal(response, after)
    if turn is None:
        sections = [_to_the_end(response, after, response.extremum)]
    else:
        origin = float(signal[max(light.start, light.end - _SMOOTHED) : light.end].mean())
        turned = float(signal[turn - _SMOOTHED // 2 : turn + _SMOOTHED // 2 + 1].mean())
        sections = [
            Section(Window(after.start, turn + 1), origin, turned, response.noise / _SMOOTHED**0.5),
            _to_the_end(response, Window(turn, after.end), turned),
        ]
    return _timed(response, sections, "FALL_ONSET_CLAMPED")


def _or_why(measure: Callable[[Response], Value], response: Response) -> Value | Absent:
    try:
        return measure(response)
    except Absent as why:
        return why


def _tail(signal: Numbers, window: Window) -> float:
    """Return the mean of the last fifth of a window: the level that the signal has come to."""
    return float(signal[window.end - max(1, len(window) // 5) : window.end].mean())


def _drift(signal: Numbers, window: Window) -> float:
    """Return by how much the signal still changes in the last fifth of a window."""
    half = max(1, len(window) // 10)
    earlier, later = signal[window.end - 2 * half : window.end].reshape(2, half).mean(axis=1)
    return 2 * float(later - earlier)


def _drift_by_noise(response: Response, window: Window) -> float:
    """Return the standard deviation that noise alone gives to :func:`_drift`."""
    half = max(1, len(window) // 10)
    return float(2 * response.noise * (2 / half) ** 0.5)


def _to_the_end(response: Response, window: Window, origin: float) -> Section:
    """Return the section that goes to the level at the end of its window."""
    scatter = response.noise / max(1, len(window) // 5) ** 0.5
    drift = max(abs(_drift(response.signal, window)), _drift_by_noise(response, window))
    aim = _tail(response.signal, window)
    return Section(window, origin, aim, math.hypot(scatter, drift))


def _farthest(signal: Numbers, base: float, scatter: float) -> tuple[float, float]:
    """
    Return the level of a signal that is farthest from *base*, and its standard deviation.

    In quiet signals it is a sample. The farthest of many noisy ones would be too far: it is chosen
    for its noise. So the place is found with every other sample, the level there is the mean of
    those in between, whose noise has not chosen it; then the other way round.
    """
    away = signal - base
    far = float(away[np.argmax(np.abs(away))])
    if scatter <= _QUIET * abs(far) or away.size < FEWEST:
        return base + far, _SEEN * scatter
    wanted = math.ceil((scatter / (_SURE * far)) ** 2 / 2)
    rows = max(1, min(wanted, away.size // 10))
    pairs = away.size // 2
    halves = [moving_means(away[first : 2 * pairs : 2], rows) for first in (0, 1)]
    levels = [halves[1 - each][np.argmax(np.abs(halves[each]))] for each in (0, 1)]
    return base + float(np.mean(levels)), scatter / (2 * rows) ** 0.5


def _reversal(response: Response, window: Window) -> int | None:
    """
    Return the row at which the signal turns round in a window; None where it goes one way.

    It sets out as its first differences say, and has turned where they have the opposite sign so
    many times in a row. It must have gone far enough, both ways, to be more than noise or rounding.
    """
    means = np.convolve(response.signal[window.rows], np.full(_SMOOTHED, 1 / _SMOOTHED), "valid")
    if len(means) <= 2 * _IN_A_ROW:
        return None
    way = means * np.sign(means[_IN_A_ROW] - means[0])
    is_back = np.convolve(np.diff(way) < 0, np.ones(_IN_A_ROW), "valid") >= _IN_A_ROW
    if not is_back.any():
        return None
    turn = int(np.argmax(way[: int(np.argmax(is_back)) + 1]))
    least = max(_LEAST_TURN * response.span, 3 * response.noise)
    if min(way[turn] - way[0], way[turn] - way[turn:].min()) < least:
        return None
    return window.start + turn + _SMOOTHED // 2


def _timed(response: Response, sections: list[Section], clamped: str) -> Value:
    """Return the time of the first section, and in the details also that of the second."""
    first = passage(response.time, response.signal, response.noise, sections[0])
    shown = [_shown(sections[0], first)]
    flags = [clamped] if first.is_clamped else []
    if first.uncertainty > _VAGUE * first.duration:
        flags.append("NOISY_CROSSINGS")
    if first.samples < _FEW:
        flags.append("FEW_SAMPLES_BETWEEN")
    last = first
    for section in sections[1:]:
        flags.append("SIGN_SWITCH")
        try:
            last = passage(response.time, response.signal, response.noise, section)
            shown.append(_shown(section, last))
        except Undetermined:
            flags.append("SECTION1_INCOMPLETE")
    if _is_moving(response, sections[-1]) and last.late > _NOT_SETTLED * last.duration:
        flags.append("NOT_SETTLED")
    return Value(
        first.duration,
        first.uncertainty,
        confidence=math.prod((_PENALTIES[flag] for flag in flags), start=1.0),
        flags=tuple(flags),
        details={"noise": response.noise, "sections": shown},
    )


def _is_moving(response: Response, section: Section) -> bool:
    """Tell whether the signal is seen to go on at the end of a section: more than noise can do."""
    drift = abs(_drift(response.signal, section.window))
    return drift > _SEEN * _drift_by_noise(response, section.window)


def _shown(section: Section, found: Passage) -> dict[str, Any]:
    return {
        "from": section.origin,
        "to": section.aim,
        "t_10": found.times[0],
        "t_90": found.times[1],
        "duration": found.duration,
        "samples_between": found.samples,
    }
