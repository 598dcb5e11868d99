"""Bad inputs of any size, by name: each is what has made some chunker hang, crash or go quadratic.

A family is a function of a size, with the language its text is said to be in; twice the size is
twice the text. Sizes are such that a sound chunker takes a tenth of a second or a few.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Family:
    """
    Inputs of one kind.

    Attributes:
        make: From a size to a text.
        size: The smaller of the two that are measured.
        language: What the text is said to be in.
    """

    make: Callable[[int], bytes]
    size: int
    language: str | None


def _filled(piece: bytes, size: int) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def _noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def _printable_noise(size: int) -> bytes:
    draw = random.Random(2)
    letters = [chr(code) for code in range(32, 127)] + ["\n", "é", "→", "🙂"]
    return "".join(draw.choices(letters, k=size)).encode()


def _one_string(size: int) -> bytes:
    return b"text = '" + b"x" * size + b"'\n"


def _string_of_lines(size: int) -> bytes:
    return (
        b'text = """\n' + _filled(b"a line of the string with some words in it\n", size) + b'"""\n'
    )


def _deep_blocks(count: int) -> bytes:
    return b"int f(){" + b"if(a){\n" * count + b"b();\n" + b"}" * count + b"}\n"


def _indented_blocks(size: int) -> bytes:
    """Three hundred levels, over and over: deeper ones would square the text by themselves."""
    block = b"".join(b" " * level + b"if a:\n" for level in range(90)) + b" " * 90 + b"b()\n"
    return b"".join([block] * (size // len(block) + 1))


def _nul_later(size: int) -> bytes:
    return _filled(b"value = 1\n", 10_000) + _filled(b"x = '\0'\n", size)


def _functions(size: int) -> bytes:
    return _filled(b"def name(argument):\n    return argument + 1\n\n\n", size)


FAMILIES: dict[str, Family] = {
    "one line of 5 MB": Family(
        lambda size: _filled(b"function f(a){return a+1};var b=f(2);", size),
        5 * MEGABYTE // 2,
        "javascript",
    ),
    "one line of 5 MB, no language": Family(
        lambda size: _filled(b"word and another, then more. ", size), 5 * MEGABYTE // 2, None
    ),
    "one word of 5 MB": Family(lambda size: b"x" * size, 5 * MEGABYTE // 2, "python"),
    "100,000 brackets": Family(lambda count: b"[" * count, 50_000, "python"),
    "100,000 pairs of brackets": Family(
        lambda count: b"x = " + b"[" * count + b"]" * count, 50_000, "python"
    ),
    "100,000 brackets of JSON": Family(lambda count: b"[" * count + b"]" * count, 50_000, "json"),
    "100,000 brackets, each on a line": Family(
        lambda count: b"x = " + b"[\n" * count + b"]\n" * count, 50_000, "python"
    ),
    "100,000 brackets of JSON, each on a line": Family(
        lambda count: b"[\n" * count + b"]\n" * count, 50_000, "json"
    ),
    "random bytes": Family(_noise, MEGABYTE // 2, "python"),
    "random characters": Family(_printable_noise, MEGABYTE // 4, "python"),
    "random characters in C": Family(_printable_noise, MEGABYTE // 4, "c"),
    "deep blocks": Family(_deep_blocks, 20_000, "c"),
    "indented blocks": Family(_indented_blocks, MEGABYTE // 2, "python"),
    "one string": Family(_one_string, 3 * MEGABYTE // 2, "python"),
    "one string of many lines": Family(_string_of_lines, 3 * MEGABYTE // 2, "python"),
    "comments": Family(
        lambda size: _filled(b"# a comment of several words\n", size), 5 * MEGABYTE // 2, "python"
    ),
    "children": Family(lambda count: b"a\n" * count, 150_000, "python"),
    "children of a list": Family(
        lambda count: b"x = [\n" + b"1,\n" * count + b"]\n", 150_000, "python"
    ),
    "definitions": Family(_functions, MEGABYTE // 2, "python"),
    "carriage returns": Family(lambda size: _filled(b"value = 1\r", size), MEGABYTE // 2, "python"),
    "CRLF": Family(lambda size: _filled(b"value = 1\r\n", size), MEGABYTE // 2, "python"),
    "NUL after 10 kB": Family(_nul_later, MEGABYTE // 2, "python"),
    "blank lines": Family(lambda size: b"\n" * size, MEGABYTE // 2, "python"),
    "spaces": Family(lambda size: b" " * size, MEGABYTE, "python"),
    "accents": Family(lambda size: "é".encode() * (size // 2), MEGABYTE // 2, None),
    "one letter with a million accents": Family(
        lambda size: b"e" + "\u0301".encode() * (size // 2), MEGABYTE // 2, None
    ),
    "joined emoji": Family(lambda size: "👩\u200d".encode() * (size // 7), MEGABYTE // 2, None),
    "UTF-16": Family(
        lambda size: ("\ufeff" + "value = 'é'\n" * (size // 24)).encode("utf-16-le"),
        MEGABYTE // 2,
        "python",
    ),
    "latin-1": Family(lambda size: _filled(b"value = '\xe9'\n", size), MEGABYTE // 2, "python"),
    "syntax errors": Family(lambda size: _filled(b"def f(:\n", size), MEGABYTE // 4, "python"),
    "quotes": Family(lambda size: _filled(b"'\"\n", size), MEGABYTE // 8, "python"),
    "headings": Family(lambda size: _filled(b"# a\n\ntext\n\n", size), MEGABYTE // 8, "markdown"),
    "quotations in quotations": Family(lambda count: b"> " * count + b"text\n", 2_000, "markdown"),
    "elements left open": Family(lambda size: _filled(b"<div>\n", size), MEGABYTE // 8, "html"),
    "keys": Family(lambda size: _filled(b"key: value\n", size), MEGABYTE // 8, "yaml"),
}
