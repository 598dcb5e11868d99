"""``treadle lab metrics``: derived numbers of staged runs, kept in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from treadle.cli import Exit, put
from treadle.lab.cli import options, words
from treadle.lab.cli.options import merged, needed
from treadle.lab.cli.processing import exit_of, point_to_chips, shown, tell

if TYPE_CHECKING:
    from collections.abc import Sequence


METRICS = """\
\b
Examples:
  treadle lab metrics data/out
  treadle lab metrics data/out --only cnp_voltage,t_rise --chips 67,72-75
  treadle lab metrics data/out --chip-file chips.yml --since 2025-09-01
  treadle lab metrics data/out --extractor mine.py
  treadle lab metrics --list

\b
STAGE can be OUT of a pipeline; METRICS is the folder beside it by default.
Run again, it finds what is new: of new runs, new versions of extractors, or
new entries of the chip file. Runs that are not asked for keep what they have.

\b
Exit codes: 0 all went well, 1 some runs or extractors failed, 2 usage,
3 nothing there, 130 interrupted.
"""

Metrics: TypeAlias = Annotated[
    Path | None,
    typer.Argument(metavar="METRICS", help="Folder for the metrics. Default: beside STAGE."),
]
Only: TypeAlias = Annotated[
    str | None,
    typer.Option("--only", metavar="A,B,…", help="Only these metrics. --list names them."),
]
Chips: TypeAlias = Annotated[
    str | None, typer.Option("--chips", metavar="67,72-75", help="Only runs of these chips.")
]
Of: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--procedures", "--procedure", "-p", metavar="A,B,…", help="Only runs of these: IVg,It."
    ),
]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only runs of that day or later.")
]


def metrics(
    stage_root: options.StageRoot = None,
    out: Metrics = None,
    *,
    only: Only = None,
    chips: Chips = None,
    procedures: Of = None,
    since: Since = None,
    chip_file: options.ChipFile = None,
    extractor: options.Extractors = None,
    list_: Annotated[bool, typer.Option("--list", help="Name all metrics, and stop.")] = False,
    force: options.Force = None,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    backend: options.Backend = None,
    start_method: options.StartMethod = None,
    config: options.Config = None,
    progress: options.Progress = None,
    otel: options.Otel = None,
    quiet: options.Quiet = None,
    json: options.Json = False,
) -> int:
    """
    Find derived numbers of staged runs.

    Mobility, photoresponse, relaxation times and the like, of STAGE, which 'treadle lab stage' has
    made; in METRICS, metrics.parquet has a row for each metric of each run.
    """
    from treadle.lab.measuring import metrics as run

    values = merged(metrics, locals())
    if list_:
        put(_list(values.get("extractor", ())))
        return Exit.OK
    root = options.stage_root(needed(values, "stage_root", "STAGE"))
    place = values.pop("out", root.parent / "metrics")
    values["extractors"] = values.pop("extractor", ())
    for name in ("only", "procedures"):
        values[name] = options.words_of(values.get(name))
    report = shown(values, ("metrics",), lambda **arguments: run(root, place, **arguments))
    tell(report, words.of_metrics(report), values, json=json)
    point_to_chips(report, values)
    return exit_of(report.runs, report.errors + len(report.failed))


def _list(further: Sequence[str]) -> str:
    """Name all metrics: a line for each."""
    from treadle.lab.extraction.finding import all_extractors

    rows = [("metric", "unit", "procedures")]
    for each in all_extractors(further):
        of = ",".join(each.procedures)
        rows += [(name, unit or "1", of) for name, unit in each.metrics.items()]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, wide)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"
