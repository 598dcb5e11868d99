"""Where results go: a path that values of a row may stand in, without ever leaving its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import treadle
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.safe_paths import Protected, check_below, portable_name


class OutputPath:
    """
    The path of a results file.

    A path without variables is taken as it is typed. In one with variables, the names that hold
    them are made such that every system takes them; values in names of folders must not hold
    slashes or climb.

    Args:
        template: The path; not absolute ones are relative to *root*.
        root: Usually the current folder.
        inputs: Files that no row's results may go to, for they are read.

    Raises:
        UsageError: The text is empty or no template, or has ``..`` after a variable.
    """

    def __init__(self, template: str, root: Path, inputs: Iterable[Path] = ()) -> None:
        self._path = PathTemplate(template, root)
        self._protected = Protected(inputs)
        self._placed = lru_cache(maxsize=1024)(self._placed_now)

    def __str__(self) -> str:
        return self._path.text

    @property
    def is_templated(self) -> bool:
        """Whether it holds variables, so that rows may go to different files."""
        return self._path.is_templated

    @property
    def names(self) -> frozenset[str]:
        """The variables that have no default."""
        return self._path.names

    @property
    def folder(self) -> Path:
        """The folder in which all files lie that it can come to."""
        return self._path.fixed if self.is_templated else self._path.fixed.parent

    def resolve(self, values: Mapping[str, str]) -> Path:
        """
        Return the path for *values*.

        Raises:
            UsageError: A variable has no value.
            BadRowError: A value would lead out of the folder, or to a file that is read.
        """
        if not self.is_templated:
            return self._path.fixed
        return self._placed(tuple(self._path.filled(values)))

    def check(self) -> None:
        """
        Make sure that results may go to a path without variables.

        Raises:
            UsageError: It is a folder, a file that is read, or lies among the records.
        """
        if self.is_templated:
            return
        path = self._path.fixed
        if path.is_dir():
            raise treadle.UsageError(
                f"{str(self)!r} is a folder", hint=f"name a file in it: {path / 'results.csv'}"
            )
        if why := self._protected.why(path):
            raise treadle.UsageError(
                f"no results can go to {str(self)!r}: it {why}", hint="name another file"
            )

    def _placed_now(self, filled: tuple[str, ...]) -> Path:
        for folder in filled[:-1]:
            self._check_folder(folder)
        names = [
            portable_name(name) if template.variables else name
            for name, template in zip(filled, self._path.varied, strict=True)
        ]
        path = self._path.fixed.joinpath(*names)
        typed = "/".join(names)
        check_below(self._path.fixed, path, typed)
        if why := self._protected.why(path):
            raise treadle.BadRowError(
                f"no results can go to {typed!r}: it {why}",
                hint=f"put more than the variable into the path: {self}",
            )
        return path

    def _check_folder(self, name: str) -> None:
        if name.strip() in {"", ".", ".."} or "/" in name or "\\" in name:
            raise treadle.BadRowError(
                f"{name!r} cannot be a folder in the path {self}",
                hint="in the name of the file, slashes become _: put the variable there",
            )
