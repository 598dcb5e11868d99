"""Which column of a file is which column of the schema, though people spell them in many ways.

A column is found by its exact name; else by a name that differs in case, spaces, brackets, dashes
or underscores only; else by another usual name of the same quantity (``Time (s)`` for ``t (s)``).
Units must agree or differ in scale only (``I (mA)`` for ``I (A)``); a unit that is not stated is
taken to be that of the schema. A name that is merely similar is never taken: it is a hint.

An ``int`` column is never converted to another scale, since whole numbers would not stay whole.

A further column whose name staged files need for themselves (``run_id``, ``date``) gets another.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from treadle.lab.errors import BreaksSchema
from treadle.lab.notes import Note
from treadle.lab.quantities import exponent_between
from treadle.lab.schema.spec import RESERVED_COLUMNS, Field, FieldType, Procedure

DTYPES: dict[FieldType, type[pl.DataType]] = {
    "float": pl.Float64,
    "float_no_unit": pl.Float64,
    "int": pl.Int64,
    "bool": pl.Boolean,
    "str": pl.String,
    "datetime": pl.String,  # as it was written: a column of times has no one usual form
}
"""The type of a column in every staged file, by its type in the schema."""

_SIMILAR = 0.6

_UNIT = re.compile(r"(?P<base>.*?)\s*[(\[](?P<unit>[^()\[\]]*)[)\]]\s*")
_IGNORED = str.maketrans("", "", " \t_-()[]")

# Spellings without unit, as `_plain` leaves them.
_SYNONYMS = (
    frozenset({"i", "id", "ids", "isd", "current", "draincurrent", "drainsourcecurrent"}),
    frozenset({"vsd", "vds", "vd", "drainvoltage", "drainsourcevoltage"}),
    frozenset({"vg", "vgs", "gatevoltage"}),
    frozenset({"vl", "vlaser", "laservoltage"}),
    frozenset({"t", "time"}),
    frozenset({"platet", "tplate", "platetemperature", "platetemp"}),
    frozenset({"ambientt", "tambient", "ambienttemperature", "ambienttemp"}),
    frozenset({"p", "power", "opticalpower"}),
    frozenset({"wl", "wavelength"}),
    frozenset({"clock"}),
)


_Likeness = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column of the file.

    Attributes:
        name: Its name in the file.
        target: Its name in the table.
        type: What its cells are; None where the schema does not know the column.
        exponent: Its numbers times ten to this power are in the unit of the schema.
        required: A measurement without it is none.
    """

    name: str
    target: str
    type: FieldType | None = None
    exponent: int = 0
    required: bool = False


def matched(names: Sequence[str], procedure: Procedure | None) -> tuple[list[Column], list[Note]]:
    """
    Return one `Column` per name in *names*, in this order, and what there is to say about them.

    Raises:
        BreaksSchema: A required column is missing.
    """
    if procedure is None:
        return [_further(name, names) for name in names], []
    found, notes = _found(names, procedure)
    taken = {*names, *procedure.data}
    columns = [found.get(name) or _further(name, taken) for name in names]
    there = {column.target for column in columns}
    missing = [name for name in procedure.data if name not in there]
    if missing:
        notes += _about_missing(missing, [each for each in columns if each.type is None], procedure)
    return columns, notes


def _found(names: Sequence[str], procedure: Procedure) -> tuple[dict[str, Column], list[Note]]:
    """Return the columns that the schema knows, by their names in the file."""
    wanted = procedure.data
    found = {
        name: Column(name, name, wanted[name].type, required=wanted[name].required)
        for name in names
        if name in wanted
    }
    sought = [name for name in wanted if name not in found]
    notes: list[Note] = []
    # Every spelling is looked for before any synonym, lest a synonym take another's column.
    for are_alike in (_is_spelled, _is_synonym):
        for want in list(sought):
            claims = list(_claims(want, wanted[want], names, found, are_alike))
            if not claims:
                continue
            sought.remove(want)
            if len(claims) == 1:
                found[claims[0].name] = claims[0]
                notes.append(_about_renamed(claims[0], is_guess=are_alike is _is_synonym))
            else:
                rivals = _quoted(column.name for column in claims)
                text = f"columns {rivals} could each be {want!r}; none was taken for it"
                notes.append(Note("warning", "AMBIGUOUS_COLUMN", text))
    return found, notes


