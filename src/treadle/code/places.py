"""Where an output goes, and where what belongs to it is kept beside it.

    chunks.jsonl
    chunks.jsonl.part                    until it is whole
    .treadle/code/chunks.jsonl/          what is ours beside it:
        files.sqlite                     files and chunks, while they are needed; ``store``
        report.json, files.jsonl         what became of them; ``kept``
        runs/<run id>/                   the record of the last run
        lock                             of the process that is at it

Where nothing can lie beside it, for it is standard output, a pipe or a device, all of it is in a
temporary folder, and such a run cannot be gone on with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.cli import whole
from treadle.code.discovery import Found
from treadle.code.outputs import SUFFIXES

HIDDEN = ".treadle"
"""The folder in which Treadle keeps its records; nothing in it is ever chunked."""

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one output goes.

    Attributes:
        typed: As it was given; ``"-"`` for standard output.
        file: The file itself, behind any links; None for standard output.
        is_stream: Nothing can lie beside it, and it cannot be replaced.
    """

    typed: str
    file: Path | None
    is_stream: bool

    @classmethod
    def of(cls, into: str | os.PathLike[str]) -> Place:
        """
        Return the place of an output.

        Args:
            into: The path of a file; ``"-"`` for standard output.

        Raises:
            UsageError: It is a folder, no path, or a link to a file with another suffix.
        """
        typed = os.fspath(into)
        if typed == STDOUT:
            return cls(typed, None, is_stream=True)
        if not isinstance(typed, str) or not typed or "\0" in typed:
            raise treadle.UsageError(f"cannot write chunks into {typed!r}", hint=_HINT)
        if Path(typed).is_dir() or typed.endswith(("/", os.sep)):
            raise treadle.UsageError(f"{typed!r} is a folder", hint=_HINT)
        file = Path(typed)
        if file.exists() and not file.is_file():
            return cls(typed, file, is_stream=True)  # a pipe in /dev/fd has no real path
        real = Path(os.path.realpath(file))
        if real.suffix != file.suffix:  # whoever is sent a tree is sent its links, too
            raise treadle.UsageError(
                f"{typed!r} is a link to {str(real)!r}, which is no such file",
                hint="name the file itself, or remove the link",
            )
        return cls(typed, real, is_stream=False)

    @property
    def folder(self) -> Path:
        """The folder for what belongs to it; of no use for a stream."""
        assert self.file is not None
        return self.file.parent / HIDDEN / "code" / self.file.name

    @property
    def part(self) -> Path:
        """What the file is called until it is whole."""
        assert self.file is not None
        return self.file.with_name(f"{self.file.name}{_PART}")

    def hide_from_git(self) -> None:
        """Keep git from showing what is ours, unless somebody has decided about that."""
        ignore = self.folder.parent / ".gitignore"
        if not ignore.exists():
            with suppress(OSError), whole(ignore) as stream:  # then it is shown, and no more
                stream.write(b"*\n")

    def without_ours(self, files: Iterable[Found]) -> list[Found]:
        """Return *files* without the output itself, its part, and the records of Treadle."""
        names: tuple[str, ...] = ()
        ours: tuple[str, ...] = ()
        if self.file is not None:
            ours = (str(self.file), str(self.part))
            names = (self.file.name, self.part.name)
        return [
            each
            for each in files
            if not (HIDDEN in each.path and HIDDEN in each.path.split("/"))
            and not (each.file.endswith(names) and os.path.realpath(each.file) in ours)
        ]


class Outputs:
    """Tells outputs among other files: beside each is what belongs to it."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def has(self, file: str) -> bool:
        """Tell whether a file is an output, or one that is not whole yet."""
        if not file.endswith(_ENDINGS):
            return False
        folder, name = os.path.split(file)
        if folder not in self._known:
            self._known[folder] = _outputs_in(folder)
        return name.removesuffix(_PART) in self._known[folder]


def _outputs_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(each.name for each in Path(folder, HIDDEN, "code").iterdir())
    except OSError:
        return frozenset()


_PART = ".part"
_ENDINGS = (*SUFFIXES, *(f"{suffix}{_PART}" for suffix in SUFFIXES))
_HINT = "name a file that ends in .jsonl, .csv or .parquet, or - for standard output"
