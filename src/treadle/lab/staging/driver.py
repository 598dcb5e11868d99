"""Stage all raw files of a folder: do what is new or changed, and make the manifest of it all.

What has settled stands in the record of the stage root, with size and time of each raw file, so an
unchanged file is not opened. Whether it *is* staged is decided by what is on disk: a measurement
whose Parquet file is gone is staged again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import treadle
from treadle.lab import places
from treadle.lab.lock import only_one
from treadle.lab.recorded import newest, seen_through
from treadle.lab.schema.spec import Schema
from treadle.lab.staging.past import Past
from treadle.lab.staging.plan import Plan
from treadle.lab.staging.report import Reject, StageReport
from treadle.lab.staging.session import Session

if TYPE_CHECKING:
    from treadle.lab.layouts import Layout

_PATIENCE = 300.0  # seconds for one file; a file system that hangs costs a worker, not the run


def stage(
    raw_root: str | os.PathLike[str],
    stage_root: str | os.PathLike[str],
    *,
    schema: Schema | str | os.PathLike[str] | None = None,
    layouts: str | Sequence[str | Layout] = (),
    local_tz: str | None = None,
    exclude: str | Sequence[str] = (),
    limit: int | None = None,
    force: bool = False,
    strict: bool = False,
    only_schema_columns: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    timeout: float | None = _PATIENCE,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
) -> StageReport:
    """
    Turn the raw files below a folder into Parquet files, one for each measurement.

    ``STAGE/proc=IVg/date=2025-09-04/run_id=…/part-000.parquet`` holds the columns ``run_id``,
    ``proc`` and ``start_time`` (UTC), then those of the procedure's schema in its order, then
    further ones of the file. ``STAGE/_manifest/manifest.parquet`` lists all measurements and all
    files that were rejected. Run again, this does what is new or changed and opens nothing else;
    after a crash it does what is missing.

    Args:
        raw_root: The folder of raw files; all below it are found, hidden ones are not.
        stage_root: The folder to stage into; made if need be. Several raw roots may share one.
        schema: The procedures: a :class:`Schema`, the path of a ``procedures.yml`` that is laid
            over the default one, or None for the default.
        layouts: Further layouts of files: objects, or ``"FILE.py:Name"``.
        local_tz: Zone whose calendar gives a run its date. Default: the one that the stage root
            has; for a new one, the machine's.
        exclude: Patterns of names or relative paths to leave out, such as ``"*_metadata.csv"``.
        limit: Only the first so many files; None (default) for all.
        force: Stage again what is staged already.
        strict: Reject files with notes of the level ``error``.
        only_schema_columns: Leave out columns that the schema does not name.
        prune: Remove measurements of which no raw file is left; without, they stay.
        dry_run: Do nothing; report what would be done.
        timeout: Seconds for each file (default 300); None for no limit.
        workers: Number of workers; default: the CPUs that may be used.
        backend: ``"processes"`` (default), ``"threads"`` or ``"inline"``.
        start_method: Of processes; see :class:`treadle.Pool`.
        progress: As for :func:`treadle.run`.
        pool: A pool to run on, whose workers, backend and start method count then.

    Raises:
        UsageError: A folder, the schema, a layout or the zone is not there; or another process
            stages into that folder. Nothing was done.
        Interrupted: Ctrl-C; what has settled is staged and in the manifest.
        RunFailed: The run could not go on, such as for want of disk space; as before.
    """
    began = time.monotonic()
    check_workers(backend, start_method)
    raw, root = places.check_root(raw_root, "raw root"), Path(stage_root).resolve()
    plan = Plan.of(
        raw,
        root,
        schema=schema,
        layouts=layouts,
        local_tz=local_tz,
        exclude=exclude,
        limit=limit,
        strict=strict,
        only_schema_columns=only_schema_columns,
    )
    if dry_run:
        report = _foretold(plan, force=force)
        report.elapsed = time.monotonic() - began
        return report
    with ExitStack() as stack:
        if pool is None:  # first, for it knows whether there are such workers
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        was_ended = stack.enter_context(only_one(root, "staging"))
        plan.decide()
        session = Session(plan, force=force, prune=prune, was_ended=was_ended)
        report = seen_through(session, pool, timeout, progress)
    report.elapsed = time.monotonic() - began
    return report


def check_workers(backend: str, start_method: str | None) -> None:
    """
    Refuse workers that this is not for.

    Raises:
        UsageError: Such as forked ones: a process that is forked after Polars was used hangs.
    """
    for name, value, known in (
        ("backend", backend, ("processes", "threads", "inline")),
        ("start_method", start_method, ("forkserver", "spawn", None)),
    ):
        if value not in known:
            words = ", ".join(each for each in known if each)
            raise treadle.UsageError(f"{name} cannot be {value!r}", hint=f"choose one of: {words}")


def _foretold(plan: Plan, *, force: bool) -> StageReport:
    """Count what a staging would do, from names, sizes and times alone."""
    report = StageReport(raw_root=plan.raw, stage_root=plan.root, dry=True)
    earlier = newest(plan.root, plan.name)
    known = {} if earlier is None else earlier.fingerprints()
    past = Past.of(earlier, plan.root)
    for path in plan.files:
        key = plan.files.key(path, 0)
        report.files += 1
        same = not force and key not in past.redo
        if key not in known:
            report.new += 1
            report.opened += 1
        elif not same or known[key] != plan.files.fingerprint(path):
            report.changed += 1
            report.opened += 1
        elif key in past.runs:
            report.unchanged += 1
        else:
            why = past.refusals[key]
            report.rejected += 1
            report.rejects.append(Reject(key, why.reason, why.message, why.hint))
    report.runs = len(set(past.runs.values()))
    return report
