"""From rows of text to typed columns: nothing is lost without a note, whatever the file holds."""

from __future__ import annotations

import math
import tracemalloc

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from treadle.lab.errors import BreaksSchema, Damaged, NoData, Rejected
from treadle.lab.layouts import Raw
from treadle.lab.schema.spec import RESERVED_COLUMNS, Field, Procedure
from treadle.lab.tables import Table, careful, clean, rows, table_of
from treadle.lab.tables.columns import Column, matched

FLOAT = Field("float")
IVG = Procedure("IVg", data={"Vg (V)": FLOAT, "I (A)": FLOAT})
TEMPERATURES = ["Plate T (degC)", "Ambient T (degC)", "Clock (ms)"]


def raw_of(body, columns=("Vg (V)", "I (A)"), **more):
    data = body if isinstance(body, bytes) else body.encode()
    return Raw("IVg", {}, {}, list(columns), data, **more)


def ivg(body, columns=("Vg (V)", "I (A)"), procedure=IVG, **more) -> Table:
    return table_of(raw_of(body, columns, first_line=10), procedure, **more)


def one_column(kind, *cells) -> Table:
    procedure = Procedure("Own", data={"x": Field(kind), "y": FLOAT})
    return ivg("".join(f"{cell},0.5\n" for cell in cells), ("x", "y"), procedure)


def codes(table) -> list[str]:
    return [note.code for note in table.notes]


def note(table, code):
    [found] = [each for each in table.notes if each.code == code]
    return found


def by_polars(raw: Raw) -> pl.DataFrame:
    """What run ids were made of before there was this program."""
    line = raw.separator.join(raw.columns) + "\n"
    return pl.read_csv(
        line.encode() + raw.body, infer_schema_length=10_000, separator=raw.separator
    )


# Clean bodies


def test_columns_of_the_schema_come_first_in_its_order():
    table = ivg("1.5,25.0,3e-06\n", ("I (A)", "Plate T (degC)", "Vg (V)"))
    assert table.frame.columns == ["Vg (V)", "I (A)", "Plate T (degC)"]
    assert table.frame.rows() == [(3e-06, 1.5, 25.0)]
    assert set(table.frame.dtypes) == {pl.Float64}
    assert table.raw_frame.columns == ["I (A)", "Plate T (degC)", "Vg (V)"]


def test_only_the_columns_of_the_schema():
    table = ivg("1.5,25.0,3e-06\n", ("I (A)", "Plate T (degC)", "Vg (V)"), only_schema_columns=True)
    assert table.frame.columns == ["Vg (V)", "I (A)"]
    assert table.raw_frame.width == 3
    assert "left out" in note(table, "UNKNOWN_COLUMN").text


def test_columns_that_are_only_nan_are_numbers():
    table = ivg("1.0,2.0,nan\n1.5,2.5,nan\n", ("Vg (V)", "I (A)", "Clock (ms)"))
    assert table.frame["Clock (ms)"].dtype == pl.Float64
    assert table.frame["Clock (ms)"].is_nan().all()
    assert table.raw_frame["Clock (ms)"].to_list() == ["nan", "nan"]


@pytest.mark.parametrize("nan_at", [0, 9_999, 10_000, 10_500])
def test_a_nan_anywhere_is_a_nan_and_the_raw_columns_are_as_polars_infers_them(nan_at):
    lines = ["0.1,1.0,1\n"] * 11_000
    lines[nan_at] = "0.1,nan,1\n"
    raw = raw_of("".join(lines), ("Vg (V)", "I (A)", "N"))
    table = table_of(raw, IVG)
    assert table.frame["I (A)"].is_nan().arg_true().to_list() == [nan_at]
    assert table.raw_frame.write_csv() == by_polars(raw).write_csv()


def test_numbers_after_ten_thousand_nan_keep_the_raw_text():
    raw = raw_of("0.1,nan\n" * 10_001 + "0.1,2.50\n")
    table = table_of(raw, IVG)
    assert table.frame["I (A)"][-1] == 2.5
    assert table.raw_frame.write_csv() == by_polars(raw).write_csv()


