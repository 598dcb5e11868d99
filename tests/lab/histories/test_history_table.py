"""The history of a chip, the list of chips, and the files that are kept of them."""

from __future__ import annotations

import os
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import treadle
from treadle import lab
from treadle.lab.histories import (
    chips,
    file_name,
    histories,
    history,
    write_histories,
)
from treadle.lab.histories.summary import summary
from treadle.lab.histories.table import FIXED
from treadle.lab.measuring import read_metrics
from treadle.lab.measuring.store import METRICS
from treadle.lab.places import MANIFEST
from treadle.lab.roots import roots


def test_a_history_has_each_run_of_the_chip_once_in_order_of_time(samples_out):
    found = history(samples_out, "Alisson67")
    staged = lab.manifest(samples_out / "stage", status="staged", chip="Alisson67")
    assert found["seq"].to_list() == [1, 2, 3, 4, 5]
    assert found["run_id"].to_list() == staged.sort("start_time_utc")["run_id"].to_list()
    assert set(found["chip_name"]) == {"Alisson67"}


def test_number_name_and_folders_are_other_ways_to_say_the_same(samples_out):
    found = history(samples_out, "Alisson67")
    assert_frame_equal(history(str(samples_out / "stage"), 67), found)
    assert_frame_equal(history(roots(samples_out), "67"), found)


def test_times_are_those_of_the_laboratory(samples_out):
    last = history(samples_out, 81).row(-1, named=True)
    # 02:43 in UTC on the 24th
    assert (last["date_local"], last["time_local"]) == (date(2025, 10, 23), "23:43:34")


def test_each_metric_with_a_value_is_a_column_with_the_stored_values(samples_out):
    found = history(samples_out, "Alisson67")
    stored = read_metrics(samples_out, chip="Alisson67", metric="cnp_voltage", status="ok")
    assert stored.height == 4
    got = dict(found.drop_nulls("cnp_voltage").select("run_id", "cnp_voltage").iter_rows())
    assert got == dict(stored.select("run_id", "value").iter_rows())
    assert "delta_current" in found.columns
    assert "calibration_max_power" not in found.columns


def test_metrics_stand_between_what_was_set_and_the_light(samples_out):
    names = history(samples_out, "Alisson67").columns
    metrics = names[names.index("flags") + 1 : names.index("calibration_status")]
    assert [name for name in names if name not in metrics] == list(FIXED)
    assert {"cnp_voltage", "delta_current"} <= set(metrics)


def test_light_is_matched_with_a_calibration_of_its_wavelength(samples_out):
    lit = history(samples_out, "Alisson67").filter("has_light")
    assert lit["calibration_status"].to_list() == ["stale"]
    assert lit["calibration_age_h"][0] > 24
    assert 1e-6 < lit["irradiated_power_w"][0] < 1e-3
    dark = history(samples_out, "Alisson67").filter(~pl.col("has_light"))
    assert dark["calibration_status"].null_count() == dark.height


def test_without_metrics_there_is_a_history_all_the_same(own_out):
    (own_out / "metrics" / METRICS).unlink()
    found = history(own_out, "Alisson67")
    assert found.columns == list(FIXED)
    assert found["calibration_status"].null_count() == found.height == 5


def test_a_metric_that_is_called_as_a_column_is_gets_another_name(own_out):
    path = own_out / "metrics" / METRICS
    pl.read_parquet(path).with_columns(
        pl.col("metric").replace("cnp_voltage", "rows")
    ).write_parquet(path)
    found = history(own_out, "Alisson67")
    assert found["rows"].null_count() == 0
    assert found["rows_metric"].count() == 4


