"""Finds files by name, folder or glob pattern, and gives each a key that other machines agree on.

The search itself is in ``walk``; here is what was asked for, in which order it comes, and how each
file is called.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from treadle.errors import UsageError
from treadle.sources.fingerprint import stat_of
from treadle.sources.walk import Pattern, walk

PathLike: TypeAlias = "str | os.PathLike[str]"

_MAGIC = re.compile(r"[*?\[]")
_DIGITS = re.compile(r"([0-9]+)")


def files(
    *patterns: PathLike,
    root: PathLike | None = None,
    suffix: str | Iterable[str] | None = None,
    hidden: bool = False,
    fingerprint: Literal["stat", "content"] = "stat",
) -> Files:
    """
    Make a source of paths.

    Each argument is the name of a file, a folder (all files in it, at any depth) or a glob
    pattern: ``*``, ``?`` and ``[...]`` within a name, ``**`` for any number of folders. A name
    that exists is never read as a pattern, so that ``"scan[1].csv"`` finds itself.

    The files come in natural order (``IVg_2`` before ``IVg_10``), each once, however many arguments
    lead to it. Only regular files count, and files named outright. Links to folders are followed,
    but no folder is entered twice. The search runs once, when the first file or the number of
    files is asked for; files that are made later do not join. The place where ``run`` writes
    (``into=``) is left out, so results of an earlier run do not join either.

    Args:
        patterns: Names, folders and patterns; relative ones start at the current folder.
        root: The folder that keys are relative to. Default: the deepest folder above everything
            that was asked for. Give it when a run should be repeated with other patterns.
        suffix: Take only files that end so, in whatever case: ``".csv"``, or several.
        hidden: Take also files and folders whose names begin with a dot. Without it, they are
            found only by name or by a pattern with that dot; so macOS' ``._*`` files stay out.
        fingerprint: How a resumed run sees that a file has changed: by ``"stat"`` (size and time of
            modification), or by ``"content"``, which reads all of it.

    Returns:
        A source of ``pathlib.Path``, absolute or relative as they were asked for. A key is the
        path relative to *root*, with ``/`` on every system. A pattern that fits nothing yields
        nothing.

    Raises:
        UsageError: A file or folder named here does not exist or is not below *root*, or an
            argument is of the wrong kind.
    """
    return Files(patterns, root=root, suffix=suffix, hidden=hidden, fingerprint=fingerprint)


class Files:
    """
    A source of paths. ``files`` says what it takes and promises.

    Attributes:
        root: The absolute folder that keys are relative to.
    """

    def __init__(
        self,
        patterns: Iterable[PathLike],
        *,
        root: PathLike | None = None,
        suffix: str | Iterable[str] | None = None,
        hidden: bool = False,
        fingerprint: Literal["stat", "content"] = "stat",
    ) -> None:
        if fingerprint not in ("stat", "content"):
            raise UsageError(
                f"fingerprint cannot be {fingerprint!r}", hint="choose one of: stat, content"
            )
        self._by_content = fingerprint == "content"
        self._starts = [_start(pattern) for pattern in patterns]
        if not self._starts:
            raise UsageError("files() was given no path or pattern", hint="files('data/**/*.csv')")
        self._suffixes = _suffixes(suffix)
        self._hidden = hidden
        self._here = os.getcwd()
        self.root = _root(root, self._starts)
        self._above = os.path.join(self.root, "")  # with its separator, unless it has one
        self._found: list[str] | None = None
        self._spared: str | None = None

    def __iter__(self) -> Iterator[Path]:
        """
        Yield the paths.

        Raises:
            SourceFailed: A folder cannot be read.
        """
        return map(Path, self._list())

    def __len__(self) -> int:
        """
        Return the number of files; the first time, this searches.

        Raises:
            SourceFailed: A folder cannot be read.
        """
        return len(self._list())

    def count(self, enough: Callable[[int], bool]) -> int:
        """
        Count the files for as long as it is worth it; their order is not found out.

        Args:
            enough: Gets the number so far at each file; the search ends once it returns True.

        Raises:
            SourceFailed: A folder cannot be read.
        """
        seen: set[str] = set()
        for start in self._starts:
            for absolute, _ in self._search(start):
                if not self._is_spared(absolute):
                    seen.add(absolute)
                if enough(len(seen)):
                    return len(seen)
        return len(seen)

    def spare(self, place: Path) -> None:
        """
        Leave out the file or folder *place*, where values will be written, and its ``.part``.

        Raises:
            UsageError: It was named itself as what to read, or all that is read is in that folder.
        """
        spared = os.path.realpath(place)
        for start in self._starts:
            path = os.path.realpath(start.path)
            named = path == spared if start.pattern is None else os.path.isdir(spared)
            if named and (path + os.sep).startswith(spared + os.sep):
                raise UsageError(
                    f"values would be written over what they are made from: {start.written!r}",
                    hint="write into another file or folder",
                )
        self._spared, self._found = spared, None

    def __repr__(self) -> str:
        return f"files({', '.join(repr(start.written) for start in self._starts)})"

    def key(self, value: PathLike, index: int) -> str:  # noqa: ARG002  # a source's key() gets both
        """Return the path relative to ``root``, with ``/`` on every system."""
        path = os.path.normpath(os.path.join(self._here, os.fspath(value)))
        path = path.removeprefix(self._above)
        if os.sep != "/":
            path = path.replace(os.sep, "/")
        if path.isascii():
            return path
        # A name that is no valid text has lone surrogates, which no UTF-8 file can hold.
        return os.fsencode(path).decode("utf-8", "backslashreplace")

    def fingerprint(self, value: PathLike) -> str:
        """Return what differs when the file has changed; ``""`` when it cannot be read."""
        if not self._by_content:
            return stat_of(value)
        try:
            with open(value, "rb") as file:
                return "blake2b " + hashlib.file_digest(file, _blake2b).hexdigest()
        except OSError:
            return ""  # The function will say why, in its own words.

    def _list(self) -> list[str]:
        if self._found is None:
            found: dict[str, str] = {}
            for start in self._starts:
                for absolute, written in self._search(start):
                    if not self._is_spared(absolute):
                        found.setdefault(absolute, written)
            self._found = [found[absolute] for absolute in sorted(found, key=_natural)]
        return self._found

    def _is_spared(self, path: str) -> bool:
        spared = self._spared
        if spared is None:
            return False
        if path == spared or path.startswith((spared + ".part", spared + os.sep)):
            return True
        # By another way, such as a link; looked at only where the name gives a reason to.
        name = os.path.basename(spared)
        if not os.path.basename(path).startswith((name, name + ".part")):
            return False
        real = os.path.realpath(path)
        return real == spared or real.startswith(spared + ".part")

    def _search(self, start: _Start) -> Iterator[tuple[str, str]]:
        if start.pattern is None:
            pairs: Iterable[tuple[str, str]] = [(start.path, start.written)]
        else:
            pairs = walk(start.path, start.folder, start.pattern, hidden=self._hidden)
        if not self._suffixes:
            return iter(pairs)
        return (pair for pair in pairs if pair[0].lower().endswith(self._suffixes))


def _blake2b() -> Any:
    return hashlib.blake2b(digest_size=16)


@dataclass(frozen=True, slots=True)
class _Start:
    """
    Where one argument begins.

    Attributes:
        written: The argument as text.
        path: Absolute: the file itself, or the folder where the search begins.
        folder: That folder as it was written.
        pattern: What to find below it; None for a file that was named.
    """

    written: str
    path: str
    folder: str
    pattern: Pattern | None

    @property
    def above(self) -> str:
        """The folder that the keys are relative to if this is all there is."""
        return os.path.dirname(self.path) if self.pattern is None else self.path


def _start(argument: object) -> _Start:
    if not isinstance(argument, str | os.PathLike):
        kind = type(argument).__name__
        raise UsageError(
            f"files() takes paths and patterns, not {kind}: {argument!r:.80}",
            hint="give several as files(*patterns)" if isinstance(argument, Iterable) else None,
        )
    written = os.fspath(argument)
    if not isinstance(written, str) or not written or "\0" in written:
        raise UsageError(f"files() cannot use {written!r} as a path or pattern")
    if os.path.isdir(written):
        return _Start(written, os.path.abspath(written), written, Pattern(("**",)))
    if os.path.exists(written):
        return _Start(written, os.path.abspath(written), written, None)
    if not _MAGIC.search(written):
        raise _missing(written, written)
    folder, parts = _split(written)
    if not os.path.isdir(folder or "."):
        raise _missing(folder, written)
    return _Start(written, os.path.abspath(folder or "."), folder, Pattern(parts))


def _split(pattern: str) -> tuple[str, tuple[str, ...]]:
    """Split *pattern* into the fixed folder that it begins with and the parts that vary."""
    normal = pattern.replace(os.sep, "/")
    parts = normal.split("/")
    fixed = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    varying = tuple(part for part in parts[fixed:] if part not in {"", "."})
    if ".." in varying:
        raise UsageError(
            f"'..' follows a wildcard in the pattern {pattern!r}", hint="write the folder out"
        )
    if parts[-1] == "" and varying[-1] != "**":
        varying = (*varying, "**")  # "data/*/": all that is in these folders
    folder = "/".join(parts[:fixed])
    if fixed and not folder:
        folder = "/"
    return folder, varying


def _missing(path: str, argument: str) -> UsageError:
    inside = "" if path == argument else f" (in the pattern {argument!r})"
    return UsageError(f"{path!r} does not exist{inside}", hint=_near(path))


def _near(path: str) -> str:
    """Look for what may have been meant, where the path stops being right."""
    import difflib  # only here, once something is wrong

    path = path.rstrip("/" + os.sep)
    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return _near(folder)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        names = []
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(os.path.join(folder, n)) for n in close) + "?"
    return f"the search started in {os.path.abspath(folder or '.')!r}"


def _suffixes(suffix: str | Iterable[str] | None) -> tuple[str, ...]:
    if suffix is None:
        return ()
    many = (suffix,) if isinstance(suffix, str) else tuple(suffix)
    if not many or not all(isinstance(one, str) and one for one in many):
        raise UsageError(f"suffix must be text such as '.csv', or several, not {suffix!r}")
    return tuple(one.lower() for one in many)


def _root(root: PathLike | None, starts: list[_Start]) -> str:
    if root is None:
        try:
            return os.path.commonpath([start.above for start in starts])
        except ValueError:  # on different drives
            return ""
    top = os.path.abspath(root)
    if not os.path.isdir(top):
        raise UsageError(f"root {os.fspath(root)!r} is not a folder", hint=_near(os.fspath(root)))
    for start in starts:
        if os.path.commonpath([top, start.above]) != top:
            raise UsageError(
                f"{start.written!r} is not below root {os.fspath(root)!r}",
                hint="keys are paths relative to root; leave root out or choose a folder above",
            )
    return top


def _natural(path: str) -> list[tuple[list[str | int], str]]:
    """Order paths folder by folder, and numbers in names by their size."""
    return [_tokens(part) for part in path.split(os.sep)]


@lru_cache(maxsize=4096)
def _tokens(name: str) -> tuple[list[str | int], str]:
    tokens: list[str | int] = list(_DIGITS.split(name))
    tokens[1::2] = map(int, tokens[1::2])
    return tokens, name  # "a01" and "a1" differ in the name alone
