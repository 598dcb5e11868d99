"""Goes through folders, by itself or by what git lists, and takes what is wanted.

One loop over folders that are still to be read: nothing here calls itself, so depth is no limit.
Where git was asked it has said what is ignored; all other rules are the same in both ways.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from treadle.code.discovery.found import Discovery, Found, Problem
from treadle.code.discovery.git import Listing, listing
from treadle.code.discovery.ignoring import (
    GIT,
    OWN,
    Scope,
    ignored,
    is_repository,
    outside_of,
    scope_in,
    scope_of_repository,
)
from treadle.code.discovery.patterns import Patterns
from treadle.code.discovery.roots import Root
from treadle.code.discovery.vendored import NEVER, is_vendored

_LIKE_AN_ESCAPE = re.compile(r"\\(?=x[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What is wanted. The fields are the arguments of ``discover``.

    Attributes:
        include: None for everything.
        exclude: None for nothing.
        hidden: Also what is hidden.
        vendored: Also the code of others.
        ignore: Whether ignore files count.
        follow_links: Whether links that stay inside the roots are followed.
        git: Whether git may be asked.
        languages: Names; None for all.
        max_bytes: Of a file; None for no limit.
    """

    include: Patterns | None
    exclude: Patterns | None
    hidden: bool
    vendored: bool
    ignore: bool
    follow_links: bool
    git: bool
    languages: frozenset[str] | None
    max_bytes: int | None


class Place(NamedTuple):
    """
    A folder, and what holds for its entries. Its paths end with ``/``.

    Attributes:
        file: Where it is, from the root as that was given.
        key: The same, for keys; empty at the folder that they are relative to.
        real: Where it is, without links.
        above: What the .gitignore files above it say, where git is not asked.
        own: What the .treadleignore files in it and above it say.
        included: Whether *include* takes its entries, as far as they do not match themselves.
        top: Of the repository whose git is asked what is in it; None where none is asked.
    """

    file: str
    key: str
    real: bytes
    above: Scope | None
    own: Scope | None
    included: bool
    top: str | None


