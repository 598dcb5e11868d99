"""The libraries of the extra ``prompts``."""

from __future__ import annotations

from functools import cache

from treadle.cli import check_libraries


@cache
def check_extra() -> None:
    """
    Look whether the library is installed; it is not loaded.

    Raises:
        MissingExtra: It is not.
    """
    check_libraries({"aiohttp": "aiohttp"}, "prompts", purpose="treadle.prompts")
