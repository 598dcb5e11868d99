"""The metrics that come with Treadle: a module for each family of extractors.

charge_neutrality, mobility, sweep_difference  gate sweeps
photoresponse, rise_fall, corrected            what light does
relaxation, three_phase, drift                 how currents settle
resistance                                     current-voltage sweeps
calibration                                    the power of a laser

legs, lit                                     the parts of a sweep, of a run with a laser
noise, passage, averaging                     what is not signal; when a level is passed; bins
vertex                                        the lowest point of a noisy curve
stretched_exponential, searching, projection  the fit of a relaxation
"""

from __future__ import annotations

from typing import Final

from treadle.lab.extraction import Extractor
from treadle.lab.extractors import (
    calibration,
    charge_neutrality,
    corrected,
    drift,
    mobility,
    photoresponse,
    relaxation,
    resistance,
    rise_fall,
    sweep_difference,
    three_phase,
)

_MODULES = (
    charge_neutrality,
    mobility,
    resistance,
    photoresponse,
    corrected,
    rise_fall,
    relaxation,
    three_phase,
    drift,
    sweep_difference,
    calibration,
)

BUILT_IN: Final[tuple[Extractor, ...]] = tuple(
    each for module in _MODULES for each in vars(module).values() if isinstance(each, Extractor)
)
"""All of them, in the order in which histories show their metrics."""
