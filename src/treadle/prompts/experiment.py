"""An experiment put together: what was asked for, as the parts that plan it and run it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import treadle
from treadle.prompts.columns import Columns
from treadle.prompts.estimates import Estimates
from treadle.prompts.items import Items
from treadle.prompts.options import Options, checked
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.places import Place
from treadle.prompts.planning import plan
from treadle.prompts.plans import Plan
from treadle.prompts.prices import Prices
from treadle.prompts.prompt_files import STDIN, Prompt
from treadle.prompts.scoring import Scorers, scorers_from
from treadle.prompts.settings import Settings
from treadle.prompts.table import Table, open_table, snapshot
from treadle.prompts.values import LaneSettings
from treadle.prompts.where import compiled as conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """
    What is to be asked, of whom, and where the answers go.

    Attributes:
        options: As they were given.
        place: Where its record is.
        output: The results file; None for standard output.
        settings: What the file of settings and the environment say.
        lanes: All lanes by name.
        items: What is asked.
        prices: What tokens cost.
        scorers: What judges the answers.
        estimates: How many tokens requests have; learns during the run.
        stdin: The prompt that came by standard input; None when none did.
    """

    options: Options
    place: Place
    output: OutputPath | None
    settings: Settings
    lanes: Mapping[str, LaneSettings]
    items: Items
    prices: Prices
    scorers: Scorers
    estimates: Estimates = field(default_factory=Estimates)
    stdin: str | None = None

    @classmethod
    def of(
        cls,
        experiments: str | os.PathLike[str],
        prompts: Sequence[str | os.PathLike[str]],
        output: str | os.PathLike[str] | None,
        options: Options,
        *,
        copies: bool,
        root: Path | None = None,
    ) -> Experiment:
        """
        Put an experiment together; nothing is sent.

        Args:
            experiments: The table; ``"-"`` for standard input.
            prompts: The prompt files; one may be ``"-"``.
            output: The results file, which may hold variables; None for standard output.
            options: See :class:`~treadle.prompts.options.Options`.
            copies: Work on a copy of the table, so that a change during the run does no harm.
            root: What paths are relative to; None for the current folder.

        Raises:
            UsageError: Something cannot be read, or makes no sense.
        """
        checked(options)
        root = Path.cwd() if root is None else root
        stdin = options.get("stdin")
        names = [os.fspath(each) for each in prompts]
        table_name = os.fspath(experiments)
        if [table_name, *names].count(STDIN) > 1:
            raise treadle.UsageError(
                "standard input can be read once, and - stands for it more than once",
                hint="give the table or the prompt as a file",
            )
        out = None if output is None else OutputPath(os.fspath(output), root)
        place = Place.of(out, table_name)
        settings = Settings.load(options.get("config"))
        models = [_model(each) for each in options.get("model", ())]
        lanes = settings.lanes(_overrides(options), used=[lane for lane, _ in models])
        lanes = {name: _told(lane, options) for name, lane in lanes.items()}
        stdin_text = _read(stdin) if STDIN in names else None
        made = [_prompt(name, options, stdin_text, root) for name in names]
        table = _table(table_name, place, stdin, copies=copies)
        items = Items(
            table,
            made,
            lanes=lanes,
            models=models,
            repeats=options.get("repeats", 1),
            params=options.get("param", {}),
            where=conditions(options.get("where", ())),
            limit=options.get("limit"),
            shuffle=options.get("shuffle"),
            missing=options.get("missing", "error"),
            output=out,
        )
        return cls(
            options=options,
            place=place,
            output=out,
            settings=settings,
            lanes=lanes,
            items=items,
            prices=Prices.load(settings.prices(), extra=settings.price_list),
            scorers=scorers_from(options.get("score", ()), header=table.header),
            stdin=stdin_text,
        )

    def plan(self) -> Plan:
        """Find out what a run would do; nothing is sent."""
        return plan(
            self.items,
            lanes=self.lanes,
            prices=self.prices,
            estimates=self.estimates,
            max_cost=self.max_cost,
            max_tokens_total=self.options.get("max_tokens_total"),
        )

    @property
    def max_cost(self) -> Decimal | None:
        """US dollars that the run must not exceed; None for no limit."""
        limit = self.options.get("max_cost")
        return None if limit is None else Decimal(str(limit))

    @property
    def columns(self) -> Columns:
        """The columns of the results; new ones each time, since they may discover further ones."""
        options = self.options
        flatten = options.get("flatten", False)
        return Columns(
            self.items.table.header,
            prefix=options.get("prefix", "_"),
            profile=options.get("columns", "treadle"),
            prompts=len(self.items.prompts) > 1,
            models=bool(options.get("model")),
            repeats=options.get("repeats", 1) > 1,
            ttft=options.get("stream", False),
            scores=self.scorers.names,
            flatten=flatten if not isinstance(flatten, bool) else "discover" if flatten else "off",
            guard=options.get("guard", False),
            window=lambda ask: self.prices.window(ask.model, lane=self.lanes.get(ask.lane)),
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The results file that there is in any case; none where rows decide."""
        if self.output is None:
            return ("",)
        return () if self.output.is_templated else (str(self.output.resolve({})),)


def _overrides(options: Options) -> dict[str, dict[str, Any]]:
    """Return what was typed of the lanes, by their names, ``"*"`` for all."""
    named: dict[str, dict[str, Any]] = {
        name: {"concurrency": count} for name, count in options.get("lane_concurrency", {}).items()
    }
    of_all = {
        name: value
        for name, value in (
            ("concurrency", options.get("concurrency")),
            ("timeout", options.get("timeout")),
        )
        if value is not None
    }
    return {"*": of_all, **named} if of_all else named


def _told(lane: LaneSettings, options: Options) -> LaneSettings:
    further = {name: True for name in ("stream", "raw") if options.get(name)}
    return replace(lane, options={**lane.options, **further}) if further else lane


def _prompt(name: str, options: Options, stdin: str | None, root: Path) -> Prompt:
    system = options.get("system")
    return Prompt(
        name,
        contexts=[os.fspath(each) for each in options.get("context", ())],
        system=None if system is None else os.fspath(system),
        engine=options.get("engine", "plain"),
        stdin=stdin if name == STDIN else None,
        root=root,
    )


def _model(text: str) -> tuple[str, str]:
    """
    Split ``LANE/MODEL``; models may have slashes in their names.

    Raises:
        UsageError: There is no lane or no model.
    """
    lane, slash, model = text.partition("/")
    if not (lane and slash and model):
        raise treadle.UsageError(
            f"{text!r} names no lane and model", hint="--model openai/gpt-4o-mini"
        )
    return lane, model


def _table(name: str, place: Place, stdin: Any, *, copies: bool) -> Table:
    if name == STDIN:
        keep_in = place.table("").parent if copies else None
        return open_table(STDIN, stdin=stdin, keep_in=keep_in)
    table = open_table(name)
    if not copies:
        return table
    copy = place.table(Path(name).suffix)
    snapshot(Path(name), copy)
    return open_table(copy)


def _read(stdin: Any) -> str:
    import sys

    text = (sys.stdin if stdin is None else stdin).read()
    return text.decode("utf-8-sig") if isinstance(text, bytes) else str(text)
