"""Guess how many tokens a request will use, better with each reply.

No tokenizer: bytes divided by what a token of this lane has had so far, and for the answer what
answers to the same prompt have had so far.
"""

from __future__ import annotations

import math

from treadle.prompts.values import Answer, Ask
from treadle.prompts.worst_case import choices, output_limit

BYTES_PER_TOKEN = 4.0
"""What English text has; the guess until a lane has replied."""

OUTPUT = 300
"""Tokens of an answer; the guess until one has come."""

# Old replies count for less: so much of an average is kept when another reply comes.
_KEPT = 0.9


class Estimates:
    """
    What tokens are expected. One thread learns, any may ask.

    A change is one assignment of a whole value, so that whoever reads meanwhile sees the old one
    or the new one.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, tuple[float, float]] = {}  # bytes and tokens, by lane
        self._outputs: dict[tuple[str, str, str], float] = {}

    def tokens(self, size: int, lane: str) -> int:
        """Return the tokens that *size* bytes of messages are in this lane."""
        total, tokens = self._sizes.get(lane, (BYTES_PER_TOKEN, 1.0))
        return math.ceil(size * tokens / total)

    def output(self, ask: Ask) -> int:
        """Return the tokens that all answers to *ask* will have, at most what it allows."""
        expected = math.ceil(self._outputs.get(_which(ask), OUTPUT * choices(ask)))
        limit = output_limit(ask)
        return expected if limit is None else min(expected, limit * choices(ask))

    def learn(self, ask: Ask, answer: Answer) -> None:
        """Take in what a request has really used; estimates teach nothing."""
        usage = answer.usage
        if usage.source != "usage":
            return
        if usage.input and ask.size:
            total, tokens = self._sizes.get(ask.lane, (0.0, 0.0))
            self._sizes[ask.lane] = (total * _KEPT + ask.size, tokens * _KEPT + usage.input)
        if usage.output is not None:
            before = self._outputs.get(_which(ask), usage.output)
            self._outputs[_which(ask)] = before * _KEPT + usage.output * (1 - _KEPT)


def _which(ask: Ask) -> tuple[str, str, str]:
    return ask.lane, ask.model, ask.prompt
