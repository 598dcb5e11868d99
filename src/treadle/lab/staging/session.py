"""One staging: the run of its files, and afterwards the manifest of all that is staged."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import treadle
from treadle.cli import typed
from treadle.lab import manifest_file, places
from treadle.lab.errors import BreaksSchema, Rejected
from treadle.lab.recorded import Ran, Refusal, newest, newest_of_each, refusal, stored
from treadle.lab.staging.past import Past
from treadle.lab.staging.plan import NAME, Plan
from treadle.lab.staging.report import Reject, StageReport

_MADE = f"{places.RECORD}/made.json"  # what the manifest was made of


class Session:
    """
    One staging, from the first file to the manifest.

    Args:
        plan: What is to be done.
        force: Do again what was done before.
        prune: Remove measurements of which no raw file is left.
        was_ended: The last session came to its end.
    """

    def __init__(self, plan: Plan, *, force: bool, prune: bool, was_ended: bool) -> None:
        self._plan = plan
        self._prune = prune
        self._was_ended = was_ended
        self._earlier = newest(plan.root, plan.name)
        self._past = Past.of(self._earlier, plan.root)
        self._redo = {*self._past.runs, *self._past.refusals} if force else self._past.redo
        self._ran = Ran()
        self._torn = False
        self._in_doubt: set[str] = set()  # files that cannot be read, whatever they held

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        """Stage what is new or changed."""
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
            command=typed(),
            **again,
        )

    def close(self) -> StageReport:
        """
        Make the manifest, remove what no file holds any more, and report.

        Raises:
            OSError: The manifest cannot be written.
        """
        plan = self._plan
        report = StageReport(raw_root=plan.raw, stage_root=plan.root, slowest=self._ran.slowest)
        report.opened = len(self._ran.keys)
        keys = {plan.files.key(path, 0) for path in plan.files}
        report.files = len(keys)
        now = newest(plan.root, plan.name)
        if now is None:  # it did not even begin
            return report
        report.run_id = now.id
        report.manifest = plan.root / places.MANIFEST
        if not self._is_as_it_was(keys, report):
            self._make(now, keys, report)
        return report

    def _make(self, now: treadle.Run, keys: set[str], report: StageReport) -> None:
        plan = self._plan
        made = manifest_file.build(self._entries(now, keys, report), plan.schema)
        for winner in made.contested:
            self._settle(winner)
        frame = made.frame
        if self._in_doubt:
            frame = manifest_file.with_kept(frame, plan.root, str(plan.raw), self._in_doubt)
        report.rejects.sort(key=lambda reject: reject.source)
        report.rejected = len(report.rejects)
        live = set(frame["path"].drop_nulls())
        gone = (self._past.parts | made.parts | manifest_file.parts(plan.root)) - live
        report.runs = len(live)
        report.gone = int(frame["source_gone"].sum() or 0)
        assert report.manifest is not None
        places.put_list(frame, report.manifest)
        # What a killed process or worker has begun is in no list: all folders are looked at then.
        if (gone or self._torn or not self._was_ended) and _all_readable(plan.root):
            report.removed = places.sweep(plan.root, live)
        known = {name: getattr(report, name) for name in _KEPT}
        places.keep_text(plan.root / _MADE, json.dumps({"of": self._stamp(keys), **known}))

    def _settle(self, winner: manifest_file.File) -> None:
        """
        Make sure that the file of a measurement is that of the best of several raw files.

        They differ in what does not make the id, such as a last line that is torn; and whichever
        worker was last has written it.
        """
        plan = self._plan
        if winner.gone or winner.raw_root != str(plan.raw):
            return
        if places.has(plan.root, winner.part, winner.size) and not self._ran.keys:
            return
        try:
            plan.one(plan.raw / winner.source)
        except Rejected:
            self._torn = True  # it has changed just now; the next session will see to it

    def _is_as_it_was(self, keys: set[str], report: StageReport) -> bool:
        """Complete the report where the manifest is known to be right already; else False."""
        made = places.read_json(self._plan.root / _MADE)
        if self._ran.keys or self._prune or not self._was_ended:
            return False
        if made.get("of") != self._stamp(keys):
            return False
        for name in _KEPT:
            setattr(report, name, made[name])
        report.unchanged = sum(key in keys for key in self._past.runs)
        report.rejects = [
            Reject(key, why.reason, why.message, why.hint)
            for key, why in sorted(self._past.refusals.items())
            if key in keys
        ]
        report.rejected = len(report.rejects)
        return True

    def _stamp(self, keys: set[str]) -> str:
        """Return text that differs when the manifest, or what it is made of, has changed."""
        plan = self._plan
        others = newest_of_each(plan.root, NAME)
        others.pop(plan.name, None)
        parts = [manifest_file.FORMAT, plan.schema.digest(), plan.name, sorted(keys)]
        parts += [places.stat_of(plan.root / places.MANIFEST)]
        for name, run in sorted(others.items()):
            parts += [name, Path(name.removeprefix(NAME)).is_dir(), run.id, run.ok, run.failed]
            run.close()
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def _entries(
        self, now: treadle.Run, keys: set[str], report: StageReport
    ) -> Iterable[manifest_file.Entry]:
        plan = self._plan
        raw = str(plan.raw)
        known = set(self._past.runs.values())
        held: Counter[str] = Counter()
        noted: Counter[str] = Counter()
        for key, staged in stored(now):
            found = key in keys or (plan.raw / key).exists()
            if key in keys:
                self._count(report, key, staged["run_id"], known)
                held[staged["run_id"]] += 1
                noted.update(_codes(staged))
            if found or not self._prune:
                yield manifest_file.Entry(key, raw, found, staged)
        report.copies = held.total() - len(held)
        report.noted = dict(noted.most_common())
        for outcome in now.failures():
            if outcome.kind != "cancelled":
                yield self._refused(str(outcome.key), refusal(outcome), keys, report)
        now.close()
        yield from _of_other_roots(plan.root, plan.name)

    def _refused(
        self, key: str, why: Refusal, keys: set[str], report: StageReport
    ) -> manifest_file.Entry:
        plan = self._plan
        if key in keys:
            report.rejects.append(Reject(key, why.reason, why.message, why.hint))
        if why.reason != BreaksSchema.reason:
            self._in_doubt.add(key)
        # A worker that was killed may have been writing.
        self._torn |= key in self._ran.keys and not why.lasts
        found = key in keys or plan.files.may_have(key)
        raw = str(plan.raw)
        return manifest_file.Entry(key, raw, found, None, why.reason, why.message, why.hint)

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


_KEPT = ("runs", "gone", "copies", "noted")  # of a report, for the next one that changes nothing


def _codes(staged: Mapping[str, Any]) -> set[str]:
    """Return the codes of what is worth a look among the notes of a file."""
    said = (note.split(": ", 2) for note in staged["facts"].get("notes", ()))
    return {code for level, code, _ in said if level != "info"}


def _of_other_roots(root: Path, mine: str) -> Iterable[manifest_file.Entry]:
    """Yield what was staged into *root* from other raw roots; nobody looks whether that changed."""
    for name, run in newest_of_each(root, NAME).items():
        if name == mine:
            continue
        raw = name.removeprefix(NAME)
        is_there = Path(raw).is_dir()
        for key, staged in stored(run):
            found = is_there and Path(raw, key).exists()
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
