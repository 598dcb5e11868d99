"""HTML, Svelte, XML, CSS and Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from treadle.code.grammars import nodes
from treadle.code.languages.model import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node


# HTML: elements that are parts of a page, and those that somebody gave an id


def _start(node: Node) -> Node | None:
    found = nodes.first(node)
    return found if found is not None and found.type in TAGS else None


def _html_name(node: Node) -> Node | None:
    start = _start(node)
    name = nodes.first(start)
    if start is None or name is None:
        return None
    if start.named_child_count > 1:
        for attribute in start.named_children[1:]:
            key = nodes.text(nodes.first(attribute))
            if key.lower() == "id":
                value = nodes.one(attribute, "quoted_attribute_value") or attribute
                return nodes.one(value, "attribute_value")
    return name if nodes.text(name).lower() in STRUCTURE else None


TAGS = frozenset({"start_tag", "self_closing_tag"})


STRUCTURE = frozenset(
    {
        "head",
        "header",
        "main",
        "nav",
        "footer",
        "article",
        "section",
        "aside",
        "form",
        "template",
        "script",
        "style",
    }
)


def _html_body(node: Node) -> Node | None:
    start = _start(node)
    return None if start is None else start.next_sibling


HTML = Grammar(
    module="tree_sitter_html",
    package="tree-sitter-html",
    definitions={"element": "element", "script_element": "element", "style_element": "element"},
    through=frozenset({"element"}),
    name=_html_name,
    body=_html_body,
)

SVELTE = replace(HTML, module="tree_sitter_svelte", package="tree-sitter-svelte")


# XML: elements with an id or a name, and those below the root that hold others


def _xml_name(node: Node) -> Node | None:
    tag = nodes.one(node, "STag", "EmptyElemTag")
    if tag is None:
        return None
    for attribute in tag.children:
        if attribute.type == "Attribute":
            key = nodes.text(nodes.one(attribute, "Name"))
            if key.rpartition(":")[2].lower() in {"id", "name"}:
                return nodes.one(attribute, "AttValue")
    is_part = 0 < node.start_point.column <= XML_PART
    if is_part and nodes.down(node, "content", "element") is not None:
        return nodes.one(tag, "Name")
    return None


def _xml_spelled(node: Node) -> str:
    return nodes.unquoted(_xml_name(node))


XML_PART = 4  # columns that what is directly below the root is indented by, at most

XML = Grammar(
    module="tree_sitter_xml",
    package="tree-sitter-xml",
    function="language_xml",
    definitions={"element": "element"},
    comments=frozenset({"Comment"}),
    through=frozenset({"element", "content"}),
    name=_xml_name,
    spelled=_xml_spelled,
    body=nodes.child("content"),
)


# CSS


def _css_name(node: Node) -> Node | None:
    if node.type == "keyframes_statement":
        return nodes.one(node, "keyframes_name")
    return nodes.one(node, "selectors", "at_keyword", "@media", "@supports")


def _css_spelled(node: Node) -> str:
    if node.type in {"rule_set", "keyframes_statement"}:
        return nodes.line(_css_name(node))
    # All that is before the block: `@media screen and (max-width: 40em)`.
    block = nodes.one(node, "block")
    end = None if block is None else block.start_byte - node.start_byte
    return " ".join((node.text or b"")[:end].decode("utf-8", "replace").rstrip("; \n").split())


def _css_imported(node: Node) -> list[str]:
    found = nodes.one(node, "string_value", "call_expression")
    if found is not None and found.type == "call_expression":
        found = nodes.one(found, "arguments")
    return [] if found is None else [nodes.text(found).strip("()\"' ")]


CSS = Grammar(
    module="tree_sitter_css",
    package="tree-sitter-css",
    definitions={
        "rule_set": "rule",
        "media_statement": "rule",
        "supports_statement": "rule",
        "keyframes_statement": "rule",
        "at_rule": "rule",
    },
    comments=frozenset({"comment", "js_comment"}),
    imports=frozenset({"import_statement"}),
    name=_css_name,
    spelled=_css_spelled,
    body=nodes.child("block", "keyframe_block_list"),
    imported=_css_imported,
)


# Markdown


def _heading(node: Node) -> Node | None:
    if node.type == "setext_heading":
        return node
    # Of a section, which has many children, the heading is the first. One that is underlined opens
    # no section in this grammar, but stands in one with others.
    found = nodes.first(node) if node.type == "section" else None
    return found if found is not None and found.type == "atx_heading" else None


def _markdown_name(node: Node) -> Node | None:
    return nodes.at(_heading(node), "heading_content")


def _markdown_spelled(node: Node) -> str:
    title = nodes.line(_markdown_name(node))
    without = title.rstrip("#")
    # `## Title ##` is closed, `## C#` is not.
    title = without.rstrip() if without.endswith(" ") else title
    return EMPHASIS.sub("", LINK.sub(r"\1", title[:LONGEST])) or title


def _markdown_body(node: Node) -> Node | None:
    if node.type == "setext_heading":
        return nodes.one(node, "setext_h1_underline", "setext_h2_underline")
    heading = _heading(node)
    return None if heading is None else heading.next_named_sibling


LONGEST = 500  # characters of a heading
LINK = re.compile(r"!?\[([^]\[]*+)\]\([^()]*+\)")
EMPHASIS = re.compile(r"`|\*+(?=[^\s*])|(?<=[^\s*])\*+")

MARKDOWN = Grammar(
    module="tree_sitter_markdown",
    package="tree-sitter-markdown",
    definitions={"section": "section", "setext_heading": "section"},
    comments=frozenset(),
    name=_markdown_name,
    spelled=_markdown_spelled,
    body=_markdown_body,
)
