"""The experiments that there are in a folder, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts import noted
from treadle.prompts.places import Place
from treadle.prompts.safe_paths import HIDDEN


@dataclass(frozen=True, slots=True)
class Experimented:
    """
    An experiment that was found.

    Attributes:
        place: Where it is kept.
        title: Its results file, or what stands in its place.
        run: Id of its newest run.
        state: As ``treadle.Run.state``.
        began: When that run began, as ISO 8601 with the zone.
        total: Requests; None where that is not known.
        ok: Those that were answered.
        failed: Those that failed.
    """

    place: Place
    title: str
    run: str
    state: str
    began: str
    total: int | None
    ok: int
    failed: int


_Sign = tuple[tuple[str, int, int], ...]


class Experiments:
    """Experiments of some folders; one whose files have not changed is not read again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Sign, Experimented | None]] = {}

    def look(self, homes: Iterable[Path]) -> list[Experimented]:
        """
        Return the experiments whose results lie in these folders, the newest first.

        Those whose record is gone or cannot be read are left out.

        Args:
            homes: The folders.
        """
        known, self._known = self._known, {}
        for home in homes:
            for folder in (home / HIDDEN / "prompts").glob("*/"):
                notes = sorted(folder.glob("experiment-*.json"), reverse=True)
                sign = _sign(folder, notes)
                before, one = known.get(folder, (None, None))
                # Nothing is written when a process that runs one is killed.
                if before != sign or (one is not None and one.state == "running"):
                    one = next(filter(None, map(_experimented, notes)), None)
                self._known[folder] = sign, one
        found = [one for _, one in self._known.values() if one is not None]
        return sorted(found, key=lambda each: each.began, reverse=True)


def _sign(folder: Path, notes: list[Path]) -> _Sign:
    """Return what changes when something is written of an experiment."""
    found = [*notes]
    runs = Place.at(folder.resolve(), "").runs_dir
    for note in notes:
        run = runs / note.stem.removeprefix("experiment-")
        with suppress(OSError):
            found += run.iterdir()
    sign = []
    for path in found:
        with suppress(OSError):
            about = path.stat()
            if about.st_size and not path.name.endswith("-shm"):  # what reading makes is no news
                sign.append((path.name, about.st_mtime_ns, about.st_size))
    return tuple(sorted(sign))


def _experimented(path: Path) -> Experimented | None:
    note = noted.Note.read(path)
    if note is None:
        return None
    place = Place.at(path.parent.resolve(), note.name)
    run_id = path.stem.removeprefix("experiment-")
    try:
        with closing(treadle.open(run_id, place.runs_dir)) as run:
            return Experimented(
                place,
                note.output or note.name.partition(" ")[2],
                run.id,
                run.state,
                run.began.isoformat(timespec="seconds"),
                run.total,
                run.ok,
                run.failed,
            )
    except treadle.UsageError:
        return None
