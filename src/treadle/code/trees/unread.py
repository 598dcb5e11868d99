"""Places that the parser could not read: how many, and how much of the file they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_MANY = 10_000  # a file with more is no program
_WIDE = 100_000  # children of one node, which would be as many objects


def unread(root: Node) -> list[tuple[int, int]]:
    """
    Find what could not be parsed below *root*, in order.

    Returns:
        Start and end of each place in bytes; both are the same where something is missing. The
        first 10,000. What the parser could make sense of inside is not a part of the place.
    """
    found: list[tuple[int, int]] = []
    stack = [root] if root.has_error else []
    while stack and len(found) < _MANY:
        node = stack.pop()
        if node.is_missing:
            found.append((node.start_byte, node.end_byte))
        elif node.child_count > _WIDE:
            stack.extend(_damaged(node))
        elif node.is_error:
            read = [child for child in node.named_children if child.named_child_count]
            found.extend(_between(node, read))
            stack.extend(child for child in reversed(read) if child.has_error)
        else:
            stack.extend(child for child in reversed(node.children) if child.has_error)
    return sorted(found)


def _damaged(node: Node) -> list[Node]:
    """Return the children with errors, last first, without making objects of all others."""
    cursor = node.walk()
    found = []
    more = cursor.goto_first_child()
    while more:
        child = cursor.node
        if child is not None and child.has_error:
            found.append(child)
        more = cursor.goto_next_sibling()
    return found[::-1]


def _between(node: Node, read: list[Node]) -> list[tuple[int, int]]:
    """Return the places of *node* outside of those of its children that were *read*."""
    edges = [node.start_byte]
    for child in read:
        edges += (child.start_byte, child.end_byte)
    edges.append(node.end_byte)
    places = [
        (start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start
    ]
    return places or [(node.start_byte, node.start_byte)]  # it is one error all the same
