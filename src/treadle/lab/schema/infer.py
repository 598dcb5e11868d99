"""Draft the entry of a procedure that is not known yet, from files of it.

A draft describes what was seen: somebody who knows the instrument looks it over, which is why what
cannot be seen (the column that is swept) stands in it as a comment. Every cell of every file
counts, so a column that is empty in the first hundred files still gets the type it has in the last.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import treadle
from treadle.lab.errors import Damaged, NoData, NotAMeasurement, Rejected, Unreadable
from treadle.lab.layouts import Layout, Raw, load_layouts
from treadle.lab.quantities import exponent_between, is_unit, quantity
from treadle.lab.schema.load import default_schema
from treadle.lab.schema.spec import Field, FieldType, Light, Procedure, Schema, is_name
from treadle.lab.schema.text import entry_lines, quoted

if TYPE_CHECKING:
    import polars as pl

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")  # 007 is a serial number, and not 7
_PADDED = re.compile(r"[+-]?0\d+")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")
_MOMENT = re.compile(r"time|date", re.IGNORECASE)
_FIRST_MOMENT, _LAST_MOMENT = 1e9, 4.2e9  # seconds since 1970: 2001 to 2103
_MOST_TURNS = 8  # a sweep that is measured twice over: 0, up, down, 0, and the same again
_LISTED = 10


def infer(
    paths: Iterable[str | os.PathLike[str]],
    schema: Schema | None = None,
    layouts: Sequence[Layout] | None = None,
) -> str:
    """
    Draft the entries of procedures that *schema* does not know.

    Args:
        paths: Raw files.
        schema: What is known; None for what comes with Treadle.
        layouts: The layouts to try, in order; None for those that are installed.

    Returns:
        YAML that `treadle.lab.load_schema` reads. Comments say which procedures were known
        already and which files were left out, and why.

    Raises:
        MissingExtra: Polars is not installed.
    """
    return draft(
        map(Path, paths),
        default_schema() if schema is None else schema,
        load_layouts() if layouts is None else layouts,
    ).text


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What was drafted.

    Attributes:
        text: YAML, with comments.
        names: The procedures that it describes.
        about_files: Which files it does not describe, and why; in lines.
    """

    text: str
    names: tuple[str, ...]
    about_files: tuple[str, ...]


def draft(paths: Iterable[Path], known: Schema, layouts: Sequence[Layout]) -> Draft:
    """
    Do as `infer`, and tell what became of the files.

    Raises:
        MissingExtra: Polars is not installed.
    """
    seen: dict[str, _Seen] = {}
    known_files: Counter[str] = Counter()
    left_out: list[str] = []
    for path in paths:
        try:
            raw = _raw(path, layouts)
            if known.get(raw.procedure) is not None:
                known_files[raw.procedure] += 1
            else:
                seen.setdefault(raw.procedure, _Seen()).add(raw)
        except Rejected as error:
            left_out.append(f"{path}: {error.message}")
    about_files = tuple(_about_files(known_files, left_out))
    return Draft("\n".join(_entries(seen, about_files)) + "\n", tuple(seen), about_files)


