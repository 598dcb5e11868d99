"""The layouts of examples/lab_layouts.py, and the commands and files of docs/lab.md, do work."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from glob import glob
from pathlib import Path

import pytest

from treadle import lab
from treadle.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "lab_layouts.py"
LAYOUTS = [f"{EXAMPLE}:Named", f"{EXAMPLE}:Sidecar"]
DOCS = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "lab-metrics.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "lab-results.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

SWEEP = "0.0\t3.1\n-0.2\t3.6\n-0.4\t4.2\n-0.2\t3.7\n0.0\t3.2"
COLUMNS = "Vsd (V),I (A)\r\n"
ROWS = "0.0,3.1e-06\r\n0.1,3.4e-06\r\n0.0,3.0e-06\r\n"
SAID = {
    "procedure": "IV",
    "started": "2026-01-02T15:30:00+01:00",
    "settings": {"Chip group name": "Demo", "Chip number": 12, "VG": "500 mV"},
}


def in_parquet(frame, stage_root):
    """Return the rows of the one measurement in *frame*."""
    import polars as pl

    return pl.read_parquet(stage_root / frame["path"][0], hive_partitioning=False)


# --- Named ---------------------------------------------------------------------------------------


def test_a_file_without_a_header_is_known_by_its_name(tmp_path):
    path = tmp_path / "IVg_Demo-12_50mV_20260102T153000Z_3.dat"
    path.write_text(SWEEP, encoding="utf-8")
    found = lab.read(path, layouts=LAYOUTS)
    assert (found.procedure, found.chip_name) == ("IVg", "Demo12")
    assert (found.parameters["VDS"], found.units["VDS"]) == (0.05, "V")
    assert found.start_time.isoformat() == "2026-01-02T15:30:00+00:00"
    assert found.start_origin == "metadata"


def test_its_last_line_has_no_end_and_still_counts(tmp_path):
    path = tmp_path / "IVg_Demo-12_50mV_20260102T153000Z_3.dat"
    path.write_text(SWEEP, encoding="utf-8")
    found = lab.read(path, layouts=LAYOUTS)
    assert found.table["Vg (V)"].to_list() == [0.0, -0.2, -0.4, -0.2, 0.0]
    assert found.table["I (A)"].to_list() == [3.1e-6, 3.6e-6, 4.2e-6, 3.7e-6, 3.2e-6]
    assert "TORN_LINE" not in {note.code for note in found.notes}


@pytest.mark.parametrize("name", ["notes.dat", "IVg_Demo_50mV_20260102T153000Z_3.dat"])
def test_a_file_of_another_name_is_no_measurement(name, tmp_path):
    (tmp_path / name).write_text(SWEEP, encoding="utf-8")
    with pytest.raises(lab.NotAMeasurement):
        lab.read(tmp_path / name, layouts=LAYOUTS)


# --- Sidecar -------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    """A plain CSV and its JSON file."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "sweep_1.csv").write_text(COLUMNS + ROWS, encoding="utf-8", newline="")
    (raw / "sweep_1.json").write_text(json.dumps(SAID), encoding="utf-8")
    return raw


def test_a_plain_table_is_known_by_the_file_beside_it(pair):
    found = lab.read(pair / "sweep_1.csv", layouts=LAYOUTS)
    assert (found.procedure, found.chip_name, found.parameters["VG"]) == ("IV", "Demo12", 0.5)
    assert found.start_time.isoformat() == "2026-01-02T14:30:00+00:00"
    assert found.table["I (A)"].to_list() == [3.1e-6, 3.4e-6, 3.0e-6]


def test_notes_count_lines_as_an_editor_does(pair):
    with (pair / "sweep_1.csv").open("a", newline="") as file:
        file.write("0.1,broken\r\n")
    found = lab.read(pair / "sweep_1.csv", layouts=LAYOUTS)
    (text,) = (note.text for note in found.notes if note.code == "BAD_CELLS")
    assert "line 5 'broken'" in text


@pytest.mark.parametrize("text", ["{", "[]", '{"procedure": "IV"}'])
def test_a_broken_json_file_rejects_the_run_and_is_named(text, pair):
    (pair / "sweep_1.json").write_text(text)
    with pytest.raises(lab.Damaged, match=r"sweep_1\.json"):
        lab.read(pair / "sweep_1.csv", layouts=LAYOUTS)


