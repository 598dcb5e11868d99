"""The sweeps of a stage root, cut into segments: one file for each measurement, whole or absent.

one     what a worker does with one measurement
driver  all of them, and the two lists at the end
report  what became of it
"""

from __future__ import annotations

from treadle.lab.segmenting.driver import check, segment
from treadle.lab.segmenting.report import SegmentReport

__all__ = ["SegmentReport", "check", "segment"]
