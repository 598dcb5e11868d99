"""
JSON, YAML, TOML, HCL, Nix, Dockerfiles and makefiles: the names that things are set under.

A mapping that holds something is a section; a list of things is data. Single values have no name
of their own: nobody looks for them, and a large file has a hundred thousand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


def _spans_lines(node: Node) -> bool:
    return node.end_point.row > node.start_point.row


# JSON


def _json_name(node: Node) -> Node | None:
    value = nodes.at(node, "value")
    if value is None or value.type not in {"object", "array"} or value.named_child_count == 0:
        return None
    key = nodes.at(node, "key")
    return nodes.one(key, "string_content")


def _json_kind(node: Node) -> str:
    value = nodes.at(node, "value")
    return "section" if value is not None and value.type == "object" else "data"


JSON = Grammar(
    module="tree_sitter_json",
    package="tree-sitter-json",
    definitions={"pair": "section"},
    through=frozenset({"object"}),
    name=_json_name,
    kind=_json_kind,
    body=nodes.field("value"),
)


# YAML


def _yaml_value(node: Node) -> str:
    """Return the type of what a key stands for, below its anchor and its tag."""
    value = nodes.at(node, "value")
    held = nodes.one(value, *YAML_KINDS)
    return "" if held is None else held.type


def _yaml_name(node: Node) -> Node | None:
    held = _yaml_value(node)
    if not held or (held.startswith("flow") and not _spans_lines(node)):
        return None
    return nodes.at(node, "key")


def _yaml_spelled(node: Node) -> str:
    return nodes.unquoted(nodes.at(node, "key"))


def _yaml_kind(node: Node) -> str:
    return YAML_KINDS.get(_yaml_value(node), "data")


YAML_KINDS = {
    "block_mapping": "section",
    "flow_mapping": "section",
    "block_sequence": "data",
    "flow_sequence": "data",
}

# More than 250 levels of indentation crash tree-sitter-yaml 0.7.2; each takes a column at least.
_TOO_DEEP = re.compile(rb"^(?:[-?:]? ){200}", re.MULTILINE)

YAML = Grammar(
    module="tree_sitter_yaml",
    package="tree-sitter-yaml",
    definitions={"block_mapping_pair": "section"},
    through=frozenset({"document", "block_node", "block_mapping"}),
    name=_yaml_name,
    spelled=_yaml_spelled,
    kind=_yaml_kind,
    body=nodes.field("value"),
    crashes=_TOO_DEEP,
    swallows=True,
)


# TOML

_toml_key = nodes.child("dotted_key", "bare_key", "quoted_key")


def _toml_name(node: Node) -> Node | None:
    if node.type == "pair" and (
        nodes.one(node, "array", "inline_table") is None or not _spans_lines(node)
    ):
        return None
    return _toml_key(node)


def _toml_body(node: Node) -> Node | None:
    if node.type == "pair":
        return nodes.one(node, "array", "inline_table")
    return nodes.one(node, "pair")


TOML = Grammar(
    module="tree_sitter_toml",
    package="tree-sitter-toml",
    definitions={"table": "section", "table_array_element": "section", "pair": "data"},
    name=_toml_name,
    body=_toml_body,
    swallows=True,
)


# HCL, in which Terraform is written


def _hcl_name(node: Node) -> Node | None:
    if node.type == "attribute" and not _spans_lines(node):
        return None
    return nodes.one(node, "string_lit") or nodes.one(node, "identifier")


def _hcl_spelled(node: Node) -> str:
    """Return ``aws_instance.server`` for ``resource "aws_instance" "server"``."""
    labels = [nodes.unquoted(each) for each in node.children if each.type == "string_lit"]
    return ".".join(labels) or nodes.text(nodes.one(node, "identifier"))


HCL = Grammar(
    module="tree_sitter_hcl",
    package="tree-sitter-hcl",
    definitions={"block": "section", "attribute": "data"},
    through=frozenset({"body"}),
    name=_hcl_name,
    spelled=_hcl_spelled,
    body=nodes.child("block_start", "expression"),
)


# Nix


def _nix_name(node: Node) -> Node | None:
    value = nodes.at(node, "expression")
    if value is None or (value.type != "function_expression" and not _spans_lines(node)):
        return None
    return nodes.at(node, "attrpath")


def _nix_kind(node: Node) -> str:
    value = nodes.at(node, "expression")
    kinds = {
        "function_expression": "function",
        "attrset_expression": "section",
        "rec_attrset_expression": "section",
    }
    return "data" if value is None else kinds.get(value.type, "data")


NIX = Grammar(
    module="tree_sitter_nix",
    package="tree-sitter-nix",
    definitions={"binding": "data"},
    through=frozenset(
        {
            "attrset_expression",
            "rec_attrset_expression",
            "let_expression",
            "function_expression",
            "binding_set",
        }
    ),
    name=_nix_name,
    kind=_nix_kind,
    body=nodes.field("expression"),
)


# Dockerfiles


def _stage(node: Node) -> Node | None:
    return nodes.at(node, "as") or nodes.one(node, "image_spec")


DOCKERFILE = Grammar(
    module="tree_sitter_dockerfile",
    package="tree-sitter-dockerfile",
    definitions={"from_instruction": "section"},
    name=_stage,
)


# Makefiles


def _make_name(node: Node) -> Node | None:
    if node.type == "define_directive":
        return nodes.at(node, "name")
    targets = nodes.one(node, "targets")
    # `.PHONY: all` makes nothing.
    return None if nodes.text(targets).startswith(".") else targets


def _make_imported(node: Node) -> list[str]:
    return nodes.text(nodes.at(node, "filenames")).split()


MAKE = Grammar(
    module="tree_sitter_make",
    package="tree-sitter-make",
    definitions={"rule": "rule", "define_directive": "macro"},
    imports=frozenset({"include_directive"}),
    through=frozenset({"conditional"}),
    name=_make_name,
    body=nodes.child("recipe", "raw_text"),
    imported=_make_imported,
)