def test_what_polars_cannot_infer_is_raw_text():
    table = ivg("1,0.5\n" * 10_001 + "1.5,0.5\n")
    assert table.frame["Vg (V)"][-1] == 1.5
    assert table.raw_frame["Vg (V)"][-1] == "1.5"


@pytest.mark.parametrize(
    "row",
    [
        *("1,2.0", "1.0,+2.0", "1.0, 2.0", "1.0,inf", "1.0,NaN", "1.0,-nan"),
        *("1E5,2.0", "1.0,1.e5", "1.0,5.", ".5,1e5", "-0,-0.0", "007,1.0"),
    ],
)
def test_unusual_numbers_are_read_and_the_raw_columns_are_as_polars_infers_them(row):
    raw = raw_of(row + "\n")
    table = table_of(raw, IVG)
    wanted = [float(cell) if math.isfinite(float(cell)) else None for cell in row.split(",")]
    got = [x if x is None or math.isfinite(x) else None for x in table.frame.row(0)]
    assert got == wanted
    assert table.raw_frame.write_csv() == by_polars(raw).write_csv()
    assert table.raw_frame.dtypes == by_polars(raw).dtypes


cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, max_value=1e37, min_value=-1e37).map(repr),
    st.just("nan"),
    st.integers(-1000, 1000).map(str),
)
bodies = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.just([f"c{n}" for n in range(width)]),
        st.lists(
            st.lists(cells, min_size=width, max_size=width).map(",".join), min_size=1, max_size=20
        ),
    )
)


@given(bodies)
@settings(max_examples=80)
def test_both_paths_read_the_same(drawn):
    names, lines = drawn
    raw = raw_of("".join(line + "\n" for line in lines), names)
    columns = [Column(name, name, "float") for name in names]
    by_line, raw_by_line, notes = careful.read(raw, columns)
    at_once = clean.read(raw.body, columns, ",")
    assert at_once is not None
    assert not notes
    assert_frame_equal(at_once, by_line, check_exact=True)
    for raw_frame in (clean.inferred(raw.body, at_once, ","), raw_by_line):
        assert raw_frame.write_csv() == by_polars(raw).write_csv()


typed_cells = {
    "float": st.one_of(cells, st.sampled_from(["9.9e+37", "+1", " 2", "inf"])),
    "int": st.one_of(st.integers().map(str), st.sampled_from(["1.0", "2e3", "0.5", "nan"])),
    "bool": st.sampled_from(["True", "false", "true", "False", "1"]),
    "str": st.sampled_from(["a", "1", "True", "#", "nan", "c0", " "]),
}
typed_bodies = st.lists(st.sampled_from(sorted(typed_cells)), min_size=1, max_size=4).flatmap(
    lambda kinds: st.tuples(
        st.just(kinds),
        st.lists(
            st.tuples(*(typed_cells[kind] for kind in kinds)).map(",".join), min_size=1, max_size=9
        ),
    )
)


def outcome(raw, procedure):
    try:
        return table_of(raw, procedure)
    except Rejected as error:
        return type(error)


@given(
    typed_bodies,
    st.one_of(st.just(""), st.text(alphabet='0123456789.,-+eEnaif# "\n_x', max_size=8)),
    st.integers(0, 300),
)
@settings(max_examples=150)
def test_whatever_stands_in_the_file_both_paths_give_the_same(drawn, inserted, place):
    kinds, lines = drawn
    body = "".join(line + "\n" for line in lines)
    place %= len(body)
    names = [f"c{n}" for n in range(len(kinds))]
    # The schema does not know the last column of three and more.
    known = dict(zip(names[:2] + names[3:], kinds[:2] + kinds[3:], strict=True))
    procedure = Procedure("Own", data={name: Field(kind) for name, kind in known.items()})
    raw = raw_of(body[:place] + inserted + body[place:], names)
    table = outcome(raw, procedure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "read", lambda *_: None)
        by_line = outcome(raw, procedure)
    if isinstance(table, type):
        assert by_line is table
        return
    assert_frame_equal(table.frame, by_line.frame, check_exact=True)
    assert table.raw_frame.write_csv() == by_line.raw_frame.write_csv()
    assert sorted(table.notes) == sorted(by_line.notes)


