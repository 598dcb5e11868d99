"""A schema as YAML again, in the form in which ``procedures.yml`` is written by hand.

What it writes loads again as an equal schema, whatever the names are. It needs no library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import treadle
from treadle.lab.schema.near import near
from treadle.lab.schema.spec import Field, Procedure, Schema

# Text that means itself in YAML, inside brackets too: no indicator, no number, no date.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _()+./-]*[A-Za-z0-9_()+./-])?")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_LONGEST_KEY = 500  # YAML finds the colon of a plain key within 1024 characters


def show(schema: Schema, name: str | None = None) -> str:
    """
    Write *schema* as YAML.

    Args:
        schema: What to write.
        name: Write this procedure only.

    Raises:
        UsageError: No procedure has that name.
    """
    if name is None:
        lines = [*manifest_lines(schema.manifest_columns), *procedure_lines(schema.procedures)]
        return "\n".join(lines) + "\n"
    procedure = schema.get(name)
    if procedure is None:
        guess = near(name, schema.procedures)
        known = ", ".join(schema.procedures) or "none"
        raise treadle.UsageError(
            f"no procedure is called {name!r}",
            hint=f"did you mean {guess}?" if guess else f"known are: {known}",
        )
    return "\n".join(procedure_lines({name: procedure})) + "\n"


def manifest_lines(columns: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Write the section ``ManifestColumnMap``."""
    if not columns:
        return
    yield "ManifestColumnMap:"
    for name, aliases in columns.items():
        yield f"  {quoted(name)}: [{', '.join(map(quoted, aliases))}]"
    yield ""


def procedure_lines(procedures: Mapping[str, Procedure]) -> Iterator[str]:
    """Write the section ``procedures``."""
    yield "procedures:" if procedures else "procedures: {}"
    for name, procedure in procedures.items():
        yield f"  {quoted(name)}:"
        yield from entry_lines(procedure)


def entry_lines(procedure: Procedure) -> Iterator[str]:
    """Write what stands under the name of a procedure."""
    sections = {
        "Parameters": procedure.parameters,
        "Metadata": procedure.metadata,
        "Data": procedure.data,
    }
    for title, fields in sections.items():
        if fields:
            yield f"    {title}:"
        for name, each in fields.items():
            key = quoted(name)
            if len(key) > _LONGEST_KEY:
                yield f"      ? {key}"
                yield f"      : {_field(each)}"
            else:
                yield f"      {key}: {_field(each)}"
    config = {
        "light_detection": procedure.light,
        "requires_chip": "true" if procedure.requires_chip else "false",
    }
    if procedure.sweep is not None:
        config["sweep"] = quoted(procedure.sweep)
    yield f"    Config: {{{', '.join(f'{key}: {value}' for key, value in config.items())}}}"


def _field(field: Field) -> str:
    if not field.required and field.unit is None:
        return field.type
    parts = [f"type: {field.type}"]
    if field.required:
        parts.append("required: true")
    if field.unit is not None:
        parts.append(f"unit: {quoted(field.unit)}")
    return f"{{{', '.join(parts)}}}"


def quoted(text: str) -> str:
    """Return *text* as YAML reads it back, in quotes where it needs them."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT and len(text) <= _LONGEST_KEY:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"
