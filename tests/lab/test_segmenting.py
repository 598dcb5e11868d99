"""A tree of staged sweeps becomes a tree of segments that is right whatever came before."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

import treadle
from treadle import lab
from treadle.lab import places
from treadle.lab.lock import only_one
from treadle.lab.places import MANIFEST, PART
from treadle.lab.segmenting import SegmentReport
from treadle.lab.segmenting.driver import SEGMENTS

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import INLINE, NEW_YEAR, SAMPLES, raw_file, tree, unfinished

REFERENCE = json.loads((SAMPLES / "reference_segments.json").read_text("utf-8"))
LABELS = [
    "segment_id", "segment_type", "segment_direction", "point_in_segment", "dropped_reason",
    "segment_v_start", "segment_v_end",
]  # fmt: skip


@pytest.fixture
def raw(tmp_path):
    """Two IV sweeps, one IVg sweep, and a calibration, which is no sweep."""
    root = tmp_path / "raw"
    raw_file(root / "IV_1.csv")
    raw_file(root / "IV_2.csv", start=NEW_YEAR + 100)
    raw_file(root / "IVg_1.csv", "IVg", start=NEW_YEAR + 200)
    raw_file(root / "LaserCalibration_1.csv", "LaserCalibration", start=NEW_YEAR + 300)
    return root


@pytest.fixture
def stage(raw, tmp_path):
    """The same, staged."""
    restage(raw, tmp_path / "stage")
    return tmp_path / "stage"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "segments"


def restage(raw, stage, **options):
    return lab.stage(raw, stage, local_tz="UTC", **INLINE, **options)


def segment(stage, out, **options) -> SegmentReport:
    return lab.segment(stage, out, **INLINE, **options)


def counts(report):
    return report.new, report.changed, report.unchanged, report.rejected


def sweeps(out):
    return pl.read_parquet(out / MANIFEST)


def listed(out):
    return pl.read_parquet(out / SEGMENTS)


def runs_of(stage, procedure):
    return lab.manifest(stage, procedure=procedure)["run_id"].to_list()


# --- what is where -------------------------------------------------------------------------------


def test_each_sweep_is_one_file_in_hive_form_with_its_own_columns_and_ours(stage, out):
    report = segment(stage, out)
    assert (report.runs, counts(report)) == (3, (3, 0, 0, 0))
    staged = lab.manifest(stage, status="staged").filter(pl.col("proc") != "LaserCalibration")
    for row in staged.iter_rows(named=True):
        path = f"proc={row['proc']}/date=2026-01-01/run_id={row['run_id']}/{PART}"
        found = pl.read_parquet(out / path, hive_partitioning=False)
        before = pl.read_parquet(stage / row["path"], hive_partitioning=False)
        assert found.drop(LABELS).equals(before)
        assert [name for name in found.columns if name not in before.columns] == LABELS
    assert {Path(each).name for each in tree(out)} == {PART, "manifest.parquet", "segments.parquet"}
    assert len(tree(out)) == 5


def test_both_lists_agree_with_the_files(stage, out):
    report = segment(stage, out)
    files = pl.concat(
        [
            pl.read_parquet(path, hive_partitioning=False).select("run_id", *LABELS)
            for path in out.rglob(PART)
        ]
    )
    of_files = (
        files.drop_nulls("segment_id")
        .group_by("run_id", "segment_id", "segment_type", "segment_v_start", "segment_v_end")
        .agg(pl.len().cast(pl.Int64).alias("points"))
    )
    each = listed(out)
    of_list = each.select(
        "run_id", "segment_id", pl.col("type").alias("segment_type"),
        pl.col("v_start").alias("segment_v_start"), pl.col("v_end").alias("segment_v_end"),
        "points",
    )  # fmt: skip
    order = ["run_id", "segment_id"]
    assert of_list.sort(order).equals(of_files.select(of_list.columns).sort(order))
    assert each.equals(each.sort("start_time_utc", "run_id", "segment_id"))
    assert report.segments == each.height
    per_run = dict(each.group_by("run_id").len().iter_rows())
    assert per_run == dict(sweeps(out).select("run_id", "segments").iter_rows())
    assert set(sweeps(out)["status"]) == {"segmented"}
    assert sweeps(out)["source_file"].to_list() == ["IV_1.csv", "IV_2.csv", "IVg_1.csv"]


@pytest.mark.parametrize("method", ["turns", "classic"])
def test_every_row_is_in_one_segment_or_dropped_with_a_reason(stage, out, method):
    report = segment(stage, out, method=method)
    found = pl.concat(
        [pl.read_parquet(path, hive_partitioning=False).select(LABELS) for path in out.rglob(PART)]
    )
    assert found.filter(
        pl.col("segment_id").is_null() == pl.col("dropped_reason").is_null()
    ).is_empty()
    dropped = found["dropped_reason"].is_not_null().sum()
    assert dropped == sum(report.dropped.values()) == sweeps(out)["dropped"].sum()
    assert listed(out)["points"].sum() + dropped == sweeps(out)["rows"].sum() == found.height


def test_classic_gives_the_numbers_of_the_earlier_pipeline_through_all_steps(tmp_path):
    lab.pipeline(
        SAMPLES, tmp_path / "out", **INLINE,
        local_tz="UTC", method="classic",
    )  # fmt: skip
    found = pl.read_parquet(tmp_path / "out" / "segment" / SEGMENTS)
    names = {
        "segment_id": "segment_id", "type": "segment_type", "start": "start_idx",
        "end": "end_idx", "v_start": "v_start", "v_end": "v_end", "direction": "v_direction",
        "points": "point_count",
    }  # fmt: skip
    wanted = {name: sweep["segments"] for name, sweep in REFERENCE.items()}
    assert len(wanted) > 8
    by_file = {
        name: found.filter(source_file=name).select(*names).rename(names).to_dicts()
        for name in wanted
    }
    assert by_file == wanted
    rows = dict(
        pl.read_parquet(tmp_path / "out" / "segment" / MANIFEST)
        .select("source_file", "rows")
        .iter_rows()
    )
    assert {name: rows[name] for name in wanted} == {
        name: sweep["rows"] for name, sweep in REFERENCE.items()
    }


def test_an_aborted_sweep_is_flagged_in_both_lists_and_counted(raw, stage, out):
    raw_file(raw / "IV_3.csv", start=NEW_YEAR + 400, sweep=(0.0, -0.1, -0.2, -0.1, 0.0, 0.1))
    restage(raw, stage)
    report = segment(stage, out)
    assert report.incomplete == 1
    flagged = pl.col("flags").list.contains("INCOMPLETE_SWEEP")
    for frame in (sweeps(out), listed(out)):
        assert set(frame.filter(flagged)["source_file"]) == {"IV_3.csv"}


# --- again ---------------------------------------------------------------------------------------


def test_a_second_time_changes_no_byte_and_writes_nothing(stage, out):
    segment(stage, out)
    before = tree(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    report = segment(stage, out)
    assert (counts(report), report.removed) == ((0, 0, 3, 0), 0)
    assert tree(out) == before
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == times


def test_a_new_run_is_segmented_alone(raw, stage, out):
    segment(stage, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob(PART)}
    raw_file(raw / "IV_0.csv", start=NEW_YEAR - 5000)
    restage(raw, stage)
    report = segment(stage, out)
    assert (counts(report), len(report.slowest)) == ((1, 0, 3, 0), 1)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert sweeps(out)["source_file"][0] == "IV_0.csv", "the lists are in order of time"


def test_another_method_segments_all_again_and_back_gives_the_same_bytes(stage, out):
    segment(stage, out)
    before = tree(out)
    report = segment(stage, out, method="classic")
    assert counts(report) == (0, 3, 0, 0)
    assert tree(out) != before
    assert counts(segment(stage, out, method="classic")) == (0, 0, 3, 0)
    assert counts(segment(stage, out, method="classic", min_points=1)) == (0, 3, 0, 0)
    segment(stage, out)
    assert tree(out) == before


def test_a_lost_or_torn_file_is_made_again(stage, out):
    segment(stage, out)
    before = tree(out)
    lost, torn, *_ = sorted(out.rglob(PART))
    lost.unlink()
    torn.write_bytes(b"torn")
    report = segment(stage, out)
    assert counts(report) == (0, 2, 1, 0)
    assert tree(out) == before


@pytest.mark.parametrize("name", [MANIFEST, SEGMENTS])
def test_a_lost_or_damaged_list_is_made_again_from_the_record(stage, out, name):
    segment(stage, out)
    before = tree(out)
    for damage in (Path.unlink, lambda path: path.write_bytes(b"PAR1 no more")):
        damage(out / name)
        assert counts(segment(stage, out)) == (0, 0, 3, 0)
        assert tree(out) == before


def test_what_is_no_longer_staged_is_removed(raw, stage, out):
    """A raw file that holds another run now takes the old one out of the stage, and out of here."""
    segment(stage, out)
    raw_file(raw / "IV_1.csv", start=NEW_YEAR + 1)
    restage(raw, stage)
    report = segment(stage, out)
    assert (counts(report), report.removed) == ((1, 0, 2, 0), 1)
    runs = lab.manifest(stage).filter(pl.col("proc") != "LaserCalibration")["run_id"]
    assert {path.parent.name for path in out.rglob(PART)} == {f"run_id={each}" for each in runs}
    assert set(sweeps(out)["run_id"]) == set(listed(out)["run_id"]) == set(runs)


def test_a_run_that_was_replaced_elsewhere_goes_when_there_is_nothing_else_to_do(
    raw, stage, out, tmp_path
):
    segment(stage, out)
    (raw / "IV_1.csv").unlink()
    shutil.rmtree(stage)
    restage(raw, stage)
    report = segment(stage, out)
    assert (counts(report), report.removed) == ((0, 0, 2, 0), 1)
    assert len(list(out.rglob(PART))) == 2


def test_some_procedures_are_done_alone_and_the_rest_is_let_be(raw, stage, out):
    first = segment(stage, out, procedures=["IV"])
    assert (first.runs, counts(first)) == (2, (2, 0, 0, 0))
    of_iv = tree(out)
    report = segment(stage, out, procedures=["IVg"])
    assert (report.runs, counts(report)) == (1, (1, 0, 0, 0))
    assert {path: tree(out)[path] for path in of_iv if PART in path} == {
        path: content for path, content in of_iv.items() if PART in path
    }
    assert dict(sweeps(out).group_by("proc").len().iter_rows()) == {"IV": 2, "IVg": 1}
    assert counts(segment(stage, out)) == (0, 0, 3, 0)


def test_limit_takes_the_first_by_time_and_the_next_time_the_rest(stage, out):
    report = segment(stage, out, limit=2)
    assert (report.runs, counts(report)) == (2, (2, 0, 0, 0))
    assert sweeps(out)["source_file"].to_list() == ["IV_1.csv", "IV_2.csv"]
    assert counts(segment(stage, out)) == (1, 0, 2, 0)


def test_force_does_all_again(stage, out):
    segment(stage, out)
    before = tree(out)
    assert counts(segment(stage, out, force=True)) == (0, 3, 0, 0)
    assert tree(out) == before


# --- rejects -------------------------------------------------------------------------------------


SAW = """\
procedures:
  LaserCalibration:
    Parameters: {Optical fiber: str, Laser wavelength: float}
    Metadata: {Start time: datetime, Sensor model: str}
    Data: {VL (V): float, Power (W): float}
    Config: {requires_chip: false, sweep: %s}