lines_of_all_kinds = st.lists(
    st.sampled_from(
        [
            *("1.0,2.0", "1.0,2.0", "nan,x", ",1", '"3.0","4"', "1", "1,2,3", "", " ", "# ?"),
            *(" c0,c1", "\ufeff1,2", "1e400,1e-400", "\u00b5,-nan", '"a', "#Procedure: <a>"),
        ]
    ),
    max_size=12,
)


@given(lines_of_all_kinds, st.sampled_from(["", "\n"]), st.sampled_from([1, 20]))
@settings(max_examples=100)
def test_it_does_not_matter_how_much_of_a_body_is_looked_at_together(lines, end, size):
    raw = raw_of("\n".join(lines) + end, ["c0", "c1"], first_line=10)
    table = outcome(raw, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_BLOCK", size)
        patch.setattr(careful, "_AT_ONCE", size)
        patch.setattr(clean, "_SMALL_BLOCK", 64)
        in_parts = outcome(raw, None)
    if isinstance(table, type):
        assert in_parts is table
        return
    assert_frame_equal(table.frame, in_parts.frame, check_exact=True)
    assert table.raw_frame.write_csv() == in_parts.raw_frame.write_csv()
    assert table.notes == in_parts.notes


@pytest.mark.parametrize("line", ["1.0", "1.0,x", "1.0,", '"1.0","2.0"', "", "# off", "0.5,1e400"])
def test_one_bad_line_does_not_turn_all_rows_into_objects(line):
    lines = [f"{n / 7!r},{n / 3!r}\n" for n in range(60_000)]
    lines[40_000] = line + "\n"
    raw = raw_of("".join(lines), first_line=10)
    tracemalloc.start()
    try:
        table = table_of(raw, IVG)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.frame.height >= 59_999
    assert table.notes or table.frame.height == 60_000
    # As a list of lists of text, the body takes ten times as much.
    assert most < 3 * len(raw.body)


def test_a_row_may_be_longer_than_what_is_read_at_once():
    procedure = Procedure("Own", data={"x": FLOAT, "who": Field("str")})
    name = "a" * (clean._SMALL_BLOCK + 10)
    table = ivg(f'1.0,{name}\n2.0,"b,c"\n', ("x", "who"), procedure)
    assert table.frame["who"].to_list() == [name, "b,c"]


@given(st.lists(st.sampled_from(["12", "-3.0", "1e3", "0.5", "nan"]), min_size=1), st.booleans())
def test_every_row_is_in_the_table_or_in_a_note(first, is_torn):
    body = "\n".join(f"{cell},1.0" for cell in first) + ("" if is_torn else "\n")
    if is_torn and len(first) == 1:
        with pytest.raises(NoData):
            ivg(body)
        return
    table = ivg(body)
    assert table.frame.height == len(first) - is_torn
    assert ("TORN_LINE" in codes(table)) == is_torn


@pytest.mark.parametrize("cell", ["nan(1)", "nan()", "0x10", "1_000", "\ufeff1.0", "\x00", "1e"])
def test_what_only_other_programs_take_for_a_number_is_a_bad_cell(cell):
    table = ivg(f"{cell},2.0\n3.0,4.0\n")
    assert table.frame["Vg (V)"].to_list() == [None, 3.0]
    assert codes(table) == ["BAD_CELLS"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9),
    st.sampled_from(["{!r}", "{:.17g}", "{:.25e}", "{:+.3E}"]),
)
def test_numbers_are_those_of_python_bit_for_bit(numbers, form):
    written = [form.format(number) for number in numbers]
    frame = clean.read(("\n".join(written) + "\n").encode(), [Column("x", "x", "float")], ",")
    assert frame is not None
    assert [each.hex() for each in frame["x"]] == [float(cell).hex() for cell in written]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(end):
    table = ivg(f"1.0,2.0{end}3.0,nan{end}")
    assert table.frame.height == 2
    assert table.raw_frame.write_csv() == "Vg (V),I (A)\n1.0,2.0\n3.0,nan\n"
    assert not table.notes


