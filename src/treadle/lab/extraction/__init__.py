"""How a derived number is found of staged runs, whichever number it is.

model       what is found: a value, or why there is none
staged_run  what an extractor is given
extractor   the decorator
units       whether a unit is one
finding     which extractors there are: ours, those of packages, those of a file
"""

from __future__ import annotations

from treadle.lab.extraction.extractor import CATEGORIES, Extractor, extractor
from treadle.lab.extraction.model import (
    STATUSES,
    Absent,
    NoConfiguration,
    NotApplicable,
    Undetermined,
    Value,
)
from treadle.lab.extraction.staged_run import StagedRun

__all__ = [
    "CATEGORIES",
    "STATUSES",
    "Absent",
    "Extractor",
    "NoConfiguration",
    "NotApplicable",
    "StagedRun",
    "Undetermined",
    "Value",
    "extractor",
]
