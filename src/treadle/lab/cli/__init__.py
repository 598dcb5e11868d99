"""The command ``treadle lab``, which Treadle finds through the entry point ``treadle.commands``.

options     what was typed and what a file sets, put together
processing  stage, segment, pipeline, compact, expand
metrics     metrics
iv          iv
looking     manifest, rejects
history     history
plot        plot, plots
report      report
schema      schema check, show, infer
words       what is said of a report
command     what they have in common
"""

from __future__ import annotations

import typer

from treadle.lab.cli import history, iv, looking, metrics, plot, processing, report, schema
from treadle.lab.cli.command import Command

app = typer.Typer(
    name="lab",
    help="Instrument files to Parquet, segments, metrics, plots and reports.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _function, _name, _epilog in (
    (processing.pipeline, "pipeline", processing.PIPELINE),
    (processing.stage, "stage", processing.STAGE),
    (processing.segment, "segment", processing.SEGMENT),
    (metrics.metrics, "metrics", metrics.METRICS),
    (iv.iv, "iv", iv.IV),
    (history.history, "history", history.HISTORY),
    (plot.plot, "plot", plot.PLOT),
    (plot.plots, "plots", plot.PLOTS),
    (report.report, "report", report.REPORT),
    (looking.manifest, "manifest", looking.MANIFEST),
    (looking.rejects, "rejects", looking.REJECTS),
    (processing.compact, "compact", processing.COMPACT),
    (processing.expand, "expand", processing.EXPAND),
):
    app.command(_name, cls=Command, epilog=_epilog)(_function)
app.add_typer(schema.app, name="schema")