def test_another_separator():
    table = table_of(raw_of("1.0\t2.0\n3.0\tx\n", separator="\t"), IVG)
    assert table.frame.rows() == [(1.0, 2.0), (3.0, None)]


# Lines that are no rows


def test_a_line_without_end_is_left_out_but_counts_for_the_run_id():
    table = ivg("1.0,2.0\n3.0,4.0")
    assert table.frame.rows() == [(1.0, 2.0)]
    assert codes(table) == ["TORN_LINE"]
    assert table.raw_frame.equals(ivg("1.0,2.0\n3.0,4.0\n").raw_frame)


def test_a_torn_line_with_too_few_cells_is_in_neither():
    table = ivg("1.0,2.0\n3.")
    assert table.raw_frame.height == table.frame.height == 1


def test_the_zeros_that_a_power_loss_leaves_are_a_torn_line():
    assert ivg(b"1.0,2.0\n" + bytes(512)).frame.height == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "BLANK_LINES"),
        ("  ", "BLANK_LINES"),
        ("# laser off, by hand", "COMMENT_IN_DATA"),
        ("Vg (V),I (A)", "REPEATED_COLUMN_LINE"),
    ],
)
def test_a_line_that_is_no_row_is_skipped_and_noted(line, code):
    table = ivg(f"1.0,2.0\n{line}\n3.0,4.0\n")
    assert table.frame.rows() == [(1.0, 2.0), (3.0, 4.0)]
    assert codes(table) == [code]
    assert "line 11" in table.notes[0].text
    assert table.raw_frame.equals(ivg("1.0,2.0\n3.0,4.0\n").raw_frame)


def test_blank_lines_at_the_end_are_no_rows():
    table = ivg("1.0,2.0\n\n\n")
    assert table.frame.rows() == [(1.0, 2.0)]
    assert "lines 11, 12" in note(table, "BLANK_LINES").text


def test_two_runs_in_one_file():
    with pytest.raises(Damaged, match="second begins at line 11") as caught:
        ivg("1.0,2.0\n#Procedure: <a.IVg>\n#Data:\nVg (V),I (A)\n1.0,2.0\n")
    assert "split it" in (caught.value.hint or "")


def test_a_restarted_run_that_was_cut_at_its_first_row_is_a_second_run():
    with pytest.raises(Damaged):
        ivg("1.0,2.0\n#Procedure: <a.IVg>\nVg (V),I (A)\n1.0,2.")


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_second_header_without_rows_is_only_noted(end):
    table = ivg("1.0,2.0\n# procedure: <a.IVg>\n#Data:\nVg (V),I (A)" + end)
    assert table.frame.rows() == [(1.0, 2.0)]
    assert note(table, "SECOND_HEADER").level == "warning"
    assert "line 11" in note(table, "SECOND_HEADER").text


# Rows and cells that are not sound


@pytest.mark.parametrize("row", ["3.0", "3.0,4.0,5.0", "3.0,4.0,", '"3.0,4.0"'])
def test_a_row_with_the_wrong_number_of_cells_is_left_out(row):
    table = ivg(f"1.0,2.0\n{row}\n5.0,6.0\n")
    assert table.frame.rows() == [(1.0, 2.0), (5.0, 6.0)]
    assert table.raw_frame.height == 2
    assert note(table, "RAGGED_ROWS").level == "error"
    assert "line 11" in note(table, "RAGGED_ROWS").text


def test_many_ragged_rows_are_one_note_with_their_number():
    table = ivg("1.0,2.0\n" * 20 + "1.0\n" * 12)
    assert "12 row(s)" in note(table, "RAGGED_ROWS").text
    assert "30, 31, 32, 33, 34 and 7 more" in note(table, "RAGGED_ROWS").text


