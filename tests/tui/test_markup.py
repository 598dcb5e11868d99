"""Text from outside is never taken for markup: what Textual would parse has to be plain."""

from __future__ import annotations

import ast
from pathlib import Path

import treadle.tui

HERE = Path(treadle.tui.__file__).parent
PARSING = {"Static", "Label", "notify"}  # a str that these get is markup
PLAIN = {"Text", "toned", "grid"}  # what makes texts and tables of rich, which are not


def called(node: ast.expr) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return None


def plain_names(tree: ast.AST) -> set[str]:
    """Return what a module calls texts of its own, or of rich, and what makes the latter."""
    found = set(PLAIN)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, returns=ast.Name(id="Text" | "Table")):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if called(
                value
            ) in PLAIN or isinstance(value, ast.Constant):
                found.add(name)
    return found


def is_plain(node: ast.expr, names: set[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in names
        case ast.IfExp():
            return is_plain(node.body, names) and is_plain(node.orelse, names)
    return called(node) in names


def is_at_risk(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Assign(targets=[*_, ast.Attribute(attr="tooltip")], value=value):
            return not is_plain(value, names)
        case ast.Call(args=args, keywords=options) if called(node) in PARSING:
            told = [*args[:1], *(each.value for each in options if each.arg == "content")]
            switch = next((each.value for each in options if each.arg == "markup"), None)
            is_off = isinstance(switch, ast.Constant) and switch.value is False
            return not is_off and not all(is_plain(each, names) for each in told)
    return False


def risks(text: str) -> list[int]:
    tree = ast.parse(text)
    names = plain_names(tree)
    return [node.lineno for node in ast.walk(tree) if is_at_risk(node, names)]


def test_no_text_that_may_be_from_outside_is_parsed_as_markup():
    assert risks("w.tooltip = name") == [1]
    assert risks("Static(visible(name))\nself.app.notify(f'{name}')") == [1, 2]
    assert risks("w.tooltip = Text(name)\nLabel(name, markup=False)\nStatic('a')") == []
    found = {
        f"{path.relative_to(HERE)}:{line}"
        for path in HERE.rglob("*.py")
        for line in risks(path.read_text())
    }
    assert found == set()
