"""Plots of several chips, of files some of which are damaged, and of metrics of one's own."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import treadle
from treadle import lab
from treadle.lab import plotting
from treadle.lab.measuring import store
from treadle.lab.plotting.asked import Asked, drawn
from treadle.lab.plotting.batch_file import read
from treadle.lab.plotting.model import Axis, Curve, Plot
from treadle.lab.plotting.photoresponse import photoresponse
from treadle.lab.plotting.words import naming
from treadle.lab.roots import roots

START = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)


def stored(chips, **columns):
    """Return rows as the store has them, joined with the manifest: a run of each chip."""
    size = len(chips)
    usual = {
        "run_id": [f"run{number}" for number in range(size)],
        "metric": ["delta_current"] * size,
        "status": ["ok"] * size,
        "value": [1e-7] * size,
        "uncertainty": [1e-9] * size,
        "unit": ["A"] * size,
        "reason": [None] * size,
        "has_light": [True] * size,
        "wavelength_nm": [365.0] * size,
        "start_time_utc": [START + timedelta(hours=number) for number in range(size)],
        "chip_name": chips,
    }
    return pl.DataFrame({**usual, **columns})


@pytest.fixture
def copied(laboratory, tmp_path):
    """A laboratory whose files a test may change."""
    shutil.copytree(laboratory.out, tmp_path / "out")
    return roots(tmp_path / "out")


# ── several chips ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "draw",
    [
        lambda rows, by: plotting.metric_trend(rows, ["delta_current"], legend_by=by),
        lambda rows, by: photoresponse(rows, "time", legend_by=by),
    ],
    ids=["trend", "photoresponse"],
)
def test_values_of_several_chips_are_never_one_series(draw):
    several = stored(["Demo1", "Demo2", "Demo1"])
    assert [curve.label for curve in draw(several, None).curves] == ["Demo1", "Demo2"]
    assert [curve.label for curve in draw(stored(["Demo1"] * 2), None).curves] == [""]
    by_wavelength = draw(several, "wavelength")
    assert [curve.label for curve in by_wavelength.curves] == ["365 nm"]
    assert by_wavelength.notes == ("of 2 chips, which the legend does not tell: Demo1, Demo2",)
    assert draw(several, "chip,wavelength").notes == ()
    assert draw(several, None).title.startswith("2 chips")
    crowd = draw(stored([f"Demo{number}" for number in range(31)]), None)
    assert len(crowd.curves) == 1  # no legend has room for them: the title and a note say it
    assert crowd.title.startswith("31 chips")
    assert crowd.notes[0].startswith("of 31 chips, which the legend does not tell: Demo0, Demo1")


def test_what_is_of_one_chip_names_one_that_is_there(laboratory):
    with pytest.raises(treadle.UsageError, match="none is named") as raised:
        drawn(laboratory, Asked(kind="cnp"))
    chip = raised.value.hint.removeprefix("--chip=")
    assert drawn(laboratory, Asked(kind="cnp", chip=chip)).curves


# ── what is left out, and why ───────────────────────────────────────────────────────────────────


def test_a_damaged_file_is_left_out_and_the_others_are_drawn(copied):
    rows = lab.manifest(copied.stage, status="staged").filter(proc="It", chip_name="Alisson80")
    (copied.stage / rows["path"][0]).write_bytes(b"PAR1")
    plot = drawn(copied, Asked(kind="It", chip=80))
    assert len(plot.curves) == rows.height - 1
    lost = rows["run_id"][0]
    assert f"1 left out, as their files cannot be read: {lost}" in plot.notes
    with pytest.raises(treadle.UsageError, match="cannot be read"):
        drawn(copied, Asked(kind="It", runs=lost))


def test_only_runs_with_a_temperature_count_for_its_plot(copied, monkeypatch):
    monkeypatch.setattr("treadle.lab.plotting.catalog.MOST", 1)
    rows = lab.manifest(copied.stage, status="staged").filter(proc="It")
    warm, cold = rows["path"][:2]
    table = pl.DataFrame({"t (s)": [0.0, 1.0], "Plate T (degC)": [20.0, 21.0]})
    empty = pl.lit(None, pl.Float64).alias("Plate T (degC)")
    table.write_parquet(copied.stage / warm)
    table.with_columns(empty).write_parquet(copied.stage / cold)
    kept = plotting.load(copied.stage, [rows["run_id"][0]])
    assert kept[0].table.height == 2
    with pytest.raises(treadle.UsageError, match="runs fit, and a plot of It has room") as raised:
        drawn(copied, Asked(kind="It"))
    assert raised.value.hint.startswith("choose some: --chip=Alisson")
    there = plotting.staged.having(copied.stage, rows, plotting.kind_named("temperature"))
    assert rows["run_id"][0] in set(there["run_id"])
    assert rows["run_id"][1] not in set(there["run_id"])


def test_a_metric_without_a_value_says_why_and_a_trend_counts_those_without():
    mixed = stored(
        ["Demo1"] * 3,
        status=["ok", "undetermined", "not_applicable"],
        reason=[None, "too few points", "dark run"],
        value=[1.0, None, None],
    )
    plot = plotting.metric_trend(mixed, ["delta_current"])
    assert plot.notes == ("2 of 3 left out: 1 not applicable, 1 undetermined",)
    with pytest.raises(treadle.UsageError) as raised:
        plotting.metric_trend(mixed.tail(2), ["delta_current"])
    assert "1 not applicable (dark run), 1 undetermined (too few points)" in raised.value.message


def test_a_time_that_is_that_of_the_file_says_so():
    facts = {"start_time_utc": START, "local_tz": "UTC", "chip_name": "Demo1", "proc": "It"}
    first, second = (
        {**facts, "run_id": "0", "start_origin": "mtime"},
        {**facts, "run_id": "1", "start_origin": "metadata",
         "start_time_utc": START + timedelta(hours=1)},
    )  # fmt: skip
    assert naming([first, second])[1] == ["15:30:00 by its file", "16:30:00"]


# ── metrics of one's own ────────────────────────────────────────────────────────────────────────


def test_a_metric_of_the_store_is_drawn_by_its_name(copied, tmp_path):
    rows = store.read(copied.metrics)
    mine = rows.filter(pl.col("metric") == "cnp_voltage", pl.col("status") == "ok")
    own = mine.with_columns(metric=pl.lit("i_max"), extractor=pl.lit("mine"), unit=pl.lit("A"))
    store.write(copied.metrics, pl.concat([rows, own]))
    plot = drawn(copied, Asked(kind="i_max", chip=67))
    assert plot.y.quantity == "i_max"
    file = tmp_path / "figures.yml"
    file.write_text("plots: [{kind: i_max}]")
    assert read(file, copied)[0][0].kind == "i_max"
    with pytest.raises(treadle.UsageError, match="no plot called 'i_max'"):
        read(file)


# ── legends, files ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("style", ["paper", "poster"])
@pytest.mark.parametrize("length", [40, 90, 400])
def test_a_legend_is_not_wider_than_its_figure(style, length, tmp_path):
    import numpy as np

    x = np.array([0.0, 1.0])
    curves = tuple(Curve(x, x + n, f"{n} " + "wide M " * (length // 7), group=n) for n in range(8))
    plot = Plot("", Axis("Time", "s"), Axis("Current", "A"), curves)
    look = plotting.style_named(style)
    figure = plotting.figure(plot, style=look, width=3.0)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 <= box.x1 <= figure.bbox.width
    assert 0 <= box.y0 <= box.y1 <= figure.bbox.height
    plotting.save(figure, tmp_path / "closes.svg", style=look)  # the fonts that draw() has opened
    said = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    assert said == [curve.label.strip() for curve in curves]


def test_each_mistake_of_a_file_has_its_line_styles_too(tmp_path):
    file = tmp_path / "figures.yml"
    file.write_text("defaults: {style: nope}\nplots:\n  - {kind: IVg, style: worse}\n"
                    "  - {kind: It, style: gone.mplstyle, width: 0}\n")  # fmt: skip
    with pytest.raises(treadle.UsageError) as raised:
        read(file)
    lines = raised.value.message.splitlines()
    assert [line.removeprefix(f"{file}:")[0] for line in lines] == ["1", "3", "4", "4"]
    assert "there is no style 'worse'" in lines[1]
    assert "gone.mplstyle" in lines[2] + lines[3]


def test_the_case_of_a_kind_makes_no_second_file(tmp_path):
    file = tmp_path / "figures.yml"
    file.write_text("plots: [{kind: ivG}]")
    assert read(file)[0][0].name == "IVg"
    file.write_text("plots: [{kind: ivG, tag: A}, {kind: IVg, tag: a}]")
    with pytest.raises(treadle.UsageError, match="would be written over"):
        read(file)
