"""``treadle lab`` as people and scripts use it: what it says, where, and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest

from treadle import lab
from treadle.cli import main
from treadle.lab.places import MANIFEST, PART
from treadle.lab.segmenting.driver import SEGMENTS

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import (
    INLINE,
    NEW_YEAR,
    Screen,
    command,
    ended,
    environment,
    eventually,
    on_terminal,
    raw_file,
    raw_tree,
    start,
    tree,
)

QUICK = ("--backend", "inline", "--local-tz", "UTC")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with raw files in ``raw``: 8 good ones, 3 that are rejected."""
    monkeypatch.chdir(tmp_path)
    raw_tree(tmp_path / "raw", 8)
    return tmp_path


@pytest.fixture
def good(tmp_path, monkeypatch):
    """The current folder, with one good raw file in ``raw``."""
    monkeypatch.chdir(tmp_path)
    raw_file(tmp_path / "raw" / "IV_1.csv")
    return tmp_path


@pytest.fixture
def type_in(capfd):
    """Run ``treadle lab`` in this process; return exit code, stdout and stderr."""

    def type_in(*arguments):
        code = main(["lab", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


@pytest.fixture
def staged(folder, type_in):
    assert type_in("stage", "raw", "stage", *QUICK)[0] == 1
    return folder


# --- how it ends, and what goes where ------------------------------------------------------------


def test_people_are_told_on_stderr_and_nobody_on_stdout(good, type_in):
    code, out, err = type_in("pipeline", "raw", "out", *QUICK)
    assert (code, out) == (0, "")
    assert "stage: 1 file in" in err
    assert "1 new, 0 changed, 0 unchanged, 0 rejected" in err
    assert "segment: 1 sweep in" in err
    assert "procedure  measurements  rows  segments" in err


def test_rejects_are_named_with_their_reasons_and_give_exit_code_1(folder, type_in):
    code, out, err = type_in("stage", "raw", "stage", *QUICK)
    assert (code, out) == (1, "")
    assert "  2 x not a measurement" in err
    assert "  1 x no data" in err
    assert "day1/index.csv: there is no '#Procedure' line" in err
    assert err.splitlines()[-1] == "hint: all that are rejected: treadle lab rejects stage"
    assert type_in("stage", "raw", "stage", *QUICK)[0] == 1, "they still are"


def test_many_rejects_of_a_kind_are_three_and_a_count(good, type_in):
    for number in range(7):
        (good / "raw" / f"note_{number}.csv").write_text("no\n")
    _, _, err = type_in("stage", "raw", "stage", *QUICK)
    assert err.count("there is no '#Procedure' line") == 3
    assert "      and 4 more" in err


def test_the_second_time_says_that_nothing_has_changed(good, type_in):
    type_in("pipeline", "raw", "out", *QUICK)
    code, _, err = type_in("pipeline", "raw", "out", *QUICK)
    assert code == 0
    assert err.count("0 new, 0 changed, 1 unchanged, 0 rejected") == 2


def test_what_was_rejected_before_is_counted_and_not_named_again(folder, type_in):
    type_in("pipeline", "raw", "out", *QUICK)
    code, _, err = type_in("pipeline", "raw", "out", *QUICK)
    assert code == 1
    assert "  rejected before: 2 x not a measurement, 1 x no data\n" in err
    assert "index.csv" not in err
    assert f"treadle lab rejects {Path('out', 'stage')}" in err


def test_the_files_that_took_longest_are_named_when_some_were_opened(folder, type_in):
    _, _, err = type_in("stage", "raw", "stage", *QUICK)
    (line,) = (line for line in err.splitlines() if line.startswith("  slowest: "))
    assert len(re.findall(r"\.csv \d+\.\d\d\d? s", line)) == 3
    assert "slowest" not in type_in("stage", "raw", "stage", *QUICK)[2]


def test_one_worker_is_one_worker(good, type_in):
    _, _, err = type_in("stage", "raw", "stage", "--progress", "plain", *QUICK)
    assert err.startswith("stage: 1 item, 1 worker (inline)\n")


@pytest.fixture
def odd(good):
    """Among the raw files are a copy, one with a lost row, one with a bad cell and a stranger."""
    raw = good / "raw"
    whole = (raw / "IV_1.csv").read_bytes()
    (raw / "copy.csv").write_bytes(whole)
    raw_file(raw / "ragged.csv", start=NEW_YEAR + 1)
    with (raw / "ragged.csv").open("ab") as file:
        file.write(b"0.1\r\n")
    raw_file(raw / "cell.csv", start=NEW_YEAR + 2)
    with (raw / "cell.csv").open("ab") as file:
        file.write(b"0.1,lots\r\n")
    strange = whole.replace(b"procedures.IV.IV>", b"procedures.IVsaw.IVsaw>")
    (raw / "strange.csv").write_bytes(strange)
    return good


def test_what_was_lost_from_files_is_said_each_time(odd, type_in):
    for _ in range(2):
        code, _, err = type_in("stage", "raw", "stage", *QUICK)
        assert code == 0
        assert "  noted: BAD_CELLS in 1 file, RAGGED_ROWS in 1, UNKNOWN_PROCEDURE in 1\n" in err
        assert "hint: what is noted: treadle lab manifest stage --noted\n" in err
        assert "hint: treadle lab schema infer FILES drafts an entry" in err
        assert "  1 file is a copy of another\n" in err


def test_measurements_without_a_raw_file_are_counted_until_they_are_pruned(odd, type_in):
    type_in("pipeline", "raw", "out", *QUICK)
    (odd / "raw" / "cell.csv").unlink()
    _, _, err = type_in("pipeline", "raw", "out", *QUICK)
    assert "  1 measurement without a raw file stays (--prune removes what has none)\n" in err
    code, out, _ = type_in("pipeline", "raw", "out", "--prune", "--json", *QUICK)
    found = json.loads(out)
    assert (code, found["stage"]["removed"], found["segment"]["removed"]) == (0, 1, 1)
    assert "without a raw file" not in type_in("pipeline", "raw", "out", *QUICK)[2]


def test_quiet_says_nothing_at_all(folder, type_in):
    assert type_in("pipeline", "raw", "out", "-q", *QUICK) == (1, "", "")
    assert type_in("segment", "out/stage", "out/segment", "-q", "--backend", "inline")[1:] == (
        "",
        "",
    )


@pytest.mark.parametrize("step", ["stage", "segment", "pipeline"])
def test_json_is_one_object_on_stdout_with_all_counts(staged, type_in, step):
    places = {"stage": ("raw", "two"), "segment": ("stage", "cut"), "pipeline": ("raw", "out")}
    quick = QUICK if step != "segment" else QUICK[:2]
    code, out, err = type_in(step, *places[step], *quick, "--json")
    found = json.loads(out)
    assert code == (0 if step == "segment" else 1)
    assert out.count("\n") == 1
    assert "new," not in err, "counts are said once"
    if step == "pipeline":
        assert found["out"] == str(staged / "out")
        assert [kind["procedure"] for kind in found["kinds"]] == ["IV", "IVg", "LaserCalibration"]
        assert found["segment"]["runs"] == 6
        found = found["stage"]
    if step != "segment":
        assert (found["files"], found["new"], found["rejected"]) == (11, 8, 3)
        assert {each["reason"] for each in found["rejects"]} == {"no data", "not a measurement"}
    else:
        assert (found["new"], found["segments"]) == (6, sum_of_segments(staged / "cut"))


def sum_of_segments(out):
    return pl.read_parquet(out / SEGMENTS).height


def test_a_dry_run_says_what_would_be_done_and_does_nothing(folder, type_in):
    code, out, err = type_in("stage", "raw", "stage", "--dry-run", *QUICK)
    assert (code, out) == (0, "")
    assert "11 would be new, 0 would be changed, 0 unchanged" in err
    assert not (folder / "stage").exists()
    code, out, _ = type_in("stage", "raw", "stage", "--dry-run", "--json", *QUICK)
    assert (code, json.loads(out)["dry"]) == (0, True)


def test_a_dry_run_of_a_pipeline_is_that_of_its_first_step(folder, type_in):
    code, out, err = type_in("pipeline", "raw", "out", "--dry-run", *QUICK)
    assert (code, out) == (0, "")
    assert "11 would be new" in err
    assert "segment" not in err
    assert not (folder / "out").exists()
    code, out, _ = type_in("pipeline", "raw", "out", "--dry-run", "--json", *QUICK)
    assert (code, json.loads(out)["segment"]) == (0, None)


@pytest.mark.parametrize(
    "arguments",
    [("stage", "void", "out"), ("pipeline", "void", "out")],
    ids=lambda arguments: arguments[0],
)
def test_an_empty_folder_is_exit_code_3(tmp_path, monkeypatch, type_in, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "void").mkdir()
    code, out, err = type_in(*arguments, *QUICK)
    assert (code, out) == (3, "")
    assert "stage: 0 files" in err
    assert f"  no .csv file below {tmp_path / 'void'}" in err
    assert "procedure" not in err, "no table without rows"
    assert "error" not in err


def test_no_sweeps_is_exit_code_3(tmp_path, monkeypatch, type_in):
    monkeypatch.chdir(tmp_path)
    raw_file(tmp_path / "raw" / "LaserCalibration_1.csv", "LaserCalibration")
    assert type_in("stage", "raw", "stage", *QUICK)[0] == 0
    assert type_in("segment", "stage", "cut", "--backend", "inline")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "says", "hints"),
    [
        (("stage", "nowhere", "s"), "the raw root 'nowhere' does not exist", "search began in"),
        (("stage", "raw/IV_1.csv", "s"), "is a file, not a folder", "search began in"),
        (("pipeline", "nowhere", "s"), "the raw root 'nowhere' does not exist", "search began"),
        (("segment", "nowhere", "s"), "the stage root 'nowhere' does not exist", "search began"),
        (("segment", "raw", "s"), "has no manifest", "treadle lab stage RAW STAGE"),
        (("manifest", "raw"), "has no manifest", "treadle lab stage RAW STAGE"),
        (("rejects", "nowhere"), "does not exist", "search began"),
        (("stage",), "RAW is missing", "set raw-root in treadle.toml"),
        (("stage", "raw"), "STAGE is missing", "set stage-root in treadle.toml"),
        (("pipeline", "raw"), "OUT is missing", "set out in treadle.toml"),
        (("compact",), "STAGE", "--help"),
        (("stage", "raw", "s", "--schema", "no.yml"), "no.yml", ""),
        (("stage", "raw", "s", "--layout", "no.py:L"), "no.py", ""),
        (("stage", "raw", "s", "--local-tz", "Mars"), "Mars", ""),
        (("stage", "raw", "s", "--config", "no.toml"), "no.toml", "TOML"),
        (("pipeline", "raw", "s", "--backend", "cloud"), "cloud", "processes"),
        (("stage", "raw", "s", "--progress", "fancy"), "fancy", "auto, live, plain, none"),
        (("stage", "raw", "s", "--limit", "0"), "--limit", "--help"),
        (("stage", "raw", "s", "--wrokers", "2"), "wrokers", ""),
        (("pipeline", "raw", "s", "--method", "clasic"), "clasic", "turns"),
        (("pipeline", "raw", "s", "--min-points", "3"), "--min-points belongs to", "classic"),
        (("stage", "raw", "s", "--backend", "coroutines"), "coroutines", "--backend processes"),
        (("stage", "raw", "s", "--start-method", "fork"), "fork", "--start-method forkserver"),
        (("manifest", "raw", "--note", "RAGGED_ROW"), "RAGGED_ROW", "RAGGED_ROWS"),
        (("compact", "raw"), "nothing was staged in", "treadle lab stage"),
        (("expand", "raw"), "nothing was staged in", "treadle lab stage"),
        (("pipeline", "raw", "s", "-p", "It"), "'It' is no sweep", "procedures.yml"),
        (("schema", "show", "IVx"), "IVx", ""),
        (("schema", "check", "no.yml"), "no.yml", ""),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_what_was_typed_wrong_is_exit_code_2_with_a_hint(good, type_in, arguments, says, hints):
    code, out, err = type_in(*arguments)
    assert (code, out) == (2, ""), err
    assert says in err
    assert hints in err
    assert err.splitlines()[-1].startswith(("error: ", "hint: "))
    assert not (good / "s").exists()
    assert [path.name for path in (good / "raw").iterdir()] == ["IV_1.csv"]


# --- settings in a file --------------------------------------------------------------------------


def test_a_file_sets_what_was_not_typed(folder, type_in, monkeypatch):
    (folder / "treadle.toml").write_text(
        "[lab]\nbackend = 'inline'\nlocal-tz = 'America/Santiago'\nlimit = 5\n"
        "[lab.stage]\nraw-root = 'raw'\nstage-root = 'stage'\n"
        "exclude = ['empty*', 'index*', 'more*']\n"
        "[lab.segment]\nstage_root = 'stage'\nout = 'cut'\nmethod = 'classic'\nmin-points = 1\n"
    )
    code, _, err = type_in("stage")
    assert code == 0
    assert "stage: 5 files" in err
    assert "(inline)" in err
    assert set(lab.manifest(folder / "stage")["local_tz"]) == {"America/Santiago"}
    assert type_in("segment")[0] == 0
    assert (folder / "cut" / SEGMENTS).is_file()


def test_what_is_typed_wins(folder, type_in):
    (folder / "treadle.toml").write_text(
        "[lab]\nbackend = 'inline'\nlimit = 5\nlocal-tz = 'America/Santiago'\nquiet = true\n"
    )
    code, out, _ = type_in("stage", "raw", "stage", "--limit", "2", "--local-tz", "UTC", "--json")
    assert (code, json.loads(out)["files"]) == (0, 2)
    assert set(lab.manifest(folder / "stage")["local_tz"]) == {"UTC"}


def test_paths_in_the_file_are_taken_from_its_folder(folder, type_in, monkeypatch):
    (folder / "lab.toml").write_text("[lab.pipeline]\nraw-root = 'raw'\nout = 'out'\n")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert type_in("pipeline", "--config", "../lab.toml", *QUICK)[0] == 1
    assert (folder / "out" / "stage" / MANIFEST).is_file()
    assert not list((folder / "elsewhere").iterdir())


def test_options_of_another_command_may_stand_for_all(good, type_in):
    (good / "treadle.toml").write_text("[lab]\nmethod = 'classic'\nbackend = 'inline'\n")
    assert type_in("stage", "raw", "stage")[0] == 0


def test_what_a_file_sets_for_classic_is_for_classic_alone(good, type_in):
    (good / "treadle.toml").write_text(
        "[lab]\ndv-threshold = 0.002\nmin-points = 1\nbackend = 'inline'\nlocal-tz = 'UTC'\n"
    )
    assert type_in("pipeline", "raw", "out")[0] == 0
    assert type_in("segment", "out/stage", "cut")[0] == 0
    assert type_in("segment", "out/stage", "cut", "--method", "classic")[0] == 0
    assert set(pl.read_parquet(good / "cut" / MANIFEST)["method"]) == {"classic"}
    code, _, err = type_in("segment", "out/stage", "cut", "--dv-threshold", "0.1")
    assert code == 2
    assert "--dv-threshold belongs to --method classic" in err


@pytest.mark.parametrize("named", [True, False], ids=["--config", "current folder"])
def test_a_layout_is_taken_from_the_folder_of_the_file(good, type_in, monkeypatch, named):
    (good / "mine.py").write_text(WAITING)
    (good / "treadle.toml").write_text("[lab]\nlayout = 'mine.py:Layout'\n")
    where = ()
    if named:
        (good / "elsewhere").mkdir()
        monkeypatch.chdir(good / "elsewhere")
        where = ("--config", "../treadle.toml")
    code, _, err = type_in("stage", good / "raw", good / "stage", *where, *QUICK)
    assert code == 0, err
    assert "1 new" in err


@pytest.mark.parametrize(
    ("text", "says", "hints"),
    [
        ("[lab]\nlocal_timezone = 'UTC'\n", "unknown setting 'local_timezone'", "local_tz"),
        ("[lab]\nworkres = 2\n", "unknown setting 'workres'", "did you mean workers?"),
        ("[lab.stage]\nmethod = 'turns'\n", "unknown setting 'method' in [lab.stage]", ""),
        ("[lab.stge]\n", "[lab.stge]", "did you mean [lab.stage]?"),
        ("[lab]\nworkers = '2'\n", "workers is '2'", "a whole number"),
        ("[lab]\nstrict = 1\n", "strict is 1", "true or false"),
        ("[lab\n", "is not TOML", ""),
    ],
)
def test_a_mistake_in_the_file_is_named_and_nothing_is_done(good, type_in, text, says, hints):
    (good / "treadle.toml").write_text(text)
    code, out, err = type_in("stage", "raw", "stage")
    assert (code, out) == (2, "")
    assert "treadle.toml" in err
    assert says in err
    assert hints in err
    assert not (good / "stage").exists()


# --- looking -------------------------------------------------------------------------------------


def test_the_manifest_is_a_line_for_each_run_with_what_is_usually_wanted(staged, type_in):
    code, out, err = type_in("manifest", "stage")
    head, *rows = out.splitlines()
    assert (code, err, len(rows)) == (0, "", 8)
    assert head.split()[:3] == ["start_time_utc", "proc", "chip_name"]
    assert rows[0].startswith("2026-01-01 00:00:00  IV                Demo0")
    assert rows[0].endswith("day0/IV_0.csv")


def test_csv_can_be_read_back(staged, type_in):
    _, out, _ = type_in("manifest", "stage", "--format", "csv")
    found = pl.read_csv(io.StringIO(out), infer_schema_length=None)
    whole = lab.manifest(staged / "stage", status="staged")
    assert found.columns == whole.columns
    assert found["run_id"].to_list() == whole["run_id"].to_list()
    assert found["sources"].to_list() == ["; ".join(each) for each in whole["sources"]]


def test_json_is_an_object_on_each_line(staged, type_in):
    _, out, _ = type_in("manifest", "stage", "--format", "json", "--status", "all")
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["status"] for each in found] == ["staged"] * 8 + ["rejected"] * 3
    assert found[0]["sources"] == ["day0/IV_0.csv"]


def test_parquet_goes_to_a_file_and_is_the_same_table(staged, type_in):
    code, out, err = type_in("manifest", "stage", "--format", "parquet", "--to", "m.parquet")
    assert (code, out, err) == (0, "", "")
    assert pl.read_parquet("m.parquet").equals(lab.manifest("stage", status="staged"))
    code, _, err = type_in("manifest", "stage", "--format", "parquet")
    assert code == 2
    assert "--to FILE.parquet" in err


@pytest.mark.parametrize("format_", ["table", "csv", "json"])
def test_to_writes_the_same_text_to_a_file(staged, type_in, format_):
    _, out, _ = type_in("manifest", "stage", "--format", format_)
    assert type_in("manifest", "stage", "--format", format_, "--to", "m.txt") == (0, "", "")
    assert Path("m.txt").read_text() == out


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--procedure", "IVg"), 2),
        (("--chip", "Demo2"), 1),
        (("--chip", "0"), 1),
        (("--date", "2026-01-01"), 8),
        (("--date", "2026"), 8),
        (("--status", "rejected"), 3),
        (("--status", "all", "-n", "9"), 9),
        (("-n", "2"), 2),
    ],
)
def test_rows_can_be_chosen(staged, type_in, arguments, count):
    code, out, _ = type_in("manifest", "stage", "--format", "json", *arguments)
    assert (code, len(out.splitlines())) == (0, count)


