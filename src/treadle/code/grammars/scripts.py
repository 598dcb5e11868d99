"""Bash, Ruby, PHP, Lua, PowerShell and Elixir."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


# Bash


def _sourced(node: Node) -> list[str]:
    if nodes.text(nodes.at(node, "name")) not in {"source", "."}:
        return []
    return [nodes.unquoted(each) for each in node.children_by_field_name("argument")[:1]]


BASH = Grammar(
    module="tree_sitter_bash",
    package="tree-sitter-bash",
    definitions={"function_definition": "function"},
    imports=frozenset({"command"}),
    through=frozenset(
        {
            "if_statement",
            "elif_clause",
            "else_clause",
            "case_statement",
            "case_item",
            "for_statement",
            "while_statement",
            "do_group",
            "compound_statement",
            "subshell",
            "list",
            "redirected_statement",
        }
    ),
    direct=frozenset({"function_definition"}),
    name=nodes.field("name"),
    body=nodes.field("body"),
    imported=_sourced,
)


# Ruby


def _last(node: Node | None) -> Node | None:
    """Return ``Note`` of ``Credit::Note``."""
    if node is not None and node.type == "scope_resolution":
        return nodes.at(node, "name")
    return node


def _ruby_name(node: Node) -> Node | None:
    if node.type == "assignment":
        left = nodes.at(node, "left")
        return left if left is not None and left.type == "constant" else None
    # The words `class` and `module` have the types of the whole, but no name.
    return _last(nodes.at(node, "name"))


def _ruby_made(node: Node) -> str:
    """Return ``Struct`` for ``Line = Struct.new(…)``."""
    call = nodes.at(node, "right")
    if call is None or call.type != "call" or nodes.text(nodes.at(call, "method")) != "new":
        return ""
    return nodes.text(nodes.at(call, "receiver"))


def _ruby_kind(node: Node) -> str:
    if node.type != "assignment":
        return RUBY_KINDS[node.type]
    made = {"Struct": "struct", "Class": "class", "Module": "module"}
    return made.get(_ruby_made(node), "constant")


def _ruby_body(node: Node) -> Node | None:
    if node.type == "assignment":
        right = nodes.at(node, "right")
        return nodes.at(right, "block") if right is not None and right.type == "call" else None
    return nodes.at(node, "body")


def _ruby_owner(node: Node) -> Node | None:
    """Return ``Credit`` of ``class Credit::Note``, and what a method is defined for by name."""
    if node.type == "singleton_method":
        owner = nodes.at(node, "object")
        return owner if owner is not None and owner.type == "constant" else None
    name = nodes.at(node, "name")
    return nodes.at(name, "scope") if name is not None and name.type != "constant" else None


def _required(node: Node) -> list[str]:
    if nodes.text(nodes.at(node, "method", "name")) not in REQUIRE:
        return []
    arguments = nodes.at(node, "arguments")
    first = nodes.first(arguments)
    return [nodes.unquoted(first)] if first is not None and first.type == "string" else []


REQUIRE = frozenset({"require", "require_relative", "load"})
RUBY_KINDS = {
    "method": "function",
    "singleton_method": "function",
    "class": "class",
    "module": "module",
    "assignment": "constant",
}

RUBY = Grammar(
    module="tree_sitter_ruby",
    package="tree-sitter-ruby",
    definitions=RUBY_KINDS,
    holders=frozenset({"class", "struct", "module"}),
    imports=frozenset({"call"}),
    through=frozenset(
        {
            "if",
            "unless",
            "then",
            "elsif",
            "else",
            "if_modifier",
            "unless_modifier",
            "begin",
            "rescue",
            "ensure",
        }
    ),
    direct=frozenset({"method"}),
    name=_ruby_name,
    kind=_ruby_kind,
    body=_ruby_body,
    imported=_required,
    qualifier=_ruby_owner,
)


# PHP


def _php_name(node: Node) -> Node | None:
    if node.type == "const_declaration":
        return nodes.down(node, "const_element", "name")
    if node.type == "namespace_definition" and nodes.at(node, "body") is None:
        return None  # it is said once for the whole file
    return nodes.at(node, "name")


def _php_imported(node: Node) -> list[str]:
    if node.type == "namespace_use_declaration":
        names = nodes.expanded(nodes.line(node).removeprefix("use ").rstrip("; "))
        return [USED.sub("", name) for name in names]
    found = nodes.first(node)
    if found is None:
        return []
    return [nodes.unquoted(found) if found.type == "string" else nodes.line(found)]


USED = re.compile(r"^(?:function\s|const\s)?\s*\\?|(?<=\\)(?:function|const)\s")

PHP = Grammar(
    module="tree_sitter_php",
    package="tree-sitter-php",
    function="language_php",
    definitions={
        "function_definition": "function",
        "method_declaration": "method",
        "class_declaration": "class",
        "interface_declaration": "interface",
        "trait_declaration": "trait",
        "enum_declaration": "enum",
        "namespace_definition": "module",
        "const_declaration": "constant",
    },
    imports=frozenset(
        {
            "namespace_use_declaration",
            "include_expression",
            "include_once_expression",
            "require_expression",
            "require_once_expression",
        }
    ),
    through=frozenset(
        {
            "namespace_definition",
            "compound_statement",
            "expression_statement",
            "if_statement",
            "else_clause",
            "else_if_clause",
            "try_statement",
            "catch_clause",
            "finally_clause",
        }
    ),
    direct=frozenset(
        {
            "function_definition",
            "method_declaration",
            "class_declaration",
            "interface_declaration",
            "trait_declaration",
            "enum_declaration",
        }
    ),
    name=_php_name,
    body=nodes.field("body"),
    imported=_php_imported,
)


# Lua


def _lua_target(node: Node) -> Node | None:
    """Return what is given a value, such as ``M.handlers``, or the name of a function."""
    if node.type != "assignment_statement":
        return nodes.at(node, "name")
    return nodes.at(nodes.one(node, "variable_list"), "name")


def _lua_value(node: Node) -> Node | None:
    if node.type == "assignment_statement":
        return nodes.at(nodes.one(node, "expression_list"), "value")
    return nodes.at(node, "value")


def _lua_name(node: Node) -> Node | None:
    target = _lua_target(node)
    if target is None:
        return None
    name = nodes.at(target, "field", "method") or target
    if node.type == "function_declaration":
        return name
    value = _lua_value(node)
    if value is None:
        return None
    if value.type == "function_definition":
        return name
    if node.type == "field" or node.start_point.column not in LUA_GLOBAL:
        return None
    is_table = value.type == "table_constructor" and value.named_child_count > 0
    return name if is_table or nodes.text(name).isupper() else None


def _lua_kind(node: Node) -> str:
    target = _lua_target(node)
    if target is not None and target.type == "method_index_expression":
        return "method"
    if node.type == "function_declaration":
        return "function"
    value = _lua_value(node)
    is_function = value is not None and value.type == "function_definition"
    return "function" if is_function else "constant"


def _lua_body(node: Node) -> Node | None:
    value = _lua_value(node)
    if value is not None and value.type == "table_constructor":
        return value
    return nodes.at(node if node.type == "function_declaration" else value, "body")


def _lua_owner(node: Node) -> Node | None:
    target = _lua_target(node)
    return None if target is None else nodes.at(target, "table")


def _lua_imported(node: Node) -> list[str]:
    call = node
    if node.type == "variable_declaration":
        value = nodes.at(nodes.down(node, "assignment_statement", "expression_list"), "value")
        if value is None or value.type != "function_call":
            return []
        call = value
    return _required(call)


LUA_GLOBAL = (0, 6)  # the columns of a name that is global, and of one after `local `

LUA = Grammar(
    module="tree_sitter_lua",
    package="tree-sitter-lua",
    definitions={
        "function_declaration": "function",
        "assignment_statement": "constant",
        "field": "function",
    },
    wrappers=frozenset({"variable_declaration"}),
    imports=frozenset({"variable_declaration", "function_call"}),
    # Also the functions of a table that a file returns.
    through=frozenset(
        {
            "if_statement",
            "elseif_statement",
            "else_statement",
            "do_statement",
            "block",
            "return_statement",
            "expression_list",
            "table_constructor",
        }
    ),
    name=_lua_name,
    kind=_lua_kind,
    body=_lua_body,
    imported=_lua_imported,
    qualifier=_lua_owner,
)


# PowerShell


def _powershell_imported(node: Node) -> list[str]:
    if nodes.text(nodes.at(node, "command_name")).lower() not in {"using", "import-module"}:
        return []
    words = nodes.text(nodes.at(node, "command_elements")).split()
    return words[-1:]


POWERSHELL = Grammar(
    module="tree_sitter_powershell",
    package="tree-sitter-powershell",
    definitions={
        "function_statement": "function",
        "class_statement": "class",
        "class_method_definition": "method",
        "enum_statement": "enum",
    },
    imports=frozenset({"command"}),
    through=frozenset(
        {
            "statement_list",
            "statement_block",
            "if_statement",
            "elseif_clause",
            "else_clause",
            "pipeline",
            "pipeline_chain",
        }
    ),
    name=nodes.child("function_name", "simple_name"),
    body=nodes.child("script_block", "class_property_definition", "class_method_definition", "{"),
    imported=_powershell_imported,
)


# Elixir, where what defines something is the call of a macro


def _word(node: Node | None) -> str:
    """Return ``def`` for a call of it, ``doc`` for ``@doc …``; empty for anything else."""
    if node is not None and node.type == "unary_operator":
        node = nodes.at(node, "operand")
    target = nodes.at(node, "target") if node is not None and node.type == "call" else None
    return nodes.text(target) if target is not None and target.type == "identifier" else ""


def _argument(node: Node | None) -> Node | None:
    """Return the first argument of a call."""
    return nodes.first(nodes.one(node, "arguments"))


def _elixir_name(node: Node) -> Node | None:
    kind = ELIXIR_KINDS.get(_word(node))
    if kind is None:
        return None
    if kind == "impl":
        return _for(node) or _argument(node)
    name = _argument(node)
    if kind in {"module", "interface"}:
        return name
    if _word(node) in {"test", "describe"}:
        return nodes.one(name, "quoted_content") if nodes.one(node, "do_block") else None
    if name is not None and name.type == "binary_operator" and _operator(name) == "when":
        name = nodes.at(name, "left")
    if name is not None and name.type == "binary_operator":
        return nodes.at(name, "operator")
    return nodes.at(name, "target") or name


def _operator(node: Node) -> str:
    return nodes.text(nodes.at(node, "operator"))


def _for(node: Node) -> Node | None:
    """Return the type in ``defimpl Protocol, for: Type``."""
    pair = nodes.down(nodes.one(node, "arguments"), "keywords", "pair")
    return nodes.at(pair, "value")


def _elixir_kind(node: Node) -> str:
    return ELIXIR_KINDS.get(_word(node), "function")


def _elixir_body(node: Node) -> Node | None:
    return nodes.one(node, "do_block") or nodes.down(node, "arguments", "keywords")


def _elixir_docstring(node: Node) -> Node | None:
    """Return what ``@moduledoc`` says inside of a module, or ``@doc`` before a function."""
    if _word(node) in {"defmodule", "defprotocol"}:
        block = nodes.one(node, "do_block")
        told = () if block is None or block.named_child_count > MOST else block.named_children
        return next((said for said in (_said(each, "moduledoc") for each in told) if said), None)
    before = node.prev_named_sibling
    for _ in range(8):  # @doc, @doc since:, @spec, @impl, @deprecated and comments
        if before is None or before.type not in {"unary_operator", "comment"}:
            return None
        said = _said(before, "doc")
        if said is not None:
            return said
        before = before.prev_named_sibling
    return None


def _said(node: Node, word: str) -> Node | None:
    """Return the text of ``@doc "…"``; None for ``@doc false`` and ``@doc since: …``."""
    if node.type != "unary_operator" or _word(node) != word:
        return None
    found = _argument(nodes.at(node, "operand"))
    return found if found is not None and found.type in {"string", "sigil"} else None


def _elixir_imported(node: Node) -> list[str]:
    word = _word(node)
    if word == "defmodule":  # which is all of nearly every file
        block = nodes.one(node, "do_block")
        calls = [] if block is None else [each for each in block.children if each.type == "call"]
        return [name for call in calls if _word(call) in IMPORT for name in _elixir_imported(call)]
    found = _argument(node) if word in IMPORT else None
    return [] if found is None else nodes.expanded(nodes.line(found))


MOST = 1_000  # what stands in a module; in one with more, its documentation is not looked for
IMPORT = frozenset({"alias", "import", "use", "require"})
ELIXIR_KINDS = {
    "defmodule": "module",
    "defprotocol": "interface",
    "defimpl": "impl",
    "def": "function",
    "defp": "function",
    "defdelegate": "function",
    "defguard": "function",
    "defguardp": "function",
    "defmacro": "macro",
    "defmacrop": "macro",
    "describe": "section",
    "test": "function",
}

ELIXIR = Grammar(
    module="tree_sitter_elixir",
    package="tree-sitter-elixir",
    definitions={"call": "function"},
    leading=frozenset({"unary_operator"}),
    imports=frozenset({"call"}),
    name=_elixir_name,
    kind=_elixir_kind,
    body=_elixir_body,
    docstring=_elixir_docstring,
    imported=_elixir_imported,
)
