"""Numbers with units are read exactly, and a text that is no number is never lost."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.lab.quantities import exponent_between, is_unit, quantity, times_ten_to
from treadle.lab.schema.spec import Field
from treadle.lab.values import moment, typed, typed_value, whole

V = Field("float", unit="V")
FLOAT = Field("float")
INT = Field("int")


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("0.333333 V", "0.333333", "V"),
        ("1e-06 A", "1e-06", "A"),
        ("-0.4 V", "-0.4", "V"),
        ("+5", "+5", ""),
        (".5", ".5", ""),
        ("5.", "5.", ""),
        ("100mV", "100", "mV"),
        ("3.5eV", "3.5", "eV"),
        ("1e3eV", "1e3", "eV"),
        ("25 °C", "25", "°C"),
        ("5 %", "5", "%"),
        ("10 µA", "10", "µA"),
        ("10 \N{GREEK SMALL LETTER MU}A", "10", "\N{GREEK SMALL LETTER MU}A"),
        ("nan", "nan", ""),
        ("-inf V", "-inf", "V"),
    ],
)
def test_a_quantity_is_a_number_and_perhaps_a_unit(text, number, unit):
    assert quantity(text) == (number, unit)


@pytest.mark.parametrize(
    "text",
    ["", "V", "2.1.0", "2025-09-04", "F1 (M92L02)", "5 V per step", "1_000", "٣", "0x10", "info",
     "1,5 V", "nano", "--1", "1e", "DP + 0.2 V"],
)  # fmt: skip
def test_what_only_begins_like_a_number_is_text(text):
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("unit", "wanted", "exponent"),
    [
        ("mV", "V", -3),
        ("V", "mV", 3),
        ("kV", "mV", 6),
        ("uA", "A", -6),
        ("µA", "A", -6),
        ("\N{GREEK SMALL LETTER MU}A", "uA", 0),
        ("um", "nm", 3),
        ("ms", "s", -3),
        ("m", "mm", 3),
        ("kohm", "Ω", 3),
        ("M\N{OHM SIGN}", "ohm", 6),
        ("degC", "C", 0),
        ("°C", "C", 0),
        ("degC", "degC", 0),
        ("widget", "widget", 0),
        ("V", "A", None),
        ("mV", "MA", None),
        ("K", "C", None),
        ("mC", "C", None),
        ("min", "m", None),
        ("widget", "mwidget", None),
        ("", "V", None),
    ],
)
def test_two_units_are_one_in_two_scales_or_they_are_not(unit, wanted, exponent):
    assert exponent_between(unit, wanted) == exponent


@pytest.mark.parametrize("unit", ["V", "mV", "µA", "nm", "°C", "C", "%", "degC", "kΩ", "s"])
def test_common_units_are_known(unit):
    assert is_unit(unit)


@pytest.mark.parametrize("word", ["", "test", "chips", "B", "v", "mm2", "samples"])
def test_words_are_no_units(word):
    assert not is_unit(word)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(-15, 12))
def test_another_scale_is_rounded_once(number, exponent):
    assert times_ten_to(str(number), exponent) == float(number.scaleb(exponent))


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1e-999999999", 0.0),
        ("1e999999999", math.inf),
        ("0", 0.0),
        ("-0.0", -0.0),
        ("inf", math.inf),
    ],
)
def test_absurd_exponents_cost_nothing(number, value):
    assert times_ten_to(number, -3) == value


@pytest.mark.parametrize(
    ("text", "field", "value", "unit", "code"),
    [
        ("0.05 V", V, 0.05, "V", None),
        ("0.05", V, 0.05, "V", None),
        ("100 mV", V, 0.1, "V", "CONVERTED_VALUE"),
        ("300 mV", V, 0.3, "V", "CONVERTED_VALUE"),
        ("0.3 kV", V, 300.0, "V", "CONVERTED_VALUE"),
        ("700 uA", Field("float", unit="A"), 0.0007, "A", "CONVERTED_VALUE"),
        ("700 µA", Field("float", unit="A"), 0.0007, "A", "CONVERTED_VALUE"),
        ("25 degC", Field("float", unit="C"), 25.0, "C", None),
        ("0.05 A", V, "0.05 A", "", "WRONG_UNIT"),
        ("300 K", Field("float", unit="C"), "300 K", "", "WRONG_UNIT"),
        ("DP + 0.2 V", V, "DP + 0.2 V", "", "WRONG_TYPE"),
        ("", V, None, "", None),
        ("None", V, None, "", None),
        ("1e999", FLOAT, "1e999", "", "WRONG_TYPE"),
        ("inf", FLOAT, math.inf, "", None),
        ("455", FLOAT, 455.0, "", None),
        ("455 nm", FLOAT, 455.0, "nm", None),
        ("455", Field("float_no_unit"), 455.0, "", None),
        ("1", INT, 1, "", None),
        ("67.0", INT, 67, "", None),
        ("1e3", INT, 1000, "", None),
        ("0.5", INT, 0.5, "", "WRONG_TYPE"),
        ("0", INT, 0, "", None),
        ("9223372036854775807", INT, 2**63 - 1, "", None),
        ("9223372036854775808", INT, 2.0**63, "", "WRONG_TYPE"),
        ("71 test", INT, "71 test", "", "WRONG_TYPE"),
        ("10 sccm", FLOAT, 10.0, "sccm", None),
        ("B12", INT, "B12", "", "WRONG_TYPE"),
        ("2 ks", Field("int", unit="s"), 2000, "s", "CONVERTED_VALUE"),
        ("2.5 ms", Field("int", unit="s"), 0.0025, "s", "WRONG_TYPE"),
        ("True", Field("bool"), True, "", None),
        ("yes", Field("bool"), True, "", None),
        ("off", Field("bool"), False, "", None),
        ("0", Field("bool"), False, "", None),
        ("perhaps", Field("bool"), "perhaps", "", "WRONG_TYPE"),
        ("tomorrow", Field("datetime"), "tomorrow", "", "WRONG_TYPE"),
        ("0.10", Field("str"), "0.10", "", None),
        ("", Field("str"), "", "", None),
        ("None", Field("str"), None, "", None),
        ("455", None, 455, "", None),
        ("0.05 V", None, 0.05, "V", None),
        ("0.10 V", None, 0.1, "V", None),
        ("-1e-06", None, -1e-06, "", None),
        ("0.333333", None, 0.333333, "", None),
        ("007", None, "007", "", None),
        ("2.10", None, "2.10", "", None),
        ("2.1.0", None, "2.1.0", "", None),
        ("71 test", None, "71 test", "", None),
        ("12345678901234567890", None, "12345678901234567890", "", None),
        ("nan", None, "nan", "", None),
        ("True", None, "True", "", None),
        ("", None, "", "", None),
        ("None", None, None, "", None),
    ],
)
def test_a_header_value_gets_its_type(text, field, value, unit, code):
    found = typed_value("VDS", text, field)
    assert (found.value, type(found.value)) == (value, type(value))
    assert found.unit == unit
    assert (found.note.code if found.note else None) == code
    assert found.note is None or "'VDS'" in found.note.text


@pytest.mark.parametrize(
    "written",
    [
        "1767225600.5",
        "2026-01-01T00:00:00.500000",
        "2026-01-01T01:00:00.5+01:00",
        "2026-01-01T00:00:00.5Z",
    ],
)
def test_a_time_is_seconds_or_iso_text_and_utc_where_it_does_not_say(written):
    assert moment(written) == datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)
    assert typed_value("t", written, Field("datetime")).value == moment(written)


@pytest.mark.parametrize(
    "text", ["", "soon", "1e30", "nan", "-inf", "2026-13-01", "5 V", "0001-01-01T00:00:00+05:00"]
)
def test_what_is_no_time_is_none(text):
    assert moment(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("67", 67), ("67.0", 67), ("0", 0), ("067", 67), ("6.5", None), ("B1", None), ("6 V", None)],
)
def test_whole_numbers(text, number):
    assert whole(text) == number


def test_a_required_value_that_is_missing_or_empty_is_an_error():
    fields = {"VDS": Field("float", required=True), "VG": Field("float", required=True)}
    units, notes = {}, []
    assert typed({"VDS": "None"}, fields, units, notes) == {"VDS": None}
    assert [(note.level, note.code) for note in notes] == [("error", "MISSING_PARAMETER")] * 2
    assert "'VG'" in notes[1].text


FIELDS = st.sampled_from(
    [None, FLOAT, V, INT, *(Field(kind) for kind in ("bool", "datetime", "str", "float_no_unit"))]
)


@given(st.text() | st.from_regex(r"[-+]?[0-9.e]{1,12} ?[a-zµ%]{0,3}", fullmatch=True), FIELDS)
def test_any_text_is_a_number_a_bool_a_time_nothing_or_itself(text, field):
    value = typed_value("x", text, field).value
    if isinstance(value, str):
        assert value == text
    elif value is None:
        assert text in {"", "None"}
    else:
        assert isinstance(value, bool | int | float | datetime)


@given(st.text(alphabet="0123456789.-+e", max_size=9))
def test_a_value_that_nobody_expects_can_be_written_again(text):
    value = typed_value("x", text, None).value
    assert text in {str(value), f"{value:g}" if isinstance(value, float) else text}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_number_that_the_program_writes_is_read_back(number):
    assert typed_value("x", f"{number:g} V", V).value == float(f"{number:g}")
    assert typed_value("x", repr(number), V).value == number


def test_decimal_arithmetic_is_the_reference():
    tenths = [times_ten_to(str(n), -1) for n in range(1, 100)]
    assert tenths == [float(Decimal(n) / 10) for n in range(1, 100)]
