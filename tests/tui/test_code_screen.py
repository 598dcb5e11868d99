"""The screens of source code, used as somebody would, on sources that were really cut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from textual.visual import visualize

from treadle import UsageError, code
from treadle.code.contents import Contents
from treadle.tui.sources.files_screen import FilesScreen
from treadle.tui.sources.layout import laid_out
from treadle.tui.sources.source_screen import SourceScreen
from treadle.tui.sources.source_view import SourceView
from treadle.tui.sources.uncut import Uncut
from treadle.tui.widgets.grid import Grid

SAMPLES = Path(__file__).parents[1] / "code" / "samples"
NASTY = 'def [red](): # \x1b[31m\n    return "[/red]"\n\tx = "\u202e"\n'


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with a few files, one of which is named and filled to be taken for markup."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for language in ("python", "go"):
        shutil.copytree(SAMPLES / language, here / "src" / language)
    (here / "src" / "[bold]x[.py").write_text(NASTY, encoding="utf-8")
    (here / "src" / "data.bin").write_bytes(b"\0\1" * 100)
    (here / "src" / "notes.unheard").write_text("something\n")
    return here / "src"


async def opened(pilot, path, until):
    pilot.app.show_code(path)
    await until(pilot, lambda: isinstance(pilot.app.screen, FilesScreen), "the files")
    await until(pilot, lambda: pilot.app.screen.query_one("#files", Grid).count > 0, "a file")


async def chosen(pilot, path, until):
    screen = pilot.app.screen
    at = next(n for n, file in enumerate(screen._shown) if file.path.endswith(path))
    screen.query_one("#files", Grid).cursor = at
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, SourceScreen), "the file")
    await until(pilot, lambda: pilot.app.screen.query_one("#chunks", Grid).count > 0, "chunks")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_an_output_read_by_its_places_has_what_was_cut(tree, suffix):
    output = tree.parent / f"chunks.{suffix}"
    code.run(tree, output, max_chars=600, backend="inline")
    stopped = Contents(output)
    assert not stopped.read(lambda _: False)
    assert stopped.files == []
    contents = Contents(output)
    assert contents.read()
    cut = {each.key: each.value for each in code.chunk([tree], max_chars=600, backend="inline")}
    assert [file.path for file in contents.files] == sorted(cut)
    for file in reversed(contents.files):
        assert contents.chunks(file) == list(cut[file.path].chunks)
        assert (file.status, file.size) == (cut[file.path].status, cut[file.path].size)
    assert contents.read()
    assert sum(file.chunks for file in contents.files) == len(contents.entries)
    assert contents.chunks(contents.files[-1]) == list(cut[contents.files[-1].path].chunks)
    output.write_bytes(b"{}\n" * 3)
    with pytest.raises(UsageError):  # what has changed is not read as another
        contents.chunks(contents.files[-1])


def test_the_lines_of_a_file_are_all_there_once(tree):
    path = next((tree / "python").glob("*.py"))
    cut = code.chunk_file(path, max_chars=300, overlap=50)
    rows = laid_out(list(cut.chunks), dark=True)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [row.text.plain for row in rows if row.number] == [each.expandtabs(4) for each in lines]
    assert [row.number for row in rows if row.number] == list(range(1, len(lines) + 1))
    assert [row.chunk for row in rows if not row.number] == list(range(len(cut.chunks)))


def test_one_line_of_a_megabyte_is_cut_off_and_counted(tmp_path):
    (tmp_path / "min.js").write_text("var a=1;" * 150_000)
    uncut = Uncut(tmp_path)
    uncut.read()
    (file,) = uncut.files
    rows = laid_out(uncut.chunks(file), dark=True)
    assert file.reason == "minified"
    assert max(len(row.text.plain) for row in rows) < 2_100
    cut = code.chunk_text("x" * 5_000, "text", max_chars=10_000)
    assert laid_out(list(cut.chunks), dark=False)[1].text.plain.endswith(" … 3,000 more")


def test_files_and_their_chunks_and_the_one_under_the_cursor_is_in_sight(
    use, until, shows, text_of, looks_as, tree
):
    into = tree.parent / "chunks.jsonl"
    code.run(tree, into, max_chars=600, backend="inline")

    async def walk(pilot):
        await opened(pilot, into, until)
        await shows(pilot, "1 skipped")
        await looks_as(pilot, "code_files")
        await chosen(pilot, "[bold]x[.py", until)
        await shows(pilot, "def [red](): # \\x1b[31m")
        await looks_as(pilot, "code_file")
        await pilot.press("escape")
        await chosen(pilot, ".go", until)
        view, grid = pilot.app.screen.query_one(SourceView), pilot.app.screen.query_one(Grid)
        await pilot.press("n", "n", "down")
        await until(pilot, lambda: grid.cursor == 3 and view.scroll_offset.y > 0)
        await shows(pilot, "━━ 3 ")
        await pilot.click(SourceView, offset=(10, 0))
        await until(pilot, lambda: grid.cursor == 2, "the chunk that was clicked on")
        await pilot.press("v")
        await until(pilot, lambda: not grid.display, "the text alone")

    use(walk, size=(80, 24))


def test_search_filter_and_names(use, until, shows, tree):
    into = tree.parent / "chunks.jsonl"
    code.run(tree, into, max_chars=600, backend="inline")
    contents = Contents(into)
    contents.read()
    name = next(each.name for each in contents.entries if "." in each.name and "," not in each.name)

    async def walk(pilot):
        await opened(pilot, into, until)
        await pilot.press("f")
        await until(pilot, lambda: len(pilot.app.screen._shown) == 2, "what is not ok")
        await shows(pilot, "no known language")
        await pilot.press("f", "s", "s")
        await shows(pilot, "sorted: size")
        await pilot.press("d", "slash", *name, "enter")
        await until(pilot, lambda: len(pilot.app.screen._shown) >= 1)
        await shows(pilot, name)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SourceScreen))
        await shows(pilot, name)

    use(walk, size=(140, 30))


def test_a_folder_that_was_not_cut_is_cut_file_by_file(use, until, shows, tree):
    shown = []

    async def walk(pilot):
        pilot.app.show_new = lambda *arguments: shown.append(arguments)
        await opened(pilot, tree, until)
        await shows(pilot, "not cut so far")
        await chosen(pilot, ".py", until)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilesScreen))
        assert any(file.status == "ok" for file in pilot.app.screen._shown)
        await pilot.press("c")
        await until(pilot, lambda: shown, "the form")

    use(walk, size=(80, 24))
    command, values = shown[0]
    assert command == ("code", "chunk")
    assert values["roots"] == [str(tree)]


def test_without_a_path_it_offers_what_is_here(use, until, shows, tree):
    code.run(tree, tree.parent / "chunks.jsonl", backend="inline")

    async def walk(pilot):
        pilot.app.show_code(None)
        await shows(pilot, "chunks.jsonl")
        await shows(pilot, "sources, not cut so far")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilesScreen))
        assert pilot.app.screen.is_output

    use(walk, size=(120, 24))


def test_what_is_no_output_is_said_to_be_none(use, until, shows, tmp_path):
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')

    async def walk(pilot):
        pilot.app.show_code(tmp_path / "other.jsonl")
        await shows(pilot, "cannot be read as chunks")

    use(walk, size=(160, 24))


def test_a_kind_that_looks_like_markup_is_told_as_it_is(use, until, shows, tree):
    into = tree.parent / "chunks.jsonl"
    code.run(tree, into, max_chars=600, backend="inline")
    lines = [json.loads(line) for line in into.read_text().splitlines()]
    into.write_text("".join(json.dumps({**each, "kind": "[/nope]"}) + "\n" for each in lines))

    async def walk(pilot):
        await opened(pilot, into, until)
        await chosen(pilot, ".go", until)
        grid = pilot.app.screen.query_one(Grid)
        await until(pilot, lambda: grid.tooltip, "what it is, of the first one too")
        assert visualize(grid, grid.tooltip).plain == "[/nope]"

    use(walk, size=(80, 24))
