"""Read ``procedures.yml``: every mistake in it is named with its line, all of them at once.

PyYAML's nodes are walked here, since the values alone no longer know where they stood; pydantic
judges the values (`treadle.lab.schema.model`), and its errors get their lines back from that walk.
Names are taken as they are written: ``No`` and ``1`` are header names, not a bool and a number.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import treadle
from treadle.lab.errors import SchemaError
from treadle.lab.schema.spec import Schema

if TYPE_CHECKING:
    import yaml

_Place = tuple[object, ...]
_Mistake = tuple[int, str, str | None]  # line, what is wrong, what to do

_DEEPEST = 8  # a sound file has five levels; an alias that holds itself has no end
_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "bool", "null", "int", "float", "timestamp", "value")
)


@functools.cache
def default_schema() -> Schema:
    """
    Return the schema that comes with Treadle.

    Raises:
        MissingExtra: PyYAML or pydantic is not installed.
    """
    file = resources.files("treadle.lab.schema").joinpath("procedures.yml")
    return parse_schema(file.read_text("utf-8"), "procedures.yml of treadle")


def load_schema(path: str | os.PathLike[str] | None = None, *, with_default: bool = True) -> Schema:
    """
    Read the schema of a laboratory.

    Args:
        path: The laboratory's own file; None for what comes with Treadle.
        with_default: Lay the file over the schema that comes with Treadle: a procedure that it
            names replaces the default one as a whole, and so does a column of the manifest.

    Raises:
        SchemaError: The file cannot be read or is wrong; the message names every line.
        MissingExtra: PyYAML or pydantic is not installed.
    """
    if path is None:
        return default_schema() if with_default else Schema()
    own = parse_schema(_text(Path(path)), os.fspath(path))
    if not with_default:
        return own
    default = default_schema()
    return Schema(
        {**default.procedures, **own.procedures},
        {**default.manifest_columns, **own.manifest_columns},
    )


def check(path: str | os.PathLike[str]) -> str:
    """
    Check a laboratory's own file and say what it changes.

    Raises:
        SchemaError: The file cannot be read or is wrong; the message names every line.
        MissingExtra: PyYAML or pydantic is not installed.
    """
    own, default = load_schema(path, with_default=False), default_schema()
    lines = [f"{os.fspath(path)}: no mistakes, {_counted(len(own.procedures), 'procedure')}"]
    for name, procedure in own.procedures.items():
        old = default.get(name)
        change = "new" if old is None else "as before" if old == procedure else "replaces ours"
        fields = len(procedure.parameters) + len(procedure.metadata)
        columns = _counted(len(procedure.data), "column")
        lines.append(f"  {name}: {change}, {_counted(fields, 'header value')}, {columns}")
    if own.manifest_columns:
        lines.append(f"  columns of the manifest: {', '.join(own.manifest_columns)}")
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SchemaError(
            f"{path}: {error.strerror or error}", hint="give the path of your procedures.yml"
        ) from error
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"{path}: the file is not UTF-8 text", hint="save it as UTF-8 in your editor"
        ) from error


def parse_schema(text: str, name: str) -> Schema:
    """
    Read a schema from *text*; *name* stands for the file in messages.

    Raises:
        SchemaError: The text is wrong; the message names every line.
        MissingExtra: PyYAML or pydantic is not installed.
    """
    try:
        import pydantic
    except ModuleNotFoundError as error:
        raise treadle.MissingExtra("pydantic", "lab", purpose="checking procedures.yml") from error
    from treadle.lab.schema import model

    walk = _Walk()
    content = walk.content(text)
    if walk.mistakes:
        raise _error(name, walk.mistakes)
    try:
        return model.FileModel.model_validate(content).spec()
    except pydantic.ValidationError as error:
        mistakes = [
            (walk.line(model.place(each)), *model.in_words(each)) for each in error.errors()
        ]
        raise _error(name, mistakes) from None


def _error(name: str, mistakes: Sequence[_Mistake]) -> SchemaError:
    """Make one error of all *mistakes*; a single one has its hint where hints stand."""
    if len(mistakes) == 1:
        line, what, hint = mistakes[0]
        return SchemaError(f"{name}:{line}: {what}", hint=hint)
    lines = [
        f"{name}:{line}: {what}" + (f" ({hint})" if hint else "")
        for line, what, hint in sorted(mistakes, key=lambda mistake: mistake[0])
    ]
    return SchemaError("\n".join(lines), hint=f"correct these {len(lines)} lines")


class _Walk:
    """
    From text to plain values, with the line of each key.

    Attributes:
        mistakes: What is wrong as YAML, whatever it means.
    """

    def __init__(self) -> None:
        self.mistakes: list[_Mistake] = []
        self._lines: dict[_Place, int] = {(): 1}

    def line(self, place: _Place) -> int:
        """Return the line of the key at *place*, or of the nearest one around it."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]

    def content(self, text: str) -> object:
        """Return what *text* holds; it is of no use where there are mistakes."""
        try:
            import yaml
        except ModuleNotFoundError as error:
            raise treadle.MissingExtra("PyYAML", "lab", purpose="reading procedures.yml") from error
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            self.mistakes.append(_syntax(error, text))
            return None
        except RecursionError:
            self.mistakes.append((1, "brackets are nested too deeply", None))
            return None
        if not isinstance(node, yaml.MappingNode):
            hint = "a file starts with `procedures:`"
            self.mistakes.append((1, "the file holds no procedures", hint))
            return None
        return self._value(node, ())

    def _value(self, node: yaml.Node, place: _Place) -> object:
        import yaml

        if len(place) > _DEEPEST:
            self._mistake(node, "nested too deeply", "take the alias (*) out")
            return None
        if node.tag not in _TAGS:
            self._mistake(node, f"{node.tag} has no meaning here", "take it out")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, (*place, i)) for i, each in enumerate(node.value)]
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._mistake(node, f"{node.value!r} cannot be read", "put it in quotes")
            return None

    def _mapping(self, node: yaml.MappingNode, place: _Place) -> dict[str, object]:
        import yaml

        content: dict[str, object] = {}
        for key, value in self._pairs(node, len(place)):
            if not isinstance(key, yaml.ScalarNode):
                self._mistake(key, "a name is a list or a mapping", "put it in quotes")
                continue
            inner = (*place, key.value)
            if key.value in content:
                first = self._lines[inner]
                self._mistake(key, f"{key.value!r} stands twice", f"the first is in line {first}")
                continue
            self._lines[inner] = key.start_mark.line + 1
            content[key.value] = self._value(value, inner)
        return content

    def _pairs(self, node: yaml.MappingNode, depth: int) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return the pairs of *node*, then those it takes from others with ``<<`` and lacks."""
        import yaml

        merge = "tag:yaml.org,2002:merge"
        own = [(key, value) for key, value in node.value if key.tag != merge]
        names = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
        for key, value in node.value:
            if key.tag != merge:
                continue
            for other in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(other, yaml.MappingNode) or depth >= _DEEPEST:
                    self._mistake(key, "<< takes in what is no mapping", "<<: *name_of_a_mapping")
                    continue
                for taken in self._pairs(other, depth + 1):
                    if isinstance(taken[0], yaml.ScalarNode) and taken[0].value not in names:
                        names.add(taken[0].value)
                        own.append(taken)
        return own

    def _mistake(self, node: yaml.Node, what: str, hint: str | None) -> None:
        self.mistakes.append((node.start_mark.line + 1, what, hint))


def _syntax(error: yaml.YAMLError, text: str) -> _Mistake:
    """Say what PyYAML did not understand, and where."""
    import yaml

    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"a character that text cannot hold: {chr(error.character)!r}", "take it out"
    assert isinstance(error, yaml.MarkedYAMLError)
    what, mark = error.problem or error.context or "not YAML", error.problem_mark
    if "quoted scalar" in (error.context or ""):
        what, mark = "a quote that is never closed", error.context_mark
    line = 1 if mark is None else mark.line + 1
    if "another document" in what:
        return line, "a second document starts here", "take the line of three dashes out"
    if "'\\t'" in what:
        return line, "a tab where YAML wants spaces", "indent with spaces only"
    if "mapping values are not allowed" in what:
        return line, "a second colon in one line", 'put a name that holds ": " in quotes'
    return line, what, "compare the indentation and the quotes with the lines around it"
