"""Which curves a measurement has, how they are labelled, and what a figure of them holds."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle import lab
from treadle.lab import plotting
from treadle.lab.plotting.words import naming
from treadle.lab.schema import default_schema
from treadle.lab.written import amount, scale

EXAMPLES = Path(__file__).parents[2] / "examples" / "measurements"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The examples, staged and segmented."""
    place = tmp_path_factory.mktemp("plotting") / "out"
    lab.pipeline(EXAMPLES, place, backend="inline", progress="none", local_tz="UTC")
    return place


@pytest.fixture(scope="module")
def load(out):
    """What reads runs by what the manifest says of them."""

    def read(*, segmented=True, **wanted):
        rows = lab.manifest(out / "stage", status="staged")
        found = rows.filter(**wanted).filter(pl.col("rows") > 10)["run_id"].to_list()
        segments = out / "segment" if segmented else None
        return plotting.load(out / "stage", found, segment_root=segments)

    return read


def made(procedure, columns, **facts):
    """Return a measurement that was never on a disk."""
    known = {"run_id": "0123456789abcdef", "proc": procedure, "chip_name": "Demo12", **facts}
    return plotting.Staged(known, pl.DataFrame(columns))


def labels(figure):
    axes = figure.axes[0]
    return axes.get_xlabel(), axes.get_ylabel()


def legend(figure):
    found = figure.legends or [figure.axes[0].get_legend()]
    return [text.get_text() for text in found[0].get_texts()] if found[0] else []


# ── kinds ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(default_schema().procedures))
def test_each_procedure_of_the_schema_has_a_kind_of_its_own(name):
    columns = default_schema().procedures[name].data
    run = made(name, {column: [0.0, 1.0, 2.0] for column in columns})
    first = run.kinds()[0]
    assert name in first.procedures
    assert len(plotting.plot_of([run], first).curves) == len(first.y)


def test_a_procedure_nobody_knows_is_drawn_by_its_first_two_columns_of_numbers():
    table = {"who": ["me", "me"], "x (V)": [0.0, 1.0], "y (A)": [1e-9, 2e-9], "z": [0.0, 0.0]}
    kind, *others = made("Mine", table).kinds()
    assert (kind.x, kind.y, others) == ("x (V)", ("y (A)",), [])
    plot = plotting.plot_of([made("Mine", table)], kind)
    assert (plot.x.label, plot.y.label) == ("x (V)", "y (nA)")


def test_columns_without_a_number_count_as_missing():
    run = made("It", {"t (s)": [0.0, 1.0], "I (A)": [None, float("nan")]})
    assert run.kinds() == []
    with pytest.raises(treadle.UsageError, match="nothing to draw"):
        plotting.plot_of([run], plotting.kind_named("It"))


def test_a_run_with_a_thermometer_has_its_temperature_too():
    run = made("It", {"t (s)": [0.0, 1.0], "I (A)": [1.0, 2.0], "Plate T (degC)": [25.0, 26.0]})
    assert [kind.name for kind in run.kinds()] == ["It", "It-sequential", "It-fit", "temperature"]
    assert plotting.plot_of([run], run.kinds()[-1]).y.label == "Temperature (°C)"


def test_an_unknown_kind_names_those_there_are():
    assert plotting.kind_named("ivg").name == "IVg"
    with pytest.raises(treadle.UsageError, match="no plot called 'IVh'") as raised:
        plotting.kind_named("IVh")
    assert "calibration" in raised.value.hint


# ── numbers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("largest", "unit", "factor", "shown"),
    [
        (2.5e-5, "A", 1e6, "µA"), (9.996e-7, "A", 1e6, "µA"), (3e-13, "A", 1e15, "fA"),
        (0.1, "V", 1e3, "mV"), (20.0, "V", 1.0, "V"), (7200.0, "s", 1.0, "s"),
        (0.0, "A", 1.0, "A"), (455.0, "nm", 1.0, "nm"), (1e-30, "A", 1e15, "fA"),
    ],
)  # fmt: skip
def test_units_get_the_prefix_with_which_numbers_can_be_read(largest, unit, factor, shown):
    found = scale(largest, unit)
    assert (found.factor, found.unit) == (pytest.approx(factor), shown)


def test_a_value_is_written_with_its_unit():
    assert amount(-0.1, "V") == "\N{MINUS SIGN}100 mV"
    assert amount(0.0, "V") == "0 V"


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-1, 1)), min_size=1, max_size=400),
    st.integers(1, 40),
)
def test_thinning_keeps_the_extremes_and_the_ends_and_adds_nothing(points, columns):
    x, y = np.array(points).T
    few_x, few_y = plotting.thinned(x, y, columns)
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())
    assert (few_x.min(), few_x.max()) == (x.min(), x.max()) or len(x) > 4 * columns
    assert (few_x[0], few_y[0], few_x[-1], few_y[-1]) == (x[0], y[0], x[-1], y[-1])
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))


