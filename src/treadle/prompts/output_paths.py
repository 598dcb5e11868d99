"""Where results go: a path that values of a row may stand in, without ever leaving its folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import treadle
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.safe_paths import check_below, portable_name


class OutputPath:
    """
    The path of a results file.

    A path without variables is taken as it is typed. In one with variables, the names that hold
    them are made such that every system takes them; values in names of folders must not hold
    slashes or climb.

    Args:
        template: The path; not absolute ones are relative to *root*.
        root: Usually the current folder.

    Raises:
        UsageError: The text is empty or no template, or has ``..`` after a variable.
    """

    def __init__(self, template: str, root: Path) -> None:
        self._path = PathTemplate(template, root)
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
            BadRowError: A value would lead out of the folder.
        """
        if not self.is_templated:
            return self._path.fixed
        return self._placed(tuple(self._path.filled(values)))

    def _placed_now(self, filled: tuple[str, ...]) -> Path:
        for folder in filled[:-1]:
            self._check_folder(folder)
        names = [
            portable_name(name) if template.variables else name
            for name, template in zip(filled, self._path.varied, strict=True)
        ]
        path = self._path.fixed.joinpath(*names)
        check_below(self._path.fixed, path, "/".join(names))
        return path

    def _check_folder(self, name: str) -> None:
        if name.strip() in {"", ".", ".."} or "/" in name or "\\" in name:
            raise treadle.BadRowError(
                f"{name!r} cannot be a folder in the path {self}",
                hint="in the name of the file, slashes become _: put the variable there",
            )
