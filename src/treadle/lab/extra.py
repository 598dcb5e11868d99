"""The libraries of the extra ``lab``: whether they are there, said before one of them is missed."""

from __future__ import annotations

import importlib.util
from functools import cache

import treadle

_LIBRARIES = {
    "polars": "polars",
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
}  # by the name that is imported, the one that is installed


@cache
def check_extra() -> None:
    """
    Look whether all libraries are installed; none is loaded.

    Raises:
        MissingExtra: One of them is not.
    """
    for module, library in _LIBRARIES.items():
        if importlib.util.find_spec(module) is None:
            raise treadle.MissingExtra(library, "lab", purpose="treadle.lab")
