"""``treadle export``: the values of a run in every format, and what a workbook cannot hold."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import sys
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle import MissingExtra, SinkFailed, Succeeded, UsageError
from treadle.sinks import xlsx
from treadle.sinks.choice import sink_for
from treadle.sinks.xlsx import Xlsx

HERE = ("--backend", "inline")
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(path):
    """Read the sheet: a list of rows, each a list of (type, text)."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    found = []
    for row in sheet.iter(f"{MAIN}row"):
        found.append([])
        for cell in row:
            text = "".join(cell.itertext())
            found[-1].append((cell.get("t", "n"), text))
    return found


@pytest.fixture
def recorded(treadle_command):
    """A run with a dict for two of three files, stored as JSONL, and so with numbers."""
    arguments = ("map", "mine.py:parse", "data", "--into", "out.jsonl", *HERE)
    assert treadle_command(*arguments)[0] == 1


@pytest.fixture
def exported(treadle_command, recorded):
    """Export the run; return the path."""

    def export(name):
        code, out, err = treadle_command("export", "latest", "--to", name)
        assert (code, out) == (0, []), err
        assert "exported 2 items of " in err
        return Path(name)

    return export


EXPECTED = [("a.csv", "a.csv", 2), ("c10.csv", "c10.csv", 3)]


def test_csv(exported):
    with exported("x.csv").open(newline="") as file:
        rows = [(row["key"], row["name"], int(row["rows"])) for row in csv.DictReader(file)]
    assert rows == EXPECTED


def test_jsonl(exported):
    rows = [json.loads(line) for line in exported("x.jsonl").read_text().splitlines()]
    assert [(row["key"], row["value"]["name"], row["value"]["rows"]) for row in rows] == EXPECTED


def test_parquet(exported):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(exported("x.parquet")).to_pylist()
    assert [(row["key"], row["name"], row["rows"]) for row in rows] == EXPECTED


def test_sqlite(exported):
    database = sqlite3.connect(exported("x.sqlite"))
    try:
        rows = database.execute("SELECT key, name, rows FROM results ORDER BY key").fetchall()
    finally:
        database.close()
    assert rows == EXPECTED


def test_xlsx(exported):
    pytest.importorskip("xlsxwriter")
    head, *rows = cells(exported("x.xlsx"))
    assert [text for _, text in head] == ["key", "name", "rows"]
    assert rows == [
        [("inlineStr", key), ("inlineStr", name), ("n", str(count))]
        for key, name, count in EXPECTED
    ]


def test_json_says_how_many(treadle_command, recorded):
    code, out, _ = treadle_command("export", "latest", "--to", "x.csv", "--json")
    run = json.loads(treadle_command("runs", "--json")[1][0])[0]["id"]
    assert code == 0
    assert json.loads(out[0]) == {"run": run, "to": "x.csv", "items": 2}


def test_nothing_to_export_is_an_exit_code_and_leaves_no_file(treadle_command):
    treadle_command("map", "mine.py:parse", "data/b.csv", "--into", "out.csv", *HERE)
    code, _, err = treadle_command("export", "latest", "--to", "x.csv")
    assert code == 3
    assert "nothing to export: no item of the run " in err
    assert not Path("x.csv").exists()


def test_a_run_is_not_exported_over_its_own_file(treadle_command, recorded):
    before = Path("out.jsonl").read_text()
    code, _, err = treadle_command("export", "latest", "--to", "out.jsonl")
    assert code == 2
    assert "is where the run itself stores" in err
    assert Path("out.jsonl").read_text() == before


def test_a_run_does_not_store_into_a_workbook_and_the_hint_names_export(treadle_command):
    code, _, err = treadle_command("map", "mine.py:size", "data", "--into", "x.xlsx", *HERE)
    assert code == 2
    assert "hint: run into another format, then: treadle export RUN --to x.xlsx" in err
    with pytest.raises(UsageError, match=r"x\.xlsx"):
        sink_for("x.xlsx")


def test_without_xlsxwriter_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(MissingExtra) as caught:
        Xlsx("x.xlsx")
    assert caught.value.hint == "pip install 'treadle[xlsx]'"


# ── the workbook ────────────────────────────────────────────────────────────────────────────────


