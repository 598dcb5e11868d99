"""Which records of runs may go: what would be removed is shown, and asked for, before it is."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Label, Select, Static

from treadle import TreadleError, UsageError
from treadle.cli import options
from treadle.cli.pruning import Chosen, choose, remove
from treadle.cli.records import Survey
from treadle.progress.text import number, plural
from treadle.tui.figures import signature_of
from treadle.tui.listing import Row

_SHOWN = 6  # of those that would go
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; ``keep`` counts in each folder of runs on its own."""

    place: Path | None
    age: float | None
    keep: int
    only_finished: bool


def chosen_of(rows: Sequence[Row], wanted: Wanted, now: float) -> list[Chosen]:
    """
    Return what would be removed; never a live run, nor what a newer treadle has written.

    Args:
        rows: All runs, oldest first.
        wanted: What was asked for.
        now: Seconds since the epoch.
    """
    places = dict.fromkeys(row.folder.parent for row in rows)
    found: list[Chosen] = []
    for place in places if wanted.place is None else [wanted.place]:
        mine = [row for row in rows if row.folder.parent == place]
        survey = Survey(
            root=place,
            entries=[row.entry for row in mine if row.entry is not None],
            damaged=[row.folder for row in mine if row.entry is None and row.is_damaged],
            unknown=[row.folder for row in mine if row.entry is None and not row.is_damaged],
        )
        found += choose(survey, wanted.age, wanted.keep, now, only_finished=wanted.only_finished)
    return found


class _Tick(Checkbox):
    """A box in which a mark stands only if it is ticked; else colour alone would say it."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """Show it, and tell of it."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()


