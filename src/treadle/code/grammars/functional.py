"""Haskell, OCaml and Julia."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


# Haskell


def _equation(node: Node | None) -> Node | None:
    """Return the name of an equation; None for a type, which the grammar calls function, too."""
    if node is None or nodes.at(node, "match") is None:
        return None
    infix = nodes.one(node, "infix")
    if infix is not None:
        return nodes.at(infix, "operator")
    return _operator(nodes.at(node, "name"))


def _operator(node: Node | None) -> Node | None:
    """Return ``|+|`` of ``(|+|)``."""
    if node is not None and node.type == "prefix_id":
        return nodes.one(node, "operator")
    return node


def _haskell_name(node: Node) -> Node | None:
    if node.type in {"function", "bind"}:
        return _equation(node)
    # A signature and the equations after it are of one name, and one definition for the reader.
    return _operator(nodes.at(node, "name"))


def _haskell_spelled(node: Node) -> str:
    name = nodes.text(_haskell_name(node))
    if node.type == "instance":
        return f"{name} {nodes.line(nodes.at(node, 'patterns'))}".rstrip()
    return name


def _haskell_imported(node: Node) -> list[str]:
    module = nodes.at(node, "module")  # what is around all imports has none
    return [] if module is None else [nodes.text(module)]


HASKELL_COMMENTS = frozenset({"comment", "haddock", "pragma"})

HASKELL = Grammar(
    module="tree_sitter_haskell",
    package="tree-sitter-haskell",
    definitions={
        "function": "function",
        "bind": "function",
        "signature": "function",
        "class": "interface",
        "instance": "impl",
        "data_type": "type",
        "newtype": "type",
        "type_synonym": "type",
        "type_family": "type",
    },
    comments=HASKELL_COMMENTS,
    imports=frozenset({"imports", "import"}),
    through=frozenset({"imports", "declarations"}),
    direct=frozenset({"class", "data_type", "newtype", "type_synonym", "type_family"}),
    name=_haskell_name,
    spelled=_haskell_spelled,
    body=nodes.field("match", "declarations", "constructors", "constructor"),
    imported=_haskell_imported,
    swallows=True,
)


# OCaml


def _ocaml_name(node: Node) -> Node | None:
    match node.type:
        case "let_binding":
            name = nodes.at(node, "pattern")
            if name is None or name.type not in {"value_name", "parenthesized_operator"}:
                return None
            is_global = node.start_point.column == len("let ")
            return name if is_global or _ocaml_kind(node) == "function" else None
        case "exception_definition":
            return nodes.down(node, "constructor_declaration", "constructor_name")
        case "type_binding":
            return nodes.at(node, "name")
    return nodes.one(
        node, "module_name", "module_type_name", "class_name", "method_name", "value_name"
    )


def _ocaml_kind(node: Node) -> str:
    if node.type != "let_binding":
        return OCAML_KINDS[node.type]
    body = nodes.at(node, "body")
    is_function = nodes.one(node, "parameter") is not None or (
        body is not None and body.type in {"fun_expression", "function_expression"}
    )
    return "function" if is_function else "constant"


def _ocaml_imported(node: Node) -> list[str]:
    found = nodes.at(node, "module") or nodes.first(node)
    return [] if found is None else [nodes.text(found)]


OCAML_KINDS = {
    "let_binding": "function",
    "external": "function",
    "value_specification": "function",
    "type_binding": "type",
    "exception_definition": "type",
    "module_binding": "module",
    "module_type_definition": "interface",
    "class_binding": "class",
    "method_definition": "method",
}

OCAML = Grammar(
    module="tree_sitter_ocaml",
    package="tree-sitter-ocaml",
    function="language_ocaml",
    definitions=OCAML_KINDS,
    holders=frozenset({"class"}),
    wrappers=frozenset(
        {"value_definition", "type_definition", "module_definition", "class_definition"}
    ),
    imports=frozenset({"open_module", "include_module"}),
    through=frozenset({"value_definition", "type_definition"}),  # `let … and …`
    name=_ocaml_name,
    kind=_ocaml_kind,
    body=nodes.field("body"),
    imported=_ocaml_imported,
)


# Julia


def _called(node: Node | None) -> Node | None:
    """Return ``show`` of ``Base.show(io::IO, p) where T``."""
    while node is not None and node.type in {"signature", "typed_expression", "where_expression"}:
        node = nodes.first(node)
    if node is None or node.type != "call_expression":
        return node if node is not None and node.type == "identifier" else None
    called = nodes.first(node)
    if called is not None and called.type == "field_expression":
        return nodes.last(called)
    return called


def _julia_name(node: Node) -> Node | None:
    match node.type:
        case "function_definition" | "macro_definition":
            return _called(nodes.one(node, "signature"))
        case "assignment":
            # `g(x) = x + 1`; without parameters it is no definition, but a value.
            left = nodes.first(node)
            return None if left is None or left.type == "identifier" else _called(left)
        case "const_statement":
            return nodes.down(node, "assignment", "identifier")
        case "module_definition":
            return nodes.at(node, "name")
    name = nodes.one(node, "type_head")
    while name is not None and name.type != "identifier":
        name = nodes.first(name)
    return name


def _julia_body(node: Node) -> Node | None:
    """Return what comes after the head, for there is no node around a body."""
    head = nodes.one(node, "signature", "type_head") or nodes.at(node, "name")
    return None if head is None else head.next_named_sibling


def _julia_imported(node: Node) -> list[str]:
    """Return ``A.b`` and ``A.c`` of ``using A: b, c``."""
    module, _, names = nodes.line(node).partition(" ")[2].partition(":")
    return nodes.expanded(f"{module.strip()}.{{{names}}}" if names else module)


JULIA = Grammar(
    module="tree_sitter_julia",
    package="tree-sitter-julia",
    definitions={
        "function_definition": "function",
        "assignment": "function",
        "macro_definition": "macro",
        "struct_definition": "struct",
        "abstract_definition": "interface",
        "module_definition": "module",
        "const_statement": "constant",
    },
    comments=frozenset({"line_comment", "block_comment"}),
    leading=frozenset({"string_literal"}),
    imports=frozenset({"using_statement", "import_statement"}),
    through=frozenset({"module_definition", "if_statement", "elseif_clause", "else_clause"}),
    direct=frozenset({"module_definition"}),
    name=_julia_name,
    body=_julia_body,
    imported=_julia_imported,
)