def test_columns_can_be_chosen_in_any_order(staged, type_in):
    _, out, _ = type_in("manifest", "stage", "--columns", "rows, proc ,rows", "--format", "csv")
    assert out.splitlines()[:2] == ["rows,proc", "10,IV"]
    _, out, _ = type_in("manifest", "stage", "--columns", "all", "--format", "csv")
    head = out.splitlines()[0].split(",")
    assert "vsd_step_v" in head
    assert "optical_fiber" in head
    assert "reason" not in head, "empty ones are left out"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--columns", "run_id,porc"), "no column 'porc'"),
        (("--status", "lost"), "'lost'"),
        (("--format", "xml"), "'xml'"),
        (("--to", "no/where/x\0.csv", "--format", "csv"), ""),
    ],
)
def test_what_the_manifest_does_not_have_is_exit_code_2(staged, type_in, arguments, says):
    code, out, err = type_in("manifest", "stage", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "hint: " in err


def test_a_file_that_cannot_be_written_is_named(staged, type_in):
    (staged / "place").write_text("")
    code, _, err = type_in("manifest", "stage", "--format", "csv", "--to", "place/m.csv")
    assert code == 2
    assert "place/m.csv" in err


def test_nothing_that_fits_is_exit_code_3(staged, type_in):
    code, out, err = type_in("manifest", "stage", "--date", "1999")
    assert (code, out, err) == (3, "", "error: nothing there that fits\n")
    assert type_in("rejects", "stage", "--reason", "damaged")[0] == 3


def test_what_is_noted_can_be_chosen(odd, type_in):
    type_in("stage", "raw", "stage", *QUICK)

    def sources(*arguments):
        code, out, err = type_in("manifest", "stage", "--format", "json", *arguments)
        assert code in (0, 3), err
        return [json.loads(line)["source_file"] for line in out.splitlines()]

    assert sources("--noted") == ["strange.csv", "ragged.csv", "cell.csv"]
    assert sources("--note", "RAGGED_ROWS") == ["ragged.csv"]
    assert sources("--note", "OVERFLOW") == []
    _, out, _ = type_in("manifest", "stage", "--noted")
    head, *rows = out.splitlines()
    assert head.split() == ["source_file", "proc", "flags", "notes"]
    assert "error: RAGGED_ROWS: " in rows[1]
    assert "UNKNOWN_COLUMN" not in out, "what is there for information is not shown"


def test_flags_can_be_chosen(good, type_in):
    raw_file(good / "raw" / "high.csv", start=NEW_YEAR + 1, sweep=(0.0, 0.1, 9.9e37))
    type_in("pipeline", "raw", "out", *QUICK)
    _, out, _ = type_in("manifest", "out", "--flag", "OVERFLOW", "--columns", "source_file")
    assert out.split() == ["source_file", "high.csv"]
    assert type_in("manifest", "out", "--flag", "START_IN_FUTURE")[0] == 3


def test_the_folder_of_a_pipeline_stands_for_the_stage_root_in_it(folder, type_in):
    type_in("pipeline", "raw", "out", *QUICK)
    assert type_in("manifest", "out") == type_in("manifest", "out/stage")
    assert type_in("rejects", "out") == type_in("rejects", "out/stage")
    assert type_in("compact", "out")[0] == 0
    assert (folder / "out" / "stage" / "_compact").is_dir()
    made = sorted(path.name for path in (folder / "out").iterdir())
    assert made == ["history", "iv", "metrics", "segment", "stage"]


def test_a_folder_of_segments_lists_its_sweeps_and_those_that_were_rejected(good, type_in):
    raw_file(good / "raw" / "LaserCalibration_2.csv", "LaserCalibration", start=NEW_YEAR + 1)
    (good / "p.yml").write_text(
        "procedures:\n  LaserCalibration:\n    Data: {Bias (V): str, VL (V): float}\n"
        "    Config: {requires_chip: false, sweep: Bias (V)}\n"
    )
    type_in("pipeline", "raw", "out", *QUICK)
    assert type_in("segment", "out/stage", "out/segment", "--schema", "p.yml", *QUICK[:2])[0] == 1
    _, out, _ = type_in("manifest", "out/segment", "--columns", "source_file")
    sound = out.split()[1:]
    code, out, _ = type_in("rejects", "out/segment", "--format", "csv")
    rows = list(pl.read_csv(io.StringIO(out)).iter_rows(named=True)) if out else []
    assert sound == ["IV_1.csv"]
    assert (code, [row["source_file"] for row in rows]) == (0, ["LaserCalibration_2.csv"])
    assert rows[0]["reason"] == "no swept column"


def test_no_reject_at_all_is_said_plainly(good, type_in):
    type_in("pipeline", "raw", "out", *QUICK)
    assert type_in("rejects", "out") == (3, "", "no file was rejected\n")
    assert type_in("rejects", "out/segment") == (3, "", "no sweep was rejected\n")


def test_a_reason_that_no_reject_has_is_answered_with_those_there_are(staged, type_in):
    code, _, err = type_in("rejects", "stage", "--reason", "nodata")
    assert code == 3
    assert err == (
        "no file was rejected with the reason 'nodata'\n"
        "hint: there are: no data, not a measurement\n"
    )


def test_rejects_say_what_why_and_what_to_do(staged, type_in):
    code, out, _ = type_in("rejects", "stage")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "source_file", "day0/empty_1.csv", "day1/index.csv", "day1/more.csv",
    ]  # fmt: skip
    _, out, _ = type_in("rejects", "stage", "--format", "csv", "--reason", "no data")
    (row,) = pl.read_csv(io.StringIO(out)).iter_rows(named=True)
    assert (row["source_file"], row["reason"]) == ("day0/empty_1.csv", "no data")
    assert row["message"]
    assert row["hint"]


