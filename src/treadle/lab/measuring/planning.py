"""What is to be found: which extractors of which runs, pairs and groups; and what is known."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import treadle
from treadle.lab.chips import Chip, ChipFile
from treadle.lab.extraction import Absent, Extractor, NoConfiguration, NotApplicable
from treadle.lab.measuring.work import FORMAT, Record, Wanted, Work, record

if TYPE_CHECKING:
    import polars as pl

UNSEEN: Final = frozenset(
    ["status", "sources", "source_file", "source_gone", "raw_root", "file_idx", "notes", "errors",
     "warnings", "reason", "message", "hint", "start_origin", "schema_version"]
)  # fmt: skip
"""The columns of the manifest that extractors do not see: where a file lies says nothing of it."""

_FIRST: Final = NotApplicable("first of its chip and procedure")
_NO_CHIP: Final = NotApplicable("no chip in its header")

_WHERE: Final = frozenset({"path"})  # workers need it; no metric depends on it

Facts = dict[str, Any]


class Planned(NamedTuple):
    """
    A piece of work, as long as nobody does it: its runs are numbers of rows.

    Attributes:
        key: As of :class:`treadle.lab.measuring.work.Work`, and so are the following ones.
        runs: See there.
        earlier: See there.
        wanted: See there.
        chip: See there.
    """

    key: str
    runs: tuple[int, ...]
    earlier: int | None
    wanted: tuple[Wanted, ...]
    chip: Chip | None


class Note(NamedTuple):
    """
    Why there is none of the metrics of an extractor, known without a look at the measurement.

    Attributes:
        extractor: The extractor.
        run_id: The run.
        why: Why.
        fingerprint: See :class:`treadle.lab.measuring.work.Wanted`.
    """

    extractor: Extractor
    run_id: str
    why: Absent
    fingerprint: str

    def records(self) -> list[Record]:
        """Return what is recorded of each metric."""
        return [
            record(self.extractor, self.run_id, metric, self.why, None, self.fingerprint)
            for metric in self.extractor.metrics
        ]


@dataclass(slots=True)
class Plan:
    """
    What a session is to do.

    Attributes:
        work: What workers are to do.
        notes: What is known without looking at a measurement: that there is no chip file, or no
            run before this one.
        selected: The runs that were asked for.
        covered: Those of them that an extractor takes.
        fresh: Those of them of which something is to be found.
        heads: By extractor of groups: for each run, the one to which the metrics of its group
            belong now.
    """

    work: list[Planned] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    selected: set[str] = field(default_factory=set)
    covered: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    heads: dict[str, dict[str, str]] = field(default_factory=dict)


class Planner:
    """
    Plans a session.

    Args:
        listed: The manifest of the staged runs, in order of their start times.
        extractors: Those that are to be applied.
        chips: What is known of the devices.
        known: The fingerprint of what was found last, by run and extractor.
        force: Find everything again.
    """

    def __init__(
        self,
        listed: pl.DataFrame,
        extractors: Sequence[Extractor],
        chips: ChipFile | None,
        known: Mapping[tuple[str, str], str | None],
        *,
        force: bool = False,
    ) -> None:
        self._listed = listed
        self._chips = chips
        self._known = known
        self._force = force
        self._of_run: dict[str, list[Extractor]] = defaultdict(list)
        self._groups = [each for each in extractors if each.of == "group"]
        for each in extractors:
            for procedure in each.procedures if each.of != "group" else ():
                self._of_run[procedure].append(each)
        self._declared = {each.name: _declared(each) for each in extractors}
        self._unknown = _unknown(chips)
        self._prints = _prints(listed)

    def plan(self, selected: set[str]) -> Plan:
        """
        Say what is to be done.

        Args:
            selected: The ids of the runs that are asked for. Pairs and groups are made of all runs,
                whichever these are, and belong to the last run of theirs.
        """
        plan = Plan(selected=selected)
        earlier: dict[tuple[Any, ...], int] = {}
        about = self._listed.select("run_id", "proc", "chip_group", "chip_number", "chip_name")
        for row, facts in enumerate(about.iter_rows(named=True)):
            line = (facts["chip_group"], facts["chip_number"], facts["proc"])
            if facts["run_id"] in selected:
                self._plan_run(plan, row, facts, earlier.get(line))
            if None not in line:
                earlier[line] = row
        for extractor in self._groups:
            self._plan_groups(plan, extractor)
        return plan

    def _plan_run(self, plan: Plan, row: int, facts: Facts, earlier: int | None) -> None:
        chip = self._chip(facts)
        wanted: list[Wanted] = []
        before = None
        extractors = self._of_run.get(facts["proc"], ())
        if extractors:
            plan.covered.add(facts["run_id"])
        for extractor in extractors:
            if extractor.of == "pair" and earlier is None:
                self._note(plan, extractor, facts, _FIRST if facts["chip_name"] else _NO_CHIP)
            elif extractor.needs_chip and chip is None:
                self._note(plan, extractor, facts, self._unknown)
            else:
                runs = [row] if extractor.of == "run" or earlier is None else [earlier, row]
                fingerprint = self._fingerprint(extractor, runs, chip)
                if self._is_new(facts["run_id"], extractor, fingerprint):
                    wanted.append(Wanted(extractor.name, fingerprint))
                    before = earlier if extractor.of == "pair" else before
        if wanted:
            plan.work.append(Planned(facts["run_id"], (row,), before, tuple(wanted), chip))
            plan.fresh.add(facts["run_id"])

    def _note(self, plan: Plan, extractor: Extractor, facts: Facts, why: Absent) -> None:
        """Note what needs no measurement to be known."""
        fingerprint = _hash(f"{self._declared[extractor.name]} {why.reason}")
        if self._is_new(facts["run_id"], extractor, fingerprint):
            plan.fresh.add(facts["run_id"])
            plan.notes.append(Note(extractor, facts["run_id"], why, fingerprint))

    def _plan_groups(self, plan: Plan, extractor: Extractor) -> None:
        import polars as pl

        columns = list(extractor.group_by)
        rows = self._listed.select({"run_id", "proc", "chip_name", "chip_number", *columns})
        rows = rows.with_row_index("row").filter(pl.col("proc").is_in(list(extractor.procedures)))
        heads = plan.heads.setdefault(extractor.name, {})
        for same, members in rows.group_by(columns, maintain_order=True):
            runs = members["row"].to_list()
            if None in same:
                self._note_without(plan, extractor, members, columns[same.index(None)])
                continue
            facts = members.row(-1, named=True)
            head, chip = facts["run_id"], self._chip(facts)
            heads.update(dict.fromkeys(members["run_id"], head))
            if head not in plan.selected:
                continue
            plan.covered.add(head)
            if extractor.needs_chip and chip is None:
                self._note(plan, extractor, facts, self._unknown)
                continue
            fingerprint = self._fingerprint(extractor, runs, chip)
            if self._is_new(head, extractor, fingerprint):
                key = " ".join([extractor.name, *map(str, same)])
                wanted = (Wanted(extractor.name, fingerprint),)
                plan.work.append(Planned(key, tuple(runs), None, wanted, chip))
                plan.fresh.add(head)

    def _note_without(
        self, plan: Plan, extractor: Extractor, rows: pl.DataFrame, column: str
    ) -> None:
        """Note of runs that they are in no group, as one of its columns is empty."""
        why = _NO_CHIP if column == "chip_name" else NotApplicable(f"no {column} in the manifest")
        for facts in rows.iter_rows(named=True):
            plan.heads[extractor.name][facts["run_id"]] = facts["run_id"]
            if facts["run_id"] in plan.selected:
                plan.covered.add(facts["run_id"])
                self._note(plan, extractor, facts, why)

    def _chip(self, facts: Facts) -> Chip | None:
        if self._chips is None:
            return None
        return self._chips.of(facts["chip_name"], facts["chip_number"])

    def _fingerprint(self, extractor: Extractor, runs: Sequence[int], chip: Chip | None) -> str:
        seen = " ".join(self._prints[row] for row in runs)
        of_chip = repr(chip) if extractor.needs_chip else ""
        return _hash(f"{self._declared[extractor.name]} {seen} {of_chip}")

    def _is_new(self, run_id: str, extractor: Extractor, fingerprint: str) -> bool:
        return self._force or self._known.get((run_id, extractor.name)) != fingerprint


def check_groups(extractors: Sequence[Extractor], columns: Sequence[str]) -> None:
    """
    Make sure that the manifest has what groups are made by.

    Raises:
        UsageError: It has no such column, or one that extractors do not see.
    """
    for each in extractors:
        for name in each.group_by:
            if name not in columns:
                raise treadle.UsageError(
                    f"extractor {each.name!r} groups by {name!r}, "
                    "which is no column of the manifest that extractors see",
                    hint=f"there are: {', '.join(columns)}",
                )


def _declared(extractor: Extractor) -> str:
    """Return what differs when an extractor says another thing of itself, or its file does."""
    said = (
        FORMAT,
        extractor.version,
        extractor.source,
        sorted(extractor.metrics.items()),
        sorted(extractor.procedures.items()),
        extractor.of,
        extractor.group_by,
        extractor.needs_chip,
    )
    return repr(said)


def _unknown(chips: ChipFile | None) -> NoConfiguration:
    if chips is None:
        return NoConfiguration(
            "no chip file", hint="--chip-file chips.yml says what the chips are made of"
        )
    return NoConfiguration("chip not in the chip file", hint=f"add an entry to {chips.path}")


def _prints(listed: pl.DataFrame) -> list[str]:
    """Return for each row what differs when something in it does that extractors see."""
    import polars as pl

    if not listed.height:
        return []
    seen = pl.struct(pl.exclude(_WHERE)).struct.json_encode()
    return [_hash(text) for text in listed.select(seen).to_series()]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Works:
    """
    A source of what is to be done; keys are those of the work.

    Args:
        planned: What is to be done.
        listed: The rows that it names.
    """

    def __init__(self, planned: Sequence[Planned], listed: pl.DataFrame) -> None:
        self._planned = planned
        self._listed = listed

    def __iter__(self) -> Iterator[Work]:
        """Yield what is to be done, made when it is asked for: a row is a kilobyte of objects."""
        for key, runs, earlier, wanted, chip in self._planned:
            facts = tuple(self._listed.row(row, named=True) for row in runs)
            before = None if earlier is None else self._listed.row(earlier, named=True)
            yield Work(key, facts, before, wanted, chip)

    def __len__(self) -> int:
        """Return how much it is."""
        return len(self._planned)

    def key(self, value: Work, index: int) -> str:  # noqa: ARG002  a source's key() gets both
        """Return the key of one."""
        return value.key
