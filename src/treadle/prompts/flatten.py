"""Find the JSON in an answer, and make cells of it: a flat mapping of names to text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

# JSON that is tried at each brace may take so many times the length of the answer: text made of
# braces would else take the square of it.
_PATIENCE = 8
_LEAST_PATIENCE = 100_000
_COST_OF_A_TRY = 100
_FIRST_LOOK = 4096
_LONGEST_WORD = 16  # what is cut may be called wrong from where it begins: -Infinity, \ud83d\ude00

_NOT_IN_NAME = re.compile(r"[\W_]+")
_JSON = json.JSONDecoder()


def find_json(text: str) -> dict[str, Any] | list[Any] | None:
    """
    Return the JSON object or array in *text*; None if there is none.

    The first that is sound, of: blocks fenced as ``json``, other fenced blocks, the whole text,
    objects anywhere in the text, arrays anywhere in the text.
    """
    if "{" not in text and "[" not in text:
        return None
    for candidate in (*_fenced(text), text):
        found = _parsed(candidate)
        if found is not None:
            return found
    found = _first_at(text, "{")
    return _first_at(text, "[") if found is None else found


def flattened(value: Any, *, max_items: int = 10, depth: int = 5) -> dict[str, str]:
    """
    Return the leaves of *value* as text, by names that are joined by ``_``.

    An array at the top is called ``items``. Empty objects and arrays are ``{}`` and ``[]``, null is
    empty text. What stands in a name beside letters, digits and ``_`` becomes ``_``; of names that
    come out equal, the later ones are numbered.

    Args:
        value: What `find_json` returns.
        max_items: Items of an array that get columns; ``_more`` counts the rest.
        depth: Levels that get columns; what is below is one cell of JSON.
    """
    flat: dict[str, str] = {}
    top = {"items": value} if isinstance(value, list) else value
    for path, leaf in _leaves(top, (), max_items, depth):
        name = _name("_".join(path))
        unique, number = name, 1
        while unique in flat:
            number += 1
            unique = f"{name}_{number}"
        flat[unique] = leaf
    return flat


def picked(value: Any, names: Collection[str]) -> dict[str, str]:
    """
    Return what *names* call in *value*: a leaf as text, an object or a list as JSON.

    The names are those of :func:`flattened`, and also those of what it takes apart or leaves out:
    whole objects and lists, items beyond the first ones, levels below. Of what comes out equal,
    the first counts.
    """
    found: dict[str, str] = {}
    top = {"items": value} if isinstance(value, list) else value
    ahead: list[tuple[tuple[str, ...], Any]] = [((), top)]
    while ahead and len(found) < len(names):
        path, here = ahead.pop()
        name = _name("_".join(path))
        if path and name in names:
            found.setdefault(name, _text(here))
        beginning = name.rstrip("_")  # what follows may be no letter, and so melt into this
        if any(each.startswith(beginning) for each in names):
            ahead += [((*path, key), inner) for key, inner in _inside(here)]
    return found


def _inside(value: Any) -> list[tuple[str, Any]]:
    """Return what an object or a list holds, the last first; nothing for all else."""
    if isinstance(value, dict):
        return list(reversed(value.items()))
    if isinstance(value, list):
        return [(str(number), value[number]) for number in reversed(range(len(value)))]
    return []


def _fenced(text: str) -> Iterator[str]:
    # Split rather than matched: a pattern would go back over what follows each fence.
    blocks = [block.lstrip() for block in text.split("```")[1::2]]
    for block in blocks:
        if block[:4].lower() == "json":
            yield block[4:]
    for block in blocks:
        if block[:4].lower() != "json":
            yield block if block.startswith(("{", "[")) else block.partition("\n")[2]


def _parsed(text: str) -> dict[str, Any] | list[Any] | None:
    text = text.strip("\ufeff \t\r\n")
    if not text.startswith(("{", "[")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # ValueError also for a number of thousands of digits
        return None
    return found if isinstance(found, dict | list) else None


def _first_at(text: str, opening: str) -> dict[str, Any] | list[Any] | None:
    """Return the first sound value that begins with *opening*."""
    patience = _PATIENCE * len(text) + _LEAST_PATIENCE
    at = text.find(opening)
    while at >= 0 and patience > 0:
        found, read = _value_at(text, at)
        if found is not None:
            return found
        patience -= read + _COST_OF_A_TRY
        at = text.find(opening, at + 1)
    return None


def _value_at(text: str, at: int) -> tuple[dict[str, Any] | list[Any] | None, int]:
    """
    Return the value that begins at *at*, None if none does, and how much was read to know it.

    The decoder gets a piece, and a longer one if that was too short: its errors count the lines
    from the beginning of what it was given, which with the whole text takes the square of it.
    """
    length, read = _FIRST_LOOK, 0
    while True:
        piece = text[at : at + length]
        try:
            return _JSON.raw_decode(piece)[0], read
        except json.JSONDecodeError as error:
            # It names where an unterminated string begins, but has read on to the end.
            is_cut = error.msg.startswith("Unterminated") or error.pos > len(piece) - _LONGEST_WORD
            read += len(piece) if is_cut else error.pos
        except RecursionError:
            return None, read + len(piece)
        except ValueError:  # a number of thousands of digits, which may go on as one with a point
            is_cut = True
            read += len(piece)
        if not is_cut or at + length >= len(text):
            return None, read
        length *= 8


def _leaves(
    value: Any, path: tuple[str, ...], max_items: int, depth: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(value, dict | list) or not value or len(path) >= depth:
        yield path, _text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key), max_items, depth)
    else:
        for number, inner in enumerate(value[:max_items]):
            yield from _leaves(inner, (*path, str(number)), max_items, depth)
        if len(value) > max_items:
            yield (*path, "more"), str(len(value) - max_items)


def _text(leaf: Any) -> str:
    if leaf is None:
        return ""
    if isinstance(leaf, str):
        return leaf
    try:
        return json.dumps(leaf, ensure_ascii=False)
    except RecursionError:  # what the decoder can read is not always what the encoder can write
        return "[nested too deeply]"


def _name(path: str) -> str:
    name = _NOT_IN_NAME.sub("_", path)
    return f"_{name}" if not name or name[0].isdigit() else name