def workbook(path, *values):
    """Store values; return what is refused."""
    pytest.importorskip("xlsxwriter")
    sink = Xlsx(path)
    sink.open()
    refused = sink.write(
        [
            Succeeded(f"k{number}", number, 1, 0.0, 0.0, None, None, None, value)
            for number, value in enumerate(values)
        ]
    )
    sink.close()
    return refused


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1.5, ("n", "1.5")),
        (True, ("b", "1")),
        (999_999_999_999_999, ("n", "999999999999999")),
        (1_234_567_890_123_456_789, ("inlineStr", "1234567890123456789")),
        (float("nan"), ("inlineStr", "nan")),
        ("=1+1", ("inlineStr", "=1+1")),
        ("https://example.org", ("inlineStr", "https://example.org")),
        ("<&>\n\x01", ("inlineStr", "<&>\n_x0001_")),
        ("\udcff", ("inlineStr", "\\udcff")),
        ({"value": [1, {"a": 2}]}, ("inlineStr", '[1, {"a": 2}]')),
        (datetime.fromisoformat("2026-01-02T12:00"), ("n", "46024.5")),
        (date(2026, 1, 2), ("n", "46024")),
        (date(1812, 1, 2), ("inlineStr", "1812-01-02")),
        (timedelta(seconds=90), ("inlineStr", "90.0")),
    ],
)
def test_a_cell_holds_what_excel_can_hold_exactly_and_else_text(tmp_path, value, cell):
    assert workbook(tmp_path / "x.xlsx", value) == []
    _, row = cells(tmp_path / "x.xlsx")
    assert row == [("inlineStr", "k0"), cell]


@settings(max_examples=50)
@given(words=st.lists(st.text(), max_size=5))
def test_any_text_is_read_back_as_it_was(tmp_path_factory, words):
    """
    Control characters, quotes and markup included; Excel writes what XML has not as _xHHHH_.
    """
    path = tmp_path_factory.mktemp("book") / "x.xlsx"
    assert workbook(path, *[{"word": word} for word in words]) == []
    _, *rows = cells(path)
    read = [
        re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), row[1][1]) for row in rows
    ]
    assert read == [word.encode("utf-8", "backslashreplace").decode() for word in words]


def test_columns_that_come_later_are_there_from_the_first_row(tmp_path):
    workbook(tmp_path / "x.xlsx", {"a": 1}, {"b": 2}, {"a": None, "b": 3})
    head, *rows = cells(tmp_path / "x.xlsx")
    assert [text for _, text in head] == ["key", "a", "b"]
    assert [[text for _, text in row] for row in rows] == [["k0", "1"], ["k1", "2"], ["k2", "3"]]


def test_a_text_that_is_too_long_is_refused_and_not_cut(tmp_path):
    fits, long, wide = "x" * 32_767, "x" * 32_768, "\N{PILE OF POO}" * 16_384
    refused = workbook(tmp_path / "x.xlsx", fits, long, wide)
    assert [outcome.key for outcome, _ in refused] == ["k1", "k2"]
    assert "a cell of Excel holds 32,767 characters at most" in refused[0][1].message
    assert len(cells(tmp_path / "x.xlsx")) == 2


def test_too_many_columns_are_refused(tmp_path):
    fits = {str(number): 1 for number in range(16_383)}
    refused = workbook(tmp_path / "x.xlsx", fits, {"one more": 1})
    assert [outcome.key for outcome, _ in refused] == ["k1"]
    assert "16,384 columns at most" in refused[0][1].message


def test_too_many_rows_end_the_export_and_leave_the_old_file(tmp_path, monkeypatch):
    pytest.importorskip("xlsxwriter")
    assert xlsx.ROWS == 1_048_576
    monkeypatch.setattr(xlsx, "ROWS", 3)
    into = tmp_path / "x.jsonl"
    treadle.run(str.upper, list("abc"), into=into, backend="inline", runs_dir=tmp_path)
    (tmp_path / "x.xlsx").write_text("old")
    run = treadle.open("latest", tmp_path)
    try:
        with pytest.raises(SinkFailed, match="rows at most"):
            run.export(tmp_path / "x.xlsx")
    finally:
        run.record.close()
    assert (tmp_path / "x.xlsx").read_text() == "old"
    assert not (tmp_path / "x.xlsx.part").exists()


def test_a_value_that_does_not_fit_ends_the_command_with_1(treadle_command):
    Path("long.py").write_text("def f(line): return 'x' * 40_000\n")
    Path("words.txt").write_text("a\n")
    treadle_command("map", "long.py:f", "words.txt", "--lines", "--into", "out.jsonl", *HERE)
    code, _, err = treadle_command("export", "latest", "--to", "x.xlsx")
    assert code == 1
    assert "error: item 1 cannot be stored: a cell of Excel holds 32,767" in err
    assert "hint: a .csv" in err
    assert not Path("x.xlsx").exists()


def test_a_long_field_comes_back_from_csv(treadle_command):
    text = "x" * 200_000  # beyond what the csv module takes by default
    before = csv.field_size_limit()
    treadle.run(str, [text], into="long.csv", backend="inline")
    code, _, err = treadle_command("export", "latest", "--to", "long.jsonl")
    assert code == 0, err
    assert csv.field_size_limit() == before
    assert json.loads(Path("long.jsonl").read_text())["value"] == {"value": text}
