"""What a measurement says of itself: its chip, its light, its flags, its id."""

from __future__ import annotations

import hashlib
import pickle
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from treadle.lab.light import has_light
from treadle.lab.measurement import Measurement, read
from treadle.lab.quality import dead_flags
from treadle.lab.run_id import run_id_of

SAMPLE = Path(__file__).parent / "samples/Alisson_12_sept/IV2025-09-12_1.csv"
START = datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)


def measurement(**parameters):
    table = pl.DataFrame({"Vg (V)": [0.0]})
    return Measurement(
        Path("a.csv"), "IVg", parameters, {}, {}, START, "metadata", table, "0" * 16, None, (), (),
        is_known=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("group", "number", "expected"),
    [
        ("Demo", 12, ("Demo", 12, "Demo12")),
        ("Demo", 0, ("Demo", 0, "Demo0")),
        ("Demo", 67.0, ("Demo", 67, "Demo67")),
        ("Demo", "67.0", ("Demo", 67, "Demo67")),
        ("Demo", "B7", ("Demo", None, "DemoB7")),
        ("Demo", 6.5, ("Demo", None, "Demo6.5")),
        ("Demo", None, ("Demo", None, "Demo")),
        (None, 7, (None, 7, "7")),
        ("", None, (None, None, None)),
        (None, None, (None, None, None)),
        (3, 7, ("3", 7, "37")),
    ],
)
def test_a_chip_has_a_group_a_number_and_a_name(group, number, expected):
    found = measurement(**{"Chip group name": group, "Chip number": number})
    assert (found.chip_group, found.chip_number, found.chip_name) == expected


def test_without_chip_values_there_is_no_chip():
    found = measurement()
    assert (found.chip_group, found.chip_number, found.chip_name) == (None, None, None)


def test_a_measurement_travels_between_processes():
    found = read(SAMPLE)
    arrived = pickle.loads(pickle.dumps(found))
    assert arrived.table.equals(found.table, null_equal=True)
    assert (arrived.run_id, arrived.parameters, arrived.notes) == (
        found.run_id,
        found.parameters,
        found.notes,
    )


@pytest.mark.parametrize(
    ("rule", "parameters", "expected"),
    [
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": 3.5}, True),
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": -3.5}, True),
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": 0.0}, False),
        ("standard", {"Laser wavelength": 0.0, "Laser voltage": 0.0}, False),
        ("standard", {"Laser voltage": 3.5}, False),
        ("standard", {"Laser wavelength": 455.0}, False),
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": "off"}, False),
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": None}, False),
        ("standard", {"Laser wavelength": 455.0, "Laser voltage": float("nan")}, False),
        ("standard", {"VDS": 0.1}, None),
        ("laser_calibration", {"Laser wavelength": 405.0, "Laser voltage end": 5.0}, True),
        ("laser_calibration", {"Laser wavelength": 405.0, "Laser voltage start": 1.0}, True),
        ("laser_calibration", {"Laser voltage start": 0.0, "Laser voltage end": 0.0}, False),
        ("laser_calibration", {"Laser voltage end": 5.0}, False),
        ("laser_calibration", {}, None),
        ("none", {"Laser wavelength": 455.0, "Laser voltage": 3.5}, False),
        ("none", {}, False),
    ],
)
def test_light_is_a_wavelength_and_a_voltage(rule, parameters, expected):
    assert has_light(parameters, rule) is expected


SWEEP = [1e-6 * (1 + n / 10) for n in range(20)]


@pytest.mark.parametrize(
    ("currents", "flags"),
    [
        (SWEEP, ()),
        ([-i for i in SWEEP], ()),
        ([1e-13, -9e-13, 2e-13], ("DEAD_OPEN_CIRCUIT",)),
        ([0.0, 0.0], ("DEAD_OPEN_CIRCUIT",)),
        ([1e-6, -1.1e-6, 1.05e-6], ("DEAD_FLAT_IVG",)),
        ([1.05e-4] * 96 + [1e-4] * 4, ("DEAD_FLAT_IVG", "DEAD_STUCK_SATURATED")),
        ([1.05e-4] * 96 + [1e-9] * 4, ("DEAD_STUCK_SATURATED",)),
        ([1.05e-4] * 95 + [1e-9] * 5, ()),
        ([float("nan"), None, *SWEEP], ()),
        ([float("nan"), None], ()),
        ([], ()),
    ],
)
def test_dead_devices_are_flagged(currents, flags):
    table = pl.DataFrame({"I (A)": pl.Series(currents, dtype=pl.Float64)})
    assert dead_flags("IVg", table) == flags
    assert dead_flags("It", table) == ()


def test_a_sweep_without_a_current_has_no_flags():
    assert dead_flags("IVg", pl.DataFrame({"Vg (V)": [1.0]})) == ()
    assert dead_flags("IVg", pl.DataFrame({"I (A)": ["much"]})) == ()


def test_an_id_is_a_published_formula():
    table = pl.DataFrame({"Vg (V)": [0.0, -0.5], "T": ["nan", "nan"]})
    data = hashlib.sha1(b"Vg (V),T\n0.0,nan\n-0.5,nan\n").hexdigest()
    text = f"IVg|Demo|12|2026-01-01T00:00:00.123456|{data}"
    expected = hashlib.sha1(text.encode()).hexdigest()[:16]
    chip = {"Chip group name": "Demo", "Chip number": "12", "VDS": "1 V"}
    assert run_id_of("IVg", chip, START, table) == expected


def test_an_id_changes_with_each_part_of_it():
    table = pl.DataFrame({"Vg (V)": [0.0]})
    chip = {"Chip group name": "Demo", "Chip number": "12"}
    ids = {
        run_id_of("IVg", chip, START, table),
        run_id_of("IVgT", chip, START, table),
        run_id_of("IVg", chip | {"Chip number": "13"}, START, table),
        run_id_of("IVg", chip | {"Chip group name": "Other"}, START, table),
        run_id_of("IVg", chip, None, table),
        run_id_of("IVg", {}, START, table),
        run_id_of("IVg", chip, START, table.rename({"Vg (V)": "VG"})),
        run_id_of("IVg", chip, START, table + 1),
    }
    assert len(ids) == 8