def test_more_ragged_rows_than_sound_ones_are_a_damaged_file():
    with pytest.raises(Damaged, match="2 of 3 rows do not have 2 cells"):
        ivg("1.0,2.0\n1.0;2.0\n1.0;2.0\n")


def test_a_cell_that_is_no_number_is_null():
    table = ivg("1.0,2.0\n3.0,1_000\n5.0,--\n")
    assert table.frame["I (A)"].to_list() == [2.0, None, None]
    found = note(table, "BAD_CELLS")
    assert found.level == "error"
    assert "'I (A)'" in found.text
    assert "line 11 '1_000', line 12 '--'" in found.text


def test_bytes_that_are_no_text_are_a_bad_cell():
    assert "\ufffd" in note(ivg(b"1.0,2.0\n3.0,\xff\n"), "BAD_CELLS").text


def test_an_empty_cell_is_null():
    table = ivg("1.0,\n3.0,4.0\n")
    assert table.frame["I (A)"].to_list() == [None, 4.0]
    assert codes(table) == ["EMPTY_CELLS"]
    assert "line 10" in table.notes[0].text


def test_an_overflow_is_null_and_a_nan_beside_it_stays():
    table = ivg("0.0,9.9e+37\n0.1,nan\n0.2,-9.9E37\n0.3,inf\n0.4,9.8e37\n")
    assert str(table.frame["I (A)"].to_list()) == "[None, nan, None, None, 9.8e+37]"
    assert "'I (A)': 3 value(s)" in note(table, "OVERFLOW").text


def test_spaces_and_quotes_around_numbers_do_not_matter():
    table = ivg(' 1.0 ,"2.0"\n')
    assert table.frame.rows() == [(1.0, 2.0)]
    assert not table.notes


@pytest.mark.parametrize("body", ["", "\n", "1.0,2.0", "# nothing\n"])
def test_no_rows(body):
    with pytest.raises(NoData):
        ivg(body)


def test_no_columns():
    with pytest.raises(NoData):
        ivg("", ())


def test_a_column_name_that_stands_twice():
    with pytest.raises(Damaged, match="'I \\(A\\)'"):
        ivg("1.0,2.0,3.0\n", ("Vg (V)", "I (A)", "I (A)"))


def test_a_column_without_name_gets_one():
    table = ivg("1.0,2.0,3.0\n", ("Vg (V)", "I (A)", ""))
    assert table.frame.columns[-1] == "column_3"
    assert "column_3" in note(table, "RENAMED_COLUMN").text


# Types


@pytest.mark.parametrize("cells", [("1", "-2"), ("1.0", "-2.0"), ("1e0", "-2")])
def test_whole_numbers_are_integers(cells):
    table = one_column("int", *cells)
    assert table.frame["x"].dtype == pl.Int64
    assert table.frame["x"].to_list() == [1, -2]


def test_integers_are_exact_and_those_without_value_are_null():
    table = one_column("int", "9007199254740993", "nan", "", "9.9e37", "x")
    assert table.frame["x"].to_list() == [9007199254740993, None, None, None, None]
    assert codes(table) == ["OVERFLOW", "EMPTY_CELLS", "BAD_CELLS"]


@pytest.mark.parametrize("cell", ["0.5", "1e19", "9223372036854775808", "1" + 30 * "0"])
def test_a_number_that_is_no_integer_loses_nothing(cell):
    with pytest.raises(BreaksSchema, match="line 11, column 'x'") as caught:
        one_column("int", "1", cell)
    assert cell in caught.value.message
    assert "float" in (caught.value.hint or "")


def test_truths():
    table = one_column("bool", "True", "false", "1", "off", "nan", "maybe")
    assert table.frame["x"].to_list() == [True, False, True, False, None, None]
    assert "'maybe'" in note(table, "BAD_CELLS").text
    assert one_column("bool", "True", "False").frame["x"].to_list() == [True, False]


@pytest.mark.parametrize("kind", ["str", "datetime"])
def test_text_stays_as_it_is(kind):
    table = one_column(kind, "a b", "nan", '"x, ""y"""', "#no row", "")
    assert table.frame["x"].to_list() == ["a b", "nan", 'x, "y"', None]
    assert codes(table) == ["COMMENT_IN_DATA", "EMPTY_CELLS"]
    assert one_column(kind, "a", "01").frame["x"].to_list() == ["a", "01"]


