"""The libraries of the extra ``code``, but for the grammars: a language can do without its own."""

from __future__ import annotations

from functools import cache

from treadle.cli import check_libraries


@cache
def check_extra() -> None:
    """
    Look whether the libraries are installed; none is loaded.

    Raises:
        MissingExtra: One of them is not.
    """
    check_libraries({"tree_sitter": "tree-sitter"}, "code", purpose="treadle.code")
