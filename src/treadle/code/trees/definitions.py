"""What a node defines: its kind, name, signature and docstring; and what a file imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from treadle.code.grammars.comments import plain
from treadle.code.languages.model import Grammar
from treadle.code.trees.roles import COMMENT, PLAIN, WRAPPER, Roles

if TYPE_CHECKING:
    from tree_sitter import Node

_MARK = re.compile(rb"[#%]|//|/\*|--")  # without one of them, there is no comment
_SIGNATURE = 500  # characters; parameters of a generated function go on for pages
_DOCSTRING = 10_000  # characters
_NAME = 200  # characters; what is longer is no name, but an error of the parser
_WRAPPED = 4  # wrappers within wrappers, such as an exported decorated class
_IMPORTED = 2_000  # characters of names; they are repeated with each chunk of the file


class Defined(NamedTuple):
    """
    What a node defines.

    Attributes:
        node: The definition, without what is wrapped around it.
        kind: One of ``values.KINDS``.
        name: As written.
        qualifier: What it belongs to where that is not around it; None where nothing is said.
    """

    node: Node
    kind: str
    name: str
    qualifier: str | None = None


def defined(node: Node, role: str, roles: Roles, data: bytes) -> Defined | None:
    """
    Tell what *node* defines.

    Args:
        node: Any node.
        role: Its role: a kind of definition, or `WRAPPER`.
        roles: Those of its grammar.
        data: The text that was parsed.

    Returns:
        The definition; None for a node that defines nothing, or nothing that has a name.
    """
    for _ in range(_WRAPPED):
        number = node.kind_id
        if number in roles.direct:
            named = node.child_by_field_name("name")
            if named is None:
                return None
            name = data[named.start_byte : named.end_byte].decode("utf-8", "ignore")
            if not name.isidentifier() or len(name) > _NAME:
                name = _text(named, data, _NAME)
            return Defined(node, role, name) if name else None
        kind = roles.both.get(number, role)
        if kind is not WRAPPER:
            found = _looked_up(node, kind, roles.facts, data)
            if found is not None or role is not WRAPPER:
                return found
        inner = _wrapped(node, roles)
        if inner is None:
            return None
        node, role = inner
    return None


def _looked_up(node: Node, kind: str, facts: Grammar, data: bytes) -> Defined | None:
    """Ask what is known of the grammar."""
    named = facts.name(node) if facts.name else node.child_by_field_name("name")
    if named is None:
        return None
    if facts.spelled is None:
        name = _text(named, data, _NAME)
    else:
        name = " ".join(facts.spelled(node).split())[:_NAME]
    if not name:
        return None
    qualifying = facts.qualifier(node) if facts.qualifier else None
    qualifier = None if qualifying is None else _text(qualifying, data, _NAME) or None
    return Defined(node, facts.kind(node) if facts.kind else kind, name, qualifier)


def _wrapped(node: Node, roles: Roles) -> tuple[Node, str] | None:
    """Return the definition or wrapper among the children of a wrapper; None where several are."""
    known, found = roles.outer, None
    for child in node.named_children:
        role = known.get(child.kind_id)
        if role is not None and role not in PLAIN:
            if found is not None:
                return None
            found = child, role
    return found


def body(node: Node, roles: Roles) -> Node | None:
    """Return the body of a definition; None for one without."""
    return roles.facts.body(node) if roles.facts.body else node.child_by_field_name("body")


def signature(node: Node, roles: Roles, data: bytes) -> str:
    """Return the head of a definition, up to its body, on one line."""
    inner = body(node, roles)
    start = node.start_byte
    end = node.end_byte if inner is None else inner.start_byte
    head = data[start : min(end, start + 4 * _SIGNATURE)]
    if _MARK.search(head):
        head = _without_comments(node, head, roles)
    line = " ".join(head.decode("utf-8", "ignore").split()).rstrip(" ,=\\")
    return line if len(line) <= _SIGNATURE else line[: _SIGNATURE - 1] + "…"


def _without_comments(node: Node, head: bytes, roles: Roles) -> bytes:
    """Return the head of a definition with a space for each comment in it."""
    start, end = node.start_byte, node.start_byte + len(head)
    comments, stack = [], [node]
    while stack:
        for child in stack.pop().named_children:
            if child.start_byte >= end:
                break
            if roles.inner.get(child.kind_id) == COMMENT:
                comments.append((child.start_byte - start, child.end_byte - start))
            elif _MARK.search(
                head, child.start_byte - start, min(len(head), child.end_byte - start)
            ):
                stack.append(child)
    for first, last in sorted(comments, reverse=True):
        head = head[:first] + b" " + head[last:]
    return head


def docstring(
    node: Node, comments: Sequence[tuple[int, int]], roles: Roles, data: bytes
) -> str | None:
    """
    Return what is documented of a definition.

    Args:
        node: The definition.
        comments: Where the comments begin and end that lead to it.
        roles: Those of its grammar.
        data: The text that was parsed.
    """
    inside = roles.facts.docstring(node) if roles.facts.docstring else None
    if inside is not None:
        comments = [(inside.start_byte, inside.end_byte)]
    elif not comments:
        return None
    raw = b"\n".join(data[start:end].rstrip(b"\r\n") for start, end in comments)
    return plain(raw[: 4 * _DOCSTRING].decode("utf-8", "ignore"))[:_DOCSTRING].strip() or None


def imports(nodes: Iterable[Node], roles: Roles, data: bytes) -> tuple[str, ...]:
    """Return what *nodes* import, in order, each name once; as many as 2,000 characters hold."""
    found: dict[str, None] = {}
    room = _IMPORTED
    for node in nodes:
        for name in _imported(node, roles, data):
            if name and name not in found:
                room -= len(name)
                if room < 0:
                    return tuple(found)
                found[name] = None
    return tuple(found)


def _imported(node: Node, roles: Roles, data: bytes) -> list[str]:
    if roles.facts.imported is not None:
        return roles.facts.imported(node)
    return [_text(node, data, _SIGNATURE)]


def _text(node: Node, data: bytes, limit: int) -> str:
    """Return the text of a node on one line; empty when it is longer than *limit*."""
    start, end = node.start_byte, node.end_byte
    if end - start > 4 * limit:
        return ""
    text = data[start:end].decode("utf-8", "ignore")
    if len(text) <= limit and text.isidentifier():  # nearly always
        return text
    text = " ".join(text.split())
    return text if len(text) <= limit else ""
