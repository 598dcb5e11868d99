"""Stage all raw files of a folder: do what is new or changed, and make the manifest of it all.

What has settled stands in the record of the stage root, with size and time of each raw file, so an
unchanged file is not opened. Whether it *is* staged is decided by what is on disk: a measurement
whose Parquet file is gone is staged again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import treadle
from treadle.lab import manifest_file, places
from treadle.lab.errors import BreaksSchema
from treadle.lab.lock import only_one
from treadle.lab.recorded import Ran, Refusal, newest, newest_of_each, refusal, stored
from treadle.lab.schema.spec import Schema
from treadle.lab.staging.one import StageOne
from treadle.lab.staging.report import Reject, StageReport
from treadle.lab.staging.source import RawFiles
from treadle.lab.zones import machine_zone, zone

if TYPE_CHECKING:
    from treadle.lab.layouts import Layout

FORMAT = 1
"""Version of what a staged file holds; when it grows, everything is staged again."""

_DECIDED = f"{places.RECORD}/stage.json"
_MADE = f"{places.RECORD}/made.json"  # what the manifest was made of
_NAME = "stage "  # and the raw root: several may be staged into one stage root
_PATIENCE = 300.0  # seconds for one file; a file system that hangs costs a worker, not the run


def stage(
    raw_root: str | os.PathLike[str],
    stage_root: str | os.PathLike[str],
    *,
    schema: Schema | str | os.PathLike[str] | None = None,
    layouts: Sequence[str | Layout] = (),
    local_tz: str | None = None,
    exclude: Sequence[str] = (),
    limit: int | None = None,
    force: bool = False,
    strict: bool = False,
    only_schema_columns: bool = False,
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
    further ones of the file. ``STAGE/manifest.parquet`` lists all measurements and all files that
    were rejected. Run again, this does what is new or changed and opens nothing else; after a crash
    it does what is missing.

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
    raw, root = places.check_root(raw_root, "raw root"), Path(stage_root).absolute()
    plan = _Plan.of(
        raw, root, schema, layouts, local_tz, exclude, limit, strict, only_schema_columns
    )
    if dry_run:
        report = plan.foretell(force=force)
        report.elapsed = time.monotonic() - began
        return report
    with ExitStack() as stack:
        if pool is None:  # first, for it knows whether there are such workers
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        was_ended = stack.enter_context(only_one(root, "staging"))
        plan.decide()
        session = _Session(plan, force=force, was_ended=was_ended)
        try:
            session.run(pool, timeout, progress)
        finally:  # whatever ended it: what has settled is in the manifest
            report = session.close()
    report.elapsed = time.monotonic() - began
    return report


@dataclass(slots=True)
class _Plan:
    """What is to be staged, how, and where to."""

    raw: Path
    root: Path
    schema: Schema
    one: StageOne
    files: RawFiles

    @classmethod
    def of(
        cls,
        raw: Path,
        root: Path,
        schema: Schema | str | os.PathLike[str] | None,
        layouts: Sequence[str | Layout],
        local_tz: str | tzinfo | None,
        exclude: Sequence[str],
        limit: int | None,
        strict: bool,
        only_schema_columns: bool,
    ) -> _Plan:
        _needs_polars()
        from treadle.lab.layouts import load_layouts
        from treadle.lab.schema import load_schema

        if not isinstance(schema, Schema):
            schema = load_schema(schema)
        found = load_layouts(layouts)
        name = str(local_tz or _read(root / _DECIDED).get("local_tz") or machine_zone())
        zone(name)  # or say that there is no such zone
        one = StageOne(root, schema, found, name, strict, only_schema_columns)
        files = RawFiles(raw, layouts=found, version=_version(one), exclude=exclude, limit=limit)
        files.spare(root)
        return cls(raw, root, schema, one, files)

    @property
    def name(self) -> str:
        """What the run is called in the record."""
        return f"{_NAME}{self.raw}"

    def decide(self) -> None:
        """Note what later stagings into the same root shall take over."""
        from treadle.lab.schema.text import show

        _keep(self.root / _DECIDED, json.dumps({"local_tz": self.one.local_tz}))
        _keep(self.root / places.SCHEMA, show(self.schema))

    def foretell(self, *, force: bool) -> StageReport:
        """Count what a staging would do, from names, sizes and times alone."""
        report = StageReport(raw_root=self.raw, stage_root=self.root, dry=True)
        earlier = newest(self.root, self.name)
        known = {} if earlier is None else earlier.fingerprints()
        past = _Past.of(earlier, self.root)
        for path in self.files:
            key = self.files.key(path, 0)
            report.files += 1
            same = not force and key not in past.redo
            if key not in known:
                report.new += 1
                report.opened += 1
            elif same and known[key] == self.files.fingerprint(path):
                report.unchanged += key in past.runs
                report.rejected += key in past.refusals
            else:
                report.changed += 1
                report.opened += 1
        report.runs = len(set(past.runs.values()))
        report.rejects = [
            Reject(key, why.reason, why.message, why.hint) for key, why in past.refusals.items()
        ]
        return report


def _version(one: StageOne) -> str:
    """Return text that differs when the same file would be staged differently."""
    says = [FORMAT, one.schema.digest(), one.local_tz, one.strict, one.only_schema_columns]
    says += map(_version_of, one.layouts)
    return hashlib.sha256(repr(says).encode()).hexdigest()[:16]


def _version_of(layout: Layout) -> str:
    """Return text that differs when another layout, or another text of it, reads the files."""
    kind = type(getattr(layout, "layout", layout))  # one from a file is wrapped
    if kind is type(layout) and kind.__module__.startswith(f"{treadle.__name__}."):
        return layout.name  # FORMAT says when ours have changed
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    return f"{layout.name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"


def _keep(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        places.put_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _needs_polars() -> None:
    if importlib.util.find_spec("polars") is None:
        raise treadle.MissingExtra("polars", "lab", purpose="staging measurements")


@dataclass(slots=True)
class _Past:
    """
    What earlier sessions have left.

    Attributes:
        runs: By key, the measurement that a file held.
        parts: The Parquet files of all of them.
        refusals: By key, why a file was rejected.
        redo: Keys of files to do again: what they gave is lost, or they did not fail for good.
    """

    runs: dict[str, str]
    parts: set[str]
    refusals: dict[str, Refusal]
    redo: set[str]

    @classmethod
    def of(cls, run: treadle.Run | None, root: Path) -> _Past:
        past = cls({}, set(), {}, set())
        if run is None:
            return past
        for key, staged in stored(run):
            past.runs[key] = staged["run_id"]
            past.parts.add(staged["part"])
            if not places.has(root, staged["part"], staged["size"]):
                past.redo.add(key)
        for outcome in run.failures():
            why = past.refusals[str(outcome.key)] = refusal(outcome)
            if not why.lasts:
                past.redo.add(str(outcome.key))
        run.close()
        return past


class _Session:
    """One staging, from the first file to the manifest."""

    def __init__(self, plan: _Plan, *, force: bool, was_ended: bool) -> None:
        self._plan = plan
        self._earlier = newest(plan.root, plan.name)
        self._was_ended = was_ended
        self._past = _Past.of(self._earlier, plan.root)
        self._redo = {*self._past.runs, *self._past.refusals} if force else self._past.redo
        self._ran = Ran()
        self._torn = False
        self._in_doubt: set[str] = set()  # files that cannot be read, whatever they held

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        plan = self._plan
        again: dict[str, Any] = {}
        if self._earlier is not None:
            again = {"resume": self._earlier.id, "redo": self._redo}
        pool.run(
            plan.one,
            plan.files,
            name=plan.name,
            runs_dir=plan.root / places.RUNS,
            timeout=timeout,
            progress=progress,  # type: ignore[arg-type]  # checked there
            listeners=[self._ran],
            **again,
        )

    def close(self) -> StageReport:
        """Make the manifest, remove what no file holds any more, and report."""
        plan, ran = self._plan, self._ran
        report = StageReport(raw_root=plan.raw, stage_root=plan.root, slowest=ran.slowest)
        report.opened = len(ran.keys)
        keys = {plan.files.key(path, 0) for path in plan.files}
        report.files = len(keys)
        now = newest(plan.root, plan.name)
        if now is None:  # it did not even begin
            return report
        report.run_id = now.id
        report.manifest = plan.root / places.MANIFEST
        if self._is_as_it_was(keys, report):
            return report
        frame = manifest_file.build(self._entries(now, keys, report), plan.schema)
        if self._in_doubt:
            frame = manifest_file.with_kept(frame, plan.root, str(plan.raw), self._in_doubt)
        report.rejects.sort(key=lambda reject: reject.source)
        report.rejected = len(report.rejects)
        live = set(frame["path"].drop_nulls())
        gone = (self._past.parts | manifest_file.parts(plan.root)) - live
        report.runs = len(live)
        places.put_list(frame, report.manifest)
        # What a killed process or worker has begun is in no list: all folders are looked at then.
        if (gone or self._torn or not self._was_ended) and _all_readable(plan.root):
            report.removed = places.sweep(plan.root, live)
        made = {"of": self._stamp(keys), "runs": report.runs}
        _keep(plan.root / _MADE, json.dumps(made))
        return report

    def _is_as_it_was(self, keys: set[str], report: StageReport) -> bool:
        """Complete the report where the manifest is known to be right already; else False."""
        made = _read(self._plan.root / _MADE)
        if self._ran.keys or not self._was_ended or made.get("of") != self._stamp(keys):
            return False
        report.unchanged = sum(key in keys for key in self._past.runs)
        report.rejects = [
            Reject(key, why.reason, why.message, why.hint)
            for key, why in sorted(self._past.refusals.items())
            if key in keys
        ]
        report.rejected, report.runs = len(report.rejects), made["runs"]
        return True

    def _stamp(self, keys: set[str]) -> str:
        """Return text that differs when the manifest, or what it is made of, has changed."""
        plan = self._plan
        others = newest_of_each(plan.root, _NAME)
        others.pop(plan.name, None)
        parts = [manifest_file.FORMAT, plan.schema.digest(), plan.name, sorted(keys)]
        parts += [_stat(plan.root / places.MANIFEST)]
        for name, run in sorted(others.items()):
            parts += [name, run.id, run.ok, run.failed]
            run.close()
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def _entries(
        self, now: treadle.Run, keys: set[str], report: StageReport
    ) -> Iterable[manifest_file.Entry]:
        plan = self._plan
        raw = str(plan.raw)
        known = set(self._past.runs.values())
        for key, staged in stored(now):
            found = key in keys or (plan.raw / key).exists()
            if key in keys:
                self._count(report, key, staged["run_id"], known)
            yield manifest_file.Entry(key, raw, found, staged)
        for outcome in now.failures():
            key, why = str(outcome.key), refusal(outcome)
            if outcome.kind == "cancelled":
                continue
            if key in keys:
                report.rejects.append(Reject(key, why.reason, why.message, why.hint))
            if why.reason != BreaksSchema.reason:
                self._in_doubt.add(key)
            # A worker that was killed may have been writing.
            self._torn |= key in self._ran.keys and not why.lasts
            there = key in keys or (plan.raw / key).exists()
            yield manifest_file.Entry(key, raw, there, None, why.reason, why.message, why.hint)
        now.close()
        yield from _of_other_roots(plan.root, plan.name)

    def _count(self, report: StageReport, key: str, run_id: str, known: set[str]) -> None:
        past = self._past
        seen = key in past.runs or key in past.refusals
        report.again += key in self._ran.keys and run_id in known
        if key not in self._ran.keys or past.runs.get(key) == run_id:
            report.unchanged += 1
        elif seen:
            report.changed += 1
        elif run_id in known:
            report.unchanged += 1
        else:
            report.new += 1


def _of_other_roots(root: Path, mine: str) -> Iterable[manifest_file.Entry]:
    """Yield what was staged into *root* from other raw roots; nobody looks whether that changed."""
    for name, run in newest_of_each(root, _NAME).items():
        if name == mine:
            continue
        raw = name.removeprefix(_NAME)
        is_there = Path(raw).is_dir()
        for key, staged in stored(run):
            found = not is_there or Path(raw, key).exists()
            yield manifest_file.Entry(key, raw, found, staged)
        for outcome in run.failures():
            why = refusal(outcome)
            found = is_there and Path(raw, str(outcome.key)).exists()
            yield manifest_file.Entry(
                str(outcome.key), raw, found, None, why.reason, why.message, why.hint
            )
        run.close()


def _all_readable(root: Path) -> bool:
    """Tell whether nothing in the record is hidden from us: else what it knows is not removed."""
    folders = [each for each in (root / places.RUNS).iterdir() if (each / "run.json").is_file()]
    return len(folders) == len(treadle.runs(root / places.RUNS))
