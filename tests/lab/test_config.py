"""treadle.toml: what it may set for `treadle lab`, and what is said about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

import treadle
from treadle.lab.config import settings

KNOWN: dict[str, type] = {
    "workers": int,
    "strict": bool,
    "dv_threshold": float,
    "local_tz": str,
    "raw_root": Path,
    "layout": list[str],
    "extra": list[Path],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(text: str, here: Path, command: str = "stage", **options) -> str:
    (here / "treadle.toml").write_text(text, "utf-8")
    with pytest.raises(treadle.UsageError) as caught:
        settings(command, known=KNOWN, **options)
    return str(caught.value)


def test_without_a_file_nothing_is_set(here):
    assert settings("stage", known=KNOWN) == {}


def test_the_file_of_the_current_folder_is_read_and_none_above_it(here, monkeypatch):
    (here / "treadle.toml").write_text("[lab]\nworkers = 3\n")
    assert settings("stage", known=KNOWN) == {"workers": 3}
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert settings("stage", known=KNOWN) == {}


def test_a_section_of_the_command_goes_over_the_common_one(here):
    (here / "treadle.toml").write_text(
        '[other]\nx = 1\n[lab]\nworkers = 3\nlocal-tz = "UTC"\n'
        "[lab.stage]\nworkers = 6\nstrict = true\n[lab.segment]\ndv_threshold = 1\n"
    )
    assert settings("stage", known=KNOWN) == {"workers": 6, "local_tz": "UTC", "strict": True}
    assert settings("segment", known=KNOWN) == {
        "workers": 3,
        "local_tz": "UTC",
        "dv_threshold": 1.0,
    }
    assert settings("pipeline", known=KNOWN) == {"workers": 3, "local_tz": "UTC"}


def test_values_have_the_type_of_their_option(here):
    (here / "treadle.toml").write_text(
        "\ufeff[lab]\ndv-threshold = 1\nlayout = 'mine.py:Layout'\nextra = ['a', '/b']\n", "utf-8"
    )
    found = settings("stage", known=KNOWN)
    assert found == {
        "dv_threshold": 1.0,
        "layout": ["mine.py:Layout"],
        "extra": [Path("a"), Path("/b")],
    }
    assert type(found["dv_threshold"]) is float


def test_paths_are_taken_from_the_folder_of_the_file_that_names_them(here, monkeypatch):
    (here / "project").mkdir()
    file = here / "project" / "lab.toml"
    file.write_text("[lab.stage]\nraw-root = 'data/raw'\n")
    assert settings("stage", file, KNOWN) == {"raw_root": here / "project" / "data" / "raw"}
    monkeypatch.setenv("HOME", str(here / "home"))
    file.write_text("[lab]\nraw-root = '~/raw'\n")
    assert settings("stage", file, KNOWN) == {"raw_root": here / "home" / "raw"}


def test_the_file_that_is_named_takes_the_place_of_the_one_in_the_folder(here):
    (here / "treadle.toml").write_text("[lab]\nworkers = 3\n")
    (here / "mine.toml").write_text("[lab]\nstrict = true\n")
    assert settings("stage", "mine.toml", KNOWN) == {"strict": True}


def test_a_file_that_was_named_and_is_not_there_is_an_error(here):
    with pytest.raises(treadle.UsageError, match=r"nowhere\.toml: No such file"):
        settings("stage", "nowhere.toml", KNOWN)


@pytest.mark.parametrize("section", ["lab", "lab.stage"])
def test_an_unknown_setting_names_the_file_and_the_one_that_was_meant(here, section):
    said = error(f"[{section}]\nraw-rot = 'x'\n", here)
    assert said == (
        f"treadle.toml: unknown setting 'raw-rot' in [{section}]\nhint: did you mean raw-root?"
    )


def test_a_setting_of_another_command_may_stand_in_the_common_section_only(here):
    (here / "treadle.toml").write_text("[lab]\nmin-segment-points = 5\n")
    assert settings("stage", known=KNOWN, of_others=["min_segment_points"]) == {}
    said = error("[lab.stage]\nmin-segment-points = 5\n", here, of_others=["min_segment_points"])
    assert "unknown setting 'min-segment-points' in [lab.stage]" in said


def test_an_unknown_section_is_an_error(here):
    said = error("[lab.stagee]\nworkers = 3\n", here)
    assert "unknown section '[lab.stagee]'" in said
    assert "did you mean [lab.stage]?" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("workers = '3'", "[lab] workers is '3'\nhint: write a whole number"),
        ("workers = true", "[lab] workers is True\nhint: write a whole number"),
        ("workers = 1.5", "[lab] workers is 1.5\nhint: write a whole number"),
        ("strict = 1", "[lab] strict is 1\nhint: write true or false"),
        ("dv_threshold = 'x'", "[lab] dv_threshold is 'x'\nhint: write a number"),
        ("local-tz = 3", "[lab] local-tz is 3\nhint: write text in quotes"),
        ("raw-root = 3", "[lab] raw-root is 3\nhint: write a path in quotes"),
        ("layout = ['a', 3]", "[lab] layout is 3\nhint: write text in quotes"),
        ("raw-root = 'a'\nraw_root = 'b'", "[lab] sets 'raw_root' twice"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_says_what_to_write(here, line, said):
    assert f"treadle.toml: {said}" in error(f"[lab]\n{line}\n", here)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lab]\nworkers = = 3\n", "line 2"),
        ("[lab]\nraw-root = data\n", "quotes"),
        ("lab = 3\n", "write a section: [lab]"),
    ],
)
def test_a_file_that_is_not_sound_is_named_with_what_to_do(here, text, said):
    message = error(text, here)
    assert message.startswith("treadle.toml")
    assert said in message


def test_a_file_that_is_no_text_is_an_error(here):
    (here / "treadle.toml").write_text("[lab]\n", "utf-16")
    with pytest.raises(treadle.UsageError, match="not UTF-8"):
        settings("stage", known=KNOWN)
