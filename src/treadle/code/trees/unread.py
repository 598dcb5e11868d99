"""Places that the parser could not read: how many, and how much of the file they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_MANY = 10_000  # a file with more is no program
_WIDE = 100_000  # children of one node; see ``cutting.syntax``


def unread(root: Node) -> list[tuple[int, int]]:
    """
    Find what could not be parsed below *root*, in order.

    Returns:
        Start and end of each place in bytes; both are the same where something is missing. The
        first 10,000.
    """
    found: list[tuple[int, int]] = []
    stack = [root] if root.has_error else []
    while stack and len(found) < _MANY:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_byte, node.end_byte))
        elif node.child_count <= _WIDE:
            stack.extend(child for child in reversed(node.children) if child.has_error)
        else:
            found.append((node.start_byte, node.end_byte))
    return found
