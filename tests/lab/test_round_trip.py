"""What pymeasure writes is what is read: random runs in its exact format."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from treadle.lab.measurement import read
from treadle.lab.schema import Field, Procedure, Schema

TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(
    # Spaces at the ends are not escaped, and do not count.
    lambda text: text == text.strip(" ") and text not in {"None", ""}
)
CELL = st.floats(min_value=-9e37, max_value=9e37) | st.just(math.nan)
SETTING = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: float(f"{number:g}"))
NAME = st.from_regex(r"[A-Z][A-Za-z0-9+\-() ]{0,15}[a-z)]", fullmatch=True)
UNIT = st.sampled_from(["V", "A", "s", "nm"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
TIME = st.floats(min_value=4e7, max_value=1.7e9)

PARAMETER = st.one_of(
    st.tuples(st.just("float"), SETTING.filter(math.isfinite), UNIT),
    st.tuples(st.just("float"), SETTING.filter(math.isfinite), st.none()),
    st.tuples(st.just("int"), WHOLE, st.none()),
    st.tuples(st.just("bool"), st.booleans(), st.none()),
    st.tuples(st.just("str"), TEXT, st.none()),
    st.tuples(st.just("str"), st.none(), st.none()),
)
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8)
)


def header_line(name, kind, value, unit):
    """Write one value as pymeasure does."""
    text = f"{value:g}" if kind == "float" else str(value)
    text = f"{text} {unit}" if unit else text
    return f"#\t{name}: {text.encode('unicode_escape').decode()}\n"


def file_of(parameters, start, names, rows, end):
    header = "".join(header_line(name, *each) for name, each in parameters.items())
    lines = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    text = (
        f"#Procedure: <lab.procedures.Some>\n#Parameters:\n{header}"
        f"#Metadata:\n#\tStart time: {start}\n#Data:\n{','.join(names)}\n{lines}"
    )
    return text.replace("\n", end).encode()


def written(rows):
    """Return the rows with text for NaN, which is not equal to itself."""
    return [tuple("nan" if math.isnan(cell) else cell for cell in row) for row in rows]


@given(
    parameters=st.dictionaries(NAME, PARAMETER, max_size=6),
    start=TIME,
    rows=TABLE,
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_run_is_read_as_it_was_written(parameters, start, rows, end):
    names = [f"Column {number} (V)" for number in range(len(rows[0]))]
    fields = {name: Field(kind, unit=unit) for name, (kind, _, unit) in parameters.items()}
    some = Procedure(
        "Some",
        parameters=fields,
        metadata={"Start time": Field("datetime")},
        data={name: Field("float") for name in names},
        requires_chip=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Some_1.csv"
        path.write_bytes(file_of(parameters, start, names, rows, end))
        found = read(path, schema=Schema({"Some": some}))
        unknown = read(path, schema=Schema())
    assert found.parameters == {name: value for name, (_, value, _) in parameters.items()}
    assert found.units == {name: unit for name, (_, _, unit) in parameters.items() if unit}
    assert found.start_time == datetime.fromtimestamp(start, UTC)
    assert found.table.columns == names
    assert written(found.table.rows()) == written(rows)
    assert found.notes == ()
    assert written(unknown.table.rows()) == written(rows)
    assert unknown.run_id == found.run_id
    assert {note.code for note in unknown.notes} == {"UNKNOWN_PROCEDURE"}
