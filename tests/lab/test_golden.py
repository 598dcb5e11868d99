"""All real files: what was measured with them, and the ids that an earlier program gave them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from treadle.lab.errors import NoData, NotAMeasurement
from treadle.lab.measurement import read
from treadle.lab.schema import Schema

SAMPLES = Path(__file__).parent / "samples"
REJECTED = {
    "Alisson_04_sept/Alisson_04_sept_metadata.csv": NotAMeasurement,
    "Alisson_25_sept/It2025-09-25_10.csv": NoData,
}
FILES = sorted(path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.csv"))
SOUND = [key for key in FILES if key not in REJECTED]
RUN_IDS = {
    each["source_file"]: each["run_id"]
    for each in json.loads((SAMPLES / "reference_metrics.json").read_text("utf-8"))
}
COLUMNS = {
    "IV": ["Vsd (V)", "I (A)", "t (s)", "Plate T (degC)", "Ambient T (degC)", "Clock (ms)"],
    "IVg": ["Vg (V)", "I (A)", "t (s)", "Plate T (degC)", "Ambient T (degC)", "Clock (ms)"],
    "It": ["t (s)", "I (A)", "VL (V)", "Plate T (degC)", "Ambient T (degC)", "Clock (ms)"],
    "LaserCalibration": ["VL (V)", "Power (W)"],
}
FLAGS = {
    "Alisson_12_sept/IVg2025-09-12_2.csv": ("DEAD_FLAT_IVG",),
    "Serbian_Graphene/IVg2025-09-09_12.csv": ("DEAD_FLAT_IVG", "DEAD_STUCK_SATURATED"),
}

both_schemas = pytest.mark.parametrize("schema", [None, Schema()], ids=["default", "empty"])


def lines_of(key):
    """Return the header and the rows, taken apart in the plainest way."""
    lines = (SAMPLES / key).read_bytes().decode("ascii").split("\r\n")
    assert lines.pop() == ""
    at = lines.index("#Data:")
    return "\n".join(lines[:at]), [line.split(",") for line in lines[at + 2 :]]


def test_no_file_is_forgotten():
    assert (len(FILES), len(SOUND), len(RUN_IDS)) == (36, 34, 21)


@both_schemas
@pytest.mark.parametrize("key", SOUND)
def test_a_real_file_is_read_as_it_was_written(key, schema):
    header, rows = lines_of(key)
    found = read(SAMPLES / key, schema=schema)
    name = re.match(r"[A-Za-z]+", Path(key).name)[0]
    assert (found.procedure, found.is_known) == (name, schema is None)
    assert found.table.height == len(rows)
    assert set(found.table.dtypes) == {pl.Float64}
    started = re.search(r"Start time: (.*)", header)[1]
    assert found.start_time == datetime.fromtimestamp(float(started), UTC)
    assert found.start_origin == "metadata"
    assert found.flags == FLAGS.get(key, ())
    assert "error" not in {note.level for note in found.notes}
    for column in range(2):
        written = [float(row[column]) for row in rows]
        assert found.table.to_series(column).to_list() == written


@pytest.mark.parametrize("key", SOUND)
def test_all_files_of_a_procedure_have_one_shape(key):
    found = read(SAMPLES / key)
    assert found.table.columns == COLUMNS[found.procedure]


@pytest.mark.parametrize("key", SOUND)
def test_a_run_is_lit_where_its_laser_has_a_voltage(key):
    """Dark are the sweeps among these files, lit the others."""
    assert read(SAMPLES / key).has_light is (Path(key).name[:2] in {"It", "La"})


@pytest.mark.parametrize("key", SOUND)
def test_chips_are_named_by_group_and_number(key):
    header, _ = lines_of(key)
    found = read(SAMPLES / key)
    if found.procedure == "LaserCalibration":
        assert (found.chip_group, found.chip_number, found.chip_name) == (None, None, None)
        return
    group = re.search(r"Chip group name: (.*)", header)[1]
    number = int(re.search(r"Chip number: (.*)", header)[1])
    assert (found.chip_group, found.chip_number) == (group, number)
    assert found.chip_name == f"{group}{number}"


@both_schemas
@pytest.mark.parametrize("key", sorted(RUN_IDS))
def test_ids_are_those_of_the_earlier_program(key, schema):
    assert read(SAMPLES / key, schema=schema).run_id == RUN_IDS[key]


@both_schemas
@pytest.mark.parametrize("key", sorted(REJECTED))
def test_what_is_no_run_is_rejected_with_its_reason(key, schema):
    with pytest.raises(REJECTED[key]) as caught:
        read(SAMPLES / key, schema=schema)
    assert caught.value.hint
    assert caught.value.__notes__ == [f"in the file {SAMPLES / key}"]


def test_a_run_that_did_not_start_says_so():
    with pytest.raises(NoData, match="the instruments did not start"):
        read(SAMPLES / "Alisson_25_sept/It2025-09-25_10.csv")


def test_header_values_of_a_real_file():
    found = read(SAMPLES / "Alisson_04_sept/IV2025-09-04_1.csv")
    assert found.parameters == {
        "Irange": 0.0001,
        "NPLC": 1,
        "Burn-in time": 600.0,
        "Chip group name": "Alisson",
        "Chip number": 79,
        "Information": "iv test",
        "Laser voltage": 0.0,
        "Laser wavelength": 0.0,
        "Procedure version": "2.0.1",
        "Sample": "D",
        "Step time": 0.0,
        "VG": 0.0,
        "VSD end": 0.1,
        "VSD start": -0.1,
        "VSD step": 0.01,
    }
    assert found.metadata == {"Start time": found.start_time}
    assert found.units["VSD step"] == "V"
    assert found.units["Laser wavelength"] == "nm"


@both_schemas
@pytest.mark.parametrize("key", SOUND[::3])
def test_an_id_is_of_the_content_alone(key, schema, tmp_path):
    """A moved root, LF for CRLF, another order of the header, no line end: all the same run."""
    header, rows = lines_of(key)
    first, *parameters = header.split("\n")
    at = parameters.index("#Metadata:")
    turned = [parameters[0], *reversed(parameters[1:at]), *parameters[at:]]
    columns = (SAMPLES / key).read_text("ascii").split("#Data:\n")[1].split("\n")[0]
    text = "\n".join([first, *turned, "#Data:", columns, *map(",".join, rows)])
    expected = read(SAMPLES / key, schema=schema).run_id
    for number, variant in enumerate([text, text + "\n", text.replace("\n", "\r") + "\r"]):
        path = tmp_path / "elsewhere 2031-01-01" / f"{number}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(variant.encode())
        assert read(path, schema=schema).run_id == expected
