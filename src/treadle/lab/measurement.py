"""One measurement: read a raw file, and know all that is in it.

`read` asks the layouts whose file it is, types what they found, and checks it. Nothing is printed
and nothing is written; what is worth telling about the file comes with it, as notes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import polars as pl

import treadle
from treadle.lab.errors import (
    BreaksSchema,
    CannotOpen,
    NoData,
    NotAMeasurement,
    Rejected,
    StillGrowing,
)
from treadle.lab.layouts import Layout, Raw, load_layouts
from treadle.lab.light import has_light
from treadle.lab.notes import Note
from treadle.lab.quality import dead_flags
from treadle.lab.run_id import CHIP_GROUP, CHIP_NUMBER, run_id_of
from treadle.lab.schema import Procedure, Schema, load_schema
from treadle.lab.schema.spec import LONGEST_NAME
from treadle.lab.starts import Origin, start_of
from treadle.lab.tables import Table, table_of
from treadle.lab.values import typed, whole
from treadle.lab.zones import zone


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """
    What one raw file holds.

    Attributes:
        path: The file.
        procedure: The short name of the procedure, such as ``IVg``.
        parameters: What was set before the run, by name.
        units: The units of those values that have one, by name.
        metadata: What the program noted about the run, by name.
        start_time: When it began, in UTC.
        start_origin: Where that was found: ``metadata``, ``parameters``, ``path`` or ``mtime``.
        table: The rows: the columns of the schema in its order, then the others.
        run_id: 16 hex digits, made of the content alone.
        has_light: Whether the laser was on; None where the header does not say.
        flags: What is wrong with the device or the data: ``DEAD_OPEN_CIRCUIT``, ``DEAD_FLAT_IVG``,
            ``DEAD_STUCK_SATURATED``, ``OVERFLOW``, ``START_IN_FUTURE``.
        notes: What is worth telling about the file.
        is_known: Whether the schema names the procedure.
    """

    path: Path
    procedure: str
    parameters: dict[str, object]
    units: dict[str, str]
    metadata: dict[str, object]
    start_time: datetime
    start_origin: Origin
    table: pl.DataFrame
    run_id: str
    has_light: bool | None
    flags: tuple[str, ...]
    notes: tuple[Note, ...]
    is_known: bool

    @property
    def chip_group(self) -> str | None:
        """The group that the chip belongs to; None where the header names none."""
        return _text(self.parameters.get(CHIP_GROUP))

    @property
    def chip_number(self) -> int | None:
        """The number of the chip in its group; None where the header has no whole number."""
        text = _text(self.parameters.get(CHIP_NUMBER))
        return None if text is None else whole(text)

    @property
    def chip_name(self) -> str | None:
        """Group and number as one word, ``Demo12``; None where the header has neither."""
        number = self.chip_number
        text = _text(self.parameters.get(CHIP_NUMBER)) if number is None else str(number)
        return (self.chip_group or "") + (text or "") or None


def read(
    path: str | os.PathLike[str],
    *,
    schema: Schema | str | os.PathLike[str] | None = None,
    layouts: Sequence[str | Layout] = (),
    local_tz: tzinfo | str | None = None,
    strict: bool = False,
    only_schema_columns: bool = False,
) -> Measurement:
    """
    Read one raw file.

    Args:
        path: The file.
        schema: What is known of the procedures, or the path of a ``procedures.yml``; None for
            `default_schema`.
        layouts: Further layouts to ask, before those that are installed: objects, or
            ``FILE.py:Name``.
        local_tz: The zone in which a date in the path is meant, where the header has no start
            time; None for the machine's.
        strict: Reject the file if it has a note of the level ``error``.
        only_schema_columns: Leave out columns that the schema does not name.

    Raises:
        Rejected: It cannot be used; the subclass says why.
        UsageError: There is no such file, zone or layout, or the schema is wrong.
    """
    path = Path(path)
    if not isinstance(schema, Schema):
        schema = load_schema(schema)
    if local_tz is not None:
        local_tz = zone(local_tz)
    asked = load_layouts(layouts)
    try:
        before = _stat(path)
        raw = _parsed(path, _content(path), asked)
        found = _measurement(
            path, raw, schema.get(raw.procedure), before.st_mtime, local_tz, only_schema_columns
        )
        _check_unchanged(path, before)
        if strict:
            _check_sound(found)
    except Rejected as error:
        error.add_note(f"in the file {path}")
        raise
    return found


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise treadle.UsageError(f"there is no file {str(path)!r}") from error
    except OSError as error:
        raise _closed(error) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _gone() from error
    except OSError as error:
        raise _closed(error) from error


def _closed(error: OSError) -> CannotOpen:
    return CannotOpen(
        f"the file cannot be opened: {error.strerror or error}",
        hint="is it a file, may this user read it, and does the disk answer?",
    )


def _gone() -> StillGrowing:
    return StillGrowing("the file was removed while it was read", hint="it was probably moved")


def _check_unchanged(path: Path, before: os.stat_result) -> None:
    """Make sure that what was read is the whole file, or the whole that there is so far."""
    try:
        after = path.stat()
    except OSError as error:
        raise _gone() from error
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise StillGrowing(
            f"the file changed while it was read, from {before.st_size} to {after.st_size} bytes",
            hint="it is read again the next time, when the instrument has finished",
        )


def _parsed(path: Path, data: bytes, layouts: Sequence[Layout]) -> Raw:
    """Return what the first layout that knows the file found in it."""
    if not data:
        raise NoData("the file is empty", hint="delete it, or restore it from a copy")
    suffix = path.suffix.lower()
    # Whoever names a file with another ending wants it read all the same.
    for layout in [each for each in layouts if suffix in each.suffixes] or layouts:
        raw = layout.parse(path, data)
        if raw is not None:
            _check_name(raw.procedure)
            return raw
    begins = data[:80].split(b"\n")[0].decode(errors="replace").strip()
    raise NotAMeasurement(
        f"there is no '#Procedure' line; the file begins with {begins!r}",
        hint="nothing to do, unless it is a measurement of a program that needs its own layout",
    )


def _check_name(procedure: str) -> None:
    """Make sure that a folder can be named after *procedure*."""
    if not procedure.strip() or len(procedure.encode(errors="replace")) > LONGEST_NAME:
        raise NotAMeasurement(
            f"there is no procedure name that can be used: {procedure!r:.60}",
            hint=f"a name has 1 to {LONGEST_NAME} characters",
        )


def _measurement(
    path: Path,
    raw: Raw,
    procedure: Procedure | None,
    mtime: float,
    local_tz: tzinfo | None,
    only_schema_columns: bool,
) -> Measurement:
    """Type and check what the layout found."""
    notes = list(raw.notes)
    if procedure is None:
        text = f"the schema does not know the procedure {raw.procedure!r}"
        notes.append(Note("warning", "UNKNOWN_PROCEDURE", text))
    expected = procedure or Procedure(raw.procedure, requires_chip=False)
    units: dict[str, str] = {}
    parameters = typed(raw.parameters, expected.parameters, units, notes)
    metadata = typed(raw.metadata, expected.metadata, units, notes)
    if expected.requires_chip:
        notes += _about_chip(parameters)
    start = start_of(raw.parameters, raw.metadata, path, mtime, local_tz, notes)
    table = _table(raw, procedure, only_schema_columns)
    notes += table.notes
    codes = {note.code for note in notes}
    said = tuple(code for code in ("OVERFLOW", "START_IN_FUTURE") if code in codes)
    return Measurement(
        path=path,
        procedure=raw.procedure,
        parameters=parameters,
        units=units,
        metadata=metadata,
        start_time=start.time,
        start_origin=start.origin,
        table=table.frame,
        run_id=run_id_of(
            raw.procedure,
            raw.parameters,
            start.time if start.is_in_header else None,
            table.raw_frame,
        ),
        has_light=has_light(parameters, expected.light),
        flags=(*dead_flags(raw.procedure, table.frame), *said),
        notes=tuple(notes),
        is_known=procedure is not None,
    )


def _table(raw: Raw, procedure: Procedure | None, only_schema_columns: bool) -> Table:
    try:
        return table_of(raw, procedure, only_schema_columns=only_schema_columns)
    except NoData as error:
        if raw.is_whole:
            raise
        raise NoData(
            "there are no rows, and no Metadata block: the instruments did not start",
            hint=error.hint,
        ) from error


def _about_chip(parameters: dict[str, object]) -> list[Note]:
    missing = [name for name in (CHIP_GROUP, CHIP_NUMBER) if _text(parameters.get(name)) is None]
    if not missing:
        return []
    return [Note("error", "NO_CHIP", f"the header does not say {' and '.join(map(repr, missing))}")]


def _check_sound(found: Measurement) -> None:
    """Raise where a strict run rejects what a lenient one tells."""
    errors = [note.text for note in found.notes if note.level == "error"]
    if errors:
        raise BreaksSchema(
            "; ".join(errors), hint="correct the file or procedures.yml, or do without strict"
        )


def _text(value: object) -> str | None:
    """Return a header value as text; None where it says nothing."""
    return None if value is None else str(value) or None
