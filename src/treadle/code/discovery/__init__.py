"""Which files there are: below some roots, in order, without what is ignored, hidden or of others.

roots      what was given, what it is, and the folder that keys are relative to
walking    goes through folders and takes what is wanted
git        what git lists; where it is missing or refuses, walking reads the rules itself:
ignoring   ignore files and how they add up, the top of a repository
patterns   one ignore file, exactly as git reads it
asked      patterns that the user gives
vendored   names of folders with the code of others
found      what comes out
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import treadle
from treadle.code.discovery.found import Discovery, Found, Problem

if TYPE_CHECKING:
    from treadle.code.discovery.roots import Given

__all__ = ["Discovery", "Found", "Problem", "discover"]


def discover(
    roots: Given | Iterable[Given],
    *,
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    hidden: bool = False,
    vendored: bool = False,
    ignore: bool = True,
    follow_links: bool = False,
    git: Literal["auto", "never"] = "auto",
    languages: Iterable[str] | None = None,
    max_bytes: int | None = None,
    cwd: Given | None = None,
) -> Discovery:
    """
    Find the files below *roots*.

    Of one folder paths are relative to it; else to the deepest folder that holds all roots. A root
    that is itself hidden, ignored or vendored is taken, since it was named outright; *include*,
    *exclude* and *languages* hold for it, too. A file that is reached twice is there once.

    Args:
        roots: Folders and files.
        include: Patterns as in a .gitignore, relative to the folder that paths are relative to:
            only what they match, or is in a folder that they match. A text is one of them. None:
            everything.
        exclude: Likewise: what they match is left out, whatever *include* says.
        hidden: Also files and folders whose names begin with a dot. Records of version control
            are left out in any case, and so are folders with compiled Python.
        vendored: Also folders with the code of others (``node_modules``, ``vendor``, virtual
            environments ...).
        ignore: Leave out what .gitignore and .treadleignore files say. False: these do not count.
        follow_links: Follow links that stay inside the roots. Else each is found with the reason
            ``"link"``, and so is one that leads out, nowhere or in a circle.
        git: ``"auto"``: in a repository git says what it ignores, and what is tracked counts even
            when it is ignored; where git is missing or refuses, its rules are read from its files,
            as with ``"never"``.
        languages: Only files in these languages, as far as a file's name tells its language. None:
            all.
        max_bytes: Larger files get the reason ``"too-large"``. None: no limit.
        cwd: What roots are relative to; None for the current folder.

    Returns:
        The files in the order of their paths, what was left out, and folders that cannot be read.

    Raises:
        UsageError: A root does not exist, a pattern can match nothing, or *git* is not one of its
            two words.
    """
    from treadle.code.discovery.asked import asked
    from treadle.code.discovery.roots import base_of, roots_of
    from treadle.code.discovery.walking import Gathering, Rules

    if git not in {"auto", "never"}:
        raise treadle.UsageError(f"git is {git!r}", hint='it is "auto" or "never"')
    all_roots = roots_of(roots, cwd)
    found = Discovery(base_of(all_roots, cwd))
    rules = Rules(
        include=asked("include", include, found.root),
        exclude=asked("exclude", exclude, found.root),
        hidden=hidden,
        vendored=vendored,
        ignore=ignore,
        follow_links=follow_links,
        git=git == "auto",
        languages=None if languages is None else frozenset(languages),
        max_bytes=max_bytes,
    )
    gathering = Gathering(rules, all_roots, found)
    for root in all_roots:
        gathering.take(root)
    gathering.follow()
    found.files.sort(key=lambda each: each.path)  # UTF-8 keeps the order of code points
    found.problems.sort()
    return found
