"""How our commands show their help: in words, without the types of the parser."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

_TYPES = re.compile(r" <[A-Za-z\[\] ]+>")


class Command(TyperCommand):
    """A command whose help says what to type, and not which type it is read as."""

    def get_help(self, ctx: Any) -> str:
        """Return the help, with blanks where newer parsers put types such as ``<str>``."""
        text = _TYPES.sub(lambda match: " " * len(match[0]), super().get_help(ctx))
        return "\n".join(line.rstrip() for line in text.split("\n"))
