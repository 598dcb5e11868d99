"""Run an experiment: ask what has no answer yet, and keep the results file up to date.

A run of the engine on coroutines with durability "item". Once an answer is durable its row is
appended to the results; at the end they are written anew from the record, in the order of the
table. The same call again goes on where the last one stopped.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import treadle
from treadle.prompts import calling
from treadle.prompts.display import Display, display_for
from treadle.prompts.ended import ended_of
from treadle.prompts.errors import RequestFailed
from treadle.prompts.experiment import Experiment
from treadle.prompts.extra import check_extra
from treadle.prompts.items import Items
from treadle.prompts.lanes import lanes_for
from treadle.prompts.lock import only_one
from treadle.prompts.noted import find, note
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.places import Place
from treadle.prompts.plans import Plan
from treadle.prompts.record import Endings, answers
from treadle.prompts.results_files import ResultsFiles
from treadle.prompts.reusing import Reused
from treadle.prompts.rows import Rows
from treadle.prompts.summary import Summary
from treadle.prompts.values import Ask

_IN_ALL = 1000  # requests in flight, over all lanes
_ADAPTIVE, _ADAPTIVE_LOCAL = 200, 16  # the most that a lane tries by itself; see ``lanes``
_LONGEST_BACKOFF = 60.0
_WITHIN = 3600.0  # seconds for which a request is tried again


@dataclass(slots=True, kw_only=True)
class Report:
    """
    What came of an experiment.

    Attributes:
        run_id: Of its record; empty when it did not begin.
        name: Name of its runs.
        output: Where the results are; empty for standard output.
        requests: All that the experiment asks.
        sent: Requests that ended in this session.
        pending: Requests that have no ending yet; the same call again asks them.
        closed: Why lanes were closed, by lane.
        stopped: Why the run stopped before its end; empty when it did not.
        summary: How all requests ended, those of earlier sessions included.
        elapsed: Seconds that this session took.
        warnings: What is odd about the experiment as a whole.
    """

    run_id: str = ""
    name: str = ""
    output: str = ""
    requests: int = 0
    sent: int = 0
    pending: int = 0
    closed: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    summary: Summary = field(default_factory=Summary)
    elapsed: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """Requests that ended with an error."""
        return sum(self.summary.total().errors.values())

    @property
    def cost(self) -> Decimal:
        """US dollars of all answers, as far as their price is known."""
        return self.summary.total().cost


def run(
    experiments: str | os.PathLike[str],
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Ask each row of a table with each prompt, and write the answers beside the rows.

    Args:
        experiments: The table, CSV or JSONL, with a header; ``"-"`` for standard input.
        prompts: The prompt file, or several.
        output: The results: CSV, TSV or JSONL by its suffix; the path may hold ``{{variables}}``.
            None for standard output.
        options: See :class:`~treadle.prompts.options.Options`.

    Raises:
        UsageError: Something cannot be read or makes no sense; nothing was sent.
        Interrupted: Ctrl-C; its ``report`` says how far it came.
        RunFailed: The run could not go on, such as for want of disk space. All answers that came
            are in the record.
    """
    check_extra()
    began = time.monotonic()
    names = _several(prompts)
    out = None if output is None else OutputPath(os.fspath(output), Path.cwd())
    place = Place.of(out, os.fspath(experiments))
    with only_one(place.folder, str(output or "standard output")):
        experiment = Experiment.of(experiments, names, output, options, copies=True)
        earlier = None if options.get("fresh") else place.newest()
        _spare(experiment, earlier)
        planned = experiment.plan()
        _check(planned)
        note(experiment, experiments, names)
        return _Session(experiment, planned, earlier, began).run()


