"""Where an experiment keeps what it must not lose: beside its results, in ``.treadle``.

    results.csv
    .treadle/runs/<run id>/                     the record, answers included, as of every run
    .treadle/prompts/results.csv-1f2e3d4c/      what is ours beside it:
        experiment-<run id>.json                what the run was asked to do; see ``noted``
        inputs-…/                               the files it was made of, as they were; ``inputs``
        endings-…/                              a database while a session lasts; ``record``
        lock                                    of the process that runs it

The record is found again by the name of the run, which is made of where the results go, as seen
from the folder that all of this lies in. So the same command goes on where it stopped, after that
folder was moved or copied too, and another results file is another experiment.

Where nothing can lie beside the results, for they go to standard output or to what is no regular
file, such as ``/dev/null`` or a pipe, the current folder has the record.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.prompt_files import STDIN
from treadle.prompts.safe_paths import HIDDEN
from treadle.prompts.whole_file import is_stream

_NAME = "prompts "  # what the names of our runs begin with


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one experiment is kept.

    Attributes:
        name: Name of its runs.
        runs_dir: The folder of all runs.
        folder: Of its own; made when it is needed.
        only: The id of the one run of it that is meant; empty for all of them.
    """

    name: str
    runs_dir: Path
    folder: Path
    only: str = ""

    @classmethod
    def of(cls, output: OutputPath | None, experiments: str | None) -> Place:
        """
        Return the place of an experiment.

        Args:
            output: Where its results go; None for standard output.
            experiments: Path of its table, which tells experiments apart that have no results file;
                ``"-"`` for standard input, None for rows of a program.
        """
        if output is None:
            home, told, short = Path.cwd(), _of_table(experiments), "stdout"
        elif output.is_templated:
            home = output.folder.resolve()
            told = PathTemplate(str(output), home).rest
            short = told.rpartition("/")[2]
        elif is_stream(file := output.resolve({})):
            home, told, short = Path.cwd(), os.path.abspath(file), file.name  # noqa: PTH100
        else:
            # The same file is the same experiment, by whatever name or link.
            file = Path(os.path.realpath(file))
            home, told, short = file.parent, file.name, file.name
        digest = hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        plain = re.sub(r"[^\w.-]+", "_", short)[:40]
        # All runs in one place need names that tell folders apart.
        in_one_place = bool(os.environ.get("TREADLE_RUNS_DIR"))
        whole = f"standard output in {home}: {told}" if output is None else str(home / told)
        folder = home / HIDDEN / "prompts" / f"{plain}-{digest}"
        return cls.at(folder, _NAME + (whole if in_one_place else told))

    @classmethod
    def at(cls, folder: Path, name: str, only: str = "") -> Place:
        """Return the place with this folder of its own, and this name of its runs."""
        runs_dir = os.environ.get("TREADLE_RUNS_DIR")
        return cls(name, Path(runs_dir) if runs_dir else folder.parents[1] / "runs", folder, only)

    @property
    def home(self) -> Path:
        """The folder that all of it lies in, beside the results."""
        return self.folder.parents[2]

    def newest(self) -> treadle.Run | None:
        """Return the newest run of the experiment, or the one that is meant; None for none."""
        if self.only:
            return treadle.open(self.only, self.runs_dir)
        found = None
        for run in treadle.runs(self.runs_dir):
            if run.name == self.name:
                found = run
            else:
                run.close()
        return found


def _of_table(experiments: str | None) -> str:
    """Return what tells an experiment from others whose results go to standard output too."""
    if experiments is None:
        return "standard output"
    if experiments == STDIN:
        return "standard output of standard input"
    path = Path(os.path.realpath(experiments))
    here = Path.cwd()
    return f"standard output of {path.relative_to(here) if path.is_relative_to(here) else path}"


def is_ours(run: treadle.Run) -> bool:
    """Tell whether *run* is that of an experiment."""
    return (run.name or "").startswith(_NAME)