def test_a_name_with_control_characters_does_not_reach_the_terminal(good, type_in):
    (good / "raw" / "a\x1b[2Jb\nc.csv").write_text("no\n")
    _, _, err = type_in("stage", "raw", "stage", "--progress", "plain", *QUICK)
    assert all(line.isprintable() for line in err.splitlines())
    assert "\x1b" not in err
    code, out, _ = type_in("rejects", "stage")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "\x1b" not in out


# --- procedures ----------------------------------------------------------------------------------

SAW = """\
procedures:
  IVsaw:
    Parameters: {VSD end: {type: float, unit: V}}
    Data: {Vsd (V): {type: float, required: true}, I (A): float}
    Config: {sweep: Vsd (V)}
"""


def test_a_sound_schema_is_exit_code_0_and_says_what_it_changes(good, type_in):
    (good / "p.yml").write_text(SAW)
    code, out, err = type_in("schema", "check", "p.yml")
    assert (code, out) == (0, "")
    assert "no mistakes" in err
    assert "IVsaw: new" in err


def test_every_mistake_in_a_schema_is_named_with_its_line(good, type_in):
    (good / "p.yml").write_text(SAW.replace("float, unit", "flaot, unit").replace("sweep", "swep"))
    code, out, err = type_in("schema", "check", "p.yml")
    assert (code, out) == (2, "")
    assert "p.yml:3" in err
    assert "flaot" in err
    assert "p.yml:5" in err
    assert "swep" in err


