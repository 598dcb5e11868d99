"""Run an experiment, or find out what that would do: where programs and commands begin.

The same call again goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeAlias, Unpack

import treadle
from treadle.prompts import inputs, noted, record
from treadle.prompts.assembling import assembled
from treadle.prompts.display import checking
from treadle.prompts.experiment import Experiment
from treadle.prompts.extra import check_extra
from treadle.prompts.given import Experiments, output_name, table_name
from treadle.prompts.lock import only_one
from treadle.prompts.noted import Note
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.outputs import check_outputs, files_of
from treadle.prompts.places import Place
from treadle.prompts.plans import Plan
from treadle.prompts.prompt_files import Text
from treadle.prompts.record import Endings
from treadle.prompts.reusing import Reused
from treadle.prompts.session import Report, Session

__all__ = ["Report", "arun", "plan", "run"]

Prompts: TypeAlias = str | os.PathLike[str] | Text | Sequence[str | os.PathLike[str] | Text]
"""Prompts as `run` and `plan` take them."""


def run(
    experiments: Experiments,
    prompts: Prompts,
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Ask each row of a table with each prompt, and write the answers beside the rows.

    Args:
        experiments: The table, CSV or JSONL, with a header; ``"-"`` for standard input. Or its
            rows: mappings of columns to values, read once and kept beside the record.
        prompts: The prompt file or text, or several.
        output: The results: CSV, TSV or JSONL by its suffix; the path may hold ``{{variables}}``.
            None for standard output. The same results are the same experiment.
        options: See :class:`~treadle.prompts.options.Options`.

    Returns:
        What came of it. Where no row takes part there is no request in it, and no run.

    Raises:
        UsageError: Something cannot be read or makes no sense; nothing was sent.
        Interrupted: Ctrl-C; its ``report`` says how far it came.
        RunFailed: The run could not go on, such as for want of disk space. All answers that came
            are in the record.
    """
    check_extra()
    began = time.monotonic()
    results = output_name(output)
    out = None if results is None else OutputPath(results, Path.cwd())
    place = Place.of(out, table_name(experiments))
    with (
        only_one(place.folder, results or "standard output"),
        _Copies(place) as copies,
        ExitStack() as stack,
    ):
        experiment = assembled(
            experiments, _several(prompts), output, options, copy_to=copies.folder
        )
        with checking(options.get("progress") or "none", experiment.items.rows):
            files = files_of(experiment.items, experiment.inputs, experiment.output)
            known = {path for note in noted.notes(place) for path in note.written}
            check_outputs(files, experiment.inputs, known)
            earlier = None if options.get("fresh") else place.newest()
            endings = stack.enter_context(Endings(earlier, place.folder))
            redo = endings.failed() if options.get("retry_errors") else []
            if redo:
                endings.forget_failed()
            planned = _planned(experiment, earlier, endings)
        _check(planned)
        if heard := options.get("heard"):
            heard(planned)
        if not planned.items:
            return _nothing(experiment, planned, began)
        note = Note.of(experiment, files, copies.folder, planned.lanes)
        session = Session(
            experiment,
            planned,
            earlier,
            endings,
            note,
            redo=redo,
            reused=_reused(experiment, stack),
            began=began,
        )
        return session.run()


async def arun(
    experiments: Experiments,
    prompts: Prompts,
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Do what :func:`run` does, for callers in an event loop, which goes on meanwhile.

    The run is in a thread of its own. Whoever is cancelled while waiting for it waits no more, but
    the run goes on to its end.

    Args:
        experiments: As for `run`, and so on.
        prompts: The same.
        output: The same.
        options: The same.

    Raises:
        UsageError, RunFailed: As `run`.
    """
    return await asyncio.to_thread(run, experiments, prompts, output, **options)


def plan(
    experiments: Experiments,
    prompts: Prompts,
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Plan:
    """
    Find out what :func:`run` would send, cost and take; nothing is sent.

    Args:
        experiments: As for `run`, and so on.
        prompts: The same.
        output: The same.
        options: The same.

    Raises:
        UsageError: Something cannot be read or makes no sense.
    """
    experiment = assembled(experiments, _several(prompts), output, options)
    with checking(options.get("progress") or "none", experiment.items.rows):
        earlier = None if options.get("fresh") else experiment.place.newest()
        with Endings(earlier, answers=experiment.max_cost is not None) as endings:
            if options.get("retry_errors"):
                endings.forget_failed()
            return _planned(experiment, earlier, endings)


def _several(prompts: Prompts) -> list[str | os.PathLike[str] | Text]:
    return [prompts] if isinstance(prompts, str | os.PathLike | Text) else list(prompts)


def _planned(experiment: Experiment, earlier: treadle.Run | None, endings: Endings) -> Plan:
    """Find out what is to be done, and what is odd about going on with *earlier*."""
    spent = Decimal(0) if experiment.max_cost is None else endings.cost()
    planned = experiment.plan(endings, spent=spent)
    if earlier is None or not planned.answered:
        return planned
    before = Note.read(noted.path_of(experiment.place, earlier.id))
    if before is None:
        return planned
    moved = tuple(_moved(experiment, planned.lanes, before.urls))
    return replace(planned, warnings=(*planned.warnings, *moved))


def _moved(
    experiment: Experiment, lanes: Iterable[str], before: Mapping[str, str]
) -> Iterator[str]:
    """Say which lanes lead to another server than in an earlier session."""
    for name in lanes:
        url = noted.shown_url(experiment.lanes[name].url)
        if before.get(name, url) != url:
            yield (
                f"the lane {name} leads to {url or 'no server'} now: the answers of "
                f"{before[name] or 'no server'} are kept; --fresh asks the new one for all"
            )


def _check(planned: Plan) -> None:
    """
    Refuse to run what the plan has found to be wrong.

    Raises:
        UsageError: There is a problem; the first is named.
    """
    if planned.problems:
        more = len(planned.problems) - 1
        raise treadle.UsageError(
            planned.problems[0],
            hint="treadle prompts plan, with the same options, says all of it"
            + (f" ({more} more)" if more else ""),
        )


def _nothing(experiment: Experiment, planned: Plan, began: float) -> Report:
    return Report(
        name=experiment.place.name,
        place=experiment.place,
        output="" if experiment.output is None else str(experiment.output),
        elapsed=time.monotonic() - began,
        warnings=planned.warnings,
    )


def _reused(experiment: Experiment, stack: ExitStack) -> Reused | None:
    """Return the answers of other experiments that shall be taken; None for none."""
    names: Any = experiment.options.get("reuse", ())  # a list, once it is checked
    runs = [run for name in names if (run := noted.find(name).newest()) is not None]
    if not runs:
        return None
    reused = Reused(runs, experiment.place.folder)
    stack.callback(reused.close)
    return reused


class _Copies:
    """
    A folder for copies of an experiment's files, which goes again if no run has come of them.

    Args:
        place: The experiment; nobody else is running it.

    Attributes:
        folder: The folder.

    Raises:
        UsageError: It cannot be made.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        noted.sweep(place, (inputs.PREFIX, record.PREFIX))
        self.folder = inputs.new_folder(place.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        noted.sweep(self._place, (inputs.PREFIX,))
