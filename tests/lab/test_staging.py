"""A folder of raw files becomes a tree of Parquet files that is right whatever came before."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import treadle
from treadle import lab
from treadle.lab.lock import only_one
from treadle.lab.places import MANIFEST, PART

INLINE = {"backend": "inline", "local_tz": "UTC"}

TEMPLATE = """#Procedure: <laser_setup.procedures.IV.IV>\r
#Parameters:\r
#\tChip group name: Demo\r
#\tChip number: {chip}\r
#\tInformation: None\r
#\tLaser voltage: 0 V\r
#\tLaser wavelength: 0\r
#\tNPLC: 0.5\r
#\tVSD start: -0.2 V\r
#\tVSD end: 0.2 V\r
#\tVSD step: 0.1 V\r
#Metadata:\r
#\tStart time: {start}\r
#Data:\r
Vsd (V),I (A),Plate T (degC),Ambient T (degC),Clock (ms)\r
"""
SWEEP = (0.0, -0.1, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.1, 0.0)


def raw_file(path: Path, *, chip=1, start=1767225600.5, scale=1e-6) -> Path:
    """Write a small sweep in the exact format."""
    rows = "".join(f"{v},{v * scale!r},nan,nan,nan\r\n" for v in SWEEP)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((TEMPLATE.format(chip=chip, start=start) + rows).encode())
    return path


@pytest.fixture
def raw(tmp_path):
    """Four good files in two folders, one without rows, one that is no measurement."""
    root = tmp_path / "raw"
    for number in range(4):
        raw_file(root / f"day{number % 2}" / f"IV_{number}.csv", start=1767225600.5 + number)
    (root / "day0" / "empty.csv").write_text(TEMPLATE.format(chip=1, start=0), newline="")
    (root / "day1" / "index.csv").write_text("file,comment\na,b\n")
    return root


@pytest.fixture
def root(tmp_path):
    return tmp_path / "stage"


def counts(report):
    return report.new, report.changed, report.unchanged, report.rejected


def tree(root):
    """Return the content of all that a staging shows to the world, by path."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".treadle" not in path.parts
    }


def touch(path, *, seconds=7):
    """Give a file another time of modification."""
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + seconds * 1_000_000_000))


# --- what is where -------------------------------------------------------------------------------


def test_each_measurement_is_one_file_in_hive_form_and_all_are_listed(raw, root):
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (4, 0, 0, 2)
    assert (report.files, report.runs, report.opened) == (6, 4, 6)
    listed = lab.manifest(root, status="staged")
    for row in listed.iter_rows(named=True):
        table = pl.read_parquet(root / row["path"], hive_partitioning=False)
        assert row["path"] == f"proc=IV/date=2026-01-01/run_id={row['run_id']}/{PART}"
        assert table.columns[:5] == ["run_id", "proc", "start_time", "Vsd (V)", "I (A)"]
        assert table["Vsd (V)"].to_list() == list(SWEEP)
        assert table["run_id"].unique().to_list() == [row["run_id"]]
        assert table["start_time"][0] == row["start_time_utc"]
        assert table.schema["Clock (ms)"] == pl.Float64
        assert (row["chip_name"], row["vsd_step_v"], row["nplc"]) == ("Demo1", 0.1, 0.5)
    assert len(tree(root)) == 5


def test_rejects_stand_in_the_manifest_with_their_reasons(raw, root):
    report = lab.stage(raw, root, **INLINE)
    rejected = lab.manifest(root, status="rejected")
    assert dict(rejected.select("source_file", "reason").iter_rows()) == {
        "day0/empty.csv": "no data",
        "day1/index.csv": "not a measurement",
    }
    assert report.by_reason == {"no data": 1, "not a measurement": 1}
    assert all(rejected["message"])
    assert rejected["run_id"].null_count() == 2


