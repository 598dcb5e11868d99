"""The IV sweeps of a stage root become tables that are right whatever came before."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import treadle
from treadle import lab
from treadle.lab.analysing import iv, read_iv
from treadle.lab.analysing.files import write_csv
from treadle.lab.analysing.one import AnalyseOne
from treadle.lab.analysing.tables import PARTS, TABLES
from treadle.lab.lock import only_one
from treadle.lab.places import MANIFEST, PART

sys.path.insert(0, str(Path(__file__).parents[1]))
from rawtree import HEADERS, INLINE, NEW_YEAR, SAMPLES, raw_file, tree, unfinished

DAY = 86400.0
UP = np.arange(1, 11) / 10


def loop(v_max=1.0):
    """Return the voltages of a sweep there and back, on both sides."""
    out = UP * v_max
    return np.concatenate([[0.0], -out, -out[-2::-1], [0.0], out, out[-2::-1]])


def sweep(path, *, chip=1, start=NEW_YEAR, v_max=1.0, current=None, rows=None, extra=""):
    """Write a raw IV sweep; its current is 1 µA/V unless it is given."""
    volts = loop(v_max)[:rows]
    amperes = 1e-6 * volts if current is None else np.broadcast_to(current(volts), volts.shape)
    lines = [f"{v!r},{i!r}" for v, i in zip(volts.tolist(), amperes.tolist(), strict=True)]
    head = HEADERS["IV"].format(chip=chip, start=start)
    head = head.replace("-0.2", str(-v_max)).replace("0.2 V", f"{v_max} V")
    if chip is None:
        head = "".join(line for line in head.splitlines(keepends=True) if "Chip" not in line)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head.replace("#Metadata", extra + "#Metadata") + "\r\n".join([*lines, ""]))


def five(root):
    """Write two chips; the first on two days, the first of them over two ranges, one twice."""
    sweep(root / "IV_1.csv")
    sweep(root / "IV_2.csv", start=NEW_YEAR + 100, current=lambda v: 3e-6 * v)
    sweep(root / "IV_3.csv", start=NEW_YEAR + 200, v_max=2.0)
    sweep(root / "IV_4.csv", start=NEW_YEAR + DAY)
    sweep(root / "IV_5.csv", start=NEW_YEAR + 300, chip=2, current=lambda v: 5e-6 * v)
    return root


@pytest.fixture
def raw(tmp_path):
    return five(tmp_path / "raw")


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """The five, staged and segmented; not to be changed."""
    folder = tmp_path_factory.mktemp("five")
    return again(five(folder / "raw"), folder / "out")


@pytest.fixture
def out(segmented, tmp_path):
    """A copy of that."""
    return shutil.copytree(segmented, tmp_path / "out")


@pytest.fixture
def living(raw, tmp_path):
    """The five, with raw files that may change."""
    return again(raw, tmp_path / "out")


def again(raw, out):
    """Stage and segment."""
    lab.stage(raw, out / "stage", local_tz="UTC", prune=True, **INLINE)
    lab.segment(out / "stage", out / "segment", **INLINE)
    return out


def analyse(out, **options):
    return iv(out / "stage", out / "segment", out / "iv", **{**INLINE, **options})


def counts(report):
    return report.new, report.changed, report.unchanged, report.failed, report.rejected


def groups(out):
    return read_iv(out).select("chip_name", pl.col("date_local").dt.day(), "v_max_group", "n_runs")


# --- what comes out ------------------------------------------------------------------------------


def test_runs_are_averaged_by_chip_day_and_range(out):
    report = analyse(out)
    assert (report.runs, report.groups, counts(report)) == (5, 4, (4, 0, 0, 0, 0))
    assert groups(out).rows() == [
        ("Demo1", 1, 1.0, 2), ("Demo1", 1, 2.0, 1), ("Demo1", 2, 1.0, 1), ("Demo2", 1, 1.0, 1),
    ]  # fmt: skip
    found = read_iv(out)
    assert found["resistance"].to_list() == pytest.approx([1 / 2e-6, 1e6, 1e6, 1 / 5e-6])
    assert found["intercept"].to_list() == pytest.approx([0.0] * 4, abs=1e-15)
    assert set(found["status"]) == {"analysed"}
    assert found["reasons"].list.len().sum() == 0
    assert found["flags"].to_list() == [["RUNS_DIFFER"], [], [], []]
    assert found["slope_std"].to_list() == [pytest.approx(2**0.5 * 1e-6), None, None, None]
    error = found["resistance_error"].to_list()
    assert error == pytest.approx([1e-6 / 2e-6**2, 0, 0, 0], abs=1e-3), "of the mean of 1 and 3 µS"
    means = read_iv(out, "statistics").filter(v_max_group=1.0, chip_name="Demo1", branch="return")
    first = means.filter(pl.col("date_local").dt.day() == 1)
    assert first["voltage"].to_list() == pytest.approx([*-UP[-2::-1], *UP[:-1]])
    assert set(first["n"]) == {2}
    assert first["mean"].to_list() == pytest.approx((2e-6 * first["voltage"]).to_list())
    std = 2**0.5 * 1e-6 * first["voltage"].abs()
    assert first["std"].to_list() == pytest.approx(std.to_list())


def test_fits_are_there_for_each_run_strategy_and_order(out):
    analyse(out)
    fits = read_iv(out, "fits")
    assert fits.height == 5 * 7 * 4, "two return segments, and five further strategies"
    whole = fits.filter(pl.col("reason").is_null())
    slopes = {"IV_1": 1e-6, "IV_2": 3e-6, "IV_3": 1e-6, "IV_4": 1e-6, "IV_5": 5e-6}
    runs = read_iv(out, "runs").select("run_id", pl.col("source_file").str.strip_suffix(".csv"))
    for row in whole.join(runs, on="run_id").iter_rows(named=True):
        slope = slopes[row["source_file"]]
        assert row["a1"] == pytest.approx(slope), row
        if row["order"] > 1:
            assert row["a3"] == pytest.approx(0, abs=1e-6 * slope), row
        else:
            assert row["a3"] is row["a3_error"] is None
        assert row["r_squared"] == pytest.approx(1)
    absent = fits.filter(pl.col("reason").is_not_null())
    assert set(absent["strategy"]) == {"near_zero"}
    assert set(absent["reason"]) == {"too few points for the order"}
    assert absent["a1"].is_null().all()


def test_higher_orders_have_columns_of_their_own(out):
    analyse(out, poly_orders=(9, 1))
    fits = read_iv(out, "fits").filter(strategy="all", order=9)
    assert fits["a9"].to_list() == pytest.approx([0.0] * 5, abs=1e-10)
    assert set(read_iv(out, "polynomials")["order"]) == {1, 9}
    assert set(read_iv(out, "peaks")["method"]) == {"raw", "aligned", "poly1", "poly9"}
    assert analyse(out).changed == 4
    assert "a9" not in read_iv(out, "fits").columns


def test_curves_with_hysteresis_have_their_peak_where_it_is(tmp_path):
    def opened(volts):
        size = np.abs(volts)
        outward = np.diff(size, prepend=0.0) >= 0
        return 1e-6 * volts + np.where(outward, 2e-8 * size * (1 - size), 0)

    sweep(tmp_path / "raw" / "IV_1.csv", current=opened)
    out = again(tmp_path / "raw", tmp_path / "out")
    analyse(out)
    peak = read_iv(out, "peaks").filter(method="poly1")
    assert peak["i_max"].item() == pytest.approx(5e-9, rel=0.01)
    assert abs(peak["v_at_max"].item()) == pytest.approx(0.5)
    assert read_iv(out, "hysteresis").filter(method="raw")["sigma"].is_null().all()


def test_the_tables_have_these_columns_for_those_who_read_them(out):
    analyse(out)
    assert read_iv(out, "fits").columns == [
        "proc", "chip_name", "date_local", "v_max_group", "run_id", "segment_id", "strategy",
        "order", "r_squared", "rmse", "mae", "n_points", "a1", "a3", "a5", "a7", "a1_error",
        "a3_error", "a5_error", "a7_error", "reason",
    ]  # fmt: skip
    for table in TABLES:
        head = read_iv(out, table).columns[:4]
        assert head == ["proc", "chip_name", "date_local", "v_max_group"]


# --- what cannot be analysed says so -------------------------------------------------------------


def test_an_aborted_sweep_is_analysed_as_far_as_it_goes(tmp_path):
    sweep(tmp_path / "raw" / "IV_1.csv", rows=8)
    out = again(tmp_path / "raw", tmp_path / "out")
    report = analyse(out)
    assert (report.partly, report.reasons) == (1, {"no return segment": 1})
    group = read_iv(out).row(0, named=True)
    assert (group["v_max_group"], group["n_incomplete"], group["status"]) == (0.7, 1, "partly")
    assert group["reasons"] == ["no return segment"]
    assert (group["slope"], group["resistance"]) == (None, None)
    assert set(read_iv(out, "statistics")["branch"]) == {"forward"}
    assert set(read_iv(out, "peaks")["reason"]) == {"no return segment"}
    fits = read_iv(out, "fits")
    assert set(fits.filter(pl.col("reason").is_null())["strategy"]) == {"forward"}
    assert set(fits["reason"].drop_nulls()) == {"no points"}


def test_a_run_without_currents_is_rejected_and_the_others_of_its_group_are_not(raw, tmp_path):
    sweep(raw / "IV_6.csv", start=NEW_YEAR + 400, current=lambda v: np.nan)
    out = again(raw, tmp_path / "out")
    report = analyse(out)
    assert (report.rejected, report.by_reason) == (1, {"no current in a segment": 1})
    assert groups(out).row(0) == ("Demo1", 1, 1.0, 2)
    run = read_iv(out, "runs").filter(source_file="IV_6.csv").row(0, named=True)
    assert (run["status"], run["message"]) == ("rejected", "none of 40 rows has one")


def test_rows_without_a_current_are_left_out_and_counted(tmp_path):
    def holed(volts):
        return np.where(np.arange(volts.size) % 3 == 0, np.nan, 1e-6 * volts)

    sweep(tmp_path / "raw" / "IV_1.csv", current=holed)
    out = again(tmp_path / "raw", tmp_path / "out")
    analyse(out)
    run = read_iv(out, "runs").row(0, named=True)
    assert (run["points"], run["without_current"], run["status"]) == (26, 14, "analysed")
    assert read_iv(out)["resistance"].item() == pytest.approx(1e6)


def test_runs_that_name_no_chip_are_fitted_but_not_averaged(tmp_path):
    sweep(tmp_path / "raw" / "IV_1.csv", chip=None)
    sweep(tmp_path / "raw" / "IV_2.csv", chip=None, start=NEW_YEAR + 1)
    out = again(tmp_path / "raw", tmp_path / "out")
    report = analyse(out)
    assert (report.runs, report.rejected, report.without_resistance) == (2, 0, 1)
    assert read_iv(out)["reasons"].to_list() == [["no chip in the header"]]
    assert read_iv(out, "statistics").is_empty()
    assert read_iv(out, "fits")["a1"].drop_nulls().to_list() == pytest.approx([1e-6] * 52)


def test_a_sweep_that_does_not_move_is_rejected_with_its_reason(raw, tmp_path):
    sweep(raw / "IV_6.csv", v_max=0.0, start=NEW_YEAR + 400)
    out = again(raw, tmp_path / "out")
    assert analyse(out).by_reason == {"no sweep": 1}


def test_sweeps_that_are_not_segmented_are_rejected_until_they_are(raw, living):
    out = living
    sweep(raw / "IV_6.csv", start=NEW_YEAR + 400)
    lab.stage(raw, out / "stage", local_tz="UTC", **INLINE)
    report = analyse(out)
    assert report.by_reason == {"not segmented": 1}
    assert "treadle lab segment" in report.rejects[0].hint
    again(raw, out)
    assert counts(analyse(out)) == (0, 1, 3, 0, 0)


def test_an_open_circuit_has_no_resistance(tmp_path):
    random = np.random.default_rng(1)
    sweep(tmp_path / "raw" / "IV_1.csv", current=lambda v: 1e-10 * random.normal(size=v.size))
    out = again(tmp_path / "raw", tmp_path / "out")
    assert analyse(out).without_resistance == 1
    group = read_iv(out).row(0, named=True)
    assert group["reasons"] == ["the slope is lost in the noise"]
    assert group["slope"] is not None


def test_light_and_gate_that_differ_are_flagged(raw, tmp_path):
    sweep(raw / "IV_6.csv", start=NEW_YEAR + 400, extra="#\tVG: 1 V\r\n")
    out = again(raw, tmp_path / "out")
    analyse(out)
    assert read_iv(out)["flags"].to_list()[0] == ["MIXED_GATE", "RUNS_DIFFER"]


# --- again ---------------------------------------------------------------------------------------


def test_a_second_call_changes_no_byte(out):
    analyse(out)
    before = tree(out / "iv")
    times = {name: (out / "iv" / name).stat().st_mtime_ns for name in before}
    assert counts(analyse(out)) == (0, 0, 4, 0, 0)
    assert tree(out / "iv") == before
    assert {name: (out / "iv" / name).stat().st_mtime_ns for name in before} == times
    assert counts(analyse(out, force=True)) == (0, 4, 0, 0, 0)
    assert tree(out / "iv") == before
    assert not unfinished(out / "iv")


def test_a_new_run_recomputes_its_own_group_alone(raw, living, monkeypatch):
    out = living
    analyse(out)
    done = []
    call = AnalyseOne.__call__
    monkeypatch.setattr(
        AnalyseOne, "__call__", lambda one, group: done.append(group) or call(one, group)
    )
    sweep(raw / "IV_6.csv", start=NEW_YEAR + 400, chip=2)
    again(raw, out)
    assert counts(analyse(out)) == (0, 1, 3, 0, 0)
    assert [(group.chip_name, len(group.runs)) for group in done] == [("Demo2", 2)]
    assert groups(out)["n_runs"].to_list() == [2, 1, 1, 2]


def test_a_run_that_is_gone_leaves_the_tables(raw, living):
    out = living
    analyse(out)
    (raw / "IV_5.csv").unlink()
    again(raw, out)
    report = analyse(out)
    assert (report.removed, counts(report)) == (1, (0, 0, 3, 0, 0))
    assert set(read_iv(out)["chip_name"]) == {"Demo1"}
    assert set(read_iv(out, "fits")["chip_name"]) == {"Demo1"}
    assert len(list((out / "iv" / PARTS).iterdir())) == 3


def test_what_was_deleted_is_made_again(out):
    analyse(out)
    before = tree(out / "iv")
    (out / "iv" / "fits.parquet").unlink()
    assert counts(analyse(out)) == (0, 0, 4, 0, 0)
    assert tree(out / "iv") == before
    next((out / "iv" / PARTS).iterdir()).unlink()
    assert counts(analyse(out)) == (0, 1, 3, 0, 0)
    assert tree(out / "iv") == before


def test_segments_that_cannot_be_read_are_rejected_and_tried_again(out):
    path = out / "segment" / lab.manifest(out / "stage")["path"][0]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert analyse(out).by_reason == {"unreadable": 1}
    assert groups(out).row(0) == ("Demo1", 1, 1.0, 1)
    path.write_bytes(content)
    assert counts(analyse(out)) == (0, 1, 3, 0, 0)
    path.unlink()
    assert analyse(out).by_reason == {"segments are gone": 1}


def test_a_group_that_fails_is_rejected_and_done_the_next_time(out, monkeypatch):
    call = AnalyseOne.__call__

    def fails(one, group):
        if group.chip_name == "Demo2":
            raise ValueError("by chance")
        return call(one, group)

    monkeypatch.setattr(AnalyseOne, "__call__", fails)
    report = analyse(out)
    assert (counts(report), report.by_reason) == ((3, 0, 0, 1, 1), {"raised ValueError": 1})
    rejected = read_iv(out, "runs").filter(status="rejected")
    assert rejected["message"].to_list() == ["ValueError: by chance"]
    monkeypatch.setattr(AnalyseOne, "__call__", call)
    assert counts(analyse(out)) == (0, 1, 3, 0, 0)


def test_one_procedure_does_not_take_the_other_out_of_the_tables(raw, tmp_path):
    raw_file(raw / "IVg_1.csv", "IVg")
    out = again(raw, tmp_path / "out")
    assert analyse(out, procedures=["IV", "IVg"]).rejected == 0
    before = tree(out / "iv")
    assert read_iv(out)["proc"].to_list() == ["IV"] * 4 + ["IVg"]
    assert analyse(out).groups == 4
    assert tree(out / "iv") == before


# --- where and how -------------------------------------------------------------------------------


def test_it_does_not_matter_where_it_is_called_from(out, tmp_path, monkeypatch):
    analyse(out)
    before = tree(out / "iv")
    shutil.rmtree(out / "iv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    iv("../out/stage", "../out/segment", "../out/iv", **INLINE)
    assert tree(out / "iv") == before
    assert not list(elsewhere.iterdir())


def test_processes_make_the_same_tables(out):
    analyse(out)
    before = tree(out / "iv")
    shutil.rmtree(out / "iv")
    analyse(out, backend="processes", workers=2)
    assert tree(out / "iv") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"poly_orders": (1, 2)}, "an order must be odd, from 1 to 15, got 2"),
        ({"poly_orders": (17,)}, "got 17"),
        ({"poly_orders": (True,)}, "got True"),
        ({"poly_orders": ()}, "no poly_orders"),
        ({"near_zero_v": 0.0}, "near_zero_v must be a voltage above 0"),
        ({"near_zero_v": float("nan")}, "near_zero_v must be a voltage above 0"),
        ({"voltage_decimals": -1}, "voltage_decimals must be from 0 to 9"),
        ({"procedures": "It"}, "'It' is no sweep"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_done(out, options, message):
    with pytest.raises(treadle.UsageError, match=message):
        analyse(out, **options)
    assert not (out / "iv").exists()


def test_folders_that_are_not_what_they_should_be_are_refused(out):
    stage, segments = out / "stage", out / "segment"
    for given, message in [
        ((out / "none", segments, out / "iv"), "does not exist"),
        ((stage, stage, out / "iv"), "holds no segments"),
        ((stage, segments, segments), "written over what they are made from"),
        ((out, segments, out / "iv"), "no staged measurements|not a stage root|manifest"),
    ]:
        with pytest.raises(treadle.UsageError, match=message):
            iv(*given, **INLINE)


def test_two_at_once_are_refused(out):
    with only_one(out / "iv", "testing"), pytest.raises(treadle.UsageError, match="IV sweeps into"):
        analyse(out)


def test_tables_that_are_not_there_are_not_read(out, tmp_path):
    with pytest.raises(treadle.UsageError, match="no IV sweeps have been analysed"):
        read_iv(out)
    analyse(out)
    with pytest.raises(treadle.UsageError, match="no table 'hysterese'") as error:
        read_iv(out, "hysterese")
    assert "hysteresis" in error.value.hint
    assert read_iv(out / "iv").equals(read_iv(out))


def test_csv_files_have_the_range_in_their_names(out):
    analyse(out)
    assert write_csv(out) == 3 + 4 * 3
    folder = out / "iv" / "csv"
    found = pl.read_csv(folder / "IV" / "Demo1" / "2026-01-01" / "return_with_fit_vmax2p0V.csv")
    assert found.columns[:5] == ["V (V)", "V_true (V)", "I_mean (A)", "I_std (A)", "n"]
    for order in (1, 3, 5, 7):
        fitted = found[f"I_fit_poly{order} (A)"].to_list()
        assert fitted == pytest.approx(found["I_mean (A)"].to_list(), abs=1e-15)
    assert (folder / "IV" / "Demo2" / "2026-01-01" / "hysteresis_vmax1p0V.csv").is_file()
    assert pl.read_csv(folder / "fit_summary.csv")["n_runs"].to_list() == [2, 1, 1, 1]


# --- real samples --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The real IV sweeps, through all steps."""
    folder = tmp_path_factory.mktemp("real")
    for path in SAMPLES.glob("*/IV2*.csv"):
        (folder / "raw" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "raw" / path.parent.name)
    out = again(folder / "raw", folder / "out")
    analyse(out)
    return out


