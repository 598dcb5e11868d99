"""The libraries of the extra ``lab``."""

from __future__ import annotations

from functools import cache

from treadle.cli import check_libraries

_LIBRARIES = {
    "polars": "polars",
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "scipy": "scipy",
    "yaml": "PyYAML",
}  # by the name that is imported, the one that is installed


@cache
def check_extra() -> None:
    """
    Look whether all libraries are installed; none is loaded.

    Raises:
        MissingExtra: One of them is not.
    """
    check_libraries(_LIBRARIES, "lab", purpose="treadle.lab")
