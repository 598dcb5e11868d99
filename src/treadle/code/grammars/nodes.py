"""Find a node inside another, and read it: what the grammars are written in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from treadle.code.languages.model import Namer

GROUPED = re.compile(r"[{},]|[^{},]+")
ALIAS = re.compile(r"\s+(?:as|=>)\s.*|\s*=>.*", re.DOTALL)
LONGEST = 4_000  # characters of one import; its groups are written out


def text(node: Node | None) -> str:
    """Return the text of a node; empty without one."""
    raw = None if node is None else node.text
    return "" if raw is None else raw.decode("utf-8", "replace")


def line(node: Node | None) -> str:
    """Return the text of a node with each run of white space as one space."""
    return " ".join(text(node).split())


def there(node: Node | None) -> Node | None:
    """Return the node unless it is one that the parser made up to get on, without any text."""
    return None if node is None or node.start_byte == node.end_byte else node


def at(node: Node | None, *fields: str) -> Node | None:
    """Return what stands at the first of *fields* that is there."""
    if node is not None:
        for name in fields:
            found = there(node.child_by_field_name(name))
            if found is not None:
                return found
    return None


def one(node: Node | None, *types: str) -> Node | None:
    """Return the first child of one of *types*. For nodes with few children: it lists them."""
    if node is not None:
        for found in node.children:
            if found.type in types:
                return there(found)
    return None


def first(node: Node | None) -> Node | None:
    """Return the first named child; ``Node.named_child`` raises where there is none."""
    if node is None or node.named_child_count == 0:
        return None
    return there(node.named_child(0))


def last(node: Node | None) -> Node | None:
    """Return the last named child."""
    if node is None or node.named_child_count == 0:
        return None
    return there(node.named_child(node.named_child_count - 1))


def down(node: Node | None, *types: str) -> Node | None:
    """Return what is found from child to child, by one type for each step."""
    for name in types:
        node = one(node, name)
    return node


def field(*names: str) -> Namer:
    """Return a function that finds what stands at the first of the fields that is there."""

    def find(node: Node) -> Node | None:
        return at(node, *names)

    return find


def child(*types: str) -> Namer:
    """Return a function that finds the first child of one of *types*."""

    def find(node: Node) -> Node | None:
        return one(node, *types)

    return find


def by_type(table: dict[str, Namer], otherwise: Namer | None = None) -> Namer:
    """Return a function that asks the one that *table* has for the type of the node."""

    def find(node: Node) -> Node | None:
        asked = table.get(node.type, otherwise)
        return None if asked is None else asked(node)

    return find


def unquoted(node: Node | None) -> str:
    """Return the text of a node without the quotes or angle brackets around it."""
    return text(node).strip().strip("\"'`<>")


def expanded(words: str) -> list[str]:
    """
    Return what is imported by name, each by its whole name and without another one given to it.

    Args:
        words: What stands behind the word for importing, with groups in braces, such as
            ``a::{b, c::{d as e}}`` for ``a::b`` and ``a::c::d``.
    """
    found: list[str] = []
    before, name = [""], ""
    for part in (*GROUPED.findall(words[:LONGEST]), ","):
        if part == "{":
            before.append(before[-1] + name.strip())
        elif part in {",", "}"}:
            if name:
                found.append(before[-1] + name)
            if part == "}" and len(before) > 1:
                before.pop()
        name = "" if part in {"{", "}", ","} else ALIAS.sub("", part).strip()
    return found


def listed(*fields: str) -> Callable[[Node], list[str]]:
    """Return a function that reads what stands at the first of *fields*, without quotes."""

    def read(node: Node) -> list[str]:
        found = at(node, *fields)
        return [] if found is None else [" ".join(unquoted(found).split())]

    return read