def test_only_the_newest_version_of_a_metric_counts(own_out):
    path = own_out / "metrics" / METRICS
    stored = pl.read_parquet(path)
    newer = stored.filter(metric="cnp_voltage").with_columns(
        pl.lit("99").alias("version"),
        pl.lit("undetermined").alias("status"),
        pl.lit(None, pl.Float64).alias("value"),
    )
    older = stored.with_columns(pl.col("current") & (pl.col("metric") != "cnp_voltage"))
    pl.concat([older, newer]).write_parquet(path)
    assert "cnp_voltage" not in history(own_out, "Alisson67").columns


def test_runs_that_only_mention_a_chip_come_when_asked_for_and_without_a_number(own_out):
    path = own_out / "stage" / MANIFEST
    told = pl.when(pl.col("chip_name") == "other1").then(pl.lit("the true alisson67, (again)"))
    others = pl.when(pl.col("chip_name") == "other2").then(pl.lit("Alisson670"))
    frame = pl.read_parquet(path, hive_partitioning=False)
    frame.with_columns(pl.coalesce(told, others, "information").alias("information")).write_parquet(
        path
    )
    plain, more = history(own_out, 67), history(own_out, 67, mentioned=True)
    assert plain.height == 5
    assert more.height == 9
    assert more["seq"].drop_nulls().to_list() == [1, 2, 3, 4, 5]
    assert more.filter(pl.col("seq").is_null())["proc"].to_list() == ["IV"] * 4
    assert more["start_time_utc"].is_sorted()


def test_several_histories_are_one_frame_chip_after_chip(samples_out):
    found = histories(roots(samples_out), ["Alisson81", "Alisson67"])
    assert found.frame["chip_name"].to_list() == ["Alisson67"] * 5 + ["Alisson81"] * 3
    assert found.frame["seq"].to_list() == [1, 2, 3, 4, 5, 1, 2, 3]
    assert found.units["cnp_voltage"] == "V"


def test_a_chip_that_is_not_there_is_refused(samples_out):
    with pytest.raises(treadle.UsageError, match="there is no chip '70'"):
        history(samples_out, 70)
    with pytest.raises(treadle.UsageError, match="Alisson71, other71"):
        history(samples_out, 71)


# --- a run in a few words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"has_light": True, "wavelength_nm": 455.0, "laser_voltage_V": 4.41, "vds_v": 0.1},
            "455 nm at 4.41 V, Vds 100 mV",
        ),
        ({"has_light": False, "vg_start_v": -5.0, "vg_end_v": 5.0}, "dark, Vg -5 to 5 V"),
        (
            {"has_light": False, "vsd_start_v": -0.1, "vsd_end_v": 1.0, "vg_fixed_v": 0.0},
            "dark, Vg 0 V, Vsd -100 mV to 1 V",
        ),
        ({"has_light": None, "ids_a": 1e-6}, "Ids 1 µA"),
        ({"has_light": None}, ""),
    ],
)
def test_a_run_in_words(facts, said):
    assert summary(facts) == said


# --- the list of chips ---------------------------------------------------------------------------


def test_each_chip_is_listed_with_what_there_is_of_it(samples_out):
    listed = chips(samples_out)
    assert listed.height == 12
    assert listed["chip_name"].to_list()[:2] == ["Alisson67", "Alisson68"]
    of_67 = listed.row(0, named=True)
    assert (of_67["runs"], of_67["lit"], of_67["procedures"]) == (5, 1, "IVg 4, It 1")
    assert (of_67["first"], of_67["last"]) == (date(2025, 10, 14), date(2025, 10, 19))
    assert of_67["metrics"] == read_metrics(samples_out, chip=67, status="ok").height
    assert listed.filter(chip_name="other2")["flagged"].item() == 1


# --- OUT/history ---------------------------------------------------------------------------------


def test_each_chip_has_a_file_with_its_history_and_the_units(samples_out, own_out):
    paths = write_histories(own_out)
    assert sorted(path.stem for path in paths) == sorted(chips(own_out)["chip_name"])
    path = own_out / "history" / "Alisson67.parquet"
    assert_frame_equal(pl.read_parquet(path), history(samples_out, 67))
    assert pl.read_parquet_metadata(path)["unit.cnp_voltage"] == "V"