def test_the_date_is_that_of_the_local_calendar_and_the_zone_is_kept(raw, tmp_path):
    """01:30 in UTC is the day before in Santiago; a later staging keeps to the first zone."""
    raw_file(raw / "late.csv", start=1767231000.0)  # 2026-01-01 01:30 UTC
    root = tmp_path / "santiago"
    lab.stage(raw, root, backend="inline", local_tz="America/Santiago")
    found = lab.manifest(root, status="staged")
    assert set(found["date_local"].cast(pl.String)) == {"2025-12-31"}
    again = lab.stage(raw, root, backend="inline")
    assert (again.opened, again.unchanged) == (0, 5)
    assert set(lab.manifest(root)["local_tz"].drop_nulls()) == {"America/Santiago"}


def test_folders_that_people_rename_do_not_change_ids(raw, root, tmp_path):
    lab.stage(raw, root, **INLINE)
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(raw, moved)
    other = tmp_path / "other"
    lab.stage(moved, other, **INLINE)
    assert set(lab.manifest(root)["run_id"]) == set(lab.manifest(other)["run_id"])


def test_line_ends_do_not_change_ids(raw, root, tmp_path):
    lab.stage(raw, root, **INLINE)
    unix = tmp_path / "unix"
    shutil.copytree(raw, unix)
    for path in unix.rglob("*.csv"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    lab.stage(unix, tmp_path / "other", **INLINE)
    assert tree(root).keys() == tree(tmp_path / "other").keys()


# --- again ---------------------------------------------------------------------------------------


def test_a_second_staging_opens_nothing_and_changes_no_byte(raw, root):
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    written = (root / MANIFEST).stat().st_mtime_ns
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 0, 4, 2)
    assert report.opened == 0
    assert tree(root) == before
    assert (root / MANIFEST).stat().st_mtime_ns == written


def test_a_new_file_is_staged_alone(raw, root):
    lab.stage(raw, root, **INLINE)
    raw_file(raw / "day9" / "IV_9.csv", start=1767300000.0)
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (1, 0, 4, 2)
    assert (report.opened, report.runs) == (1, 5)


def test_a_file_that_holds_another_run_now_leaves_nothing_of_the_old_one(raw, root):
    lab.stage(raw, root, **INLINE)
    changed = raw_file(raw / "day0" / "IV_0.csv", start=1767225600.5, scale=2e-6)
    touch(changed)
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 1, 3, 2)
    assert (report.runs, report.removed, report.opened) == (4, 1, 1)
    staged = [path for path in tree(root) if path.startswith("proc=")]
    assert sorted(staged) == sorted(lab.manifest(root, status="staged")["path"])


def test_a_touched_file_is_read_again_and_is_unchanged(raw, root):
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    touch(raw / "day0" / "IV_0.csv")
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 0, 4, 2)
    assert report.opened == 1
    assert tree(root) == before


def test_a_mended_file_clears_its_reject(raw, root):
    lab.stage(raw, root, **INLINE)
    raw_file(raw / "day0" / "empty.csv", start=1767225700.0)
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 1, 4, 1)
    assert lab.manifest(root, status="rejected")["source_file"].to_list() == ["day1/index.csv"]


def test_a_reject_goes_with_its_file_and_a_measurement_stays(raw, root):
    lab.stage(raw, root, **INLINE)
    (raw / "day1" / "index.csv").unlink()
    (raw / "day0" / "IV_0.csv").unlink()
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 0, 3, 1)
    assert report.runs == 4
    assert "day0/IV_0.csv" in set(lab.manifest(root, status="staged")["source_file"])


def test_a_copy_of_a_file_is_the_same_measurement(raw, root):
    """Byte-identical copies share one id, one Parquet file and one row, which names both."""
    shutil.copy(raw / "day0" / "IV_0.csv", raw / "day1" / "copy of IV_0.csv")
    report = lab.stage(raw, root, **INLINE)
    assert (report.new, report.runs) == (5, 4)
    first = lab.manifest(root).filter(pl.col("sources").list.len() == 2)
    assert first["sources"].to_list() == [["day0/IV_0.csv", "day1/copy of IV_0.csv"]]


