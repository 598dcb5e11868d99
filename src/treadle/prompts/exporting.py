"""Make results and reports anew from the record of an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts import noted
from treadle.prompts.experiment import Experiment
from treadle.prompts.places import Place
from treadle.prompts.record import Endings
from treadle.prompts.results_file import ResultsFile
from treadle.prompts.rows import Rows
from treadle.prompts.safe_paths import Protected
from treadle.prompts.whole_file import is_stream


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, and where."""

    rows: int
    place: str


def export(which: str | Place | None, to: str | None = None) -> Written:
    """
    Write the results of an experiment, in the order of its table.

    Args:
        which: Its results file, the id of its run, or where it is kept; None for the newest.
        to: A file for all rows, CSV, TSV or JSONL by its suffix; None for where they belong.

    Raises:
        UsageError: There is no such experiment, or *to* is a file that it was made of.
        SinkFailed: The file cannot be written.
    """
    with _made(which) as (experiment, rows, reads):
        if to is not None:
            _check_free(Path(to), reads)
            bom = experiment.options.get("bom", False)
            ResultsFile(Path(to), experiment.columns, bom=bom).finish(rows)
        else:
            experiment.files.finish(rows)
        return Written(rows.count, to or str(experiment.output or "standard output"))


def report(which: str | Place | None, to: Path | None = None) -> Written:
    """
    Write the page that compares prompts and models.

    Args:
        which: As for `export`.
        to: The page; None for one beside the results, named as they are.

    Raises:
        UsageError: As for `export`; or *to* is None, and a file is there that is no page of this
            experiment.
        SinkFailed: The page cannot be written.
    """
    from treadle.prompts.page import write_report

    with _made(which) as (experiment, rows, reads):
        if to is not None:
            page = to
            _check_free(page, reads)
        else:
            page = _beside(experiment)
            if page.parent != experiment.place.folder:
                _check_free(page, reads)
                _check_ours(page, experiment)
        write_report(rows, page, title=_title(experiment))
        noted.note_page(experiment.place, page)
        return Written(rows.count, str(page))


@contextmanager
def _made(which: str | Place | None) -> Iterator[tuple[Experiment, Rows, list[Path]]]:
    """
    Make an experiment again; yield it, its rows, and the files that it was made of.

    Raises:
        UsageError: There is none, or it asks nothing of what its record has.
    """
    place = which if isinstance(which, Place) else noted.find(which)
    experiment, run, note = noted.again_at(place)
    with Endings(run, experiment.place.folder) as endings:
        rows = experiment.rows(endings, note.closed)
        _check_known(rows, run)
        yield experiment, rows, [*map(Path, note.reads), *experiment.inputs.fixed()]


def _check_free(path: Path, reads: Iterable[Path]) -> None:
    """
    Refuse to write over what the experiment was made of.

    Raises:
        UsageError: *path* is that.
    """
    if why := Protected(reads).why(path):
        raise treadle.UsageError(
            f"nothing can be written to {str(path)!r}: it {why}", hint="name another file"
        )


def _check_ours(page: Path, experiment: Experiment) -> None:
    """
    Refuse to write a page over another file, unless it is told to.

    Raises:
        UsageError: *page* is one.
    """
    is_empty = not page.exists() or not page.stat().st_size
    if not is_empty and os.path.realpath(page) not in noted.pages(experiment.place):
        raise treadle.UsageError(
            f"{str(page)!r} exists, and is no page of this experiment",
            hint=f"--to FILE writes the page elsewhere, or over it: --to {page.name}",
        )


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
            hint="a file that the filter `file` reads was changed or is gone: bring it back",
        )


def _beside(experiment: Experiment) -> Path:
    output = experiment.output
    if output is None or output.is_templated or is_stream(path := output.resolve({})):
        return experiment.place.folder / "report.html"
    return path.with_suffix(".html")


def _title(experiment: Experiment) -> str:
    return Path(str(experiment.output)).name if experiment.output else experiment.place.name