def test_what_is_the_same_is_not_written_again(own_out):
    paths = write_histories(own_out)
    for path in paths:
        os.utime(path, ns=(1, 1))
    store = own_out / "metrics" / METRICS
    values = pl.read_parquet(store)
    of_67 = (pl.col("chip_name") == "Alisson67").fill_null(value=False)
    values.with_columns(pl.when(of_67).then(pl.col("value") * 2).otherwise("value")).write_parquet(
        store
    )
    assert write_histories(own_out) == paths
    assert [path.stem for path in paths if path.stat().st_mtime_ns != 1] == ["Alisson67"]


def test_a_damaged_file_is_written_again(own_out):
    path = own_out / "history" / "Alisson67.parquet"
    write_histories(own_out)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    write_histories(own_out)
    assert path.read_bytes() == whole


def test_files_of_chips_that_are_gone_go_and_those_of_others_stay(own_out):
    write_histories(own_out)
    mine = own_out / "history" / "mine.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(mine)
    path = own_out / "stage" / MANIFEST
    frame = pl.read_parquet(path, hive_partitioning=False)
    frame.filter(pl.col("chip_name").ne_missing("Alisson67")).write_parquet(path)
    write_histories(own_out)
    assert not (own_out / "history" / "Alisson67.parquet").exists()
    assert (own_out / "history" / "Alisson81.parquet").exists()
    assert mine.exists()


def test_a_choice_of_chips_leaves_the_files_of_the_rest_alone(own_out):
    every = write_histories(own_out)
    some = write_histories(own_out, chips="67,Alisson81")
    assert [path.stem for path in some] == ["Alisson67", "Alisson81"]
    assert all(path.exists() for path in every)


def test_chips_with_few_runs_may_be_left_out(own_out):
    write_histories(own_out)
    paths = write_histories(own_out, min_runs=5)
    assert {path.stem for path in paths} == {"Alisson67", "Alisson80"}
    assert set((own_out / "history").iterdir()) == set(paths)


def test_a_chip_whose_name_no_file_can_have_gets_one_of_its_own(own_out):
    path = own_out / "stage" / MANIFEST
    renamed = pl.col("chip_name").replace("Alisson67", "../a/b67")
    pl.read_parquet(path, hive_partitioning=False).with_columns(renamed).write_parquet(path)
    write_histories(own_out)
    (found,) = (each for each in (own_out / "history").iterdir() if "67" in each.name)
    assert found.parent == own_out / "history"
    assert set(pl.read_parquet(found)["chip_name"]) == {"../a/b67"}


def test_a_run_that_only_its_file_dates_says_so_and_has_no_calibration(own_out):
    before = history(own_out, 67)
    lit = before.filter(pl.col("calibration_age_h").is_not_null())["run_id"]
    assert len(lit) == 1
    path = own_out / "stage" / MANIFEST
    origin = pl.when(pl.col("run_id") == lit[0]).then(pl.lit("mtime")).otherwise("start_origin")
    pl.read_parquet(path).with_columns(start_origin=origin).write_parquet(path)
    found = history(own_out, 67)
    one = found.filter(run_id=lit[0]).row(0, named=True)
    assert one["flags"][0] == "NO_START_TIME"
    assert (one["calibration_age_h"], one["irradiated_power_w"]) == (None, None)
    others = pl.col("run_id") != lit[0]
    assert_frame_equal(found.filter(others), before.filter(others))


@pytest.mark.parametrize(
    ("chip", "name"),
    [("Alisson67", "Alisson67"), ("a/b1", "a%2Fb1"), ("..6", "%2E.6"), (".", "%."), ("a.b", "a.b")],
)
def test_the_file_of_a_chip_can_be_seen_and_stays_in_its_folder(chip, name):
    assert file_name(chip) == name
