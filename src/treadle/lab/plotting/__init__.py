"""Curves of staged measurements, as numbers with labels and as figures.

    load ──▶ Staged (a measurement) ──▶ plot_of(…, kind) ──▶ Plot ──▶ figure ──▶ save
                                        trend(manifest, column) ──┘

kinds    which curves a procedure has
staged   measurements read back, with their segments
scales   units with readable prefixes
words    what a measurement is called in titles and legends
curves   the numbers of a plot, whoever draws it
thinning as many of them as a terminal can show
drawing  figures by matplotlib, which nothing else here needs
"""

from __future__ import annotations

from treadle.lab.extra import check_extra

check_extra()

from treadle.lab.plotting.curves import Axis, Curve, Plot, plot_of, trend  # noqa: E402
from treadle.lab.plotting.drawing import FORMATS, figure, save  # noqa: E402
from treadle.lab.plotting.kinds import KINDS, Kind, kind_named, kinds_of  # noqa: E402
from treadle.lab.plotting.staged import Staged, load  # noqa: E402
from treadle.lab.plotting.thinning import thinned  # noqa: E402

__all__ = [
    "FORMATS",
    "KINDS",
    "Axis",
    "Curve",
    "Kind",
    "Plot",
    "Staged",
    "figure",
    "kind_named",
    "kinds_of",
    "load",
    "plot_of",
    "save",
    "thinned",
    "trend",
]
