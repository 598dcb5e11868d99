"""Tables fitted to a terminal, and files that other programs read: each is read back."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import UTC, date, datetime
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import treadle
from treadle.lab.histories.columns import Column, chosen, readable, usual
from treadle.lab.histories.exporting import exported, text, write
from treadle.lab.histories.latex import escaped, latex
from treadle.lab.histories.showing import blocks, fitted, table, wide
from treadle.lab.histories.table import histories
from treadle.lab.roots import roots

UNITS = {"cnp_voltage": "V", "linear_drift_current": "A/s", "mobility_fe_holes": "cm^2/V/s"}
FRAME = pl.DataFrame(
    {
        "seq": [1, 2, None],
        "date_local": [date(2025, 9, 1)] * 3,
        "start_time_utc": [datetime(2025, 9, 1, 12, 30, 5, tzinfo=UTC)] * 3,
        "proc": ["IVg", "It", "IVg"],
        "summary": ["=1+1", "50 % & more_or_less", 'quote " and, comma'],
        "has_light": [False, True, None],
        "flags": [[], ["ONE_DIRECTION", "NOISY"], []],
        "cnp_voltage": [-0.146523, None, float("nan")],
        "linear_drift_current": [None, -2.51e-10, 1e-12],
        "mobility_fe_holes": [19690.4, None, 1.0],
        "chip_name": ["Demo1"] * 3,
    },
    schema_overrides={"start_time_utc": pl.Datetime("us", "UTC")},
)
METRICS = list(UNITS)


def column(frame: pl.DataFrame, name: str) -> Column:
    return readable(frame[name], UNITS)


# --- how numbers and heads read ------------------------------------------------------------------


def test_numbers_have_four_digits_in_a_unit_that_suits_the_largest():
    drift = column(FRAME, "linear_drift_current")
    assert (drift.head, drift.cells) == ("linear_drift_current (pA/s)", ("", "-251", "1"))
    voltage = column(FRAME, "cnp_voltage")
    assert (voltage.head, voltage.cells) == ("cnp_voltage (mV)", ("-146.5", "", ""))
    mobility = column(FRAME, "mobility_fe_holes")
    assert (mobility.head, mobility.cells) == ("mobility_fe_holes (cm²/(V·s))", ("19690", "", "1"))


def test_what_a_run_was_set_to_has_its_unit_above_it_too():
    assert readable(pl.Series("vds_v", [0.1, 0.05]), {}).head == "vds (mV)"
    assert readable(pl.Series("wavelength_nm", [455.0]), {}).head == "wavelength (nm)"
    assert readable(pl.Series("calibration_age_h", [30.5]), {}).cells == ("30.5",)


@settings(max_examples=50)
@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=6))
def test_numbers_keep_four_digits_whatever_their_scale(values):
    shown = readable(pl.Series("cnp_voltage", values, dtype=pl.Float64), {"cnp_voltage": "V"})
    factor = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
    scale = factor.get(shown.unit[:-1], 1.0)
    for value, cell in zip(values, shown.cells, strict=True):
        assert float(cell) * scale == pytest.approx(value, rel=6e-4, abs=1e-30)


# --- the terminal --------------------------------------------------------------------------------


def of_samples(samples_out, name="Alisson67") -> list[Column]:
    found = histories(roots(samples_out), [name])
    names = usual(found.frame, list(found.units), several=False)
    return [readable(values, found.units) for values in found.frame.select(names)]


@pytest.mark.parametrize("room", [70, 80, 100, 120, 160])
def test_a_table_is_no_wider_than_the_terminal_and_says_what_it_leaves_out(samples_out, room):
    columns = of_samples(samples_out)
    kept, left_out = fitted(columns, room)
    lines = table(kept).splitlines()
    assert max(map(len, lines)) <= room
    assert {each.key for each in kept} | set(left_out) == {each.key for each in columns}
    assert {"seq", "date_local", "proc", "summary"} <= {each.key for each in kept}


def test_without_a_limit_nothing_is_left_out(samples_out):
    columns = of_samples(samples_out)
    assert fitted(columns, None) == (columns, [])
    assert wide(columns) == max(map(len, table(columns).splitlines()))


def test_the_mean_of_both_directions_stays_longer_than_one_of_them(samples_out):
    columns = of_samples(samples_out)
    shown = [{each.key for each in fitted(columns, room)[0]} for room in range(40, 200, 5)]
    assert any("cnp_voltage" in keys and "cnp_forward" not in keys for keys in shown)
    assert not any("cnp_forward" in keys and "cnp_voltage" not in keys for keys in shown)


def test_the_lines_of_a_head_say_the_name_that_columns_takes():
    lines = table([column(FRAME, "seq"), column(FRAME, "linear_drift_current")]).splitlines()
    words = "".join(line[3:].strip() for line in lines[:-3]).replace("(pA/s)", "").strip()
    assert words == "linear_drift_current"


def test_numbers_stand_at_the_right_and_text_at_the_left():
    lines = table([column(FRAME, "seq"), column(FRAME, "proc")]).splitlines()
    assert lines == ["seq  proc", "  1  IVg", "  2  It", "     IVg"]


def test_blocks_hold_every_value_within_the_width():
    long = Column("summary", "summary", "", ("many words " * 20,), is_number=False)
    written = blocks([long, Column("proc", "proc", "", ("IVg",), is_number=False)], 50)
    assert max(map(len, written.splitlines())) <= 50
    assert written.count("words") == 20
    assert written.splitlines()[-1] == "proc     IVg"


# --- which columns -------------------------------------------------------------------------------


def test_usual_columns_say_something():
    names = usual(FRAME, METRICS, several=True)
    assert names == [
        "chip_name", "seq", "date_local", "proc", "summary", "flags", *METRICS,
    ]  # fmt: skip


def test_columns_are_chosen_by_name_in_any_order_and_metrics_together():
    assert chosen(FRAME, "proc, seq,proc", METRICS, several=False) == ["proc", "seq"]
    assert chosen(FRAME, "date", METRICS, several=False) == ["date_local"]
    assert chosen(FRAME, "seq,metrics", METRICS, several=False) == ["seq", *METRICS]
    assert chosen(FRAME, "metrics", METRICS, several=False) == [
        "seq", "date_local", "proc", *METRICS,
    ]  # fmt: skip
    assert chosen(FRAME, "all", METRICS, several=False) == FRAME.columns


@pytest.mark.parametrize(
    ("asked", "said"), [("cnp_voltge", "cnp_voltage"), ("zz", "it has:"), ("seq,,proc", "it has")]
)
def test_a_column_that_is_not_there_is_refused(asked, said):
    with pytest.raises(treadle.UsageError) as caught:
        chosen(FRAME, asked, METRICS, several=False)
    assert said in str(caught.value.hint)


# --- files ---------------------------------------------------------------------------------------


def test_csv_reads_back():
    back = pl.read_csv(exported(FRAME, "csv", UNITS))
    assert back.columns == FRAME.columns
    assert back["linear_drift_current"].to_list() == [None, -2.51e-10, 1e-12]
    assert back["summary"].to_list() == FRAME["summary"].to_list()
    assert back["flags"].to_list() == ["", "ONE_DIRECTION; NOISY", ""]


def test_json_has_an_object_per_line():
    rows = [json.loads(line) for line in text(FRAME, "json", UNITS).splitlines()]
    assert [row["flags"] for row in rows] == [[], ["ONE_DIRECTION", "NOISY"], []]
    assert rows[0]["cnp_voltage"] == -0.146523
    assert [rows[1]["cnp_voltage"], rows[2]["cnp_voltage"]] == [None, None]


def test_parquet_is_the_frame_with_the_units_beside_it(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, exported(FRAME, "parquet", UNITS))
    assert_frame_equal(pl.read_parquet(path), FRAME)
    assert pl.read_parquet_metadata(path)["unit.linear_drift_current"] == "A/s"


def test_excel_has_numbers_as_numbers_and_text_as_text(tmp_path):
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "a.xlsx"
    write(path, exported(FRAME, "xlsx", UNITS))
    heads, *rows = cells(path)
    assert heads["H"] == "cnp_voltage (V)"
    assert heads["J"] == "mobility_fe_holes (cm²/(V·s))"
    assert rows[0]["H"] == pytest.approx(-0.146523)
    assert rows[1]["I"] == pytest.approx(-2.51e-10)
    assert "H" not in rows[1]
    assert "H" not in rows[2]
    assert rows[0]["E"] == "=1+1"
    assert rows[1]["G"] == "ONE_DIRECTION; NOISY"


def cells(path) -> list[dict[str, str | float]]:
    """Read the cells of the only sheet, by the letter of their column."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        shared = ET.fromstring(book.read("xl/sharedStrings.xml"))
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.find(f".//{space}f") is None, "a formula"
    texts = ["".join(each.itertext()) for each in shared]
    rows = []
    for row in sheet.iter(f"{space}row"):
        found: dict[str, str | float] = {}
        for cell in row:
            value = cell.find(f"{space}v")
            if value is not None and value.text is not None:
                is_text = cell.get("t") == "s"
                place = re.sub(r"\d", "", cell.get("r", ""))
                found[place] = texts[int(value.text)] if is_text else float(value.text)
        rows.append(found)
    return rows


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    path = tmp_path / "deep" / "a.csv"
    write(path, b"before")
    with pytest.raises(treadle.UsageError, match="cannot be written"):
        write(path / "below", b"after")
    assert path.read_bytes() == b"before"
    assert [each.name for each in path.parent.iterdir()] == ["a.csv"]


