"""How fast the current answers the light: from 10 % to 90 % of its change, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from treadle.lab.extraction import Absent, StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.lit import LED, Window, dark, lit, lit_signal
from treadle.lab.extractors.noise import noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 10
"""Samples that a section needs."""

_TOO_FEW: Final = "fewer than 10 samples"

LEVELS: Final = (0.1, 0.9)
"""Between them the time is taken: transition duration of IEEE Std 181-2011, 10 % to 90 %."""

_HIDDEN: Final = 6.0
"""A change by less than so many standard deviations of the noise could be noise alone."""
_ROUNDED: Final = 16  # last digits of a double: a mean of equal samples may be off by some
_NEGLIGIBLE: Final = 0.1  # of the change under light: a recovery by less tells nothing of its time
_SMOOTHED: Final = 5  # samples in the moving average that is looked at for reversals
_IN_A_ROW: Final = 15  # differences of the opposite sign that make one
_LEAST_TURN: Final = 0.02  # of the change: less is rounding, or the end of the response
_VAGUE: Final = 0.25  # of a time: its uncertainty should be less
_FEW: Final = 3  # samples between the levels: fewer, and the time is that of the sampling
_NOT_SETTLED: Final = 0.1  # of the change, in the last fifth
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
        extremum: The lit sample that is farthest from *base*.
        noise: Of single samples, as a standard deviation.
    """

    time: Numbers
    signal: Numbers
    light: Window
    after: Window | None
    base: float
    extremum: float
    noise: float

    @property
    def span(self) -> float:
        """How far the light moves the signal."""
        return abs(self.extremum - self.base)


@dataclass(frozen=True, slots=True)
class Section:
    """
    Rows in which the signal goes one way.

    Attributes:
        window: The rows.
        origin: The level that it comes from.
        aim: The level that it goes to, which may be the lower one.
    """

    window: Window
    origin: float
    aim: float


@extractor(
    "rise_fall",
    version="1",
    metrics={"t_rise": "s", "t_fall": "s"},
    procedures=dict.fromkeys(("It", "ITt"), ("t (s)", "I (A)", LED)),
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
    extremum = float(under[np.argmax(np.abs(under - base))])
    response = Response(time, signal, light, beside.get(light.end), base, extremum, noise(under))
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
    light, base = response.light, response.base
    turn = _reversal(response, light)
    if turn is None:
        sections = [Section(light, base, response.extremum)]
    else:
        under = response.signal[light.start : turn + 1]
        turned = float(under[np.argmax(np.abs(under - base))])
        back = Window(turn, light.end)
        sections = [
            Section(Window(light.start, turn + 1), base, turned),
            Section(back, turned, _tail(response.signal, back)),
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
        raise Undetermined(_TOO_FEW)
    aim = _tail(signal, after)
    recovery = abs(aim - response.extremum) / response.span
    if recovery < _NEGLIGIBLE:
        raise Undetermined("negligible recovery", details={"recovery": recovery})
    turn = _reversal(response, after)
    if turn is None:
        sections = [Section(after, response.extremum, aim)]
    else:
        origin = float(signal[max(light.start, light.end - _SMOOTHED) : light.end].mean())
        turned = float(signal[turn - _SMOOTHED // 2 : turn + _SMOOTHED // 2 + 1].mean())
        back = Window(turn, after.end)
        sections = [
            Section(Window(after.start, turn + 1), origin, turned),
            Section(back, turned, _tail(signal, back)),
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
    passage = _passage(response, sections[0])
    shown = [_shown(sections[0], passage)]
    flags = [clamped] if passage.is_clamped else []
    if passage.uncertainty > _VAGUE * passage.duration:
        flags.append("NOISY_CROSSINGS")
    if passage.samples < _FEW:
        flags.append("FEW_SAMPLES_BETWEEN")
    if _is_moving(response.signal, sections[-1]):
        flags.append("NOT_SETTLED")
    for section in sections[1:]:
        flags.append("SIGN_SWITCH")
        try:
            shown.append(_shown(section, _passage(response, section)))
        except Undetermined:
            flags.append("SECTION1_INCOMPLETE")
    return Value(
        passage.duration,
        passage.uncertainty,
        confidence=math.prod((_PENALTIES[flag] for flag in flags), start=1.0),
        flags=tuple(flags),
        details={"noise": response.noise, "sections": shown},
    )


class _Passage(NamedTuple):
    """When a signal passes both levels: times (s), how sure they are, samples in between."""

    times: tuple[float, float]
    uncertainty: float
    samples: int
    is_clamped: bool

    @property
    def duration(self) -> float:
        return self.times[1] - self.times[0]


def _passage(response: Response, section: Section) -> _Passage:
    window, time = section.window, response.time
    if len(window) < FEWEST:
        raise Undetermined(_TOO_FEW)
    if not abs(section.aim - section.origin) > response.noise:
        raise Undetermined("no change above the noise")
    # With the sample before the window: the signal may pass a level right at its edge.
    start = max(window.start - 1, 0)
    done = (response.signal[start : window.end] - section.origin) / (section.aim - section.origin)
    low, high = (_crossing(time[start : window.end], done, level) for level in LEVELS)
    if not high.time > low.time:
        raise Undetermined("past 90 % at the first sample")
    uncertainty = math.hypot(low.uncertainty, high.uncertainty)
    return _Passage((low.time, high.time), uncertainty, high.row - low.row, low.is_clamped)


class _Crossing(NamedTuple):
    """When (s) and with which row a signal first passes a level."""

    time: float
    uncertainty: float
    row: int
    is_clamped: bool


def _crossing(time: Numbers, done: Numbers, level: float) -> _Crossing:
    """
    Return when *done* first passes *level*; interpolated, from the second sample on.

    Its uncertainty is that of a time of which only an interval is known (GUM 4.3.7: its width over
    the root of 12): one interval of sampling, and that from the first to the last time that the
    level is passed before the aim is reached, for with noise it is passed many times.
    """
    is_past = done >= level
    if not is_past[1:].any():
        raise Undetermined("90 % are not reached")
    row = 1 + int(np.argmax(is_past[1:]))
    reached = row + int(np.argmax(done[row:] >= 1.0 if (done[row:] >= 1.0).any() else done[row:]))
    below = np.flatnonzero(~is_past[row:reached])
    last = row + int(below[-1]) + 1 if below.size else row
    step = float(time[row] - time[row - 1])
    is_clamped = bool(is_past[row - 1])
    share = 1.0 if is_clamped else (level - done[row - 1]) / (done[row] - done[row - 1])
    uncertainty = math.hypot(step, float(time[last] - time[row])) / 12**0.5
    return _Crossing(float(time[row - 1]) + float(share) * step, uncertainty, row, is_clamped)


def _shown(section: Section, passage: _Passage) -> dict[str, Any]:
    return {
        "from": section.origin,
        "to": section.aim,
        "t_10": passage.times[0],
        "t_90": passage.times[1],
        "duration": passage.duration,
        "samples_between": passage.samples,
    }


def _is_moving(signal: Numbers, section: Section) -> bool:
    """Tell whether the signal still changes by more than a tenth in the last fifth of a section."""
    half = max(1, len(section.window) // 10)
    end = section.window.end
    earlier, later = signal[end - 2 * half : end - half], signal[end - half : end]
    change = 2 * abs(float(later.mean() - earlier.mean()))
    return change > _NOT_SETTLED * abs(section.aim - section.origin)