def _further(name: str, taken: Container[str]) -> Column:
    """Return a column that the schema does not know, under a name that it can be staged with."""
    target = name
    while target in RESERVED_COLUMNS or (target != name and target in taken):
        target = f"{target} (file)"
    return Column(name, target)


def _claims(
    want: str, field: Field, names: Sequence[str], taken: Container[str], are_alike: _Likeness
) -> Iterator[Column]:
    """Yield the columns of the file that may be the column *want* of the schema."""
    unit = field.unit or _parts(want)[1]
    for name in names:
        if name in taken or not are_alike(name, want):
            continue
        exponent = _exponent(_parts(name)[1], unit)
        if exponent is None or (exponent and DTYPES[field.type] != pl.Float64):
            continue
        yield Column(name, want, field.type, exponent, field.required)


def _is_spelled(name: str, want: str) -> bool:
    """Tell whether the names differ in spelling only; the unit may be missing in one."""
    base, unit = _parts(name)
    want_base, _ = _parts(want)
    # "I_A": the unit stands there without brackets.
    return _plain(base) == _plain(want_base) or (unit is None and _plain(name) == _plain(want))


def _is_synonym(name: str, want: str) -> bool:
    """Tell whether both are usual names of one quantity."""
    pair = {_plain(_parts(name)[0]), _plain(_parts(want)[0])}
    return any(pair <= synonyms for synonyms in _SYNONYMS)


def _exponent(unit: str | None, wanted: str | None) -> int | None:
    """Return the power of ten from *unit* to *wanted*; None where they are not of one kind."""
    if unit is None or wanted is None or unit == wanted:
        return 0
    exponent = exponent_between(unit, wanted)
    # Last, for "a" is an ampere badly typed, but "mV" and "MV" are not one unit.
    return 0 if exponent is None and unit.lower() == wanted.lower() else exponent


def _parts(name: str) -> tuple[str, str | None]:
    """Return the name without its unit, and the unit."""
    match = _UNIT.fullmatch(name)
    return (match["base"], match["unit"].strip() or None) if match else (name, None)


def _plain(name: str) -> str:
    """Return *name* without all that people spell differently."""
    return name.lower().translate(_IGNORED)


def _about_renamed(column: Column, *, is_guess: bool) -> Note:
    """Return the note that the name, and perhaps the scale, is not that of the schema."""
    text = f"column {column.name!r} was taken as {column.target!r}"
    if column.exponent:
        text += f" and its numbers multiplied by 1e{column.exponent}"
        return Note("info", "CONVERTED_COLUMN", text)
    return Note("warning" if is_guess else "info", "RENAMED_COLUMN", text)


def _about_missing(
    missing: Sequence[str], further: Sequence[Column], procedure: Procedure
) -> list[Note]:
    """
    Return the notes about the columns of the schema that the file does not have.

    Raises:
        BreaksSchema: One of them is required.
    """
    names = [column.name for column in further]
    hints = {name: _similar_to(name, names) for name in missing}
    required = [name for name in missing if procedure.data[name].required]
    if required:
        hint = " ".join(hints[name] for name in required).strip()
        raise BreaksSchema(
            f"no column {_quoted(required)}, which {procedure.name} requires",
            hint=hint or f"the columns that the schema does not know are {_quoted(names)}",
        )
    # An optional column that is not there is nothing to look at, unless it is there misspelt.
    return [
        Note(
            "warning" if hint else "info",
            "MISSING_COLUMN",
            f"no column {name!r}, so it is null{hint and '; '}{hint}",
        )
        for name, hint in hints.items()
    ]


def _similar_to(name: str, names: Sequence[str]) -> str:
    """Return a hint at those of *names* that may be *name* misspelt."""
    similar = [
        each
        for each in names
        if difflib.SequenceMatcher(None, each.lower(), name.lower()).ratio() >= _SIMILAR
    ]
    if not similar:
        return ""
    looks, was = ("look", "were") if len(similar) > 1 else ("looks", "was")
    return f"{_quoted(similar)} {looks} like {name!r}, but {was} not taken for it"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
