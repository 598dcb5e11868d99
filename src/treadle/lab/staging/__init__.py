"""Raw files become Parquet files, one for each measurement, and a manifest that lists them all.

source   the raw files: the items
one      what a worker does with one of them
known    what earlier stagings have recorded
driver   all of them: what is new, changed, gone or lost, and the manifest at the end
report   what became of it
"""

from __future__ import annotations

from treadle.lab.staging.driver import stage
from treadle.lab.staging.report import Reject, StageReport

__all__ = ["Reject", "StageReport", "stage"]