def test_real_sweeps_are_grouped_by_chip_day_and_range(samples):
    assert groups(samples).rows() == [
        ("Alisson69", 8, 0.1, 1), ("Alisson79", 4, 0.1, 1), ("other1", 9, 1.0, 3),
        ("other1", 9, 2.0, 1), ("other2", 9, 1.0, 1), ("other71", 12, 0.72, 1),
        ("other71", 12, 1.0, 1),
    ]  # fmt: skip
    found = read_iv(samples)
    assert found["n_incomplete"].to_list() == [0, 0, 0, 0, 0, 1, 0]
    assert found["flags"].to_list() == [[], [], ["RUNS_DIFFER"], [], [], [], []]
    assert found["resistance_error"][2] == pytest.approx(1059, rel=0.01), "two of them are open"
    expected = [25428, 14792, 1059.3, None, 643.0, None, 7.485e9]
    for value, wanted in zip(found["resistance"], expected, strict=True):
        assert value == (None if wanted is None else pytest.approx(wanted, rel=1e-3))


def test_fits_of_real_sweeps_are_those_of_numpy(samples):
    runs = lab.manifest(samples / "stage").select("run_id", "path")
    compared = 0
    for run_id, path in runs.iter_rows():
        table = pl.read_parquet(samples / "segment" / path, hive_partitioning=False)
        back = table.filter(pl.col("segment_type").str.starts_with("return"))
        voltage, current = (back[name].to_numpy() for name in ("Vsd (V)", "I (A)"))
        fits = read_iv(samples, "fits").filter(run_id=run_id, strategy="all")
        for row in fits.filter(pl.col("reason").is_null()).iter_rows(named=True):
            powers = range(1, row["order"] + 1, 2)
            columns = np.stack([voltage**power for power in powers], axis=1)
            by_hand, _, _, _ = np.linalg.lstsq(columns, current, rcond=None)
            assert [row[f"a{power}"] for power in powers] == pytest.approx(by_hand, rel=1e-6)
            assert row["n_points"] == voltage.size
            compared += 1
    assert compared == 8 * 4, "all but the aborted one"


