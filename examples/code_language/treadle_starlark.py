"""Starlark, the language of Bazel's build files, for `treadle code`.

It reads like Python, so Python's grammar parses it. What a build file defines are not functions but
targets, `cc_library(name = "parser")`: that is what is told here. The pyproject.toml beside this
announces it, and once the package is installed its files are known.
"""

from __future__ import annotations

from tree_sitter import Node

from treadle.code.languages.model import Grammar, Language


def name(node: Node) -> Node | None:
    """Find the name of a function or of a target (after `name =`); None for other calls."""
    if node.type == "function_definition":
        return node.child_by_field_name("name")
    arguments = node.child_by_field_name("arguments")
    for argument in arguments.named_children if arguments else []:
        key = argument.child_by_field_name("name")
        value = argument.child_by_field_name("value")
        if key and key.text == b"name" and value and value.type == "string":
            return next((part for part in value.children if part.type == "string_content"), None)
    return None


def body(node: Node) -> Node | None:
    """Find what comes after the head of a definition."""
    of = "body" if node.type == "function_definition" else "arguments"
    return node.child_by_field_name(of)


PARSED = Grammar(
    module="tree_sitter_python",
    package="tree-sitter-python",
    definitions={"function_definition": "function", "call": "rule"},
    wrappers=frozenset({"expression_statement"}),
    name=name,
    body=body,
)

STARLARK = Language(
    "starlark",
    extensions=(".bzl", ".bazel", ".star"),
    filenames=("BUILD", "WORKSPACE", "Tiltfile"),
    grammar="treadle_starlark:PARSED",
    comment="#",
)