def test_what_show_prints_is_a_schema_again(good, type_in):
    (good / "p.yml").write_text(SAW)
    code, out, err = type_in("schema", "show", "--schema", "p.yml")
    assert (code, err) == (0, "")
    (good / "all.yml").write_text(out)
    assert "IVsaw" in out
    assert "LaserCalibration" in out
    assert type_in("schema", "check", "all.yml")[0] == 0
    assert lab.load_schema("all.yml").digest() == lab.load_schema("p.yml").digest()
    assert "LaserCalibration" not in type_in("schema", "show", "IV")[1]


def test_a_drafted_entry_is_a_schema_with_which_the_files_are_known(good, type_in):
    path = good / "raw" / "IV_1.csv"
    path.write_bytes(path.read_bytes().replace(b"procedures.IV.IV>", b"procedures.IVsaw.IVsaw>"))
    code, out, _ = type_in("schema", "infer", "raw/IV_1.csv")
    assert code == 0
    assert "IVsaw:" in out
    (good / "draft.yml").write_text(out)
    assert type_in("schema", "check", "draft.yml")[0] == 0
    assert lab.read(path, schema=lab.load_schema("draft.yml")).is_known


# --- compact and expand --------------------------------------------------------------------------


def test_compact_and_expand_go_there_and_back(staged, type_in):
    singles = {path: c for path, c in tree(staged / "stage").items() if path.endswith(PART)}
    code, out, err = type_in("compact", "stage")
    assert (code, out) == (0, "")
    assert err
    code, out, _ = type_in("compact", "stage", "-p", "IV", "--json")
    assert code == 0
    assert json.loads(out)
    for path in singles:
        (staged / "stage" / path).unlink()
    assert type_in("expand", "stage")[0] == 0
    assert singles.items() <= tree(staged / "stage").items()


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", "stage", "segment", "pipeline", "metrics", "iv", "manifest", "rejects", "history", "plot",
     "plots", "report", "compact", "expand", "schema", "schema check", "schema show",
     "schema infer"],
)  # fmt: skip
def test_help_fits_80_columns_and_is_on_stdout(type_in, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = type_in(*name.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: treadle lab")
    assert max(map(len, out.splitlines())) <= 80


# --- without the libraries -----------------------------------------------------------------------

HIDDEN = """
import sys
sys.modules[sys.argv[1]] = None
from treadle.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("module", "library"),
    [("polars", "polars"), ("pyarrow", "pyarrow"), ("numpy", "numpy"), ("yaml", "PyYAML")],
)
def test_a_missing_library_is_named_with_what_to_install(good, module, library):
    for arguments in (("pipeline", "raw", "out"), ("schema", "show")):
        done = subprocess.run(
            [sys.executable, "-c", HIDDEN, module, "lab", *arguments],
            capture_output=True, text=True, env=environment(), timeout=40, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr == (
            f"error: treadle.lab needs the library {library!r}, which is not installed\n"
            "hint: pip install 'treadle[lab]'\n"
        )
    assert not (good / "out").exists()


@pytest.mark.parametrize("name", ["manifest", "history", "stage", "segment", "metrics"])
def test_help_needs_no_library_and_the_command_does(good, name):
    def typed(*arguments):
        return subprocess.run(
            [sys.executable, "-c", HIDDEN, "polars", "lab", name, *arguments],
            capture_output=True, text=True, env=environment(), timeout=40, check=False,
        )  # fmt: skip

    assert typed("--help").returncode == 0
    done = typed("raw", *(["out"] if name in {"stage", "segment"} else []))
    assert (done.returncode, "pip install" in done.stderr) == (2, True)


# --- a process of its own ------------------------------------------------------------------------


def test_stdout_is_data_and_stderr_is_for_people_in_a_real_pipe(folder):
    process = start("pipeline", "raw", "out", "--json", "--local-tz", "UTC", cwd=folder)
    code, out, err = ended(process)
    assert code == 1
    assert json.loads(out)["stage"]["new"] == 8
    assert err.splitlines()[0] == "stage: 11 items, 2 workers (processes)" or "workers" in err


def test_a_reader_who_leaves_early_is_no_error(staged):
    done = subprocess.run(
        f"{' '.join(command('manifest', 'stage', '--format', 'json'))} | head -n 1",
        shell=True, capture_output=True, text=True, env=environment(), timeout=40, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["status"] == "staged"
    assert done.stderr == ""


@pytest.fixture
def near(folder):
    """The same in a folder whose path is short: nobody can break a longer one into lines."""
    with tempfile.TemporaryDirectory(prefix="t") as short:
        yield Path(shutil.move(folder, short))


def test_fits_80_columns(near):
    folder = near
    (folder / "raw" / ("a long name that goes on " * 4 + ".csv")).write_text("word " * 40)
    for arguments in (
        ("pipeline", "raw", "out", "-w", "1", "--local-tz", "UTC"),
        ("manifest", "out/stage"),
        ("manifest", "out/stage", "--columns", "all"),
        ("rejects", "out/stage"),
        ("schema", "show", "IV"),
    ):
        _, text = on_terminal(*arguments, cwd=folder)
        screen = Screen()
        screen.feed(text)
        assert not screen.has_wrapped, "\n".join(screen.lines)
        assert screen.is_cursor_shown


def test_on_a_terminal_the_manifest_says_what_it_left_out_and_nothing_is_lost(staged):
    _, text = on_terminal("manifest", "stage", cwd=staged)
    head, *_, last = Screen().feed(text).lines
    assert "run_id" in head.split()
    assert "source_file" not in head.split()
    assert last.startswith("hint: ")
    assert "source_file" in last
    _, text = on_terminal("manifest", "stage", "--columns", "all", "-n", "1", cwd=staged)
    words = Screen().feed(text).lines
    assert any(line.split() == ["source_file", "day0/IV_0.csv"] for line in words)


# A layout that takes no file, and in one waits until it may go on.
WAITING = '''\
"""Waits in one file."""

import os
from pathlib import Path


class Layout:
    name = "waiting"
    suffixes = (".csv",)

    def parse(self, path, data):
        if path.name == "IV_0.csv" and os.path.exists("gate"):
            Path("begun").touch()
            with open("gate"):  # until somebody opens it to write
                pass

    def companions(self, path):
        return ()
'''


def test_ctrl_c_ends_with_130_and_the_next_run_does_the_rest(folder):
    (folder / "waiting.py").write_text(WAITING)
    os.mkfifo(folder / "gate")
    arguments = (
        "pipeline", "raw", "out", "--local-tz", "UTC", "-w", "1", "--layout", "waiting.py:Layout",
    )  # fmt: skip
    process = start(*arguments, cwd=folder)
    try:
        assert eventually((folder / "begun").exists), ended(process)
        os.killpg(process.pid, signal.SIGINT)
        assert any("stopping" in line for line in iter(process.stderr.readline, ""))
    finally:
        os.close(os.open(folder / "gate", os.O_RDWR | os.O_NONBLOCK))
    code, out, err = ended(process)
    assert (code, out) == (130, ""), err
    assert err.splitlines()[-1].startswith("hint: what is done is kept")
    (folder / "gate").unlink()

    done = lab.manifest(folder / "out" / "stage").height
    assert 0 < done < 11
    code, out, err = ended(start(*arguments, "--json", cwd=folder))
    found = json.loads(out)["stage"]
    assert (code, found["opened"], found["runs"]) == (1, 11 - done, 8)
    lab.pipeline(folder / "raw", folder / "alone", **INLINE, local_tz="UTC")
    assert tree(folder / "out") == tree(folder / "alone")


def test_a_new_file_between_two_runs_is_all_that_is_done(good):
    code, _, err = ended(start("pipeline", "raw", "out", "--json", "-w", "1", cwd=good))
    assert code == 0, err
    raw_file(good / "raw" / "IV_2.csv", start=NEW_YEAR + 9)
    code, out, err = ended(start("pipeline", "raw", "out", "--json", "-w", "1", cwd=good))
    assert code == 0, err
    report = json.loads(out)
    assert (report["stage"]["opened"], report["segment"]["new"]) == (1, 1)
