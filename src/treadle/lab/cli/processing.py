"""The commands that make files: ``stage``, ``segment``, ``pipeline``, ``compact``, ``expand``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import treadle
from treadle.cli import Exit, displayed, hint, put, say, terminate_like_ctrl_c, width
from treadle.lab.cli import options, words
from treadle.lab.cli.options import merged, needed

if TYPE_CHECKING:
    from treadle.lab.measuring import MetricsReport
    from treadle.lab.staging import StageReport

_EXITS = """\

\b
Run again, it does what is new or changed, and what a crash has left. Options
can stand in treadle.toml, in [lab] or in the section of the command.

\b
Exit codes: 0 all went well, 1 some were rejected, 2 usage, 3 nothing there,
130 interrupted.
"""

PIPELINE = """\
\b
Examples:
  treadle lab pipeline data/raw data/out
  treadle lab pipeline data/raw data/out --exclude '*_metadata.csv' -w 6
  treadle lab pipeline data/raw data/out --dry-run
  treadle lab pipeline --config lab.toml
""" + _EXITS  # fmt: skip

STAGE = """\
\b
Examples:
  treadle lab stage data/raw data/stage
  treadle lab stage data/raw data/stage --schema procedures.yml --strict
  treadle lab stage data/raw data/stage --dry-run
  treadle lab stage data/raw data/stage --layout mine.py:Layout
""" + _EXITS  # fmt: skip

SEGMENT = """\
\b
Examples:
  treadle lab segment data/stage data/segments
  treadle lab segment data/stage data/segments -p IV --method classic
""" + _EXITS  # fmt: skip

COMPACT = """\
\b
Examples:
  treadle lab compact data/stage
  treadle lab compact data/stage -p IVg

\b
One file per procedure and date in STAGE/_compact, beside the single ones, for
scans that read many runs. Run again, it does the dates that have changed.

\b
Exit codes: 0 done, 2 usage.
"""

EXPAND = """\
\b
Examples:
  treadle lab expand data/stage

\b
Makes the single files that are missing from the compact ones.

\b
Exit codes: 0 done, 2 usage.
"""

_SHOWS = {"quiet", "progress", "otel"}
_Report = TypeVar("_Report")


def stage(
    raw_root: options.RawRoot = None,
    stage_root: options.StageRoot = None,
    *,
    schema: options.SchemaFile = None,
    layout: options.Layouts = None,
    local_tz: options.LocalTz = None,
    exclude: options.Exclude = None,
    limit: options.Limit = None,
    force: options.Force = None,
    strict: options.Strict = None,
    only_schema_columns: options.OnlySchemaColumns = None,
    prune: options.Prune = None,
    dry_run: options.DryRun = None,
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
    Turn raw files into typed Parquet.

    Each measurement of RAW becomes one file in STAGE, and a manifest lists them all.
    """
    from treadle.lab.staging import stage as run

    values = merged(stage, locals())
    raw, root = needed(values, "raw_root", "RAW"), needed(values, "stage_root", "STAGE")
    values["layouts"] = values.pop("layout", ())
    report = shown(values, ("stage",), lambda **arguments: run(raw, root, **arguments))
    tell(report, words.of_stage(report), values, json=json)
    _point_on(report, root, values)
    return exit_of(report.files, report.rejected)