def test_a_table_of_text_only():
    procedure = Procedure("Own", data={"a": Field("str"), "b": Field("str")})
    table = ivg("1,2\na,b\n", ("a", "b"), procedure)
    assert table.frame.rows() == [("1", "2")]
    assert codes(table) == ["REPEATED_COLUMN_LINE"]


def test_further_columns_are_numbers_or_else_text():
    table = ivg("1.0,2.0,3,4\n1.5,2.5,,up\n", ("Vg (V)", "I (A)", "n", "way"))
    assert table.frame["n"].to_list() == [3.0, None]
    assert table.frame["way"].to_list() == ["4", "up"]
    assert "'up'" in note(table, "TEXT_COLUMN").text


def test_a_procedure_that_is_not_known():
    table = ivg("1,x\n", ("a", "b"), None, only_schema_columns=True)
    assert table.frame.schema == {"a": pl.Float64, "b": pl.String}


# Names


def test_a_missing_column_is_null_of_its_type():
    wanted = {"Vg (V)": FLOAT, "n": Field("int"), "ok": Field("bool"), "who": Field("str")}
    table = ivg("1.0\n2.0\n", ("Vg (V)",), Procedure("Own", data=wanted))
    assert table.frame.schema == {
        "Vg (V)": pl.Float64, "n": pl.Int64, "ok": pl.Boolean, "who": pl.String,
    }  # fmt: skip
    assert table.frame.null_count().row(0) == (0, 2, 2, 2)
    assert codes(table) == ["MISSING_COLUMN"] * 3


def test_a_required_column_that_is_missing():
    procedure = Procedure("Own", data={"Vg (V)": FLOAT, "Drain (A)": Field("float", required=True)})
    with pytest.raises(BreaksSchema, match="'Drain \\(A\\)'") as caught:
        ivg("1.0,2.0\n", ("Vg (V)", "Drains (A)"), procedure)
    assert "'Drains (A)'" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["i(a)", "I [A]", "I_A", " I (A) ", "Ids (A)", "Current (A)", "I"])
def test_another_spelling_or_usual_name_is_the_column_of_the_schema(name):
    table = ivg("1.0,2.0\n", ("Vg (V)", name))
    assert table.frame.rows(named=True) == [{"Vg (V)": 1.0, "I (A)": 2.0}]
    assert table.raw_frame.columns == ["Vg (V)", name]
    assert repr(name) in note(table, "RENAMED_COLUMN").text


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("I (mA)", "3.1", 0.0031),
        ("Id (µA)", "7", 7e-6),
        ("I (kA)", "2", 2e3),
        ("I [nA]", "1", 1e-9),
        ("I (mA)", "nan", None),
    ],
)
def test_another_scale_is_converted(name, cell, value):
    table = ivg(f"1.0,{cell}\n", ("Vg (V)", name))
    assert [None if math.isnan(x) else x for x in table.frame["I (A)"]] == [value]
    assert repr(name) in note(table, "CONVERTED_COLUMN").text


def test_the_unit_may_stand_in_the_schema_alone():
    procedure = Procedure("Own", data={"Clock": Field("float", unit="s")})
    assert ivg("250.0\n", ("Clock (ms)",), procedure).frame["Clock"].to_list() == [0.25]


def test_an_overflow_in_another_scale_is_an_overflow():
    assert ivg("1.0,9.9e37\n", ("Vg (V)", "I (mA)")).frame["I (A)"].to_list() == [None]


@pytest.mark.parametrize("name", ["I (V)", "Icc (A)", "Plate T (A)"])
def test_another_quantity_is_not_taken(name):
    table = ivg("1.0,2.0\n", ("Vg (V)", name))
    assert table.frame.columns == ["Vg (V)", "I (A)", name]
    assert table.frame["I (A)"].to_list() == [None]


