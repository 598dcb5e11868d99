"""Make results and reports anew from the record of an experiment."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts import noted
from treadle.prompts.experiment import Experiment
from treadle.prompts.record import Endings
from treadle.prompts.results_file import ResultsFile
from treadle.prompts.results_files import ResultsFiles
from treadle.prompts.rows import Rows


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, and where."""

    rows: int
    place: str


def export(which: str | None, to: str | None = None) -> Written:
    """
    Write the results of an experiment, in the order of its table.

    Args:
        which: Its results file, or the id of its run; None for the newest.
        to: A file for all rows, CSV, TSV or JSONL by its suffix; None for where they belong.

    Raises:
        UsageError: There is no such experiment, or all that it asks has changed since.
        SinkFailed: The file cannot be written.
    """
    experiment, run = noted.again(which)
    bom = experiment.options.get("bom", False)
    with Endings(run) as endings:
        rows = Rows(experiment.items, endings)
        _check_known(rows, run)
        if to is not None:
            ResultsFile(Path(to), experiment.columns, bom=bom).finish(rows)
        else:
            ResultsFiles(experiment.columns, paths=experiment.paths, bom=bom).finish(rows)
        return Written(rows.count, to or str(experiment.output or "standard output"))


def report(which: str | None, to: Path | None = None) -> Written:
    """
    Write the page that compares prompts and models.

    Args:
        which: As for `export`.
        to: The page; None for one beside the results, named as they are.

    Raises:
        UsageError: As for `export`.
        SinkFailed: The page cannot be written.
    """
    from treadle.prompts.report import write_report

    experiment, run = noted.again(which)
    place = to or _beside(experiment)
    with Endings(run) as endings:
        rows = Rows(experiment.items, endings)
        _check_known(rows, run)
        write_report(rows, place, title=_title(experiment))
        return Written(rows.count, str(place))


def _check_known(rows: Rows, run: treadle.Run) -> None:
    """
    Refuse to write nothing where there was something.

    Raises:
        UsageError: No request is one that the record knows.
    """
    with closing(run):
        settled = run.ok + run.failed
    if settled and next(iter(rows), None) is None:
        raise treadle.UsageError(
            f"none of the {settled:,} requests in the record is asked by the experiment any more",
            hint="a prompt, a context or treadle.toml was changed or is gone: bring it back",
        )


def _beside(experiment: Experiment) -> Path:
    if experiment.output is None or experiment.output.is_templated:
        return experiment.place.folder / "report.html"
    return experiment.output.resolve({}).with_suffix(".html")


def _title(experiment: Experiment) -> str:
    return Path(str(experiment.output)).name if experiment.output else experiment.place.name
