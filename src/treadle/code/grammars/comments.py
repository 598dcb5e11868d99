"""Take the words out of a comment or a docstring: without marks, gutter and indentation."""

from __future__ import annotations

import re

BLOCKS = (
    ("/*", "*/"),
    ("<!--", "-->"),
    ("{-", "-}"),
    ("(*", "*)"),
    ("--[[", "]]"),
    ("<#", "#>"),
    ("#=", "=#"),
    ("#|", "|#"),
    ("=begin", "=end"),
)
"""What begins and ends a comment of several lines. All end where they first can."""

MARK = re.compile(r"//[/!]*|#[#:!']*|--+(?: ?[|^](?=\s|$))?|;+|%+")
"""What begins a comment on one line."""

QUOTED = re.compile(r"\A(?:[rRuU]|~[sS])?(?:(\"\"\"|''')(.*?)(?:\1)?|(\"|')(.*)\3)\Z", re.DOTALL)
"""A docstring; the end of one that is cut off may be missing."""

_OPENINGS = frozenset(opening[:2] for opening, _ in BLOCKS)
_TRIPLE = frozenset({'"""', "'''"})

SPACE = re.compile(r"[ \t]*")

DECORATION = re.compile(r"[-=*#/~_+\s]*\Z")


def plain(text: str) -> str:
    """
    Return what a comment, several in a row, or a docstring says.

    Args:
        text: As it stands in the code, with its marks: ``#``, ``//``, ``/** * */``, ``--``,
            ``<!-- -->``, the quotes of a docstring, and so on. A text without marks keeps its
            words.
    """
    text = text.strip()
    if text[:3] in _TRIPLE:  # as most are; and the expression goes through them letter by letter
        inside = text[3:-3] if len(text) > 5 and text.endswith(text[:3]) else text[3:]
        return "\n".join(_dedented(inside.splitlines())).strip()
    quoted = QUOTED.match(text)
    if quoted is not None:
        return "\n".join(_dedented((quoted[2] or quoted[4] or "").splitlines())).strip()
    lines = _unmarked(text)
    first, end = 0, len(lines)
    while first < end and DECORATION.match(lines[first]):
        first += 1
    while first < end and DECORATION.match(lines[end - 1]):
        end -= 1
    lines = lines[first:end]
    common = min((_indentation(line) for line in lines if line), default=0)
    return "\n".join(line[common:] for line in lines).strip()


def _unmarked(text: str) -> list[str]:
    lines: list[str] = []
    # Where each closing mark stands for the last time: looked for once, not on every line.
    last = {closing: text.rfind(closing) for _, closing in BLOCKS}
    at = 0
    while at < len(text):
        start = SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        block = _block(text, start, last) if text[start : start + 2] in _OPENINGS else None
        if block is None:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            mark = MARK.match(text, start)
            lines.append(text[at if mark is None else mark.end() : end].rstrip())
        else:
            inside, end = block
            lines.extend(_without_gutter(inside.splitlines()))
            # What follows a comment on its last line is taken as a line of its own.
            end = SPACE.match(text, end).end()  # type: ignore[union-attr]
        at = end + 1 if text[end : end + 1] == "\n" else end
    return lines


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(text: str, start: int, last: dict[str, int]) -> tuple[str, int] | None:
    """Return what is inside the comment that begins at *start*, and where it ends."""
    for opening, closing in BLOCKS:
        inside = start + len(opening)
        if text.startswith(opening, start) and last[closing] >= inside:
            end = text.find(closing, inside)
            # `/**`, `{-|` and `(**` are marks of documentation.
            content = text[inside:end].lstrip("*!|" if opening != "<!--" else "")
            return content.rstrip("*"), end + len(closing)
    return None


def _without_gutter(lines: list[str]) -> list[str]:
    """Take the stars away that stand before each line but the first of ``/** … */``."""
    rest = [line for line in lines[1:] if line.strip()]
    if rest and all(line.lstrip().startswith("*") for line in rest):
        lines = [lines[0].strip(), *(line.lstrip()[1:].removeprefix(" ") for line in lines[1:])]
    return _dedented(lines)


def _dedented(lines: list[str]) -> list[str]:
    """Take the indentation away that all lines but the first have in common, as Python does."""
    if not lines:
        return []
    common = min((_indentation(line) for line in lines[1:] if line.strip()), default=0)
    return [lines[0].strip(), *(line[common:].rstrip() for line in lines[1:])]
