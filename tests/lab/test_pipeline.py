"""Raw files to segments in one go: one pool, one report, and nothing done twice."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

import treadle
from treadle import lab
from treadle.lab.lock import only_one
from treadle.lab.places import MANIFEST, PART
from treadle.lab.segmenting.driver import SEGMENTS

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import INLINE, NEW_YEAR, SAMPLES, ended, raw_file, raw_tree, start, tree

UTC = {"local_tz": "UTC"}


@pytest.fixture
def raw(tmp_path):
    """Six IV, three IVg, three calibrations, one without rows, two that are no measurements."""
    return raw_tree(tmp_path / "raw", 12)


def run(raw, out, **options):
    return lab.pipeline(raw, out, **{**INLINE, **UTC, **options})


def counts(report):
    return report.new, report.changed, report.unchanged, report.rejected


def test_each_step_has_its_folder_and_its_report(raw, tmp_path):
    report = run(raw, tmp_path / "out")
    assert counts(report.stage) == (12, 0, 0, 3)
    assert counts(report.segment) == (9, 0, 0, 0)
    assert report.rejected == 3
    folders = ["history", "iv", "metrics", "segment", "stage"]
    assert [folder.name for folder in sorted(report.out.iterdir())] == folders
    assert report.stage.manifest == tmp_path / "out" / "stage" / MANIFEST
    assert report.segment.manifest == tmp_path / "out" / "segment" / MANIFEST
    assert report.elapsed >= report.stage.elapsed + report.segment.elapsed
    assert (report.metrics.runs, report.iv.runs, len(report.histories)) == (12, 6, 7)
    assert str(report).count("\n") == 3


def test_it_leaves_what_the_steps_leave_one_by_one(raw, tmp_path):
    run(raw, tmp_path / "out", method="classic")
    lab.stage(raw, tmp_path / "alone" / "stage", local_tz="UTC", **INLINE)
    stage, segment = tmp_path / "alone" / "stage", tmp_path / "alone" / "segment"
    lab.segment(stage, segment, method="classic", **INLINE)
    lab.metrics(stage, tmp_path / "alone" / "metrics", **INLINE)
    lab.iv(stage, segment, tmp_path / "alone" / "iv", **INLINE)
    lab.write_histories(tmp_path / "alone")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_the_counts_by_procedure_are_those_of_all_sessions(raw, tmp_path):
    first = run(raw, tmp_path / "out")
    again = run(raw, tmp_path / "out")
    assert again.kinds == first.kinds
    found = {kind.procedure: (kind.measurements, kind.rows, kind.segments) for kind in again.kinds}
    listed = pl.read_parquet(tmp_path / "out" / "segment" / SEGMENTS)
    segments = dict(listed.group_by("proc").len().iter_rows())
    assert found == {
        "IV": (6, 60, segments["IV"]),
        "IVg": (3, 39, segments["IVg"]),
        "LaserCalibration": (3, 9, None),
    }


def test_again_nothing_is_opened_and_no_byte_changes(raw, tmp_path):
    run(raw, tmp_path / "out")
    before = tree(tmp_path / "out")
    report = run(raw, tmp_path / "out")
    assert counts(report.stage) == (0, 0, 12, 3)
    assert counts(report.segment) == (0, 0, 9, 0)
    assert report.stage.opened == 0
    assert tree(tmp_path / "out") == before


def test_one_new_file_goes_through_both_steps_alone(raw, tmp_path):
    run(raw, tmp_path / "out")
    raw_file(raw / "IV_99.csv", start=NEW_YEAR + 99_000)
    report = run(raw, tmp_path / "out")
    assert (report.stage.opened, counts(report.stage)) == (1, (1, 0, 12, 3))
    assert counts(report.segment) == (1, 0, 9, 0)


def test_all_steps_run_on_the_same_warm_workers(raw, tmp_path):
    """Two workers start, once; all steps have items on them."""
    heard = []
    lab.pipeline(raw, tmp_path / "out", workers=2, progress=heard.append, **UTC)
    of = treadle.events
    begun = [event.name.partition(" ")[0] for event in heard if isinstance(event, of.RunStarted)]
    assert begun == ["stage", "segment", "metrics", "iv"]
    started = {event.worker for event in heard if isinstance(event, of.WorkerStarted)}
    assert sum(isinstance(event, of.WorkerStarted) for event in heard) <= 2 * len(started)
    assert not [event for event in heard if isinstance(event, of.WorkerEnded)]
    first = next(n for n, event in enumerate(heard) if isinstance(event, of.RunEnded))
    ran_on = [
        {
            outcome.worker
            for event in events
            if isinstance(event, of.ItemsSettled)
            for outcome in event.outcomes
        }
        for events in (heard[:first], heard[first:])
    ]
    assert len(started) == 2
    assert all(ran_on)
    assert ran_on[0] | ran_on[1] <= started


def test_a_pool_of_ones_own_is_used_and_left_open(raw, tmp_path):
    with treadle.Pool(workers=2, backend="threads") as pool:
        report = lab.pipeline(raw, tmp_path / "out", pool=pool, **UTC)
        assert counts(report.segment) == (9, 0, 0, 0)
        assert [outcome.value for outcome in pool.map(abs, [-1])] == [1]


def test_the_schema_of_the_staging_is_that_of_the_segmentation(raw, tmp_path):
    own = tmp_path / "procedures.yml"
    own.write_text(
        "procedures:\n  IV:\n    Parameters: {Chip group name: str, Chip number: int}\n"
        "    Metadata: {Start time: datetime}\n    Data: {Vsd (V): float, I (A): float}\n"
    )
    report = run(raw, tmp_path / "out", local_tz="UTC", schema=own)
    assert report.segment.runs == 3, "IV is no sweep by this schema"
    assert {kind.procedure: kind.segments for kind in report.kinds}["IV"] is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "clasic"}, "no method 'clasic'"),
        ({"min_points": 3}, "no setting 'min_points'"),
        ({"procedures": ["It"]}, "'It' is no sweep"),
        ({"local_tz": "Europe/Nowhere"}, "no time zone"),
        ({"schema": "nowhere.yml"}, "nowhere.yml"),
        ({"chip_file": "nowhere.yml"}, "nowhere.yml"),
        ({"extractors": ["nowhere.py"]}, "nowhere.py"),
    ],
)
def test_what_is_wrong_with_any_step_is_said_before_the_first_begins(raw, tmp_path, options, says):
    with pytest.raises(treadle.UsageError, match=says):
        run(raw, tmp_path / "out", **options)
    assert not tree(tmp_path / "out")


def test_a_raw_root_that_is_not_there_is_named(tmp_path):
    with pytest.raises(treadle.UsageError, match=r"raw root .* does not exist"):
        run(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_there_is_no_error(tmp_path):
    (tmp_path / "void").mkdir()
    for _ in range(2):
        report = run(tmp_path / "void", tmp_path / "out")
        assert (report.stage.files, report.segment.runs, report.kinds) == (0, 0, [])
        assert (report.metrics.runs, report.iv.runs, report.histories) == (0, 0, [])


def test_it_ends_with_the_step_that_was_asked_for(raw, tmp_path):
    report = run(raw, tmp_path / "out", until="metrics")
    assert (report.metrics.runs, report.iv, report.histories) == (12, None, None)
    assert not (tmp_path / "out" / "iv").exists()
    with pytest.raises(treadle.UsageError, match="no step 'metric'"):
        run(raw, tmp_path / "out", until="metric")


def test_an_interrupted_pipeline_goes_on_where_it_was(raw, tmp_path):
    """Ctrl-C in the second step: the first one is not done again."""
    names = []

    def strike(event):
        if isinstance(event, treadle.events.RunStarted):
            names.append(event.name)
            if event.name == "segment":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(raw, tmp_path / "out", progress=strike)
    assert names[-1] == "segment"
    again = run(raw, tmp_path / "out")
    assert (again.stage.opened, counts(again.stage)) == (0, (0, 0, 12, 3))
    run(raw, tmp_path / "alone")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_the_second_of_two_is_told_who_is_at_work(raw, tmp_path):
    told = pytest.raises(treadle.UsageError, match="is already staging into")
    with only_one(tmp_path / "out" / "stage", "staging"), told as caught:
        run(raw, tmp_path / "out")
    assert "not done twice" in caught.value.hint
    assert counts(run(raw, tmp_path / "out").segment) == (9, 0, 0, 0)


def test_two_processes_at_once_leave_what_one_leaves(raw, tmp_path):
    """One of them works; the other is refused, or comes later and finds nothing to do."""
    arguments = ("pipeline", raw, tmp_path / "out", "-q", "--local-tz", "UTC", "-w", "1")
    both = [start(*arguments) for _ in range(2)]
    found = [ended(process) for process in both]
    codes = sorted(code for code, _, _ in found)
    assert codes in ([1, 1], [1, 2]), found
    for code, out, err in found:
        assert out == ""
        assert ("is already s" in err) == (code == 2), err
    run(raw, tmp_path / "alone")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_all_real_files_go_through(tmp_path):
    report = run(SAMPLES, tmp_path / "out")
    assert report.stage.by_reason == {"not a measurement": 1, "no data": 1}
    assert report.segment.runs == report.segment.new
    assert report.segment.rejected == 0
    staged = lab.manifest(tmp_path / "out" / "stage", status="staged")
    assert {kind.procedure: kind.measurements for kind in report.kinds} == dict(
        staged.group_by("proc").len().iter_rows()
    )
    assert len(list((tmp_path / "out" / "segment").rglob(PART))) == report.segment.runs
