"""The libraries of an extra: whether they are there, said before one of them is missed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from treadle import MissingExtra


def check_libraries(libraries: Mapping[str, str], extra: str, *, purpose: str) -> None:
    """
    Look whether all *libraries* are installed; none is loaded.

    Args:
        libraries: By the name that is imported, the one that is installed.
        extra: The extra of Treadle that brings them.
        purpose: What needs them, such as ``"treadle.lab"``.

    Raises:
        MissingExtra: One of them is not.
    """
    for module, library in libraries.items():
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(library, extra, purpose=purpose)
