"""What was asked for, noted beside the record, so that results and reports can be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import treadle
from treadle.prompts.experiment import Experiment
from treadle.prompts.options import Options
from treadle.prompts.places import Place, is_ours

_FILE = "experiment.json"
_FORMAT = 1
_OF_ONE_SESSION = {
    "command", "fresh", "grace", "max_concurrent", "progress", "retry_errors", "reuse", "stdin",
}  # fmt: skip
_PATHS = ("system", "config")


def note(
    experiment: Experiment,
    experiments: str | os.PathLike[str],
    prompts: Sequence[str | os.PathLike[str]],
) -> None:
    """
    Note what *experiment* was made of, as it can be made again from any folder.

    A prompt that came by standard input is stored beside it.

    Raises:
        UsageError: It cannot be written.
    """
    place = experiment.place
    kept: dict[str, Any] = {
        name: value
        for name, value in experiment.options.items()
        if name not in _OF_ONE_SESSION and value is not None
    }
    if experiment.settings.path is not None:
        kept["config"] = experiment.settings.path  # found in the current folder, perhaps
    for name in _PATHS:
        if name in kept:
            kept[name] = _whole(kept[name])
    if "context" in kept:
        kept["context"] = [_whole(each) for each in kept["context"]]
    if "max_cost" in kept:
        kept["max_cost"] = str(kept["max_cost"])
    if experiment.stdin is not None:
        _write(place.folder / "prompt.txt", experiment.stdin)
    facts = {
        "format": _FORMAT,
        "name": place.name,
        "folder": str(Path.cwd()),
        "typed_table": os.fspath(experiments),
        "table": str(experiment.items.table.path.resolve()),
        "prompts": [
            str((place.folder / "prompt.txt").resolve()) if os.fspath(each) == "-" else _whole(each)
            for each in prompts
        ],
        "output": None if experiment.output is None else _whole(str(experiment.output)),
        "options": kept,
    }
    _write(place.folder / _FILE, json.dumps(facts, indent=1, default=str))


def again(which: str | None) -> tuple[Experiment, treadle.Run]:
    """
    Make an experiment again, from its note.

    Args:
        which: Its results file, or the id or name of its run; None for the newest one.

    Returns:
        The experiment, and its newest run.

    Raises:
        UsageError: There is no such experiment, or what it needs is gone.
    """
    place = find(which)
    run = place.newest()
    facts = _read(place.folder / _FILE)
    if run is None or facts is None:
        raise treadle.UsageError(
            f"there is no record of {place.name.partition(' ')[2]!r}",
            hint="treadle prompts status lists the experiments of this folder",
        )
    options = cast("Options", facts["options"])
    experiment = Experiment.of(
        facts["table"],
        facts["prompts"],
        facts["output"],
        options,
        copies=False,
        root=Path(facts["folder"]),
    )
    return experiment, run


def find(which: str | None) -> Place:
    """
    Return the place of an experiment.

    Args:
        which: As for :func:`again`.

    Raises:
        UsageError: There is none.
    """
    from treadle.prompts.output_paths import OutputPath

    here = Place.of(None, "-")
    if which is not None:
        place = Place.of(OutputPath(which, Path.cwd()), "-")
        if (place.folder / _FILE).exists():
            return place
    run = _run(which, here.runs_dir)
    for folder in sorted((here.runs_dir.parent / "prompts").glob("*/" + _FILE)):
        facts = _read(folder)
        if facts is not None and facts.get("name") == run.name:
            return Place(str(facts["name"]), here.runs_dir, folder.parent)
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


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        facts = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None  # of a run that never began, or damaged: as if it were not there
    fits = isinstance(facts, dict) and facts.get("format") == _FORMAT
    return facts if fits else None


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "utf-8", errors="surrogateescape")
        part.replace(path)
    except OSError as error:
        raise treadle.UsageError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="is the disk full, or the folder not yours?",
        ) from error


def _whole(path: str | os.PathLike[str]) -> str:
    return os.path.join(Path.cwd(), Path(os.fspath(path)).expanduser())  # noqa: PTH118  as typed
