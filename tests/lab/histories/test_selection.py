"""Chips as people type them, and which rows they mean."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle.lab.selection import Chips, chips_of, one_chip, select, since_of

ROWS = pl.DataFrame(
    {
        "chip_number": [67, 72, 81, 67, 5, None],
        "chip_name": ["Alisson67", "Alisson72", "Alisson81", "other67", "a,b5", None],
        "proc": ["IVg", "It", "IVg", "IV", "It", "LaserCalibration"],
        "date_local": [date(2025, 8, 31), *[date(2025, 9, 1)] * 5],
    },
    schema_overrides={"chip_number": pl.Int64},
)
numbers = st.integers(0, 10**17)
ranges = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
names = st.from_regex(r"[A-Za-z][\w .+]{0,8}\d?", fullmatch=True).map(str.strip).filter(bool)


@settings(max_examples=60)
@given(
    st.lists(ranges, max_size=4, unique=True), st.lists(names, min_size=1, max_size=3, unique=True)
)
def test_what_is_written_of_chips_reads_as_the_same_chips(some, called):
    chips = Chips(tuple(some), tuple(called))
    assert chips_of(str(chips)) == chips


@settings(max_examples=60)
@given(ranges, numbers)
def test_a_range_means_the_numbers_from_end_to_end(both, number):
    rows = pl.DataFrame({"chip_number": [number], "chip_name": [f"Demo{number}"]})
    meant = select(rows, chips=f"{both[0]} - {both[1]}").height == 1
    assert meant == (both[0] <= number <= both[1])


def test_a_number_means_the_chips_of_all_groups_and_a_name_one_in_any_case():
    assert set(select(ROWS, chips="67")["chip_name"]) == {"Alisson67", "other67"}
    assert set(select(ROWS, chips="72-90, alisson67")["chip_name"]) == {
        "Alisson67", "Alisson72", "Alisson81",
    }  # fmt: skip


def test_runs_without_a_chip_are_never_meant():
    assert select(ROWS, chips="0-99999,x")["chip_name"].null_count() == 0
    assert ROWS.filter(Chips().expr()).is_empty()


def test_procedures_and_dates_choose_too_in_frames_and_in_scans():
    found = select(ROWS.lazy(), chips="67-81", procedures=["IVg", "IV"], since="2025-09").collect()
    assert found["chip_name"].to_list() == ["Alisson81", "other67"]
    assert select(ROWS).equals(ROWS)


def test_what_is_missing_is_said_as_it_was_typed():
    assert chips_of("67,70-71,Nobody1,80-99").missing(ROWS) == ["70-71", "Nobody1"]


@pytest.mark.parametrize("text", ["", " ", "67,,68", "67,", "75-72"])
def test_what_means_no_chip_is_refused(text):
    with pytest.raises(treadle.UsageError, match="chips cannot be"):
        chips_of(text)


def test_a_date_may_be_a_month_or_a_year():
    assert since_of("2025-09-02") == date(2025, 9, 2)
    assert since_of("2025-09") == date(2025, 9, 1)
    assert since_of("2025") == date(2025, 1, 1)


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13", "2025-02-30", "01.09.2025", "0000"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(treadle.UsageError, match="is no date"):
        since_of(text)


def test_one_chip_is_found_by_name_or_number():
    assert one_chip(ROWS, "Alisson72") == one_chip(ROWS, "72") == one_chip(ROWS, 72) == "Alisson72"
    assert one_chip(ROWS, "ALISSON81") == "Alisson81"
    assert one_chip(ROWS, "a,b5") == "a,b5"


def test_a_number_that_groups_share_is_not_decided_for_the_user():
    with pytest.raises(treadle.UsageError, match="Alisson67, other67"):
        one_chip(ROWS, 67)


def test_of_names_that_differ_in_case_alone_the_exact_one_is_meant():
    rows = pl.DataFrame({"chip_number": [1, 1], "chip_name": ["Demo1", "demo1"]})
    assert one_chip(rows, "demo1") == "demo1"
    with pytest.raises(treadle.UsageError, match="Demo1, demo1"):
        one_chip(rows, "DEMO1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Alison67", "did you mean Alisson67?"),
        ("73", "nearest are Alisson72"),
        ("Zzz", "there are"),
    ],
)
def test_a_chip_that_is_not_there_is_answered_with_the_nearest(text, said):
    with pytest.raises(treadle.UsageError, match="there is no chip") as caught:
        one_chip(ROWS, text)
    assert said in str(caught.value.hint)
