"""
JavaScript and TypeScript, with JSX: functions however they got their name.

``const f = () => …`` defines a function as ``function f() {}`` does, so does ``exports.f = …``, a
field of a class, or an entry of an object. Other values are definitions (``"constant"``) where a
file exports them, or names them as a class or a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node

FUNCTIONS = frozenset(
    {
        "arrow_function",
        "function_expression",
        "generator_function",
        "function",
        "function_signature",
    }
)
LISTS = frozenset({"object", "array"})
VARIABLES = frozenset({"lexical_declaration", "variable_declaration"})
SUITES = frozenset({"describe", "context", "suite"})  # of Jest, Mocha, Vitest, Jasmine
TESTS = SUITES | {"it", "test", "specify"}
MOST = 1_000  # entries of an object; one with more is data
EXPORTED = (7, 15)  # the columns after `export ` and `export declare `


def _value(node: Node) -> Node | None:
    """Return what is given a name by *node*, without what only types it."""
    if node.type in VARIABLES:
        node_ = nodes.one(node, "variable_declarator")
        found = nodes.at(node_, "value")
    elif node.type == "assignment_expression":
        found = nodes.at(node, "right")
    else:
        found = nodes.at(node, "value")
    while found is not None and found.type in {
        "as_expression",
        "satisfies_expression",
        "parenthesized_expression",
    }:
        found = nodes.first(found)
    return found


def _is_function(value: Node | None) -> bool:
    return value is not None and (value.type in FUNCTIONS or value.type == "class")


def _variable(node: Node) -> Node | None:
    name = nodes.at(nodes.one(node, "variable_declarator"), "name")
    if name is None or name.type != "identifier":
        return None
    value = _value(node)
    if _is_function(value):
        return name
    if _required(value):
        return None
    column = node.start_point.column
    if column in EXPORTED:  # also without a value, as a file of declarations has them
        return name
    if value is None:
        return None
    is_known = column == 0 and (value.type == "object" or nodes.text(name)[:1].isupper())
    return name if is_known else None


def _assigned(node: Node) -> Node | None:
    """Return ``f`` of ``exports.f = function …``, and ``module.exports`` where it is an object."""
    left = nodes.at(node, "left")
    if left is None or left.type != "member_expression":
        return None
    value = _value(node)
    is_module = nodes.text(left) == "module.exports"
    if not _is_function(value):
        return left if is_module and _holds_functions(value) else None
    return None if is_module else nodes.at(left, "property")


def _holds_functions(value: Node | None) -> bool:
    """Tell an object that is written instead of a class, or a module, from data."""
    if value is None or value.type != "object" or value.named_child_count > MOST:
        return False
    return any(
        each.type == "method_definition" or (each.type == "pair" and _is_function(_value(each)))
        for each in value.named_children
    )


def _callee(node: Node) -> str:
    """Return ``test`` of ``test(…)``, ``test.only(…)`` and ``test.each(…)(…)``."""
    called = node.child_by_field_name("function")
    if called is not None and called.type == "call_expression":
        called = called.child_by_field_name("function")
    if called is not None and called.type == "member_expression":
        called = called.child_by_field_name("object")
    return nodes.text(called) if called is not None and called.type == "identifier" else ""


def _callback(node: Node) -> Node | None:
    """Return the function that is the second argument of a call, or a later one."""
    arguments = nodes.at(node, "arguments")
    for each in () if arguments is None else arguments.named_children[1:4]:
        if each.type in FUNCTIONS:
            return each
    return None


def _tested(node: Node) -> Node | None:
    """Return what ``it("works", () => {…})`` says that is tested."""
    if _callee(node) not in TESTS or _callback(node) is None:
        return None
    return nodes.one(nodes.first(nodes.at(node, "arguments")), "string_fragment")


def _default(node: Node) -> Node | None:
    """Return the word ``default`` where what is exported has no other name."""
    value = _value(node)
    if not _is_function(value) and (value is None or value.type not in LISTS):
        return None
    return None if nodes.at(value, "name") is not None else nodes.one(node, "default")


def _member(node: Node) -> Node | None:
    """Return the name of a field of a class, or of an entry of an object, that is a function."""
    return nodes.at(node, "name", "property", "key") if _is_function(_value(node)) else None


def _module(node: Node) -> Node | None:
    """Return the name of a namespace, without the quotes of ``declare module "x"``."""
    name = nodes.at(node, "name")
    if name is not None and name.type == "string":
        return nodes.one(name, "string_fragment")
    return name


_name = nodes.by_type(
    {
        "lexical_declaration": _variable,
        "variable_declaration": _variable,
        "assignment_expression": _assigned,
        "export_statement": _default,
        "call_expression": _tested,
        "field_definition": _member,
        "public_field_definition": _member,
        "pair": _member,
        "module": _module,
        "internal_module": _module,
    },
    otherwise=nodes.field("name"),
)


def _kind(node: Node) -> str:
    known = DEFINITIONS[node.type]
    if node.type == "call_expression":
        return "section" if _callee(node) in SUITES else "function"
    if known != "constant":
        return known
    value = _value(node)
    if _holds_functions(value):
        return "module"
    if value is not None and value.type == "class":
        return "class"
    if not _is_function(value):
        return "constant"
    return "function" if _qualifier(node) is None else "method"


def _body(node: Node) -> Node | None:
    if node.type == "call_expression":
        return nodes.at(_callback(node), "body")
    if node.type not in NAMED_BY_VALUE:
        return nodes.at(node, "body", "value")
    value = _value(node)
    if value is None or value.type in LISTS:
        return value
    return nodes.at(value, "body")


def _qualifier(node: Node) -> Node | None:
    """Return ``Foo`` of ``Foo.bar = function …`` and of ``Foo.prototype.bar = …``."""
    if node.type != "assignment_expression" or not _is_function(_value(node)):
        return None
    owner = nodes.at(nodes.at(node, "left"), "object")
    if owner is not None and owner.type == "member_expression":
        if nodes.text(nodes.at(owner, "property")) != "prototype":
            return None
        owner = nodes.at(owner, "object")
    if owner is None or owner.type != "identifier" or nodes.text(owner) == "exports":
        return None
    return owner


def _required(value: Node | None) -> list[str]:
    """Return ``["x"]`` for ``require("x")``, also with something taken from it."""
    while value is not None and value.type in {"member_expression", "await_expression"}:
        value = nodes.at(value, "object") or nodes.first(value)
    if value is None or value.type != "call_expression":
        return []
    if nodes.text(nodes.at(value, "function")) not in {"require", "import"}:
        return []
    arguments = nodes.at(value, "arguments")
    first = nodes.first(arguments)
    return [nodes.unquoted(first)] if first is not None and first.type == "string" else []


def _imported(node: Node) -> list[str]:
    if node.type in VARIABLES or node.type == "assignment_expression":
        return _required(_value(node))
    if node.type == "call_expression":
        return _required(node)
    source = nodes.at(node, "source") or nodes.at(
        nodes.one(node, "import_require_clause"), "source"
    )
    if source is not None:
        return [nodes.unquoted(source)]
    return [nodes.line(nodes.last(node))] if node.type == "import_alias" else []


NAMED_BY_VALUE = {
    "lexical_declaration": "constant",
    "variable_declaration": "constant",
    "assignment_expression": "constant",
    "export_statement": "constant",
    "pair": "constant",
}
SHARED = NAMED_BY_VALUE | {
    "call_expression": "function",
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "method_definition": "function",
    "class_declaration": "class",
}
TYPED = SHARED | {
    "public_field_definition": "constant",
    "abstract_class_declaration": "class",
    "abstract_method_signature": "function",
    "function_signature": "function",
    "interface_declaration": "interface",
    "type_alias_declaration": "type",
    "enum_declaration": "enum",
    "internal_module": "module",
    "module": "module",
}
DEFINITIONS = {**TYPED, "field_definition": "constant"}
NAMED_BY_VALUE |= {"field_definition": "constant", "public_field_definition": "constant"}

IMPORTS = VARIABLES | {
    "import_statement",
    "export_statement",
    "call_expression",
    "assignment_expression",
}
# Also what stands in a function that is called where it is written.
THROUGH = frozenset(
    {
        "expression_statement",
        "parenthesized_expression",
        "unary_expression",
        "call_expression",
        "function_expression",
        "arrow_function",
        "statement_block",
        "if_statement",
        "else_clause",
        "try_statement",
        "catch_clause",
        "finally_clause",
    }
)
DIRECT = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
        "class_declaration",
    }
)

JAVASCRIPT = Grammar(
    module="tree_sitter_javascript",
    package="tree-sitter-javascript",
    definitions={**SHARED, "field_definition": "constant"},
    wrappers=frozenset({"export_statement", "expression_statement"}),
    comments=frozenset({"comment", "html_comment"}),
    leading=frozenset({"decorator"}),
    imports=IMPORTS,
    through=THROUGH,
    direct=DIRECT,
    name=_name,
    kind=_kind,
    body=_body,
    imported=_imported,
    qualifier=_qualifier,
)

TYPESCRIPT = Grammar(
    module="tree_sitter_typescript",
    package="tree-sitter-typescript",
    function="language_typescript",
    definitions=TYPED,
    wrappers=frozenset({"export_statement", "expression_statement", "ambient_declaration"}),
    comments=frozenset({"comment", "html_comment"}),
    leading=frozenset({"decorator"}),
    imports=IMPORTS | {"import_alias"},
    through=THROUGH | {"ambient_declaration"},
    direct=DIRECT
    | {
        "abstract_class_declaration",
        "abstract_method_signature",
        "function_signature",
        "interface_declaration",
        "type_alias_declaration",
        "enum_declaration",
        "internal_module",
    },
    name=_name,
    kind=_kind,
    body=_body,
    imported=_imported,
    qualifier=_qualifier,
)

TSX = Grammar(
    module=TYPESCRIPT.module,
    package=TYPESCRIPT.package,
    function="language_tsx",
    definitions=TYPESCRIPT.definitions,
    wrappers=TYPESCRIPT.wrappers,
    comments=TYPESCRIPT.comments,
    leading=TYPESCRIPT.leading,
    imports=TYPESCRIPT.imports,
    through=TYPESCRIPT.through,
    direct=TYPESCRIPT.direct,
    name=_name,
    kind=_kind,
    body=_body,
    imported=_imported,
    qualifier=_qualifier,
)
