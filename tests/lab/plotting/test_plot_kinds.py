"""What each kind of plot shows, on real samples and on curves whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import treadle
from treadle.lab import histories, plotting
from treadle.lab.plotting.asked import Asked, drawn
from treadle.lab.plotting.catalog import entries, with_power
from treadle.lab.plotting.choosing import chosen
from treadle.lab.plotting.photoresponse import photoresponse

START = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)


def made(procedure, columns, **facts):
    known = {"run_id": "0123456789abcdef", "proc": procedure, "chip_name": "Demo12", **facts}
    return plotting.Staged(known, pl.DataFrame(columns))


def legend(figure):
    found = figure.legends or [figure.axes[0].get_legend()]
    return [text.get_text() for text in found[0].get_texts()] if found[0] else []


def stored(**columns):
    """Return rows as the store has them, joined with the manifest."""
    size = len(columns["value"])
    usual = {
        "run_id": [f"run{number}" for number in range(size)],
        "metric": ["cnp_voltage"] * size,
        "status": ["ok"] * size,
        "uncertainty": [0.01] * size,
        "unit": ["V"] * size,
        "start_time_utc": [START + timedelta(hours=number) for number in range(size)],
        "chip_name": ["Demo12"] * size,
        "local_tz": ["America/Santiago"] * size,
    }
    return pl.DataFrame({**usual, **columns})


# ── every one of them, on real samples ──────────────────────────────────────────────────────────

REAL = {
    "IVg": ("67", ("Gate voltage (V)", "Current (µA)"), 3),
    "transconductance": ("67", ("Gate voltage (V)", "Transconductance (µS)"), 6),
    "IV": ("79", ("Drain-source voltage (mV)", "Current (µA)"), 4),
    "It": ("80", ("Time (s)", "Current (µA)"), 3),
    "It-sequential": ("80", ("Time", "Current (µA)"), 3),
    "It-fit": ("75", ("Time (s)", "Current (µA)"), 2),
    "calibration": (None, ("Laser voltage (V)", "Optical power (µW)"), 2),
    "cnp": ("67", ("Start", "Charge neutrality point (mV)"), 3),
    "mobility": ("67", ("Start", "Field-effect mobility (cm²/(V·s))"), 2),
    "photoresponse-power": ("80", ("Optical power (µW)", "Photocurrent ΔI (µA)"), 2),
    "photoresponse-wavelength": ("80", ("Wavelength (nm)", "Photocurrent ΔI (µA)"), 3),
    "photoresponse-gate": ("80", ("Gate voltage (V)", "Photocurrent ΔI (µA)"), 3),
    "photoresponse-time": ("80", ("Start", "Photocurrent ΔI (µA)"), 2),
    "hysteresis": ("79", ("Drain-source voltage (mV)", "Hysteresis ΔI (nA)"), 1),
    "delta_current": (None, ("Start", "Photocurrent ΔI (µA)"), 3),
}


@pytest.mark.parametrize("kind", REAL)
def test_each_kind_has_its_curves_and_axes_with_units(laboratory, kind):
    chip, labels, curves = REAL[kind]
    plot = drawn(laboratory, Asked(kind=kind, chip=chip))
    assert len(plot.curves) == curves
    figure = plotting.figure(plot)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == labels
    assert all(np.isfinite(curve.y).any() for curve in plot.curves)
    said = [curve.label for curve in plot.curves if curve.label]
    assert legend(figure)[: len(said)] == said


def test_metrics_have_error_bars_and_lines_have_none(laboratory):
    from matplotlib.container import ErrorbarContainer

    for kind, bars in (("cnp", 3), ("mobility", 2), ("IVg", 0)):
        figure = plotting.figure(drawn(laboratory, Asked(kind=kind, chip=67)))
        found = figure.axes[0].containers
        assert sum(isinstance(each, ErrorbarContainer) for each in found) == bars


def test_the_samples_cover_every_kind_that_they_have_runs_of(laboratory):
    procedures = {"IVg", "IV", "It", "LaserCalibration"}
    drawable = {each.name for each in entries() if procedures & set(each.procedures)}
    assert drawable <= REAL.keys()


# ── transconductance ────────────────────────────────────────────────────────────────────────────


def test_the_slope_of_a_known_parabola_there_and_back():
    there = np.linspace(-2, 2, 81)
    gate = np.concatenate((there, there[::-1][1:]))
    run = made("IVg", {"Vg (V)": gate, "I (A)": 1e-6 * gate**2})
    plot = plotting.plot_of([run], plotting.kind_named("transconductance"))
    assert plot.y.label == "Transconductance (µS)"
    assert [curve.label for curve in plot.curves] == ["forward", "backward"]
    assert [curve.back for curve in plot.curves] == [False, True]
    for curve in plot.curves:
        assert curve.y == pytest.approx(2 * curve.x, abs=1e-6)


def test_a_sweep_that_has_no_leg_is_left_out_by_name():
    good = made("IVg", {"Vg (V)": np.linspace(-1, 1, 21), "I (A)": np.linspace(0, 1e-6, 21)})
    bad = made("IVg", {"Vg (V)": [0.0, 0.0, 0.0], "I (A)": [1e-6, 1e-6, 1e-6]}, run_id="bad")
    kind = plotting.kind_named("transconductance")
    plot = plotting.plot_of([good, bad], kind)
    assert len(plot.curves) == 1
    assert plot.notes[0].startswith("bad left out: ")
    with pytest.raises(treadle.UsageError, match="bad left out"):
        plotting.plot_of([bad], kind)


# ── relaxation ──────────────────────────────────────────────────────────────────────────────────


def relaxing(tau, beta):
    time = np.linspace(0, 300, 3000)
    laser = np.where((time >= 60) & (time < 120), 3.0, 0.0)
    after = np.clip(time - 120, 0, None)
    current = 1e-6 + 4e-7 * np.where(time >= 120, np.exp(-((after / tau) ** beta)), laser / 3)
    noise = np.random.default_rng(1).normal(0, 1e-9, time.size)
    return made("It", {"t (s)": time, "I (A)": current + noise, "VL (V)": laser}, has_light=True)


def test_a_fit_lies_on_the_data_and_tells_tau_and_beta():
    plot = plotting.plot_of([relaxing(20.0, 0.7)], plotting.kind_named("It-fit"))
    data, fit = plot.curves
    assert (data.is_fit, fit.is_fit) == (False, True)
    assert fit.label.startswith("fit: τ = 20.")
    assert " s, β = 0.70" in fit.label
    assert fit.label.count("±") == 2
    assert fit.x[0] == pytest.approx(120, abs=1)
    on_data = np.interp(fit.x[5:], data.x, data.y)
    assert fit.y[5:] == pytest.approx(on_data, abs=0.02)  # µA
    assert plot.notes == ()


def test_data_that_tell_no_time_have_the_best_curve_which_says_so(laboratory):
    plot = drawn(laboratory, Asked(kind="It-fit", chip=75))
    assert plot.curves[1].label == "best curve, no τ"
    assert " has no τ: " in plot.notes[0]


def test_a_run_too_short_to_fit_is_drawn_without_a_fit():
    run = made("It", {"t (s)": [0.0, 1.0, 2.0], "I (A)": [1e-6, 2e-6, 1e-6]})
    plot = plotting.plot_of([run], plotting.kind_named("It-fit"))
    assert [curve.is_fit for curve in plot.curves] == [False]
    assert "has no fit" in plot.notes[0]


# ── one after the other ─────────────────────────────────────────────────────────────────────────


def timed(name, minutes):
    columns = {"t (s)": [0.0, 30.0, 60.0], "I (A)": [1e-6] * 3, "VL (V)": [0.0, 3.0, 0.0]}
    return made("It", columns, run_id=name, start_time_utc=START + timedelta(minutes=minutes),
                local_tz="America/Santiago")  # fmt: skip


def test_runs_stand_one_after_the_other_on_the_clock_with_all_their_light():
    kind = plotting.kind_named("It-sequential")
    plot = plotting.plot_of([timed("a", 0), timed("b", 2)], kind)
    first, second = plot.curves
    assert plot.x.is_time
    assert second.x[0] - first.x[0] == 120
    noon = datetime.fromtimestamp(first.x[0], UTC)
    assert (noon.hour, noon.minute) == (12, 30)  # 15:30 UTC is 12:30 in Santiago
    assert len(plot.lit) == 2
    assert plot.notes == ()


def test_runs_that_are_days_apart_are_noted_and_those_without_a_start_left_out():
    kind = plotting.kind_named("It-sequential")
    lost = timed("c", 0)
    lost = replace(lost, facts={**lost.facts, "start_time_utc": None})
    plot = plotting.plot_of([timed("a", 0), timed("b", 5000), lost], kind)
    assert len(plot.curves) == 2
    assert any("far apart" in note for note in plot.notes)
    assert any("without a start" in note for note in plot.notes)


# ── trends and photoresponse ────────────────────────────────────────────────────────────────────


def test_a_metric_over_time_has_its_uncertainties_as_bars_and_a_prefix_for_both():
    rows = stored(value=[0.010, 0.020, 0.030], uncertainty=[0.001, None, 0.003])
    plot = plotting.metric_trend(rows, ["cnp_voltage"])
    (curve,) = plot.curves
    assert plot.y.label == "Charge neutrality point (mV)"
    assert curve.y == pytest.approx([10, 20, 30])
    assert curve.error[[0, 2]] == pytest.approx([1, 3])
    assert np.isnan(curve.error[1])


def test_light_and_dark_have_curves_of_their_own():
    rows = stored(value=[1.0, 2.0, 3.0], has_light=[True, False, True])
    plot = plotting.metric_trend(rows, ["cnp_voltage"])
    assert {curve.label: len(curve.x) for curve in plot.curves} == {"dark": 1, "light": 2}


def test_what_has_no_value_is_not_drawn():
    rows = stored(value=[1.0, None, float("nan")], status=["ok", "undetermined", "ok"])
    assert len(plotting.metric_trend(rows, ["cnp_voltage"]).curves[0].x) == 1
    with pytest.raises(treadle.UsageError, match="no measurement has a value of tau_dark"):
        plotting.metric_trend(rows, ["tau_dark"])


def test_a_photoresponse_over_power_has_a_curve_for_each_wavelength_in_order_of_power():
    rows = stored(
        value=[3e-6, 1e-6, 2e-6, 5e-6],
        metric=["delta_current"] * 4,
        unit=["A"] * 4,
        uncertainty=[1e-8] * 4,
        has_light=[True] * 4,
        wavelength_nm=[455.0, 455.0, 365.0, 365.0],
        vg_fixed_v=[0.0] * 4,
        irradiated_power_w=[3e-6, 1e-6, 2e-6, None],
        power_clamped=[True, False, False, None],
    )
    plot = photoresponse(rows, "power")
    assert plot.x.label == "Optical power (µW)"
    assert {curve.label: list(np.round(curve.x, 6)) for curve in plot.curves} == {
        "365 nm": [2.0],
        "455 nm": [1.0, 3.0],
    }
    assert plot.notes[0] == "1 left out: without a calibration of the laser"
    assert plot.notes[1].startswith("1 at a laser voltage")
    by_gate = photoresponse(rows, "power", legend_by="gate")
    assert [curve.label for curve in by_gate.curves] == ["Vg = 0 V"]


def test_power_is_that_of_the_calibration(laboratory):
    from treadle import lab

    rows = histories.numbered(lab.manifest(laboratory.stage, status="staged"))
    found = with_power(laboratory, rows).filter(pl.col("irradiated_power_w").is_not_null())
    plot = drawn(laboratory, Asked(kind="photoresponse-power"))
    powers = sorted(float(x) for curve in plot.curves for x in curve.x)
    assert powers == pytest.approx(sorted(found["irradiated_power_w"] * 1e6))


# ── which runs ──────────────────────────────────────────────────────────────────────────────────


def test_runs_are_numbered_as_in_the_history_of_the_chip(laboratory):
    from treadle import lab

    rows = histories.numbered(lab.manifest(laboratory.stage, status="staged"))
    for chip in ("Alisson67", "Alisson80"):
        told = histories.history(laboratory, chip)
        mine = rows.filter(chip_name=chip)
        assert mine["run_id"].to_list() == told["run_id"].to_list()
        assert mine["seq"].to_list() == told["seq"].to_list()


def test_runs_are_meant_by_number_by_range_and_by_id(laboratory):
    from treadle import lab

    rows = histories.numbered(lab.manifest(laboratory.stage, status="staged"))
    of_80 = rows.filter(chip_name="Alisson80")["run_id"].to_list()
    it_67 = rows.filter(chip_name="Alisson67", proc="It")["run_id"][0]
    found = chosen(rows, chip=80, runs=f"1, 3,{it_67[:8]}", usual=("It",))
    assert set(found.rows["run_id"]) == {of_80[0], of_80[2], it_67}
    assert chosen(rows, chip=80, runs="2-3").rows["run_id"].to_list() == of_80[1:]
    mixed = chosen(rows, chip=67, runs="1-4", usual=("IVg",))
    assert (mixed.rows.height, mixed.left_out) == (3, 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"chip": 67, "runs": "9"}, "no run '9': the history of Alisson67 has the runs 1 to 4"),
        ({"chip": 67, "runs": "3-2"}, "the runs '3-2' run backwards"),
        ({"chip": 67, "runs": "0"}, "no run '0'"),
        ({"runs": "4"}, "no chip is named"),
        ({"runs": "x"}, "'x' means no run"),
        ({"runs": "fffffffff"}, "there is no run 'fffffffff'"),
        ({"chip": 66}, "there is no chip '66'"),
        ({"chip": 67, "procedures": ("Vt",)}, "there is no run of Vt of chip 67"),
    ],
)
def test_runs_that_are_not_there_are_named(laboratory, asked, said):
    from treadle import lab

    rows = histories.numbered(lab.manifest(laboratory.stage, status="staged"))
    with pytest.raises(treadle.UsageError, match=said):
        chosen(rows, **asked)


def test_what_cannot_be_drawn_says_what_to_do(laboratory):
    with pytest.raises(treadle.UsageError, match="no plot called 'IVq'") as raised:
        drawn(laboratory, Asked(kind="IVq"))
    assert raised.value.hint == "did you mean IV?"
    with pytest.raises(treadle.UsageError, match="is of one chip, and none is named"):
        drawn(laboratory, Asked(kind="cnp"))
    bare = replace(laboratory, metrics=None, iv=None)
    for kind in ("cnp", "photoresponse-power", "hysteresis"):
        with pytest.raises(treadle.UsageError) as raised:
            drawn(bare, Asked(kind=kind, runs="", chip=79 if kind == "hysteresis" else 67))
        assert "treadle lab" in raised.value.hint


# ── legends ─────────────────────────────────────────────────────────────────────────────────────


def test_a_legend_by_something_gives_runs_that_agree_one_colour_and_one_entry(laboratory):
    plot = drawn(laboratory, Asked(kind="It", chip=80, legend_by="wavelength"))
    assert [curve.label for curve in plot.curves] == ["385 nm", "405 nm", ""]
    assert [curve.group for curve in plot.curves] == [0, 1, 0]
    seq = drawn(laboratory, Asked(kind="It", chip=80, legend_by="seq,gate"))
    assert seq.curves[0].label == "#1 · Vg = \N{MINUS SIGN}600 mV"
    power = drawn(laboratory, Asked(kind="It", chip=80, legend_by="power"))
    assert power.curves[0].label.startswith("P = ")
    with pytest.raises(treadle.UsageError, match="a legend cannot be by 'colour'"):
        drawn(laboratory, Asked(kind="It", chip=80, legend_by="colour"))