def _raw(path: Path, layouts: Sequence[Layout]) -> Raw:
    """Return what the first layout that knows *path* finds in it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(str(error.strerror or error)) from error
    for layout in layouts:
        if path.suffix.lower() in layout.suffixes:
            raw = layout.parse(path, data)
            if raw is not None:
                break
    else:
        raise NotAMeasurement("no layout knows it")
    if not is_name(raw.procedure):
        raise Damaged(f"{raw.procedure!r} cannot be the name of a procedure")
    return raw


def _about_files(known: Counter[str], left_out: Sequence[str]) -> Iterator[str]:
    """Say which files are not described."""
    for name, number in sorted(known.items()):
        yield f"{name} ({_files(number)}) is known already."
    if left_out:
        yield f"Left out ({_files(len(left_out))}):"
    for text in left_out[:_LISTED]:
        yield f"  {quoted(text)}"
    if len(left_out) > _LISTED:
        yield f"  and {len(left_out) - _LISTED} more"


def _entries(seen: dict[str, _Seen], about_files: Iterable[str]) -> Iterator[str]:
    """Write the comments and the entries."""
    if seen:
        yield "# Drafted from files: look over types, units and Config before you use it."
    for line in about_files:
        yield f"# {line}"
    yield "procedures:" if seen else "procedures: {}"
    for name, each in seen.items():
        yield f"  # Seen in {_files(each.files)}."
        yield f"  {quoted(name)}:"
        yield from entry_lines(each.procedure(name))
        sweep = each.sweep()
        if sweep is not None:
            yield "    # To cut runs into segments where this column turns, put into Config:"
            yield f"    #   sweep: {quoted(sweep)}"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


@dataclass(slots=True)
class _Values:
    """What was seen of one header value or column: kinds of text, and units."""

    kinds: set[str] = field(default_factory=set)
    units: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, text: str) -> None:
        """Take in one header value."""
        kind, unit = _kind(name, text)
        self.kinds.add(kind)
        if unit:
            self.units[unit] += 1

    def field(self) -> Field:
        """Return the narrowest type that holds all that was seen."""
        kinds = self.kinds - {"empty"}
        if kinds and kinds <= {"int", "float"} and _are_alike(self.units):
            unit = self.units.most_common(1)[0][0] if self.units else None
            return Field("int" if kinds == {"int"} and unit is None else "float", unit=unit)
        return Field(_ALONE.get(next(iter(kinds)), "str") if len(kinds) == 1 else "str")


_ALONE: dict[str, FieldType] = {"bool": "bool", "datetime": "datetime"}


@dataclass(slots=True)
class _Seen:
    """What was seen of one procedure."""

    files: int = 0
    parameters: dict[str, _Values] = field(default_factory=dict)
    metadata: dict[str, _Values] = field(default_factory=dict)
    data: dict[str, set[str]] = field(default_factory=dict)
    sweeps: Counter[str] = field(default_factory=Counter)

    def add(self, raw: Raw) -> None:
        """
        Take in one file.

        Raises:
            NoData: It has no columns.
            Damaged: Its rows cannot be read.
        """
        columns = _columns(raw)
        self.files += 1
        for own, values in (
            (self.parameters, raw.parameters),
            (self.metadata, raw.metadata),
        ):
            for name, text in values.items():
                if name:
                    own.setdefault(name, _Values()).add(name, text)
        for name, cells in columns.items():
            self.data.setdefault(name, set()).update(_cell_kinds(cells))
            if name[:1] in "Vv" and _turns_seldom(cells):
                self.sweeps[name] += 1

    def procedure(self, name: str) -> Procedure:
        """Return the entry that describes all of it."""
        return Procedure(
            name,
            {key: each.field() for key, each in self.parameters.items()},
            {key: each.field() for key, each in self.metadata.items()},
            {key: Field(_column_type(kinds)) for key, kinds in self.data.items()},
            self._light(),
            {"Chip group name", "Chip number"} <= self.parameters.keys(),
        )

    def sweep(self) -> str | None:
        """Return the first column that was swept in most files."""
        swept = (name for name in self.data if self.sweeps[name] * 2 > self.files)
        return next(swept, None)

    def _light(self) -> Light:
        if "Laser wavelength" not in self.parameters:
            return "none"
        if "Laser voltage" in self.parameters:
            return "standard"
        return "laser_calibration" if "Laser voltage start" in self.parameters else "none"


def _kind(name: str, text: str) -> tuple[str, str | None]:
    """Return what the header value *text* of *name* looks like, and its unit."""
    text = text.strip()
    if text in {"", "None"}:
        return "empty", None
    if text in {"True", "False"}:
        return "bool", None
    if _ISO.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return "str", None
        return "datetime", None
    number = quantity(text)
    if number is None or _PADDED.fullmatch(number.number):
        return "str", None
    if number.unit:  # "71 test" is a remark, not 71 of something
        return ("float", number.unit) if is_unit(number.unit) else ("str", None)
    kind = "int" if _INTEGER.fullmatch(number.number) else "float"
    if _MOMENT.search(name) and _FIRST_MOMENT <= float(number.number) < _LAST_MOMENT:
        kind = "datetime"
    return kind, None


def _are_alike(units: Collection[str]) -> bool:
    """Whether *units* differ in scale only, as ``V`` and ``mV`` do."""
    first = next(iter(units), "")
    return all(exponent_between(unit, first) is not None for unit in units)


def _columns(raw: Raw) -> dict[str, pl.Series]:
    """Return the cells of *raw* as text, by column; empty and ``nan`` ones are null."""
    try:
        import polars as pl
    except ModuleNotFoundError as error:
        raise treadle.MissingExtra("polars", "lab", purpose="reading measurements") from error

    if not raw.columns:
        raise NoData("it has no column line")
    if not raw.body.strip():
        return {name: pl.Series([], dtype=pl.String) for name in raw.columns if name}
    try:
        frame = pl.read_csv(
            raw.body,
            separator=raw.separator,
            has_header=False,
            new_columns=raw.columns,
            schema_overrides=[pl.String] * len(raw.columns),
            infer_schema=False,
            comment_prefix="#",
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError as error:
        raise Damaged(f"its rows cannot be read: {error}") from error
    cells = pl.all().str.strip_chars()
    empty = cells.is_null() | cells.str.to_lowercase().is_in(["", "nan"])
    frame = frame.select(pl.when(~empty).then(cells).name.keep())
    return {name: frame[name] for name in raw.columns if name in frame.columns and name}


def _cell_kinds(cells: pl.Series) -> set[str]:
    """Return what the cells of one file look like, and ``gap`` where some are empty."""
    import polars as pl

    present = cells.drop_nulls()
    gap = {"gap"} if len(present) < len(cells) else set()
    if present.is_empty():
        return gap
    if present.is_in(["True", "False"]).all():
        return gap | {"bool"}
    if present.cast(pl.Float64, strict=False).null_count():
        return gap | {"str"}
    whole = present.str.contains(f"^(?:{_INTEGER.pattern})$").all()
    return gap | {"int" if whole else "float"}


def _column_type(kinds: set[str]) -> FieldType:
    """Return the type of a column; one that was never filled belongs to a missing instrument."""
    if kinds == {"int"}:  # without a gap: a cell that is nan needs a column of floats
        return "int"
    if kinds <= {"int", "float", "gap"}:
        return "float"
    return "bool" if kinds <= {"bool", "gap"} else "str"


def _turns_seldom(cells: pl.Series) -> bool:
    """Whether *cells* go up and down in a few long branches, as the points of a sweep do."""
    import polars as pl

    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    steps = numbers.diff().drop_nulls()
    moves = steps.filter(steps != 0).sign()
    # A laser that is switched, or a gate that goes up in stairs, stands still most of the time.
    if len(moves) < 4 or len(moves) < 0.8 * len(steps):
        return False
    turns = int((moves.diff().drop_nulls() != 0).sum())
    return turns <= _MOST_TURNS and len(moves) >= 3 * (turns + 1)
