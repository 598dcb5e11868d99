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
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.code.discovery import Found

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
            UsageError: It is a folder, or no path.
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
        return cls(typed, Path(os.path.realpath(file)), is_stream=False)

    @property
    def folder(self) -> Path:
        """The folder for what belongs to it; of no use for a stream."""
        assert self.file is not None
        return self.file.parent / HIDDEN / "code" / self.file.name

    @property
    def part(self) -> Path:
        """What the file is called until it is whole."""
        assert self.file is not None
        return self.file.with_name(f"{self.file.name}.part")

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


_HINT = "name a file that ends in .jsonl, .csv or .parquet, or - for standard output"
