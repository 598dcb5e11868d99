"""The template engine Jinja2, for those who need loops and conditions; always in its sandbox.

Columns are variables; those whose name is no identifier are in ``cells["my column"]``. The
filters of the plain engine are there too, as ``{{ notes | trunc(200) }}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import jinja2
import jinja2.sandbox
from jinja2 import meta, nodes

import treadle
from treadle.prompts.filters import WITHOUT_ARGUMENT
from treadle.prompts.template import Filled
from treadle.prompts.text_files import TextFiles


class JinjaTemplate:
    """
    A text for Jinja2.

    Args:
        text: The template.
        name: What messages call it.
        files: Where the filter ``file`` reads.
        line: The line of its file at which it begins.

    Raises:
        UsageError: Jinja2 cannot read it.
    """

    def __init__(self, text: str, *, name: str, files: TextFiles, line: int = 1) -> None:
        # Prompts are no web pages: nothing is to be escaped.
        environment = jinja2.sandbox.SandboxedEnvironment(
            undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        environment.filters.update(_filters(files))
        try:
            tree = environment.parse(text)
            self._template = environment.from_string(tree)
        except jinja2.TemplateSyntaxError as error:
            raise treadle.UsageError(
                f"{name}, line {line + error.lineno - 1}: {error.message}",
                hint="for braces as text: {% raw %}...{% endraw %}",
            ) from error
        self._name = name
        known = {*environment.globals, "cells"}
        self.variables = frozenset(meta.find_undeclared_variables(tree) - known)
        self.names = self.variables - _optional(tree)

    def fill(self, values: Mapping[str, str], *, empty: bool = False) -> Filled:
        """
        Put *values* in.

        Args:
            values: The value of each variable.
            empty: Put nothing where a value is missing; else its name, in braces.

        Raises:
            BadRowError: Jinja2 cannot do what the template says with these values.
        """
        absent = jinja2.Undefined if empty else jinja2.DebugUndefined
        missing = [name for name in sorted(self.variables) if name not in values]
        known = {"cells": values, **{name: absent(name=name) for name in missing}, **values}
        try:
            text = self._template.render(known)
        except treadle.BadRowError:
            raise
        except Exception as error:  # it may hold any expression
            raise treadle.BadRowError(
                f"{self._name} cannot be filled: {type(error).__name__}: {error}",
                hint="check what the template does with the values of this row",
            ) from error
        return Filled(text, tuple(name for name in missing if name in self.names))


def _filters(files: TextFiles) -> dict[str, Callable[..., str]]:
    """Return the filters of the plain engine, save ``default``, which Jinja2 has."""
    return {
        **{name: _of_text(function) for name, function in WITHOUT_ARGUMENT.items()},
        "file": _of_text(lambda path: path and files.read(path)),
        "trunc": lambda value, most: str(value)[:most],
    }


def _of_text(function: Callable[[str], str]) -> Callable[[object], str]:
    return lambda value: function(str(value))


def _optional(tree: nodes.Template) -> frozenset[str]:
    """Return the variables that may be missing: all their uses have a default, or it is tested."""
    used = Counter(each.name for each in tree.find_all(nodes.Name) if each.ctx == "load")
    default: Counter[str] = Counter()
    for each in tree.find_all(nodes.Filter):
        if each.name in {"default", "d"} and isinstance(each.node, nodes.Name):
            default[each.node.name] += 1
    tests = [each for each in tree.find_all(nodes.Test) if each.name in {"defined", "undefined"}]
    tested = {each.node.name for each in tests if isinstance(each.node, nodes.Name)}
    return frozenset(name for name in used if name in tested or default[name] == used[name])
