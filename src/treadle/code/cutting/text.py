"""Marks from lines, for what has no grammar: code by its indentation, prose by its headings.

It knows no language. What it goes by is common to nearly all: a blank line parts, what is indented
belongs to what is not, a bracket that closes belongs to what it closes, a comment to what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from treadle.code.languages.model import Style

# Levels: the lowest are the best places for a cut.
_HEADING = 0  # and deeper ones up to 6
_PARAGRAPH = 7
_ITEM = 8  # of a list, in the middle of it
_LINE = 9
_SENTENCE = 10
_BELONGS = 1000  # to the line before: the code after its comment, the text after its heading
_CLOSES = 1001  # what is before

_LONG_LINE = 300  # bytes; in shorter lines of prose, no sentences are told apart
_HEAD = 120  # bytes of a line, as much as is needed to tell what it is

# Blank lines, white space, the head of a line that is not blank, its rest.
_LINES = re.compile(
    rb"((?:[ \t\v\f]*+(?:\r\n?|\n))*+)([ \t\v\f]*+)([^\r\n]{0,%d}+)[^\r\n]*+(?:\r\n?|\n|\Z)" % _HEAD
)
_LINE_END = re.compile(rb"[ \t]*+(?:[\r\n]|\Z)")
_CLOSING = re.compile(
    rb"[\])}]"
    rb"|[{(\[]\s*+$"  # on a line of its own: what is before opens it
    rb"|(?:end|fi|done|esac|endif|else|elif|elsif|elseif|except|catch|finally|rescue|ensure|then|do"
    rb"|begin|loop|until|where)\b(?!\s*+[=:.(,])"
    rb"|</|-->|\*/",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    rb"//|/\*|\*(?=[\s/*]|$)|--|[#;%!]|'''|<!--|\{-|\(\*|rem\s|\"\s"
    rb"|@\w|\[[\w:(\"', =)]{1,80}+\]\s*+$",  # decorators, attributes
    re.IGNORECASE,
)
_SENTENCES = re.compile(rb"[.!?][\"')\]*_]{0,4}[ \t]++(?=[^\sa-z])|\xe3\x80\x82|\xef\xbc[\x81\x9f]")
_FENCE = re.compile(rb"```|~~~")
_LIST_ITEM = re.compile(rb"(?:[-+*>|]|\d{1,4}[.)]|\.\.|\\item)(?:\s|$)|\||\\begin\b")
_UNDERLINE = re.compile(rb"([=\-~^\"'`#*+.:_<>])\1{2,}+[ \t]*+$")
_HASHES = re.compile(rb"(#{1,6})(?=[ \t]|$)")
_EQUALS = re.compile(rb"(={1,6})[ \t]+\S")
_STARS = re.compile(rb"(\*{1,6}) +\S")
_ORG = re.compile(rb"^(?:#\+\w|\*\*+ )", re.MULTILINE)
_LATEX = re.compile(rb"\\(part|chapter|section|subsection|subsubsection|paragraph)\b\*?+[\[{]")
_LATEX_DEPTHS = (b"part", b"chapter", b"section", b"subsection", b"subsubsection", b"paragraph")
_BOM = b"\xef\xbb\xbf"


class _Line(NamedTuple):
    """A line that is not blank."""

    start: int
    end: int
    indent: int
    head: bytes
    after_blank: bool


def marks(data: bytes, style: Style) -> tuple[list[int], list[int]]:
    """
    Find the places that are good for a cut.

    Args:
        data: The text, valid UTF-8.
        style: ``"code"``, ``"prose"``, or ``"data"``.

    Returns:
        Beginnings of lines that are not blank, and in prose of sentences, ascending, the first 0;
        and how good each is: the lowest are best.
    """
    found = _prose(data) if style == "prose" else _indented(data, keywords=style == "code")
    starts, levels = [0], [0]
    for start, level in found:
        if start:
            starts.append(start)
            levels.append(level)
    return starts, levels


def _lines(data: bytes) -> Iterator[_Line]:
    for match in _LINES.finditer(data):
        blank, space, head = match.groups()
        begin, end = match.span()
        start = begin + len(blank)
        if not start:
            head = head.removeprefix(_BOM)
        if head:
            indent = len(space) + 7 * space.count(b"\t") if space else 0
            yield _Line(start, end, indent, head, not start or begin < start)


def _indented(data: bytes, *, keywords: bool) -> Iterator[tuple[int, int]]:
    """Lines by their indentation, those after a blank line first."""
    depths = [0]  # the indentations of the lines around, as in Python
    comment_at = -1  # the indentation of the comment right before, if that is what is before
    for line in _lines(data):
        while line.indent < depths[-1]:
            depths.pop()
        if line.indent > depths[-1]:
            depths.append(line.indent)
        closing = _CLOSING.match(line.head)
        if closing and (keywords or not line.head[:1].isalpha()):
            level = _CLOSES
        elif comment_at == line.indent and not line.after_blank:
            level = _BELONGS
        else:
            level = 2 * (len(depths) - 1) + (not line.after_blank)
        yield line.start, level
        comment_at = line.indent if _COMMENT.match(line.head) else -1


def _prose(data: bytes) -> Iterator[tuple[int, int]]:
    """Headings, paragraphs, items of lists, lines, sentences, in this order."""
    lines = list(_lines(data))
    fenced = _fenced(lines)
    headings = _headings(lines, fenced, org=_ORG.search(data) is not None)
    after_heading = False
    for number, line in enumerate(lines):
        depth = headings.get(number)
        if depth is not None:
            level = depth
        elif after_heading or number in fenced:
            level = _BELONGS + (number in fenced and not line.after_blank)
        elif line.after_blank:
            level = _PARAGRAPH
        else:
            level = _ITEM if _LIST_ITEM.match(line.head) else _LINE
        yield line.start, level
        after_heading = depth is not None
        if line.end - line.start > _LONG_LINE and number not in fenced:
            for sentence in _SENTENCES.finditer(data, line.start, line.end):
                if not _LINE_END.match(data, sentence.end()):
                    yield sentence.end(), _SENTENCE


def _fenced(lines: list[_Line]) -> set[int]:
    """Return the lines of code between fences, the closing fence included."""
    found = set()
    fence = b""
    for number, line in enumerate(lines):
        marker = _FENCE.match(line.head)
        if fence:
            found.add(number)
            if marker and marker[0] == fence:
                fence = b""
        elif marker and (line.after_blank or marker[0] != b"~~~"):  # which may underline a heading
            fence = marker[0]
    return found


def _headings(lines: list[_Line], fenced: set[int], *, org: bool) -> dict[int, int]:
    """
    Return the levels of the lines that are, or belong to, a heading.

    Markdown, reStructuredText, AsciiDoc, Org and LaTeX, whichever it is.
    """
    found: dict[int, int] = {}
    underlines: dict[bytes, int] = {}  # in reStructuredText, the first that is used is the highest
    for number, line in enumerate(lines):
        if line.head[:1].isalnum() or number in fenced or line.indent > 3:
            continue  # nearly all: a heading, or what underlines one, begins with a sign
        depth = _marked_heading(line.head, org=org)
        if depth is not None:
            found[number] = _HEADING + depth
            continue
        rule = _UNDERLINE.match(line.head)
        if rule and _underlines(lines, number, found):
            depth = underlines.setdefault(rule[1], min(len(underlines), 5))
            found[number - 1] = _HEADING + depth
            found[number] = _BELONGS
            above = lines[number - 2].head if number > 1 else b""
            if above[:3] == line.head[:3] and not lines[number - 1].after_blank:
                found[number - 2], found[number - 1] = _HEADING + depth, _BELONGS
    return found


def _marked_heading(head: bytes, *, org: bool) -> int | None:
    """Return the depth of a heading that is marked at its beginning, from 0."""
    for pattern in (_HASHES, _EQUALS, *((_STARS,) if org else ())):
        match = pattern.match(head)
        if match:
            return len(match[1]) - 1
    latex = _LATEX.match(head)
    return None if latex is None else _LATEX_DEPTHS.index(latex[1])


def _underlines(lines: list[_Line], number: int, found: dict[int, int]) -> bool:
    """Tell whether a line of one sign underlines the one before, which is a paragraph alone."""
    line = lines[number]
    if line.after_blank or not number or number - 1 in found:
        return False
    title = lines[number - 1]
    if title.indent > 3 or _UNDERLINE.match(title.head):
        return False
    alone = title.after_blank or _UNDERLINE.match(lines[number - 2].head) is not None
    enough = line.head[:1] in b"=-" or len(line.head) >= len(title.head.decode("utf-8", "ignore"))
    return alone and enough
