""".env: what is read, from where, and that no line of it is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts import dotenv


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1", {"A": "1"}),
        ("  A = some words  ", {"A": "some words"}),
        ("A=", {"A": ""}),
        ("A=x=y==", {"A": "x=y=="}),
        ("A=1\nA=2", {"A": "2"}),
        ("# A=1\n\nB=2", {"B": "2"}),
        ("A=sk-1 # the key", {"A": "sk-1"}),
        ("A=sk#1", {"A": "sk#1"}),
        ("A= # nothing", {"A": ""}),
        ("A='it is $HOME # all of it'", {"A": "it is $HOME # all of it"}),
        ('A="two\\nlines" # comment', {"A": "two\nlines"}),
        ('A="a \\"quote\\" and \\\\"', {"A": 'a "quote" and \\'}),
        ('A="first\nsecond"\nB=2', {"A": "first\nsecond", "B": "2"}),
        ("A=\"\"\nB=''", {"A": "", "B": ""}),
    ],
)
def test_a_line_is_read_as_it_is_meant(text, values):
    assert dotenv.parse(text) == (values, [])


def test_quotes_that_do_not_end_where_the_line_does_are_no_guess():
    assert dotenv.parse("A='don't'\nB=2") == (
        {"B": "2"},
        ["line 1: the quotes around A do not close"],
    )


def test_a_line_that_cannot_be_read_is_named_by_its_number_and_never_shown():
    found, problems = dotenv.parse("A=1\nsk-secret-key\nB=2\nC='sk-open\n")
    assert found == {"A": "1", "B": "2"}
    assert problems == ["line 2 is not NAME=value", "line 4: the quotes around C do not close"]


def test_the_nearest_file_of_the_folders_above_is_read(tmp_path):
    (tmp_path / ".env").write_text("A=far\nB=far")
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    assert dotenv.load(below).values == {"A": "far", "B": "far"}
    (tmp_path / "one" / ".env").write_bytes(b"\xef\xbb\xbfA=near\nnonsense\n")
    found = dotenv.load(below)
    assert found.path == tmp_path / "one" / ".env"
    assert found.values == {"A": "near"}
    assert found.problems == (f"{tmp_path / 'one' / '.env'}: line 2 is not NAME=value",)


def test_a_folder_called_env_is_passed_over(tmp_path):
    (tmp_path / "below" / ".env").mkdir(parents=True)
    (tmp_path / ".env").write_text("A=1")
    assert dotenv.load(tmp_path / "below").values == {"A": "1"}


def test_what_is_set_in_the_environment_goes_over_the_file(tmp_path):
    (tmp_path / ".env").write_text("A=file\nB=file")
    assert dotenv.load(tmp_path).under({"A": "set", "C": "set"}) == {
        "A": "set",
        "B": "file",
        "C": "set",
    }


def test_a_file_that_is_not_utf_8_is_said(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(treadle.UsageError, match=r"not UTF-8 text \(byte 2\)"):
        dotenv.load(tmp_path)


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("A=1")

    def refuse(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)  # root, who may run this, reads anything
    with pytest.raises(treadle.UsageError, match="Permission denied"):
        dotenv.load(tmp_path)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_characters="\r\x00"))))
def test_any_value_in_double_quotes_comes_back(values):
    lines = []
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{escaped}"')
    assert dotenv.parse("\n".join(lines)) == (values, [])


@given(st.text(st.sampled_from("AB=\"'\\# \n\r\t$export")))
def test_nothing_makes_it_fail(text):
    values, problems = dotenv.parse(text)
    assert all(isinstance(value, str) for value in values.values())
    assert len(problems) <= text.count("\n") + text.count("\r") + 1
