"""What an answer says is what every reader of the results sees, whatever characters it has."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from treadle.prompts.columns import Columns
from treadle.prompts.ended import ended_of
from treadle.prompts.results_file import ResultsFile

sys.path.insert(0, str(Path(__file__).parent))
from asked import an_answer, an_ask, read_csv, succeeded

HEADER = ("topic", "with, comma", 'with "quote"', "with\nnewline", " spaces ", "größe")

# By number, for DuckDB trims names.
PLACES = (*range(len(HEADER)), Columns(HEADER).names.index("_output"))

MEAN = (
    '"', '""', ",", ";", "\t", "\n", "\r", "\r\n", "\n\n", "\0", "\x01", "\x1a", "\x1b[31m",
    "\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\ufffe", "\U0001f600", "e\u0301", "'", "\\",
    '\\"', "\\n", "#", "=1+1", "+1", "-1", "@x", "NULL", "null", "NA", "nan", " ", "a", "ß",
    "\ud800",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(MEAN) | st.characters() | st.text(max_size=5), max_size=12).map(
    "".join
)
ROW = st.tuples(st.fixed_dictionaries(dict.fromkeys(HEADER, TEXT)), TEXT)
ROWS = st.lists(ROW, min_size=1, max_size=5)


@pytest.fixture(scope="module", autouse=True)
def long_lived():
    """Let Polars and DuckDB open, once, what they keep open for the life of the process."""
    pl.read_csv(b"a\n1\n")
    duckdb.sql("SELECT 1").fetchall()


def kept(text):
    """Return what a CSV file can hold of *text*."""
    return "".join(
        "\ufffd" if each == "\0" or "\ud800" <= each <= "\udfff" else each for each in text
    )


def written(folder, rows, *, name="results.csv", **options):
    """Write *rows*, of cells and an answer each, partly live and partly in the end."""
    path = folder / name
    pairs = [
        (an_ask(number, cells=cells), ended_of(succeeded(an_answer(text))))
        for number, (cells, text) in enumerate(rows, 1)
    ]
    bom = options.pop("bom", False)
    file = ResultsFile(path, Columns(HEADER, **options), bom=bom)
    file.begin(pairs[:1])
    file.add(pairs[1:])
    file.close()
    live = path.read_bytes()
    file.finish(pairs)
    assert path.read_bytes() == live
    return path


def expected(rows):
    return [[*(kept(cells[name]) for name in HEADER), kept(text)] for cells, text in rows]


def by_csv(path):
    return [[row[name] for name in (*HEADER, "_output")] for row in read_csv(path)]


def by_polars(path):
    frame = pl.read_csv(path, infer_schema=False).fill_null("")
    return [[row[at] for at in PLACES] for row in frame.rows()]


def by_duckdb(path):
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""
            SELECT * FROM read_csv('{path}', header = true, all_varchar = true,
              delim = ',', quote = '"', escape = '"', max_line_size = 20000000)
            """
        ).fetchall()
    return [[row[at] or "" for at in PLACES] for row in rows]


@pytest.mark.parametrize("read", [by_csv, by_polars, by_duckdb])
@given(rows=ROWS)
@example(rows=[(dict.fromkeys(HEADER, ""), "".join(MEAN))])
@example(rows=[(dict.fromkeys(HEADER, each), each) for each in MEAN])
@settings(max_examples=30)
def test_every_reader_sees_what_was_answered(read, rows):
    with tempfile.TemporaryDirectory() as folder:
        assert read(written(Path(folder), rows)) == expected(rows)


@given(rows=ROWS)
@settings(max_examples=20)
def test_a_byte_order_mark_changes_nothing(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), rows, bom=True)
        assert by_csv(path) == expected(rows)


@given(rows=ROWS)
@settings(max_examples=20)
def test_guarded_cells_are_no_formulas(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), rows, guard=True)
        for row, plain in zip(by_csv(path), expected(rows), strict=True):
            assert [cell.removeprefix("'") for cell in row] == [
                cell.removeprefix("'") for cell in plain
            ]
            assert not any(is_formula(cell) for cell in row)


def is_formula(cell):
    try:
        float(cell)
    except ValueError:
        return cell[:1] in set("=+-@\t\r")
    return False


@given(rows=ROWS)
@settings(max_examples=20)
def test_json_lines_keep_even_nul(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), rows, name="results.jsonl")
        with path.open(encoding="utf-8", newline="\n") as lines:
            records = [json.loads(line) for line in lines]
        assert [kept(record["_output"]) for record in records] == [
            row[-1] for row in expected(rows)
        ]
        for name in HEADER:
            assert [kept(record[name]) for record in records] == [
                kept(cells[name]) for cells, _ in rows
            ]


@pytest.mark.parametrize("read", [by_csv, by_polars, by_duckdb])
def test_answers_of_a_megabyte_of_byte_junk(read, tmp_path):
    """As a random model gives them: every control byte, quotes and line ends in between."""
    junk = random.Random(7)
    rows = [
        (
            dict.fromkeys(HEADER, "x"),
            junk.randbytes(1 << 20).decode("utf-8", "replace").replace("\0", "\ufffd"),
        )
        for _ in range(2)
    ]
    assert read(written(tmp_path, rows)) == expected(rows)
