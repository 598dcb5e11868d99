"""Finds the function that a person names: ``FILE.py:function`` or ``package.module:function``."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from treadle import UsageError


def load(spec: str, *, beside: str | None = None) -> Callable[..., Any]:
    """
    Return the function that *spec* names.

    A file is imported under its own name, with its folder (the one above its topmost package)
    first in ``sys.path``, so that workers import it the same way.

    Args:
        spec: ``FILE.py:function``, ``package.module:function``, ``…:Class.method``.
        beside: Another spec; a bare name is then looked up in that one's module.

    Raises:
        UsageError: It cannot be found or imported; the hint says what was near.
    """
    where, name = split(spec, beside)
    module = _from_file(Path(where), spec) if is_file(where) else _by_name(where, spec)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise _no_function(where, found, name, part)
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(
            f"{name!r} in {where} is {_article(type(found).__name__)}, not a function",
            hint=nearest(name, _callables(module)),
        )
    return found  # type: ignore[no-any-return]  # callable, as just seen


def look_in(folder: str) -> None:
    """Find modules in *folder* before those of the current folder, and let workers do so."""
    here = str(Path.cwd())
    behind = [] if here in sys.path or "" in sys.path else [here]
    sys.path[:0] = [folder, *behind]


def seen_from(folder: str, spec: str) -> str:
    """Return what *spec*, which was typed in *folder*, is here; modules are called as there."""
    where, colon, name = spec.rpartition(":")
    if colon and is_file(where):
        return f"{os.path.join(folder, where)}:{name}"  # noqa: PTH118  text, as it was typed
    return spec


def split(spec: str, beside: str | None = None) -> tuple[str, str]:
    """
    Return the file or module that *spec* names, and the name in it.

    Raises:
        UsageError: It does not name a function.
    """
    # From the right: on Windows a path has a colon of its own.
    where, colon, name = spec.rpartition(":")
    if not colon and beside is not None and not is_file(spec):
        return beside.rpartition(":")[0], spec
    if not colon or not where or not name or os.sep in name:
        path = spec.rstrip(":")
        raise UsageError(f"{spec!r} does not name a function", hint=_how_to_name(path))
    return where, name


def is_file(where: str) -> bool:
    """Say whether a file is meant, not a module."""
    return where.endswith(".py") or os.sep in where or "/" in where


def _how_to_name(path: str) -> str:
    """Say how to write it; for a file, with the functions that it defines."""
    names = defined_in(Path(path)) if is_file(path) else []
    if names:
        return "write " + " or ".join(f"{path}:{name}" for name in names[:5])
    return "write FILE.py:FUNCTION or package.module:FUNCTION"


def defined_in(path: Path) -> list[str]:
    """Return the names of the functions in a file, without running it; none if it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]


def _from_file(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        known = [str(one) for one in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(f"there is no file {str(path)!r}", hint=nearest(str(path), known))
    path = path.resolve()
    if not path.stem.isidentifier() or path.suffix != ".py":
        raise UsageError(
            f"{path.name!r} cannot be imported under its name",
            hint="workers import the file; rename it to letters, digits and _, ending in .py",
        )
    top, dotted = path.parent, [path.stem]
    while (top / "__init__.py").is_file() and top.name.isidentifier():
        dotted.insert(0, top.name)
        top = top.parent
    if str(top) in sys.path:
        sys.path.remove(str(top))
    sys.path.insert(0, str(top))
    module = _import(".".join(dotted), spec)
    if not _is_from(module, path):
        raise UsageError(
            f"{path.name!r} hides behind another module called {module.__name__!r}: "
            f"{getattr(module, '__file__', None) or 'one of the interpreter'}",
            hint="rename the file",
        )
    return module


def _is_from(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.realpath(file) == os.path.realpath(path)


def _by_name(name: str, spec: str) -> ModuleType:
    # `python -m treadle` has the current folder in sys.path; the console script does not.
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    return _import(name, spec)


def _import(name: str, spec: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise _no_module(name, error.name, spec) from error
        raise _broken(name, error) from error
    except SystemExit as error:
        raise _ended(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error


def _no_module(name: str, missing: str, spec: str) -> UsageError:
    file = Path(*name.split(".")).with_suffix(".py")
    function = spec.rpartition(":")[2]
    if file.is_file():
        hint = f"for the file, write {file}:{function}"
    elif "." not in missing:
        hint = "is it installed in this environment? For a file, write FILE.py:FUNCTION"
    else:
        hint = f"{missing.rpartition('.')[0]} is there, {missing!r} is not"
    return UsageError(f"there is no module {missing!r}", hint=hint)


def _broken(name: str, error: Exception) -> UsageError:
    """Say where in the user's code importing it went wrong."""
    text = f"{type(error).__name__}: {error}"
    hint = "python -c 'import " + name + "' shows the whole traceback"
    return UsageError(f"importing {name!r} failed with {text}{_place_of(error)}", hint=hint)


def _ended(name: str, error: SystemExit) -> UsageError:
    """Say which line would end the command, or a worker, on import."""
    return UsageError(
        f"importing {name!r} ends the process: sys.exit({error.code!r:.80}){_place_of(error)}",
        hint='what a script does belongs below: if __name__ == "__main__":',
    )


def _place_of(error: BaseException) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen importlib")
    ]
    # A syntax error names its place itself.
    last = next((f for f in reversed(frames) if not f.filename.startswith(_IMPORTLIB)), None)
    return f" ({last.filename}, line {last.lineno})" if last else ""


_IMPORTLIB = str(Path(importlib.__file__).parent)


def _no_function(where: str, owner: object, name: str, part: str) -> UsageError:
    inside = where if isinstance(owner, ModuleType) else f"{name} in {where}"
    return UsageError(
        f"there is no {part!r} in {inside}", hint=nearest(part, _callables(owner)) or _empty(where)
    )


def _empty(where: str) -> str:
    return f"{where} defines no function of its own"


def _callables(owner: object) -> list[str]:
    """Return the names of what can be called, the module's own before what it imported."""
    named = [
        (getattr(value, "__module__", None) != getattr(owner, "__name__", None), name)
        for name, value in vars(owner).items()
        if callable(value) and not name.startswith("_")
    ]
    return [name for _, name in sorted(named)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return a hint for *name*, which is not *known*; None when nothing is."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there is: {', '.join(known[:8])}" if known else None


def _article(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
