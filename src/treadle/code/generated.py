"""Tells files that a program has written from those of people, by name and by how they look."""

from __future__ import annotations

import re

_HEAD = 2048
_NAMES = frozenset(
    {
        "bun.lock",
        "cargo.lock",
        "composer.lock",
        "deno.lock",
        "flake.lock",
        "gemfile.lock",
        "glide.lock",
        "go.sum",
        "go.work.sum",
        "gopkg.lock",
        "gradle.lockfile",
        "mix.lock",
        "npm-shrinkwrap.json",
        "package-lock.json",
        "package.resolved",
        "packages.lock.json",
        "pdm.lock",
        "pipfile.lock",
        "pixi.lock",
        "pnpm-lock.yaml",
        "podfile.lock",
        "poetry.lock",
        "pubspec.lock",
        "pylock.toml",
        "rebar.lock",
        "uv.lock",
        "yarn.lock",
        ".terraform.lock.hcl",
    }
)
_ENDINGS = (
    *(".min.js", ".min.mjs", ".min.css", ".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map"),
    *("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.go", ".pb.h", ".pb.cc", ".pb.swift"),
    *(".pb.dart", ".g.dart", ".freezed.dart", ".designer.cs", ".g.cs", ".g.i.cs"),
)
# Only in comments: code that speaks of such markers, as this file does, has not been generated.
_COMMENT = (
    rb"^[ \t]*+(?:#++|//++!?|/\*++!?|\*++|--++|;++|%++|<!--++|\(\*++|\{-++|'++|\"\"\""
    rb"|REM\b|dnl\b|@rem\b)"
)
_AUTO = rb"(?:auto(?:matically)?[- ]?)"
_TOOLS = (
    rb"(?:the )?(?:protocol buffer compiler|protoc|cython|swig|bison|flex|antlr|thrift|openapi|"
    rb"swagger|grpc|autoconf|automake|aclocal|cmake|bindgen|sqlc|mockgen|stringer|prisma|ragel)\b"
)
_A_PART = rb"(?:below|above|between|this (?:section|line|block|part))"
_ANYWHERE = (
    rb"@(?:partially-)?generated\b",
    rb"\bcode generated\b[^\n]{0,500}\bdo not edit\b",
    # Not: DO NOT EDIT BELOW THIS LINE, which leaves the rest to people.
    rb"(?-i:\bDO NOT (?:EDIT|MODIFY)\b)(?! *" + _A_PART + rb")",
    rb"\bdo not (?:edit|modify)\b[^\n]{0,20}\b(?:this file|by hand|manually)\b",
    rb"\bthis (?:file|code|module|source)[\w ]{0,20} (?:is|was|has been) "
    + _AUTO
    + rb"?generated\b",
    rb"\bthis is an? " + _AUTO + rb"?generated (?:file|module|source)\b",
    rb"\bbison (?:parser|implementation)\b[^\n]{0,500}\bmade by gnu bison\b",
)
_AT_THE_BEGINNING = (
    _AUTO + rb"generated(?: (?:by|from|using|with|on|file|code)\b|[ \t]*+(?:$|[.;:,!*-]))",
    rb"generated (?:automatically )?by " + _TOOLS,
    rb"generated file\b",
)
_MARKER = re.compile(
    _COMMENT
    + rb"(?:[^\n]*?(?P<anywhere>"
    + b"|".join(_ANYWHERE)
    + rb")|[ \t*#=~-]*+(?P<first>"
    + b"|".join(_AT_THE_BEGINNING)
    + rb"))",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_LINE = 20_000
_MEAN_LINE = 500
_SMALL = 5_000


def is_generated(path: str, head: bytes) -> str | None:
    """
    Return what gives a file away as written by a program; None for one that people wrote.

    Args:
        path: With ``/``; only its name counts.
        head: How the text begins: its first 2 KiB or more, in UTF-8.
    """
    name = path.rpartition("/")[2].lower()
    if name in _NAMES:
        return f"{name} is a lock file"
    for ending in _ENDINGS:
        if name.endswith(ending):
            return f"its name ends with {ending}"
    head = head[:_HEAD]
    lower = head.lower()  # almost every file is done with this
    if b"generated" not in lower and b"do not " not in lower and b"made by" not in lower:
        return None
    found = _MARKER.search(head)
    if found is None:
        return None
    group = "first" if found["anywhere"] is None else "anywhere"
    marker = b" ".join(found[group].split())[:80].decode("utf-8", "replace")
    line = head.count(b"\n", 0, found.start(group)) + 1
    return f"line {line} says {marker!r}"


def is_minified(data: bytes) -> bool:
    """
    Tell whether lines are so long that a program must have joined them.

    That is: one has more than 20,000 bytes; or the mean has more than 500, in a file of more than
    5,000 bytes.

    Args:
        data: The whole text, in UTF-8.
    """
    size = len(data)
    if size <= _SMALL:
        return False
    mark = b"\n" if b"\n" in data else b"\r"
    lines = data.count(mark) + (not data.endswith(mark))
    if size > _MEAN_LINE * lines:
        return True
    return size > _LONGEST_LINE and _has_long_line(data, mark)


def _has_long_line(data: bytes, mark: bytes) -> bool:
    """Tell whether a line has more bytes than the longest allowed, in leaps of that length."""
    begin = 0
    while len(data) - begin > _LONGEST_LINE:
        end = data.rfind(mark, begin, begin + _LONGEST_LINE + 1)
        if end == -1:
            return True
        begin = end + 1
    return False
