"""Paths with variables: where the part that is fixed ends, and what each name after it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import treadle
from treadle.prompts.near import did_you_mean
from treadle.prompts.template import Template, compiled

# A slash inside of `{{...}}` parts no names.
_NAMES = re.compile(r"(?:\{\{[^{}\n]*\}\}|[^/])+")


class PathTemplate:
    """
    A path that may hold ``{{variables}}``.

    Args:
        text: The path as it is typed.
        root: What a path that is not absolute is relative to.

    Attributes:
        text: The path as it is typed.
        fixed: The folder in which all paths lie that it can come to; the whole path when it has
            no variables.
        varied: What comes after it: one template for each name, the last for the file.
        rest: What comes after it, as it is typed; empty when it has no variables.

    Raises:
        UsageError: The text is empty or no template, or has ``..`` after a variable.
    """

    def __init__(self, text: str, root: Path) -> None:
        if not text.strip() or "\x00" in text:
            raise treadle.UsageError(f"no file has the path {text!r}", hint="name a file")
        self.text = text
        names: list[str] = _NAMES.findall(text)
        templates = [compiled(name, name=f"the path {text}") for name in names]
        first = next((at for at, each in enumerate(templates) if each.variables), None)
        if first is not None and {".", ".."} & set(names[first:]):
            raise treadle.UsageError(
                f"the path {text} climbs after a variable", hint="put folders that are fixed first"
            )
        self.varied: tuple[Template, ...] = () if first is None else tuple(templates[first:])
        self.rest = "" if first is None else "/".join(names[first:])
        self.fixed = self._folder(root, templates[:first])

    def _folder(self, root: Path, templates: list[Template]) -> Path:
        names = [each.fill({}).text for each in templates]
        return Path("/", *names) if self.text.startswith("/") else root.joinpath(*names)

    @property
    def is_templated(self) -> bool:
        """Whether it holds variables."""
        return bool(self.varied)

    @property
    def names(self) -> frozenset[str]:
        """The variables that have no default."""
        return frozenset().union(*(each.names for each in self.varied))

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """
        Return the names after the fixed folder, one for each of ``varied``, with *values* put in.

        Raises:
            UsageError: A variable has no value.
        """
        names = []
        for template in self.varied:
            filled = template.fill(values)
            for name in filled.missing:
                raise treadle.UsageError(
                    f"the path {self.text} needs {{{{{name}}}}}, which has no value",
                    hint=did_you_mean(name, values, called="variables"),
                )
            names.append(filled.text)
        return names
