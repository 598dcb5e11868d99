"""What the IV sweeps of a stage root add up to: fits, means, resistance, hysteresis.

fits        least squares of powers of the voltage, and which points of a run go into them
statistics  means of many runs at each voltage
hysteresis  forward against return
peaks       where a hysteresis is largest
grouping    which runs belong together: the same chip, day and range
averaging   all of that for the runs of a group
one         what a worker does with one group
tables      what comes out, as tables
files       ... and as CSV files
listing     what became of each run
driver      all groups, and the tables at the end
report      what became of it
"""

from __future__ import annotations

from treadle.lab.analysing.driver import iv
from treadle.lab.analysing.report import IvReport
from treadle.lab.analysing.tables import read_iv

__all__ = ["IvReport", "iv", "read_iv"]