# --- LaTeX ---------------------------------------------------------------------------------------


def rows_of(written: str) -> list[list[str]]:
    """Return the cells of each row of a tabular."""
    return [
        re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))
        for line in written.splitlines()
        if line.endswith(r"\\")
    ]


def test_latex_is_a_tabular_with_as_many_cells_in_each_row_as_columns():
    names = ["seq", "date_local", "summary", *METRICS]
    written = text(FRAME.select(names), "latex", UNITS)
    lines = written.splitlines()
    assert lines[1] == r"\begin{tabular}{rllrrr}"
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert [len(row) for row in rows_of(written)] == [6, 6, 6, 6]
    assert rows_of(written)[0][3:] == [
        "cnp voltage (mV)", "linear drift current (pA/s)",
        r"mobility fe holes (cm$^{2}$/(V$\cdot$s))",
    ]  # fmt: skip
    assert rows_of(written)[2][2] == r"50 \% \& more\_or\_less"
    assert rows_of(written)[1][3] == "$-146.5$"


def test_powers_of_ten_are_set_as_such():
    tiny = Column("a", "a", "", ("1e-06", "-2.5e+12", "3"), is_number=True)
    assert [row[0] for row in rows_of(latex([tiny]))][1:] == [
        r"$1\times 10^{-6}$", r"$-2.5\times 10^{12}$", "3",
    ]  # fmt: skip


@settings(max_examples=60)
@given(st.text(alphabet=st.sampled_from('a \\&%$#_{}~^<>|"[]*µΩ\N{MINUS SIGN}²\n\t'), max_size=12))
def test_no_text_breaks_a_table(any_text):
    cell = escaped(any_text)
    bare = re.sub(r"\\([&%$#_{}])", "", cell)
    assert not set(bare) & set("&%#_~\n\t")
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not cell.lstrip().startswith(("[", "*")), r"\\ would take it"
