"""SQL: what a script creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


def _name(node: Node) -> Node | None:
    if node.type == "create_index":
        return nodes.at(node, "column")
    return nodes.one(node, "object_reference", "identifier")


def _spelled(node: Node) -> str:
    return nodes.line(_name(node)).translate(QUOTES)


QUOTES = str.maketrans("", "", '"`[]')

SQL = Grammar(
    module="tree_sitter_sql",
    package="tree-sitter-sql",
    definitions={
        "create_table": "struct",
        "create_type": "type",
        "create_function": "function",
        "create_procedure": "function",
        "create_trigger": "function",
        "create_view": "query",
        "create_materialized_view": "query",
        "create_index": "query",
        "create_sequence": "query",
        "create_schema": "query",
    },
    wrappers=frozenset({"statement"}),
    through=frozenset({"transaction"}),
    comments=frozenset({"comment", "marginalia"}),
    name=_name,
    spelled=_spelled,
    body=nodes.child("column_definitions", "create_query", "function_body", "enum_elements"),
)
