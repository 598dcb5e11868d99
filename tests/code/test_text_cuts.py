"""Where text without a grammar is cut best: blank lines, indentation, headings."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.cutting.text import marks

STYLES = ["code", "prose", "data"]
PIECES = st.sampled_from(
    [
        *"ab #=-*.}([\t",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "    ",
        "end",
        "# x\n",
        "===\n",
        "```\n",
        "é",
        "漢。",
    ]
)


def levels(text, style):
    """The level of each line that is marked, by its text."""
    data = text.encode()
    found = zip(*marks(data, style), strict=True)
    return {data[start:].decode().splitlines()[0].strip(): level for start, level in found}


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(STYLES))
def test_marks_ascend_from_0_to_where_lines_or_sentences_begin(text, style):
    data = text.encode()

    starts, found = marks(data, style)

    assert starts[0] == 0
    assert len(starts) == len(found)
    assert all(a < b < len(data) for a, b in itertools.pairwise(starts))
    for start in starts[1:]:
        assert data[start - 1 : start] in {b"\n", b"\r"}
        assert data[start - 1 : start + 1] != b"\r\n"
        assert data[start:].split(b"\n")[0].split(b"\r")[0].strip(b" \t")


CODE = """\
import one

// Adds.
// Really.
@inline
function add(a, b)
{
    first = a

    second = b
    if first {
        deep = 1
    } else {
        other = 2
    }
    return first + second
}

function last()
    endless = 1
end
"""


def test_code_is_cut_best_before_what_is_not_indented_after_a_blank_line():
    found = levels(CODE, "code")

    best = min(found.values())
    assert {line for line, level in found.items() if level == best} == {
        "import one",
        "// Adds.",
        "function last()",
    }
    assert found["second = b"] < found["return first + second"] < found["deep = 1"]


def test_what_closes_belongs_to_what_is_before_and_code_to_its_comment():
    found = levels(CODE, "code")

    usual = found["deep = 1"]
    for line in ("{", "}", "} else {", "end", "// Really.", "@inline", "function add(a, b)"):
        assert found[line] > usual, line
    assert found["endless = 1"] <= usual


def test_data_is_cut_by_indentation():
    found = levels("# about a\na:\n  x: 1\n  end: 2\nb:\n  y:\n    z: 3\n", "data")

    assert found["b:"] < found["x: 1"] == found["end: 2"] < found["z: 3"]
    assert found["# about a"] < found["a:"]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# One\n\ntext\n\n## Two\n\nmore\n\n# Three\n", {"# One": 0, "## Two": 1, "# Three": 0}),
        ("One\n===\n\ntext\n\nTwo\n---\n\nmore\n", {"One": 0, "Two": 1}),
        ("text\n\n=====\nTop\n=====\n\ntext\n\nUnder\n~~~~~\n\nmore\n", {"Under": 1}),
        ("= One\n\ntext\n\n== Two\n\nmore\n", {"= One": 0, "== Two": 1}),
        ("#+TITLE: x\n\n* One\ntext\n\n** Two\nmore\n", {"* One": 0, "** Two": 1}),
        ("\\section{One}\ntext\n\n\\subsection{Two}\nmore\n", {"\\subsection{Two}": 3}),
        ("\ufeff# One\n\ntext\n", {"\ufeff# One": 0}),
    ],
    ids=["markdown", "setext", "rst", "asciidoc", "org", "latex", "bom"],
)
def test_headings_are_the_best_places_in_prose_by_their_depth(text, headings):
    found = levels(text, "prose")

    assert headings.items() <= found.items()
    assert all(level > 6 for line, level in found.items() if line in {"text", "more", "Top"})


def test_a_heading_begins_with_the_line_above_it():
    starts, found = marks(b"text\n\n===\nTop\n===\n\nmore\n", "prose")

    assert dict(zip(starts, found, strict=True))[6] == 0
    assert all(level > 6 for level in found[2:])


def test_a_heading_is_not_parted_from_what_follows():
    found = levels("# One\n\nfirst\n\nsecond\nthird\n", "prose")

    assert found["second"] < found["third"] < found["first"]


def test_in_prose_paragraphs_come_before_items_before_lines():
    found = levels("start\n\nparagraph\nline\n- item\n- other\n\nnext\n", "prose")

    assert found["paragraph"] == found["next"] < found["- item"] < found["line"]


def test_code_inside_of_prose_has_no_headings():
    found = levels("# Top\n\nsay:\n\n```sh\n# not a heading\n\nrun\n```\n\nafter\n", "prose")

    assert found["after"] < found["run"] < found["# not a heading"]


def test_a_list_with_stars_is_not_org():
    found = levels("intro\n\n* one\n* two\n", "prose")

    assert found["* two"] > 6


def test_long_lines_of_prose_are_cut_between_sentences():
    text = "One sentence, e.g. this, is here. " * 20
    starts, found = marks(text.encode(), "prose")

    assert starts == list(range(0, len(text) - 1, 34))
    assert len(set(found[1:])) == 1


def test_short_lines_of_prose_are_not():
    assert marks(b"One. Two. Three.", "prose")[0] == [0]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("unit", [b"a", b".", b" ", b"=", b"[", b". A", "。".encode(), b"#", b"\t"])
def test_a_line_of_megabytes_is_no_trouble(unit, style):
    data = unit * (2_000_000 // len(unit))

    starts, found = marks(data, style)

    assert starts[0] == 0
    assert len(starts) == len(found)


def test_an_empty_text_has_one_mark():
    assert marks(b"", "code") == ([0], [0])
