"""Python: functions, classes, type aliases, and the constants of a module."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node

CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*|__\w+__")
ODD = re.compile(r"[#()\\\r\n\t]")
COMMENT = re.compile(r"#[^\r\n]*")
SPACES = str.maketrans(dict.fromkeys("()\\\r\n\t", " "))


_COMMENTS = 100  # before a docstring


def _name(node: Node) -> Node | None:
    if node.type == "assignment":
        # Of the module, not of a function or a class: nothing else begins in column 0.
        left = nodes.at(node, "left") if node.start_point.column == 0 else None
        if left is None or left.type != "identifier" or nodes.at(node, "right") is None:
            return None
        is_named = nodes.at(node, "type") is not None or CONSTANT.fullmatch(nodes.text(left))
        return left if is_named else None
    if node.type == "type_alias_statement":
        return _plain(nodes.at(node, "left"))
    return nodes.at(node, "name")


def _plain(node: Node | None) -> Node | None:
    """Return the name in ``Pair[T]``."""
    while node is not None and node.type in {"type", "generic_type", "subscript"}:
        node = nodes.first(node)
    return node


def _body(node: Node) -> Node | None:
    body = nodes.at(node, "body", "right")
    # A comment between the colon and the first statement is outside of the block.
    before = None if body is None else body.prev_sibling
    while before is not None and before.type == "comment":
        body, before = before, before.prev_sibling
    return body


def _docstring(node: Node) -> Node | None:
    body = node if node.type == "module" else nodes.at(node, "body")
    first = nodes.first(body)
    for _ in range(_COMMENTS):  # siblings are found by counting from the first
        if first is None or first.type != "comment":
            break
        first = first.next_named_sibling
    if first is None or first.type != "expression_statement":
        return None
    string = nodes.first(first)
    if string is None or string.type != "string":
        return None
    # A formatted string or bytes document nothing.
    prefix = nodes.text(nodes.one(string, "string_start")).rstrip("\"'").lower()
    return string if prefix in {"", "r", "u"} else None


def _imported(node: Node) -> list[str]:
    # By its text: every import of every file is asked, and its nodes take three times as long.
    text = nodes.text(node)
    if ODD.search(text):
        text = COMMENT.sub(" ", text).translate(SPACES)
    if text.startswith("import "):
        before, names = "", text[7:]
    else:
        head, _, names = text.partition(" import ")
        if not names:  # `from .import a`
            head, _, names = text.partition("import ")
        module = "".join(head[5:].split())
        before = module if module.endswith(".") else module + "."
    if "," not in names:
        return [before + name for name in names.split()[:1]]
    return [before + each.split()[0] for each in names.split(",") if not each.isspace() and each]


PYTHON = Grammar(
    module="tree_sitter_python",
    package="tree-sitter-python",
    definitions={
        "function_definition": "function",
        "class_definition": "class",
        "type_alias_statement": "type",
        "assignment": "constant",
    },
    wrappers=frozenset({"decorated_definition", "expression_statement"}),
    imports=frozenset({"import_statement", "import_from_statement", "future_import_statement"}),
    outer=frozenset({"assignment", "expression_statement"}),
    through=frozenset(
        {
            "if_statement",
            "elif_clause",
            "else_clause",
            "try_statement",
            "except_clause",
            "finally_clause",
            "with_statement",
            "block",
        }
    ),
    direct=frozenset({"function_definition", "class_definition"}),
    name=_name,
    body=_body,
    docstring=_docstring,
    imported=_imported,
)