class Gathering:
    """
    Collects what is below some roots.

    Args:
        rules: What is wanted.
        roots: All roots: links may lead from one into another.
        into: What is found goes there.
    """

    def __init__(self, rules: Rules, roots: list[Root], into: Discovery) -> None:
        self._rules = rules
        self._into = into
        self._inside = [os.path.join(root.real, "") for root in roots if root.is_folder]
        # Where nothing can be reached twice there is no need to remember what was.
        self._remembers = rules.follow_links or len(roots) > 1
        self._files: set[bytes] = set()
        self._folders: set[bytes] = set()
        self._links: list[tuple[Place, str]] = []
        self._by_name = _by_name() if rules.languages is not None else None
        self._asks = rules.git

    def take(self, root: Root) -> None:
        """Collect *root*, or what is in it: only *exclude* and *include* may refuse itself."""
        relative = os.path.relpath(root.place, self._into.root)
        names = [] if relative == os.curdir else relative.split(os.sep)
        name = "" if root.is_folder else names.pop()
        place: Place | None = Place("", "", b"", None, None, self._rules.include is None, None)
        for each in names:
            place = None if place is None else self._between(place, each)
        if place is None or (name and self._excluded(place, name)):
            self._into.left_out["excluded"] += 1
        elif root.is_folder:
            self._go(self._start(root, place))
        else:
            self._take_file(root, place.key + shown(name), name)

    def follow(self) -> None:
        """Follow the links that were met, and those that are met on the way."""
        while self._links:
            links = sorted(self._links, key=lambda link: link[0].key + shown(link[1]))
            self._links = []
            for place, name in links:
                self._follow(place, name)

    def _between(self, place: Place, name: str) -> Place | None:
        """Return the folder *name* on the way to a root; None when it is excluded."""
        if self._excluded_folder(place, name):
            return None
        included = self._includes(place, name, folder=True)
        return place._replace(key=f"{place.key}{shown(name)}/", included=included)

    def _start(self, root: Root, place: Place) -> Place:
        """Return *root* as a folder to go into, with the rules of the repository it lies in."""
        real = os.fsencode(os.path.join(root.real, ""))
        place = place._replace(file=os.path.join(root.file, ""), real=real)
        if not self._rules.ignore:
            return place
        outside = outside_of(root.real)
        own = scope_in(real, OWN, outside.own)
        return place._replace(above=outside.git, own=own, top=outside.top)

    def _take_file(self, root: Root, key: str, name: str) -> None:
        """Collect *root*, a file that was named outright."""
        looked = _looked(root.file, follow=root.mode != 0)
        if root.mode == 0:
            self._put(key, root.file, looked, "link")
        elif not stat.S_ISREG(root.mode):
            self._put(key, root.file, looked, "special")
        else:
            self._put_file(key, root.file, os.fsencode(root.real), name, looked)

    def _go(self, first: Place) -> None:
        """Collect what is in a folder and all below it."""
        self._note(first)
        pending = [first]
        while pending:
            place = pending.pop()
            listed = self._listed(place)
            if listed is None:
                self._walk(place, pending)
            else:
                self._take_listed(place, listed, pending)

    def _listed(self, place: Place) -> Listing | None:
        """Return what git lists in *place*; None where it is not asked, or does not say."""
        if place.top is None or not self._asks:
            return None
        try:
            return listing(place.file, place.top)
        except subprocess.TimeoutExpired as error:
            # There may be thousands of repositories made to hold us up.
            self._asks = False
            text = f"git gave no answer within {error.timeout:g} s in {place.file!r}, and is not "
            warnings.warn(
                f"{text}asked again: its rules are read without it", RuntimeWarning, stacklevel=2
            )
            return None

    def _walk(self, place: Place, pending: list[Place]) -> None:
        """Collect the files of a folder; its folders go to *pending*."""
        if self._rules.ignore:
            place = place._replace(above=scope_in(place.real, GIT, place.above))
        try:
            with os.scandir(place.file) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending += self._entered(place, entry.name)
                    else:
                        self._take_entry(place, entry.name)
        except (FileNotFoundError, NotADirectoryError):  # it went just now
            return
        except OSError as error:
            self._problem(place.file, error.strerror or str(error))

    def _take_listed(self, place: Place, listed: Listing, pending: list[Place]) -> None:
        """Collect what git lists in *place*; repositories in it go to *pending*."""
        # Git has said what is ignored, so what is above is not looked at.
        places: dict[bytes, Place | None] = {b"": place._replace(above=None, top=None)}
        inner: dict[bytes, Place] = {}
        for path in listed.paths:
            folder, _, last = path.removesuffix(b"/").rpartition(b"/")
            inside = places[folder] if folder in places else self._reach(folder, places)
            name = os.fsdecode(last)
            if inside is None or not self._take_entry(inside, name):
                continue
            # Where a tracked file became a folder, git lists both: the file, and what is in it.
            if path.endswith(b"/") or is_repository(inside.file + name):
                inner.update((each.real, each) for each in self._entered(inside, name))
        pending += inner.values()
        for locked, why in listed.locked:
            known = self._reach(locked, places)
            if known is not None:
                self._problem(known.file, why)

    def _reach(self, path: bytes, places: dict[bytes, Place | None]) -> Place | None:
        """Return the folder at *path*, and note it and those on the way in *places*."""
        unknown = []
        while path not in places:
            unknown.append(path)
            path = path.rpartition(b"/")[0]
        place = places[path]
        for each in reversed(unknown):
            name = os.fsdecode(each.rpartition(b"/")[2])
            # A link in place of a folder that git knows may lead anywhere.
            there = place is not None and _is_folder(place.file + name)
            place = self._child(place, name) if place is not None and there else None
            places[each] = place
        return place

    def _entered(self, place: Place, name: str) -> list[Place]:
        """Return the folder *name* in *place* to go into; empty when it is left out."""
        child = self._child(place, name)
        if child is not None and self._rules.ignore and is_repository(child.file):
            top = os.fsdecode(child.real.rstrip(b"/"))
            child = child._replace(above=scope_of_repository(child.real), top=top)
        return [] if child is None else [child]

    def _child(self, place: Place, name: str) -> Place | None:
        """Return the folder *name* in *place*; None when it is left out."""
        if name in NEVER:
            return None
        file = f"{place.file}{name}/"
        reason = self._against_folder(place, name, file)
        if reason is not None:
            self._leave_out(reason)
            return None
        real = place.real + os.fsencode(name) + b"/"
        included = self._includes(place, name, folder=True)
        own = scope_in(real, OWN, place.own) if self._rules.ignore else None
        key = f"{place.key}{shown(name)}/"
        child = Place(file, key, real, place.above, own, included, top=None)
        self._note(child)
        return child

    def _against_folder(self, place: Place, name: str, file: str) -> str | None:
        """Return why the folder *name* in *place* is left out; None when it is not."""
        if self._is_hidden(name):
            return "hidden"
        if not self._rules.vendored and is_vendored(name, file):
            return "vendored"
        if _is_ignored(place, name, folder=True):
            return "ignored"
        return "excluded" if self._excluded_folder(place, name) else None

    def _take_entry(self, place: Place, name: str) -> bool:
        """Collect the entry *name* of *place*, unless it is a folder; tell whether it is one."""
        file = place.file + name
        try:
            looked: os.stat_result | None = os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):  # git knows it, but it was deleted
            return False
        except OSError:  # whoever reads it will say so
            looked = None
        if looked is not None and stat.S_ISDIR(looked.st_mode):
            return True
        if self._wants_entry(place, name):
            self._take_wanted(place, name, looked)
        return False

    def _take_wanted(self, place: Place, name: str, looked: os.stat_result | None) -> None:
        """Collect an entry that is no folder and that no rule refuses."""
        mode = stat.S_IFREG if looked is None else looked.st_mode
        if stat.S_ISLNK(mode) and self._rules.follow_links:
            self._links.append((place, name))
        elif stat.S_ISLNK(mode):
            self._put(place.key + shown(name), place.file + name, looked, "link")
        elif not stat.S_ISREG(mode):
            self._put(place.key + shown(name), place.file + name, looked, "special")
        else:
            real = place.real + os.fsencode(name) if self._remembers else b""
            self._put_file(place.key + shown(name), place.file + name, real, name, looked)

    def _wants_entry(self, place: Place, name: str) -> bool:
        """Tell whether an entry that is no folder is wanted; count it where it is not."""
        if name in NEVER:  # a further work tree has a file ".git"
            return False
        if self._is_hidden(name):
            self._leave_out("hidden")
        elif _is_ignored(place, name, folder=False):
            self._leave_out("ignored")
        elif self._excluded(place, name):
            self._leave_out("excluded")
        else:
            return True
        return False

    def _follow(self, place: Place, name: str) -> None:
        """Collect what the link *name* in *place* leads to, unless that was met before."""
        key, file = place.key + shown(name), place.file + name
        try:
            target = os.path.realpath(file, strict=True)
            looked = os.stat(target)
        except OSError:
            target, looked = "", None
        if looked is None or not self._is_inside(target):
            self._put(key, file, _looked(file), "link")
        elif stat.S_ISREG(looked.st_mode):
            self._put_file(key, file, os.fsencode(target), name, looked)
        elif not stat.S_ISDIR(looked.st_mode):
            self._put(key, file, looked, "special")
        else:
            real = os.path.join(os.fsencode(target), b"")
            if real not in self._folders:
                included = self._includes(place, name, folder=True)
                self._go(Place(file + "/", key + "/", real, None, None, included, top=None))

    def _is_inside(self, target: str) -> bool:
        """Tell whether *target* is in one of the roots, and no record of version control."""
        for folder in self._inside:
            if os.path.join(target, "").startswith(folder):
                return NEVER.isdisjoint(target[len(folder) :].split(os.sep))
        return False

    def _put_file(
        self, key: str, file: str, real: bytes, name: str, looked: os.stat_result | None
    ) -> None:
        """Add a regular file, unless it is there already or in a language that is not wanted."""
        if self._by_name is not None:
            language = self._by_name(name)
            if language is not None and language not in (self._rules.languages or ()):
                self._leave_out("language")
                return
        if self._remembers:
            if real in self._files:
                return
            self._files.add(real)
        limit = self._rules.max_bytes
        large = limit is not None and looked is not None and looked.st_size > limit
        self._put(key, file, looked, "too-large" if large else None)

    def _put(self, key: str, file: str, looked: os.stat_result | None, reason: str | None) -> None:
        """Add what was found."""
        known = (
            (0, 0, 0, 0)
            if looked is None
            else (looked.st_size, looked.st_mtime_ns, looked.st_ctime_ns, looked.st_ino)
        )
        self._into.files.append(Found(key, file, *known, reason))

    def _note(self, place: Place) -> None:
        """Remember that a folder was entered, where links could lead there."""
        if self._rules.follow_links:
            self._folders.add(place.real)

    def _leave_out(self, reason: str) -> None:
        self._into.left_out[reason] += 1

    def _problem(self, folder: str, why: str) -> None:
        """Add a folder that cannot be read."""
        self._into.problems.append(Problem(folder.rstrip("/") or "/", why))

    def _is_hidden(self, name: str) -> bool:
        return name.startswith(".") and not self._rules.hidden

    def _excluded_folder(self, place: Place, name: str) -> bool:
        """Tell whether *exclude* refuses a folder."""
        exclude = self._rules.exclude
        return exclude is not None and _verdict(exclude, place, name, folder=True) is True

    def _excluded(self, place: Place, name: str) -> bool:
        """Tell whether *exclude* refuses a file, or *include* does not take it."""
        exclude = self._rules.exclude
        if exclude is not None and _verdict(exclude, place, name, folder=False):
            return True
        return not self._includes(place, name, folder=False)

    def _includes(self, place: Place, name: str, *, folder: bool) -> bool:
        """Tell whether *include* takes an entry, or a folder that it is in."""
        include = self._rules.include
        verdict = None if include is None else _verdict(include, place, name, folder=folder)
        return place.included if verdict is None else verdict


