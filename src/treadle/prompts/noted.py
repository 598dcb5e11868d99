"""What was asked for, noted for each run, so that results and reports can be made of it again.

The note says which options there were, and where the copies of the files are that the experiment
was made of. It also keeps what the record of the run cannot know: why lanes were closed, which
files hold results, and which requests may have been billed although they have no answer.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, cast

import treadle
from treadle.prompts.assembling import assembled
from treadle.prompts.experiment import Experiment
from treadle.prompts.inputs import write_text
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.outputs import Files
from treadle.prompts.places import Place, is_ours

_FORMAT = 2
_OF_ONE_SESSION = {
    "command", "fresh", "grace", "max_concurrent", "progress", "retry_errors", "reuse", "stdin",
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Note:
    """
    What is noted of a run.

    Attributes:
        name: Name of the run.
        folder: What paths were relative to.
        table: The copy of the table.
        options: The options, files among them standing for their copies; ``prompts`` too.
        output: The results file; None for standard output.
        reads: The files that the experiment was made of, where they were.
        written: The files that hold its results, by their real paths.
        closed: Why lanes are closed, by lane, since the last session.
        begun: Keys of requests that had begun, and had no ending, when a session was killed.
        forgotten: How often requests may have been billed whose failure the record has forgotten,
            for they were asked again.
        aside: The number of endings in the record that are of requests which are not asked any
            more, and so are not in the results.
    """

    name: str
    folder: str
    table: str
    options: dict[str, Any]
    output: str | None
    reads: list[str]
    written: list[str]
    closed: dict[Hashable, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    forgotten: Counter[str] = field(default_factory=Counter)
    aside: int = 0

    @classmethod
    def of(cls, experiment: Experiment, files: Files, copies: Path) -> Self:
        """
        Make a note of an experiment, and the copies of its files but for the table.

        Args:
            experiment: The experiment.
            files: Those that its rows decide on.
            copies: The folder of the copies.

        Raises:
            UsageError: They cannot be written.
        """
        inputs = experiment.inputs
        kept: dict[str, Any] = {
            name: value
            for name, value in experiment.options.items()
            if name not in _OF_ONE_SESSION and value is not None
        }
        if "max_cost" in kept:
            kept["max_cost"] = str(kept["max_cost"])
        kept |= inputs.copied(copies, files.named, experiment.stdin)
        folders = {each.text: each.fixed for each in inputs.varied()}
        reads = [*inputs.fixed(), *(folders[text] / rest for text, rest in files.named)]
        return cls(
            name=experiment.place.name,
            folder=str(inputs.root),
            table=str(experiment.items.table.path.resolve()),
            options=kept,
            output=None if experiment.output is None else _whole(str(experiment.output)),
            reads=[os.path.realpath(each) for each in reads],
            written=list(files.written),
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a note; None when it is not there, damaged, or of another version."""
        try:
            facts = json.loads(path.read_text("utf-8"))
            if facts.pop("format") != _FORMAT:
                return None
            closed = {_hashable(lane): why for lane, why in facts.pop("closed")}
            begun, forgotten = set(facts.pop("begun")), Counter(facts.pop("forgotten"))
            return cls(closed=closed, begun=begun, forgotten=forgotten, **facts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, path: Path) -> None:
        """
        Write it.

        Raises:
            UsageError: It cannot be written.
        """
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        facts |= {
            "format": _FORMAT,
            "closed": list(self.closed.items()),
            "begun": sorted(self.begun),
            "forgotten": dict(self.forgotten),
        }
        write_text(path, json.dumps(facts, indent=1, default=str))

    def experiment(self, place: Place) -> Experiment:
        """
        Make the experiment again.

        Raises:
            UsageError: What it needs is gone.
        """
        options = dict(self.options)
        prompts = options.pop("prompts")
        said = options.pop("stdin", None)
        if said is not None:
            # Through surrogates, as what came by standard input had them.
            text = Path(said).read_bytes().decode("utf-8", "surrogateescape")
            options["stdin"] = io.StringIO(text, newline="")
        return assembled(
            self.table,
            prompts,
            self.output,
            cast("Options", options),
            root=Path(self.folder),
            place=place,
            protected=map(Path, self.reads),
        )


def path_of(place: Place, run_id: str) -> Path:
    """Return where the note of a run is."""
    return place.folder / f"experiment-{run_id}.json"


def notes(place: Place) -> Iterator[Note]:
    """Yield the notes of all runs of an experiment, the oldest first."""
    for path in sorted(place.folder.glob("experiment-*.json")):
        found = Note.read(path)
        if found is not None:
            yield found


def sweep(place: Place, prefixes: Iterable[str]) -> None:
    """
    Remove what is of no use any more: copies that no note names, and what a killed session left.

    Args:
        place: The experiment, which nobody else must be running.
        prefixes: What the names of folders begin with that may go, if no note names them.
    """
    used = {Path(each.table).parent.parent for each in notes(place)}
    used |= {each.resolve() for each in used}
    for prefix in prefixes:
        for folder in place.folder.glob(f"{prefix}*"):
            if folder not in used and folder.resolve() not in used:
                shutil.rmtree(folder, ignore_errors=True)


def again(which: str | None) -> tuple[Experiment, treadle.Run, Note]:
    """
    Make an experiment again, from its note.

    Args:
        which: Its results file, or the id or name of its run; None for the newest one.

    Returns:
        The experiment, the run that is meant, and what was noted of it.

    Raises:
        UsageError: There is no such experiment, or what it needs is gone.
    """
    place = find(which)
    run = place.newest()
    found = None if run is None else Note.read(path_of(place, run.id))
    if run is None or found is None:
        raise treadle.UsageError(
            f"there is no record of {place.name.partition(' ')[2]!r}",
            hint="treadle prompts status lists the experiments of this folder",
        )
    return found.experiment(place), run, found


def find(which: str | None) -> Place:
    """
    Return the place of an experiment.

    Args:
        which: As for :func:`again`. Where it names a run, that run alone is meant.

    Raises:
        UsageError: There is none.
    """
    here = Place.of(None, "-")
    if which is not None:
        place = Place.of(OutputPath(which, Path.cwd()), "-")
        if any(place.folder.glob("experiment-*.json")):
            return place
    run = _run(which, here.runs_dir)
    for path in here.folder.parent.glob(f"*/experiment-{run.id}.json"):
        place = Place(run.name or "", here.runs_dir, path.parent)
        return place if which is None else replace(place, only=run.id)
    raise treadle.UsageError(
        f"the run {run.id} is no experiment, or was made in another folder",
        hint="name its results file: treadle prompts export results.csv",
    )


def _run(which: str | None, runs_dir: Path) -> treadle.Run:
    if which is not None:
        return treadle.open(which, runs_dir)
    ours = [run for run in treadle.runs(runs_dir) if is_ours(run)]
    if not ours:
        raise treadle.UsageError(
            f"there is no experiment in {runs_dir}",
            hint="name its results file, or begin one: treadle prompts run --help",
        )
    return ours[-1]


def _hashable(lane: Any) -> Hashable:
    return tuple(lane) if isinstance(lane, list) else str(lane)


def _whole(path: str) -> str:
    return os.path.join(Path.cwd(), Path(path).expanduser())  # noqa: PTH118  as typed
