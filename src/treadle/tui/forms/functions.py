"""Functions that files define, found by reading the files; the code of a user is not run here."""

from __future__ import annotations

import ast
import sys
import threading
from importlib.machinery import PathFinder
from pathlib import Path

from treadle import UsageError
from treadle.cli.functions import defined_in, is_file, nearest, split
from treadle.tui.forms.places import is_odd

_MOST_BYTES = 5_000_000
# Two threads that parse at once fail on Python 3.11, with "recursion depth mismatch".
_PARSING = threading.Lock()
_TOO_MUCH = (RecursionError, MemoryError, SystemError)


def check(spec: str, beside: str | None = None) -> str:
    """
    Look whether *spec* names a function, as far as the text of its module tells.

    Args:
        spec: ``FILE.py:function`` or ``package.module:function``.
        beside: Another spec; a bare name is looked up in that one's module.

    Returns:
        What was found, in a few words; empty if that cannot be known without running code.

    Raises:
        UsageError: There is no such file, module or function.
    """
    try:
        with _PARSING:
            return _check(spec, beside)
    except _TOO_MUCH as error:
        raise UsageError(f"{spec} cannot be looked at: {error}", hint="choose another") from error


def names_in(path: Path) -> list[str]:
    """Return the functions that a file defines; none if it is no Python, or cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return []
        with _PARSING:
            return defined_in(path)
    except (OSError, *_TOO_MUCH):
        return []


def _check(spec: str, beside: str | None) -> str:
    if is_odd(Path(spec)):
        # What it defines would be a hint; but a pipe might never say.
        raise UsageError(f"{spec!r} is no regular file", hint="write FILE.py:FUNCTION")
    where, name = split(spec, beside)
    path = _file(where) if is_file(where) else _module(where)
    if path is None:
        return ""
    tree = _tree(path)
    bound = _bound(tree.body)
    first, *rest = name.split(".")
    if first not in bound:
        if "*" in bound or "__getattr__" in bound:
            return ""
        raise UsageError(
            f"there is no {first!r} in {where}",
            hint=nearest(first, defined_in(path)) or f"{where} defines no function of its own",
        )
    node = bound[first]
    if rest or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    return f"{'async ' * isinstance(node, ast.AsyncFunctionDef)}{node.name}({_arguments(node)})"


def _file(where: str) -> Path:
    path = Path(where)
    if not path.is_file():
        beside = path.parent.glob("*.py") if path.parent.is_dir() else ()
        raise UsageError(
            f"there is no file {where!r}", hint=nearest(where, [str(each) for each in beside])
        )
    return path


def _module(name: str) -> Path | None:
    """Return the file of a module; None for one that is not of Python source."""
    if name.partition(".")[0] in sys.builtin_module_names:
        return None
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    dotted, origin = "", None
    for part in name.split("."):
        if places is None:
            raise UsageError(f"{dotted!r} is no package", hint=f"there is no {name!r}")
        dotted = f"{dotted}.{part}" if dotted else part
        spec = PathFinder.find_spec(dotted, places)
        if spec is None:
            raise UsageError(
                f"there is no module {dotted!r}", hint="for a file, write FILE.py:FUNCTION"
            )
        origin, found = spec.origin, spec.submodule_search_locations
        places = None if found is None else list(found)
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _tree(path: Path) -> ast.Module:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is too large to look into", hint="type the name")
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise UsageError(
            f"{path}, line {error.lineno}: {error.msg}", hint="workers could not import it"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", hint="choose another") from error
    except ValueError as error:
        raise UsageError(f"{path} is no Python: {error}", hint="choose another") from error


def _bound(body: list[ast.stmt]) -> dict[str, ast.AST]:
    """Return what a module's statements bind, in whatever branch; ``*`` for an import of all."""
    found: dict[str, ast.AST] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((each.asname or each.name.split(".")[0], node) for each in node.names)
        else:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    found[inner.id] = node
                elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found[inner.name] = inner
                elif isinstance(inner, ast.Import | ast.ImportFrom):
                    names = (each.asname or each.name.split(".")[0] for each in inner.names)
                    found.update((name, inner) for name in names)
    return found


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    text = ast.unparse(node.args)
    return text if len(text) <= 40 else text[:39] + "…"
