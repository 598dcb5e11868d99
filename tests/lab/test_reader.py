"""`read` finds what a file holds, or says why it cannot; it never prints."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import treadle
from treadle.lab.errors import BreaksSchema, CannotOpen, NotAMeasurement, StillGrowing
from treadle.lab.layouts import Raw
from treadle.lab.layouts.pymeasure import PYMEASURE
from treadle.lab.measurement import read
from treadle.lab.schema import Field, Procedure, Schema
from treadle.lab.starts import start_of

FILE = """#Procedure: <laser_setup.procedures.IVg.IVg>
#Parameters:
#\tNPLC: 1
#\tChip group name: Demo
#\tChip number: 12
#\tLaser voltage: 0 V
#\tLaser wavelength: 455
#\tVDS: 0.05 V
#Metadata:
#\tStart time: 1767225600.1234567
#Data:
Vg (V),I (A),Extra
0.0,3.1e-06,1.0
-0.2,3.6e-06,2.0
"""
SCHEMA = Schema(
    {
        "IVg": Procedure(
            "IVg",
            parameters={
                "NPLC": Field("int"),
                "Chip group name": Field("str"),
                "Chip number": Field("int"),
                "Laser voltage": Field("float", unit="V"),
                "Laser wavelength": Field("float", unit="nm"),
                "VDS": Field("float", unit="V"),
            },
            metadata={"Start time": Field("datetime")},
            data={"Vg (V)": Field("float", required=True), "I (A)": Field("float", required=True)},
        )
    }
)
MTIME = 1_700_000_000


@pytest.fixture
def write(tmp_path):
    """Return a function that writes FILE with replacements under a name."""

    def written(*replacements, name="folder/run.csv"):
        text = FILE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
        os.utime(path, (MTIME, MTIME))
        return path

    return written


def codes(found):
    return [note.code for note in found.notes]


# --- the file ------------------------------------------------------------------------------------


def test_all_of_a_file_is_there(write):
    path = write()
    found = read(path, schema=SCHEMA)
    assert (found.path, found.procedure, found.is_known) == (path, "IVg", True)
    assert found.parameters == {
        "NPLC": 1,
        "Chip group name": "Demo",
        "Chip number": 12,
        "Laser voltage": 0.0,
        "Laser wavelength": 455.0,
        "VDS": 0.05,
    }
    assert found.units == {"Laser voltage": "V", "Laser wavelength": "nm", "VDS": "V"}
    assert found.metadata == {"Start time": datetime(2026, 1, 1, 0, 0, 0, 123457, UTC)}
    assert found.table.to_dict(as_series=False) == {
        "Vg (V)": [0.0, -0.2],
        "I (A)": [3.1e-06, 3.6e-06],
        "Extra": [1.0, 2.0],
    }
    assert (found.has_light, found.chip_name) == (False, "Demo12")


def test_a_path_may_be_text(write):
    path = write()
    assert read(str(path), schema=SCHEMA).run_id == read(path, schema=SCHEMA).run_id


def test_nothing_is_printed_and_nothing_is_warned_of(write, capfd):
    path = write(("0.05 V", "much"), ("3.6e-06", "x"), ("-0.2", "#\n-0.2"), ("IVg>", "New>"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read(path, schema=SCHEMA)
    assert found.notes
    assert capfd.readouterr() == ("", "")


def test_only_the_columns_of_the_schema(write):
    found = read(write(), schema=SCHEMA, only_schema_columns=True)
    assert found.table.columns == ["Vg (V)", "I (A)"]


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(treadle.UsageError, match=r"there is no file .*none\.csv"):
        read(tmp_path / "none.csv")


def test_a_folder_cannot_be_opened(tmp_path):
    with pytest.raises(CannotOpen, match="Is a directory"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_cannot_be_opened(write):
    path = write()
    path.chmod(0)
    with pytest.raises(CannotOpen, match="Permission denied"):
        read(path)


def test_the_message_of_a_file_that_is_no_measurement_shows_how_it_begins(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text("file,comment\na,b\n")
    with pytest.raises(NotAMeasurement, match="begins with 'file,comment'"):
        read(path)


@pytest.mark.parametrize("name", ["I" * 65, "\N{GREEK SMALL LETTER PSI}" * 33])
def test_a_name_after_which_no_folder_can_be_called_is_no_measurement(name, write):
    assert read(write(("IVg>", name[:32] + ">")), schema=SCHEMA).procedure == name[:32]
    with pytest.raises(NotAMeasurement, match="no procedure name that can be used"):
        read(write(("IVg>", name + ">")), schema=SCHEMA)


class Meddling:
    """A layout during whose work something happens to the file."""

    name = "meddling"
    suffixes = (".csv",)

    def __init__(self, happens):
        self.happens = happens

    def parse(self, path, data):
        self.happens(path)
        return PYMEASURE.parse(path, data)

    def companions(self, path):
        return ()


def append(path):
    with path.open("a") as file:
        file.write("-0.4,4.2e-06,3.0\n")


def touch(path):
    os.utime(path, (MTIME + 1, MTIME + 1))


@pytest.mark.parametrize("happens", [append, touch, Path.unlink])
def test_a_file_that_changes_while_it_is_read_is_still_growing(happens, write):
    path = write()
    with pytest.raises(StillGrowing, match="while it was read"):
        read(path, layouts=[Meddling(happens)])


def test_a_file_that_changed_before_is_read(write):
    path = write()
    append(path)
    assert read(path, schema=SCHEMA).table.height == 3


# --- layouts -------------------------------------------------------------------------------------


class Own:
    """Files of another program."""

    name = "own"
    suffixes = (".dat",)

    def parse(self, path, data):
        if not data.startswith(b"OWN\n"):
            return None
        return Raw("IVg", {"VDS": "50 mV"}, {}, ["Vg (V)", "I (A)"], data[4:], separator=" ")

    def companions(self, path):
        return ()


@pytest.mark.parametrize("name", ["a.dat", "A.DAT"])
def test_another_program_needs_a_layout_and_no_more(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"OWN\r\n0.0 1e-6\r\n0.5 2e-6\r\n".replace(b"OWN\r", b"OWN"))
    found = read(path, schema=SCHEMA, layouts=[Own()])
    assert found.parameters == {"VDS": 0.05}
    assert found.table["I (A)"].to_list() == [1e-6, 2e-6]


def test_a_layout_is_asked_for_its_own_suffixes_first(write, tmp_path):
    class Greedy(Own):
        def parse(self, path, data):
            pytest.fail("not its file")

    assert read(write(), schema=SCHEMA, layouts=[Greedy()]).procedure == "IVg"
    assert read(write(name="run.txt"), schema=SCHEMA, layouts=[Own()]).procedure == "IVg"


# --- when it began -------------------------------------------------------------------------------

IN_METADATA = "#Metadata:\n#\tStart time: 1767225600.1234567"
LOCAL = timezone(timedelta(hours=-3))


def test_the_start_under_metadata_counts_first(write):
    path = write(("#\tNPLC: 1", "#\tStart time: 5e8"))
    found = read(path, schema=SCHEMA)
    assert (found.start_time.year, found.start_origin) == (2026, "metadata")
    assert found.start_time.tzinfo is UTC


def test_then_that_under_parameters(write):
    path = write(("#\tNPLC: 1", "#\tStart time: 2026-01-01T02:00:00"), (IN_METADATA, "#Metadata:"))
    found = read(path, schema=SCHEMA)
    assert (found.start_time, found.start_origin) == (
        datetime(2026, 1, 1, 2, tzinfo=UTC),
        "parameters",
    )
    assert "NO_START_TIME" not in codes(found)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2025-09-04/IVg_1.csv", (2025, 9, 4)),
        ("2025_09_04/IVg_1.csv", (2025, 9, 4)),
        ("20250904 lit/IVg_1.csv", (2025, 9, 4)),
        ("2025-09-04/IVg2025-09-05_10.csv", (2025, 9, 5)),
        ("2025-09-04/2025-10-04/IVg_1.csv", (2025, 10, 4)),
        ("2025-09-04/serial 12345678/IVg2025-13-45_1.csv", (2025, 9, 4)),
        ("2025-09-04/IVg1202510041.csv", (2025, 9, 4)),
        ("2025-09-04/10101010.csv", (2025, 9, 4)),
    ],
)
def test_then_the_nearest_date_in_the_path_at_local_midnight(name, day, write):
    found = read(write((IN_METADATA, "#Metadata:"), name=name), schema=SCHEMA, local_tz=LOCAL)
    assert found.start_time == datetime(*day, 3, tzinfo=UTC)
    assert (found.start_origin, codes(found).count("NO_START_TIME")) == ("path", 1)


def test_a_zone_has_a_name(write):
    path = write((IN_METADATA, "#Metadata:"), name="2025-09-04.csv")
    found = read(path, schema=SCHEMA, local_tz="Asia/Tokyo")
    assert found.start_time == datetime(2025, 9, 3, 15, tzinfo=UTC)
    with pytest.raises(treadle.UsageError, match="there is no time zone 'Mars/Olympus'"):
        read(path, local_tz="Mars/Olympus")


def test_then_the_time_of_the_file(write):
    found = read(write((IN_METADATA, "#Metadata:")), schema=SCHEMA)
    # The folders of the test itself have no date in their names.
    assert (found.start_time.timestamp(), found.start_origin) == (MTIME, "mtime")
    [note] = [note for note in found.notes if note.code == "NO_START_TIME"]
    assert note.level == "warning"
    assert "has no 'Start time'; took the file's modification time" in note.text


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59", "253402300799", "2201-01-01T00:00:00", "0001-01-01T00:00:00"]
)
def test_a_start_that_no_clock_can_have_shown_is_not_believed(text, write):
    path = write(("1767225600.1234567", text), name="99991231/2025-09-04/a.csv")
    found = read(path, schema=SCHEMA, local_tz="Asia/Tokyo")
    assert (found.start_time, found.start_origin) == (
        datetime(2025, 9, 3, 15, tzinfo=UTC),
        "path",
    )
    [note] = [note for note in found.notes if note.code == "NO_START_TIME"]
    assert text in note.text


def test_the_last_start_that_is_believed(write):
    path = write(("1767225600.1234567", "2200-12-31T23:59:59"))
    found = read(path, schema=SCHEMA)
    assert found.start_time.year == 2200
    assert "START_IN_FUTURE" in found.flags


@pytest.mark.parametrize("mtime", [-1e15, 1e15])
def test_a_disk_may_say_any_time(mtime):
    start = start_of({}, {}, Path("a.csv"), mtime, "UTC", [])
    assert start.time.year in {1970, 2201}


def test_an_id_does_not_take_a_time_from_the_path(write):
    gone = (IN_METADATA, "#Metadata:")
    ids = {
        read(write(gone, name=name), schema=SCHEMA).run_id for name in ("a.csv", "2025-09-04.csv")
    }
    assert len(ids) == 1


# --- the schema ----------------------------------------------------------------------------------


def test_an_unknown_procedure_is_read_with_a_warning(write):
    found = read(write(("IVg>", "New>")), schema=SCHEMA)
    assert (found.procedure, found.is_known, found.has_light) == ("New", False, False)
    assert [(note.level, note.code) for note in found.notes] == [("warning", "UNKNOWN_PROCEDURE")]
    assert found.parameters["VDS"] == 0.05
    assert found.units["VDS"] == "V"


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("#\tChip number: 12\n", "'Chip number'"),
        ("#\tChip group name: Demo\n#\tChip number: 12\n", "'Chip group name' and 'Chip number'"),
    ],
)
def test_a_run_without_its_chip_is_an_error(gone, named, write):
    path = write((gone, ""))
    [note] = [note for note in read(path, schema=SCHEMA).notes if note.code == "NO_CHIP"]
    assert note == ("error", "NO_CHIP", f"the header does not say {named}")
    with pytest.raises(BreaksSchema, match="does not say"):
        read(path, schema=SCHEMA, strict=True)


def test_strict_lists_all_errors_and_lets_warnings_pass(write):
    path = write(("0.05 V", "0.05 A"), ("#\tChip number: 12\n", ""), ("NPLC: 1", "NPLC: 0.5"))
    found = read(path, schema=SCHEMA)
    assert found.parameters["NPLC"] == 0.5
    errors = [note.text for note in found.notes if note.level == "error"]
    assert len(errors) == 2
    with pytest.raises(BreaksSchema) as caught:
        read(path, schema=SCHEMA, strict=True)
    assert caught.value.message == "; ".join(errors)
    assert (
        read(write(("NPLC: 1", "NPLC: 0.5")), schema=SCHEMA, strict=True).parameters["NPLC"] == 0.5
    )


@pytest.mark.parametrize("kind", [str, Path])
def test_a_schema_may_be_the_path_of_its_file(kind, write, tmp_path):
    own = tmp_path / "p.yml"
    own.write_text("procedures:\n  Own:\n    Data: {I (A): float, Extra: str}\n")
    found = read(write(("IVg>", "Own>")), schema=kind(own))
    assert found.is_known
    assert found.table.columns == ["I (A)", "Extra", "Vg (V)"]
    with pytest.raises(treadle.UsageError, match=r"none\.yml"):
        read(write(), schema=kind(tmp_path / "none.yml"))


def test_the_default_schema_is_used_where_none_is_given(write):
    found = read(write())
    assert found.is_known
    assert found.table.columns[:2] == ["Vg (V)", "I (A)"]
