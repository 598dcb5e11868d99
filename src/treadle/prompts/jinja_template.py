"""The template engine Jinja2, for those who need loops and conditions; always in its sandbox.

Columns are variables; those whose name is no identifier are in ``cells["my column"]``. The
filters of the plain engine are there too, as ``{{ notes | trunc(200) }}``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import treadle
from treadle.prompts.filters import WITHOUT_ARGUMENT
from treadle.prompts.template import Filled
from treadle.prompts.text_files import TextFiles

if importlib.util.find_spec("jinja2") is None:
    raise treadle.MissingExtra("jinja2", None, purpose="a template for Jinja2")

import jinja2
import jinja2.meta
import jinja2.nodes
import jinja2.sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Missing(jinja2.StrictUndefined):
    """A variable without a value: it may be asked for, and writes down that it was used."""

    def __init__(self, name: str, missing: dict[str, None], *, empty: bool) -> None:
        super().__init__(name=name)
        self._missing = missing
        self._text = "" if empty else f"{{{{ {name} }}}}"

    def __str__(self) -> str:
        self._missing[str(self._undefined_name)] = None
        return self._text

    def __html__(self) -> str:
        return str(self)


class JinjaTemplate:
    """
    A text for Jinja2.

    Args:
        text: The template.
        name: What messages call it.
        files: Where the filter ``file`` reads.

    Raises:
        UsageError: Jinja2 cannot read it.
    """

    def __init__(self, text: str, *, name: str, files: TextFiles) -> None:
        environment = jinja2.sandbox.SandboxedEnvironment(
            undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        environment.filters.update(_filters(files))
        try:
            tree = environment.parse(text)
            self._template = environment.from_string(tree)
        except jinja2.TemplateSyntaxError as error:
            raise treadle.UsageError(
                f"{name}, line {error.lineno}: {error.message}",
                hint="for braces as text: {% raw %}...{% endraw %}",
            ) from error
        self._name = name
        known = {*environment.globals, "cells"}
        self.variables = frozenset(jinja2.meta.find_undeclared_variables(tree) - known)
        self.names = self.variables - _with_default(tree)
