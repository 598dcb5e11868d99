"""The page of an output: figures, files and chunks; whatever stands in a file, it is only shown."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle import code
from treadle.code.page import entries as entries_module
from treadle.code.page import write, write_page
from treadle.code.page.entries import embeddable
from treadle.code.report import Failed
from treadle.code.values import KINDS, Chunk, FileChunks

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "&lt;b&gt; & ]]>",
    "\x00\x01\x1b[31mred\x7f\x85",
    "if admin\u202e\u2066 // not\u2069\u2066\u2028\u2029",
    "\ufeff\u200b",
    "\ud800 lone",
    "🙈 日本語 عربي\r\n\ttab",
]


class Page(HTMLParser):
    """A page as a browser takes it apart: elements, attributes, words, and what scripts hold."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements, self.scripts, self.words = [], [], []
        self._open = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._open = tag
            self.scripts.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open:
            tag, attributes, before = self.scripts[-1]
            self.scripts[-1] = (tag, attributes, before + data)
        else:
            self.words.append(data)

    @property
    def entries(self):
        (found,) = [text for _, a, text in self.scripts if a.get("id") == "entries"]
        return json.loads(found)

    @property
    def said(self):
        return " ".join("".join(self.words).split())

    def classes(self, name):
        return [found for _, found in self.elements if name in (found.get("class") or "").split()]


def chunk(text="def f(): ...\n", **more):
    facts = {"path": "a.py", "language": "python", "kind": "function", "method": "syntax"}
    facts |= {"id": "0" * 32, "index": 0, "start_byte": 0, "end_byte": len(text), "start_line": 1}
    facts |= {"end_line": 1 + text.count("\n"), "start_column": 0, "end_column": 0, "text": text}
    facts |= {"overlap": 0, "tokens": len(text), "symbol": "f", "qualified_name": "f", "scope": ()}
    facts |= {"breadcrumb": "a.py > f", "signature": "def f()", "docstring": None, "part": None}
    facts |= {"symbols": ("f",), "imports": (), "errors": 0, "content_hash": "1" * 32}
    return Chunk(**(facts | more))


def file(*chunks, **more):
    facts = {"path": "a.py", "language": "python", "status": "ok", "reason": None, "detail": None}
    facts |= {"method": "syntax" if chunks else None, "encoding": "utf-8", "newline": "lf"}
    facts |= {"size": sum(len(one.text) for one in chunks), "hash": "2" * 32, "errors": 0}
    facts |= {"grammar": "tree-sitter-python 0.25.0", "chunks": chunks}
    return FileChunks(**(facts | more))


def page(given_files, tmp_path, title="chunks.jsonl", **more):
    to = tmp_path / "report.html"
    write_page(given_files, to, title=title, **more)
    return Page(to.read_text(encoding="utf-8"))


def test_files_stand_in_it_with_their_chunks_and_what_is_known_of_them(tmp_path):
    cut = chunk("x = (\n", kind="block", method="split", part=(1, 2), errors=1, tokens=7)
    made = page(
        [
            file(chunk(), cut, errors=2, encoding="utf-16-le"),
            file(path="b.bin", status="skipped", reason="binary", detail="a NUL at byte 7", size=9),
        ],
        tmp_path,
    )
    first, second = made.entries

    assert (first["p"], first["l"], first["s"], first["n"]) == ("a.py", "python", "ok", 2)
    assert (first["errors"], first["code"]) == (2, "utf-16-le")
    assert [one["t"] for one in first["c"]] == ["def f(): ...\n", "x = (\n"]
    assert [one["k"] for one in first["c"]] == ["function", "block"]
    assert "how" not in first["c"][0]
    assert (first["c"][1]["how"], first["c"][1]["part"], first["c"][1]["bad"]) == (
        "split",
        [1, 2],
        1,
    )
    assert (second["s"], second["why"], second["detail"]) == (
        "skipped",
        "binary",
        "a NUL at byte 7",
    )
    assert "c" not in second


def test_text_that_is_repeated_for_overlap_stands_apart(tmp_path):
    (entry,) = page([file(chunk("🙈é\nrest", overlap=3))], tmp_path).entries

    assert (entry["c"][0]["o"], entry["c"][0]["t"]) == ("🙈é\n", "rest")


