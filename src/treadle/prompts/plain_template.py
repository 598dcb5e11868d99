"""The plain template engine: a text with ``{{variables}}``, read once and filled in one pass.

``{{topic}}``, ``{{ my column }}``   the value of a column, whatever its name
``{{topic|upper|trunc:20}}``         ... through filters: see :mod:`~treadle.prompts.filters`
``{{topic|default:none}}``           ... or this, when it is missing or empty
``{{{{topic}}}}``                    the text ``{{topic}}``
``{% raw %}...{% endraw %}``         the text between, as it is

Values are put in and never looked at again. Braces that make no variable are text, so that JSON
and LaTeX need no escapes: a ``{{`` must close with ``}}`` on its line, without other braces, line
ends, backslashes or double quotes in the name. Only what looks like a variable that somebody
forgot to close is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import treadle
from treadle.prompts.filters import Filter, filter_for
from treadle.prompts.template import Filled
from treadle.prompts.text_files import TextFiles

_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}")
_END = re.compile(r"\{%-?\s*endraw\s*-?%\}")
_BRACES = re.compile(r"\{+|\}+")
_INSIDE = re.compile(r"([^{}]*+)\}\}")
_BEGUN = re.compile(r"[^{}|\n]*")
_NAME = re.compile(r"[^\W\d][\w .-]*")


@dataclass(frozen=True, slots=True)
class _Variable:
    """One ``{{...}}`` in the text."""

    name: str
    typed: str
    filters: tuple[Filter, ...]

    @property
    def has_default(self) -> bool:
        return any(each.name == "default" for each in self.filters)

    def fill(self, value: str | None) -> str | None:
        """Return what stands in its place; None when there is nothing."""
        for each in self.filters:
            value = each(value)
        return value


class PlainTemplate:
    """
    A text with ``{{variables}}``.

    Args:
        text: The template.
        name: What messages call it.
        files: Where the filter ``file`` reads.
        line: The line of its file at which it begins.

    Raises:
        UsageError: A variable is not closed, or a filter is not known.
    """

    def __init__(self, text: str, *, name: str, files: TextFiles, line: int = 1) -> None:
        self._parts = _merged(_parts(text, name, files, line))
        found = [part for part in self._parts if isinstance(part, _Variable)]
        self.variables = frozenset(each.name for each in found)
        self.names = frozenset(each.name for each in found if not each.has_default)

    def fill(self, values: Mapping[str, str], *, empty: bool = False) -> Filled:
        """
        Put *values* in.

        Args:
            values: The value of each variable.
            empty: Put nothing where a value is missing; else the variable stays as it is typed.

        Raises:
            BadRowError: A filter cannot work on the value.
        """
        texts: list[str] = []
        missing: dict[str, None] = {}
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            text = part.fill(values.get(part.name))
            if text is None:
                missing[part.name] = None
                text = (part.fill("") or "") if empty else part.typed
            texts.append(text)
        return Filled("".join(texts), tuple(missing))


def _merged(parts: Iterator[str | _Variable]) -> tuple[str | _Variable, ...]:
    """Join texts that follow each other: a prompt is filled for each of a million rows."""
    merged: list[str | _Variable] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        merged += ["".join(texts), part]
        texts = []
    return (*merged, "".join(texts))


def _parts(text: str, name: str, files: TextFiles, line: int) -> Iterator[str | _Variable]:
    """Take the text apart: raw blocks, and lines between them."""
    for piece, is_raw in _pieces(text):
        if is_raw:
            yield piece
            line += piece.count("\n")
            continue
        for each in piece.splitlines(keepends=True):
            yield from _line(each, f"{name}, line {line}", files)
            line += each.endswith("\n")  # they part at form feeds and others too


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Part the text into pieces that are templates and pieces that are raw."""
    at = 0
    while opening := _RAW.search(text, at):
        closing = _END.search(text, opening.end())
        if closing is None:
            break  # never closed: text
        yield text[at : opening.start()], False
        yield text[opening.end() : closing.start()], True
        at = closing.end()
    yield text[at:], False


def _line(line: str, where: str, files: TextFiles) -> Iterator[str | _Variable]:
    """
    Take one line apart.

    Of a run of opening braces, each four are an escape for two; of what is left, the last two
    open a variable. Closing braces are an escape only after an opening one, for ``}}}}`` is
    what nested JSON ends with.
    """
    balanced = line.count("{") == line.count("}")
    at = 0
    escapes = 0
    while run := _BRACES.search(line, at):
        yield line[at : run.start()]
        at = run.end()
        if run[0][0] == "}":
            closed = min(escapes, len(run[0]) // 4)
            escapes -= closed
            yield "}" * (len(run[0]) - 2 * closed)
            continue
        escaped, left = divmod(len(run[0]), 4)
        escapes += escaped
        yield "{{" * escaped + "{" * (left % 2)
        if left < 2:
            continue
        inside = _INSIDE.match(line, at)
        variable = None if inside is None else _variable(inside[1], where, files)
        if variable is None or inside is None:
            if not balanced:
                _check_begun(line, at, where)
            yield "{{"
        else:
            yield variable
            at = inside.end()
    yield line[at:]


def _variable(inside: str, where: str, files: TextFiles) -> _Variable | None:
    """Read what stands between the braces; None when it is no variable."""
    name, *filters = (each.strip() for each in inside.split("|"))
    if not name or "\\" in name or '"' in name:
        return None
    return _Variable(
        name=name,
        typed="{{" + inside + "}}",
        filters=tuple(filter_for(each, where, files) for each in filters),
    )


def _check_begun(line: str, at: int, where: str) -> None:
    """Refuse what begins like a variable: in a line whose braces match it may be anything."""
    begun = _BEGUN.match(line, at)
    name = begun[0].strip() if begun is not None else ""
    if _NAME.fullmatch(name) is not None:
        raise treadle.UsageError(
            f"{where}: {{{{{name} is not closed",
            hint=f"{{{{{name}}}}} is a variable; for braces as text, write {{{{{{{{ for {{{{",
        )
