"""What is to be found: which extractors of which runs, pairs and groups; and what is known."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from treadle.lab.chips import Chip, ChipFile
from treadle.lab.extraction import Extractor, NoConfiguration, NotApplicable
from treadle.lab.measuring.work import FORMAT, Record, Wanted, Work, record

if TYPE_CHECKING:
    import polars as pl

FACTS: Final = (
    "run_id", "proc", "path", "size", "flags", "parameters", "chip_group", "chip_number",
    "chip_name", "date_local", "start_time_utc", "has_light", "vds_v", "vg_fixed_v", "ids_a",
    "wavelength_nm", "laser_voltage_V", "laser_period_s", "irange", "duration_s",
)  # fmt: skip
"""The columns of the manifest that extractors see, as far as there are such."""

_UNSEEN: Final = frozenset({"path"})  # no metric depends on where the file lies

Facts = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """
    What a session is to do.

    Attributes:
        work: What workers are to do.
        records: What is known without looking at a measurement: that there is no chip file, or no
            run before this one.
        selected: The runs that were asked for.
        fresh: Those of them of which something is to be found.
        heads: By extractor of groups, the runs that its metrics belong to now.
    """

    work: list[Work] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    selected: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    heads: dict[str, set[str]] = field(default_factory=dict)


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
        self._prints: dict[str, str] = {}

    def plan(self, selected: set[str]) -> Plan:
        """
        Say what is to be done.

        Args:
            selected: The ids of the runs that are asked for. Pairs and groups are made of all runs,
                whichever these are, and belong to the last run of theirs.
        """
        plan = Plan(selected=selected)
        earlier: dict[tuple[Any, ...], Facts] = {}
        names = [name for name in FACTS if name in self._listed.columns]
        for facts in self._listed.select(names).iter_rows(named=True):
            self._prints[facts["run_id"]] = _print_of(facts)
            line = (facts["chip_group"], facts["chip_number"], facts["proc"])
            if facts["run_id"] in selected:
                self._plan_run(plan, facts, earlier.get(line))
            if None not in line:
                earlier[line] = facts
        for extractor in self._groups:
            self._plan_groups(plan, extractor, names)
        return plan

    def _plan_run(self, plan: Plan, facts: Facts, earlier: Facts | None) -> None:
        chip = self._chip(facts)
        wanted: list[Wanted] = []
        needs_earlier = False
        for extractor in self._of_run.get(facts["proc"], ()):
            if extractor.of == "pair" and earlier is None:
                self._note(plan, extractor, facts, NotApplicable("first of its chip and procedure"))
            elif extractor.needs_chip and chip is None:
                self._note(plan, extractor, facts, self._unknown())
            else:
                runs = [facts] if extractor.of == "run" else [earlier or facts, facts]
                fingerprint = self._fingerprint(extractor, runs, chip)
                if self._is_new(facts["run_id"], extractor, fingerprint):
                    wanted.append(Wanted(extractor.name, fingerprint))
                    needs_earlier |= extractor.of == "pair"
        if wanted:
            before = earlier if needs_earlier else None
            plan.work.append(Work(facts["run_id"], (facts,), before, tuple(wanted), chip))
            plan.fresh.add(facts["run_id"])

    def _note(
        self, plan: Plan, extractor: Extractor, facts: Facts, why: NotApplicable | NoConfiguration
    ) -> None:
        """Record what needs no measurement to be known."""
        fingerprint = _hash(f"{FORMAT} {extractor.version} {why.reason}")
        if not self._is_new(facts["run_id"], extractor, fingerprint):
            return
        plan.fresh.add(facts["run_id"])
        plan.records += [
            record(extractor, facts["run_id"], metric, why, None, fingerprint)
            for metric in extractor.metrics
        ]

    def _unknown(self) -> NoConfiguration:
        if self._chips is None:
            return NoConfiguration(
                "no chip file", hint="--chip-file chips.yml says what the chips are made of"
            )
        return NoConfiguration(
            "chip not in the chip file", hint=f"add an entry to {self._chips.path}"
        )

    def _plan_groups(self, plan: Plan, extractor: Extractor, names: Sequence[str]) -> None:
        import polars as pl

        columns = [name for name in extractor.group_by if name in self._listed.columns]
        of_these = pl.col("proc").is_in(list(extractor.procedures))
        rows = self._listed.filter(of_these, *[pl.col(name).is_not_null() for name in columns])
        heads = plan.heads.setdefault(extractor.name, set())
        for same, members in rows.select(names).group_by(columns, maintain_order=True):
            runs = tuple(members.iter_rows(named=True))
            head = runs[-1]["run_id"]
            heads.add(head)
            chip = self._chip(runs[-1])
            if head not in plan.selected:
                continue
            if extractor.needs_chip and chip is None:
                self._note(plan, extractor, runs[-1], self._unknown())
                continue
            fingerprint = self._fingerprint(extractor, runs, chip)
            if self._is_new(head, extractor, fingerprint):
                key = " ".join([extractor.name, *map(str, same)])
                wanted = (Wanted(extractor.name, fingerprint),)
                plan.work.append(Work(key, runs, None, wanted, chip))
                plan.fresh.add(head)

    def _chip(self, facts: Facts) -> Chip | None:
        if self._chips is None:
            return None
        return self._chips.of(facts["chip_name"], facts["chip_number"])

    def _fingerprint(self, extractor: Extractor, runs: Sequence[Facts], chip: Chip | None) -> str:
        seen = " ".join(self._prints[each["run_id"]] for each in runs)
        of_chip = repr(chip) if extractor.needs_chip else ""
        return _hash(f"{FORMAT} {extractor.version} {seen} {of_chip}")

    def _is_new(self, run_id: str, extractor: Extractor, fingerprint: str) -> bool:
        return self._force or self._known.get((run_id, extractor.name)) != fingerprint


def _print_of(facts: Facts) -> str:
    return _hash(repr([(name, value) for name, value in facts.items() if name not in _UNSEEN]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Works:
    """
    A source of what is to be done; keys are those of the work.

    Args:
        work: What is to be done.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        self._work = work

    def __iter__(self) -> Iterator[Work]:
        """Yield what is to be done."""
        return iter(self._work)

    def __len__(self) -> int:
        """Return how much it is."""
        return len(self._work)

    def key(self, value: Work, index: int) -> str:  # noqa: ARG002  a source's key() gets both
        """Return the key of one."""
        return value.key
