"""Java, Kotlin, Scala and Groovy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


def _path(node: Node) -> list[str]:
    """Return ``a.b.C`` of ``import static a.b.C;``."""
    words = nodes.line(node).rstrip("; ").removeprefix("import ").removeprefix("static ")
    return nodes.expanded(words)


# Java


def _java_name(node: Node) -> Node | None:
    if node.type != "field_declaration":
        return nodes.at(node, "name")
    words = nodes.text(nodes.one(node, "modifiers")).split()
    if "static" not in words or "final" not in words:
        return None
    return nodes.at(nodes.at(node, "declarator"), "name")


JAVA_KINDS = {
    "class_declaration": "class",
    "interface_declaration": "interface",
    "annotation_type_declaration": "interface",
    "enum_declaration": "enum",
    "record_declaration": "struct",
    "method_declaration": "method",
    "constructor_declaration": "method",
    "compact_constructor_declaration": "method",
    "field_declaration": "constant",
}

JAVA = Grammar(
    module="tree_sitter_java",
    package="tree-sitter-java",
    definitions=JAVA_KINDS,
    comments=frozenset({"line_comment", "block_comment"}),
    imports=frozenset({"import_declaration"}),
    direct=frozenset(JAVA_KINDS) - {"field_declaration"},
    name=_java_name,
    body=nodes.field("body"),
    imported=_path,
)


# Kotlin


def _kotlin_name(node: Node) -> Node | None:
    if node.type == "property_declaration":
        is_const = "const" in nodes.text(nodes.one(node, "modifiers")).split()
        if not is_const and node.start_point.column > 0 and nodes.one(node, "getter") is None:
            return None
        return nodes.down(node, "variable_declaration", "identifier")
    if node.type == "secondary_constructor":
        return nodes.one(node, "constructor")
    if node.type == "type_alias":
        return nodes.at(node, "type")
    # Without a name, what is in a companion has the name of its class: `Station.find`.
    return nodes.at(node, "name")


def _kotlin_kind(node: Node) -> str:
    if node.type == "class_declaration":
        if nodes.one(node, "interface") is not None:
            return "interface"
        return "class" if nodes.one(node, "enum_class_body") is None else "enum"
    if node.type == "property_declaration":
        return "constant" if nodes.one(node, "getter") is None else "function"
    return KOTLIN_KINDS[node.type]


def _kotlin_receiver(node: Node) -> Node | None:
    """Return ``List`` of ``fun <T> List<T>.second()``."""
    if node.type not in {"function_declaration", "property_declaration"}:
        return None
    dot = nodes.one(node, ".")
    receiver = None if dot is None else dot.prev_named_sibling
    if receiver is not None and receiver.type == "nullable_type":
        receiver = nodes.first(receiver)
    return nodes.one(receiver, "identifier") or receiver


def _kotlin_imported(node: Node) -> list[str]:
    if not node.is_named:  # the word `import` has the type of the whole
        return []
    words = nodes.line(node).removeprefix("import ").split(" as ")
    return [words[0].rstrip("; ")]


KOTLIN_KINDS = {
    "class_declaration": "class",
    "object_declaration": "module",
    "companion_object": "module",
    "function_declaration": "function",
    "secondary_constructor": "method",
    "type_alias": "type",
    "property_declaration": "constant",
}

KOTLIN = Grammar(
    module="tree_sitter_kotlin",
    package="tree-sitter-kotlin",
    definitions=KOTLIN_KINDS,
    holders=frozenset({"class", "interface", "enum", "module"}),
    comments=frozenset({"line_comment", "block_comment"}),
    imports=frozenset({"import"}),
    direct=frozenset({"object_declaration"}),
    name=_kotlin_name,
    kind=_kotlin_kind,
    body=nodes.child("class_body", "enum_class_body", "function_body", "block", "getter"),
    imported=_kotlin_imported,
    qualifier=_kotlin_receiver,
)


# Scala


def _scala_name(node: Node) -> Node | None:
    if node.type == "val_definition":
        # Constants are written like classes.
        name = nodes.at(node, "pattern")
        is_constant = name is not None and nodes.text(name)[:1].isupper()
        return name if is_constant and name is not None and name.type == "identifier" else None
    if node.type == "extension_definition":
        extended = nodes.at(nodes.one(nodes.at(node, "parameters"), "parameter"), "type")
        return nodes.at(extended, "type") or extended
    return nodes.at(node, "name")


def _scala_imported(node: Node) -> list[str]:
    names = nodes.expanded(nodes.line(node).removeprefix("import "))
    return [f"{name[:-1]}*" if name.endswith("._") else name for name in names]


SCALA_KINDS = {
    "class_definition": "class",
    "object_definition": "module",
    "package_object": "module",
    "trait_definition": "trait",
    "enum_definition": "enum",
    "given_definition": "impl",
    "extension_definition": "impl",
    "function_definition": "function",
    "function_declaration": "function",
    "type_definition": "type",
    "val_definition": "constant",
}

SCALA = Grammar(
    module="tree_sitter_scala",
    package="tree-sitter-scala",
    definitions=SCALA_KINDS,
    holders=frozenset({"class", "trait", "enum", "module", "impl"}),
    comments=frozenset({"comment", "block_comment"}),
    imports=frozenset({"import_declaration"}),
    through=frozenset({"package_clause", "template_body"}),
    direct=frozenset(SCALA_KINDS) - {"val_definition", "extension_definition"},
    name=_scala_name,
    body=nodes.field("body", "value"),
    imported=_scala_imported,
    swallows=True,
)


# Groovy

GROOVY_KINDS = {
    "class_declaration": "class",
    "interface_declaration": "interface",
    "enum_declaration": "enum",
    "method_declaration": "method",
    "constructor_declaration": "method",
    "function_definition": "function",
}

GROOVY = Grammar(
    module="tree_sitter_groovy",
    package="tree-sitter-groovy",
    definitions=GROOVY_KINDS,
    comments=frozenset({"line_comment", "block_comment"}),
    imports=frozenset({"import_declaration"}),
    direct=frozenset(GROOVY_KINDS),
    name=nodes.field("name"),
    body=nodes.field("body"),
    imported=_path,
)