class PruneDialog(ModalScreen[list[Path]]):
    """
    Removes records of runs. Its result: the folders that are gone.

    Args:
        rows: All runs, oldest first.
        place: The folder of runs that is proposed.
    """

    DEFAULT_CSS = """
    PruneDialog { align: center middle; }
    PruneDialog > Vertical {
        width: 76; max-width: 98%; height: auto; max-height: 100%;
        padding: 0 1; background: $surface; border: round $primary;
    }
    PruneDialog #question { text-style: bold; }
    PruneDialog .line { height: 1; margin-top: 1; }
    PruneDialog .line Label { width: auto; }
    PruneDialog .line Input { width: 10; margin: 0 1; }
    PruneDialog Select { margin-top: 1; }
    PruneDialog #found {
        margin-top: 1; height: auto; text-wrap: nowrap; text-overflow: ellipsis;
    }
    PruneDialog #buttons { height: auto; margin-top: 1; align-horizontal: right; }
    PruneDialog Button { margin-left: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def __init__(self, rows: Sequence[Row], place: Path) -> None:
        super().__init__()
        self._rows = rows
        self._place = place
        self._chosen: list[Chosen] = []
        self._is_asked = False
        self._removed: list[Path] = []
        self._is_removing = False

    def compose(self) -> ComposeResult:
        """Put it together."""
        places = list(dict.fromkeys(row.folder.parent for row in self._rows))
        offers = [(Text(str(place)), str(place)) for place in places]
        if len(places) > 1:
            offers.append((Text("all these folders"), _ALL))
        with Vertical():
            yield Label("Remove records of runs? Files with results stay.", id="question")
            yield Select(offers, value=str(self._place), allow_blank=False, compact=True)
            with Horizontal(classes="line"):
                yield Label("not written to for")
                yield Input("30d", id="age", compact=True, placeholder="any time")
                yield Label("and not among the newest")
                yield Input("", id="keep", compact=True, placeholder="0")
            yield _Tick("finished runs only: others could be resumed", id="finished", compact=True)
            yield Static(id="found")
            with Horizontal(id="buttons"):
                yield Button("Keep all", id="leave", variant="primary")
                yield Button("Remove", id="remove", disabled=True)

    def on_mount(self) -> None:
        """Begin where nothing is asked twice."""
        self.query_one("#age").focus()
        self._choose()

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _choose(self) -> None:
        """Find out what would go, after each change."""
        if self._is_removing:
            return
        self._is_asked = False
        button = self.query_one("#remove", Button)
        button.variant, button.label, button.disabled = "default", "Remove", True
        found = self.query_one("#found", Static)
        self._chosen = []
        try:
            self._chosen = chosen_of(self._rows, self._wanted(), time.time())
        except UsageError as error:
            found.update(Text(f"{error.message}\n{error.hint}"))
            return
        if not self._chosen:
            found.update(Text("nothing would be removed; a run that goes on always stays"))
            return
        button.disabled = False
        button.label = f"Remove {number(len(self._chosen))}"
        self._say(self._chosen, None)
        self._measure(self._chosen)

    def _wanted(self) -> Wanted:
        age, keep = (self.query_one(name, Input).value.strip() for name in ("#age", "#keep"))
        place = self.query_one(Select).value
        return Wanted(
            place=None if place == _ALL else Path(str(place)),
            age=options.seconds("the age", age) if age else None,
            keep=options.whole("the newest", keep or None, least=0) or 0,
            only_finished=self.query_one(Checkbox).value,
        )

    def _say(self, chosen: Sequence[Chosen], size: int | None) -> None:
        if chosen is not self._chosen or self._is_removing:
            return  # something else was typed meanwhile
        room = "" if size is None else f", {_bytes(size)}"
        of = f"{plural(len(chosen), 'record')} of {number(len(self._rows))}"
        lines = [f"would be removed: {of}{room}", *(f"  {one.says}" for one in chosen[:_SHOWN])]
        if len(chosen) > _SHOWN:
            lines.append(f"  and {number(len(chosen) - _SHOWN)} more")
        self.query_one("#found", Static).update(Text("\n".join(lines)))

    @work(thread=True, exclusive=True, group="measure")
    def _measure(self, chosen: Sequence[Chosen]) -> None:
        size = 0
        for one in chosen:
            if chosen is not self._chosen or not self.is_running:
                return
            size += _size(one.folder)
        self.app.call_from_thread(self._say, chosen, size)

    @on(Button.Pressed, "#remove")
    def _ask_then_remove(self) -> None:
        button = self.query_one("#remove", Button)
        if not self._is_asked:
            self._is_asked = True
            button.variant = "error"
            button.label = f"Really remove {plural(len(self._chosen), 'record')}?"
            return
        self._is_removing = True
        button.disabled = True
        self._remove(list(self._chosen))

    @work(thread=True, group="remove")
    def _remove(self, chosen: Sequence[Chosen]) -> None:
        known = {row.folder: row.signature for row in self._rows}
        troubles: list[TreadleError] = []
        for count, one in enumerate(chosen, 1):
            try:
                if signature_of(one.folder) != known[one.folder]:
                    raise UsageError(f"the run {one.folder.name} has changed meanwhile")
                remove(one.folder)
                self._removed.append(one.folder)
            except TreadleError as error:
                troubles.append(error)
            if count % 50 == 0:
                said = f"removed {number(count)} of {number(len(chosen))}"
                self.app.call_from_thread(self.query_one("#found", Static).update, said)
        self.app.call_from_thread(self._end, troubles)

    def _end(self, troubles: Sequence[TreadleError]) -> None:
        if troubles:
            more = f" (and {number(len(troubles) - 1)} more)" if len(troubles) > 1 else ""
            self.app.notify(
                f"not removed: {troubles[0].message}{more}", severity="warning", markup=False
            )
        self.app.notify(f"removed {plural(len(self._removed), 'record')}", markup=False)
        self.dismiss(self._removed)

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Leave without removing anything; what is being removed is waited for."""
        if not self._is_removing:
            self.dismiss([])


def _size(folder: Path) -> int:
    """Return how many bytes the files in *folder* have."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.is_file())
    except OSError:  # gone meanwhile
        return 0


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
