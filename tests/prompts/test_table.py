"""Tables: every row of every sound file comes back, and what is wrong is said by its place."""

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.table import open_table, snapshot

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ROWS = st.lists(st.tuples(TEXT.filter(bool), TEXT, TEXT).map(list), min_size=1, max_size=12)


def write(folder, content, name="table.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cells(table):
    return [row.cells for row in table]


def test_rows_are_numbered_from_one_and_read_again_each_time(tmp_path):
    table = open_table(write(tmp_path, "topic,level\ntides,low\nmoons,high\n"))

    assert table.header == ("topic", "level")
    assert len(table) == 2
    assert [row.number for row in table] == [1, 2]
    assert (
        cells(table)
        == cells(table)
        == [
            {"topic": "tides", "level": "low"},
            {"topic": "moons", "level": "high"},
        ]
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(tmp_path, delimiter):
    content = delimiter.join(["provider", "model"]) + "\n" + delimiter.join(["a,b", "c"])
    content = content.replace("a,b", '"a,b;c"')

    table = open_table(write(tmp_path, content))

    assert cells(table) == [{"provider": "a,b;c", "model": "c"}]


def test_what_excel_writes(tmp_path):
    """A byte order mark, CRLF, and rows of delimiters only below the table."""
    content = b"\xef\xbb\xbfprovider;model\r\nmock;m1\r\n\r\n;\r\nmock;m2\r\n;\r\n"

    table = open_table(write(tmp_path, content))

    assert len(table) == 2
    assert [(row.number, row.cells["model"]) for row in table] == [(1, "m1"), (2, "m2")]
    assert [row.cells["model"] for row in table.at([2, 1])] == ["m2", "m1"]


@given(rows=ROWS, newline=st.sampled_from(["\n", "\r\n"]), mark=st.booleans())
def test_whatever_csv_holds_comes_back_in_any_order(tmp_path_factory, rows, newline, mark):
    text = io.StringIO(newline="")
    # All quoted: before Python 3.13, the writer leaves a lone carriage return bare.
    writer = csv.writer(text, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *rows])
    content = text.getvalue().encode("utf-8-sig" if mark else "utf-8")

    table = open_table(write(tmp_path_factory.mktemp("table"), content))

    expected = [dict(zip("abc", row, strict=True)) for row in rows]
    assert cells(table) == expected
    assert len(table) == len(rows)
    backwards = range(len(rows), 0, -1)
    assert [row.number for row in table.at(backwards)] == list(backwards)
    assert [row.cells for row in table.at(backwards)] == expected[::-1]


@given(
    rows=st.lists(
        st.dictionaries(TEXT, TEXT | st.integers() | st.none() | st.lists(TEXT), max_size=4),
        min_size=1,
        max_size=8,
    ).filter(any)
)
def test_whatever_json_lines_hold_comes_back(tmp_path_factory, rows):
    """Text as it is, null as empty text, and all else as its JSON."""
    content = "".join(json.dumps(row) + "\n" for row in rows)

    table = open_table(write(tmp_path_factory.mktemp("table"), content, "table.jsonl"))

    for row, found in zip(rows, table, strict=True):
        assert found.cells.keys() == row.keys()
        for name, value in row.items():
            text = found.cells[name]
            assert (
                (text or None) == (value or None)
                if isinstance(value, str | None)
                else (json.loads(text) == value)
            )
    assert set(table.header) == {name for row in rows for name in row}


def test_a_row_that_is_not_sound_does_not_end_the_others(tmp_path):
    table = open_table(write(tmp_path, "a,b,c\n1,2,3\n1,2\n1,2,3,4\n5,6,7\n"))

    problems = [row.problem for row in table]

    assert len(table) == 4
    assert problems == [
        "",
        "row 2 has 2 cells, but the table has 3 columns: nothing for 'c'",
        (
            "row 3 has 4 cells, but the table has 3 columns: '4' is beyond the last; "
            "is a delimiter in a cell not quoted?"
        ),
        "",
    ]
    assert [row.cells["a"] for row in table] == ["1", "1", "1", "5"]
    assert [row.problem for row in table.at([3, 2])] == problems[2:0:-1]


def test_a_line_that_is_no_object_does_not_end_the_others(tmp_path):
    content = '{"a": 1}\n\n{"a": \n[1]\n{"a": "\\ud83d"}\n{"a": "\\ud83d\\ude00"}\n'

    rows = list(open_table(write(tmp_path, content, "t.jsonl")))

    assert [bool(row.problem) for row in rows] == [False, True, True, True, False]
    assert rows[1].problem.startswith("row 2 is not JSON")
    assert rows[2].problem == "row 3 is JSON, but no object: list"
    assert rows[3].problem == "row 4 has half a character (a surrogate) in 'a'"
    assert rows[3].cells == {"a": "\ufffd"}
    assert rows[4].cells == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 of .* both have the name 'a'"),
        (b"a, ,\n1,2,3\n", "columns 2 and 3 of .* both have no name"),
        (b"a,b\n1,2\n3,caf\xe9\n", "line 3 of .* is not UTF-8: byte 0xe9 at offset 13"),
        (b"a,b\n1,\xc3", "line 2 of .* is not UTF-8: byte 0xc3"),
        (b"a,b\n1,2\n\0,2\n", "line 3 of .* has a NUL byte"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        (b'a,b\n1,2\n3,"4\n5,6\n7,8\n', r"row 2 of .* \(from line 3\) opens a quote"),
        (b'"a,b\n1,2\n', r"the header of .* opens a quote"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_before_anything(tmp_path, content, message):
    path = write(tmp_path, content)

    with pytest.raises(treadle.UsageError, match=message):
        open_table(path)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [("a,b\n1,2\n".encode("utf-16"), "UTF-16"), (b"a,b\n1,caf\xe9\n", "CP1252")],
)
def test_another_encoding_comes_with_the_command_that_converts_it(tmp_path, content, encoding):
    with pytest.raises(treadle.UsageError) as caught:
        open_table(write(tmp_path, content))

    assert f"iconv -f {encoding} -t UTF-8" in caught.value.hint
    assert content.decode(encoding)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "has no rows"),
        (b'[\n{"a": 1}\n', None),
        (b"[1]\n", "holds no JSON object: row 1 is JSON, but no object: list"),
        (b"{}\n", "all of them are empty"),
    ],
)
def test_json_lines_without_any_object(tmp_path, content, message):
    path = write(tmp_path, content, "t.jsonl")

    if message is None:
        assert [bool(row.problem) for row in open_table(path)] == [True, False]
    else:
        with pytest.raises(treadle.UsageError, match=message):
            open_table(path)