def test_the_run_follows_its_json_file(pair, tmp_path):
    """
    A table without a JSON file is none of ours; it is one as soon as that file comes, and another
    one when that changes, though the table itself stays as it was.
    """
    beside, staged = pair / "sweep_1.json", tmp_path / "stage"
    text = beside.read_text(encoding="utf-8")
    beside.unlink()

    def stage():
        return lab.stage(pair, staged, layouts=LAYOUTS, local_tz="UTC", backend="inline")

    assert stage().by_reason == {"not a measurement": 1}
    beside.write_text(text, encoding="utf-8")
    report = stage()
    assert (report.changed, report.rejected, report.runs) == (1, 0, 1)
    assert stage().opened == 0
    beside.write_text(text.replace("500 mV", "-250 mV"), encoding="utf-8")
    assert stage().opened == 1
    assert lab.manifest(staged)["vg_fixed_v"].to_list() == [-0.25]


def test_both_layouts_beside_that_of_pymeasure_on_worker_processes(pair, tmp_path):
    (pair / "IVg_Demo-12_50mV_20260102T153000Z_3.dat").write_text(SWEEP, encoding="utf-8")
    real = ROOT / "examples" / "measurements" / "Alisson_04_sept" / "IV2025-09-04_1.csv"
    shutil.copy(real, pair)
    report = lab.stage(pair, tmp_path / "stage", layouts=LAYOUTS, local_tz="UTC", workers=2)
    assert (report.new, report.rejected) == (3, 0)
    table = in_parquet(lab.manifest(tmp_path / "stage", procedure="IVg"), tmp_path / "stage")
    assert table["I (A)"].to_list() == [3.1e-6, 3.6e-6, 4.2e-6, 3.7e-6, 3.2e-6]


# --- docs/lab.md and the section of README.md ----------------------------------------------------


def block(language: str) -> str:
    """Return the one block of that language in docs/lab.md."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    return found


def commands(text: str) -> list[str]:
    return re.findall(r"^\$ (treadle lab .*)$", text, re.MULTILINE)


@pytest.fixture
def laboratory(tmp_path, monkeypatch):
    """A folder as the commands expect it: data, among them a procedure not known, and layouts."""
    shutil.copytree(ROOT / "examples" / "measurements", tmp_path / "data" / "raw")
    shutil.copy(EXAMPLE, tmp_path)
    known = tmp_path / "data" / "raw" / "Alisson_04_sept" / "IV2025-09-04_1.csv"
    (tmp_path / "data" / "raw" / "new").mkdir()
    text = known.read_text(encoding="utf-8").replace("IV.IV>", "IVsaw.IVsaw>")
    (tmp_path / "data" / "raw" / "new" / "IVsaw_1.csv").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str, capsys) -> int:
    """Run a line as a shell would, patterns and a redirection included; return the exit code."""
    words, _, target = line.partition(" > ")
    arguments = [
        found
        for word in shlex.split(words, comments=True)
        for found in sorted(glob(word)) or [word]
    ]
    capsys.readouterr()
    code = main(arguments[1:])
    if target:
        Path(target).write_text(capsys.readouterr().out, encoding="utf-8")
    return code


@pytest.mark.parametrize(
    "text",
    [DOCS, METRICS, RESULTS, README],
    ids=["lab.md", "lab-metrics.md", "lab-results.md", "README.md"],
)
def test_the_commands_work_in_the_order_in_which_they_stand(text, laboratory, capsys):
    """
    Some files of the examples are rejected, so 1 is as good as 0.
    """
    (laboratory / "treadle.toml").write_text('[lab]\nbackend = "inline"\n', encoding="utf-8")
    shutil.copy(ROOT / "examples" / "chips.yml", laboratory)
    lines = commands(text)
    assert len(lines) >= 4
    for line in lines:
        code = run(line, capsys)
        assert code in ({0, 1} if "pipeline" in line else {0}), line + capsys.readouterr().err


def test_the_file_of_settings_works(laboratory, capsys):
    (laboratory / "treadle.toml").write_text(block("toml"), encoding="utf-8")
    (laboratory / "procedures.yml").write_text(block("yaml"), encoding="utf-8")
    assert run("treadle lab pipeline --backend inline", capsys) == 1, capsys.readouterr().err
    staged = lab.manifest(laboratory / "data" / "out" / "stage", status="staged")
    assert set(staged["local_tz"]) == {"America/Santiago"}
    assert "humidity_pct" in staged.columns


def test_the_schema_adds_a_procedure_and_a_column_of_the_manifest(tmp_path):
    (tmp_path / "procedures.yml").write_text(block("yaml"), encoding="utf-8")
    schema = lab.load_schema(tmp_path / "procedures.yml")
    assert schema.procedures["IVsaw"].sweep == "Vsd (V)"
    assert schema.manifest_columns["humidity_pct"] == ("Humidity", "Rel. humidity")
    assert schema.get("IVg") == lab.load_schema().get("IVg")


def test_the_docs_name_every_procedure_that_is_known():
    assert [
        name for name in lab.load_schema().procedures if not re.search(rf"\b{name}\b", DOCS)
    ] == []