def segment(
    stage_root: options.StageRoot = None,
    out: options.Out = None,
    *,
    method: options.Method = None,
    schema: options.SchemaFile = None,
    procedure: options.Procedures = None,
    dv_threshold: options.DvThreshold = None,
    min_points: options.MinPoints = None,
    limit: options.Limit = None,
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
    Cut staged sweeps into segments.

    STAGE is what 'treadle lab stage' has made; OUT gets one file for each sweep, and lists.
    """
    from treadle.lab.segmenting import segment as run

    values = merged(segment, locals())
    root, place = needed(values, "stage_root", "STAGE"), needed(values, "out", "OUT")
    values["procedures"] = options.words_of(values.pop("procedure", ()))
    report = shown(values, ("segment",), lambda **arguments: run(root, place, **arguments))
    tell(report, words.of_segment(report), values, json=json)
    return exit_of(report.runs, report.rejected)


def pipeline(
    raw_root: options.RawRoot = None,
    out: options.Out = None,
    *,
    schema: options.SchemaFile = None,
    layout: options.Layouts = None,
    local_tz: options.LocalTz = None,
    exclude: options.Exclude = None,
    limit: options.Limit = None,
    force: options.Force = None,
    strict: options.Strict = None,
    only_schema_columns: options.OnlySchemaColumns = None,
    prune: options.Prune = None,
    dry_run: options.DryRun = None,
    method: options.Method = None,
    procedure: options.Procedures = None,
    dv_threshold: options.DvThreshold = None,
    min_points: options.MinPoints = None,
    chip_file: options.ChipFile = None,
    extractor: options.Extractors = None,
    until: options.Until = None,
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
    Raw files to metrics and histories, in one go.

    RAW is staged into OUT/stage; then come OUT/segment, OUT/metrics, OUT/iv and OUT/history, on the
    same workers.
    """
    from treadle.lab.pipelining import STEPS
    from treadle.lab.pipelining import pipeline as run

    values = merged(pipeline, locals())
    raw, place = needed(values, "raw_root", "RAW"), needed(values, "out", "OUT")
    values["layouts"] = values.pop("layout", ())
    values["procedures"] = options.words_of(values.pop("procedure", ()))
    values["extractors"] = values.pop("extractor", ())
    report = shown(values, STEPS[:-1], lambda **arguments: run(raw, place, **arguments))
    tell(report, words.of_pipeline(report), values, json=json)
    _point_on(report.stage, place / STEPS[0], values)
    if report.metrics is not None:
        point_to_chips(report.metrics, values)
    return exit_of(report.stage.files, report.rejected)


def _point_on(report: StageReport, root: Path, values: dict[str, Any]) -> None:
    """Say where more stands than was told."""
    if values.get("quiet"):
        return
    if report.noted:
        hint(f"what is noted: treadle lab manifest {root} --noted")
    if words.UNKNOWN in report.noted:
        hint("treadle lab schema infer FILES drafts an entry for a procedure that is not known")
    if report.rejected:
        hint(f"all that are rejected: treadle lab rejects {root}")


def point_to_chips(report: MetricsReport, values: dict[str, Any]) -> None:
    """Say how metrics are found that need to know what a chip is made of."""
    is_lacking = report.chip_file is None and "no_configuration" in report.reasons
    if is_lacking and not values.get("quiet"):
        hint("--chip-file says what chips are made of: without it there is no mobility")


def shown(values: dict[str, Any], stages: Sequence[str], run: Callable[..., _Report]) -> _Report:
    """Call *run* with *values*, its progress on stderr."""
    from treadle.lab.display import display_for

    arguments = {name: value for name, value in values.items() if name not in _SHOWS}
    choice = "none" if values.get("quiet") else values.get("progress", "auto")
    display, otel = display_for(choice, stages), bool(values.get("otel"))
    try:
        # Not the display itself: each run closes its listeners, and other runs are to come.
        # What workers print is for people: stdout is for data.
        with (
            terminate_like_ctrl_c(),
            redirect_stdout(sys.stderr),
            displayed(display or "none", otel=otel) as shown,
        ):
            return run(progress=shown if display or otel else None, **arguments)
    except treadle.Interrupted:
        if display is not None:
            display.close()
        say("interrupted")
        hint("what is done is kept: the same command goes on with the rest")
        raise
    finally:
        if display is not None:
            display.close()


def tell(report: Any, lines: Sequence[str], values: dict[str, Any], *, json: bool) -> None:
    """Say what became of it: *lines* for people, or JSON for programs."""
    if json:
        put(words.as_json(report))
    elif not values.get("quiet"):
        say(*words.wrapped(lines, width()))


def exit_of(found: int, rejected: int) -> int:
    """Return what the command exits with, by what there was and what failed of it."""
    if not found:
        return Exit.NOTHING
    return Exit.ITEMS_FAILED if rejected else Exit.OK


def compact(
    stage_root: options.Stage,
    *,
    procedure: options.AnyProcedures = None,
    json: options.Json = False,
) -> int:
    """Merge files for fast scanning."""
    from treadle.lab.compacting import compact as run

    report = run(options.stage_root(stage_root), procedures=procedure)
    tell(report, [str(report)], {}, json=json)
    return Exit.OK


def expand(
    stage_root: options.Stage,
    *,
    procedure: options.AnyProcedures = None,
    json: options.Json = False,
) -> int:
    """Undo a compact: single files again."""
    from treadle.lab.compacting import expand as run

    report = run(options.stage_root(stage_root), procedures=procedure)
    tell(report, [str(report)], {}, json=json)
    return Exit.OK
