"""Puts an experiment together: from what was typed, or noted, to the parts that do the work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import treadle
from treadle.prompts.experiment import Experiment
from treadle.prompts.given import Experiments, input_name, output_name, table_name, table_of
from treadle.prompts.inputs import Inputs
from treadle.prompts.items import Items
from treadle.prompts.options import Options, checked
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.places import Place
from treadle.prompts.prices import Prices
from treadle.prompts.prompt_files import STDIN, Prompt, Text, told_apart
from treadle.prompts.providers.registry import PROVIDERS, provider_names
from treadle.prompts.scoring import scorers_from
from treadle.prompts.settings import Settings
from treadle.prompts.table import Table
from treadle.prompts.values import LaneSettings
from treadle.prompts.where import compiled as conditions


def assembled(
    experiments: Experiments,
    prompts: Sequence[str | os.PathLike[str] | Text],
    output: str | os.PathLike[str] | None,
    options: Options,
    *,
    copy_to: Path | None = None,
    root: Path | None = None,
    place: Place | None = None,
    names: Sequence[str] = (),
    protected: Iterable[Path] = (),
) -> Experiment:
    """
    Put an experiment together; nothing is sent.

    Args:
        experiments: The table: its path, ``"-"`` for standard input, or its rows.
        prompts: The prompts: files, of which one may be ``"-"``, or texts.
        output: The results file, which may hold variables; None for standard output.
        options: See :class:`~treadle.prompts.options.Options`.
        copy_to: A folder that is there, for a copy of the table, which is then worked on, so that a
            change during the run does no harm; None for none.
        root: What paths are relative to; None for the current folder.
        place: Where its record is; None for where its results and table say.
        names: What to call the prompts; none for names that tell their files apart.
        protected: Files that no results may go to, beside those that it is made of.

    Raises:
        UsageError: Something cannot be read, or makes no sense.
    """
    options = checked(options)
    root = Path.cwd() if root is None else root
    given = [each if isinstance(each, Text) else input_name(each) for each in prompts]
    name = table_name(experiments)
    if [name, *given].count(STDIN) > 1:
        raise treadle.UsageError(
            "standard input can be read once, and - stands for it more than once",
            hint="give the table or the prompt as a file",
        )
    settings = Settings.load(options.get("config"))
    inputs = _inputs(STDIN if name is None else name, given, options, settings, root)
    out, results = None, output_name(output)
    if results is not None:
        out = OutputPath(results, root, [*inputs.fixed(), *protected])
        out.check()
    stdin = options.get("stdin")
    stdin_text = _read(stdin) if STDIN in given else None
    made = [
        _prompt(each, called, inputs, options, stdin_text)
        for each, called in zip(given, names or told_apart(given), strict=True)
    ]
    table = table_of(
        experiments, stdin=stdin, keep_in=None if copy_to is None else copy_to / "table"
    )
    models = [_model(each) for each in _several(options, "model")]
    lanes = _lanes(settings, options, models, table)
    items = Items(
        table,
        made,
        lanes=lanes,
        models=models,
        repeats=options.get("repeats", 1),
        params=options.get("param", {}),
        where=conditions(_several(options, "where")),
        limit=options.get("limit"),
        shuffle=options.get("shuffle"),
        missing=options.get("missing", "error"),
        output=out,
    )
    return Experiment(
        options=options,
        place=Place.of(out, name) if place is None else place,
        inputs=inputs,
        output=out,
        settings=settings,
        lanes=lanes,
        items=items,
        prices=Prices.load(settings.prices(), extra=settings.price_list),
        scorers=scorers_from(_several(options, "score"), header=table.header),
        stdin=stdin_text,
    )


def _inputs(
    table: str, prompts: Sequence[str | Text], options: Options, settings: Settings, root: Path
) -> Inputs:
    system = options.get("system")
    return Inputs(
        root=root,
        table=table,
        prompts=tuple(prompts),
        contexts=tuple(map(os.fspath, _several(options, "context"))),
        system=None if system is None else os.fspath(system),
        config=settings.path,
        scores=tuple(_several(options, "score")),
    )


def _several(options: Options, name: str) -> list[Any]:
    """Return an option that is a list once it is checked."""
    found: Any = options.get(name)
    return [] if found is None else list(found)


def _lanes(
    settings: Settings, options: Options, models: Sequence[tuple[str, str]], table: Table
) -> dict[str, LaneSettings]:
    used = {lane for lane, _ in models} or _of_others(table)
    made = settings.lanes(
        _overrides(options), defaults=options.get("lane_defaults", {}), used=sorted(used)
    )
    further = {name: True for name in ("stream", "raw") if options.get(name)}
    return {
        name: replace(lane, options={**lane.options, **further}) if further else lane
        for name, lane in made.items()
    }


def _of_others(table: Table) -> set[str]:
    """Return the providers of other packages that the table names; it is read if there are any."""
    others = set(provider_names()) - PROVIDERS.keys()
    if not others or "provider" not in table.header:
        return set()
    return others & {row.cells.get("provider", "").strip() for row in table}


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


def _prompt(
    prompt: str | Text, name: str, inputs: Inputs, options: Options, stdin: str | None
) -> Prompt:
    return Prompt(
        prompt,
        contexts=inputs.contexts,
        system=inputs.system,
        engine=options.get("engine", "plain"),
        stdin=stdin,
        root=inputs.root,
        name=name,
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


def _read(stdin: Any) -> str:
    import sys

    text = (sys.stdin if stdin is None else stdin).read()
    return text.decode("utf-8-sig") if isinstance(text, bytes) else str(text)
