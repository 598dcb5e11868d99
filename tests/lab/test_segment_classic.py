"""The earlier pipeline's segment detection: its numbers, and its limits, exactly."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.lab.segmentation import INCOMPLETE_SWEEP, segments

SWEEPS = json.loads(Path(__file__).with_name("sweeps.json").read_text("utf-8"))["sweeps"]
REFERENCES = {name: sweep for name, sweep in SWEEPS.items() if "segments" in sweep}


def cut(voltages, **settings):
    return segments({"V": voltages}, column="V", method="classic", **settings)


def by_rows(v, threshold, shortest):
    """The algorithm as it was written down, row by row."""
    found, start, way, before = [], 0, None, v[0]

    def emit(end):
        if end - start + 1 >= shortest:
            found.append((start, end, way or "unknown"))

    for i in range(1, len(v)):
        moved, over = v[i] - v[i - 1], False
        step = ("increasing" if moved > 0 else "decreasing") if abs(moved) >= threshold else None
        if step and way is None:
            way = step
        elif step and step != way:
            over = True
        if (before < 0 and v[i] >= 0) or (before > 0 and v[i] <= 0):
            over = True
        if over:
            emit(i - 1)
            start = i
            way = step or way
        before = v[i]
    emit(len(v) - 1)
    return found


def test_there_are_references():
    assert len(REFERENCES) == 9


@pytest.mark.parametrize("name", REFERENCES)
def test_the_segments_of_the_earlier_pipeline_are_reproduced(name):
    sweep = REFERENCES[name]
    found = segments({sweep["column"]: sweep["voltages"]}, column=sweep["column"], method="classic")
    assert [
        {
            "segment_id": s.id,
            "segment_type": s.type,
            "start_idx": s.start,
            "end_idx": s.end,
            "v_start": s.v_start,
            "v_end": s.v_end,
            "v_direction": s.direction,
            "point_count": s.points,
        }
        for s in found
    ] == sweep["segments"]


@given(
    st.lists(
        st.one_of(
            st.floats(-0.01, 0.01),
            st.sampled_from([0.0, -0.0, 0.001, -0.001, 0.002, math.nan, math.inf]),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 7),
)
def test_any_voltages_are_cut_as_row_by_row(voltages, shortest):
    found = cut(voltages, min_points=shortest)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = by_rows(np.array(voltages), 0.001, shortest)
    assert [(s.start, s.end, s.direction) for s in found] == expected


def test_a_short_piece_is_dropped_with_the_reason():
    found = cut([0.0, 0.1, 0.2, 0.3, 0.4, 0.3, 0.2])
    assert [(s.type, s.start, s.end) for s in found] == [("forward_positive", 0, 4)]
    assert found.dropped == tuple((row, "piece shorter than 5 points") for row in (5, 6))
    assert [s.points for s in cut([0.0, 0.1, 0.2, 0.1], min_points=1)] == [3, 1]


def test_steps_below_the_threshold_turn_nothing():
    slow = [0.0, 1e-4, 2e-4, 3e-4, 2e-4, 1e-4]
    assert [(s.points, s.direction) for s in cut(slow)] == [(6, "unknown")]
    assert len(cut(slow, dv_threshold=1e-5, min_points=1)) == 2


def test_a_small_step_across_zero_cuts_and_keeps_the_direction_of_before():
    voltages = [-0.004, -0.002, -0.0004, 0.0004, 0.0006]
    assert [s.direction for s in cut(voltages, min_points=1)] == ["increasing", "increasing"]


def test_missing_voltages_compare_false_and_stay():
    found = cut([0.0, 0.1, math.nan, 0.05, 0.1, 0.2])
    assert [(s.start, s.end) for s in found] == [(0, 5)]


def test_what_is_odd_about_the_sweep_is_told_here_too():
    assert cut([0.0, 0.1, 0.2, 0.3, 0.4, 0.5]).flags == (INCOMPLETE_SWEEP,)


@pytest.mark.parametrize("setting", [{"dv_threshold": 0}, {"dv_threshold": math.nan}])
def test_a_threshold_is_above_zero(setting):
    with pytest.raises(treadle.UsageError, match="not above zero"):
        cut([0.0, 1.0], **setting)


def test_a_segment_has_at_least_one_point():
    with pytest.raises(treadle.UsageError, match="below one"):
        cut([0.0, 1.0], min_points=0)
