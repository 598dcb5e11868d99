"""How fast the current settles before, under and after the light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.lab.extraction import Absent, NotApplicable, StagedRun, Value, extractor
from treadle.lab.extractors.lit import LED, Window, dark, lit, lit_signal
from treadle.lab.extractors.relaxation import settled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


@extractor(
    "three_phase",
    version="1",
    metrics={
        "three_phase_tau_pre": "s",
        "three_phase_tau_light": "s",
        "three_phase_tau_post": "s",
    },
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)", LED)),
    category="photoresponse",
)
def three_phase(run: StagedRun) -> dict[str, Value | Absent]:
    """
    Return how fast the current settles in the dark, under the light, and in the dark again.

    Each by a stretched exponential of its own, of the longest light and the dark parts beside it.
    What the data of one phase do not tell says nothing of the others. The dark before the first
    light settles after the voltages were switched on, and that is what its time is of.
    """
    time, current, voltage = lit_signal(run, "I (A)")
    light = max(lit(voltage), key=len)
    before = next((part for part in dark(voltage) if part.end == light.start), None)
    after = next((part for part in dark(voltage) if part.start == light.end), None)
    return {
        "three_phase_tau_pre": _tau(time, current, before),
        "three_phase_tau_light": _tau(time, current, light),
        "three_phase_tau_post": _tau(time, current, after),
    }


def _tau(time: Numbers, current: Numbers, part: Window | None) -> Value | Absent:
    if part is None:
        return NotApplicable("no dark phase on this side of the light")
    try:
        return settled(time, current, part).tau()
    except Absent as why:
        return why