def shown(name: str) -> str:
    r"""Return *name* as it is in a key: bytes that are not UTF-8 become ``\xNN``."""
    if name.isascii() and "\\" not in name:
        return name
    plain = _LIKE_AN_ESCAPE.sub(r"\\x5c", name)  # or else two names could become one key
    return os.fsencode(plain).decode("utf-8", "backslashreplace")


def _verdict(patterns: Patterns, place: Place, name: str, *, folder: bool) -> bool | None:
    """Return what *patterns* of the user say of an entry: they are matched with keys."""
    key = shown(name)
    return patterns.verdict((place.key + key).encode(), key.encode(), folder=folder)


def _is_ignored(place: Place, name: str, *, folder: bool) -> bool:
    """Tell whether ignore files say to leave an entry out."""
    if place.above is None and place.own is None:
        return False
    last = os.fsencode(name)
    path = place.real + last
    return ignored(place.above, path, last, folder=folder) or ignored(
        place.own, path, last, folder=folder
    )


def _is_folder(file: str) -> bool:
    """Tell whether *file* is a folder, and no link to one."""
    looked = _looked(file)
    return looked is not None and stat.S_ISDIR(looked.st_mode)


def _looked(file: str, *, follow: bool = False) -> os.stat_result | None:
    """Look at *file*, or, with *follow*, at what it leads to; None when it is not there."""
    try:
        return os.stat(file, follow_symlinks=follow)
    except OSError:
        return None


def _by_name() -> Callable[[str], str | None]:
    """Return what tells the language of a file by its name; a table of them comes with it."""
    from treadle.code.languages.detecting import by_name

    return by_name
