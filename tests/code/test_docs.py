"""What docs/code.md shows can be typed, in that order and offline, and comes out as shown."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from treadle import code
from treadle.cli import main
from treadle.code.languages import registry
from treadle.code.values import KINDS, REASONS, SKIPPED, Chunk, FileChunks

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "code.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# "`cache.py`:" above a block says what the file is called.
TITLE = re.compile(r"^`([\w./-]+)`:\n\n\Z", re.MULTILINE)
# Programs to run; other blocks show functions, or a package.
RUNS = re.compile(r"import code_loaders$|from pathlib import Path$", re.MULTILINE)
# Said while a run goes on; the docs leave it out.
PROGRESS = re.compile(r"code .+: [\d,]+ items?|\d+/\d+(,|$)")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own, and the examples to import."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "code_loaders", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def section(title):
    """Return the text below a heading, down to the next of its level."""
    level = title.split(" ", 1)[0]
    return re.split(rf"^#{{1,{len(level)}}} ", DOCS.split(f"\n{title}\n")[1], flags=re.MULTILINE)[0]


def first_cells(text):
    """Return what stands in the first cells of the rows of all tables, in ``backticks``."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def plain(text):
    """Return *text* without progress, times, speeds and versions, which differ."""
    lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
    lines = [re.sub(r" in \d[\d.]* s(, [\d.]+ \w?B/s)?:", " in 0.0 s:", line) for line in lines]
    lines = [re.sub(r"(tree-sitter-\w+) [\d.]+", r"\1 0.0", line) for line in lines]
    return [line for line in lines if line]


def type_in(line, shown, capsys):
    """Type a command of ours, and compare what it says with what is shown."""
    words = shlex.split(line, comments=True)
    target = words[-1] if ">" in words else ""
    words = words[1 : words.index(">")] if target else words[1:]
    told = re.search(r"# exit code (\d+)", line)
    capsys.readouterr()
    ended = main(words)
    said = capsys.readouterr()
    assert ended == (int(told[1]) if told else 0), f"{line}\n{said.err}"
    if target:
        Path(target).write_text(said.out, encoding="utf-8")
    elif shown:
        assert plain(said.out + said.err) == plain(shown), line


def follow(text, capsys):
    """Do all that *text* shows, from the top; return how many commands and programs there were."""
    count = 0
    for place in BLOCK.finditer(text):
        language, block = place.groups()
        title = TITLE.search(text, 0, place.start())
        if title is not None:
            Path(title[1]).parent.mkdir(exist_ok=True)
            Path(title[1]).write_text(block, encoding="utf-8")
        elif language == "python" and RUNS.match(block):
            exec(compile(block, "docs/code.md", "exec"), {"__name__": "docs"})
            count += 1
        elif language == "console":
            for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, shown = session.partition("\n")
                if line.startswith("treadle code"):
                    type_in(line, shown, capsys)
                    count += 1
    return count


def test_the_docs_can_be_followed_from_the_top(folder, capsys):
    assert follow(DOCS, capsys) >= 9
    assert (folder / "chunks.html").is_file()
    rows = [json.loads(line) for line in (folder / "chunks.jsonl").read_text().splitlines()]
    assert {row["path"] for row in rows} >= {"cache.py", "notes.md"}
    overlapping = (folder / "overlapping.jsonl").read_text().splitlines()
    assert any(json.loads(line)["overlap"] for line in overlapping)


def test_the_commands_of_the_readme_work(folder, capsys):
    (folder / "src").mkdir()
    (folder / "src" / "cache.py").write_text("def f():\n    return 1\n")
    text = README.split("\n## Source code\n")[1].split("\n## ")[0]

    assert follow(text, capsys) >= 3


def test_the_tables_list_the_fields_the_kinds_and_the_reasons_that_there_are():
    listed = first_cells(section("## What is in a chunk"))

    assert tuple(listed[: len(Chunk._fields)]) == Chunk._fields
    assert listed[len(Chunk._fields) :] == list(KINDS)
    assert all(f"| `{kind}` | {words} |" in DOCS for kind, words in KINDS.items())
    reasons = section("## Files that are not cut as they should be")
    assert set(first_cells(reasons)) == set(REASONS)
    for reason in REASONS:
        status = "skipped" if reason in SKIPPED else "degraded"
        assert f"| `{reason}` | {status} | " in reasons