def test_thinning_leaves_no_more_points_than_can_be_seen_and_every_spike():
    x = np.arange(100_000.0)
    y = np.zeros(100_000)
    y[[777, 50_001, 99_998]] = 1.0, -1.0, 2.0
    y[5] = np.nan
    few_x, few_y = plotting.thinned(x, y, 100)
    assert len(few_x) <= 400
    assert {777.0, 50_001.0, 99_998.0} <= set(few_x)
    assert np.isfinite(few_y).all()


def test_a_sweep_there_and_back_keeps_both_ways():
    there = np.linspace(0, 1, 5000)
    x = np.concatenate((there, there[::-1]))
    y = np.concatenate((np.zeros(5000), np.ones(5000)))
    few_x, few_y = plotting.thinned(x, y, 50)
    assert len(few_x) <= 400
    assert (few_x[few_y == 1].min(), few_x[few_y == 0].max()) == pytest.approx((0, 1), abs=0.02)


# ── words ───────────────────────────────────────────────────────────────────────────────────


def facts(**given):
    start = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
    base = {"run_id": "a", "proc": "It", "chip_name": "Demo12", "start_time_utc": start}
    return {**base, "vg_fixed_v": 0.5, "has_light": True, "wavelength_nm": 455.0, **given}


def test_what_runs_share_is_the_title_and_what_they_do_not_tells_them_apart():
    title, names = naming([facts(), facts(run_id="b", vg_fixed_v=-1.5, has_light=False)])
    assert title == "Demo12 · It · 2026-01-02 · 15:30:00"
    assert names == ["Vg = 500 mV · 455 nm", "Vg = \N{MINUS SIGN}1.5 V · dark"]


def test_runs_that_differ_in_nothing_are_told_apart_by_their_ids():
    _, names = naming([facts(), facts(run_id="b")])
    assert names == ["a", "b"]


def test_a_start_is_told_by_the_clock_of_the_laboratory():
    title, _ = naming([facts(local_tz="America/Santiago")])
    assert "2026-01-02 · 12:30:00" in title


# ── plots ───────────────────────────────────────────────────────────────────────────────────


def test_a_segmented_sweep_has_a_curve_for_each_branch(load):
    run = load(proc="IV", source_file="Alisson_04_sept/IV2025-09-04_1.csv")[0]
    plot = plotting.plot_of([run], run.kinds()[0])
    assert [curve.label[0] for curve in plot.curves] == ["0", "1", "2", "3"]
    assert [curve.back for curve in plot.curves] == [False, True, False, True]
    assert plot.curves[0].label == "0: 0 to \N{MINUS SIGN}100 mV"
    # each begins where the one before ended
    assert [curve.x[0] for curve in plot.curves[1:]] == [curve.x[-1] for curve in plot.curves[:-1]]
    assert np.nanmin(plot.curves[0].x) == pytest.approx(-100)


def test_without_segments_the_same_sweep_is_one_curve(load):
    run = load(segmented=False, proc="IV", source_file="Alisson_04_sept/IV2025-09-04_1.csv")[0]
    assert [len(curve.x) for curve in plotting.plot_of([run], run.kinds()[0]).curves] == [44]


def test_the_time_of_light_is_told(load):
    runs = load(proc="It", chip_name="Alisson67")
    ((on, off),) = plotting.plot_of(runs, runs[0].kinds()[0]).lit
    assert on == pytest.approx(60, abs=1)
    assert off == pytest.approx(120, abs=1)


def test_light_that_was_on_at_different_times_is_not_shaded_but_noted():
    runs = [
        made(
            "It", {"t (s)": [0.0, 1.0, 2.0, 3.0], "I (A)": [1.0] * 4, "VL (V)": laser}, run_id=name
        )
        for name, laser in (("a", [0.0, 3.0, 3.0, 0.0]), ("b", [0.0, 0.0, 3.0, 0.0]))
    ]
    plot = plotting.plot_of(runs, plotting.kind_named("It"))
    assert plot.lit == ()
    assert "light is not shaded" in plot.notes[0]


def test_runs_that_cannot_be_drawn_are_left_out_with_a_note(load):
    runs = [*load(proc="It"), *load(proc="LaserCalibration")]
    plot = plotting.plot_of(runs, plotting.kind_named("It"))
    assert len(plot.curves) == len(runs) - 3
    assert plot.notes == ("3 left out: without these columns",)


