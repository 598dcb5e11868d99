"""The libraries of the extra ``prompts``: whether they are there, said before one is missed."""

from __future__ import annotations

import importlib.util
from functools import cache

import treadle


@cache
def check_extra() -> None:
    """
    Look whether the library is installed; it is not loaded.

    Raises:
        MissingExtra: It is not.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise treadle.MissingExtra("aiohttp", "prompts", purpose="treadle.prompts")
