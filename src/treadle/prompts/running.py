"""Run an experiment, or find out what that would do: where programs and commands begin.

The same call again goes on where the last one stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, Unpack

import treadle
from treadle.prompts import inputs, noted, record
from treadle.prompts.assembling import assembled
from treadle.prompts.display import checking
from treadle.prompts.experiment import Experiment
from treadle.prompts.extra import check_extra
from treadle.prompts.lock import only_one
from treadle.prompts.noted import Note
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.outputs import check_outputs, files_of
from treadle.prompts.places import Place
from treadle.prompts.plans import Plan
from treadle.prompts.record import Endings
from treadle.prompts.reusing import Reused
from treadle.prompts.session import Report, Session

__all__ = ["Report", "plan", "run"]


def run(
    experiments: str | os.PathLike[str],
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Ask each row of a table with each prompt, and write the answers beside the rows.

    Args:
        experiments: The table, CSV or JSONL, with a header; ``"-"`` for standard input.
        prompts: The prompt file, or several.
        output: The results: CSV, TSV or JSONL by its suffix; the path may hold ``{{variables}}``.
            None for standard output.
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
    out = None if output is None else OutputPath(os.fspath(output), Path.cwd())
    place = Place.of(out, os.fspath(experiments))
    with (
        only_one(place.folder, str(output or "standard output")),
        _Copies(place) as copies,
        ExitStack() as stack,
    ):
        experiment = assembled(
            experiments, _several(prompts), output, options, copy_to=copies.folder
        )
        files = files_of(experiment.items, experiment.inputs, experiment.output)
        known = {path for note in noted.notes(place) for path in note.written}
        check_outputs(files, experiment.inputs, known)
        earlier = None if options.get("fresh") else place.newest()
        endings = stack.enter_context(Endings(earlier, place.folder))
        redo = endings.failed() if options.get("retry_errors") else []
        if redo:
            endings.forget_failed()
        with checking(options.get("progress") or "none", experiment.items.rows):
            planned = experiment.plan(endings)
        _check(planned)
        if not planned.items:
            return _nothing(experiment, planned, began)
        note = Note.of(experiment, files, copies.folder)
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


def plan(
    experiments: str | os.PathLike[str],
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
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
    earlier = None if options.get("fresh") else experiment.place.newest()
    with Endings(earlier, answers=False) as endings:
        if options.get("retry_errors"):
            endings.forget_failed()
        with checking(options.get("progress") or "none", experiment.items.rows):
            return experiment.plan(endings)


def _several(
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> list[str | os.PathLike[str]]:
    return [prompts] if isinstance(prompts, str | os.PathLike) else list(prompts)


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
