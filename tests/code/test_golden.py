"""Small files in a dozen languages, shown as their chunks: ``golden/<language>.txt`` is to be read.

Each file there holds a source, cut: above each chunk stands what is said of it, and the lines of
the chunk follow behind a bar. The source is what stands behind the bars.

After a change that moves chunks on purpose, ``TREADLE_RENEW_GOLDEN=1 pytest tests/code`` writes the
files anew from the sources in them. Read the difference (``git diff``) before you keep it. To add
one: a first line as in the others, then the source behind bars, then the same command.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from treadle import code

GOLDEN = Path(__file__).parent / "golden"
BAR = "│ "
HEAD = re.compile(r"(?P<path>\S+), at most (?P<limit>\d+) characters")
SAID = ("scope", "signature", "docstring", "symbols", "part", "errors")


def shown(found, limit: int) -> str:
    """Return chunks in the form in which they are kept."""
    parts = [f"{found.path}, at most {limit} characters"]
    parts.append(f"{found.language}, {found.status}, by {found.method}")
    if found.chunks[0].imports:
        parts.append(f"imports: {', '.join(found.chunks[0].imports)}")
    for chunk in found.chunks:
        name = f" {chunk.qualified_name}" if chunk.qualified_name else ""
        lines = f"lines {chunk.start_line}-{chunk.end_line}, {len(chunk.text)} characters"
        parts += ["", f"{chunk.index + 1}. {chunk.kind}{name} ({lines})"]
        for what in SAID:
            value = getattr(chunk, what)
            if value:
                parts.append(f"   {what}: {told(value)}")
        parts += [(BAR + line).rstrip() for line in chunk.text.removesuffix("\n").split("\n")]
    return "\n".join(parts) + "\n"


def told(value: object) -> str:
    match value:
        case (int(), int()):
            return f"{value[0]} of {value[1]}"
        case tuple():
            return ", ".join(value)
        case _:
            return str(value).replace("\n", "\n      ")


def source_in(text: str) -> str:
    """Return what stands behind the bars."""
    bar = BAR.strip()
    lines = [
        line.removeprefix(bar).removeprefix(" ") for line in text.splitlines() if line[:1] == bar
    ]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_the_chunks_of_a_small_file_are_those_that_were_reviewed(path):
    text = path.read_text(encoding="utf-8")
    head = HEAD.match(text)
    assert head, f"{path.name} begins with a line such as 'store.py, at most 400 characters'"
    limit = int(head["limit"])
    found = code.chunk_text(source_in(text), path=head["path"], max_chars=limit)
    assert found.status == "ok"
    if os.environ.get("TREADLE_RENEW_GOLDEN"):
        path.write_text(shown(found, limit), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == shown(found, limit)


def test_there_is_a_dozen_of_them_in_as_many_languages():
    languages = {
        code.chunk_text("", path=HEAD.match(path.read_text(encoding="utf-8"))["path"]).language
        for path in GOLDEN.glob("*.txt")
    }
    assert len(languages) >= 12
    assert {path.stem for path in GOLDEN.glob("*.txt")} == languages
