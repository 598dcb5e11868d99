"""treadle.toml: what it may set for `treadle code`, and what is said about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

import treadle
from treadle.code.cli import chunking, looking
from treadle.code.cli.options import merged, size, types_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(here: Path, text: str, command=chunking.chunk, **typed) -> str:
    (here / "treadle.toml").write_text(text, "utf-8")
    with pytest.raises(treadle.UsageError) as caught:
        merged(command, typed)
    return str(caught.value)


def test_the_section_of_a_command_goes_over_the_common_one_and_what_is_typed_over_both(here):
    (here / "treadle.toml").write_text(
        "[lab]\nworkers = 9\n[code]\nmax-tokens = 100\noverlap = 10\nexclude = ['x', 'y']\n"
        "[code.chunk]\nmax-tokens = 200\ninto = 'out/chunks.parquet'\n"
    )
    assert merged(chunking.chunk, {"overlap": 5, "workers": None}) == {
        "max_tokens": 200,
        "overlap": 5,
        "exclude": ["x", "y"],
        "into": Path("out/chunks.parquet"),
    }
    assert merged(looking.show, {}) == {"max_tokens": 100, "overlap": 10}


def test_paths_are_taken_from_the_folder_of_the_file(here):
    (here / "conf").mkdir()
    file = here / "conf" / "mine.toml"
    file.write_text("[code]\nroots = ['../src']\ninto = 'c.jsonl'\n")
    values = merged(chunking.chunk, {"config": Path("conf/mine.toml")})
    assert values["roots"] == [Path("conf/../src")]
    assert values["into"] == Path("conf/c.jsonl")
    file.write_text("[code]\ninto = '-'\n")  # which is standard output, and in no folder
    assert merged(chunking.chunk, {"config": Path("conf/mine.toml")})["into"] == Path("-")


@pytest.mark.parametrize(
    ("name", "place"), [("mine.json", "conf/mine.json"), ("~/mine.json", "/home/me/mine.json")]
)
def test_a_tokenizer_is_looked_for_beside_the_file_or_at_home(here, monkeypatch, name, place):
    monkeypatch.setenv("HOME", "/home/me")
    (here / "conf").mkdir()
    (here / "conf" / "mine.toml").write_text(f"[code]\ntokenizer = 'tokenizers:{name}'\n")
    with pytest.raises(treadle.UsageError) as caught:
        merged(chunking.chunk, {"config": Path("conf/mine.toml")})
    assert place in str(caught.value)
    assert "(conf/mine.toml sets tokenizer)" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[code]\nmax-token = 3\n", "unknown setting 'max-token' in [code]|mean max-tokens?"),
        ("[code.chnk]\nx = 3\n", "unknown section '[code.chnk]'|did you mean [code.chunk]?"),
        ("[code]\nmax-tokens = 'x'\n", "[code] max-tokens is 'x'|a whole number"),
        ("[code]\nincremental = 1\n", "incremental is 1|true or false"),
        ("[code.chunk]\ndry-run = true\n", "which holds for one session|type --dry-run"),
        ("[code.show]\ninto = 'x'\n", "unknown setting 'into' in [code.show]"),
        ("code = 3\n", "code is 3|write a section: [code]"),
        ("[code]\nlanguages = ['pyton']\n", "no such language: 'pyton'|'python'"),
        ("[code]\nlanguages = ''\n", "languages takes names of languages, got ''"),
        ("[code]\nbackend = 'dask'\n", "backend takes auto, |got 'dask'|backend = \"auto\""),
        ("[code]\nmax-file-size = 'big'\n", "takes a size, got 'big'|max-file-size = \"5M\""),
        ("[code]\nworkers = 0\n", "workers takes 1 or more, got 0|workers = 1"),
        ("[code]\ntimeout = 0\n", "timeout takes seconds, more than 0, got 0.0|timeout = 60"),
        ("[code]\noverlap = 5000\n", "overlap of 5000 is too large|(treadle.toml sets overlap)"),
    ],
)
def test_what_cannot_be_set_is_named_with_what_was_meant(here, text, said):
    command = looking.show if "[code.show]" in text else chunking.chunk
    message = error(here, text, command)
    assert "treadle.toml" in message
    assert "--" not in message.replace("type --dry-run", "")  # nobody has typed it
    assert all(part in message for part in said.split("|")), message


def test_of_a_budget_that_makes_no_sense_the_part_that_was_not_typed_is_named(here):
    message = error(here, "[code]\noverlap = 300\nmax-lines = 5000\n", max_chars=400)
    assert "overlap of 300 is too large for max_chars=400" in message
    assert "(treadle.toml sets max-lines and overlap)" in message
    (here / "treadle.toml").write_text("[code]\noverlap = 300\n")
    assert merged(chunking.chunk, {"max_chars": 4000})["overlap"] == 300


def test_languages_are_known_by_other_names_and_in_any_case_and_in_one_word(here):
    values = merged(chunking.chunk, {"languages": ["Python, c++", "go"]})
    assert values["languages"] == ["cpp", "go", "python"]


def test_all_options_but_those_of_one_session_may_stand_in_a_file():
    assert types_of(chunking.chunk).keys() >= {"roots", "into", "max_tokens", "timeout", "quiet"}
    assert not types_of(chunking.chunk).keys() & {"dry_run", "stats", "json", "config"}


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("20000", 20_000), ("500k", 500_000), ("1.5 MB", 1_500_000), ("2G", 2 * 10**9)],
)
def test_sizes_are_read_as_people_write_them(text, count):
    assert size(text) == count
