"""``treadle lab report``: from what a pipeline has made of real files to a page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from treadle import lab
from treadle.cli import main
from treadle.lab.page import about
from treadle.lab.page.writing import text_of
from treadle.lab.roots import roots

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = (
    "2025-10-14/It2025-10-14_17.csv", "2025-10-14/IVg2025-10-14_20.csv",
    "2025-10-16/IVg2025-10-16_1.csv", "Alisson_12_sept/LaserCalibration2025-09-12_2.csv",
)  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """What a pipeline makes of three runs of the chip Alisson67 and a calibration."""
    raw = tmp_path_factory.mktemp("raw")
    for name in FILES:
        (raw / name).parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / name, raw / name)
    out = tmp_path_factory.mktemp("lab") / "out"
    chips = out / "chips.yml"
    chips.parent.mkdir()
    chips.write_text("chips:\n  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}\n")
    lab.pipeline(raw, out, local_tz="UTC", backend="inline")
    return out


def said(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_page_of_a_chip_has_all_that_is_known_of_it(out, capsys):
    assert main(["lab", "report", "67", str(out)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == out / "reports" / "Alisson67.html"
    page = said(path)
    assert page.count('<tr id="run-') == 3
    for words in ("3 runs, 2025-10-14 to 2025-10-16", "43 nm of hBN", "charge neutrality point",
                  "mobility_fe_holes (cm²/(V·s))", "F1 (M92L02)", "treadle lab report 67",
                  "charge_neutrality 1"):  # fmt: skip
        assert words in page
    assert page.count('<svg class="drawn') >= 3


def test_what_is_asked_for_is_shown_and_put_where_it_is_wanted(out, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(out)
    to = tmp_path / "new" / "of mine.html"
    options = ["--to", str(to), "--since", "2025-10-15", "--no-plots"]
    assert main(["lab", "report", "alisson67", *options]) == 0
    assert capsys.readouterr().out == f"{to}\n"
    page = said(to)
    assert "Only runs since 2025-10-15 are shown." in page
    assert page.count('<tr id="run-') == 1
    assert "Latest curves" not in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["66"], "the nearest are Alisson67"),
        (["Alison67"], "did you mean Alisson67?"),
        (["67", "--since", "2026"], "has no run since 2026-01-01"),
        (["67", "--since", "soon"], "'soon' is no date"),
        (["67", "--to", "{}/stage"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(out, tmp_path, capsys, typed, words):
    chip, *options = (each.format(out) for each in typed)
    before = sorted(out.rglob("*"))
    assert main(["lab", "report", chip, str(out), *options]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
    assert sorted(out.rglob("*")) == before


def test_a_folder_without_measurements_is_no_laboratory(tmp_path, capsys):
    assert main(["lab", "report", "67", str(tmp_path)]) == 2
    assert "holds no staged measurements" in capsys.readouterr().err


def test_the_chip_file_that_metrics_were_found_with_counts_where_there_is_no_other(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    shutil.move(copy / "chips.yml", tmp_path / "elsewhere.yml")
    none = roots(copy)
    assert "dielectric below" not in text_of(about(none, 67))
    lab.metrics(
        copy / "stage", copy / "metrics", chip_file=tmp_path / "elsewhere.yml", backend="inline"
    )
    (tmp_path / "elsewhere.yml").unlink()
    found = about(roots(copy), 67)
    assert found.entry is not None
    assert found.chip_file is not None
    assert found.chip_file.is_relative_to(copy / "metrics")
    assert "43 nm of hBN" in text_of(found)