def test_nothing_that_stands_in_a_file_is_taken_for_markup(tmp_path):
    def of(texts):
        for words in texts:
            names = {"path": words, "language": words, "kind": words, "method": words}
            names |= {"symbol": words, "qualified_name": words, "signature": words}
            one = chunk(words, **names, docstring=words, breadcrumb=words)
            yield file(
                one, path=words, language=words, detail=words, reason=words, status="degraded"
            )

    hostile = page(
        of(HOSTILE),
        tmp_path,
        title=HOSTILE[0],
        note=HOSTILE[0],
        failed=[Failed(*[words] * 3) for words in HOSTILE],
    )
    tame = page(of(["a", "b"]), tmp_path, note="c", failed=[Failed("e", "f", "g")])

    assert {tag for tag, _ in hostile.elements} == {tag for tag, _ in tame.elements}
    assert {name for _, found in hostile.elements for name in found} == {
        name for _, found in tame.elements for name in found
    }
    assert len(hostile.scripts) == len(tame.scripts) == 3
    assert [one["c"][0]["t"] for one in hostile.entries] == HOSTILE
    assert [one["p"] for one in hostile.entries] == HOSTILE
    assert HOSTILE[0] in hostile.said
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069\ufeff]", "".join(hostile.words)
    )
    assert "[U+202E]" in hostile.said


@given(st.text() | st.text(alphabet="<>&/!-\\script\"'\u2028\ud800"))
def test_any_text_survives_the_way_into_the_page(text):
    written = embeddable([text]).encode("utf-8", "backslashreplace").decode()

    assert json.loads(written) == [text]
    assert not set(written) & set("<>&")


def test_the_page_needs_nothing_but_itself_and_allows_no_other_script(tmp_path):
    made = page([file(chunk("see https://example.com/x.png"))], tmp_path)
    (policy,) = [a["content"] for tag, a in made.elements if tag == "meta" and "http-equiv" in a]
    plain = [(tag, text) for tag, found, text in made.scripts if "type" not in found]

    assert not [a for _, a in made.elements if {"src", "href", "style"} & set(a)]
    assert [tag for tag, _ in plain] == ["style", "script"]
    assert "default-src 'none'" in policy
    for tag, text in plain:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert re.findall(r"https?://[\w.]+", "".join(text for _, text in plain)) == [
        "http://www.w3.org"
    ]
    assert not re.search(r"@import|url\(|fetch\(", "".join(text for _, text in plain))


def test_the_script_never_makes_markup_of_text():
    script = files("treadle.code.page").joinpath("script.js").read_text(encoding="utf-8")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_every_kind_of_chunk_has_a_colour(tmp_path):
    style = files("treadle.code.page").joinpath("style.css").read_text(encoding="utf-8")
    made = page([file(*(chunk(kind=kind) for kind in KINDS))], tmp_path)

    assert {one["k"] for one in made.entries[0]["c"]} == set(KINDS)
    assert all(f".{one['f']} {{ --kind:" in style for one in made.entries[0]["c"])


def test_figures_and_charts_need_no_script(tmp_path):
    half = [chunk(tokens=100), chunk(tokens=300, kind="class")]
    made = page(
        [
            file(*half, size=3_000_000),
            file(
                chunk(method="prose", kind="text", tokens=2000), language="text", path="b", size=500
            ),
        ],
        tmp_path,
        limit=2_500,
        note="made by hand",
    )

    assert "2 files, 3 chunks, 2,400 tokens, 3.0 MB" in made.said
    assert "made by hand" in made.said
    assert "python1" in made.said.replace(" ", "")
    assert "half have at most 300 tokens" in made.said
    assert "the largest 2,000; the limit is 2,500" in made.said
    assert "syntax: 2, 66.7 %" in made.said
    assert "class: 1, 33.3 %" in made.said
    assert len(made.classes("histogram")) == 1


def test_what_was_left_out_or_cut_otherwise_is_counted_by_reason_with_the_first_of_them(tmp_path):
    many = (
        file(path=f"{n}.min.js", status="skipped", reason="generated", detail=f"line {n}", size=10)
        for n in range(9)
    )
    odd = file(chunk(), path="odd.zig", status="degraded", reason="no-grammar", size=1)
    made = page([odd, *many], tmp_path)

    assert "9 90 B skipped generated: made by a program 0.min.js line 0" in " ".join(
        re.sub(r"<[^>]+>", " ", made.text.split("such as")[1]).split()
    )
    assert "and 4 more" in made.said
    assert "no-grammar: no grammar for this language is installed" in made.said
    assert made.said.index("generated:") < made.said.index("no-grammar:")


def test_what_was_not_cut_is_of_no_language_and_counted_apart(tmp_path):
    image = file(path="a.png", status="skipped", reason="binary", language="text", size=9_000_000)
    made = page([file(chunk(), size=500), image], tmp_path)

    assert "2 files, 1 chunk, 13 tokens, 500 B, 1 skipped (9.0 MB)" in made.said
    assert made.said.count("9.0 MB") == 2