def test_a_similar_name_is_only_a_hint():
    text = note(ivg("1.0,2.0\n", ("Vg (V)", "Icc (A)")), "MISSING_COLUMN").text
    assert "'Icc (A)' looks like 'I (A)'" in text


def test_several_similar_names_are_one_hint():
    text = note(ivg("1,2,3\n", ("Vg (V)", "Icc (A)", "Ixx (A)")), "MISSING_COLUMN").text
    assert "'Icc (A)', 'Ixx (A)' look like 'I (A)', but were not taken for it" in text


def test_prefixes_that_differ_in_case_are_not_one_unit():
    procedure = Procedure("Own", data={"R (MOhm)": FLOAT})
    assert ivg("2e9\n", ("R (mOhm)",), procedure).frame["R (MOhm)"].to_list() == [2.0]


def test_two_columns_that_could_be_it_are_both_left_alone():
    table = ivg("1.0,2.0,3.0\n", ("Vg (V)", "i (A)", "I(A)"))
    assert table.frame.columns == ["Vg (V)", "I (A)", "i (A)", "I(A)"]
    assert codes(table).count("AMBIGUOUS_COLUMN") == 1
    assert "'i (A)', 'I(A)'" in note(table, "AMBIGUOUS_COLUMN").text


def test_an_integer_column_is_not_converted():
    columns, _ = matched(["N (k)", "n (mA)"], Procedure("Own", data={"n (A)": Field("int")}))
    assert [column.type for column in columns] == [None, None]


def test_the_exact_name_wins_over_a_synonym():
    procedure = Procedure("Own", data={"Vsd (V)": FLOAT, "VDS (V)": FLOAT})
    table = ivg("1.0,2.0\n", ("VDS (V)", "vsd (V)"), procedure)
    assert table.frame.row(0, named=True) == {"Vsd (V)": 2.0, "VDS (V)": 1.0}


def test_nothing_of_the_schema_in_the_file():
    assert ivg("1.0\n", ("other",)).frame.columns == ["Vg (V)", "I (A)", "other"]
    with pytest.raises(BreaksSchema):
        ivg("1.0\n", ("other",), only_schema_columns=True)


def test_decimal_commas_do_not_become_a_table_of_nothing():
    procedure = Procedure("Own", data={"V (V)": Field("float", required=True), "T (C)": FLOAT})
    with pytest.raises(Damaged, match="line 1 '0,5'") as told:
        table_of(Raw("Own", {}, {}, ["V (V)", "T (C)"], b"0,5;n/a\n0,6;n/a\n", ";"), procedure)
    assert "decimal" in told.value.hint
    table = table_of(Raw("Own", {}, {}, ["V (V)", "T (C)"], b"0.5;n/a\n0.6;n/a\n", ";"), procedure)
    assert table.frame["V (V)"].to_list() == [0.5, 0.6]


@pytest.mark.parametrize("procedure", [IVG, None])
@pytest.mark.parametrize("name", sorted(RESERVED_COLUMNS))
def test_a_column_that_staged_files_have_already_gets_another_name(name, procedure):
    table = ivg("1.0,2.0,3.0\n", ("Vg (V)", "I (A)", name), procedure)
    assert table.frame.columns == ["Vg (V)", "I (A)", f"{name} (file)"]
    assert table.raw_frame.columns == ["Vg (V)", "I (A)", name]
    found = note(table, "RENAMED_COLUMN")
    assert (found.level, f"{name!r} is called '{name} (file)'" in found.text) == ("warning", True)


def test_the_other_name_is_one_that_no_column_has():
    table = ivg("1.0,a,2.0\n", ("I (A)", "date", "date (file)"))
    assert table.frame.columns[2:] == ["date (file) (file)", "date (file)"]
    assert table.frame["date (file) (file)"].to_list() == ["a"]


def test_a_column_that_is_left_out_needs_no_other_name():
    table = ivg("1.0,2.0\n", ("I (A)", "proc"), only_schema_columns=True)
    assert table.frame.columns == ["Vg (V)", "I (A)"]
    assert "RENAMED_COLUMN" not in codes(table)
