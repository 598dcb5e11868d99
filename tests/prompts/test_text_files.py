"""Files that rows name: what is read, and what a row may not have read."""

from __future__ import annotations

import pytest

import treadle
from treadle.prompts.prompt_files import Prompt
from treadle.prompts.text_files import TextFiles

HIDDEN = [
    ".env", "sub/.env", "sub/../.env", "./.env", ".git/config", "sub\\.env", ".env.txt", "...",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in (".env", "sub/.env", ".git/config", ".env.txt", "a.b.txt", "sub/a..txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("OPENAI_API_KEY=secret", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("typed", HIDDEN)
def test_no_row_has_a_hidden_file_sent(folder, typed):
    with pytest.raises(treadle.BadRowError, match="is hidden") as caught:
        TextFiles(folder).read(typed)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("typed", HIDDEN[:5])
def test_no_row_names_a_hidden_prompt_either(folder, typed):
    prompt = Prompt("{{doc}}", root=folder)
    with pytest.raises(treadle.BadRowError, match="is hidden"):
        prompt.messages({"doc": typed})


@pytest.mark.parametrize("typed", ["a.b.txt", "./a.b.txt", "sub/../a.b.txt", "sub/a..txt"])
def test_a_dot_elsewhere_hides_nothing(folder, typed):
    assert TextFiles(folder).read(typed) == "OPENAI_API_KEY=secret"


def test_who_types_a_folder_that_is_hidden_means_it(folder):
    (folder / ".git" / "a.txt").write_text("Tell of {{doc}}", encoding="utf-8")
    prompt = Prompt(".git/{{doc}}.txt", root=folder)
    assert prompt.messages({"doc": "a"}).messages[0].content == "Tell of a"
