"""What a prompt file holds: one message, or the blocks of a chat; and settings before them.

A chat file has blocks, each opened by a line ``--- system``, ``--- user`` or ``--- assistant``.
Any prompt file may begin with settings between two lines ``---``::

    ---
    temperature: 0.2
    max_tokens: 100
    ---
    --- system
    You are brief.
    --- user
    What is {{topic}}?

It is read before anything is filled in: no value can open a block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import treadle
from treadle.prompts.near import near
from treadle.prompts.params import KNOWN, typed

_NEARLY = re.compile(r"---?\s*(system|user|assistant)\s*:?\s*", re.IGNORECASE)
_SETTING = re.compile(r"([A-Za-z_][\w.-]*)\s*[:=](?:\s+(.*)|$)")


@dataclass(frozen=True, slots=True)
class Block:
    """
    One message of a prompt file, unfilled.

    Attributes:
        role: Who speaks.
        text: What is said.
        line: The line of the file at which the text begins.
    """

    role: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PromptText:
    """
    A prompt file, taken apart.

    Attributes:
        blocks: Its messages.
        params: The settings at its head.
    """

    blocks: tuple[Block, ...]
    params: Mapping[str, Any]


def parsed(text: str, *, name: str) -> PromptText:
    """
    Take a prompt file apart.

    Args:
        text: What it holds.
        name: What messages call it.

    Raises:
        UsageError: It is empty, or its form is not sound.
    """
    lines = text.split("\n")
    params, start = _settings(lines, name)
    blocks = _blocks(lines, start, name)
    if not any(block.text.strip() for block in blocks):
        raise treadle.UsageError(f"{name} is empty", hint="write the prompt into it")
    if all(block.role != "user" for block in blocks):
        raise treadle.UsageError(f"{name} has no message of the user", hint="add a line: --- user")
    return PromptText(blocks=blocks, params=params)


def _blocks(lines: list[str], start: int, name: str) -> tuple[Block, ...]:
    """Part the lines into messages; without a line that opens one, all are one of the user."""
    found: list[tuple[str, int]] = []  # the role, and the line after the one that opens it
    for at in range(start, len(lines)):
        if (role := _opened(lines[at], f"{name}, line {at + 1}")) is None:
            continue
        if not found and any(line.strip() for line in lines[start:at]):
            raise treadle.UsageError(
                f"{name}, line {at + 1}: text stands before the first message",
                hint="open it by a line: --- system",
            )
        found.append((role, at + 1))
    if not found:
        return (_block("user", lines[start:], start),)
    ends = [begin - 1 for _, begin in found[1:]] + [len(lines)]
    return tuple(
        _block(role, lines[begin:end], begin)
        for (role, begin), end in zip(found, ends, strict=True)
    )


def _block(role: str, lines: list[str], begin: int) -> Block:
    """Make a message of lines, without the empty ones around it."""
    text = "\n".join(lines)
    stripped = text.lstrip("\n")
    return Block(role, stripped.rstrip("\n"), begin + 1 + len(text) - len(stripped))


def _opened(line: str, where: str) -> str | None:
    """Return the role that the line opens a message of; None when it opens none."""
    nearly = _NEARLY.fullmatch(line)
    if nearly is None:
        return None
    role = nearly[1].lower()
    if line.rstrip() != f"--- {role}":
        raise treadle.UsageError(
            f"{where}: {line!r} opens no message", hint=f"write exactly: --- {role}"
        )
    return role


def _settings(lines: list[str], name: str) -> tuple[dict[str, Any], int]:
    """Read the settings at the head; also return the line at which the rest begins, from 0."""
    if lines[0].rstrip() != "---":
        return {}, 0
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None or not _are_settings(lines[1:end]):
        return {}, 0  # a rule, as in Markdown
    params: dict[str, Any] = {}
    for number, line in enumerate(lines[1:end], 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{name}, line {number}"
        setting = _SETTING.fullmatch(line.strip())
        if setting is None:
            raise treadle.UsageError(
                f"{where}: {line.strip()!r} is no setting", hint="such as: temperature: 0.2"
            )
        params[_known(setting[1], where)] = _value(setting[1], setting[2], where)
    return params, end + 1


def _are_settings(lines: list[str]) -> bool:
    """Tell settings from text between two rules: by the first line, or by all of them."""
    told = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    settings = [_SETTING.fullmatch(line) for line in told]
    if not settings:
        return False
    first = settings[0]
    return all(settings) or (first is not None and first[1] in {*KNOWN, "model"})


def _known(param: str, where: str) -> str:
    if param in KNOWN:
        return param
    if param in {"model", "provider"}:
        raise treadle.UsageError(
            f"{where}: a prompt has no {param}", hint="--model LANE/MODEL, or columns of the table"
        )
    guess = near(param, KNOWN)
    raise treadle.UsageError(
        f"{where}: no parameter {param!r} is known",
        hint=f"did you mean {guess!r}?" if guess else f"--param {param}=VALUE sends any",
    )


def _value(param: str, text: str | None, where: str) -> Any:
    if not text:
        raise treadle.UsageError(
            f"{where}: {param} has no value", hint='all on one line, such as: stop: ["a", "b"]'
        )
    try:
        return typed(param, text.strip())
    except treadle.BadRowError as error:
        raise treadle.UsageError(f"{where}: {error.message}", hint=error.hint) from error