def test_a_trend_has_a_point_for_each_run_with_a_value(out):
    rows = lab.manifest(out / "stage", status="staged")
    plot = plotting.trend(rows, "vds_v")
    (curve,) = plot.curves
    assert len(curve.x) == rows["vds_v"].count()
    assert (plot.points, plot.x.is_time, plot.y.label) == (True, True, "vds (mV)")
    with pytest.raises(treadle.UsageError, match="no column of numbers 'proc'"):
        plotting.trend(rows, "proc")
    with pytest.raises(treadle.UsageError, match="no measurement has a value"):
        plotting.trend(rows.filter(proc="LaserCalibration"), "vds_v")


def test_a_run_that_is_not_there_is_named(out):
    with pytest.raises(treadle.UsageError, match="no measurement 'nobody'"):
        plotting.load(out / "stage", ["nobody"])


def test_segments_of_another_state_of_the_file_are_not_used(out, tmp_path, load):
    run = load(proc="IV")[0]
    stale = tmp_path / "segment" / run.facts["path"]
    stale.parent.mkdir(parents=True)
    run.table.head(5).write_parquet(stale)
    read = plotting.load(out / "stage", [run.run_id], segment_root=tmp_path / "segment")[0]
    assert read.table.height == run.facts["rows"]
    assert not read.is_segmented


# ── figures ─────────────────────────────────────────────────────────────────────────────────


def test_a_figure_has_axes_with_units_a_title_and_shaded_light(load):
    figure = plotting.figure(load(proc="It", chip_name="Alisson67"))
    axes = figure.axes[0]
    assert labels(figure) == ("Time (s)", "Current (µA)")
    assert axes.get_title(loc="left").startswith("Alisson67 · It · 2025-10-14")
    assert len(axes.lines) == 1
    assert legend(figure) == ["laser on"]


def test_runs_over_each_other_differ_in_lightness_and_style(load):
    runs = load(proc="IVg", segmented=False)
    figure = plotting.figure(runs)
    lines = figure.axes[0].lines
    assert len(lines) == len(runs) == len(legend(figure))
    brightness = [
        0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in (x.get_color() for x in lines)
    ]
    assert brightness == sorted(set(brightness))
    assert len({line.get_linestyle() for line in lines}) > 1


def test_a_dollar_in_a_name_is_no_mathematics(tmp_path):
    run = made("It", {"t (s)": [0.0, 1.0], "I (A)": [1.0, 2.0]}, chip_name="A$_{$b")
    path = plotting.save(plotting.figure([run]), tmp_path / "a.png")
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_a_figure_is_saved_in_the_format_of_its_suffix_and_the_same_each_time(
    load, tmp_path, suffix, begins
):
    runs = load(proc="LaserCalibration")
    paths = [
        plotting.save(plotting.figure(runs), tmp_path / folder / f"c.{suffix}") for folder in "ab"
    ]
    contents = [path.read_bytes() for path in paths]
    assert contents[0].startswith(begins)
    assert contents[0] == contents[1]
    assert os.listdir(paths[0].parent) == [f"c.{suffix}"]


def test_a_figure_that_cannot_be_saved_says_why(load, tmp_path):
    figure = plotting.figure(load(proc="LaserCalibration"))
    with pytest.raises(treadle.UsageError, match=r"cannot be saved as 'a\.bmp'"):
        plotting.save(figure, tmp_path / "a.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(treadle.UsageError, match="cannot be written"):
        plotting.save(figure, tmp_path / "file" / "a.png")


def test_nothing_to_draw_is_said():
    with pytest.raises(treadle.UsageError, match="nothing to draw"):
        plotting.figure([])
    with pytest.raises(treadle.UsageError, match="no two columns"):
        plotting.figure([made("It", {"t (s)": [0.0]})])


ALONE = """
import sys
sys.modules["matplotlib"] = None
from treadle.lab import plotting
import treadle, polars as pl
run = plotting.Staged({"run_id": "a", "proc": "It"}, pl.DataFrame({"t (s)": [0.0], "I (A)": [1.0]}))
print(plotting.plot_of([run], run.kinds()[0]).y.label)
try:
    plotting.figure([run])
except treadle.MissingExtra as error:
    print(error.hint)
"""


def test_without_matplotlib_there_are_plots_for_a_terminal_and_figures_say_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=40, check=True
    )
    assert done.stdout.splitlines() == ["Current (A)", "pip install 'treadle[lab]'"]
