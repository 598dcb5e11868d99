"""The chip file: what it says, where it is found, and how its mistakes are told."""

from __future__ import annotations

import os
import pickle

import pytest

import treadle
from treadle.lab.chips import MATERIALS, Range, find_chips, load_chips

GOOD = """
materials:
  mica: 7
  biotite: [5, 6.5]
length_over_width: [2, 3]
chips:
  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}
  Alisson68: {material: biotite, top_hBN_nm: 58, bottom_dielectric_nm: 30, length_over_width: 3.2}
  Demo67:
    material: mica
    top_hBN_nm: 10
    bottom_dielectric_nm: 20
    flake_area_um2: 120
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="chips.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write


# --- what it says -------------------------------------------------------------------------------


def test_a_chip_is_found_by_its_name_and_else_by_its_number(write):
    file = load_chips(write(GOOD))
    assert file.of("Alisson67", 67).name == "67"
    assert file.of("Demo67", 67).name == "Demo67"
    assert file.of("Alisson68", 68).name == "Alisson68"
    assert file.of("Other68", 68) is None
    assert file.of(None, None) is None


def test_what_a_chip_does_not_say_is_said_for_all_of_them(write):
    file = load_chips(write(GOOD))
    assert file.of("67").length_over_width == Range(2, 3)
    assert file.of("Alisson68").length_over_width == Range(3.2, 3.2)
    assert file.of("67").bottom_permittivity == MATERIALS["hBN"]
    assert file.of("Alisson68").bottom_permittivity == Range(5, 6.5)
    assert file.of("Demo67").bottom_permittivity == Range(7, 7)
    assert file.of("Demo67").flake_area_um2 == 120


def test_without_a_word_on_it_the_length_is_three_to_four_times_the_width(write):
    text = "chips:\n  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}"
    assert load_chips(write(text)).of("67").length_over_width == Range(3, 4)


def test_the_capacitance_is_that_of_both_dielectrics_in_series(write):
    chip = load_chips(write(GOOD)).of("67")
    assert chip.capacitance() == pytest.approx(8.8541878128e-12 * 3.5 / 97e-9)
    assert chip.capacitance(0) < chip.capacitance() < chip.capacitance(1)
    mixed = load_chips(write(GOOD)).of("Demo67")
    one, other = (8.8541878128e-12 * 3.5 / 10e-9), (8.8541878128e-12 * 7 / 20e-9)
    assert mixed.capacitance() == pytest.approx(one * other / (one + other))


def test_a_chip_travels_to_workers(write):
    chip = load_chips(write(GOOD)).of("67")
    assert pickle.loads(pickle.dumps(chip)) == chip


# --- its mistakes -------------------------------------------------------------------------------

CHIP = "chips:\n  67: {{material: hBN, top_hBN_nm: {top}, bottom_dielectric_nm: 43{more}}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: must be a mapping of names to values, got None"),
        ("chips: 3", "chips: must be a mapping of names to values, got 3"),
        ("chips:\n  67: 5", "chips.67: must be a mapping of names to values, got 5"),
        (CHIP.format(top=-4, more=""), "chips.67.top_hBN_nm: must be above zero, got -4"),
        (CHIP.format(top="thin", more=""), "chips.67.top_hBN_nm: must be a number, got 'thin'"),
        (CHIP.format(top=".nan", more=""), "chips.67.top_hBN_nm: must be"),
        (CHIP.format(top=4, more=", width: 3"), "chips.67.width: is not known here, got 3"),
        (
            CHIP.format(top=4, more=", length_over_width: [4, 3]"),
            "length_over_width: must be a number above zero, or [lowest, highest], got [4, 3]",
        ),
        ("chips:\n  67: {material: hBN, top_hBN_nm: 5}", "chips.67.bottom_dielectric_nm: is mis"),
        ("materials: {hBN: 0}\nchips: {}", "materials.hBN: must be a number above zero"),
        ("material: {}\nchips: {}", "material: is not known here"),
        ("chips:\n  67: 1\n  67: 2", "chips.yml:3: chips.67 stands twice"),
        ("chips: [", "no YAML"),
        ("chips: &a {b: *a}", "chips.b.material: is missing"),
    ],
)
def test_a_mistake_is_told_with_its_file_its_place_and_what_stands_there(write, text, told):
    path = write(text)
    with pytest.raises(treadle.UsageError) as error:
        load_chips(path)
    assert str(path) in str(error.value)
    assert told in str(error.value)
    assert error.value.hint


def test_a_material_that_nobody_knows_is_guessed(write):
    text = "chips:\n  67: {material: hbn, top_hBN_nm: 54, bottom_dielectric_nm: 43}"
    with pytest.raises(treadle.UsageError, match=r"'hbn' is .*did you mean 'hBN'"):
        load_chips(write(text))
    with pytest.raises(treadle.UsageError, match="give its permittivity below `materials`"):
        load_chips(write(text.replace("hbn", "Al2O3")))


def test_all_mistakes_are_told_at_once(write):
    text = CHIP.format(top=-4, more=", width: 3")
    with pytest.raises(treadle.UsageError, match=r"top_hBN_nm[^\0]*width") as error:
        load_chips(write(text))
    assert error.value.hint == "correct these 2 entries"


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(treadle.UsageError, match="No such file"):
        load_chips(tmp_path / "none.yml")
    (tmp_path / "chips.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(treadle.UsageError, match="no YAML"):
        load_chips(tmp_path / "chips.yml")


# --- where it is found --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chips.yml", "config/chips.yml"])
@pytest.mark.parametrize("mark", ["treadle.toml", ".git"])
def test_it_is_found_in_the_project_of_the_stage_root(write, tmp_path, name, mark):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / mark).touch()
    there = write(GOOD, f"project/{name}")
    assert find_chips(tmp_path / "project/data/out/stage") == there


def test_the_nearest_one_counts(write, tmp_path):
    write("", "treadle.toml")
    write(GOOD, "chips.yml")
    near = write(GOOD, "out/config/chips.yml")
    assert find_chips(tmp_path / "out/stage") == near


def test_beyond_the_project_it_is_not_looked_for(write, tmp_path):
    write(GOOD, "chips.yml")
    write("", "project/treadle.toml")
    assert find_chips(tmp_path / "project/out/stage") is None


def test_without_a_project_only_the_folder_of_the_stage_root_counts(write, tmp_path):
    if any((folder / ".git").exists() for folder in tmp_path.parents):
        pytest.skip("the temporary folder is in a project")
    write(GOOD, "chips.yml")
    assert find_chips(tmp_path / "out/stage") is None
    there = write(GOOD, "out/chips.yml")
    assert find_chips(tmp_path / "out/stage") == there


def test_the_current_folder_does_not_matter(write, tmp_path, monkeypatch):
    write("", "project/treadle.toml")
    there = write(GOOD, "project/chips.yml")
    write(GOOD, "elsewhere/chips.yml")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_chips(tmp_path / "project/out/stage") == there
    assert find_chips(os.path.relpath(tmp_path / "project/out/stage")) == there
    there.unlink()
    assert find_chips(tmp_path / "project/out/stage") is None
