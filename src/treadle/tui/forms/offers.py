"""Which commands a form is offered for, and which of their options stand first.

What the options are is said by the commands; here stands only what people look for first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer

from treadle import UsageError

Words = tuple[str, ...]
"""A command as it is typed after ``treadle``: ``("lab", "stage")``."""


@dataclass(frozen=True, slots=True)
class Offer:
    """
    A command that a form is offered for.

    Attributes:
        words: The command.
        usual: The names of options that stand first, in this order.
        needed: Those of them without which it cannot begin, though a file may set them.
        made: The names of what need not be there: the command makes it.
        spared: The names of arguments that need not be given: the command knows a place.
    """

    words: Words
    usual: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


_LAB = ("workers", "limit", "exclude", "force")
_METRICS = ("only", "chips", "procedures", "since", "chip_file", "workers", "force")

ALL = (
    Offer(
        ("map",),
        ("into", "rows", "lines", "workers", "timeout", "retries", "limit", "name", "resume"),
        made=("into", "runs_dir"),
    ),
    Offer(("lab", "pipeline"), (*_LAB, "chip_file", "dry_run"), made=("out",)),
    Offer(("lab", "stage"), (*_LAB, "dry_run"), made=("stage_root",)),
    Offer(("lab", "segment"), ("procedure", "workers", "limit", "force"), made=("out",)),
    Offer(("lab", "metrics"), _METRICS, made=("out",), spared=("out",)),
    Offer(
        ("prompts", "run"),
        ("prompt", "experiments", "output", "model", "limit", "max_cost", "system", "context"),
        needed=("prompt", "experiments"),
        made=("output",),
    ),
    Offer(
        ("code", "chunk"),
        ("into", "max_tokens", "languages", "exclude", "incremental", "dry_run"),
        needed=("into",),
        made=("into",),
    ),
)


def offers() -> Iterator[Offer]:
    """Yield what is offered: of :data:`ALL`, the commands that this installation has."""
    return (offer for offer in ALL if _found(offer.words) is not None)


def offer_of(words: Words) -> Offer:
    """
    Return what is offered for a command.

    Raises:
        UsageError: There is no form for it.
    """
    for offer in offers():
        if offer.words == tuple(words):
            return offer
    known = ", ".join(" ".join(each.words) for each in offers())
    raise UsageError(f"there is no form for {' '.join(words)!r}", hint=f"there is: {known}")


def command_of(words: Words) -> Any:
    """
    Return the command itself, as the command line has it.

    Raises:
        UsageError: There is no such command.
    """
    command = _found(tuple(words))
    if command is None:
        raise UsageError(f"there is no command {' '.join(words)!r}", hint="treadle --help")
    return command


def about(words: Words) -> str:
    """Return the one line that the command says of itself."""
    text = (command_of(words).help or "").strip().splitlines()
    return text[0].rstrip(".") if text else ""


@cache
def _found(words: Words) -> Any:
    from treadle.cli.app import app

    command: Any = typer.main.get_command(app)
    for word in words:
        inner = getattr(command, "get_command", None)
        command = None if inner is None else inner(None, word)
        if command is None:
            return None
    return command
