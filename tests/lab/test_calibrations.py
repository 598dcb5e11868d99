"""Which calibration counts for which lit run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from treadle.lab.calibrations import match

NOON = datetime(2025, 9, 15, 12, tzinfo=UTC)
ROWS = {
    "run_id": pl.String,
    "proc": pl.String,
    "has_light": pl.Boolean,
    "start_time_utc": pl.Datetime("us", "UTC"),
    "wavelength_nm": pl.Float64,
    "laser_voltage_V": pl.Float64,
}
CURVES = {
    "run_id": pl.String,
    "metric": pl.String,
    "status": pl.String,
    "start_time_utc": pl.Datetime("us", "UTC"),
    "value": pl.Float64,
    "details": pl.String,
}
COLUMNS = {
    "run_id": pl.String,
    "calibration_status": pl.String,
    "calibration_run_id": pl.String,
    "calibration_age_h": pl.Float64,
    "calibration_fiber": pl.String,
    "calibration_fibers_compete": pl.Boolean,
    "irradiated_power_w": pl.Float64,
    "power_clamped": pl.Boolean,
}


def after(hours):
    return None if hours is None else NOON + timedelta(hours=hours)


def run(run_id="run", hours=0.0, wavelength=385.0, volts=2.0, *, has_light=True, proc="It"):
    return (run_id, proc, has_light, after(hours), wavelength, volts)


def calibration(
    run_id, hours, wavelength=385.0, fiber="F1", volts=(0.0, 1.0, 4.0), watts=(0.0, 1e-6, 7e-6),
    *, status="ok", metric="calibration_max_power",
):  # fmt: skip
    details = {
        "voltage_v": list(volts),
        "power_w": list(watts),
        "wavelength_nm": wavelength,
        "optical_fiber": fiber,
    }
    return (run_id, metric, status, after(hours), max(watts, default=0.0), json.dumps(details))


def matched(runs, calibrations, **settings):
    rows = pl.DataFrame(runs, schema=ROWS, orient="row")
    curves = pl.DataFrame(calibrations, schema=CURVES, orient="row")
    return match(rows, curves, **settings)


def one(runs, calibrations, **settings):
    (row,) = matched(runs, calibrations, **settings).to_dicts()
    return row


def test_the_newest_before_the_run_counts():
    row = one(
        [run()],
        [calibration("old", -30), calibration("new", -2), calibration("late", 1)],
    )
    assert row == {
        "run_id": "run",
        "calibration_status": "perfect",
        "calibration_run_id": "new",
        "calibration_age_h": 2.0,
        "calibration_fiber": "F1",
        "calibration_fibers_compete": False,
        "irradiated_power_w": pytest.approx(3e-6),
        "power_clamped": False,
    }


@pytest.mark.parametrize(
    ("hours", "status"),
    [(0, "perfect"), (-24, "perfect"), (-24.001, "stale"), (-5000, "stale"), (0.001, "future")],
)
def test_status_by_age(hours, status):
    row = one([run()], [calibration("it", hours)])
    assert row["calibration_status"] == status
    assert row["calibration_age_h"] == pytest.approx(-hours)


def test_what_stale_means_can_be_said():
    assert one([run()], [calibration("it", -3)], stale_hours=2)["calibration_status"] == "stale"


def test_the_earliest_after_the_run_counts_where_there_is_none_before():
    row = one([run()], [calibration("later", 50), calibration("soon", 3)])
    assert (row["calibration_run_id"], row["calibration_age_h"]) == ("soon", -3)


@pytest.mark.parametrize(
    ("runs", "calibrations"),
    [
        ([run()], []),
        ([run(wavelength=385.5)], [calibration("it", -1)]),
        ([run(wavelength=None)], [calibration("it", -1)]),
        ([run(hours=None)], [calibration("it", -1)]),
        ([run()], [calibration("it", -1, wavelength=None)]),
        ([run()], [calibration("it", None)]),
        ([run()], [calibration("it", -1, status="undetermined")]),
        ([run()], [calibration("it", -1, metric="tau_dark")]),
    ],
    ids=[
        "none at all", "of another wavelength", "run without wavelength", "run without start",
        "calibration without wavelength", "calibration without start", "no curve", "another metric",
    ],
)  # fmt: skip
def test_missing(runs, calibrations):
    row = one(runs, calibrations)
    assert row.pop("run_id") == "run"
    assert row.pop("calibration_status") == "missing"
    assert row.pop("power_clamped") is False
    assert row.pop("calibration_fibers_compete") is False
    assert set(row.values()) == {None}


def test_only_lit_runs_that_are_no_calibrations_have_a_row():
    runs = [
        run("dark", has_light=False),
        run("unknown", has_light=None),
        run("calibration", proc="LaserCalibration"),
        run("IVg", proc="IVg"),
    ]
    assert matched(runs, [calibration("it", -1)])["run_id"].to_list() == ["IVg"]


def test_rows_stay_in_order_and_others_wavelengths_apart():
    runs = [run("b", 5, 455.0), run("a", 0), run("c", -9, 455.0)]
    calibrations = [calibration("uv", -1), calibration("blue", -2, 455.0)]
    found = matched(runs, calibrations)
    assert found["run_id"].to_list() == ["b", "a", "c"]
    assert found["calibration_run_id"].to_list() == ["blue", "uv", "blue"]
    assert found["calibration_status"].to_list() == ["perfect", "perfect", "future"]


@pytest.mark.parametrize(
    ("calibrations", "chosen", "compete"),
    [
        ([("a", -2, "F1"), ("b", -1, "F2")], "b", True),
        ([("a", -2, "F1"), ("b", -1, "F1")], "b", False),
        ([("a", -30, "F1"), ("b", -1, "F2")], "b", False),
        ([("a", -30, "F1"), ("b", -40, "F2")], "a", True),
        ([("a", 2, "F1"), ("b", 1, "F2")], "b", True),
        ([("a", 2, "F1"), ("b", -900, "F2")], "b", False),
        ([("a", -1, "F1"), ("b", -1, "F2")], "b", True),
        ([("a", -1, "F1"), ("b", -2, None)], "a", True),
    ],
    ids=[
        "both fresh", "the same fibre", "fresh and stale", "both stale", "both later",
        "stale before later", "at once", "a fibre nobody named",
    ],
)  # fmt: skip
def test_of_several_fibres_the_newest_wins_and_it_is_told(calibrations, chosen, compete):
    given = [calibration(run_id, hours, fiber=fiber) for run_id, hours, fiber in calibrations]
    row = one([run()], given)
    assert row["calibration_run_id"] == chosen
    assert row["calibration_fiber"] == {run_id: fiber for run_id, _, fiber in calibrations}[chosen]
    assert row["calibration_fibers_compete"] is compete


def test_a_fibre_that_nobody_named():
    row = one([run()], [calibration("it", -1, fiber=None)])
    assert (row["calibration_run_id"], row["calibration_fiber"]) == ("it", None)


@pytest.mark.parametrize(
    ("volts", "power", "clamped"),
    [
        (0.0, 0.0, False),
        (0.5, 0.5e-6, False),
        (4.0, 7e-6, False),
        (4.5, 7e-6, True),
        (-1.0, 0.0, True),
        (None, None, False),
    ],
)
def test_power_between_the_points_and_outside_of_them(volts, power, clamped):
    row = one([run(volts=volts)], [calibration("it", -1)])
    assert row["irradiated_power_w"] == (None if power is None else pytest.approx(power))
    assert row["power_clamped"] is clamped


def test_a_curve_in_any_order_with_gaps_and_repeats():
    curve = calibration(
        "it", -1, volts=[4, 1, float("nan"), 1, 2], watts=[9.0, 2.0, 5.0, 4.0, float("nan")]
    )
    assert one([run(volts=2.0)], [curve])["irradiated_power_w"] == pytest.approx(5.0)


def test_a_curve_without_points_tells_no_power():
    row = one([run()], [calibration("it", -1, volts=[], watts=[])])
    assert (row["calibration_run_id"], row["irradiated_power_w"]) == ("it", None)


def test_empty_frames():
    assert matched([], []).schema == COLUMNS
    assert matched([run()], []).schema == COLUMNS
    assert matched([], [calibration("it", -1)]).schema == COLUMNS


def obvious(runs, calibrations, stale_hours=24.0):
    """What `match` promises, one run after the other."""
    rows = []
    for run_id, proc, has_light, start, wavelength, volts in runs:
        if not has_light or proc == "LaserCalibration":
            continue
        candidates = []
        for name, _, _, begun, _, details in calibrations:
            curve = json.loads(details)
            if (
                start is not None
                and wavelength is not None
                and curve["wavelength_nm"] == wavelength
            ):
                age = (start - begun) / timedelta(hours=1)
                status = "future" if age < 0 else "perfect" if age <= stale_hours else "stale"
                candidates.append((begun, name, age, status, curve))
        before = [each for each in candidates if each[3] != "future"]
        best = max(before, key=lambda each: each[:2]) if before else None
        if not before and candidates:
            best = min(candidates, key=lambda each: each[:2])
        if best is None:
            rows.append((run_id, "missing", None, None, None, False, None, False))
            continue
        _, name, age, status, curve = best
        fibers = {each[4]["optical_fiber"] for each in candidates if each[3] == status}
        low, high = min(curve["voltage_v"]), max(curve["voltage_v"])
        power = None
        if volts is not None:
            power = float(np.interp(volts, curve["voltage_v"], curve["power_w"]))
        clamped = volts is not None and not low <= volts <= high
        fiber = curve["optical_fiber"]
        rows.append((run_id, status, name, age, fiber, len(fibers) > 1, power, clamped))
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


HOURS = st.integers(-100, 100).map(lambda half: half / 2)
WAVELENGTHS = st.sampled_from([385.0, 385.5, 455.0])
RUNS = st.lists(
    st.builds(
        run,
        hours=HOURS | st.none(),
        wavelength=WAVELENGTHS | st.none(),
        volts=st.floats(-1, 6) | st.none(),
        has_light=st.sampled_from([True, True, True, False, None]),
        proc=st.sampled_from(["It", "IVg", "LaserCalibration"]),
    ),
    max_size=12,
)
CALIBRATIONS = st.lists(
    st.builds(
        calibration,
        run_id=st.just(""),
        hours=HOURS,
        wavelength=WAVELENGTHS,
        fiber=st.sampled_from(["F1", "F2", None]),
        watts=st.tuples(*[st.floats(0, 1e-3)] * 3),
    ),
    max_size=10,
)


@settings(max_examples=150)
@given(RUNS, CALIBRATIONS, st.sampled_from([0.0, 1.0, 24.0]))
def test_matching_is_what_the_obvious_way_finds(runs, calibrations, stale_hours):
    runs = [(f"run{place}", *each[1:]) for place, each in enumerate(runs)]
    calibrations = [(f"cal{place}", *each[1:]) for place, each in enumerate(calibrations)]
    assert_frame_equal(
        matched(runs, calibrations, stale_hours=stale_hours),
        obvious(runs, calibrations, stale_hours),
    )
