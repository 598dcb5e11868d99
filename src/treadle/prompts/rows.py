"""What the results are made of: each request with its ending, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

from treadle.prompts.ended import why_left
from treadle.prompts.items import Items
from treadle.prompts.record import Endings
from treadle.prompts.scoring import Scorers
from treadle.prompts.summary import Summary
from treadle.prompts.values import Ask, Ended


class Rows(Iterable[tuple[Ask, Ended]]):
    """
    All requests with their endings, in the order of the table; can be read again and again.

    What has an ending is there, whether it is chosen to be asked or not. An answer that lacks a
    score gets it now: a scorer may have been added since it came.

    Args:
        items: What is asked.
        endings: How each has ended.
        scorers: What judges answers.
        closed: Why lanes are closed, by lane; what was to be asked there and has no ending was
            skipped.
        lane_of: Gives the lane of a request.
        chosen_only: No other request than those to be asked has an ending: only they are looked at.

    Attributes:
        summary: Of what was read last.
        pending: Requests to be asked that had no ending when they were read last.
        count: Rows that were read last.
        skipped: Those of them that have no ending.
    """

    def __init__(
        self,
        items: Items,
        endings: Endings,
        scorers: Scorers,
        closed: Mapping[Hashable, str] | None = None,
        lane_of: Callable[[Ask], Hashable] = lambda ask: ask.lane,
        *,
        chosen_only: bool = False,
    ) -> None:
        self._items = items
        self._endings = endings
        self._scorers = scorers
        self._scores = frozenset(scorers.names)
        self._closed = closed or {}
        self._lane_of = lane_of
        self._chosen_only = chosen_only
        self.summary = Summary()
        self.pending = self.count = self.skipped = 0

    def __iter__(self) -> Iterator[tuple[Ask, Ended]]:
        self.summary = Summary()
        self.pending = self.count = self.skipped = 0
        for ask, is_chosen in self._asks():
            ended = self._endings.get(ask.key)
            if ended is None and is_chosen:
                self.pending += 1
                ended = self._skipped(ask)
                self.skipped += ended is not None
            if ended is not None:
                self._score(ask, ended)
                self.summary.add(ask, ended)
                self.count += 1
                yield ask, ended

    def _asks(self) -> Iterator[tuple[Ask, bool]]:
        if self._chosen_only:
            return ((ask, True) for ask in self._items.in_input_order())
        return self._items.marked()

    def _skipped(self, ask: Ask) -> Ended | None:
        why = self._closed.get(self._lane_of(ask)) if self._closed else None
        if why is None:
            return None
        return Ended(status="skipped", error_type=why_left(why), error=why)

    def _score(self, ask: Ask, ended: Ended) -> None:
        answer = ended.answer
        if answer is None or self._scores <= answer.scores.keys():
            return
        self._scorers.score(ask, answer)
        # What cannot be scored has said so when it came, too.
        answer.warnings = tuple(dict.fromkeys(answer.warnings))
