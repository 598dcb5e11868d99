"""An experiment: what was asked for, as the parts that plan it, run it and write its results."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from treadle.prompts.columns import Columns
from treadle.prompts.estimates import Estimates
from treadle.prompts.inputs import Inputs
from treadle.prompts.items import Items
from treadle.prompts.options import Options
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.places import Place
from treadle.prompts.planning import plan
from treadle.prompts.plans import Plan
from treadle.prompts.prices import Prices
from treadle.prompts.record import Endings
from treadle.prompts.results_files import ResultsFiles
from treadle.prompts.rows import Rows
from treadle.prompts.scoring import Scorers
from treadle.prompts.settings import Settings
from treadle.prompts.values import Ask, LaneSettings

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """
    What is to be asked, of whom, and where the answers go.

    Attributes:
        options: As they were given.
        place: Where its record is.
        inputs: The files it is made of.
        output: The results file; None for standard output.
        settings: What the file of settings and the environment say.
        lanes: All lanes by name.
        items: What is asked.
        prices: What tokens cost.
        scorers: What judges the answers.
        estimates: How many tokens requests have; learns during the run.
        stdin: The prompt that came by standard input; None when none did.
    """

    options: Options
    place: Place
    inputs: Inputs
    output: OutputPath | None
    settings: Settings
    lanes: Mapping[str, LaneSettings]
    items: Items
    prices: Prices
    scorers: Scorers
    estimates: Estimates = field(default_factory=Estimates)
    stdin: str | None = None

    def plan(self, done: Container[str] = (), *, spent: Decimal = _NOTHING) -> Plan:
        """
        Find out what a run would do; nothing is sent.

        Args:
            done: The keys of requests that have ended and are not asked again.
            spent: US dollars that those have cost.
        """
        return plan(
            self.items,
            lanes=self.lanes,
            prices=self.prices,
            estimates=self.estimates,
            max_cost=self.max_cost,
            max_tokens_total=self.options.get("max_tokens_total"),
            done=done,
            spent=spent,
        )

    @property
    def max_cost(self) -> Decimal | None:
        """US dollars that the run must not exceed; None for no limit."""
        limit = self.options.get("max_cost")
        return None if limit is None else Decimal(str(limit))

    @property
    def columns(self) -> Columns:
        """The columns of the results; new ones each time, since they may discover further ones."""
        options = self.options
        flatten = options.get("flatten", False)
        return Columns(
            self.items.table.header,
            prefix=options.get("prefix", "_"),
            profile=options.get("columns", "treadle"),
            prompts=len(self.items.prompts) > 1,
            models=bool(options.get("model")),
            repeats=options.get("repeats", 1) > 1,
            ttft=options.get("stream", False),
            scores=self.scorers.names,
            flatten=flatten if not isinstance(flatten, bool) else "discover" if flatten else "off",
            guard=options.get("guard", False),
            window=lambda ask: self.prices.window(ask.model, lane=self.lanes.get(ask.lane)),
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The results file that there is in any case; none where rows decide."""
        if self.output is None:
            return ("",)
        return () if self.output.is_templated else (str(self.output.resolve({})),)

    @property
    def files(self) -> ResultsFiles:
        """What writes the results; a new one each time."""
        bom = self.options.get("bom", False)
        return ResultsFiles(self.columns, paths=self.paths, bom=bom)

    def rows(
        self,
        endings: Endings,
        closed: Mapping[Hashable, str] | None = None,
        lane_of: Callable[[Ask], Hashable] | None = None,
        *,
        chosen_only: bool = False,
    ) -> Rows:
        """
        Return what the results are made of.

        Args:
            endings: How requests have ended.
            closed: Why lanes are closed, by lane.
            lane_of: Gives the lane of a request; None for what limits it by itself.
            chosen_only: No other request than those to be asked has an ending.
        """
        return Rows(
            self.items,
            endings,
            self.scorers,
            closed,
            lane_of or self._lane_of,
            chosen_only=chosen_only,
        )

    def lane_key(self, lane: str, model: str) -> Hashable:
        """Return a lane as ``treadle.Lanes.key`` names it: a model, or all that share limits."""
        settings = self.lanes.get(lane)
        return lane if settings is not None and settings.shared else (lane, model)

    def _lane_of(self, ask: Ask) -> Hashable:
        return self.lane_key(ask.lane, ask.model)