def test_a_text_is_one_pattern(raw, root):
    assert lab.stage(raw, root, exclude="*.csv", **INLINE).files == 0
    assert lab.stage(raw, root, exclude="i*.csv", **INLINE).files == 5


def test_a_moved_file_is_known_by_what_is_in_it(raw, root):
    lab.stage(raw, root, **INLINE)
    (raw / "new name").mkdir()
    (raw / "day0" / "IV_0.csv").rename(raw / "new name" / "IV_0.csv")
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 0, 4, 2)
    found = lab.manifest(root, status="staged")
    assert "new name/IV_0.csv" in set(found["source_file"])
    assert found.height == 4


def test_what_is_staged_stays_while_its_file_cannot_be_read(raw, root, monkeypatch):
    """A disk that does not answer for a moment costs nothing, and is asked again."""
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    real = Path.read_bytes

    def fails(path):
        if path.name == "IV_0.csv":
            raise OSError(5, "Input/output error")
        return real(path)

    for _ in range(2):
        monkeypatch.setattr(Path, "read_bytes", fails)
        report = lab.stage(raw, root, force=True, **INLINE)
        assert counts(report) == (0, 0, 3, 3)
        assert (report.runs, report.removed) == (4, 0)
        assert report.by_reason["cannot be opened"] == 1
        assert lab.manifest(root, status="staged").height == 4
    monkeypatch.setattr(Path, "read_bytes", real)
    report = lab.stage(raw, root, **INLINE)
    assert (report.opened, report.rejected, tree(root)) == (1, 2, before)


def test_what_is_staged_stays_when_its_file_is_damaged(raw, root):
    """A raw file that was cut to nothing leaves its staged copy, which may be all that is left."""
    lab.stage(raw, root, **INLINE)
    (raw / "day0" / "IV_0.csv").write_bytes(b"")
    for _ in range(2):
        report = lab.stage(raw, root, **INLINE)
        assert (report.runs, report.removed, report.rejected) == (4, 0, 3)
    raw_file(raw / "day0" / "IV_0.csv", start=1767226000.0)
    report = lab.stage(raw, root, **INLINE)
    assert (report.runs, report.removed, report.rejected) == (4, 1, 2)


def test_a_staged_file_that_was_lost_is_made_again(raw, root):
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    first, second, *_ = (path for path in before if path.startswith("proc="))
    (root / first).unlink()
    (root / second).write_bytes(b"torn")
    report = lab.stage(raw, root, **INLINE)
    assert counts(report) == (0, 0, 4, 2)
    assert (report.opened, tree(root)) == (2, before)


def test_a_manifest_that_was_lost_or_damaged_is_made_again(raw, root):
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    for damage in (Path.unlink, lambda path: path.write_bytes(b"PAR1 no more")):
        damage(root / MANIFEST)
        assert lab.stage(raw, root, **INLINE).opened == 0
        assert tree(root) == before


def test_force_does_all_again(raw, root):
    lab.stage(raw, root, **INLINE)
    before = tree(root)
    report = lab.stage(raw, root, force=True, **INLINE)
    assert (report.opened, counts(report)) == (6, (0, 0, 4, 2))
    assert tree(root) == before


def test_another_schema_stages_all_again(raw, root, tmp_path):
    lab.stage(raw, root, **INLINE)
    own = tmp_path / "procedures.yml"
    own.write_text("ManifestColumnMap:\n  my_step: [VSD step]\n", encoding="utf-8")
    assert lab.stage(raw, root, schema=own, dry_run=True, **INLINE).opened == 6
    report = lab.stage(raw, root, schema=own, **INLINE)
    assert (report.opened, report.again) == (6, 4)
    assert lab.manifest(root, status="staged")["my_step"].to_list() == [0.1] * 4


