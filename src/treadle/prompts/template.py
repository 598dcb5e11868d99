"""Texts with variables: what a template promises, whichever engine fills it.

The plain engine is in :mod:`~treadle.prompts.plain_template`, where its syntax is explained; the
other one, Jinja2, is in :mod:`~treadle.prompts.jinja_template` and loaded when it is asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import treadle
from treadle.prompts.text_files import TextFiles


@dataclass(frozen=True, slots=True)
class Filled:
    """
    A template with values put in.

    Attributes:
        text: The text.
        missing: The variables without a value, each once, in the order of the text.
    """

    text: str
    missing: tuple[str, ...] = ()


class Template(Protocol):
    """A text with variables."""

    @property
    def names(self) -> frozenset[str]:
        """The variables that have no default."""

    @property
    def variables(self) -> frozenset[str]:
        """All variables, those with a default too."""

    def fill(self, values: Mapping[str, str], *, empty: bool = False) -> Filled:
        """
        Put *values* in. They are never looked at for variables of their own.

        Args:
            values: The value of each variable.
            empty: Put nothing where a value is missing; else the variable stays as it is typed.

        Raises:
            BadRowError: A filter cannot work on the value, such as ``file`` on a file that is
                not there.
        """


def compiled(
    text: str,
    *,
    name: str = "prompt",
    engine: str = "plain",
    files: TextFiles | None = None,
    line: int = 1,
) -> Template:
    """
    Read *text* as a template.

    Args:
        text: The template.
        name: What messages call it, such as the name of its file.
        engine: ``"plain"`` or ``"jinja"``.
        files: Where the filter ``file`` reads; default: below the current folder.
        line: The line of its file at which the text begins, for messages.

    Raises:
        UsageError: The text is no template, or there is no such engine.
        MissingExtra: Jinja2 is not installed.
    """
    files = TextFiles() if files is None else files
    if engine == "plain":
        from treadle.prompts.plain_template import PlainTemplate

        return PlainTemplate(text, name=name, files=files, line=line)
    if engine == "jinja":
        if importlib.util.find_spec("jinja2") is None:
            raise treadle.MissingExtra("jinja2", None, purpose="the template engine 'jinja'")
        from treadle.prompts.jinja_template import JinjaTemplate

        return JinjaTemplate(text, name=name, files=files, line=line)
    raise treadle.UsageError(f"no template engine {engine!r}", hint="known are: plain, jinja")
