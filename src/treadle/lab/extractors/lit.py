"""When the light of a run was on: the windows of rows between the edges of its LED's voltage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LED: Final = "VL (V)"
"""The column with the voltage of the LED."""

LASER_ON: Final = 0.1
"""An LED that gets a higher voltage (V) is on: none of the laboratory's shines at less."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    Rows that follow one another.

    Attributes:
        start: The first of them.
        end: The first one after them; always greater than *start*.
    """

    start: int
    end: int

    def __len__(self) -> int:
        """Return how many rows it has."""
        return self.end - self.start

    @property
    def rows(self) -> slice:
        """Its rows, to index a column with."""
        return slice(self.start, self.end)


def lit(voltage: Numbers, threshold: float = LASER_ON) -> list[Window]:
    """
    Return the windows in which the light was on, in the order of measurement.

    Args:
        voltage: That of the LED (V), a number for each row. Where it is NaN the light was off.
        threshold: The light is on above this voltage (V), not at it.
    """
    return _windows(voltage > threshold)


def dark(voltage: Numbers, threshold: float = LASER_ON) -> list[Window]:
    """
    Return the windows in which the light was off: all the rows that :func:`lit` leaves.

    Args:
        voltage: As for :func:`lit`.
        threshold: As for :func:`lit`.
    """
    return _windows(~(voltage > threshold))


def lit_signal(run: StagedRun, signal: str) -> tuple[Numbers, Numbers, Numbers]:
    """
    Return times (s), signal and LED voltage (V) of a lit run, without rows that lack one of them.

    Args:
        run: The run.
        signal: The column of the signal, by its name with unit.

    Raises:
        NotApplicable: It has no such column or none of the LED's voltage, or it is a dark run.
        Undetermined: The light was to go on and never did: the run was stopped before; or its
            times go back.
    """
    if not run.has(LED):
        raise NotApplicable(f"no numbers in {LED!r}")
    time, values, voltage = run.together("t (s)", signal, LED)
    if not lit(voltage):
        if run.facts.get("has_light"):
            raise Undetermined("the light never went on")
        raise NotApplicable("dark run")
    if bool((np.diff(time) < 0).any()):
        raise Undetermined("time runs backwards")
    return time, values, voltage


def _windows(inside: NDArray[np.bool_]) -> list[Window]:
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False)).tolist()
    return [Window(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
