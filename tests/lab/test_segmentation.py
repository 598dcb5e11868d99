"""The branches of a sweep: none lost, none too many, whatever the step, the noise, the glitches."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.lab.segmentation import (
    GLITCHES,
    INCOMPLETE_SWEEP,
    NAN_VOLTAGE,
    NO_SWEEP,
    Expected,
    segments,
    sweep_parameters,
)

SWEEPS = json.loads(Path(__file__).with_name("sweeps.json").read_text("utf-8"))["sweeps"]
ABORTED = {
    "Alisson_12_sept/IV2025-09-12_1.csv",
    "Alisson_12_sept/IVg2025-09-12_2.csv",
    "Alisson_04_sept/IVg2025-09-04_11.csv",
}
FOUR = ["forward_negative", "return_negative", "forward_positive", "return_positive"]


def cut(voltages, **settings):
    return segments({"V": voltages}, column="V", **settings)


def spans(found):
    return [(segment.start, segment.end) for segment in found]


def types(found):
    return [segment.type for segment in found]


def way(*vertices, step):
    """Return the programmed voltages of a sweep from vertex to vertex, and the rows of these."""
    rows, voltages = [0], [float(vertices[0])]
    for start, end in pairwise(vertices):
        steps = max(1, round(abs(end - start) / step))
        voltages += [start + (end - start) * i / steps for i in range(1, steps + 1)]
        rows.append(len(voltages) - 1)
    return np.array(voltages), rows


# --- real sweeps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SWEEPS)
def test_a_real_sweep_gives_the_branches_of_the_earlier_pipeline_and_loses_no_row(name):
    """
    The same branches, except that the last one also has the rows that the earlier pipeline drops.
    """
    sweep = SWEEPS[name]
    found = segments({sweep["column"]: sweep["voltages"]}, column=sweep["column"])
    if name == "Serbian_Graphene/IVg2025-09-09_12.csv":  # its last branch is too short for classic
        assert types(found) == [*FOUR, *FOUR[:2]]
        assert spans(found) == [(0, 5), (6, 10), (11, 15), (16, 20), (21, 25), (26, 30)]
        return
    classic = cut(sweep["voltages"], method="classic")
    assert types(found) == types(classic)
    assert spans(found[:-1]) == spans(classic[:-1])
    assert found[-1].start == classic[-1].start
    assert found[-1].end == len(sweep["voltages"]) - 1
    assert found.dropped == ()


@pytest.mark.parametrize("with_parameters", [True, False])
@pytest.mark.parametrize("name", SWEEPS)
def test_exactly_the_aborted_real_sweeps_are_incomplete(name, with_parameters):
    sweep = SWEEPS[name]
    expected = sweep_parameters(sweep["procedure"], sweep["parameters"])
    assert expected is not None
    found = cut(sweep["voltages"], expected=expected if with_parameters else None)
    assert found.flags == ((INCOMPLETE_SWEEP,) if name in ABORTED else ())


@given(st.sampled_from(sorted(SWEEPS.keys() - ABORTED)), st.data())
def test_a_sweep_that_is_cut_off_anywhere_is_incomplete(name, data):
    """
    Only a cut at the very end cannot be seen: where the last row is one step beyond the beginning.
    """
    sweep = SWEEPS[name]
    rows = data.draw(st.integers(0, len(sweep["voltages"]) - 2))
    expected = sweep_parameters(sweep["procedure"], sweep["parameters"])
    flags = cut(sweep["voltages"][:rows], expected=expected).flags
    at_the_beginning = rows > 1 and abs(sweep["voltages"][rows - 1]) <= expected.v_step / 2
    if not (at_the_beginning and rows >= len(sweep["voltages"]) - 1):
        assert INCOMPLETE_SWEEP in flags


# --- every row is somewhere ----------------------------------------------------------------------

ANY_VOLTAGE = st.one_of(
    st.floats(-10, 10),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 0.1, -0.1, 0.2, 9.9e37, float("nan")]),
)


@pytest.mark.parametrize("method", ["turns", "classic"])
@given(voltages=st.lists(ANY_VOLTAGE, max_size=60))
def test_every_row_is_in_exactly_one_segment_or_dropped_with_a_reason(method, voltages):
    found = cut(voltages, method=method)
    labelled = found.label(pl.DataFrame({"V": voltages}, schema={"V": pl.Float64}))

    in_segment = labelled["segment_id"].is_not_null()
    assert (in_segment != labelled["dropped_reason"].is_not_null()).all()
    assert labelled["segment_id"].drop_nulls().is_sorted()
    assert labelled.with_row_index().filter(~in_segment)["index"].to_list() == [
        row for row, _ in found.dropped
    ]
    assert [s.id for s in found] == list(range(len(found)))
    for segment in found:
        mine = labelled.with_row_index().filter(pl.col("segment_id") == segment.id)
        assert mine.height == segment.points
        assert (mine["index"][0], mine["index"][-1]) == (segment.start, segment.end)
        assert mine["point_in_segment"].to_list() == list(range(segment.points))


@given(voltages=st.lists(st.floats(-10, 10), max_size=60))
def test_nothing_but_a_glitch_is_dropped_from_sound_voltages(voltages):
    found = cut(voltages)
    assert {reason for _, reason in found.dropped} <= {"glitch"}
    assert (GLITCHES in found.flags) == bool(found.dropped)


# --- the number of legs --------------------------------------------------------------------------

SHAPES = {
    "0, -V, 0, +V, 0": ((0, -1, 0, 1, 0), FOUR),
    "0, +V, 0, -V, 0": ((0, 1, 0, -1, 0), [*FOUR[2:], *FOUR[:2]]),
    "0, -V, +V, 0": ((0, -1, 1, 0), FOUR),
    "0, -V, +V, -V, 0": ((0, -1, 1, -1, 0), [*FOUR, *FOUR[:2]]),
    "0, +V, -V, 0": ((0, 1, -1, 0), [*FOUR[2:], *FOUR[:2]]),
    "0, +V, 0": ((0, 1, 0), FOUR[2:]),
    "0, +V": ((0, 1), FOUR[2:3]),
    "-V, +V": ((-1, 1), FOUR[1:3]),
    "+V, -V": ((1, -1), [FOUR[3], FOUR[0]]),
}


@st.composite
def sweeps(draw):
    """A programmed sweep with rounding errors, the rows of its vertices, its step and types."""
    vertices, expected = SHAPES[draw(st.sampled_from(list(SHAPES)))]
    step = draw(st.floats(1e-6, 1.0))
    low, high = draw(st.integers(3, 40)), draw(st.integers(3, 40))
    goals = [step * (low if vertex < 0 else high) * vertex for vertex in vertices]
    voltages, rows = way(*goals, step=step)
    rounding = draw(st.sampled_from([0.0, 2e-16, 5e-15]))
    seed = draw(st.integers(0, 2**32 - 1))
    noise = np.random.default_rng(seed).uniform(-1, 1, len(voltages))
    return voltages + rounding * np.abs(goals).max() * noise, rows, step, expected


@given(sweeps())
def test_a_sweep_of_any_step_has_the_branches_that_were_programmed(sweep):
    voltages, _, _, expected = sweep
    found = cut(voltages)
    assert types(found) == expected
    assert found.dropped == ()


@given(sweeps(), st.data())
def test_missing_voltages_are_dropped_and_the_branches_go_on_across_them(sweep, data):
    voltages, vertices, _, expected = sweep
    inner = sorted(
        set(range(1, len(voltages) - 1))
        - {row + near for row in vertices for near in (-2, -1, 0, 1, 2)}
        - set(np.flatnonzero(np.abs(voltages) < 1e-12).tolist())
    )
    gone = data.draw(st.sets(st.sampled_from(inner or [0]), max_size=8)) if inner else set()
    voltages[list(gone)] = np.nan
    found = cut(voltages)
    assert types(found) == expected
    assert found.dropped == tuple((row, "no voltage") for row in sorted(gone))
    assert (NAN_VOLTAGE in found.flags) == bool(gone)


@given(sweeps(), st.data())
def test_one_row_in_the_wrong_place_cuts_nothing_and_is_dropped_as_a_glitch(sweep, data):
    voltages, vertices, step, expected = sweep
    inner = [
        row
        for row in range(3, len(voltages) - 3)
        if min(abs(row - vertex) for vertex in vertices) > 2
    ]
    if not inner:
        return
    row = data.draw(st.sampled_from(inner))
    voltages[row] += step * data.draw(st.floats(2.5, 500)) * data.draw(st.sampled_from([-1, 1]))
    found = cut(voltages)
    assert types(found) == expected
    assert [(gone, reason) for gone, reason in found.dropped] == [(row, "glitch")]
    assert GLITCHES in found.flags


@given(sweeps(), st.integers(1, 6), st.data())
def test_a_dwell_at_a_vertex_belongs_to_the_branch_that_led_there(sweep, dwell, data):
    voltages, vertices, _, expected = sweep
    turn = data.draw(st.sampled_from(vertices[1:]))
    before = cut(voltages)
    after = cut(np.insert(voltages, turn, [voltages[turn]] * dwell))
    assert types(after) == expected
    moved = [s.points for s in after]
    for segment in before:
        if segment.start <= turn <= segment.end:
            moved[segment.id] -= dwell
    assert moved == [s.points for s in before]


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_noise_of_the_size_of_a_step_cuts_nothing(seed, steps):
    """A measured voltage goes back and forth; only where it turns for good is a branch over."""
    voltages, _ = way(0, -1, 0, 1, 0, step=0.002)
    noise = np.random.default_rng(seed).normal(0, 0.002 * steps, len(voltages))
    found = cut(voltages + noise)
    assert [s.type for s in found if s.points > 25] == FOUR
    assert not [s for s in found if s.points > 25 and abs(s.points - 500) > 25]


@given(sweeps(), st.integers(1, 200))
def test_an_aborted_sweep_has_the_first_branches_and_is_flagged(sweep, rows):
    voltages, vertices, step, expected = sweep
    goals = [float(v) for v in voltages[vertices]]
    if voltages[0] != 0 or len(goals) < 3:
        return
    found = cut(
        voltages[: min(rows, vertices[-1] - 1)],
        v_start=min(goals, key=abs) if len(goals) == 3 else goals[1],
        v_end=goals[1] if len(goals) == 3 else goals[3 if goals[2] == 0 else 2],
        v_step=step,
        loop=len(goals) == 5 and goals[1] == goals[3],
    )
    if len(found) and NO_SWEEP not in found.flags:
        assert types(found) == expected[: len(found)]
    assert INCOMPLETE_SWEEP in found.flags or len(found) == len(expected)


# --- sweeps of more than one speed ---------------------------------------------------------------


def dropped_runs(found):
    """Return how many rows in a row were dropped, each time."""
    rows = [row for row, _ in found.dropped]
    starts = [n for n, row in enumerate(rows) if row - 1 not in rows]
    return [end - start for start, end in pairwise([*starts, len(rows)])]


@st.composite
def sweeps_of_speeds(draw):
    """0, -V, 0, +V, 0 with two to four zones of steps on each side, and the rows of its turns."""
    zone = st.tuples(st.integers(3, 60), st.floats(-2.5, 0).map(lambda power: 10**power))
    sides = []
    for sign in (-1, 1):
        zones = draw(st.lists(zone, min_size=2, max_size=4))
        steps = [step for rows, step in zones for _ in range(rows)]
        sides.append(sign * np.cumsum([draw(st.sampled_from([0.0, 5e-4])), *steps]))
    low, high = sides
    voltages = np.concatenate([[0.0], low, low[-2::-1], high, high[-2::-1], [0.0]])
    return voltages, [0, len(low), 2 * len(low), 2 * len(low) + len(high) - 1, len(voltages) - 1]


@given(sweeps_of_speeds())
def test_a_sweep_of_several_speeds_loses_no_row(sweep):
    """Fine near zero and coarse outside, the other way round, or anything else."""
    voltages, _ = sweep
    found = cut(voltages, v_start=voltages.min(), v_end=voltages.max(), v_step=1e-3)
    assert types(found) == FOUR
    assert found.dropped == ()
    assert found.flags == ()
    assert {found[0].v_end, found[2].v_end} == {voltages.min(), voltages.max()}


@given(sweeps_of_speeds(), st.integers(1, 2), st.data())
def test_a_glitch_in_a_sweep_of_several_speeds_is_all_that_is_dropped(sweep, length, data):
    """Well inside a range of one speed: where the speed changes, a small one cannot be told."""
    voltages, _ = sweep
    moves = np.diff(voltages)
    inner = [
        row for row in range(9, len(voltages) - 10) if np.ptp(moves[row - 9 : row + 10]) < 1e-9
    ]
    if not inner:
        return
    row = data.draw(st.sampled_from(inner))
    off = abs(moves[row]) * data.draw(st.floats(4, 200)) * data.draw(st.sampled_from([-1, 1]))
    voltages[row : row + length] += off
    found = cut(voltages)
    assert [gone for gone, _ in found.dropped] == list(range(row, row + length))
    assert types(found) == FOUR


def test_coarse_steps_outside_of_a_fine_range_are_no_glitches():
    up = [*np.arange(0, 0.1, 0.001), 0.2, 0.4, 0.6, 0.8, 1.0]
    up += [0.8, 0.6, 0.4, 0.2, *np.arange(0.1, 0, -0.001)]
    sweep = [*(-v for v in up), *up, 0.0]
    for step in (0.2, 0.001):
        found = cut(sweep, v_start=-1, v_end=1, v_step=step)
        assert [s.points for s in found] == [105, 104, 105, 105]
        assert [s.v_end for s in found][::2] == [-1, 1]
        assert (found.dropped, found.flags) == ((), ())


@pytest.mark.parametrize("per_decade", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("decades", [3, 6])
def test_a_logarithmic_sweep_loses_no_row(per_decade, decades):
    side = np.geomspace(10.0**-decades, 1, per_decade * decades + 1)
    up = [*side, *side[-2::-1]]
    found = cut([0.0, *(-v for v in up), 0.0, *up, 0.0])
    assert types(found) == FOUR
    assert (found.dropped, found.flags) == ((), ())


def test_a_short_side_of_fine_steps_is_cut_at_zero_though_the_other_side_is_coarse():
    fine, coarse = np.linspace(0, 0.1, 11), np.linspace(0.3, 4.1, 20)
    sweep = [*-fine, *-fine[-2::-1], *fine[1:], *coarse, *coarse[-2::-1], *fine[::-1]]
    assert types(cut(sweep)) == FOUR


@pytest.mark.parametrize("dwell", [2, 3, 20, 100])
@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_a_staircase_with_long_dwells_loses_no_row(dwell, noise):
    levels, _ = way(0, -1, 0, 1, 0, step=0.1)
    stairs = np.repeat(levels, dwell)
    found = cut(stairs + np.random.default_rng(1).normal(0, noise, len(stairs)))
    assert types(found) == FOUR
    assert found.dropped == ()


@pytest.mark.parametrize("rest", [1, 2, 3, 10])
@pytest.mark.parametrize("pulses", [5, 10, 20, 100])
def test_pulses_of_growing_height_are_no_glitches(rest, pulses):
    train = [v for n in range(1, pulses + 1) for v in (*[0.0] * rest, 0.05 * n)]
    assert cut([*train, 0.0]).dropped == ()


def test_pulses_behind_a_sweep_are_no_glitches():
    ramp, _ = way(0, 1, 0, step=0.01)
    train = [v for n in range(1, 31) for v in (0.0, 0.05 * n)]
    assert cut([*ramp, *train, 0.0]).dropped == ()


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(-5, 5)), max_size=40))
def test_never_are_more_than_two_rows_in_a_row_dropped_as_a_glitch(levels):
    voltages = [n + off for n, (rows, off) in enumerate(levels) for _ in range(rows)]
    assert max(dropped_runs(cut(voltages)), default=0) <= 2


@given(st.lists(st.floats(-10, 10), max_size=80))
def test_nor_are_they_from_any_voltages(voltages):
    assert max(dropped_runs(cut(voltages)), default=0) <= 2


# --- what the earlier detection got wrong, and the cure ------------------------------------------


def test_a_slow_sweep_is_cut_at_its_turns():
    voltages, _ = way(0, -5e-4, 0, 5e-4, 0, step=1e-5)
    assert types(cut(voltages, method="classic")) != FOUR
    assert types(cut(voltages)) == FOUR
    assert [s.direction for s in cut(voltages)] == [
        "decreasing",
        "increasing",
        "increasing",
        "decreasing",
    ]


def test_a_short_branch_is_not_lost():
    voltages = [0.0, -0.1, -0.2, -0.1, 0.0, 0.1, 0.2, 0.1, 0.0]
    assert len(cut(voltages, method="classic").dropped) == 9
    assert types(cut(voltages)) == FOUR
    assert cut(voltages).dropped == ()


def test_a_glitch_does_not_cut():
    voltages, _ = way(0, 1, 0, step=0.05)
    voltages[10] = 0.2
    assert len(cut(voltages, method="classic")) == 3
    found = cut(voltages)
    assert types(found) == FOUR[2:]
    assert found.dropped == ((10, "glitch"),)
    assert (found[0].start, found[0].end, found[0].points, found[0].skipped) == (0, 20, 20, 1)


def test_two_glitches_in_a_row_do_not_cut():
    voltages, _ = way(0, 1, 0, step=0.05)
    voltages[8:10] = -3.0
    found = cut(voltages)
    assert types(found) == FOUR[2:]
    assert [row for row, _ in found.dropped] == [8, 9]


def test_three_rows_in_the_wrong_direction_are_a_branch():
    voltages = [0.0, 0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert [s.direction for s in cut(voltages)] == ["increasing", "decreasing", "increasing"]


def test_a_missing_voltage_at_a_turn_does_not_hide_it():
    voltages, _ = way(0, 1, 0, step=0.1)
    voltages[10] = np.nan
    found = cut(voltages)
    assert spans(found) == [(0, 9), (11, 20)] or spans(found) == [(0, 11), (12, 20)]
    assert types(found) == FOUR[2:]


def test_the_lone_last_row_belongs_to_the_last_branch():
    """The lists of IV end with 0 V, or one step beyond it."""
    for last in (0.0, -0.0095):
        voltages = [0.0, -0.0005, -0.0105, -0.0205, -0.01, -0.0005]
        voltages += [0.0005, 0.0105, 0.0205, 0.01, 0.0005, last]
        found = cut(voltages)
        assert types(found) == FOUR
        assert spans(found) == [(0, 3), (4, 5), (6, 8), (9, 11)]


def test_a_step_across_zero_that_rounding_made_small_is_cut_the_same():
    base = [0.0, -0.0005, -0.0105, -0.0205, -0.0105, -0.0005]
    for across in (0.0005, np.nextafter(0.0005, 0)):
        found = cut([*base, across, 0.0105, 0.0205, 0.0105, 0.0005, 0.0])
        assert spans(found) == [(0, 3), (4, 5), (6, 8), (9, 11)]
        assert types(found) == FOUR


# --- small and odd tables ------------------------------------------------------------------------


@pytest.mark.parametrize("voltages", [[], [np.nan, np.nan], [np.inf], [9.9e37, 9.9e37]])
def test_a_table_without_voltages_has_no_segments(voltages):
    found = cut(voltages)
    assert len(found) == 0
    assert NO_SWEEP in found.flags
    assert len(found.dropped) == len(voltages)


@pytest.mark.parametrize("voltages", [[0.3], [0.1] * 7, [1.0, np.nextafter(1, 2), 1.0]])
def test_a_voltage_that_does_not_move_is_one_segment_and_no_sweep(voltages):
    found = cut(voltages)
    assert found.flags == (NO_SWEEP,)
    assert cut(voltages, v_start=0, v_end=1).flags == (NO_SWEEP, INCOMPLETE_SWEEP)
    assert [(s.type, s.direction, s.points) for s in found] == [
        ("unknown", "unknown", len(voltages))
    ]


def test_noise_about_one_voltage_is_no_sweep():
    found = cut(0.5 + np.random.default_rng(3).normal(0, 1e-4, 2000))
    assert NO_SWEEP in found.flags
    assert len(found) == 1


def test_overflow_is_dropped_as_such():
    found = cut([0.0, 0.1, 9.9e37, 0.3, -np.inf, 0.5])
    assert found.dropped == ((2, "overflow"), (4, "overflow"))
    assert found[0].points == 4


def test_a_sweep_that_was_to_stay_beyond_zero_is_no_error():
    """0, start, end, 0 with both on one side; and a sweep that is not to come back."""
    voltages, _ = way(0, 2, 0, step=0.1)
    assert cut(voltages, v_start=1, v_end=2, v_step=0.1).flags == ()
    one_way, _ = way(-1, 1, step=0.1)
    assert cut(one_way, v_start=-1, v_end=1, returns=False).flags == ()
    assert cut(one_way, v_start=-1, v_end=1).flags == (INCOMPLETE_SWEEP,)


def test_half_a_gate_loop_is_incomplete_though_it_came_back():
    voltages, _ = way(0, -1, 1, 0, step=0.1)
    gate = {"VG start": -1.0, "VG end": 1.0, "VG step": 0.1}
    assert cut(voltages, expected=sweep_parameters("VVg", gate)).flags == ()
    assert cut(voltages, expected=sweep_parameters("IVg", gate)).flags == (INCOMPLETE_SWEEP,)


# --- tables in, tables out -----------------------------------------------------------------------


def test_the_labels_stand_beside_the_columns_of_the_table():
    table = pl.DataFrame({"V": [0.0, 0.1, None, 0.2, 0.1, 0.0], "I (A)": [1, 2, 3, 4, 5, 6]})
    labelled = segments(table, column="V").label(table)
    assert labelled.select(table.columns).equals(table)
    added = labelled.drop(table.columns)
    assert added.schema == {
        "segment_id": pl.Int32,
        "segment_type": pl.String,
        "segment_direction": pl.String,
        "point_in_segment": pl.Int32,
        "dropped_reason": pl.String,
        "segment_v_start": pl.Float64,
        "segment_v_end": pl.Float64,
    }
    up = ("forward_positive", "increasing")
    down = ("return_positive", "decreasing")
    assert added.rows() == [
        (0, *up, 0, None, 0.0, 0.2),
        (0, *up, 1, None, 0.0, 0.2),
        (None, None, None, None, "no voltage", None, None),
        (0, *up, 2, None, 0.0, 0.2),
        (1, *down, 0, None, 0.1, 0.0),
        (1, *down, 1, None, 0.1, 0.0),
    ]
    assert segments(labelled, column="V").label(labelled).equals(labelled)


def test_an_empty_table_is_labelled_too():
    table = pl.DataFrame({"V": []}, schema={"V": pl.Float64})
    labelled = segments(table, column="V").label(table)
    assert labelled.height == 0
    assert labelled.schema["segment_id"] == pl.Int32


def test_segments_are_a_sequence_that_travels():
    found = cut([0.0, 0.1, 0.2, 0.1, 0.0])
    assert (len(found), found[-1].type, found[:1]) == (2, "return_positive", (found[0],))
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: segments({"V": [1.0]}, column="Vsd (V)"), "no column 'Vsd \\(V\\)'"),
        (lambda: segments({"V": ["a"]}, column="V"), "holds no numbers"),
        (lambda: segments({"V": [[1.0], [2.0]]}, column="V"), "2 dimensions"),
        (lambda: cut([1.0], method="best"), "no method 'best'"),
        (lambda: cut([1.0], min_points=3), "no setting 'min_points'"),
        (lambda: cut([1.0], hysteresis=-1), "hysteresis=-1 is below zero"),
        (lambda: cut([1.0], v_end=3), "v_start is missing"),
        (lambda: cut([1.0], expected={"v_start": 0, "v_end": 1, "to": 2}), "no 'to'"),
        (lambda: cut([1.0], expected=Expected(0, 1), v_step=1), "both given"),
        (lambda: cut([1.0]).label(pl.DataFrame({"V": [1.0, 2.0]})), "has 2 rows"),
    ],
)
def test_a_mistake_is_told_with_a_hint(call, message):
    with pytest.raises(treadle.UsageError, match=message) as caught:
        call()
    assert caught.value.hint


# --- what a sweep was to do ----------------------------------------------------------------------


def test_the_parameters_of_a_run_tell_what_it_was_to_do():
    gate = {"VDS": 0.1, "VG start": -5.0, "VG end": 5, "VG step": 0.05}
    assert sweep_parameters("IVg", gate) == Expected(-5.0, 5.0, 0.05, loop=True)
    assert sweep_parameters("VVg", gate) == Expected(-5.0, 5.0, 0.05, loop=False)
    drain = {"VG": 0.0, "VSD start": -1.0, "VSD end": 1.0}
    assert sweep_parameters("IV", drain) == Expected(-1.0, 1.0, None)


@pytest.mark.parametrize("start", [None, "-1 V", float("nan"), True])
def test_parameters_that_are_no_numbers_tell_nothing(start):
    assert sweep_parameters("IV", {"VSD start": start, "VSD end": 1.0}) is None
    assert sweep_parameters("It", {"VG": 1.0}) is None
