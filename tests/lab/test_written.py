"""Numbers, units and uncertainties are written in one way, wherever they stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.lab.written import MINUS, amount, number, of_column, scale, spelled

SIZES = st.floats(1e-12, 1e12).flatmap(lambda size: st.sampled_from([size, -size]))


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "said"),
    [
        (-1.2345, 0.0123, "V", f"{MINUS}1.234 ± 0.012 V"),
        (3.21e-9, 2e-11, "A", "3.210 ± 0.020 nA"),
        (912.3, 87.0, "cm^2/V/s", "912 ± 87 cm²/(V·s)"),
        (91234.0, 1234.0, "", "91200 ± 1200"),
        (1e4, 2345.0, "", "10000 ± 2300"),
        (12.3456, 0.42, "s", "12.35 ± 0.42 s"),
        (9.0, 0.0996, "s", "9.00 ± 0.10 s"),
        (5e-12, None, "A/s", "5 pA/s"),
        (3e-9, None, "A*s^-2", "3 nA·s⁻²"),
        (1.0, float("nan"), "V", "1 V"),
        (0.0, 0.0, "V", "0 V"),
        (0.0, 2e-3, "V", "0.0 ± 2.0 mV"),
        (1.2341e-7, 1.2e-9, "s", f"1.234e{MINUS}07 ± 1.2e{MINUS}09 s"),
        (12345678.0, 1234.0, "1", "1.23457e+07 ± 1200"),
        (1.0003e6, 3.8e-11, "Ω", "1 MΩ"),
        (50e-6, 1.9e-21, "W", "50 µW"),
    ],
)
def test_a_value_has_as_many_digits_as_are_known(value, uncertainty, unit, said):
    assert amount(value, unit, uncertainty) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(12345.678, "12346"), (1234567.0, "1234567"), (12345678.0, "1.235e+07"), (-0.0, "0"),
     (9999.6, "10000"), (0.123456, "0.1235"), (-2.5, f"{MINUS}2.5")],
)  # fmt: skip
def test_numbers_have_four_digits_and_are_written_out(value, said):
    assert number(value) == said


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("cm^2/V/s", "cm²/(V·s)"), ("A/s", "A/s"), ("", ""), ("1", ""), ("V", "V"),
     ("m^-1*K", "m⁻¹·K"), ("1/V", "1/V"), ("A*s^-2", "A·s⁻²")],
)  # fmt: skip
def test_units_are_written_as_printed(unit, shown):
    assert spelled(unit) == shown
    assert spelled(shown) == shown  # one that was written already stays as it is
    assert scale(0.0, unit).unit == shown


@given(SIZES, st.floats(1e-6, 10.0))
@settings(max_examples=60)
def test_what_is_written_is_the_value_within_a_tenth_of_its_uncertainty(value, share):
    said, _, spread = amount(value, "s", abs(value) * share).removesuffix(" s").partition(" ± ")
    known = float(spread.replace(MINUS, "-"))
    assert known == pytest.approx(abs(value) * share, rel=0.051)
    assert abs(float(said.replace(MINUS, "-")) - value) <= 0.051 * known


@pytest.mark.parametrize(
    ("name", "taken"),
    [("vg_fixed_v", ("vg_fixed", "V")), ("laser_voltage_V", ("laser_voltage", "V")),
     ("wavelength_nm", ("wavelength", "nm")), ("calibration_age_h", ("calibration_age", "h")),
     ("plate_c", ("plate", "°C")), ("has_light", ("has_light", "")), ("rows", ("rows", ""))],
)  # fmt: skip
def test_a_column_that_ends_with_its_unit_is_taken_apart(name, taken):
    assert of_column(name) == taken
