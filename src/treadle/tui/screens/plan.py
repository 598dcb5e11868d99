"""What a run of prompts would send and cost, before it is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Label, LoadingIndicator, Static

from treadle.progress.text import number, plural
from treadle.tui.forms.odd import shown

_CENT = Decimal("0.01")


class PlanScreen(ModalScreen[bool]):
    """
    The plan of a run; its result is whether to start it.

    The plan comes from a process of its own: the same command, with ``--dry-run``.

    Args:
        argv: The command that is planned, as it stands after ``treadle``.
        is_asked: The run is to be started: where it costs nothing, and nothing is wrong, no one is
            asked.
    """

    DEFAULT_CSS = """
    PlanScreen { align: center middle; }
    PlanScreen > Vertical {
        width: 100; max-width: 100%; height: auto; max-height: 100%;
        padding: 0 1; background: $surface; border: round $primary;
    }
    PlanScreen #headline { text-style: bold; height: auto; }
    PlanScreen VerticalScroll { height: auto; max-height: 20; }
    PlanScreen LoadingIndicator { height: 3; }
    PlanScreen #buttons { height: auto; margin: 1 0; align-horizontal: right; }
    PlanScreen Button { margin-left: 2; }
    PlanScreen Footer { dock: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("ctrl+s", "start", "Start"),
    ]

    def __init__(self, argv: Sequence[str], *, is_asked: bool = False) -> None:
        super().__init__()
        self._argv = list(argv)
        self._is_asked = is_asked
        self._process: subprocess.Popen[bytes] | None = None
        self._can_start = False

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label("working out what it would send and cost …", id="headline", markup=False)
            yield LoadingIndicator()
            with VerticalScroll():
                yield Static("", id="plan")
            with Horizontal(id="buttons"):
                yield Button("Back", id="leave", compact=True)
                yield Button("Start", id="start", variant="success", compact=True, disabled=True)
            yield Footer()

    def on_mount(self) -> None:
        """Ask for the plan."""
        self._work_out()

    @work(thread=True, exclusive=True, group="plan")
    def _work_out(self) -> None:
        options = [word for word in ("--dry-run", "--json", "--quiet") if word not in self._argv]
        # Options go before a "--", behind which all is taken as arguments.
        command = [sys.executable, "-P", "-m", "treadle", *self._argv[:2], *options]
        with (
            subprocess.Popen(  # noqa: S603  our own interpreter, no shell
                [*command, *self._argv[2:]],
                env={**os.environ, "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as process
        ):
            self._process = process
            if not self.is_attached:  # nobody waits for it any more
                process.kill()
            out, said = process.communicate()
        if self.is_attached:
            self.app.call_from_thread(self._show, out, said.decode("utf-8", "replace"))

    def on_unmount(self) -> None:
        """End a plan that nobody waits for."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _show(self, out: bytes, said: str) -> None:
        if not self.is_attached:
            return
        self.query_one(LoadingIndicator).display = False
        try:
            plan = json.loads(out)
        except ValueError:
            self._headline("✗ it cannot be planned, nor started")
            self.query_one("#plan", Static).update(Text(shown_lines(said) or "it said nothing"))
            self.query_one("#leave").focus()
            return
        self._can_start = bool(plan["items"]) and not plan["problems"]
        if self._is_asked and self._can_start and not costs(plan) and not plan["bad_rows"]:
            self.dismiss(True)
            return
        self._headline(headline(plan))
        self.query_one("#plan", Static).update(_drawn(plan))
        start = self.query_one("#start", Button)
        start.disabled = not self._can_start
        (start if self._can_start else self.query_one("#leave")).focus()

    def _headline(self, text: str) -> None:
        self.query_one("#headline", Label).update(text)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.button.id == "start")

    def action_start(self) -> None:
        """Start it, if it can be."""
        if self._can_start:
            self.dismiss(True)

    def action_leave(self) -> None:
        """Start nothing."""
        self.dismiss(False)


def costs(plan: Mapping[str, Any]) -> bool:
    """Return whether a run may cost money: it has a price, or none that is known."""
    return any(
        share["cost"] is None or Decimal(share["cost"]) or Decimal(share["cost_most"] or 0)
        for share in plan["shares"]
    )


def headline(plan: Mapping[str, Any]) -> str:
    """Return the plan in one line."""
    left = plan["items"] - plan["answered"]
    asked = f"{plural(plan['rows'], 'row')}, {plural(left, 'request')} to send"
    if not plan["shares"] or plan["problems"]:
        return asked
    if not costs(plan):
        return f"{asked}, for nothing"
    return f"{asked}: {money(plan['cost'])} expected, {money(plan['cost_most'])} at most"


def money(amount: str | None) -> str:
    """Write an amount of US dollars; ``?`` for one that is not known."""
    if amount is None:
        return "?"
    dollars = Decimal(amount)
    return "<$0.01" if 0 < dollars < _CENT else f"${dollars:,.2f}"


def shown_lines(text: str) -> str:
    """Return lines with what no terminal can show spelled out."""
    return "\n".join(map(shown, text.strip().split("\n")))


def _drawn(plan: Mapping[str, Any]) -> Table:
    """Return lanes and models with their shares, and below what is wrong or odd."""
    all_of_it = Table.grid()
    shares = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("lane/model", "requests", "tokens in", "out", "cost", "at most", "minutes"):
        is_name = name == "lane/model"
        shares.add_column(name, justify="left" if is_name else "right", no_wrap=not is_name)
    for share in plan["shares"]:
        shares.add_row(
            Text(shown(f"{share['lane']}/{share['model']}")),
            number(share["items"]),
            number(share["tokens_in"]),
            number(share["tokens_out"]),
            money(share["cost"]),
            money(share["cost_most"]),
            "<1" if share["minutes"] < 1 else f"{share['minutes']:,.0f}",
        )
    if plan["shares"]:
        all_of_it.add_row(shares)
    if plan["answered"]:
        all_of_it.add_row(Text(f"{number(plan['answered'])} are answered already"))
    for mark, texts in (("✗ problem", plan["problems"]), ("▲ warning", plan["warnings"])):
        for text in texts:
            all_of_it.add_row(Text(shown(f"{mark}: {text}")))
    for row, text in plan["bad_examples"].items():
        all_of_it.add_row(Text(shown(f"✗ row {row} cannot be sent: {text}")))
    beyond = plan["bad_rows"] - len(plan["bad_examples"])
    if beyond > 0:
        all_of_it.add_row(Text(f"  and {number(beyond)} more"))
    return all_of_it