LAYOUT = """
class Layout:
    name, suffixes = "tab", (".tab",)

    def parse(self, path, data):
        from treadle.lab import Raw
        return Raw("Tab", {}, {"Start time": "1767225600.0"}, ["a (V)", "COLUMN"], data, "\t")

    def companions(self, path):
        return [path.with_suffix(".json")]
"""


def test_files_of_another_layout_are_staged_again_when_it_changes(tmp_path, root):
    """... its own text, or a file beside the data that it says it reads."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "one.tab").write_text("1.0\t2.0\n")
    layout = tmp_path / "layout.py"
    for number, (file, text) in enumerate(
        [
            (layout, LAYOUT.replace("COLUMN", "b (V)")),
            (raw / "one.json", "{}"),
            (tmp_path / "copy.py", LAYOUT.replace("COLUMN", "c (V)")),
        ]
    ):
        file.write_text(text)
        layout = file if file.suffix == ".py" else layout
        assert lab.stage(raw, root, layouts=[f"{layout}:Layout"], **INLINE).opened == 1, number
        assert lab.stage(raw, root, layouts=[f"{layout}:Layout"], **INLINE).opened == 0, number
    (path,) = root.glob("proc=Tab/*/*/*.parquet")
    assert pl.read_parquet(path, hive_partitioning=False).columns[3:] == ["a (V)", "c (V)"]


def test_two_raw_roots_share_a_stage_root(raw, root, tmp_path):
    lab.stage(raw, root, **INLINE)
    second = tmp_path / "second"
    raw_file(second / "IV_0.csv", start=1767400000.0)
    report = lab.stage(second, root, **INLINE)
    assert (report.files, report.new, report.runs) == (1, 1, 5)
    assert set(lab.manifest(root)["raw_root"]) == {str(raw), str(second)}
    assert lab.stage(raw, root, **INLINE).opened == 0


def test_a_dry_run_says_what_would_be_done_and_does_nothing(raw, root):
    report = lab.stage(raw, root, dry_run=True, **INLINE)
    assert (report.files, report.new, report.dry) == (6, 6, True)
    assert not root.exists()
    lab.stage(raw, root, **INLINE)
    touch(raw / "day0" / "empty.csv")
    raw_file(raw / "one more.csv", start=1767500000.0)
    before = tree(root)
    report = lab.stage(raw, root, dry_run=True, **INLINE)
    assert counts(report) == (1, 1, 4, 1)
    assert tree(root) == before


def test_limit_and_exclude_choose_files(raw, root):
    report = lab.stage(raw, root, exclude=["index.csv", "day0/e*"], limit=3, **INLINE)
    assert (report.files, counts(report)) == (3, (3, 0, 0, 0))
    report = lab.stage(raw, root, exclude=["index.csv", "day0/e*"], **INLINE)
    assert (report.files, counts(report)) == (4, (1, 0, 3, 0))


# --- trouble -------------------------------------------------------------------------------------


def test_two_at_once_are_one_after_the_other_and_the_second_is_told(raw, root):
    told = pytest.raises(treadle.UsageError, match=f"process {os.getpid()} is already staging")
    with only_one(root, "staging"), told:
        lab.stage(raw, root, **INLINE)
    assert counts(lab.stage(raw, root, **INLINE)) == (4, 0, 0, 2)


def test_two_processes_at_once_leave_what_one_leaves(raw, root, tmp_path):
    """One of them stages; the other is refused, or comes later and finds nothing to do."""
    code = "import sys; from treadle.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "lab", "stage", str(raw), str(root), "-q"]
    command += ["--local-tz", "UTC", "--backend", "inline"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=50)[1], process.returncode) for process in both]
    assert {code for _, code in ended} in ({1}, {1, 2}), ended
    assert all("is already staging" in text for text, code in ended if code == 2)
    lab.stage(raw, tmp_path / "alone", **INLINE)
    assert tree(root) == tree(tmp_path / "alone")


class Breaking:
    """A layout that breaks on one file while a flag is there, as a bug or a full disk would."""

    name = "breaking"
    suffixes = (".csv",)

    def __init__(self, flag):
        self.flag = flag

    def parse(self, path, data):
        if path.name == "IV_2.csv" and self.flag.exists():
            raise RuntimeError("the disk made a noise")

    def companions(self, path):
        return ()


def test_what_failed_by_chance_is_tried_again_without_being_asked(raw, root, tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    report = lab.stage(raw, root, layouts=[Breaking(flag)], **INLINE)
    assert counts(report) == (3, 0, 0, 3)
    assert "the disk made a noise" in [each.message.partition(": ")[2] for each in report.rejects]
    flag.unlink()
    report = lab.stage(raw, root, layouts=[Breaking(flag)], **INLINE)
    assert (report.opened, counts(report)) == (1, (0, 1, 3, 2))


def test_an_interrupted_staging_lists_what_it_has_done(raw, root):
    class Stop:
        name, suffixes = "stop", (".csv",)

        def parse(self, path, data):
            if path.name == "IV_3.csv":
                raise KeyboardInterrupt

        def companions(self, path):
            return ()

    with pytest.raises(KeyboardInterrupt):
        lab.stage(raw, root, layouts=[Stop()], **INLINE)
    listed = lab.manifest(root)
    assert 1 <= listed.height < 6
    again = lab.stage(raw, root, **INLINE)
    assert (again.runs, again.rejected) == (4, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"raw_root": "nowhere"}, "does not exist"),
        ({"local_tz": "Europe/Nowhere"}, "no time zone"),
        ({"schema": "nowhere.yml"}, "nowhere.yml"),
        ({"layouts": ["nowhere.py:Layout"]}, "nowhere"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(raw, root, change, says):
    arguments = {"raw_root": raw, "stage_root": root, **INLINE, **change}
    with pytest.raises(treadle.UsageError, match=says):
        lab.stage(**arguments)
    assert not root.exists()


def test_a_root_of_the_other_kind_is_left_alone(raw, root, tmp_path):
    """Neither writes over what the other has made, by whatever way it is named."""
    lab.stage(raw, root, **INLINE)
    cut = tmp_path / "cut"
    lab.segment(root, cut, backend="inline")
    before = tree(root), tree(cut)
    link = tmp_path / "link"
    link.symlink_to(root)
    around = root / ".." / root.name
    for out in (link, around):
        with pytest.raises(treadle.UsageError, match="would be written over"):
            lab.segment(root, out, backend="inline")
    with pytest.raises(treadle.UsageError, match="holds segments"):
        lab.stage(raw, cut, **INLINE)
    assert (tree(root), tree(cut)) == before


def test_of_several_files_of_one_measurement_the_best_counts(raw, root):
    """One of them lacks its last line end, so its last row is not trusted: the other has it."""
    whole = raw / "day0" / "IV_0.csv"
    torn = raw / "a" / "IV_0.csv"
    torn.parent.mkdir()
    torn.write_bytes(whole.read_bytes().removesuffix(b"\r\n"))
    report = lab.stage(raw, root, **INLINE)
    assert (report.runs, report.copies, report.noted["TORN_LINE"]) == (4, 1, 1)
    (row,) = lab.manifest(root).filter(pl.col("sources").list.len() == 2).iter_rows(named=True)
    assert (row["rows"], row["source_file"]) == (len(SWEEP), "day0/IV_0.csv")
    assert pl.read_parquet(root / row["path"], hive_partitioning=False).height == len(SWEEP)
    before = tree(root)
    for force in (False, True):
        again = lab.stage(raw, root, force=force, **INLINE)
        assert (again.opened, again.removed) == (7 if force else 0, 0)
        assert tree(root) == before


def test_one_measurement_without_a_start_time_has_one_file(raw, root):
    """Its date is that of its folder, and copies lie in several."""
    text = (raw / "day0" / "IV_0.csv").read_bytes().replace(b"#\tStart time", b"#\tOther")
    for folder in ("2025-01-01", "2025-01-02"):
        (raw / folder).mkdir()
        (raw / folder / "IV_8.csv").write_bytes(text)
    report = lab.stage(raw, root, **INLINE)
    assert report.runs == 5
    assert len(list(root.glob("proc=*/date=*/run_id=*/*.parquet"))) == 5
    before = tree(root)
    again = lab.stage(raw, root, **INLINE)
    assert (again.opened, again.removed, tree(root)) == (0, 0, before)


def test_rejects_that_are_excluded_now_are_no_rejects(raw, root):
    lab.stage(raw, root, **INLINE)
    report = lab.stage(raw, root, exclude="index.csv", **INLINE)
    assert report.rejected == 1
    assert lab.manifest(root, status="rejected")["source_file"].to_list() == ["day0/empty.csv"]
    lab.stage(raw, root, limit=1, **INLINE)
    assert lab.manifest(root, status="rejected").height == 2


def test_prune_takes_out_what_has_no_raw_file_any_more(raw, root):
    lab.stage(raw, root, **INLINE)
    (raw / "day0" / "IV_0.csv").unlink()
    report = lab.stage(raw, root, **INLINE)
    assert (report.runs, report.gone, report.removed) == (4, 1, 0)
    assert lab.manifest(root)["source_gone"].sum() == 1
    assert lab.stage(raw, root, **INLINE).gone == 1
    report = lab.stage(raw, root, prune=True, **INLINE)
    assert (report.runs, report.gone, report.removed) == (3, 0, 1)
    report = lab.stage(raw, root, **INLINE)
    assert (report.runs, report.gone, report.opened) == (3, 0, 0)


def test_after_the_raw_root_was_moved_the_manifest_points_to_the_new_one(raw, root, tmp_path):
    lab.stage(raw, root, **INLINE)
    moved = raw.rename(tmp_path / "moved")
    report = lab.stage(moved, root, **INLINE)
    assert counts(report)[3] == 2
    assert set(lab.manifest(root)["raw_root"]) == {str(moved)}
    assert set(lab.manifest(root, status="staged")["sources"].list.len()) == {1}


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"backend": "coroutines"}, {"backend": "processes", "start_method": "fork"}],
)
def test_what_this_is_not_for_is_refused(raw, root, wrong):
    with pytest.raises(treadle.UsageError, match=r"limit|cannot be"):
        lab.stage(raw, root, **{**INLINE, **wrong})
    assert not root.exists()


def test_a_full_disk_is_named_and_hides_nothing(raw, root, monkeypatch):
    """When the manifest cannot be written either, the first error is the one that is raised."""
    from treadle.lab import places

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(places, "put_list", full)
    with pytest.raises(treadle.RunFailed, match="No space left") as told:
        lab.stage(raw, root, **INLINE)
    assert "disk full" in told.value.hint
    monkeypatch.undo()
    assert (lab.stage(raw, root, **INLINE).opened, lab.manifest(root).height) == (0, 6)


def test_nothing_there_is_no_error(tmp_path, root):
    (tmp_path / "void").mkdir()
    report = lab.stage(tmp_path / "void", root, **INLINE)
    assert (report.files, report.runs) == (0, 0)


# --- the same on all of them ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples():
    return Path(__file__).parent / "samples"


@pytest.fixture(scope="module")
def reference(samples, tmp_path_factory):
    root = tmp_path_factory.mktemp("inline")
    lab.pipeline(samples, root, backend="inline", local_tz="UTC")
    return tree(root)


@pytest.mark.parametrize(
    "how",
    [
        {"backend": "threads"},
        {"backend": "processes", "start_method": "spawn"},
        {"backend": "processes", "start_method": "forkserver"},
    ],
    ids=lambda how: "-".join(how.values()),
)
def test_all_backends_give_the_same_bytes(how, samples, reference, tmp_path):
    lab.pipeline(samples, tmp_path, workers=2, local_tz="UTC", **how)
    assert tree(tmp_path) == reference
