"""What the keys do: those of the screen that was shown, and those that work everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

_WORDS = {
    "run": "one function over many items; its record is a folder in .treadle/runs",
    "item": "one input: a file, a row, a prompt; its key is its name",
    "settled": "has ended: ok, or failed; what failed is named with its reason",
    "resume": "do what is missing of a run that has ended early; nothing is done twice",
    "retry": "do again what has failed",
    "cancel": "start nothing further; what runs may finish, and all is kept",
}


class HelpScreen(ModalScreen[None]):
    """
    The keys of a screen.

    Args:
        of: The screen.
    """

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 76; max-width: 95%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    HelpScreen .heading { text-style: bold; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Back"),
    ]

    def __init__(self, of: Screen[object]) -> None:
        super().__init__()
        self._of = of

    def compose(self) -> ComposeResult:
        """Put it together."""
        with VerticalScroll():
            doc = (type(self._of).__doc__ or "").strip().partition("\n")[0]
            yield Static(Text(doc, style="bold"))
            yield Static("Keys here", classes="heading")
            yield Static(self._keys(self._here()))
            yield Static("Keys everywhere", classes="heading")
            yield Static(self._keys(self.app._bindings.key_to_bindings.values()))  # noqa: SLF001
            yield Static("Words", classes="heading")
            words = Table.grid(padding=(0, 2))
            for word, meaning in _WORDS.items():
                words.add_row(Text(word, style="bold"), Text(meaning))
            yield Static(words)

    def _here(self) -> Iterable[list[Binding]]:
        inherited = Screen._merged_bindings  # noqa: SLF001  there is no other way to learn them
        usual = set() if inherited is None else set(inherited.key_to_bindings)
        here = self._of._bindings.key_to_bindings  # noqa: SLF001  as above
        return [found for key, found in here.items() if key not in usual]

    def _keys(self, bindings: Iterable[list[Binding]]) -> Table:
        rows: dict[str, list[str]] = {}
        for binding in (each for several in bindings for each in several):
            if binding.description and not binding.system:
                says = binding.tooltip or binding.description
                rows.setdefault(says, []).append(self.app.get_key_display(binding))
        table = Table.grid(padding=(0, 2))
        for says, keys in rows.items():
            table.add_row(Text(", ".join(keys), style="bold"), Text(says))
        return table