def test_a_single_run_tells_nothing_of_scatter_not_even_at_0_v(samples):
    keys = ["proc", "chip_name", "date_local", "v_max_group"]
    runs = read_iv(samples).select(*keys, "n_runs")
    found = read_iv(samples, "hysteresis").join(runs, on=keys)
    assert found.filter(pl.col("n_runs") == 1)["sigma"].is_null().all()
    assert found.filter(pl.col("n_runs") > 1)["sigma"].is_not_null().any()


def test_statistics_of_real_sweeps_are_those_of_polars(samples):
    found = read_iv(samples, "statistics").filter(chip_name="other1", v_max_group=1.0)
    found = found.filter(branch="return")
    runs = read_iv(samples).filter(chip_name="other1", v_max_group=1.0)["runs"].item()
    tables = [
        pl.read_parquet(path, hive_partitioning=False)
        for path in samples.glob(f"segment/*/*/*/{PART}")
        if path.parent.name.removeprefix("run_id=") in set(runs)
    ]
    back = pl.concat(tables).filter(pl.col("segment_type").str.starts_with("return"))
    wanted = (
        back.group_by(pl.col("Vsd (V)").round(2).alias("v"))
        .agg(pl.col("I (A)").mean().alias("mean"), pl.col("I (A)").std().alias("std"), pl.len())
        .sort("v")
    )
    assert found["voltage"].to_list() == pytest.approx(wanted["v"].to_list(), abs=1e-9)
    assert found["mean"].to_list() == pytest.approx(wanted["mean"].to_list())
    assert found["std"].to_list() == pytest.approx(wanted["std"].to_list())
    assert found["n"].to_list() == wanted["len"].to_list()


def test_the_hysteresis_of_a_real_resistor_is_mostly_the_shift_of_the_instrument(samples):
    peaks = read_iv(samples, "peaks").filter(chip_name="Alisson79")
    std = dict(peaks.select("method", "std").iter_rows())
    assert std["aligned"] < std["raw"] / 3
    raw = read_iv(samples, "hysteresis").filter(chip_name="Alisson79", method="raw")
    slope = read_iv(samples).filter(chip_name="Alisson79")["slope"].item()
    explained = (raw["current"] + slope * raw["shift"]).std()
    assert explained < raw["current"].std() / 2


def test_what_the_tables_are_made_of_stands_in_the_record(samples):
    said = json.loads((samples / "iv" / ".treadle" / "iv.json").read_text())
    assert Path(said["stage_root"]) == samples / "stage"
    assert read_iv(samples, "runs").height == 9
    assert (samples / "iv" / MANIFEST).is_file()
