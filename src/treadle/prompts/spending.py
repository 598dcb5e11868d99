"""What earlier sessions of an experiment have cost, and at worst may have cost.

A request that got no answer may have been billed all the same: the server has worked, and its
reply was late, cut or lost. Nobody can tell, so that a limit which shall hold counts the most that
such a request can cost, each time that it may have happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import treadle
from treadle.prompts import errors
from treadle.prompts.ended import class_of, status_of
from treadle.prompts.items import Items
from treadle.prompts.record import Endings
from treadle.prompts.values import Answer, Ask
from treadle.prompts.worst_case import WorstCase

T = TypeVar("T", Decimal, int)


@dataclass(frozen=True, slots=True)
class Spent:
    """
    What was spent, or may have been.

    Attributes:
        cost: US dollars.
        tokens: Tokens, in and out.
    """

    cost: Decimal = Decimal(0)
    tokens: int = 0


def perhaps_charged(failure: treadle.Failure) -> bool:
    """
    Tell whether an attempt may have been billed that has failed like this.

    That is so unless it was never sent, or refused; see ``errors.is_perhaps_charged``.
    """
    never_sent = failure.type.rpartition(".")[2] == "BadRowError"
    kind = treadle.BadRowError if never_sent else class_of(failure)
    return errors.is_perhaps_charged(kind, status_of(failure))


def unanswered(run: treadle.Run, further: Collection[str] = ()) -> Counter[str]:
    """
    Return how often each request of *run* may have been billed without an answer, by its key.

    Args:
        run: The run.
        further: Keys of requests that have no ending, whose attempts count too.
    """
    found: Counter[str] = Counter()
    for outcome in run.record.outcomes():
        key = str(outcome.key)
        if not outcome.ok:
            found[key] += perhaps_charged(outcome.failure)
        if outcome.attempts > 1 or not outcome.ok or key in further:
            found[key] += _charged_attempts(run, key)
    for key in set(further) - found.keys():
        found[key] += _charged_attempts(run, key)
    return +found


def forgotten(run: treadle.Run, keys: Iterable[str]) -> Counter[str]:
    """Return what `unanswered` says of the endings of *keys*, which a new attempt replaces."""
    wanted = set(keys)
    failures = run.record.outcomes(failed=True)
    return +Counter(
        str(each.key)
        for each in failures
        if str(each.key) in wanted and not each.ok and perhaps_charged(each.failure)
    )


def _charged_attempts(run: treadle.Run, key: str) -> int:
    return sum(perhaps_charged(attempt.failure) for attempt in run.attempts(key))


def spent(items: Items, endings: Endings, lost: Mapping[str, int], worst: WorstCase) -> Spent:
    """
    Return what all answers have cost, and what the requests without one may have.

    Args:
        items: What is asked. Of a request that is not asked any more, the dearest one's worst case
            stands for its own.
        endings: The answers.
        lost: How often each request may have been billed without an answer.
        worst: The most that requests can cost.
    """
    cost, tokens = Decimal(0), 0
    for answer in endings.answers():
        cost += answer.cost or Decimal(0)
        tokens += _tokens(answer)
    left = dict(lost)
    dearest, most = Decimal(0), 0
    for ask in items.in_input_order(everything=True):
        if ask.problem:
            continue
        most_cost = _known(worst.cost, ask, Decimal(0))
        most_tokens = _known(worst.tokens, ask, 0)
        dearest, most = max(dearest, most_cost), max(most, most_tokens)
        times = left.pop(ask.key, 0)
        cost += times * most_cost
        tokens += times * most_tokens
        ended = endings.get(ask.key)
        if ended is not None and ended.answer is not None and not _is_counted(ended.answer):
            cost += max(most_cost - (ended.answer.cost or 0), Decimal(0))
            tokens += max(most_tokens - _tokens(ended.answer), 0)
    others = sum(left.values())
    return Spent(cost + others * dearest, tokens + others * most)


def _is_counted(answer: Answer) -> bool:
    """Tell whether the server has counted, so that no more than this was billed."""
    certain = answer.usage.source == "usage" or answer.cost_source == "provider"
    return certain or answer.cost == 0


def _tokens(answer: Answer) -> int:
    return (answer.usage.input or 0) + (answer.usage.output or 0)


def _known(most: Callable[[Ask], T], ask: Ask, otherwise: T) -> T:
    with suppress(treadle.UsageError):  # nobody knows: planning has said so, if it is asked
        return most(ask)
    return otherwise
