"""When a signal passes 10 % and 90 % of its way from one level to another, whatever its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from treadle.lab.extraction import Undetermined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from treadle.lab.extractors.lit import Window

    Numbers = NDArray[np.float64]

FEWEST: Final = 10
"""Samples that a section needs."""

TOO_FEW: Final = "fewer than 10 samples"

LEVELS: Final = (0.1, 0.9)
"""Between them the time is taken: transition duration of IEEE Std 181-2011, 10 % to 90 %."""

_HALF: Final = 0.5  # of the way
_SMOOTH: Final = 0.02  # of the change: noise that does not hide whether 90 % are passed


@dataclass(frozen=True, slots=True)
class Section:
    """
    Rows in which the signal goes one way.

    Attributes:
        window: The rows.
        origin: The level that it comes from.
        aim: The level that it goes to, which may be the lower one.
        doubt: The standard deviation of the aim; most of it, as a rule, because the signal has not
            come to rest there.
    """

    window: Window
    origin: float
    aim: float
    doubt: float = 0.0


class Passage(NamedTuple):
    """
    When a signal passes both levels.

    Attributes:
        times: In s.
        uncertainty: Of the time between them, in s.
        late: The part of it that comes from the level that it goes to, in s.
        samples: How many are in between.
        is_clamped: It was past the first level when it set out.
    """

    times: tuple[float, float]
    uncertainty: float
    late: float
    samples: int
    is_clamped: bool

    @property
    def duration(self) -> float:
        """The time between them, in s."""
        return self.times[1] - self.times[0]


def passage(time: Numbers, signal: Numbers, noise: float, section: Section) -> Passage:
    """
    Return when the signal passes the levels, and how well these times are known.

    Of a time of which only an interval is known, that of sampling, the standard deviation is the
    interval over the root of 12 (GUM 4.3.7). To that comes what other levels would make of the
    times: higher and lower ones by the noise, and by the doubt about the aim.

    Args:
        time: In s, never falling.
        signal: A number for each time.
        noise: The standard deviation of single samples.
        section: Where it goes.

    Raises:
        Undetermined: The section has too few samples or too little change, a level is not reached,
            or both are passed before the first sample.
    """
    window, change = section.window, section.aim - section.origin
    if len(window) < FEWEST:
        raise Undetermined(TOO_FEW)
    if not abs(change) > noise:
        raise Undetermined("no change above the noise")
    course = _course(time, signal, noise, section)
    low, high = course.at(LEVELS[0]), course.at(LEVELS[1])
    if not high > low:
        raise Undetermined("past 90 % at the first sample")
    parts = [course.step(each) / 12**0.5 for each in (low, high)]
    parts += [course.moved(*each) for each in zip(LEVELS, course.noise, strict=True)]
    # Were the aim farther by some part of the way, both levels would be by as much of themselves.
    doubt = section.doubt / abs(change)
    of_low, of_high = (course.moved(level, level * doubt) for level in LEVELS)
    late = abs(of_high - of_low)
    samples = int(np.searchsorted(course.time, high) - np.searchsorted(course.time, low))
    return Passage((low, high), math.hypot(late, *parts), late, samples, course.is_clamped)


class _Course(NamedTuple):
    """
    How far a signal has come on its way: 0 where it sets out, 1 at its aim.

    Attributes:
        time: In s.
        raw: How far, by the samples.
        smooth: ... by moving means, that noise does not hide when it is nearly there.
        noise: Standard deviations of both.
        middle: The row in which it has half of its way behind it.
        arrival: ... all of it, or the most of it.
        is_clamped: It was past the first level when it set out.
    """

    time: Numbers
    raw: Numbers
    smooth: Numbers
    noise: tuple[float, float]
    middle: int
    arrival: int
    is_clamped: bool

    def at(self, level: float) -> float:
        """
        Return when *level* is passed: by raw samples in the first half, by smooth ones later.

        Noise makes it be passed to and fro. The time that the signal has spent short of it is that
        of the passage whatever the noise, as far as the signal is straight there: what comes too
        early stands against what comes too late.
        """
        if level < _HALF:
            done, first, last = self.raw, int(self.is_clamped), self.middle
        else:
            done, last = self.smooth, self.arrival
            first = self.middle - (not done[self.middle - 1] >= level)
        return _spent(self.time[first : last + 1], done[first : last + 1], level)

    def moved(self, level: float, by: float) -> float:
        """Return by how much later a level is passed that is higher by some part of the way."""
        about = max(by, _SMOOTH)  # the times of two levels within the noise tell nothing
        return (self.at(level + about) - self.at(level - about)) / 2 * (by / about)

    def step(self, time: float) -> float:
        """Return the sampling interval around a time."""
        row = min(max(int(np.searchsorted(self.time, time)), 1), self.time.size - 1)
        return float(self.time[row] - self.time[row - 1])


def _course(time: Numbers, signal: Numbers, noise: float, section: Section) -> _Course:
    window, change = section.window, section.aim - section.origin
    # With the sample before the window: the signal may pass a level right at its edge.
    start = max(window.start - 1, 0)
    scatter = noise / abs(change)
    rows = max(1, min(math.ceil((scatter / _SMOOTH) ** 2), len(window) // 5)) | 1
    far = (signal[max(start + 1 - rows, 0) : window.end] - section.origin) / change
    raw = far[-(window.end - start) :]
    smooth = moving_means(np.pad(raw, rows // 2, mode="edge"), rows)
    later = smooth[1:]
    if not (later >= LEVELS[1]).any():
        raise Undetermined("90 % are not reached")
    arrival = 1 + int(np.argmax(later >= 1.0 if (later >= 1.0).any() else later))
    middle = 1 + int(np.argmax(later >= _HALF))
    is_clamped = float(far[: 1 + far.size - raw.size].mean()) >= LEVELS[0]
    noises = (scatter, scatter / rows**0.5)
    return _Course(time[start : window.end], raw, smooth, noises, middle, arrival, is_clamped)


def _spent(time: Numbers, done: Numbers, level: float) -> float:
    """Return *time*[0], and after it all the time with less than *level* done, interpolated."""
    low = np.minimum(done[:-1], done[1:]) - level
    high = np.maximum(done[:-1], done[1:]) - level
    rises = np.where(high > low, high - low, 1.0)
    share = np.clip(np.where(high > low, -low / rises, low < 0), 0.0, 1.0)
    return float(time[0] + share @ np.diff(time))


def moving_means(values: Numbers, rows: int) -> Numbers:
    """
    Return the mean of each so many values that follow one another.

    Args:
        values: At least as many as *rows*.
        rows: How many.
    """
    if rows == 1:
        return values
    sums = np.cumsum(np.concatenate([[0.0], values]))
    means: Numbers = (sums[rows:] - sums[:-rows]) / rows
    return means
