"""Folders that hold what others wrote or tools made, and those that are never source."""

from __future__ import annotations

import os

VENDORED = frozenset(
    {
        "3rdparty",
        "Carthage",
        "Godeps",
        "Pods",
        "_vendor",
        "bower_components",
        "dist-packages",
        "elm-stuff",
        "jspm_packages",
        "node_modules",
        "site-packages",
        "third-party",
        "third_party",
        "thirdparty",
        "vendor",
    }
)
"""Names of folders with the code of others."""

NEVER = frozenset(
    {
        ".bzr",
        ".git",
        ".hg",
        ".jj",
        ".pijul",
        ".sl",
        ".svn",
        ".treadle",
        "CVS",
        "__pycache__",
        "_darcs",
    }
)
"""Names that are left out in any case: records of version control, our own, compiled Python."""


def is_vendored(name: str, folder: str) -> bool:
    """Tell whether *folder*, called *name*, has the code of others or is a virtual environment."""
    return name in VENDORED or os.path.lexists(os.path.join(folder, "pyvenv.cfg"))
