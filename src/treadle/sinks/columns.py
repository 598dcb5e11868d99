"""Turns a value into rows of columns, into plain JSON or into text. Shared by all sinks.

A *record* has named fields: a mapping, a dataclass, a NamedTuple, a pydantic model (anything with
``model_dump``), an attrs object. A *frame* is a table of its own: Arrow, Polars, pandas.

    value                 rows
    record                one, a column for each field
    list of records       one for each; an empty list is no rows
    frame                 its rows
    anything else         one, with the column ``value``

The column ``key`` belongs to the item; a field of that name becomes ``value_key``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, TypeAlias

from treadle.core.outcome import AnyOutcome
from treadle.errors import SinkFailed

Row: TypeAlias = dict[str, Any]

KEY = "key"
VALUE = "value"
VALUE_KEY = "value_key"

# Types whose str() says all; by name, so that their modules need not be imported to be known.
_TEXTUAL = {
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("ipaddress", "IPv4Address"),
    ("ipaddress", "IPv6Address"),
    ("uuid", "UUID"),
    ("builtins", "complex"),
}
_ATOMS = frozenset({str, int, bool, type(None)})


def refusal(outcome: AnyOutcome, error: Exception) -> tuple[AnyOutcome, SinkFailed]:
    """Say that *outcome* cannot be stored because of *error*."""
    if isinstance(error, SinkFailed):
        reason, hint = error.message, error.hint
    elif isinstance(error, RecursionError):
        reason, hint = "the value is nested too deeply, or contains itself", None
    else:
        reason, hint = f"{type(error).__name__}: {error}", getattr(error, "hint", None)
    refused = SinkFailed(f"item {outcome.key!r} cannot be stored: {reason}", hint=hint)
    refused.__cause__ = error
    return outcome, refused


def rows_of(value: Any) -> list[Row]:
    """
    Turn the value of one item into rows, as the table above says.

    Raises:
        SinkFailed: Two fields would share a column.
    """
    if is_frame(value):
        return [_own_key(row) for row in _frame_rows(value)]
    one = record(value)
    if one is not None:
        return [_own_key(one)]
    if isinstance(value, list | tuple):
        many = [record(element) for element in value]
        if all(row is not None for row in many):
            return [_own_key(row) for row in many if row is not None]
    return [{VALUE: value}]


def _own_key(row: Row) -> Row:
    if KEY not in row:
        return row
    if VALUE_KEY in row:
        raise SinkFailed(
            f"the value has both {KEY!r} and {VALUE_KEY!r}, and the column {KEY!r} is the item's",
            hint="rename one of them",
        )
    return {VALUE_KEY if name == KEY else name: field for name, field in row.items()}


def record(value: Any) -> Row | None:
    """
    Return the fields of *value* by name; None if it has none.

    Raises:
        SinkFailed: Two names are the same when written, such as 1 and "1".
    """
    if type(value) in _ATOMS or isinstance(value, type):
        return None
    if isinstance(value, Mapping):
        fields = {_name(name): field for name, field in value.items()}
        if len(fields) < len(value):
            raise SinkFailed("two names in the value are the same when written, such as 1 and '1'")
        return fields
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        return None if names is None else dict(zip(names, value, strict=True))
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return {_name(name): field for name, field in dump().items()}
    attributes = getattr(type(value), "__attrs_attrs__", None)
    if attributes is not None:
        return {attribute.name: getattr(value, attribute.name) for attribute in attributes}
    return None


def _name(name: Any) -> str:
    if isinstance(name, Enum):
        name = name.value
    return name if isinstance(name, str) else str(plain(name))


def is_frame(value: Any) -> bool:
    """Say whether *value* is a table of Arrow, Polars or pandas."""
    return frame_library(value) is not None


def frame_library(value: Any) -> str | None:
    """Return ``"pyarrow"``, ``"polars"`` or ``"pandas"``; None for what is no table."""
    # Whoever has such a table has imported its library; we never do that for them.
    for library, names in (
        ("pyarrow", ("Table", "RecordBatch")),
        ("polars", ("DataFrame",)),
        ("pandas", ("DataFrame",)),
    ):
        module = sys.modules.get(library)
        if module is not None:
            kinds = tuple(getattr(module, name) for name in names if hasattr(module, name))
            if isinstance(value, kinds):
                return library
    return None


def _frame_rows(value: Any) -> list[Row]:
    library = frame_library(value)
    if library == "polars":
        rows: list[Row] = value.to_dicts()
    elif library == "pandas":
        rows = [{_name(n): v for n, v in row.items()} for row in value.to_dict("records")]
    else:
        rows = value.to_pylist()
    return rows


def plain(value: Any) -> Any:
    """
    Turn *value* into what JSON has: None, bool, int, float, str, list and dict.

    Records become objects and frames lists of objects; tuples, sets (in order) and arrays become
    lists; dates and times ISO 8601 text; durations seconds; bytes Base64; paths, UUIDs, decimals
    and complex numbers text; an enumeration member its value. NaN and infinity become null, as
    JSON has neither.

    Raises:
        SinkFailed: There is a value of some other type in it.
    """
    return _walk(value, _json_leaf)


def native(value: Any) -> Any:
    """
    Turn *value* into what Arrow understands; like ``plain``, but typed values stay as they are.

    Bytes, dates, times, durations, decimals, NaN and flat numeric arrays stay. Times with a zone
    are moved to UTC, so that one column has one zone. An empty dict becomes None: Parquet cannot
    store a group without fields.

    Raises:
        SinkFailed: There is a value of some other type in it.
    """
    return _walk(value, _arrow_leaf)


def text(value: Any) -> str | None:
    """
    Turn *value* into the text of one CSV field; None for None.

    Floats keep every digit, NaN is ``nan``, truth is ``true`` and ``false``, nested values are
    JSON; all else as in ``plain``.

    Raises:
        SinkFailed: There is a value of a type that has no text.
    """
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if is_scalar_of_numpy(value) and isinstance(value.item(), float):
        return float.__repr__(value.item())
    flat = plain(value)
    if flat is None or isinstance(flat, str):
        return flat
    return dumps(flat)


def dumps(flat: Any) -> str:
    """Write what ``plain`` returned as JSON, on one line."""
    return json.dumps(flat, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def encoded(line: str) -> bytes:
    r"""Encode as UTF-8; a lone surrogate (an undecodable file name) is written ``\udcxx``."""
    return line.encode("utf-8", "backslashreplace")


_NOTHING: Any = object()


def _walk(value: Any, leaf: Callable[[Any], Any]) -> Any:
    if type(value) in _ATOMS:
        return value
    found = leaf(value)
    if found is not _NOTHING:
        return found
    fields = record(value)
    if fields is not None:
        return {name: _walk(field, leaf) for name, field in fields.items()} or (
            None if leaf is _arrow_leaf else {}
        )
    if isinstance(value, list | tuple | deque | range):
        return [_walk(element, leaf) for element in value]
    if isinstance(value, set | frozenset):
        return _in_order([_walk(element, leaf) for element in value])
    if is_frame(value):
        return [_walk(row, leaf) for row in _frame_rows(value)]
    if callable(getattr(value, "tolist", None)):  # arrays and scalars of NumPy, pandas.Series
        return _walk(_array(value), leaf)
    if callable(getattr(value, "to_list", None)):  # polars.Series
        return _walk(value.to_list(), leaf)
    raise SinkFailed(
        f"{_type(value)} has no columns and no plain form: {value!r:.60}",
        hint="return numbers, text, lists, dicts, dataclasses or frames",
    )


def _array(value: Any) -> Any:
    if getattr(getattr(value, "dtype", None), "kind", "") in "mM":
        value = value.astype(str)  # else nanoseconds come out as bare numbers
    return value.tolist()


def _json_leaf(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if any((base.__module__, base.__name__) in _TEXTUAL for base in type(value).__mro__):
        return str(value)
    return _any_leaf(value)


def _arrow_leaf(value: Any) -> Any:
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, bytes | date | time | timedelta):
        return value
    if isinstance(value, float):
        return float(value)
    module = type(value).__module__
    if module == "decimal":
        return value
    if module == "numpy" and getattr(value, "ndim", 0) == 1 and value.dtype.kind in "biuf":
        return value
    if any((base.__module__, base.__name__) in _TEXTUAL for base in type(value).__mro__):
        return str(value)
    return _any_leaf(value)


def _any_leaf(value: Any) -> Any:
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    return _NOTHING


def _in_order(elements: list[Any]) -> list[Any]:
    try:
        return sorted(elements)
    except TypeError:
        return sorted(elements, key=repr)


def is_scalar_of_numpy(value: Any) -> bool:
    """Say whether *value* is a single number, text or time of NumPy's own type."""
    return type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0


def _type(value: Any) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
