"""What is known of each procedure, as plain values: which names, which types, which units.

A schema travels to every worker, so this module imports nothing heavy and its values are pickled
cheaply. Where they come from (``procedures.yml``) is the business of `treadle.lab.schema.load`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

import treadle

FieldType = Literal["int", "float", "float_no_unit", "bool", "datetime", "str"]
"""What a value is; ``float_no_unit`` is a number that is never written with its unit."""

RESERVED_COLUMNS: Final = frozenset(
    {"run_id", "proc", "start_time", "date"}
    | {"segment_id", "segment_type", "segment_direction", "point_in_segment"}
    | {"dropped_reason", "segment_v_start", "segment_v_end"}
)
"""Columns that staged and segmented files have, or get from their folders, beside the data."""

MANIFEST_COLUMNS: Final = frozenset(
    {"run_id", "status", "proc", "date_local", "start_time_utc", "start_origin", "chip_group"}
    | {"chip_number", "chip_name", "file_idx", "has_light", "duration_s", "rows", "flags", "errors"}
    | {"warnings", "notes", "parameters", "metadata", "units", "source_file", "sources"}
    | {
        "source_gone",
        "raw_root",
        "path",
        "size",
        "reason",
        "message",
        "hint",
        "local_tz",
        "schema_version",
    }
)
"""Columns of the manifest that are no header values."""

LONGEST_NAME: Final = 64
"""Bytes of a procedure's name: it names a folder, in which a byte may take three characters."""

Light = Literal["standard", "laser_calibration", "none"]
"""How to tell whether a run was lit: by the laser's voltage, by its sweep, or never."""


@dataclass(frozen=True, slots=True)
class Field:
    """
    One header value or one data column.

    Attributes:
        type: What its values are.
        required: Whether a run without it breaks the schema.
        unit: The unit its numbers are stored in, such as ``"V"``; None where there is none, or
            where it is in the name (``I (A)``).
    """

    type: FieldType
    required: bool = False
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """
    One kind of measurement.

    Attributes:
        name: Its short name, such as ``IVg``.
        parameters: What stands under ``#Parameters:``, by name.
        metadata: What stands under ``#Metadata:``, by name.
        data: The columns, in the order they have in every staged file.
        light: How to tell whether a run was lit.
        requires_chip: Whether a run without a chip group and number is an error.
        sweep: The column that is swept, where runs are to be cut into segments.
    """

    name: str
    parameters: Mapping[str, Field] = field(default_factory=dict)
    metadata: Mapping[str, Field] = field(default_factory=dict)
    data: Mapping[str, Field] = field(default_factory=dict)
    light: Light = "standard"
    requires_chip: bool = True
    sweep: str | None = None

    def __post_init__(self) -> None:
        """Refuse a column that would stand twice in every staged file."""
        _check_free(self.data, RESERVED_COLUMNS, f"column of {self.name}", "staged files have")


@dataclass(frozen=True, slots=True)
class Schema:
    """
    All procedures that are known.

    Attributes:
        procedures: By their short names.
        manifest_columns: For a column of the manifest, the header names to try, in order.
    """

    procedures: Mapping[str, Procedure] = field(default_factory=dict)
    manifest_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a column that would stand twice in the manifest."""
        columns = self.manifest_columns
        _check_free(columns, MANIFEST_COLUMNS, "column of the manifest", "the manifest has")

    def get(self, name: str) -> Procedure | None:
        """Return the procedure *name*, or None where it is not known."""
        return self.procedures.get(name)

    def digest(self) -> str:
        """
        Return 16 hex digits that change when the content does.

        Comments and the order of keys do not count, but for two orders that decide what is
        staged: that of a procedure's data columns, and that of a manifest column's names.
        """
        content = {
            "procedures": {name: _content(each) for name, each in self.procedures.items()},
            "manifest_columns": {name: list(each) for name, each in self.manifest_columns.items()},
        }
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a procedure: it names a class, and folders later."""
    is_short = len(text.encode(errors="replace")) <= LONGEST_NAME
    return f"_{text}".isidentifier() and text != "" and is_short


def _check_free(names: Iterable[str], taken: frozenset[str], what: str, who_has: str) -> None:
    """Raise where one of *names* is taken."""
    for name in names:
        if name in taken:
            raise treadle.UsageError(
                f"{name!r} cannot be a {what}: {who_has} that column already",
                hint="choose another name",
            )


def _content(procedure: Procedure) -> dict[str, object]:
    """Return *procedure* as JSON can hold it, with the order of its columns as a list."""
    content = asdict(procedure)
    content["data"] = list(content["data"].items())
    return content
