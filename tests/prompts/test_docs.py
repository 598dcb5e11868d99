"""What docs/prompts.md shows can be typed, in that order and offline, and comes out as shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from treadle.cli import main
from treadle.prompts.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# "`rows.csv`:" or "`rows.csv`, for the mock:" above a block says what the file is called.
TITLE = re.compile(r"^`([\w.-]+)`[^\n`]*:\n\n\Z", re.MULTILINE)
# Said while a run goes on; the docs leave it out.
PROGRESS = re.compile(r"prompts .+: [\d,]+ requests?$|\d+/\d+(,|$)")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own, without any key."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(line: str) -> tuple[list[str], str, int]:
    """Return the words of a line, where its output goes, and the exit code that it tells of."""
    told = re.search(r"# exit code (\d+)", line)
    words = shlex.split(line, comments=True)
    target = words[-1] if ">" in words else ""
    return words[1 : words.index(">")] if target else words[1:], target, int(told[1]) if told else 0


def plain(text: str) -> list[str]:
    """Return *text* without progress, times and ids of runs, which differ each time."""
    lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
    lines = [line.replace(f"{Path.cwd()}/", "") for line in lines]
    lines = [re.sub(r"in \d+\.\d s;", "in 0.0 s;", line) for line in lines]
    return [re.sub(r"\b\d{6}-\d{6}\w*", "RUN", line) for line in lines]


def follow(text: str, capsys) -> int:
    """Type all commands of ours in *text*, and compare what they say with what is shown."""
    count = 0
    for place in BLOCK.finditer(text):
        language, block = place.groups()
        title = TITLE.search(text, 0, place.start())
        if language != "console":
            if title is not None:
                Path(title[1]).write_text(block, encoding="utf-8")
            continue
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = session.partition("\n")
            if not line.startswith("treadle prompts"):
                continue
            words, target, code = typed(line)
            capsys.readouterr()
            assert main(words) == code, line + "\n" + capsys.readouterr().err
            said = capsys.readouterr()
            if target:
                Path(target).write_text(said.out, encoding="utf-8")
            elif shown:
                assert plain(said.out + said.err) == plain(shown), line
            count += 1
    return count


def test_the_docs_can_be_followed_from_the_top(folder, capsys):
    assert follow(DOCS, capsys) >= 12
    assert len(list(folder.glob("*results.csv"))) == 2
    assert (folder / "results.html").is_file()


def test_the_commands_of_the_readme_work(folder, capsys):
    assert follow(README, capsys) >= 3
    assert (folder / "results.csv").is_file()


def test_the_settings_that_are_shown_make_the_lanes_that_they_speak_of(folder):
    (block,) = (
        block[1] for block in BLOCK.findall(DOCS) if block[0] == "toml" and "[prompts]" in block[1]
    )
    (folder / "treadle.toml").write_text(block, encoding="utf-8")
    environment = {"GPU_KEY": "secret", "TEAM": "optics", "OPENAI_API_KEY": "another"}
    settings = Settings.load(None, environment)
    gpu = settings.lanes()["gpu"]
    assert (gpu.provider, gpu.url, gpu.rpm) == ("openai", "http://gpu-1:8000/v1", 600)
    assert gpu.key is not None
    assert gpu.key.reveal() == "secret"
    assert gpu.headers == {"X-Team": "optics"}
    assert settings.prices()["my-model"]["input"] > 0


def test_the_entry_point_that_is_shown_is_that_of_the_example():
    (block,) = (block[1] for block in BLOCK.findall(DOCS) if "entry-points" in block[1])
    example = (ROOT / "examples" / "prompts_provider.py").read_text(encoding="utf-8")
    assert all(line in example for line in block.splitlines())
    assert len(re.findall(r"^class ", example, re.MULTILINE)) == 1