def test_the_table_of_options_lists_those_that_there_are(capsys):
    main(["code", "chunk", "--help"])
    helped = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    table = section("## Options").split("| command |")[0]
    listed = set(re.findall(r"--[a-z][a-z-]+", table)) - {"--no-"}

    assert {name for name in helped if not name.startswith("--no-")} == {
        name for name in listed if not name.startswith("--no-")
    }


def test_the_public_names_are_those_that_are_listed():
    listed = section("## From Python").split("All public names:")[1]
    names = re.findall(r"`code\.(\w+)", listed)

    assert sorted(names) == sorted(code.__all__)
    assert all(f"`{name}`" in listed for name in FileChunks.__dataclass_fields__)


def test_the_settings_that_are_shown_are_read(folder, capsys):
    (block,) = (text for language, text in BLOCK.findall(DOCS) if "[code.chunk]" in text)
    (folder / "treadle.toml").write_text(block, encoding="utf-8")
    (folder / "a.py").write_text("x = 1\n")
    (folder / "tests" / "fixtures").mkdir(parents=True)
    (folder / "tests" / "fixtures" / "b.py").write_text("x = 1\n")

    assert main(["code", "chunk", ".", "--quiet"]) == 0
    assert (folder / "chunks.parquet").is_file()
    capsys.readouterr()
    assert main(["code", "stats", "chunks.parquet", "--json"]) == 0
    assert "fixtures" not in json.dumps(json.loads(capsys.readouterr().out))


def test_the_loaders_that_are_shown_are_those_of_the_example(folder):
    import code_loaders

    shown = [
        text for _, text in BLOCK.findall(section("## Into an index")) if text.startswith("def")
    ]
    assert len(shown) >= 2
    for text in shown:
        name = re.match(r"def (\w+)", text)[1]
        assert text == inspect.getsource(getattr(code_loaders, name))
    for name in first_cells(section("## Into an index")):
        assert callable(getattr(code_loaders, name))


def test_the_package_that_is_shown_is_that_of_the_example():
    blocks = BLOCK.findall(section("## A language of your own"))

    assert blocks == [
        ("toml", (EXAMPLES / "code_language" / "pyproject.toml").read_text(encoding="utf-8")),
        (
            "python",
            (EXAMPLES / "code_language" / "treadle_starlark.py").read_text(encoding="utf-8"),
        ),
    ]


BUILD = """\
load("//rules:go.bzl", "go_binary")

# What is served.
go_binary(
    name = "server",
    srcs = glob(["*.go"]),
)

def helper(name):
    return name + "_test"
"""


def test_a_language_of_another_package_is_cut_by_its_grammar(tmp_path):
    project = tomllib.loads((EXAMPLES / "code_language" / "pyproject.toml").read_text())["project"]
    (points,) = project["entry-points"].items()
    lines = "".join(f"{name} = {value}\n" for name, value in points[1].items())
    info = tmp_path / "site" / "treadle_starlark-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: treadle-starlark\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(f"[{points[0]}]\n{lines}")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "BUILD").write_text(BUILD)
    where = [
        str(tmp_path / "site"),
        str(EXAMPLES / "code_language"),
        os.environ.get("PYTHONPATH", ""),
    ]

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "treadle", "code", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(where)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    rows = [json.loads(line) for line in run("chunk", str(tmp_path / "tree"), "--into", "-",
                                             "--max-chars", "90").splitlines()]  # fmt: skip
    assert "".join(row["text"] for row in rows) == BUILD
    assert {row["language"] for row in rows} == {"starlark"}
    assert {(row["kind"], row["symbol"]) for row in rows} >= {
        ("rule", "server"),
        ("function", "helper"),
    }
    assert "starlark" in run("languages")


def test_the_languages_that_are_listed_are_those_that_there_are():
    spoken = [each for each in registry.known_languages() if each.grammar is not None]
    mine = section("## Languages")
    wheels = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    first, second = mine.split("With a grammar that is used")

    def package(each):
        return registry.facts(each.grammar).package

    ours = {re.split(r"[>=]", each)[0] for each in wheels["code"]}
    assert set(re.findall(r"`([\w-]+)`", first)) == {
        each.name for each in spoken if package(each) in ours
    }
    assert set(re.findall(r"`([\w-]+)`", second.split(":\n", 1)[1])) == {
        each.name for each in spoken if package(each) not in ours
    }


def test_the_example_of_loaders_needs_nothing_to_be_imported():
    spec = importlib.util.spec_from_file_location("bare_loaders", EXAMPLES / "code_loaders.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)

    assert callable(made.into_sqlite)