def plan(
    experiments: str | os.PathLike[str],
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Plan:
    """
    Find out what :func:`run` would send, cost and take; nothing is sent.

    Args:
        experiments: As for `run`, and so on.
        prompts: The same.
        output: The same.
        options: The same.

    Raises:
        UsageError: Something cannot be read or makes no sense.
    """
    return Experiment.of(experiments, _several(prompts), output, options, copies=False).plan()


def _several(
    prompts: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> list[str | os.PathLike[str]]:
    return [prompts] if isinstance(prompts, str | os.PathLike) else list(prompts)


def _check(planned: Plan) -> None:
    """
    Refuse to run what the plan has found to be wrong.

    Raises:
        UsageError: There is a problem; the first is named.
    """
    if planned.problems:
        more = len(planned.problems) - 1
        raise treadle.UsageError(
            planned.problems[0],
            hint="treadle prompts plan, with the same options, says all of it"
            + (f" ({more} more)" if more else ""),
        )


def _spare(experiment: Experiment, earlier: treadle.Run | None) -> None:
    """
    Refuse to write over a file that is none of ours.

    Raises:
        UsageError: It is not empty, and no record says that it holds our results; or is a folder.
    """
    for name in experiment.paths:
        if name and Path(name).is_dir():
            raise treadle.UsageError(
                f"{name!r} is a folder", hint=f"name a file in it: {Path(name) / 'results.csv'}"
            )
    if earlier is not None or experiment.options.get("fresh"):
        return
    for name in experiment.paths:
        if name and Path(name).is_file() and Path(name).stat().st_size:
            raise treadle.UsageError(
                f"{name!r} exists, and there is no record of an experiment that wrote it",
                hint="choose another file, or --fresh to write over it",
            )


class _Session:
    """
    One session of an experiment.

    Args:
        experiment: What is to be run.
        planned: What was found out about it before.
        earlier: The run to go on with; None for a new one.
        began: When the session began, in monotonic seconds.
    """

    def __init__(
        self, experiment: Experiment, planned: Plan, earlier: treadle.Run | None, began: float
    ) -> None:
        self._experiment = experiment
        self._planned = planned
        self._earlier = earlier
        self._began = began
        self._files = ResultsFiles(
            experiment.columns,
            paths=experiment.paths,
            bom=experiment.options.get("bom", False),
        )
        self._workers = _workers(experiment, planned)
        self._lanes = lanes_for(
            experiment.lanes,
            estimates=experiment.estimates,
            prices=experiment.prices,
            max_cost=experiment.max_cost,
            max_tokens_total=experiment.options.get("max_tokens_total"),
            ahead=max(1000, 4 * self._workers),
            **self._spent(),
        )
        self._reused = _reused(experiment)
        if self._reused is not None:
            self._lanes = self._reused.freed(self._lanes)
        self._asks: dict[int, Ask] = {}  # those between source and record, by index
        self._waited: dict[Hashable, float] = {}
        self._closed: dict[Hashable, str] = {}
        self._sent = 0
        self._display: Display | None = None

    def run(self) -> Report:
        """Ask what is missing, write the results, and say what came of it."""
        stopped, error = "", None
        with ExitStack() as stack:
            if self._reused is not None:
                stack.callback(self._reused.close)
            self._begin()
            self._display = self._shown(stack)
            try:
                report = self._ask()
                stopped = report.stopped or ""
            except (treadle.Interrupted, treadle.RunFailed) as caught:
                error, stopped = caught, str(getattr(caught, "message", "interrupted"))
        self._files.close()
        made = self._finish(stopped)
        if error is not None:
            error.report = made
            raise error
        return made

    def _spent(self) -> dict[str, Any]:
        """Return what earlier sessions have cost, where a limit counts that in."""
        limited = (
            self._experiment.max_cost is not None
            or self._experiment.options.get("max_tokens_total") is not None
        )
        if self._earlier is None or not limited:
            return {}
        cost, tokens = Decimal(0), 0
        for answer in answers(self._earlier):
            cost += answer.cost or Decimal(0)
            tokens += (answer.usage.input or 0) + (answer.usage.output or 0)
        return {"spent": cost, "spent_tokens": tokens}

    def _begin(self) -> None:
        """Bring the results to where the record is, if rows are still to come."""
        if self._earlier is None:
            self._files.begin()
            return
        with Endings(self._earlier) as endings:
            self._files.begin(Rows(self._experiment.items, endings))

    def _shown(self, stack: ExitStack) -> Display | None:
        choice = self._experiment.options.get("progress") or "none"
        display = display_for(choice, _lane_keys(self._experiment, self._planned), len(self._items))
        if display is not None:
            stack.callback(display.close)
        return display

    @property
    def _items(self) -> Items:
        return self._experiment.items

    def _ask(self) -> treadle.Report:
        options, place = self._experiment.options, self._experiment.place
        listeners: list[Any] = [self._hear]
        again: dict[str, Any] = {}
        if self._earlier is not None:
            again["resume"] = self._earlier.id
            if options.get("retry_errors"):
                again["redo"] = [outcome.key for outcome in self._earlier.failures()]
            self._earlier.close()
        return treadle.run(
            calling.call,
            _Noted(self._items, self._asks),
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
            listeners=listeners,
            progress=self._display,
            on_commit=self._committed,
            command=options.get("command"),
            **again,
        )

    def _committed(self, outcomes: Sequence[treadle.AnyOutcome]) -> None:
        """Take in what is durable now."""
        rows = []
        for outcome in outcomes:
            ask = self._asks.pop(outcome.index)
            rows.append((ask, ended_of(outcome, waited=self._waited.pop(outcome.key, 0.0))))
        self._sent += len(rows)
        try:
            self._files.add(rows)
        except treadle.SinkFailed as error:
            # The record has the answers, and requests in flight are paid for: no reason to stop.
            # Whether the file can be written is decided when it is made anew, at the end.
            warnings.warn(f"{error.message}; answers are safe", RuntimeWarning, stacklevel=2)
        if self._display is not None:
            for ask, ended in rows:
                self._display.settled(ask, ended)

    def _hear(self, event: treadle.events.Event) -> None:
        match event:
            case treadle.events.Retrying(key=key, delay=delay):
                self._waited[key] = self._waited.get(key, 0.0) + delay
            case treadle.events.LanesChanged(lanes=lanes):
                self._closed.update({lane.key: lane.closed for lane in lanes if lane.closed})
            case treadle.events.ItemsSettled(failed=failed):
                for outcome in failed:
                    if outcome.kind == "cancelled":
                        self._asks.pop(outcome.index, None)
            case _:
                pass  # The rest is for the display.

    def _finish(self, stopped: str) -> Report:
        """Write the results in the order of the table."""
        place = self._experiment.place
        run = place.newest()
        made = Report(
            run_id="" if run is None else run.id,
            name=place.name,
            output="" if self._experiment.output is None else str(self._experiment.output),
            requests=len(self._items),
            sent=self._sent,
            closed={_name_of(key): why for key, why in self._closed.items()},
            stopped=stopped,
            warnings=self._planned.warnings,
        )
        with Endings(run) as endings:
            rows = Rows(self._items, endings, self._closed, self._lanes.key)
            self._files.finish(rows)
            made.summary, made.pending = rows.summary, rows.pending
        made.elapsed = time.monotonic() - self._began
        return made


class _Noted:
    """The items of an experiment as a source that notes those that run."""

    fingerprint = None  # as that of `Items`

    def __init__(self, items: Items, asks: dict[int, Ask]) -> None:
        self._items = items
        self._asks = asks

    def __iter__(self) -> Iterator[Ask]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def key(self, ask: Ask, index: int) -> str:
        """Return the key of a request."""
        return self._items.key(ask, index)

    def check_value(self, ask: Ask) -> None:
        """Note a request that will run, and refuse what cannot be sent."""
        self._asks[ask.index] = ask
        self._items.check_value(ask)


def _may_succeed(error: BaseException) -> bool:
    return isinstance(error, RequestFailed) and error.again


def _lane_keys(experiment: Experiment, planned: Plan) -> list[Hashable]:
    """Return the lanes that will be used, as ``treadle.Lanes.key`` names them."""
    lanes = experiment.lanes
    found = (
        share.lane if lanes[share.lane].shared else (share.lane, share.model)
        for share in planned.shares
    )
    return list(dict.fromkeys(found))


def _workers(experiment: Experiment, planned: Plan) -> int:
    """Return how many requests may be in flight in all."""
    most = 0
    for key in _lane_keys(experiment, planned):
        settings = experiment.lanes[str(key[0] if isinstance(key, tuple) else key)]
        most += settings.concurrency or (_ADAPTIVE_LOCAL if settings.local else _ADAPTIVE)
    return max(1, min(most, experiment.options.get("max_concurrent", _IN_ALL)))


def _reused(experiment: Experiment) -> Reused | None:
    """Return the answers of other experiments that shall be taken; None for none."""
    names = experiment.options.get("reuse", ())
    runs = [run for name in names if (run := find(name).newest()) is not None]
    return Reused(runs) if runs else None


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


def _name_of(key: Hashable) -> str:
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
