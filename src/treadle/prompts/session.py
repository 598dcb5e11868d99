"""One session of an experiment: ask what has no answer yet, and keep the results up to date.

A run of the engine on coroutines with durability "item". Once an answer is durable its row is
appended to the results; at the end they are written anew, in the order of the table. How each
request has ended is kept in a database for as long as the session lasts, so that the record of
earlier ones is read once.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import treadle
from treadle.prompts import calling, noted
from treadle.prompts.display import Display, checking, display_for, title_of
from treadle.prompts.ended import ended_of
from treadle.prompts.errors import RequestFailed
from treadle.prompts.experiment import Experiment
from treadle.prompts.fair import FairItems
from treadle.prompts.inputs import PREFIX as INPUTS
from treadle.prompts.lanes import lanes_for
from treadle.prompts.noted import Note
from treadle.prompts.places import Place
from treadle.prompts.plans import Plan
from treadle.prompts.record import Endings
from treadle.prompts.reusing import Reused
from treadle.prompts.rows import Rows
from treadle.prompts.spending import Spent, forgotten, spent, unanswered
from treadle.prompts.summary import Summary
from treadle.prompts.values import Ask, Ended
from treadle.prompts.worst_case import WorstCase

_IN_ALL = 1000  # requests in flight, over all lanes
_ADAPTIVE, _ADAPTIVE_LOCAL = 200, 16  # the most that a lane tries by itself; see ``lanes``
_LONGEST_BACKOFF = 60.0
_WITHIN = 3600.0  # seconds for which a request is tried again


@dataclass(slots=True, kw_only=True, repr=False)
class Report:
    """
    What came of an experiment.

    Attributes:
        run_id: Of its record; empty when it did not begin.
        name: Name of its runs.
        output: Where the results are; empty for standard output.
        files: The number of files that hold the results.
        requests: All that the experiment asks.
        sent: Requests that ended in this session.
        pending: Requests that have no ending yet; the same call again asks them.
        closed: Why lanes were closed, by lane.
        stopped: Why the run stopped before its end; empty when it did not.
        summary: How all requests in the results ended, those of earlier sessions included.
        elapsed: Seconds that this session took.
        warnings: What is odd about the experiment as a whole.
        place: Where its record is.
    """

    run_id: str = ""
    name: str = ""
    output: str = ""
    files: int = 0
    requests: int = 0
    sent: int = 0
    pending: int = 0
    closed: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    summary: Summary = field(default_factory=Summary)
    elapsed: float = 0.0
    warnings: tuple[str, ...] = ()
    place: Place | None = None

    def rows(self) -> Iterator[tuple[Ask, Ended]]:
        """
        Yield all requests with their endings, in the order of the table.

        They are read from the record, one by one and each time anew, as the results file is made.

        Raises:
            UsageError: The record is gone.
        """
        if not self.run_id or self.place is None:
            return
        place = replace(self.place, only=self.run_id)
        experiment, run, note = noted.again_at(place)
        with Endings(run, place.folder) as endings:
            yield from experiment.rows(endings, note.closed)

    @property
    def where(self) -> str:
        """Where the results are, in words."""
        if not self.output:
            return "standard output"
        if "{{" not in self.output or self.place is None:
            return self.output
        home = self.place.home
        short = home.relative_to(Path.cwd()) if home.is_relative_to(Path.cwd()) else home
        folder = "the current folder" if short == Path() else str(short)
        return f"{self.files:,} {'file' if self.files == 1 else 'files'} below {folder}"

    def __repr__(self) -> str:
        noun = "request" if self.requests == 1 else "requests"
        counts = [f"{self.requests:,} {noun}", f"{self.sent:,} sent"]
        for name, count in (("pending", self.pending), ("failed", self.failed)):
            if count:
                counts.append(f"{count:,} {name}")
        run = f", run {self.run_id}" if self.run_id else ""
        return f"<Report: {', '.join(counts)}, ${self.cost:f}; results in {self.where}{run}>"

    @property
    def failed(self) -> int:
        """Requests that ended with an error."""
        return sum(self.summary.total().errors.values())

    @property
    def cost(self) -> Decimal:
        """US dollars of all answers, as far as their price is known."""
        return self.summary.total().cost


class Session:
    """
    One session of an experiment.

    Args:
        experiment: What is to be run.
        planned: What was found out about it before.
        earlier: The run to go on with; None for a new one.
        endings: How its requests have ended, without those that are asked again.
        note: What will be noted of the run once it has begun.
        redo: The keys of requests that are asked again although they have ended.
        reused: Answers of other experiments; None for none.
        began: When the session began, in monotonic seconds.
    """

    def __init__(
        self,
        experiment: Experiment,
        planned: Plan,
        earlier: treadle.Run | None,
        endings: Endings,
        note: Note,
        *,
        redo: Sequence[str] = (),
        reused: Reused | None = None,
        began: float,
    ) -> None:
        self._experiment = experiment
        self._planned = planned
        self._earlier = earlier
        self._endings = endings
        self._note = note
        self._noted: Note | None = None  # what was written last
        self._redo = redo
        self._reused = reused
        self._began = began
        self._run_id = "" if earlier is None else earlier.id
        self._files = experiment.files
        # Where no others have endings, those to be asked are all that the results are made of.
        self._chosen_only = len(endings) <= planned.answered
        self._workers = _workers(experiment, planned)
        lanes = list(_lane_keys(experiment, planned))
        self._source = FairItems(experiment.items, experiment.lane_key, lanes)
        self._waited: dict[Hashable, float] = {}
        self._closed: dict[Hashable, str] = {}
        self._sent = 0
        self._in_flight = 0  # when an earlier session was killed
        self._aside = 0  # answers that an earlier session has left out of the results
        self._display: Display | None = None
        self._lanes = self._limits()

    def run(self) -> Report:
        """
        Ask what is missing, write the results, and say what came of it.

        Raises:
            Interrupted, RunFailed: As `run`; their ``report`` says how far it came.
        """
        stopped, error = "", None
        if self._earlier is not None and self._planned.answered < self._planned.items:
            self._files.begin(self._rows())
        with ExitStack() as stack:
            self._display = self._shown(stack)
            try:
                stopped = self._ask().stopped or ""
            except (treadle.Interrupted, treadle.RunFailed) as caught:
                error, stopped = caught, str(getattr(caught, "message", "interrupted"))
        self._files.close()
        made = self._finish(stopped)
        if error is not None:
            error.report = made
            raise error
        return made

    # ── before ──────────────────────────────────────────────────────────────────────────────────

    def _note_kills(self, earlier: treadle.Run) -> None:
        """Note what may have been billed without an answer, and the record will not know."""
        before = Note.read(noted.path_of(self._experiment.place, earlier.id))
        note = self._note
        note.begun = set(map(str, earlier.begun()))
        self._in_flight = len(note.begun)
        if before is not None:
            self._aside = before.aside
            note.begun |= before.begun
            note.forgotten += before.forgotten
        if self._redo:
            note.forgotten += forgotten(earlier, self._redo)

    def _spent(self, earlier: treadle.Run) -> Spent:
        """Return what earlier sessions have cost, or may have."""
        lost = unanswered(earlier, self._note.begun) + Counter(self._note.begun)
        # Of what is asked again the record still has the failure.
        lost += self._note.forgotten - forgotten(earlier, self._redo)
        worst = WorstCase(self._experiment.lanes, self._experiment.prices)
        return spent(self._experiment.items, self._endings, lost, worst)

    def _limits(self) -> treadle.Lanes:
        experiment, earlier = self._experiment, self._earlier
        tokens = experiment.options.get("max_tokens_total")
        before = Spent()
        if earlier is not None:
            self._note_kills(earlier)
            if experiment.max_cost is not None or tokens is not None:
                before = self._spent(earlier)
            earlier.close()
        lanes = lanes_for(
            experiment.lanes,
            estimates=experiment.estimates,
            prices=experiment.prices,
            max_cost=experiment.max_cost,
            max_tokens_total=tokens,
            spent=before.cost,
            spent_tokens=before.tokens,
            ahead=max(1000, 4 * self._workers),
        )
        return lanes if self._reused is None else self._reused.freed(lanes)

    def _shown(self, stack: ExitStack) -> Display | None:
        choice = self._experiment.options.get("progress") or "none"
        lanes = _lane_keys(self._experiment, self._planned)
        display = display_for(choice, lanes, len(self._experiment.items))
        if display is not None:
            stack.callback(display.close)
        return display

    # ── while it runs ───────────────────────────────────────────────────────────────────────────

    def _ask(self) -> treadle.Report:
        options, place = self._experiment.options, self._experiment.place
        again: dict[str, Any] = {}
        if self._earlier is not None:
            again = {"resume": self._earlier.id, "redo": self._redo}
        return treadle.run(
            calling.call,
            self._source,
            setup=partial(_state, self._experiment, self._reused),
            teardown=_closed,
            backend="coroutines",
            workers=self._workers,
            lanes=self._lanes,
            retry=treadle.Retry(
                attempts=options.get("retries", 5) + 1,
                on=_may_succeed,
                base=options.get("backoff", 1.0),
                cap=_LONGEST_BACKOFF,
                within=_WITHIN,
            ),
            durability="item",
            grace=options.get("grace", 30.0),
            name=place.name,
            runs_dir=place.runs_dir,
            listeners=[self._hear, *options.get("listeners", ())],
            # The method alone: a display that has `close` is closed before the last answers are
            # told of.
            progress=None if self._display is None else self._display.__call__,
            on_commit=self._committed,
            command=options.get("command"),
            **again,
        )

    def _hear(self, event: treadle.events.Event) -> None:
        match event:
            case treadle.events.RunStarted():
                self._started()
            case treadle.events.Retrying(key=key, delay=delay):
                self._waited[key] = self._waited.get(key, 0.0) + delay
            case treadle.events.LanesChanged(lanes=lanes):
                self._closed.update({lane.key: lane.closed for lane in lanes if lane.closed})
            case treadle.events.ItemsSettled(failed=failed):
                for outcome in failed:
                    if outcome.kind == "cancelled":
                        self._ended(outcome)
            case _:
                pass  # The rest is for the display.

    def _started(self) -> None:
        """
        Note the run, and begin the results of a new one: not before, for it might not have begun.

        This is heard in the thread that has called `run`, before anything is sent.
        """
        experiment = self._experiment
        if not self._run_id:
            run = experiment.place.newest()
            assert run is not None  # it has just been made
            self._run_id = run.id
            run.close()
        try:
            self._write_note()
            noted.sweep(experiment.place, (INPUTS,))
            if self._earlier is None:
                self._files.begin()
        except (treadle.UsageError, treadle.SinkFailed) as error:
            self._complain(error)

    def _committed(self, outcomes: Sequence[treadle.AnyOutcome]) -> None:
        """Take in what is durable now."""
        rows = []
        for outcome in outcomes:
            ask = self._ended(outcome)
            if ask is not None:  # else another has the same key, and this one failed for it
                waited = self._waited.pop(outcome.key, 0.0)
                rows.append((ask, ended_of(outcome, waited=waited)))
        self._sent += len(rows)
        self._endings.add((ask.key, ended) for ask, ended in rows)
        try:
            self._files.add(rows)
        except treadle.SinkFailed as error:
            self._complain(error)
        if self._display is not None:
            for ask, ended in rows:
                self._display.settled(ask, ended)

    def _ended(self, outcome: treadle.AnyOutcome) -> Ask | None:
        """Return the request that has ended; None where it has not been read to be run."""
        key = str(outcome.key)
        return self._source.ended(key) if key in self._source.asks else None

    def _complain(self, error: treadle.TreadleError) -> None:
        # The record has the answers, and requests in flight are paid for: no reason to stop.
        # Whether the file can be written is decided when it is made anew, at the end.
        warnings.warn(f"{error.message}; answers are safe", RuntimeWarning, stacklevel=2)

    # ── afterwards ──────────────────────────────────────────────────────────────────────────────

    def _finish(self, stopped: str) -> Report:
        """Write the results in the order of the table."""
        experiment = self._experiment
        made = Report(
            run_id=self._run_id,
            name=experiment.place.name,
            place=experiment.place,
            output="" if experiment.output is None else str(experiment.output),
            files=len(self._note.written),
            requests=len(experiment.items),
            sent=self._sent,
            pending=len(experiment.items),
            closed={title_of(key): why for key, why in self._closed.items()},
            stopped=stopped,
        )
        if self._run_id:
            rows = self._rows()
            choice = experiment.options.get("progress") or "none"
            with checking(choice, len(experiment.items), verb="writing"):
                self._files.finish(rows)
            made.summary, made.pending = rows.summary, rows.pending
            self._note.aside = max(0, len(self._endings) - (rows.count - rows.skipped))
            self._note.closed = self._closed
            try:
                self._write_note()
            except treadle.UsageError as caught:
                self._complain(caught)
        made.warnings = (*self._planned.warnings, *self._about_earlier())
        made.elapsed = time.monotonic() - self._began
        return made

    def _rows(self) -> Rows:
        return self._experiment.rows(
            self._endings, self._closed, self._lanes.key, chosen_only=self._chosen_only
        )

    def _write_note(self) -> None:
        """Write the note, if anything in it has changed since."""
        if (now := replace(self._note)) != self._noted:
            self._note.write(noted.path_of(self._experiment.place, self._run_id))
            self._noted = now

    def _about_earlier(self) -> Iterator[str]:
        if self._in_flight:
            noun = "request" if self._in_flight == 1 else "requests"
            yield (
                f"{self._in_flight:,} {noun} had begun when an earlier session was killed, and may "
                "have been billed without an answer"
            )
        if self._note.aside > self._aside:
            aside = self._note.aside
            answers = "1 answer is" if aside == 1 else f"{aside:,} answers are"
            yield (
                f"{answers} not in the results any more, for their requests were changed or taken "
                "out: the record keeps them, and asking the same again brings them back"
            )


def _may_succeed(error: BaseException) -> bool:
    return isinstance(error, RequestFailed) and error.again


def _lane_keys(experiment: Experiment, planned: Plan) -> dict[Hashable, int]:
    """Return how many requests each lane will get, by its key as of ``treadle.Lanes.key``."""
    counts: Counter[Hashable] = Counter()
    for share in planned.shares:
        counts[experiment.lane_key(share.lane, share.model)] += share.items
    return dict(counts)


def _workers(experiment: Experiment, planned: Plan) -> int:
    """Return how many requests may be in flight in all."""
    most = 0
    for key in _lane_keys(experiment, planned):
        settings = experiment.lanes[str(key[0] if isinstance(key, tuple) else key)]
        most += settings.concurrency or (_ADAPTIVE_LOCAL if settings.local else _ADAPTIVE)
    return max(1, min(most, experiment.options.get("max_concurrent", _IN_ALL)))


async def _state(experiment: Experiment, reused: Reused | None) -> calling.State:
    from treadle.prompts.providers.registry import provider_named
    from treadle.prompts.providers.wire import open_session

    return calling.State(
        session=open_session(0),
        lanes=experiment.lanes,
        providers={name: provider_named(lane.provider) for name, lane in experiment.lanes.items()},
        prices=experiment.prices,
        estimates=experiment.estimates,
        scorers=experiment.scorers,
        reused=reused,
    )


async def _closed(state: calling.State) -> None:
    await state.session.close()
