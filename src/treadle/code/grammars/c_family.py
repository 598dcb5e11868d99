"""
C, C++, CUDA and Objective-C: names that stand deep inside declarators.

``char **ns::A::get(void)`` is named by the innermost ``get``, and belongs to ``A``. Prototypes are
functions, too: a header has nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node

RECORDS = frozenset({"struct_specifier", "union_specifier", "class_specifier", "enum_specifier"})
WRAPPED = frozenset({"reference_declarator", "parenthesized_declarator", "attributed_declarator"})
DEEPEST = 40  # declarators; nobody writes more, and broken code must not keep us here


def _function(node: Node) -> Node | None:
    """Return the declarator of a function that *node* declares; None where it declares none."""
    found = nodes.at(node, "declarator")
    for _ in range(DEEPEST):
        if found is None or found.type in {"function_declarator", "operator_cast"}:
            return found
        if found.type == "qualified_identifier":  # `A::operator int()`
            found = _innermost(found)
            return found if found is not None and found.type == "operator_cast" else None
        if found.type == "init_declarator":
            return None
        found = _inside(found)
    return None


def _inside(node: Node) -> Node | None:
    found = nodes.at(node, "declarator")
    return nodes.first(node) if found is None and node.type in WRAPPED else found


def _declared(node: Node | None) -> Node | None:
    """Return the node of the name that a declarator declares, with its ``A::`` if it has one."""
    for _ in range(DEEPEST):
        if node is None or node.type == "operator_cast":
            return node
        inner = _inside(node)
        if inner is None:
            return node
        node = inner
    return None


def _innermost(node: Node | None) -> Node | None:
    """Return ``get`` of ``ns::A<T>::get<int>``."""
    for _ in range(DEEPEST):
        if node is None or node.type not in {
            "qualified_identifier",
            "template_type",
            "template_function",
            "template_method",
            "dependent_name",
        }:
            return node
        node = nodes.at(node, "name") or nodes.one(node, "template_function", "template_method")
    return None


def _defined(node: Node) -> Node | None:
    function = _function(node)
    if function is None:
        return None
    if function.type == "operator_cast":
        return function
    return _innermost(_declared(nodes.at(function, "declarator")))


def _prototype(node: Node) -> Node | None:
    """Return the name of a function that is only declared, or of a table of a C program."""
    function = _function(node)
    if function is None:
        return _table(node)
    if function.type == "operator_cast":
        return function
    inner = nodes.at(function, "declarator")
    # A pointer to a function is a variable.
    if inner is None or inner.type == "parenthesized_declarator":
        return None
    is_local_variable = (
        node.type == "declaration"
        and node.start_point.column > 0
        and nodes.at(node, "type") is not None
        and not _is_typed(nodes.at(function, "parameters"))
    )
    return None if is_local_variable else _innermost(inner)


def _is_typed(parameters: Node | None) -> bool:
    """Tell ``int f(int a)`` from ``Lock l(mutex)``, which looks like a prototype to the parser."""
    if parameters is None:
        return False
    return all(
        nodes.at(each, "declarator") is not None
        or getattr(nodes.at(each, "type"), "type", "") == "primitive_type"
        for each in parameters.named_children
        if each.type == "parameter_declaration"
    )


def _table(node: Node) -> Node | None:
    if node.type != "declaration" or node.start_point.column > 0:
        return None
    variable = nodes.at(node, "declarator")
    value = nodes.at(variable, "value")
    if value is None or value.type not in {"initializer_list", "lambda_expression"}:
        return None
    return _declared(nodes.at(variable, "declarator"))


def _type(node: Node) -> Node | None:
    """Return ``T`` of ``typedef struct {…} T``; None where the struct has a name itself."""
    inner = nodes.at(node, "type")
    if inner is not None and inner.type in RECORDS and _record(inner) is not None:
        return None
    return _declared(nodes.at(node, "declarator"))


def _record(node: Node) -> Node | None:
    """Return the name of a struct that is defined here, not only mentioned."""
    return None if nodes.at(node, "body") is None else _innermost(nodes.at(node, "name"))


def _macro(node: Node) -> Node | None:
    """Return the name of a macro; None for a guard, which has no value."""
    return None if nodes.at(node, "value") is None else nodes.at(node, "name")


_name = nodes.by_type(
    {
        "function_definition": _defined,
        "declaration": _prototype,
        "field_declaration": _prototype,
        "type_definition": _type,
        "preproc_def": _macro,
        "preproc_function_def": nodes.field("name"),
        "struct_specifier": _record,
        "union_specifier": _record,
        "class_specifier": _record,
        "enum_specifier": _record,
    },
    otherwise=nodes.field("name"),
)


def _spelled(node: Node) -> str:
    name = _name(node)
    if name is None or name.type != "operator_cast":
        return nodes.line(name)
    # `operator bool() const` is named `operator bool`.
    end = nodes.at(name, "declarator")
    whole = (name.text or b"")[: None if end is None else end.start_byte - name.start_byte]
    return " ".join(whole.decode("utf-8", "replace").split())


def _kind(node: Node) -> str:
    if node.type == "type_definition":
        inner = nodes.at(node, "type")
        if inner is not None and nodes.at(inner, "body") is not None:
            return KINDS.get(inner.type, "type")
    elif node.type == "declaration":
        return "constant" if _function(node) is None else "function"
    return KINDS[node.type]


def _body(node: Node) -> Node | None:
    if node.type == "declaration":
        return nodes.at(nodes.at(node, "declarator"), "value")
    if node.type == "type_definition":
        return nodes.at(nodes.at(node, "type"), "body")
    return nodes.at(node, "body", "value") if node.type in BODIED else None


def _qualifier(node: Node) -> Node | None:
    """Return ``A`` of ``void ns::A<T>::f() {…}``."""
    found = nodes.at(node, "declarator")
    for _ in range(DEEPEST):
        if found is None:
            return None
        if found.type == "qualified_identifier":
            inner = nodes.at(found, "name")
            if inner is None or inner.type != "qualified_identifier":
                return _innermost(nodes.at(found, "scope"))
            found = inner
        else:
            found = _inside(found)
    return None


def _cpp_kind(node: Node) -> str:
    # `Cache::get` may be in a namespace instead; a class is by far more frequent.
    is_method = node.type == "function_definition" and _qualifier(node) is not None
    return "method" if is_method else _kind(node)


def _imported(node: Node) -> list[str]:
    if node.type == "using_declaration":
        words = nodes.line(node).rstrip("; ").split()
        return [words[-1]] if words else []
    found = nodes.at(node, "path")
    return [] if found is None else [nodes.unquoted(found)]


C_KINDS = {
    "function_definition": "function",
    "declaration": "function",
    "struct_specifier": "struct",
    "union_specifier": "struct",
    "enum_specifier": "enum",
    "type_definition": "type",
    "preproc_def": "macro",
    "preproc_function_def": "macro",
}
KINDS = C_KINDS | {
    "field_declaration": "function",
    "class_specifier": "class",
    "namespace_definition": "module",
    "alias_declaration": "type",
    "concept_definition": "type",
}
GUARDS = frozenset(
    {
        "preproc_if",
        "preproc_ifdef",
        "preproc_elif",
        "preproc_elifdef",
        "preproc_else",
        "linkage_specification",
        "declaration_list",
    }
)
BODIED = frozenset(KINDS) - {"field_declaration", "alias_declaration", "preproc_def"}

C = Grammar(
    module="tree_sitter_c",
    package="tree-sitter-c",
    definitions=C_KINDS,
    wrappers=frozenset({"type_definition"}),
    imports=frozenset({"preproc_include"}),
    through=GUARDS,
    direct=frozenset({"preproc_function_def"}),
    name=_name,
    spelled=_spelled,
    kind=_kind,
    body=_body,
    imported=_imported,
)

CPP = replace(
    C,
    module="tree_sitter_cpp",
    package="tree-sitter-cpp",
    definitions=KINDS,
    wrappers=frozenset({"type_definition", "template_declaration", "friend_declaration"}),
    leading=frozenset({"access_specifier"}),
    imports=frozenset({"preproc_include", "using_declaration"}),
    direct=frozenset(
        {"preproc_function_def", "namespace_definition", "alias_declaration", "concept_definition"}
    ),
    kind=_cpp_kind,
    qualifier=_qualifier,
)

CUDA = replace(CPP, module="tree_sitter_cuda", package="tree-sitter-cuda")


def _selector(node: Node) -> str:
    """Return ``setX:y:`` of ``- (void)setX:(int)x y:(int)y``."""
    parts: list[str] = []
    for part in node.children:
        if part.type == "identifier":
            parts.append(nodes.text(part))
        elif part.type == "method_parameter":
            parts.append(":")
    return "".join(parts)


def _objc_spelled(node: Node) -> str:
    if node.type in METHODS:
        return _selector(node)
    return nodes.text(_objc_name(node)) if node.type in OBJC_KINDS else _spelled(node)


_objc_first = nodes.child("identifier")
_objc_name = nodes.by_type(
    {
        "protocol_declaration": _objc_first,
        "class_interface": _objc_first,
        "class_implementation": _objc_first,
        "method_declaration": _objc_first,
        "method_definition": _objc_first,
    },
    otherwise=_name,
)


def _objc_kind(node: Node) -> str:
    return OBJC_KINDS.get(node.type) or _kind(node)


def _objc_body(node: Node) -> Node | None:
    if node.type in METHODS:
        return nodes.one(node, "compound_statement")
    if node.type in OBJC_KINDS:
        return nodes.one(
            node, "method_declaration", "property_declaration", "implementation_definition"
        )
    return _body(node)


METHODS = frozenset({"method_declaration", "method_definition"})
OBJC_KINDS = {
    "protocol_declaration": "interface",
    "class_interface": "interface",
    "class_implementation": "class",
    "method_declaration": "method",
    "method_definition": "method",
}

OBJC = replace(
    C,
    module="tree_sitter_objc",
    package="tree-sitter-objc",
    definitions=C_KINDS | OBJC_KINDS,
    wrappers=frozenset({"type_definition", "implementation_definition"}),
    imports=frozenset({"preproc_include", "module_import"}),
    name=_objc_name,
    spelled=_objc_spelled,
    kind=_objc_kind,
    body=_objc_body,
)
