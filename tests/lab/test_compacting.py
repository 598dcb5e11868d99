"""One file per procedure and date: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import treadle
from treadle import lab
from treadle.lab.compacting import COMPACT, compact, expand
from treadle.lab.places import put_parquet

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import raw_tree

NOON = datetime(2025, 9, 4, 12, tzinfo=UTC)
FLOATS = st.floats(allow_nan=True) | st.none()
COLUMNS = {"I (A)": pl.Float64, "Vg (V)": pl.Float64, "NPLC": pl.Int64, "remark": pl.String}
VALUES = {
    pl.Float64: FLOATS,
    pl.Int64: st.integers(-(2**63), 2**63 - 1) | st.none(),
    pl.String: st.text(max_size=5) | st.none(),
}


def put(root, run_id, data, *, proc="IVg", start=NOON, date="2025-09-04", metadata=None):
    """Write the file of a run as staging does."""
    frame = pl.DataFrame(data).select(
        pl.lit(run_id).alias("run_id"),
        pl.lit(proc).alias("proc"),
        pl.lit(start).alias("start_time"),
        pl.all(),
    )
    path = Path(root, f"proc={proc}", f"date={date}", f"run_id={run_id}", "part-000.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path, metadata=metadata)
    return path


def merged(root, proc="IVg", date="2025-09-04"):
    return Path(root, COMPACT, f"proc={proc}", f"date={date}", "part-000.parquet")


def read(path):
    return pl.read_parquet(path, hive_partitioning=False)


def bytes_of(root):
    found = Path(root, COMPACT).rglob("*.parquet")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module", autouse=True)
def polars_at_work(tmp_path_factory):
    """Let Polars open what it keeps open for good, before a test looks for what is left open."""
    path = tmp_path_factory.mktemp("polars") / "a.parquet"
    pl.LazyFrame({"a": [1]}).sink_parquet(path)
    pl.scan_parquet(path).collect()


@pytest.fixture
def stage(tmp_path):
    """Return a stage root with three runs of two procedures."""
    put(tmp_path, "bb", {"Vg (V)": [0.0, 1.0], "I (A)": [1e-6, float("nan")]})
    put(tmp_path, "aa", {"Vg (V)": [2.0], "I (A)": [None]}, start=NOON + timedelta(hours=1))
    put(tmp_path, "cc", {"t (s)": [0.0, 1.0, 2.0]}, proc="It", date="2025-09-05")
    return tmp_path


@st.composite
def runs(draw):
    """Draw runs that differ in columns, in types, in rows and in what they begin with."""
    found = {}
    for number in range(draw(st.integers(1, 5))):
        names = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, unique=True))
        height = draw(st.integers(0, 6))
        columns = []
        for name in names:
            dtype = draw(st.sampled_from([COLUMNS[name], pl.String]))
            values = draw(st.lists(VALUES[dtype], min_size=height, max_size=height))
            columns.append(pl.Series(name, values, dtype=dtype))
        start = NOON + timedelta(seconds=draw(st.integers(0, 2)))
        found[f"{number:x}" * 16] = pl.DataFrame(columns), start
    return found


@settings(max_examples=60, deadline=None)
@given(found=runs())
def test_every_run_comes_back_with_its_own_columns_types_and_rows(tmp_path_factory, found):
    root, back = tmp_path_factory.mktemp("stage"), tmp_path_factory.mktemp("back")
    paths = [put(root, run_id, data, start=start) for run_id, (data, start) in found.items()]
    compact(root)
    assert expand(root, into=back).written == len(found)
    for path in paths:
        assert_frame_equal(read(back / path.relative_to(root)), read(path))


def test_types_that_parquet_does_not_know_come_back(tmp_path):
    data = {
        "took": pl.Series([timedelta(seconds=1.5), None]),
        "places": pl.Series([["a", "b"], []], dtype=pl.List(pl.String)),
        "raw": pl.Series([b"x", b""]),
        "small": pl.Series([1, -1], dtype=pl.Int8),
        "day": pl.Series([NOON.date(), None]),
        "local": pl.Series([NOON, None]).dt.convert_time_zone("America/Santiago"),
        "kind": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])),
    }
    path = put(tmp_path, "aa", data)
    before = read(path)
    compact(tmp_path)
    path.unlink()
    expand(tmp_path)
    assert_frame_equal(read(path), before)


def test_rows_stand_in_the_order_of_the_starts_and_of_the_run(stage):
    compact(stage)
    frame = read(merged(stage))
    assert frame["run_id"].to_list() == ["bb", "bb", "aa"]
    assert frame["Vg (V)"].to_list() == [0.0, 1.0, 2.0]


def test_runs_that_start_at_once_are_sorted_by_their_ids(tmp_path):
    for run_id in ("cc", "aa", "bb"):
        put(tmp_path, run_id, {"I (A)": [1.0]})
    compact(tmp_path)
    assert read(merged(tmp_path))["run_id"].to_list() == ["aa", "bb", "cc"]


def test_a_column_that_a_run_lacks_is_null_there(stage):
    put(stage, "dd", {"Vg (V)": [5.0], "T (K)": [4.2]}, start=NOON + timedelta(hours=2))
    compact(stage)
    frame = read(merged(stage))
    assert frame["T (K)"].to_list() == [None, None, None, 4.2]
    assert frame["I (A)"].to_list()[-1] is None


def test_a_name_with_two_types_has_a_column_for_each(tmp_path):
    put(tmp_path, "aa", {"remark": [1.5]})
    put(tmp_path, "bb", {"remark": ["none"], "remark [String]": [7.0]})
    compact(tmp_path)
    frame = read(merged(tmp_path))
    assert frame["remark"].to_list() == [1.5, None]
    assert frame["remark [String]"].to_list() == [None, 7.0]
    assert frame["remark [String] [String]"].to_list() == [None, "none"]


def test_what_stood_in_the_metadata_of_a_file_comes_back(tmp_path):
    put(tmp_path, "aa", {"I (A)": [1.0]}, metadata={"units": "A"})
    path = put(tmp_path, "bb", {"I (A)": [1.0]}, metadata={"units": "mA"})
    compact(tmp_path)
    path.unlink()
    assert expand(tmp_path).written == 1
    assert pl.read_parquet_metadata(path)["units"] == "mA"


def test_what_staging_wrote_comes_back_to_the_byte(tmp_path):
    """Staging looks at the size of a file, and does not stage a run again that was expanded."""
    path = put(tmp_path, "aa", {"I (A)": [1.0, None], "remark": ["a", "b"], "NPLC": [1, 2]})
    put_parquet(read(path), path)
    before = path.read_bytes()
    compact(tmp_path)
    path.unlink()
    assert expand(tmp_path).written == 1
    assert path.read_bytes() == before


def test_the_files_of_the_runs_are_not_touched(stage):
    before = {path: path.read_bytes() for path in stage.rglob("part-000.parquet")}
    compact(stage)
    assert {path: path.read_bytes() for path in before} == before


def test_a_second_time_nothing_is_written(stage):
    first = compact(stage)
    assert (first.written, first.unchanged, first.removed, first.runs) == (2, 0, 0, 3)
    stamp = merged(stage).stat()
    second = compact(stage)
    assert (second.written, second.unchanged, second.removed, second.runs) == (0, 2, 0, 3)
    assert merged(stage).stat().st_ino == stamp.st_ino


def test_only_the_date_of_a_new_run_is_merged_again(stage):
    compact(stage)
    put(stage, "dd", {"Vg (V)": [9.0], "I (A)": [9.0]})
    report = compact(stage)
    assert (report.written, report.unchanged) == (1, 1)
    assert set(read(merged(stage))["run_id"]) == {"aa", "bb", "dd"}


def test_a_run_that_was_staged_again_is_merged_again(stage):
    compact(stage)
    path = put(stage, "aa", {"Vg (V)": [3.0], "I (A)": [None]}, start=NOON + timedelta(hours=1))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
    assert compact(stage).written == 1
    assert read(merged(stage))["Vg (V)"].to_list() == [0.0, 1.0, 3.0]


def test_a_run_that_is_gone_is_gone_from_its_date(stage):
    compact(stage)
    shutil.rmtree(stage / "proc=IVg/date=2025-09-04/run_id=bb")
    assert compact(stage).written == 1
    assert set(read(merged(stage))["run_id"]) == {"aa"}


def test_a_date_without_runs_loses_its_file_and_its_folders(stage):
    compact(stage)
    shutil.rmtree(stage / "proc=It")
    assert compact(stage).removed == 1
    assert not (stage / COMPACT / "proc=It").exists()
    assert merged(stage).exists()


def test_merged_files_are_not_removed_when_they_are_all_there_is(stage):
    """Somebody removed the runs to save room: the merged files hold the only copy."""
    compact(stage)
    before = bytes_of(stage)
    for name in ("proc=IVg", "proc=It"):
        shutil.rmtree(stage / name)
    with pytest.raises(treadle.UsageError, match="would all be removed"):
        compact(stage)
    assert bytes_of(stage) == before
    assert expand(stage).written == 3
    assert compact(stage).runs == 3


def test_the_same_runs_make_the_same_bytes(stage, tmp_path_factory):
    """Whatever the order they came in, when they were written, and how often it was done."""
    compact(stage)
    other = tmp_path_factory.mktemp("other")
    for path in sorted(stage.glob("proc=*/*/*/*.parquet"), reverse=True):
        copy = other / path.relative_to(stage)
        copy.parent.mkdir(parents=True)
        shutil.copyfile(path, copy)
        os.utime(copy, (1, 1))
    compact(other)
    assert bytes_of(other) == bytes_of(stage)
    shutil.rmtree(stage / COMPACT)
    compact(stage)
    assert bytes_of(other) == bytes_of(stage)


def test_more_rows_than_a_group_has_keep_their_order(tmp_path):
    for number in range(3):
        start = NOON - timedelta(hours=number)
        put(tmp_path, f"{number}", {"t (s)": [float(row) for row in range(50_000)]}, start=start)
    compact(tmp_path)
    frame = read(merged(tmp_path))
    assert frame["run_id"].to_list() == ["2"] * 50_000 + ["1"] * 50_000 + ["0"] * 50_000
    assert frame["t (s)"].to_list() == [float(row) for row in range(50_000)] * 3


def test_row_groups_are_large_whatever_the_size_of_the_runs(tmp_path):
    for number in range(4):
        data = {"t (s)": [float(row) for row in range(40_000 if number else 150_000)]}
        put(tmp_path, f"{number}", data, start=NOON + timedelta(hours=number))
    compact(tmp_path)
    groups = pq.ParquetFile(merged(tmp_path))
    rows = [groups.metadata.row_group(each).num_rows for each in range(groups.num_row_groups)]
    assert rows == [75_000, 75_000, 80_000, 40_000]


@pytest.mark.parametrize("tree", [".", COMPACT])
def test_arrow_reads_both_trees_with_the_columns_that_the_folders_name(tmp_path, tree):
    raw_tree(tmp_path / "raw", 8)
    staged = tmp_path / "stage"
    lab.stage(tmp_path / "raw", staged, local_tz="UTC", backend="inline")
    compact(staged)
    listed = lab.manifest(staged, status="staged")
    found = ds.dataset(staged / tree, partitioning="hive").to_table(
        columns=["proc", "date", "run_id", "start_time"]
    )
    assert found.num_rows == listed["rows"].sum()
    assert set(found["run_id"].to_pylist()) == set(listed["run_id"])
    assert set(found["proc"].to_pylist()) == set(listed["proc"])
    assert found.schema.field("proc").type == "string"
    sweeps = ds.dataset(staged / tree, partitioning="hive").filter(ds.field("proc") == "IVg")
    assert sweeps.count_rows() == listed.filter(proc="IVg")["rows"].sum()


@pytest.mark.parametrize("tree", [".", COMPACT])
def test_pandas_reads_both_trees_when_it_passes_over_the_folders_names(tmp_path, tree):
    """Pandas calls this function; the folders' names come as dictionaries, the file's as text."""
    raw_tree(tmp_path / "raw", 8)
    staged = tmp_path / "stage"
    lab.stage(tmp_path / "raw", staged, local_tz="UTC", backend="inline")
    compact(staged)
    found = pq.read_table(staged / tree / "proc=IVg", partitioning=None)
    listed = lab.manifest(staged, procedure="IVg")
    assert set(found["run_id"].to_pylist()) == set(listed["run_id"])
    assert found.num_rows == listed["rows"].sum()


def test_only_the_procedures_asked_for(stage):
    assert compact(stage, procedures=["It"]).written == 1
    assert not merged(stage).exists()
    compact(stage)
    shutil.rmtree(stage / "proc=IVg/date=2025-09-04/run_id=aa")
    shutil.rmtree(stage / "proc=It/date=2025-09-05/run_id=cc")
    assert expand(stage, procedures=["It"]).written == 1
    assert not (stage / "proc=IVg/date=2025-09-04/run_id=aa").exists()


def test_one_procedure_may_be_given_as_text(stage):
    assert compact(stage, procedures="It").written == 1
    shutil.rmtree(stage / "proc=It/date=2025-09-05/run_id=cc")
    assert expand(stage, procedures="It").written == 1


@pytest.mark.parametrize("action", [compact, expand])
def test_a_procedure_without_runs_is_named_with_those_that_are_there(stage, action):
    compact(stage)
    with pytest.raises(treadle.UsageError, match="no run of procedure 'Iv'") as caught:
        action(stage, procedures=["Iv"])
    assert caught.value.hint == "there are: IVg, It"


@pytest.mark.parametrize("action", [compact, expand])
def test_a_stage_root_that_is_not_there(tmp_path, action):
    with pytest.raises(treadle.UsageError, match="does not exist"):
        action(tmp_path / "nowhere")


def test_a_stage_root_without_runs_has_nothing_to_merge(tmp_path):
    (tmp_path / "raw").mkdir()
    lab.stage(tmp_path / "raw", tmp_path / "stage", backend="inline")
    assert compact(tmp_path / "stage").runs == 0
    assert expand(tmp_path / "stage").written == 0


@pytest.mark.parametrize("action", [compact, expand])
def test_a_folder_that_was_not_staged_into_is_refused_and_stays_as_it_is(tmp_path, action):
    (tmp_path / "IV_1.csv").write_text("raw")
    with pytest.raises(treadle.UsageError, match="nothing was staged in"):
        action(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["IV_1.csv"]


def test_a_tree_of_merged_files_alone_can_be_taken_apart(stage, tmp_path_factory):
    compact(stage)
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(stage / COMPACT, other / COMPACT)
    assert expand(other).written == 3


def test_a_folder_without_its_file_is_no_run(stage):
    (stage / "proc=IVg/date=2025-09-04/run_id=ee").mkdir()
    (stage / "proc=IVg/date=2025-09-06/run_id=ff").mkdir(parents=True)
    assert compact(stage).runs == 3


def test_a_file_that_is_not_of_staging_is_named(tmp_path):
    path = put(tmp_path, "aa", {"I (A)": [1.0]})
    pl.DataFrame({"I (A)": [1.0]}).write_parquet(path)
    with pytest.raises(treadle.UsageError, match="has no column 'run_id'"):
        compact(tmp_path)


def test_rows_of_a_run_without_a_folder_are_refused(stage):
    folder = stage / "proc=IVg/date=2025-09-04"
    (folder / "run_id=aa").rename(folder / "run_id=ab")
    with pytest.raises(treadle.UsageError, match="rows of run 'aa', and no folder of that name"):
        compact(stage)


def test_a_damaged_merged_file_is_written_anew(stage):
    compact(stage)
    path, before = merged(stage), bytes_of(stage)
    stamp = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[:100])
    os.utime(path, ns=(stamp, stamp))
    assert compact(stage).written == 1
    assert bytes_of(stage) == before


def test_a_merged_file_that_is_not_ours_is_not_taken_apart(stage):
    compact(stage)
    pl.DataFrame({"a": [1]}).write_parquet(merged(stage))
    with pytest.raises(treadle.UsageError, match="was not merged by this version"):
        expand(stage)


def test_expanding_leaves_runs_alone_that_are_there(stage):
    compact(stage)
    shutil.rmtree(stage / "proc=IVg/date=2025-09-04/run_id=aa")
    report = expand(stage)
    assert (report.written, report.unchanged) == (1, 2)


KILLED = """
import os, signal, sys
from pathlib import Path
from treadle.lab.compacting import compact

def replace(path, target):
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace
compact(sys.argv[1])
"""


def test_killed_before_a_file_is_whole_it_leaves_nothing_that_counts(stage):
    done = subprocess.run([sys.executable, "-c", KILLED, str(stage)], check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path for path in Path(stage, COMPACT).rglob("*") if path.is_file()]
    assert left
    assert all(path.suffix == ".part" for path in left)
    assert compact(stage).written == 2
    kept = [path.name for path in Path(stage, COMPACT).rglob("*") if path.is_file()]
    assert kept == ["part-000.parquet"] * 2
