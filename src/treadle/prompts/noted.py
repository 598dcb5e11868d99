"""What was asked for, noted for each run, so that results and reports can be made of it again.

The note says which options there were, and where the copies of the files are that the experiment
was made of. It also keeps what the record of the run cannot know: why lanes were closed, which
files hold results, and which requests may have been billed although they have no answer.

In the file, paths are relative to the folder that holds ``.treadle``, so that all of it can be
moved or copied.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit

import treadle
from treadle.prompts.assembling import assembled
from treadle.prompts.experiment import Experiment
from treadle.prompts.faults import site_of
from treadle.prompts.inputs import SCHEMA, write_text
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.outputs import Files
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.places import Place, is_ours
from treadle.prompts.safe_paths import HIDDEN
from treadle.prompts.whole_file import is_stream

_FORMAT = 3
_PATHS = ("folder", "table", "output", "reads", "written")
_PATHS_OF_OPTIONS = ("prompts", "context", "system", "config", "score", "stdin")
_PAGES = "pages"  # a file with the pages that `report` has written, a path on each line
_OF_ONE_SESSION = {
    "command", "fresh", "grace", "heard", "max_concurrent", "progress", "retry_errors", "reuse",
    "stdin",
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
        names: What the prompts are called.
        output: The results file; None for standard output.
        reads: The files that the experiment was made of, where they were.
        written: The files that hold its results, by their real paths.
        urls: Where the lanes lead that are asked, by their names; without what may be secret.
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
    names: list[str]
    output: str | None
    reads: list[str]
    written: list[str]
    urls: dict[str, str] = field(default_factory=dict)
    closed: dict[Hashable, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    forgotten: Counter[str] = field(default_factory=Counter)
    aside: int = 0

    @classmethod
    def of(cls, experiment: Experiment, files: Files, copies: Path, lanes: Iterable[str]) -> Self:
        """
        Make a note of an experiment, and the copies of its files but for the table.

        Args:
            experiment: The experiment.
            files: Those that its rows decide on.
            copies: The folder of the copies.
            lanes: The names of the lanes that are asked.

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
            names=[each.name for each in experiment.items.prompts],
            output=None if experiment.output is None else _whole(experiment.output),
            reads=[os.path.realpath(each) for each in reads],
            written=list(files.written),
            urls={name: shown_url(experiment.lanes[name].url) for name in lanes},
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a note; None when it is not there, damaged, or of another version."""
        try:
            facts = json.loads(path.read_text("utf-8"))
            if facts.pop("format") != _FORMAT:
                return None
            home = _home(path)
            facts = _with_paths(facts, lambda text: _absolute(text, home))
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
        home = str(_home(path))
        # What lies beside or below the current folder of then is moved along with it.
        top = self.folder if Path(home).is_relative_to(self.folder) else home
        facts = _with_paths(facts, lambda text: _relative(text, home, top))
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
            names=self.names,
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


def pages(place: Place) -> set[str]:
    """Return the pages that were written of an experiment, by their real paths."""
    try:
        text = (place.folder / _PAGES).read_text("utf-8", errors="surrogateescape")
    except OSError:
        return set()
    return {_absolute(line, place.home) for line in text.splitlines()}


def note_page(place: Place, page: Path) -> None:
    """
    Note that a page was written of an experiment.

    Raises:
        UsageError: It cannot be noted.
    """
    known = pages(place) | {os.path.realpath(page)}
    home = str(place.home)
    write_text(
        place.folder / _PAGES,
        "".join(f"{_relative(each, home, home)}\n" for each in sorted(known)),
    )


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
    return again_at(find(which))


def again_at(place: Place) -> tuple[Experiment, treadle.Run, Note]:
    """
    Make the experiment at *place* again; see `again`.

    Raises:
        UsageError: As `again`.
    """
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
        which: As for :func:`again`; one of several results files will do. Where it names a run,
            that run alone is meant.

    Raises:
        UsageError: There is none.
    """
    here = Place.of(None, None)
    if which is not None:
        place = Place.of(OutputPath(which, Path.cwd()), None)
        if any(place.folder.glob("experiment-*.json")):
            return place
        if (holder := _writer_of(Path(os.path.realpath(which)))) is not None:
            return holder
    run = _run(which, here.runs_dir)
    for path in here.folder.parent.glob(f"*/experiment-{run.id}.json"):
        return Place.at(path.parent, run.name or "", "" if which is None else run.id)
    raise treadle.UsageError(
        f"the run {run.id} is no experiment, or was made in another folder",
        hint="name its results file: treadle prompts export results.csv",
    )


def _writer_of(path: Path) -> Place | None:
    """Return the experiment that wrote *path* as one of its results files; None for none."""
    for folder in path.parents:
        for each in (folder / HIDDEN / "prompts").glob("*/experiment-*.json"):
            note = Note.read(each)
            if note is not None and str(path) in note.written:
                return Place.at(each.parent, note.name)
    return None


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


def _whole(output: OutputPath) -> str:
    """Return the path of results such that it is right in any current folder."""
    if output.is_templated:
        return os.path.join(output.folder.resolve(), PathTemplate(str(output), Path.cwd()).rest)  # noqa: PTH118  it has variables
    path = output.resolve({})
    return os.path.abspath(path) if is_stream(path) else os.path.realpath(path)  # noqa: PTH100


def shown_url(url: str) -> str:
    """Return *url* without a name, a password and a query: keys stand in them."""
    return site_of(url) + urlsplit(url).path.rstrip("/") if url else ""


# ── paths that are moved along ──────────────────────────────────────────────────────────────────

_MOVED = "./"  # how a path begins that is relative to the folder that holds `.treadle`


def _home(path: Path) -> Path:
    """Return the folder that holds `.treadle`, of the path of a note in it."""
    return path.parents[3]


def _relative(path: str, home: str, top: str) -> str:
    """Return *path*, seen from *home* if it lies below *top*, which is above *home* or the same."""
    if path != top and not path.startswith(os.path.join(top, "")):  # noqa: PTH118  no dots go
        return path
    up = "" if top == home else Path(os.path.relpath(top, home)).as_posix()
    rest = path[len(top) :].lstrip(f"/{os.sep}")
    return _MOVED + "/".join(each for each in (up, rest) if each)


def _absolute(text: str, home: Path) -> str:
    """Return the path that `_relative` has made *text* of."""
    if not text.startswith(_MOVED):
        return text
    rest = text.removeprefix(_MOVED)
    while rest == ".." or rest.startswith("../"):
        home, rest = home.parent, rest[3:]
    return os.path.join(home, rest) if rest else str(home)  # noqa: PTH118  it may have variables


def _with_paths(facts: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return what stands in a note with all of its paths changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return list(map(changed, value))
        if value is None:
            return None
        schema = SCHEMA if value.startswith(SCHEMA) else ""
        return schema + change(value.removeprefix(schema))

    options = dict(facts["options"])
    options |= {name: changed(options[name]) for name in _PATHS_OF_OPTIONS if name in options}
    return {**facts, **{name: changed(facts[name]) for name in _PATHS}, "options": options}
