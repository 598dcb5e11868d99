"""Raw files become Parquet files, one for each measurement, and a manifest that lists them all.

source   the raw files: the items
one      what a worker does with one of them
plan     what is to be done
past     what earlier stagings have left
session  the run, and the manifest of all that is staged then
driver   `stage`: all of this, one after the other
report   what became of it
"""

from __future__ import annotations

from treadle.lab.staging.driver import stage
from treadle.lab.staging.report import Reject, StageReport

__all__ = ["Reject", "StageReport", "stage"]