def test_bad_bytes_are_found_beyond_the_first_block(tmp_path):
    """The place is right too when a character is cut in two by a block's end."""
    row = "x," + "é" * 600_000 + "\n"  # the block ends within an é
    content = ("a,b\n" + row).encode() + b"bad\xff\n"

    with pytest.raises(treadle.UsageError) as caught:
        open_table(write(tmp_path, content))

    assert f"line 3 of {tmp_path / 'table.csv'}" in str(caught.value)
    assert f"offset {len(content) - 2}" in str(caught.value)


def test_long_cells_are_taken(tmp_path):
    document = "word " * 60_000

    table = open_table(write(tmp_path, f'a,b\n1,"{document}"\n'))

    assert next(iter(table)).cells["b"] == document


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(treadle.UsageError, match="cannot be read: No such file") as caught:
        open_table(tmp_path / "no.csv")
    assert "the current folder is" in str(caught.value)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("content", ["a,b\n1,é\n", '{"a": "1", "b": "é"}\n'])
def test_standard_input_is_kept_and_read_again(tmp_path, text, content):
    stdin = io.StringIO(content) if text else io.BytesIO(content.encode())

    table = open_table("-", stdin=stdin, keep_in=tmp_path)

    assert cells(table) == cells(table) == [{"a": "1", "b": "é"}]
    assert table.path.parent == tmp_path
    assert table.path.read_text("utf-8") == content


def test_standard_input_without_a_folder_leaves_nothing_behind():
    table = open_table("-", stdin=io.BytesIO(b"a,b\n1,2\n"))
    path = table.path

    assert cells(table) == [{"a": "1", "b": "2"}]
    del table
    assert not path.exists()


def test_standard_input_is_called_so_in_messages(tmp_path):
    with pytest.raises(treadle.UsageError, match=r"^standard input has no rows"):
        open_table("-", stdin=io.BytesIO(b"a,b\n"), keep_in=tmp_path)


def test_a_snapshot_is_not_changed_by_later_edits(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    copy = tmp_path / "copy.csv"

    snapshot(path, copy)
    snapshot(copy, copy)
    path.write_text("something else")

    assert cells(open_table(copy)) == [{"a": "1", "b": "2"}]
    assert sorted(os.listdir(tmp_path)) == ["copy.csv", "table.csv"]


def test_a_snapshot_that_cannot_be_made(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")

    with pytest.raises(treadle.UsageError, match="cannot be copied"):
        snapshot(path, tmp_path / "no" / "copy.csv")
