"""What is said of a chunk: what it is about, where it lies, and by which id it is known again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.code import chunk_text

CLASS = '''\
import os
from pathlib import Path


class Cache(dict):
    """Keeps things."""

    def get(self, key: str, default=None):
        """Return what is kept."""
        return self.values.get(
            key, default
        )

    # Puts something in,
    # at once.
    def put(self, key: str, value):
        self.values[key] = value
        self.changed = True

'''


def chunks(code: str, language: str = "python", **options):
    return chunk_text(code, language, path="src/cache.py", **options).chunks


def by_symbol(code: str, language: str = "python", **options):
    return {chunk.qualified_name: chunk for chunk in chunks(code, language, **options)}


def test_a_method_knows_its_class():
    get = by_symbol(CLASS, max_chars=170)["Cache.get"]
    assert (get.kind, get.symbol, get.scope) == ("method", "get", ("Cache",))
    assert get.breadcrumb == "src/cache.py > Cache > get"
    assert get.signature == "def get(self, key: str, default=None):"
    assert get.docstring == "Return what is kept."
    assert get.part is None


def test_a_comment_before_a_definition_is_its_documentation():
    assert by_symbol(CLASS, max_chars=170)["Cache.put"].docstring == "Puts something in,\nat once."


def test_every_chunk_knows_what_its_file_imports():
    assert {chunk.imports for chunk in chunks(CLASS, max_chars=120)} == {("os", "pathlib.Path")}


def test_the_head_of_a_class_is_a_part_of_it():
    head = by_symbol(CLASS, max_chars=170)["Cache"]
    assert (head.kind, head.signature) == ("class", "class Cache(dict):")
    assert head.docstring == "Keeps things."


def test_a_function_over_the_budget_has_numbered_parts():
    code = "def long():\n" + "".join(f"    step({i})\n" for i in range(40))
    found = chunks(code, max_chars=200)
    assert [chunk.part for chunk in found] == [(i, len(found)) for i in range(1, len(found) + 1)]
    assert {(chunk.kind, chunk.qualified_name) for chunk in found} == {("function", "long")}
    assert {chunk.signature for chunk in found} == {"def long():"}


def test_several_definitions_are_all_named():
    code = "def a(): pass\ndef b(): pass\nclass C: pass\n"
    (chunk,) = chunks(code)
    assert (chunk.kind, chunk.symbol) == ("mixed", None)
    assert chunk.symbols == ("a", "b", "C")
    (chunk,) = chunks("def a(): pass\ndef b(): pass\n")
    assert chunk.kind == "function"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import os\nfrom sys import path\n", "import"),
        ("# a remark\n\n# another\n", "comment"),
        ("print(1)\nprint(2)\n", "block"),
    ],
)
def test_kinds_of_what_defines_nothing(code, kind):
    assert [chunk.kind for chunk in chunks(code)] == [kind]


def test_places_are_those_in_the_file():
    code = "first = 1\n\nsecond = 'é'\nthird = 3\n"
    found = chunks(code, max_chars=15)
    lines = code.splitlines(keepends=True)
    for chunk in found:
        assert code.encode()[chunk.start_byte : chunk.end_byte].decode() == chunk.text
        assert "".join(lines[chunk.start_line - 1 : chunk.end_line]) == chunk.text
        assert (chunk.start_column, chunk.end_column) == (0, len(lines[chunk.end_line - 1]))


newlines = st.sampled_from(["\n", "\r\n", "\r", "x", "é", "😀", "\u2028", " "])


@settings(max_examples=60, deadline=None)
@given(st.lists(newlines, min_size=1, max_size=80).map("".join), st.integers(1, 9))
def test_lines_and_columns_count_on_whatever_ends_a_line(text, limit):
    """
    Lines end with LF, CRLF or CR; a line separator of Unicode ends none, as in every editor.
    """
    data = text.encode()
    for chunk in chunk_text(text, "text", max_chars=limit).chunks:
        before = data[: chunk.start_byte].decode().replace("\r\n", "\n").replace("\r", "\n")
        assert chunk.start_line == before.count("\n") + 1
        assert chunk.start_column == len(before) - (before.rfind("\n") + 1)
        inside = data[: chunk.end_byte].decode()
        last = len(inside) - (2 if inside.endswith("\r\n") else 1)
        upto = inside[:last].replace("\r\n", "\n").replace("\r", "\n")
        assert chunk.end_line == upto.count("\n") + 1


def test_an_id_is_of_path_and_text():
    one, other = chunks("a = 1\n"), chunk_text("a = 1\n", "python", path="other.py").chunks
    assert one[0].content_hash == other[0].content_hash
    assert one[0].id != other[0].id
    assert chunks("a = 1\n") == one


def test_equal_texts_in_a_file_have_ids_of_their_own():
    found = chunks("step()\n" * 50, max_chars=70)
    assert len({chunk.id for chunk in found}) == len(found) > len({c.content_hash for c in found})


def test_an_overlap_repeats_the_end_of_the_chunk_before():
    code = "".join(f"value_{i} = {i}\n" for i in range(200))
    found = chunks(code, max_chars=300, overlap=60)
    assert "".join(chunk.text[chunk.overlap :] for chunk in found) == code
    for before, chunk in itertools.pairwise(found):
        assert 0 < chunk.overlap <= 60
        assert len(chunk.text) <= 300
        assert before.text.endswith(chunk.text[: chunk.overlap])
        assert chunk.text.startswith("value_")
        assert chunk.start_byte == before.end_byte - chunk.overlap
        assert chunk.start_line == code[: chunk.start_byte].count("\n") + 1


def test_tokens_are_those_of_the_tokenizer():
    (chunk,) = chunks("a = b + 1\n", max_tokens=100, tokenizer="words")
    assert chunk.tokens == 5
    (chunk,) = chunks("a = b + 1\n")
    assert chunk.tokens == 10


def test_what_is_in_an_ifdef_counts_as_top_level():
    code = (
        "#ifndef A_H\n#define A_H\n#include <stdio.h>\nstruct s { int a; };\nint f(int);\n#endif\n"
    )
    (chunk,) = chunks(code, "c")
    assert chunk.imports == ("stdio.h",)
    assert {"s", "f"} <= set(chunk.symbols)


def test_imports_that_are_tried_count():
    code = "try:\n    import a\nexcept ImportError:\n    import b\nif TYPE:\n    from c import d\n"
    assert chunks(code)[0].imports == ("a", "b", "c.d")


def test_members_of_a_whole_class_are_found_by_name():
    (chunk,) = chunks("class A:\n    def g(self): pass\n    class B:\n        def h(self): pass\n")
    assert chunk.symbols == ("A", "A.g", "A.B", "A.B.h")


def test_a_script_is_not_named_after_its_helper():
    code = (
        "for i in range(9):\n    print(i, 'and so on, for a while')\n\ndef f():\n    pass\n\nf()\n"
    )
    (chunk,) = chunks(code)
    assert (chunk.kind, chunk.symbol, chunk.symbols) == ("mixed", None, ("f",))


def test_the_first_chunk_tells_what_the_file_says_of_itself():
    for mark in ("", "\ufeff"):
        (chunk,) = chunks(mark + '"""What it is for."""\n\nimport os\n')
        assert (chunk.kind, chunk.docstring) == ("import", "What it is for.")


def test_documentation_without_room_for_its_function_is_a_part_of_it():
    code = "".join(f"# Line {i} of what f is for.\n" for i in range(9)) + "def f():\n    return 1\n"
    found = chunks(code, max_chars=120)
    assert {(chunk.symbol, chunk.part) for chunk in found} == {
        ("f", (i, len(found))) for i in range(1, len(found) + 1)
    }
    assert all("Line 0" in chunk.docstring for chunk in found if chunk.docstring)


def test_a_decorator_is_no_documentation():
    (chunk,) = chunks("@app.route('/')\ndef view():\n    return 1\n")
    assert (chunk.symbol, chunk.docstring) == ("view", None)


def test_a_text_without_a_path_has_a_breadcrumb_all_the_same():
    assert chunk_text("def f(): pass\n", "python").chunks[0].breadcrumb == "f"


def test_lines_that_end_with_cr_alone_are_parsed_as_lines():
    code = "import os\n# of f\ndef f():\n    pass\n".replace("\n", "\r")
    (chunk,) = chunks(code)
    assert (chunk.symbol, chunk.docstring, chunk.imports) == ("f", "of f", ("os",))
