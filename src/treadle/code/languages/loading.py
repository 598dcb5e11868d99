"""The grammar of a language, loaded when it is first asked for, and one parser for each thread.

A grammar is a wheel of its own. One that is not installed is nothing unusual: its files are cut
without syntax. One that is installed and cannot be loaded is; :func:`trouble` tells the two apart.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import threading
from typing import TYPE_CHECKING, NamedTuple

from treadle.code.languages.model import Grammar
from treadle.code.languages.registry import facts, library, tables

if TYPE_CHECKING:
    from tree_sitter import Language as Parsing
    from tree_sitter import Parser

_local = threading.local()
_CAPSULE_NAME = b"tree_sitter.Language"  # kept here, for a capsule does not copy its name


class Loaded(NamedTuple):
    """
    A grammar that is ready to parse.

    Attributes:
        facts: Which types of nodes mean what.
        language: The grammar, as tree-sitter wants it.
        library: Name and version of its wheel, such as ``"tree-sitter-go 0.25.0"``.
    """

    facts: Grammar
    language: Parsing
    library: str


def grammar(name: str) -> Loaded | None:
    """
    Return the grammar of a language; None when there is none, or none that can be loaded.

    Args:
        name: The name of a language; any text will do.
    """
    return _found(name)[0]


def trouble(name: str) -> str | None:
    """
    Return why a language has no grammar, and what would help; None when it has one.

    Args:
        name: The name of a language; any text will do.
    """
    return _found(name)[1]


def parser(name: str) -> Parser | None:
    """
    Return this thread's parser for a language; None where :func:`grammar` gives None.

    A parser parses one text at a time and cannot be shared by threads; a grammar can.

    Args:
        name: The name of a language.
    """
    parsers: dict[str, Parser] | None = getattr(_local, "parsers", None)
    if parsers is None:
        parsers = _local.parsers = {}
    found = parsers.get(name)
    if found is None:
        loaded = grammar(name)
        if loaded is None:
            return None
        from tree_sitter import Parser

        found = parsers[name] = Parser(loaded.language)
    return found


@functools.cache
def _found(name: str) -> tuple[Loaded, None] | tuple[None, str]:
    known = tables().languages.get(name)
    if known is None or known.grammar is None:
        return None, f"treadle knows no grammar for {name}"
    try:
        about = facts(known.grammar)
    except Exception as error:
        return None, f"the grammar {known.grammar} is broken: {type(error).__name__}: {error}"
    if not _is_there("tree_sitter"):
        return None, "tree-sitter is not installed: pip install 'treadle[code]'"
    if not _is_there(about.module):
        return None, f"{about.package} is not installed: pip install {about.package}"
    try:
        return _load(about), None
    except Exception as error:
        return None, (
            f"{about.package} is installed but cannot be loaded: {type(error).__name__}: {error}; "
            f"pip install --force-reinstall {about.package}"
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False


def _load(about: Grammar) -> Loaded:
    from tree_sitter import Language

    pointer = getattr(importlib.import_module(about.module), about.function)()
    if isinstance(pointer, int):  # wheels made for tree-sitter below 0.22, which warns of it
        pointer = _capsule(pointer)
    return Loaded(about, Language(pointer), library(about) or about.package)


def _capsule(pointer: int) -> object:
    import ctypes

    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make(pointer, _CAPSULE_NAME, None)
