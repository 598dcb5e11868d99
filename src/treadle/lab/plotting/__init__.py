"""Curves of staged measurements, as numbers with labels and as figures.

    load ──▶ Staged (a measurement) ──▶ plot_of(…, kind) ──▶ Plot ──▶ figure ──▶ save
               trend(manifest, column), metric_trend ──┘

kinds          which curves a procedure has
staged         measurements read back, with their segments
quantity       what columns hold, in words
words          what a measurement is called in titles and legends
model          the numbers of a plot, whoever draws it
curves         ... of measurements; slopes, relaxing: what is computed for them
trends         ... of metrics over time; photoresponse, hysteresis: over other things
thinning       as many points as a terminal can show
styles         how figures look
drawing        figures by matplotlib, which nothing else here needs
choosing       which runs are meant
catalog        all plots by name
asked          one that is asked for, from its name to its files
batch_file     many of them, in a file; batch: drawn in parallel
"""

from __future__ import annotations

from treadle.lab.extra import check_extra

check_extra()

from treadle.lab.plotting.asked import Asked, drawn, written  # noqa: E402
from treadle.lab.plotting.batch import PlotsReport, plots  # noqa: E402
from treadle.lab.plotting.curves import plot_of  # noqa: E402
from treadle.lab.plotting.drawing import FORMATS, figure, save  # noqa: E402
from treadle.lab.plotting.kinds import KINDS, Kind, kind_named, kinds_of  # noqa: E402
from treadle.lab.plotting.model import Axis, Curve, Plot  # noqa: E402
from treadle.lab.plotting.staged import Staged, load  # noqa: E402
from treadle.lab.plotting.styles import STYLES, Style, style_named  # noqa: E402
from treadle.lab.plotting.thinning import thinned  # noqa: E402
from treadle.lab.plotting.trends import metric_trend, trend  # noqa: E402

__all__ = [
    "FORMATS",
    "KINDS",
    "STYLES",
    "Asked",
    "Axis",
    "Curve",
    "Kind",
    "Plot",
    "PlotsReport",
    "Staged",
    "Style",
    "drawn",
    "figure",
    "kind_named",
    "kinds_of",
    "load",
    "metric_trend",
    "plot_of",
    "plots",
    "save",
    "style_named",
    "thinned",
    "trend",
    "written",
]
