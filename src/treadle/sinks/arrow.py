"""Turns values into Arrow tables, and decides which types a column can have next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from treadle.core.item import Key
from treadle.core.outcome import Succeeded
from treadle.errors import MissingExtra, SinkFailed
from treadle.sinks.columns import KEY, VALUE_KEY, Row, frame_library, is_frame, native, rows_of


def require_arrow() -> None:
    """
    Import Arrow.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401  # to see whether it can be
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet", purpose="writing Parquet") from error


def key_only() -> Any:
    """Return the schema of a file without rows."""
    import pyarrow as pa

    return pa.schema([(KEY, pa.string())])


def text_keys(keys: Iterable[Key]) -> frozenset[str]:
    """Return *keys* as ``leave_out`` knows them."""
    return frozenset(_utf8(str(key)) for key in keys)


def leave_out(table: Any, keys: Collection[str]) -> Any:
    """Return *table* without the rows of *keys*, which are text as ``text_keys`` makes it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not keys:
        return table
    of_rows = table.column(KEY).cast(pa.string())
    return table.filter(pc.invert(pc.is_in(of_rows, value_set=pa.array(keys, pa.string()))))


def arrow_table(frame: Any) -> Any:
    """
    Turn a frame of any library into an Arrow table.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    require_arrow()
    import pyarrow as pa

    library = frame_library(frame)
    if library == "polars":
        import polars as pl

        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    elif library == "pandas":
        table = pa.Table.from_pandas(frame, preserve_index=False)
    else:
        table = pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame
    return table.replace_schema_metadata(None)


def table_of(outcomes: Sequence[Succeeded[Any]]) -> Any:
    """
    Make one table of the values, with the column ``key`` first.

    Raises:
        SinkFailed: A value has no columns, or two values differ in the type of a column.
    """
    import pyarrow as pa

    tables = []
    keys: list[Key] = []
    rows: list[Row] = []
    for outcome in outcomes:
        if is_frame(outcome.value):
            tables.append(_of_frame(outcome.key, outcome.value))
            continue
        found = rows_of(outcome.value)
        rows.extend(found)
        keys.extend([outcome.key] * len(found))
    if rows:
        tables.append(_of_rows(keys, rows))
    if not tables:
        return key_only().empty_table()
    schema = tables[0].schema
    for table in tables[1:]:
        schema = united(schema, table.schema)
    return pa.concat_tables([fitted(table, schema) for table in tables])


def _of_rows(keys: list[Key], rows: list[Row]) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {KEY: _column(KEY, keys if _alike(keys) else list(map(str, keys)))}
    for name in dict.fromkeys(name for row in rows for name in row):
        columns[_utf8(name)] = _column(name, [native(row.get(name)) for row in rows])
    return pa.table(columns)


def _alike(keys: list[Key]) -> bool:
    return len(set(map(type, keys))) == 1


def _column(name: str, fields: list[Any]) -> Any:
    import pyarrow as pa

    kinds = {type(field) for field in fields}
    if kinds >= {str, bytes}:
        # Arrow would take the text for bytes and not say so.
        raise SinkFailed(f"the column {name!r} has both text and bytes")
    try:
        array = pa.array(fields)
    except UnicodeEncodeError:
        # Lone surrogates, as in a file name that is no valid text.
        array = pa.array(_utf8(fields))
    except (ValueError, TypeError, OverflowError) as error:  # Arrow's own are among them
        raise SinkFailed(f"the column {name!r} does not fit: {error}") from error
    return array


def _utf8(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_utf8(element) for element in value]
    if isinstance(value, dict):
        return {_utf8(name): _utf8(field) for name, field in value.items()}
    return value


def _of_frame(key: Key, frame: Any) -> Any:
    import pyarrow as pa

    table = arrow_table(frame)
    names = table.schema.names
    if len(set(names)) < len(names):
        raise SinkFailed("the frame has a column name more than once")
    if KEY in names:
        if VALUE_KEY in names:
            raise SinkFailed(f"the frame has both columns {KEY!r} and {VALUE_KEY!r}")
        table = table.rename_columns([VALUE_KEY if name == KEY else name for name in names])
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):  # categories of one frame are not those of the next
            table = table.set_column(i, field.name, table[i].cast(field.type.value_type))
    keys = _column(KEY, [key if isinstance(key, int) else _utf8(key)] * table.num_rows)
    if not table.num_rows:
        keys = keys.cast(pa.int64() if isinstance(key, int) else pa.string())
    return table.add_column(0, KEY, keys)


def united(old: Any, new: Any) -> Any:
    """
    Return the schema that holds what *old* and *new* hold.

    Raises:
        SinkFailed: A column has two types that do not go together.
    """
    import pyarrow as pa

    if old == new:
        return old
    types = {field.name: field.type for field in old}
    for field in new:
        before = types.get(field.name)
        types[field.name] = (
            field.type if before is None else _widened(field.name, before, field.type)
        )
    return pa.schema(types)


def _widened(name: str, old: Any, new: Any) -> Any:
    import pyarrow as pa

    if old == new:
        return old
    kinds = pa.types
    if name == KEY and kinds.is_integer(old) != kinds.is_integer(new):
        return pa.string()
    try:
        both = [pa.schema([(name, one)]) for one in (old, new)]
        wide = pa.unify_schemas(both, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        wide = None
    # Arrow would put text into bytes, and large unsigned numbers into signed ones.
    text = {kinds.is_string(one) or kinds.is_large_string(one) for one in (old, new)}
    signs = {kinds.is_signed_integer(one) for one in (old, new) if kinds.is_integer(one)}
    mixed = len(text) > 1 and not (kinds.is_null(old) or kinds.is_null(new))
    if wide is None or mixed or len(signs) > 1:
        raise SinkFailed(
            f"the column {name!r} holds {old}, and here it is {new}",
            hint="let the function return one type for it, or write JSONL",
        )
    return wide


def fitted(table: Any, schema: Any, *, rounding: bool = False) -> Any:
    """
    Return *table* with the columns and types of *schema*.

    Args:
        table: The table.
        schema: What ``united`` made of its schema and others.
        rounding: Whether whole numbers that no float holds exactly may be rounded.

    Raises:
        SinkFailed: A number cannot be held exactly, and *rounding* is False.
    """
    import pyarrow as pa

    if table.schema == schema:
        return table
    columns = []
    for field in schema:
        at = table.schema.get_field_index(field.name)
        if at < 0:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(_cast(table.column(at), field.type, rounding=rounding))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise SinkFailed(f"the column {field.name!r} does not fit: {error}") from error
    return pa.table(columns, schema=schema)


def _cast(column: Any, wide: Any, *, rounding: bool) -> Any:
    import pyarrow as pa

    if column.type == wide:
        return column
    if _has_null_within(wide):
        # pyarrow 26 makes invalid arrays when it casts a null type inside a list to itself.
        return pa.chunked_array([pa.array(column.to_pylist(), wide)])
    return column.cast(wide, safe=not rounding)


def _has_null_within(kind: Any) -> bool:
    import pyarrow as pa

    inner = [kind.field(i).type for i in range(kind.num_fields)]
    return any(pa.types.is_null(one) or _has_null_within(one) for one in inner)