"""


def test_a_sweep_without_its_column_is_rejected_with_the_reason_and_the_rest_goes_on(
    raw, stage, out, tmp_path
):
    own = tmp_path / "procedures.yml"
    own.write_text(SAW % "Power (W)")
    restage(raw, stage, schema=own)
    # Staged in full; then another schema says that something else is swept.
    own.write_text((SAW % "Bias (V)").replace("Data: {", "Data: {Bias (V): str, "))
    report = segment(stage, out, schema=own)
    assert counts(report) == (3, 0, 0, 1)
    assert report.by_reason == {"no swept column": 1}
    (reject,) = report.rejects
    assert "Bias (V)" in reject.message
    assert "procedures.yml" in reject.hint
    row = sweeps(out).filter(status="rejected").row(0, named=True)
    assert (row["source_file"], row["reason"]) == ("LaserCalibration_1.csv", "no swept column")
    assert "Bias (V)" in row["message"]
    assert row["path"] is None
    again = segment(stage, out, schema=own)
    assert (counts(again), again.slowest) == ((0, 0, 3, 1), [])


def test_a_reject_is_counted_only_where_it_was_asked_for(raw, stage, out, tmp_path):
    """Each sweep that was asked for counts once; the list has those of before as well."""
    own = tmp_path / "procedures.yml"
    own.write_text((SAW % "Bias (V)").replace("Data: {", "Data: {Bias (V): str, "))
    restage(raw, stage, schema=own)
    assert counts(segment(stage, out)) == (3, 0, 0, 1)
    report = segment(stage, out, procedures=["IV"])
    assert (report.runs, counts(report)) == (2, (0, 0, 2, 0))
    assert "rejected" in set(sweeps(out)["status"])


def test_what_could_not_be_read_is_tried_again_once_it_is_staged_again(raw, stage, out):
    """The file comes back with the same bytes, so nothing but the trying can tell."""
    (run,) = runs_of(stage, "IVg")
    (path,) = stage.rglob(f"*{run}/{PART}")
    content = path.read_bytes()
    path.write_bytes(b"torn")
    report = segment(stage, out)
    assert (counts(report), report.by_reason) == ((2, 0, 0, 1), {"unreadable": 1})
    restage(raw, stage)
    assert path.read_bytes() == content
    assert counts(segment(stage, out)) == (0, 1, 2, 0)


# --- trouble -------------------------------------------------------------------------------------


def test_a_full_disk_is_named_and_what_is_done_is_kept(stage, out, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(places, "put_list", full)
    with pytest.raises(treadle.RunFailed, match="No space left") as told:
        segment(stage, out)
    assert "disk full" in told.value.hint
    monkeypatch.undo()
    assert counts(segment(stage, out)) == (0, 0, 3, 0)


def test_nothing_of_a_run_is_seen_before_all_of_it(stage, out, monkeypatch):
    """All segments of a run are one file, which gets its name when it is whole."""
    seen = []
    replace = os.replace

    def spy(part, target):
        if Path(target).name == PART:
            height = pl.read_parquet(part, hive_partitioning=False).height
            seen.append((Path(target).exists(), height))
        return replace(part, target)

    monkeypatch.setattr(os, "replace", spy)
    segment(stage, out, procedures=["IVg"])
    assert seen == [(False, 13)]
    assert not unfinished(out)


def test_an_interrupted_segmentation_lists_what_it_has_done(stage, out, monkeypatch):
    from treadle.lab.segmenting import one

    real = one.put_parquet

    def strike(frame, path):
        if "proc=IVg" in str(path):
            raise KeyboardInterrupt
        return real(frame, path)

    monkeypatch.setattr(one, "put_parquet", strike)
    with pytest.raises(KeyboardInterrupt):
        segment(stage, out)
    assert set(sweeps(out)["proc"]) == {"IV"}
    monkeypatch.undo()
    assert counts(segment(stage, out)) == (1, 0, 2, 0)
    assert set(sweeps(out)["proc"]) == {"IV", "IVg"}


def test_what_a_crash_at_the_very_end_has_left_is_cleared_away(raw, stage, out, monkeypatch):
    """All is settled and the record is closed, but what is gone has not been removed."""
    segment(stage, out)
    raw_file(raw / "IV_1.csv", start=NEW_YEAR + 1)
    restage(raw, stage)

    def crash(*_):
        raise MemoryError

    monkeypatch.setattr("treadle.lab.places.sweep", crash)
    with pytest.raises(MemoryError):
        segment(stage, out)
    monkeypatch.undo()
    assert len(list(out.rglob(PART))) == 4
    assert segment(stage, out).removed == 1
    assert len(list(out.rglob(PART))) == 3


def test_two_at_once_are_one_after_the_other(stage, out):
    told = pytest.raises(treadle.UsageError, match="is already segmenting")
    with only_one(out, "segmenting"), told:
        segment(stage, out)
    assert counts(segment(stage, out)) == (3, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stage_root": "nowhere"}, "does not exist"),
        ({"method": "clasic"}, "no method 'clasic'"),
        ({"min_points": 3}, "no setting 'min_points'"),
        ({"procedures": ["LaserCalibration"]}, "'LaserCalibration' is no sweep"),
        ({"schema": "nowhere.yml"}, "nowhere.yml"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(stage, out, change, says):
    arguments = {"stage_root": stage, "out": out, **INLINE, **change}
    with pytest.raises(treadle.UsageError, match=says) as caught:
        lab.segment(**arguments)
    assert caught.value.hint
    assert not out.exists()


def test_a_folder_that_nobody_has_staged_into_is_refused(tmp_path, out):
    with pytest.raises(treadle.UsageError, match="has no manifest") as caught:
        segment(tmp_path, out)
    assert "treadle lab stage" in caught.value.hint


def test_segments_do_not_go_where_the_measurements_are(stage):
    before = tree(stage)
    with pytest.raises(treadle.UsageError, match="over what they are made from"):
        segment(stage, stage)
    assert tree(stage) == before


def test_no_sweeps_is_no_error(tmp_path, out):
    raw_file(tmp_path / "raw" / "LaserCalibration_1.csv", "LaserCalibration")
    restage(tmp_path / "raw", tmp_path / "stage")
    report = segment(tmp_path / "stage", out)
    assert (report.runs, counts(report), report.segments) == (0, (0, 0, 0, 0), 0)
    assert report.manifest is None or sweeps(out).is_empty()
