"""One raw file: read it, write its Parquet file, tell what it is. This is what workers do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from treadle.lab.places import part_of, put_parquet
from treadle.lab.schema.spec import Schema
from treadle.lab.zones import zone

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from treadle.lab.layouts import Layout
    from treadle.lab.measurement import Measurement


class Staged(TypedDict):
    """
    What is recorded of a file that was staged; no time of day, no worker: the same file, the same.

    Attributes:
        run_id: The measurement's id.
        proc: Its procedure.
        part: Its Parquet file, relative to the stage root.
        size: Bytes of that file.
        rows: Rows in it.
        facts: Further columns of the manifest, by name; those without a value are left out.
    """

    run_id: str
    proc: str
    part: str
    size: int
    rows: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class StageOne:
    """
    Stages one file; callable, and sent to each worker once.

    Attributes:
        root: The stage root.
        schema: What is known of the procedures.
        layouts: Further layouts of files.
        local_tz: Name of the zone whose calendar gives a run its date.
        strict: Reject what the schema calls an error.
        only_schema_columns: Leave out columns that the schema does not name.
    """

    root: Path
    schema: Schema
    layouts: tuple[Layout, ...]
    local_tz: str
    strict: bool = False
    only_schema_columns: bool = False

    def __call__(self, path: Path) -> Staged:
        """
        Stage *path*.

        Raises:
            Rejected: It cannot be staged; the subclass and the message say why.
            OSError: The stage root cannot be written to.
        """
        from treadle.lab.measurement import read

        found = read(
            path,
            schema=self.schema,
            layouts=self.layouts,
            local_tz=self.local_tz,
            strict=self.strict,
            only_schema_columns=self.only_schema_columns,
        )
        date = found.start_time.astimezone(zone(self.local_tz)).date().isoformat()
        part = part_of(found.procedure, date, found.run_id)
        size = put_parquet(table_of_part(found), self.root / part)
        return Staged(
            run_id=found.run_id,
            proc=found.procedure,
            part=part,
            size=size,
            rows=found.table.height,
            facts=self._facts(found, date),
        )

    def _facts(self, found: Measurement, date: str) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "date_local": date,
            "local_tz": self.local_tz,
            "start_time_utc": found.start_time.astimezone(UTC).replace(tzinfo=None),
            "start_origin": found.start_origin,
            "chip_group": found.chip_group,
            "chip_number": found.chip_number,
            "chip_name": found.chip_name,
            "has_light": found.has_light,
            "duration_s": duration(found.table),
            "flags": list(found.flags),
            "notes": [f"{note.level}: {note.code}: {note.text}" for note in found.notes],
            "parameters": as_json(found.parameters),
            "metadata": as_json(found.metadata),
            "units": as_json(found.units),
            **self._mapped(found),
        }
        return {name: value for name, value in facts.items() if value is not None}

    @cached_property
    def _columns(self) -> dict[str, bool]:
        return numeric_columns(self.schema)

    def _mapped(self, found: Measurement) -> dict[str, Any]:
        """Return the manifest's columns that the schema takes from header values."""
        said = {**found.metadata, **found.parameters}
        values: dict[str, Any] = {}
        for column, names in self.schema.manifest_columns.items():
            for name in names:
                value = said.get(name)
                if value is None or self._columns[column] is not _is_number(value):
                    continue  # under another name, perhaps; as it is, it stands in `parameters`
                values[column] = float(value) if isinstance(value, int | float) else as_text(value)
                break
        return values


def table_of_part(found: Measurement) -> pa.Table:
    """Return what the measurement's Parquet file holds: who it is in each row, then its data."""
    import pyarrow as pa

    # Straight in Arrow: each query of Polars takes a tenth of a millisecond, however small.
    data = found.table.to_arrow()
    who = {
        "run_id": pa.scalar(found.run_id),
        "proc": pa.scalar(found.procedure),
        "start_time": pa.scalar(found.start_time, pa.timestamp("us", "UTC")),
    }
    same = [pa.repeat(value, data.num_rows) for value in who.values()]
    return pa.Table.from_arrays([*same, *data.columns], names=[*who, *data.column_names])


def duration(table: pl.DataFrame) -> float | None:
    """Return the last time in seconds that a time column of *table* says; None without one."""
    for name in ("t (s)", "Time (s)"):
        if name in table.columns and table.schema[name].is_numeric():
            times = table[name].to_numpy()  # null becomes NaN
            times = times[times == times]  # noqa: PLR0124  NaN is what differs from itself
            return float(times.max()) if times.size else None
    return None


def numeric_columns(schema: Schema) -> dict[str, bool]:
    """Tell of each column of the manifest that the schema names whether it holds numbers."""
    types: dict[str, set[str]] = {}
    for procedure in schema.procedures.values():
        for name, field in (*procedure.parameters.items(), *procedure.metadata.items()):
            types.setdefault(name, set()).add(field.type)
    numbers = {"int", "float", "float_no_unit"}
    numeric = {}
    for column, names in schema.manifest_columns.items():
        found = set().union(*(types.get(name, set()) for name in names))
        numeric[column] = bool(found) and found <= numbers
    return numeric


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_json(values: dict[str, Any]) -> str:
    """Write header values as one JSON object, keys sorted, so that equal ones are equal text."""
    return json.dumps(values, default=as_text, ensure_ascii=False, sort_keys=True)


def as_text(value: object) -> str:
    """Write a header value as text; a time in ISO form."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
