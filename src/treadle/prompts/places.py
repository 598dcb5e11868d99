"""Where an experiment keeps what it must not lose: beside its results, in ``.treadle``.

    results.csv
    .treadle/runs/<run id>/                     the record, answers included, as of every run
    .treadle/prompts/results.csv-1f2e3d4c/      what is ours beside it:
        experiment-<run id>.json                what the run was asked to do; see ``noted``
        inputs-…/                               the files it was made of, as they were; ``inputs``
        endings-…/                              a database while a session lasts; ``record``
        lock                                    of the process that runs it

The record is found again by the name of the run, which is made of where the results go. So the
same command goes on where it stopped, and another results file is another experiment.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.safe_paths import HIDDEN

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
    def of(cls, output: OutputPath | None, experiments: str) -> Place:
        """
        Return the place of an experiment.

        Args:
            output: Where its results go; None for standard output.
            experiments: Path of its table, which tells experiments apart that have no results file.
        """
        if output is None:
            root = Path.cwd()
            told = "standard output of " + (
                "standard input" if experiments == "-" else str(Path(experiments).resolve())
            )
            short = "stdout"
        else:
            # The same files are the same experiment, from whichever folder they are named.
            root, short = output.folder.resolve(), Path(str(output)).name
            whole = os.path.normpath(Path.cwd() / str(output))
            told = whole if output.is_templated else str(root / short)
        hidden = root / HIDDEN
        digest = hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        plain = re.sub(r"[^\w.-]+", "_", short)[:40]
        runs_dir = os.environ.get("TREADLE_RUNS_DIR")
        return cls(
            _NAME + told,
            Path(runs_dir) if runs_dir else hidden / "runs",
            hidden / "prompts" / f"{plain}-{digest}",
        )

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


def is_ours(run: treadle.Run) -> bool:
    """Tell whether *run* is that of an experiment."""
    return (run.name or "").startswith(_NAME)
