"""Patterns of ignore files, read and matched exactly as git does.

Of our own since pathspec reads some lines in another way than git (character classes, ``**``
beside a letter, names that are not ASCII) and raises or warns at others, in files that are not
ours. What git does and does not document is kept: a pattern that cannot be read matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_SPECIAL = re.compile(rb"[*?\[\\]")
_BYTES = bytes(range(256))
_POSIX = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[\x21-\x7e]",
    b"lower": rb"[a-z]",
    b"print": rb"[\x20-\x7e]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t\n\v\f\r]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}

# What wildcards stand for: as little as will do.
_SOME = b"[^/]*?"
_FOLDERS = b"(?:.*?/)??"
_ALL = b".*?"


class _Unreadable(Exception):
    """The pattern matches nothing."""


def is_pattern(line: bytes) -> bool:
    """Tell whether a line of an ignore file can match anything, as far as that can be told."""
    return _rule(line) is not None


class Patterns:
    """
    The patterns of one ignore file, in order: the last one that matches decides.

    Args:
        lines: As they stand in the file, without their ends.
    """

    __slots__ = ("_folders", "_names", "_paths", "_rules", "_suffixes", "_whole")

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._rules = [rule for line in lines if (rule := _rule(line)) is not None]
        # Nearly all names match nothing, and these say so without going through the rules.
        names = [rule for rule in self._rules if not rule.path]
        whole = frozenset(rule.literal for rule in names if rule.kind == "whole")
        self._whole = whole
        self._suffixes = tuple({rule.literal for rule in names if rule.kind == "suffix"})
        self._names = _any([rule.glob for rule in names if rule.kind == "glob"])
        self._paths = _any([rule.glob for rule in self._rules if rule.path])

    @classmethod
    def read(cls, data: bytes) -> Patterns:
        """Return those of a file that holds *data*."""
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return cls(line.removesuffix(b"\r") for line in lines)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, path: bytes, name: bytes, *, folder: bool) -> bool | None:
        """
        Tell whether they match, and so ignore, a file or a folder.

        Args:
            path: Relative to the folder of the ignore file, with ``/``.
            name: The last part of it.
            folder: Whether it is a folder.

        Returns:
            False when the last one that matches begins with ``!``; None when none matches.
        """
        if not (
            name in self._whole
            or name.endswith(self._suffixes)
            or (self._names is not None and self._names.fullmatch(name))
            or (self._paths is not None and self._paths.fullmatch(path))
        ):
            return None
        for rule in reversed(self._rules):
            if (folder or not rule.folders_only) and rule.matches(path if rule.path else name):
                return rule.ignores
        return None


class _Rule:
    """
    One pattern.

    Attributes:
        ignores: False with ``!``.
        folders_only: With ``/`` at its end.
        path: It is matched with the path, not with the name alone.
        kind: "whole" and "suffix" compare with *literal*; "glob" needs *regex*.
        glob: The source of *regex*.
    """

    __slots__ = ("folders_only", "glob", "ignores", "kind", "literal", "path", "regex")

    def __init__(self, pattern: bytes, *, ignores: bool, folders_only: bool) -> None:
        self.ignores = ignores
        self.folders_only = folders_only
        self.path = b"/" in pattern
        self.literal = b""
        self.glob = b""
        self.regex: re.Pattern[bytes] | None = None
        if self.path:
            self.kind = "glob"
            self.glob = _path_glob(pattern.removeprefix(b"/"))
            self.regex = re.compile(self.glob, re.DOTALL)
        elif not _SPECIAL.search(pattern):
            self.kind, self.literal = "whole", pattern
        elif pattern.startswith(b"*") and not _SPECIAL.search(pattern, 1):
            self.kind, self.literal = "suffix", pattern[1:]
        else:
            self.kind = "glob"
            self.glob = _glob(pattern, paths=False)
            self.regex = re.compile(self.glob, re.DOTALL)

    def matches(self, text: bytes) -> bool:
        if self.regex is not None:
            return self.regex.fullmatch(text) is not None
        return text == self.literal if self.kind == "whole" else text.endswith(self.literal)


def _any(globs: list[bytes]) -> re.Pattern[bytes] | None:
    """Join *globs* to one that matches what any of them does; None for none."""
    return re.compile(b"|".join(b"(?:%s)" % glob for glob in globs), re.DOTALL) if globs else None


def _rule(line: bytes) -> _Rule | None:
    """Read a line of an ignore file; None for one that is empty, a comment or not to be read."""
    if line.startswith(b"#"):
        return None
    pattern = _without_trailing_spaces(line)
    ignores = not pattern.startswith(b"!")
    pattern = pattern if ignores else pattern[1:]
    folders_only = pattern.endswith(b"/")
    pattern = pattern[:-1] if folders_only else pattern
    if not pattern:
        return None
    try:
        return _Rule(pattern, ignores=ignores, folders_only=folders_only)
    except _Unreadable:
        return None


def _without_trailing_spaces(line: bytes) -> bytes:
    """Drop spaces (not tabs) from the end, save for one behind a backslash."""
    bare = line.rstrip(b" ")
    backslashes = len(bare) - len(bare.rstrip(b"\\"))
    return line[: len(bare) + 1] if backslashes % 2 and bare != line else bare


def _path_glob(pattern: bytes) -> bytes:
    """
    Return the regular expression for a pattern that is matched with paths.

    Git compares what is before the first special character on its own, and takes what is behind
    for a pattern of its own: so the ``**/`` in ``a**/b`` is one.
    """
    special = _SPECIAL.search(pattern)
    cut = len(pattern) if special is None else special.start()
    return re.escape(pattern[:cut]) + _glob(pattern[cut:], paths=True)


def _glob(pattern: bytes, *, paths: bool) -> bytes:
    """
    Return the regular expression for a pattern with wildcards.

    Args:
        pattern: The pattern.
        paths: ``*``, ``?`` and ``[...]`` do not match ``/``.

    Raises:
        _Unreadable: It matches nothing.
    """
    pieces = [_Piece(b"", [])]
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        if char == b"*":
            at, wildcard = _stars(pattern, at) if paths else (_end_of_stars(pattern, at), _ALL)
            pieces.append(_Piece(wildcard, []))
            continue
        if char == b"[":
            at, part = _set(pattern, at, paths=paths)
        elif char == b"\\":
            if at + 1 == len(pattern):
                raise _Unreadable
            at, part = at + 2, re.escape(pattern[at + 1 : at + 2])
        elif char == b"?":
            at, part = at + 1, b"[^/]" if paths else b"."
        else:
            at, part = at + 1, re.escape(char)
        pieces[-1].fixed.append(part)
    return _joined(pieces)


class _Piece(NamedTuple):
    """
    A wildcard, and what stands between it and the next one.

    Attributes:
        wildcard: One of _SOME, _FOLDERS and _ALL; empty at the beginning of the pattern.
        fixed: Expressions for one byte each.
    """

    wildcard: bytes
    fixed: list[bytes]


def _joined(pieces: list[_Piece]) -> bytes:
    """
    Return the expression that looks for each of *pieces* once, whatever the pattern.

    The first place where a piece is found is as good as any later one, since the wildcard behind it
    can take what is between. So none is looked for again when a later one is not found: that would
    take a time that is exponential in the number of wildcards. What is behind a wildcard for
    folders, up to the next one of these, is looked for as a whole at each folder, for the pieces
    in it must not be folders apart.
    """
    runs: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece.wildcard in {_FOLDERS, _ALL}:
            runs.append([])
        runs[-1].append(piece)
    *once, last = [_run(run) for run in runs]
    return b"".join(b"(?>%s)" % b"".join(run) for run in once) + b"".join(last)


def _run(pieces: list[_Piece]) -> list[bytes]:
    """Return expressions for pieces of which the first alone may begin in another folder."""
    looked_for = [piece.wildcard + b"".join(piece.fixed) for piece in pieces]
    return [looked_for[0], *(b"(?>%s)" % each for each in looked_for[1:-1]), *looked_for[1:][-1:]]


def _end_of_stars(pattern: bytes, start: int) -> int:
    """Return the position behind the asterisks at *start*."""
    while pattern[start : start + 1] == b"*":
        start += 1
    return start


def _stars(pattern: bytes, start: int) -> tuple[int, bytes]:
    """Return the position behind the asterisks at *start*, and what they stand for in paths."""
    end = _end_of_stars(pattern, start)
    rest = pattern[end:]
    alone = start == 0 or pattern[start - 1 : start] == b"/"
    if end - start == 1 or not alone:
        return end, _SOME
    if rest.startswith(b"/"):
        return end + 1, _FOLDERS
    return end, _ALL if not rest or rest.startswith(b"\\/") else _SOME


def _set(pattern: bytes, start: int, *, paths: bool) -> tuple[int, bytes]:
    """
    Translate the ``[...]`` at *start*; return the position behind, and the expression.

    Raises:
        _Unreadable: It does not end, or names a class that there is not.
    """
    at = start + 1
    negated = pattern[at : at + 1] in {b"!", b"^"}
    at += negated
    members: set[int] = set()
    before: int | None = None  # what a range would begin with
    first = True
    while first or pattern[at : at + 1] != b"]":
        first = False
        at, char, added = _member(pattern, at, before)
        members |= added
        before = char
    chosen = (set(_BYTES) - members) if negated else members
    if paths:
        chosen.discard(ord("/"))
    if not chosen:
        return at + 1, b"(?!)"
    firsts = sorted(each for each in chosen if each - 1 not in chosen)
    lasts = sorted(each for each in chosen if each + 1 not in chosen)
    ranges = (b"\\x%02x-\\x%02x" % ends for ends in zip(firsts, lasts, strict=True))
    return at + 1, b"[%s]" % b"".join(ranges)


def _member(pattern: bytes, at: int, before: int | None) -> tuple[int, int | None, set[int]]:
    """
    Read one member of a set at *at*.

    Returns:
        The position behind it; what a range after it would begin with, None after a range or a
        class; and the bytes that it stands for.

    Raises:
        _Unreadable: The pattern ends.
    """
    char = pattern[at : at + 1]
    following = pattern[at + 1 : at + 2]
    if char == b"-" and before is not None and following not in {b"", b"]"}:
        end, last = _literal(pattern, at + 1)
        return end, None, set(range(before, last + 1))
    if char == b"[" and following == b":":
        close = pattern.find(b"]", at + 2)
        if close < 0:
            raise _Unreadable
        if close > at + 2 and pattern[close - 1 : close] == b":":
            expression = _POSIX.get(pattern[at + 2 : close - 1])
            if expression is None:
                raise _Unreadable
            return close + 1, None, {ord(each) for each in re.findall(expression, _BYTES)}
        return at + 1, ord("["), {ord("[")}
    end, code = _literal(pattern, at)
    return end, code, {code}


def _literal(pattern: bytes, at: int) -> tuple[int, int]:
    """
    Read one byte at *at*, which a backslash may stand before.

    Raises:
        _Unreadable: The pattern ends.
    """
    at += pattern[at : at + 1] == b"\\"
    if at >= len(pattern):
        raise _Unreadable
    return at + 1, pattern[at]