def test_sizes_are_called_what_they_are(tmp_path):
    made = page([file(chunk())], tmp_path, limit=2_000, unit="characters")

    assert "13 characters" in made.said
    assert "half have at most 13 characters" in made.said
    assert "tokens" not in made.said
    assert [a["data-unit"] for _, a in made.elements if "data-unit" in a] == ["characters"]


def test_a_page_is_known_as_made_by_a_program_and_goes_where_no_file_is(tmp_path):
    (tmp_path / "page.html").write_bytes(page([], tmp_path).text.encode())
    assert code.chunk_file(tmp_path / "page.html").reason == "generated"
    write_page([], Path("/dev/null"), title="")
    assert Path("/dev/null").is_char_device()


def test_a_tree_where_all_is_well_has_no_table_of_reasons(tmp_path):
    assert "Skipped" not in page([file(chunk())], tmp_path).said


def test_languages_without_end_take_no_room_without_end(tmp_path):
    made = page([file(path=f"{n}", language=f"l{n}", size=n) for n in range(300)], tmp_path)

    assert "240 more" in made.said
    assert sum(tag == "tr" for tag, _ in made.elements) == 63


def test_figures_are_of_all_files_though_some_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(entries_module, "MOST_FILES", 3)
    made = page((file(chunk(), path=f"{n}.py") for n in range(10)), tmp_path)

    assert [one["p"] for one in made.entries] == ["0.py", "1.py", "2.py"]
    assert "7 files are left out here" in made.said
    assert "10 files, 10 chunks" in made.said


def test_a_page_that_is_large_enough_takes_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(entries_module, "MOST_LETTERS", 50_000)
    made = page((file(chunk("x" * 10_000), path=f"{n}") for n in range(100)), tmp_path)

    assert 4 <= len(made.entries) <= 6
    assert len(made.text) < 150_000


def test_a_huge_line_and_a_file_of_countless_chunks_are_cut_and_it_is_said(tmp_path):
    long = file(chunk("y" * 1_000_000))
    countless = file(*(chunk(index=n) for n in range(1_000)), path="b")
    first, second = page([long, countless], tmp_path).entries

    assert (len(first["c"][0]["t"]), first["c"][0]["length"]) == (20_000, 1_000_000)
    assert (second["n"], len(second["c"])) == (1_000, 400)


def test_an_output_of_nothing_is_a_page(tmp_path):
    made = page([], tmp_path)

    assert made.entries == []
    assert "0 files, 0 chunks, 0 tokens" in made.said


def test_a_page_that_cannot_be_finished_leaves_the_old_one_as_it_was(tmp_path):
    to = tmp_path / "report.html"
    to.write_text("old")

    def breaking():
        yield file(chunk())
        raise RuntimeError("the output is damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        write_page(breaking(), to, title="chunks")

    assert to.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(
        treadle.SinkFailed, match=r"report .*page\.html cannot be written"
    ) as caught:
        write_page([], tmp_path / "file" / "page.html", title="chunks")

    assert caught.value.hint


def test_files_that_failed_are_named_with_what_to_do_and_there_may_be_many(tmp_path):
    failed = [Failed(f"{n}.py", "it cannot be read: no permission", "chmod +r") for n in range(300)]
    made = page([], tmp_path, failed=failed)

    assert "0.py it cannot be read: no permission chmod +r" in re.sub(
        r"<[^>]+>", " ", made.text
    ).replace("  ", " ")
    assert "and 200 more" in made.said


@pytest.fixture
def output(tmp_path):
    """A small tree, cut into a file."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.py").write_text("def first():\n    return 1\n")
    (tree / "b.bin").write_bytes(bytes(range(256)))
    (tree / ".hidden").write_text("x")
    code.run(tree, tmp_path / "chunks.jsonl", backend="inline")
    return tmp_path / "chunks.jsonl"


def test_an_output_becomes_a_page_beside_it(output):
    place = write(output)
    made = Page(place.read_text(encoding="utf-8"))

    assert place == output.with_suffix(".html")
    assert [(one["p"], one["s"]) for one in made.entries] == [("a.py", "ok"), ("b.bin", "skipped")]
    assert "binary: not text" in made.said
    assert "left out beforehand: 1 hidden" in made.said


def test_an_output_from_elsewhere_becomes_a_page_that_says_what_is_not_known(output, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "chunks.jsonl"
    copy.write_bytes(output.read_bytes())
    made = Page(write(copy, tmp_path / "page.html").read_text(encoding="utf-8"))

    assert [one["p"] for one in made.entries] == ["a.py"]
    assert "files without chunks are not known" in made.said


def test_a_page_does_not_replace_what_it_is_made_of(output):
    before = output.read_bytes()

    with pytest.raises(treadle.UsageError, match="would replace"):
        write(output, output)

    assert output.read_bytes() == before
