"""Go, Rust, Zig, Swift, C#, Solidity and Verilog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


# Go


def _go_name(node: Node) -> Node | None:
    if node.type in {"const_spec", "var_spec"} and node.start_point.column not in GLOBAL:
        return None
    return nodes.at(node, "name")


def _go_kind(node: Node) -> str:
    if node.type == "type_spec":
        what = nodes.at(node, "type")
        return "type" if what is None else GO_TYPES.get(what.type, "type")
    return GO_KINDS[node.type]


def _go_body(node: Node) -> Node | None:
    if node.type == "type_spec":
        what = nodes.at(node, "type")
        return nodes.one(what, "field_declaration_list", "{")
    return nodes.at(node, "body")


def _go_receiver(node: Node) -> Node | None:
    """Return ``Cache`` of ``func (c *Cache[K]) Get()``."""
    if node.type != "method_declaration":
        return None
    parameter = nodes.one(nodes.at(node, "receiver"), "parameter_declaration")
    found = nodes.at(parameter, "type")
    while found is not None and found.type in {"pointer_type", "parenthesized_type"}:
        found = nodes.first(found)
    return nodes.at(found, "type") if found is not None and found.type == "generic_type" else found


def _go_imported(node: Node) -> list[str]:
    specs = nodes.one(node, "import_spec_list") or node
    paths = [nodes.at(spec, "path") for spec in specs.children if spec.type == "import_spec"]
    return [nodes.unquoted(path) for path in paths if path is not None]


# The columns of names outside of functions, as gofmt writes them: `const A`, `var A`, and in a
# group in parentheses. Those of a function are at 5 and more, or at 2.
GLOBAL = (1, 4, 6)
GO_TYPES = {"struct_type": "struct", "interface_type": "interface"}
GO_KINDS = {
    "function_declaration": "function",
    "method_declaration": "method",
    "type_spec": "type",
    "type_alias": "type",
    "const_spec": "constant",
    "var_spec": "constant",
}

# Of one definition or, in parentheses, of several.
GO_GROUPS = frozenset({"type_declaration", "const_declaration", "var_declaration", "var_spec_list"})

GO = Grammar(
    module="tree_sitter_go",
    package="tree-sitter-go",
    definitions=GO_KINDS,
    wrappers=GO_GROUPS,
    imports=frozenset({"import_declaration"}),
    through=GO_GROUPS,
    direct=frozenset({"function_declaration", "type_alias"}),
    name=_go_name,
    kind=_go_kind,
    body=_go_body,
    imported=_go_imported,
    qualifier=_go_receiver,
)


# Rust


def _rust_name(node: Node) -> Node | None:
    if node.type == "impl_item":
        return _rust_type(nodes.at(node, "type"))
    if node.type == "mod_item" and nodes.at(node, "body") is None:
        return None  # `mod cache;` says that there is a file
    return nodes.at(node, "name")


def _rust_type(node: Node | None) -> Node | None:
    """Return ``Cache`` of ``&mut Cache<T>``."""
    while node is not None and node.type in {"reference_type", "generic_type"}:
        node = nodes.at(node, "type")
    # Of a path such as `lexer::Number`, the last part.
    return nodes.at(node, "name") or node


def _rust_body(node: Node) -> Node | None:
    if node.type == "macro_definition":
        return nodes.one(node, "macro_rule")
    return nodes.at(node, "body")


def _rust_imported(node: Node) -> list[str]:
    found = nodes.at(node, "argument", "name")
    names = [] if found is None else nodes.expanded(nodes.line(found))
    return [name.removesuffix("::self") for name in names]  # `io::{self}` is `io`


RUST_KINDS = {
    "function_item": "function",
    "function_signature_item": "function",
    "struct_item": "struct",
    "union_item": "struct",
    "enum_item": "enum",
    "trait_item": "trait",
    "impl_item": "impl",
    "mod_item": "module",
    "type_item": "type",
    "const_item": "constant",
    "static_item": "constant",
    "macro_definition": "macro",
}

RUST = Grammar(
    module="tree_sitter_rust",
    package="tree-sitter-rust",
    definitions=RUST_KINDS,
    comments=frozenset({"line_comment", "block_comment"}),
    leading=frozenset({"attribute_item"}),
    imports=frozenset({"use_declaration", "extern_crate_declaration"}),
    through=frozenset({"foreign_mod_item", "declaration_list"}),
    direct=frozenset(RUST_KINDS) - {"impl_item", "mod_item"},
    name=_rust_name,
    body=_rust_body,
    imported=_rust_imported,
)


# Zig


def _zig_value(node: Node) -> Node | None:
    """Return what a ``const`` stands for, which is its last child but the semicolon."""
    return nodes.last(node) if node.named_child_count > 1 else None


def _zig_imported(node: Node) -> list[str]:
    value = _zig_value(node)
    while value is not None and value.type == "field_expression":
        value = nodes.at(value, "object")
    if value is None or nodes.text(nodes.one(value, "builtin_identifier")) != "@import":
        return []
    string = nodes.down(value, "arguments", "string")
    return [] if string is None else [nodes.unquoted(string)]


def _zig_name(node: Node) -> Node | None:
    if node.type == "test_declaration":
        return nodes.down(node, "string", "string_content") or nodes.one(node, "identifier")
    if node.type != "variable_declaration":
        return nodes.at(node, "name")
    value = _zig_value(node)
    is_type = value is not None and value.type in ZIG_TYPES
    if not is_type and (node.start_point.column > 0 or _zig_imported(node)):
        return None
    return nodes.one(node, "identifier")


def _zig_kind(node: Node) -> str:
    if node.type == "variable_declaration":
        value = _zig_value(node)
        return "constant" if value is None else ZIG_TYPES.get(value.type, "constant")
    return "function"


def _zig_body(node: Node) -> Node | None:
    if node.type == "variable_declaration":
        value = _zig_value(node)
        return nodes.one(value, "{") if value is not None and value.type in ZIG_TYPES else None
    return nodes.at(node, "body") or nodes.one(node, "block")


ZIG_TYPES = {
    "struct_declaration": "struct",
    "union_declaration": "struct",
    "opaque_declaration": "struct",
    "enum_declaration": "enum",
    "error_set_declaration": "enum",
}

ZIG = Grammar(
    module="tree_sitter_zig",
    package="tree-sitter-zig",
    definitions={
        "function_declaration": "function",
        "test_declaration": "function",
        "variable_declaration": "constant",
    },
    imports=frozenset({"variable_declaration"}),
    through=frozenset({"comptime_declaration"}),
    direct=frozenset({"function_declaration"}),
    name=_zig_name,
    kind=_zig_kind,
    body=_zig_body,
    imported=_zig_imported,
)


# Swift


def _swift_name(node: Node) -> Node | None:
    if node.type == "property_declaration":
        is_global = node.start_point.column == 0
        if not is_global and nodes.at(node, "computed_value") is None:
            return None
        return nodes.at(nodes.at(node, "name"), "bound_identifier")
    # The grammar calls the type that a subscript returns its name.
    return nodes.one(node, "deinit", "subscript") or nodes.at(node, "name")


def _swift_kind(node: Node) -> str:
    if node.type == "class_declaration":
        return SWIFT_TYPES.get(nodes.text(nodes.at(node, "declaration_kind")), "class")
    if node.type == "property_declaration" and nodes.at(node, "computed_value") is not None:
        return "function"
    return SWIFT_KINDS[node.type]


def _swift_imported(node: Node) -> list[str]:
    found = nodes.one(node, "identifier")
    return [] if found is None else [nodes.text(found)]


SWIFT_TYPES = {"struct": "struct", "enum": "enum", "extension": "impl"}
SWIFT_KINDS = {
    "class_declaration": "class",
    "protocol_declaration": "interface",
    "function_declaration": "function",
    "protocol_function_declaration": "function",
    "init_declaration": "method",
    "deinit_declaration": "method",
    "subscript_declaration": "method",
    "property_declaration": "constant",
    "typealias_declaration": "type",
}

SWIFT = Grammar(
    module="tree_sitter_swift",
    package="tree-sitter-swift",
    definitions=SWIFT_KINDS,
    comments=frozenset({"comment", "multiline_comment"}),
    imports=frozenset({"import_declaration"}),
    direct=frozenset(
        {
            "function_declaration",
            "protocol_declaration",
            "protocol_function_declaration",
            "typealias_declaration",
        }
    ),
    name=_swift_name,
    kind=_swift_kind,
    body=nodes.field("body", "computed_value"),
    imported=_swift_imported,
)


# C#


def _csharp_name(node: Node) -> Node | None:
    match node.type:
        case "operator_declaration":
            return nodes.at(node, "operator")
        case "conversion_operator_declaration":
            return nodes.at(node, "type")
        case "indexer_declaration":
            return nodes.one(node, "this")
        case "field_declaration":
            words = {nodes.text(each) for each in node.children if each.type == "modifier"}
            if "const" not in words and not words >= {"static", "readonly"}:
                return None
            found = nodes.down(node, "variable_declaration", "variable_declarator")
            return nodes.at(found, "name")
        case "property_declaration" if not _computes(node):
            return None
    return nodes.at(node, "name")


def _computes(node: Node) -> bool:
    """Tell a property that computes something from one that only holds a value."""
    accessors = nodes.at(node, "accessors")
    if accessors is None:
        return nodes.one(node, "arrow_expression_clause") is not None
    return any(nodes.at(each, "body") is not None for each in accessors.named_children)


def _csharp_spelled(node: Node) -> str:
    before = {
        "operator_declaration": "operator ",
        "conversion_operator_declaration": "operator ",
        "destructor_declaration": "~",
    }
    return before.get(node.type, "") + nodes.line(_csharp_name(node))


def _csharp_body(node: Node) -> Node | None:
    return nodes.at(node, "body", "accessors", "value")


def _csharp_imported(node: Node) -> list[str]:
    found = nodes.last(node)
    return [] if found is None else [nodes.text(found)]


CSHARP = Grammar(
    module="tree_sitter_c_sharp",
    package="tree-sitter-c-sharp",
    definitions={
        "namespace_declaration": "module",
        "class_declaration": "class",
        "struct_declaration": "struct",
        "record_declaration": "struct",
        "interface_declaration": "interface",
        "enum_declaration": "enum",
        "delegate_declaration": "type",
        "method_declaration": "method",
        "constructor_declaration": "method",
        "destructor_declaration": "method",
        "operator_declaration": "method",
        "conversion_operator_declaration": "method",
        "indexer_declaration": "method",
        "property_declaration": "method",
        "local_function_statement": "function",
        "field_declaration": "constant",
    },
    imports=frozenset({"using_directive"}),
    through=frozenset(
        {
            "namespace_declaration",
            "declaration_list",
            "preproc_if",
            "preproc_elif",
            "preproc_else",
        }
    ),
    direct=frozenset(
        {
            "namespace_declaration",
            "class_declaration",
            "struct_declaration",
            "record_declaration",
            "interface_declaration",
            "enum_declaration",
            "delegate_declaration",
            "method_declaration",
            "constructor_declaration",
            "local_function_statement",
        }
    ),
    name=_csharp_name,
    spelled=_csharp_spelled,
    body=_csharp_body,
    imported=_csharp_imported,
)


# Solidity


def _solidity_name(node: Node) -> Node | None:
    if node.type == "state_variable_declaration":
        is_constant = "constant" in nodes.line(node).split("=")[0].split()
        return nodes.at(node, "name") if is_constant else None
    if node.type == "fallback_receive_definition":
        return nodes.one(node, "receive", "fallback")
    return nodes.at(node, "name") or nodes.one(node, "constructor")


def _solidity_imported(node: Node) -> list[str]:
    return [nodes.unquoted(each) for each in node.children_by_field_name("source")]


SOLIDITY = Grammar(
    module="tree_sitter_solidity",
    package="tree-sitter-solidity",
    definitions={
        "contract_declaration": "class",
        "interface_declaration": "interface",
        "library_declaration": "module",
        "struct_declaration": "struct",
        "enum_declaration": "enum",
        "event_definition": "type",
        "error_declaration": "type",
        "user_defined_type_definition": "type",
        "modifier_definition": "function",
        "constructor_definition": "function",
        "fallback_receive_definition": "function",
        "function_definition": "function",
        "state_variable_declaration": "constant",
    },
    imports=frozenset({"import_directive"}),
    direct=frozenset(
        {
            "contract_declaration",
            "interface_declaration",
            "library_declaration",
            "struct_declaration",
            "enum_declaration",
            "event_definition",
            "error_declaration",
            "user_defined_type_definition",
            "modifier_definition",
            "function_definition",
        }
    ),
    name=_solidity_name,
    body=nodes.field("body"),
    imported=_solidity_imported,
)


# Verilog and SystemVerilog


def _verilog_name(node: Node) -> Node | None:
    """Look for the first name in the heads that the grammar has around it."""
    found: Node | None = node
    for _ in range(len(VERILOG_HEADS)):
        if found is None or found.type == "simple_identifier":
            return found
        found = nodes.one(found, "simple_identifier", *VERILOG_HEADS)
    return None


def _verilog_imported(node: Node) -> list[str]:
    if node.type == "include_compiler_directive":
        found = nodes.one(node, "double_quoted_string", "system_lib_string")
        return [] if found is None else [nodes.unquoted(found)]
    items = [each for each in node.children if each.type == "package_import_item"]
    return [nodes.text(item) for item in items]


VERILOG_HEADS = (
    "module_header",
    "interface_ansi_header",
    "interface_nonansi_header",
    "function_body_declaration",
    "task_body_declaration",
    "function_identifier",
    "task_identifier",
    "interface_identifier",
    "class_identifier",
    "package_identifier",
    "module_identifier",
)

VERILOG = Grammar(
    module="tree_sitter_verilog",
    package="tree-sitter-verilog",
    definitions={
        "module_declaration": "module",
        "interface_declaration": "interface",
        "package_declaration": "module",
        "class_declaration": "class",
        "function_declaration": "function",
        "task_declaration": "function",
    },
    imports=frozenset({"include_compiler_directive", "package_import_declaration"}),
    name=_verilog_name,
    body=nodes.child("module_or_generate_item", "class_item"),
    imported=_verilog_imported,
)
