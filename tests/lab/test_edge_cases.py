"""What people, other programs and power cuts do to files: each has one decided outcome."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.lab.errors import Damaged, NoData, NotAMeasurement, Rejected, Unreadable
from treadle.lab.measurement import read
from treadle.lab.schema import default_schema
from treadle.lab.tables.careful import OVERFLOW

HEADER = """#Procedure: <laser_setup.procedures.IVg.IVg>
#Parameters:
#\tChip group name: Demo
#\tChip number: 12
#\tInformation: l\\xednea base
#\tLaser voltage: 0 V
#\tLaser wavelength: 455
#\tVDS: 0.05 V
#Metadata:
#\tStart time: 1767225600.5
#Data:
"""
COLUMNS = "Vg (V),I (A)\n"
ROWS = "0.0,3.1e-06\n-0.2,3.6e-06\n-0.4,4.2e-06\n"
FILE = HEADER + COLUMNS + ROWS
START = datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)


@pytest.fixture
def reading(tmp_path):
    """Return a function that reads a file with the given content."""

    def reads(content):
        path = tmp_path / "IVg2025-09-04_1.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, schema=default_schema(), local_tz="UTC")

    return reads


def codes(found):
    """Return the codes of all notes but those about columns that every old file lacks."""
    return [note.code for note in found.notes if note.code != "MISSING_COLUMN"]


def currents(found):
    return found.table["I (A)"].to_list()


SOUND = [3.1e-06, 3.6e-06, 4.2e-06]


def test_a_sound_file_has_nothing_to_be_told(reading):
    found = reading(FILE)
    assert (codes(found), currents(found)) == ([], SOUND)
    assert found.parameters["Information"] == "línea base"


# --- the file ------------------------------------------------------------------------------------


def test_no_procedure_line(reading):
    with pytest.raises(NotAMeasurement, match="no '#Procedure' line"):
        reading(FILE.split("\n", 1)[1])


def test_an_empty_file(reading):
    with pytest.raises(NoData, match="the file is empty"):
        reading(b"")


def test_a_byte_order_mark(reading):
    found = reading(b"\xef\xbb\xbf" + FILE.encode())
    assert (codes(found), found.run_id) == (["BYTE_ORDER_MARK"], reading(FILE).run_id)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16(encoding, reading):
    with pytest.raises(Unreadable, match="not UTF-8 text") as caught:
        reading(FILE.encode(encoding))
    assert "save" in caught.value.hint.lower()


def test_bytes_that_are_no_utf_8(reading):
    found = reading(FILE.encode().replace(b"l\\xednea", b"l\xednea"))
    assert codes(found) == ["UNDECODABLE"]
    assert "0xed in line 5" in found.notes[0].text
    assert found.parameters["Information"] == "l\N{REPLACEMENT CHARACTER}nea base"


def test_accents_that_were_typed(reading):
    found = reading(FILE.replace("l\\xednea", "línea"))
    assert (codes(found), found.parameters["Information"]) == ([], "línea base")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends(end, reading):
    found = reading(FILE.replace("\n", end))
    assert (codes(found), currents(found)) == ([], SOUND)
    assert found.run_id == reading(FILE).run_id


# --- the header ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["# Procedure: ", "#procedure: ", "#PROCEDURE:", "# procedure : "]
)
def test_the_procedure_line_in_other_spellings(written, reading):
    found = reading(FILE.replace("#Procedure: ", written))
    assert (found.procedure, codes(found)) == ("IVg", [])


def test_keywords_in_other_spellings(reading):
    text = FILE.replace("#Parameters:", "# parameters:").replace("#Metadata:", "#METADATA: ")
    found = reading(text.replace("#Data:", "# data:"))
    assert (codes(found), found.run_id) == ([], reading(FILE).run_id)


def test_no_data_line(reading):
    found = reading(FILE.replace("#Data:\n", ""))
    assert (codes(found), currents(found)) == (["NO_DATA_LINE"], SOUND)
    assert "line 11 was taken for the column line" in found.notes[0].text


def test_no_column_line(reading):
    with pytest.raises(NoData, match="line 12 holds numbers already"):
        reading(HEADER + ROWS)
    with pytest.raises(NoData, match="before its column line"):
        reading(HEADER)


def test_neither_metadata_nor_columns(reading):
    header = HEADER.replace("#Metadata:\n#\tStart time: 1767225600.5\n", "")
    for text in (header, header + COLUMNS):
        with pytest.raises(NoData, match="the instruments did not start"):
            reading(text)


def test_zero_rows(reading):
    with pytest.raises(NoData, match="no row"):
        reading(HEADER + COLUMNS)


def test_a_header_that_a_power_cut_ended(reading):
    with pytest.raises(NoData):
        reading(HEADER[:-40])


@pytest.mark.parametrize("time", [None, "", "0", "-5.0", "soon", "1e30", "None"])
def test_a_start_time_that_no_clock_showed(time, reading):
    line = "" if time is None else f"#\tStart time: {time}\n"
    found = reading(FILE.replace("#\tStart time: 1767225600.5\n", line))
    assert (found.start_time, found.start_origin) == (datetime(2025, 9, 4, tzinfo=UTC), "path")
    assert "NO_START_TIME" in codes(found)


def test_a_start_time_as_iso_text(reading):
    for text in (
        "2026-01-01T00:00:00.5",
        "2026-01-01 00:00:00.500+00:00",
        "2025-12-31T21:00:00.5-03:00",
    ):
        found = reading(FILE.replace("1767225600.5", text))
        assert (found.start_time, found.start_origin, codes(found)) == (START, "metadata", [])
        assert found.run_id == reading(FILE).run_id


def test_a_start_time_in_the_future(reading):
    found = reading(FILE.replace("1767225600.5", str(time.time() + 30 * 86_400)))
    assert found.flags == ("START_IN_FUTURE",)
    assert codes(found) == ["START_IN_FUTURE"]


def test_a_clock_that_is_an_hour_ahead(reading):
    found = reading(FILE.replace("1767225600.5", str(time.time() + 3600)))
    assert (found.flags, codes(found)) == ((), [])


@pytest.mark.parametrize(
    ("written", "number", "name", "told"),
    [
        ("67.0", 67, "Demo67", []),
        ("0", 0, "Demo0", []),
        ("B7", None, "DemoB7", ["WRONG_TYPE"]),
        ("6.5", None, "Demo6.5", ["WRONG_TYPE"]),
        ("None", None, "Demo", ["NO_CHIP"]),
        ("", None, "Demo", ["NO_CHIP"]),
    ],
)
def test_chip_numbers(written, number, name, told, reading):
    found = reading(FILE.replace("Chip number: 12", f"Chip number: {written}"))
    assert (found.chip_number, found.chip_name, codes(found)) == (number, name, told)


def test_a_value_in_another_scale(reading):
    found = reading(FILE.replace("0.05 V", "50 mV"))
    assert (found.parameters["VDS"], found.units["VDS"]) == (0.05, "V")
    assert codes(found) == ["CONVERTED_VALUE"]


def test_a_value_in_another_unit(reading):
    found = reading(FILE.replace("0.05 V", "0.05 A"))
    assert found.parameters["VDS"] == "0.05 A"
    assert [(note.level, note.code) for note in found.notes if note.level == "error"] == [
        ("error", "WRONG_UNIT")
    ]


# --- the rows ------------------------------------------------------------------------------------


def test_a_last_row_that_a_power_cut_ended(reading):
    found = reading(FILE + "-0.6,4.")
    assert (codes(found), currents(found)) == (["TORN_LINE"], SOUND)


def test_a_block_of_zero_bytes_that_a_power_cut_left(reading):
    found = reading(FILE.encode() + b"-0.6," + b"\0" * 512)
    assert (codes(found), currents(found)) == (["TORN_LINE"], SOUND)


def test_ragged_rows(reading):
    found = reading(FILE + "-0.6\n-0.8,5e-06,1,2\n")
    assert (codes(found), currents(found)) == (["RAGGED_ROWS"], SOUND)


def test_columns_without_any_number(reading):
    rows = ROWS.replace("\n", ",nan\n")
    found = reading(HEADER + "Vg (V),I (A),Clock (ms)\n" + rows)
    assert found.table["Clock (ms)"].is_nan().all()
    assert codes(found) == []


@pytest.mark.parametrize("written", ["9.9e37", "9.9e+37", "-9.91e+37"])
def test_an_overflow_of_the_instrument(written, reading):
    assert abs(float(written)) >= OVERFLOW
    found = reading(FILE.replace("3.6e-06", written))
    assert currents(found) == [3.1e-06, None, 4.2e-06]
    assert (found.flags, codes(found)) == (("OVERFLOW",), ["OVERFLOW"])


def test_comments_among_the_rows(reading):
    found = reading(FILE.replace("-0.2", "# light off\n-0.2"))
    assert (codes(found), currents(found)) == (["COMMENT_IN_DATA"], SOUND)


def test_comments_above_the_column_line(reading):
    found = reading(FILE.replace(COLUMNS, "# gate first\n\n" + COLUMNS))
    assert (codes(found), currents(found)) == (["COMMENT_IN_DATA"], SOUND)


def test_a_program_that_was_restarted(reading):
    with pytest.raises(Damaged, match="two runs in one file"):
        reading(FILE + FILE)
    with pytest.raises(Damaged, match="the second begins at line 12"):
        reading(HEADER + FILE)


def test_a_program_that_was_restarted_and_measured_nothing(reading):
    found = reading(FILE + HEADER + COLUMNS)
    assert currents(found) == SOUND
    assert "SECOND_HEADER" in codes(found)


def test_two_columns_of_one_name(reading):
    with pytest.raises(Damaged, match=r"'I \(A\)' stands more than once"):
        reading(FILE.replace(COLUMNS, "I (A),I (A)\n"))


# --- all the rest --------------------------------------------------------------------------------

PLACE = st.integers(0, len(FILE))
PIECE = st.binary(max_size=6) | st.sampled_from(
    [b"\n", b"\r", b"#", b",", b'"', b"\t", b": ", b"nan", b"9.9e37", b"#Procedure: <a.B>\n", b"\0"]
)


@given(st.lists(st.tuples(PLACE, st.integers(0, 30), PIECE), min_size=1, max_size=4))
def test_whatever_happened_to_a_file_it_is_read_or_rejected(damages):
    data = FILE.encode()
    for place, length, piece in damages:
        data = data[:place] + piece + data[place + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.csv"
        path.write_bytes(data)
        try:
            found = read(path, schema=default_schema(), local_tz="UTC")
        except Rejected as error:
            assert error.message and error.hint  # noqa: PT017, PT018  either may happen
            return
    assert found.table.height > 0
    assert len(found.run_id) == 16
