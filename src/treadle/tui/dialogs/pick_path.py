"""Pick files and folders: look through folders, and type to find what is in them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, OptionList, Static
from textual.worker import get_current_worker

from treadle.progress.text import number
from treadle.tui.forms.fields import Kind
from treadle.tui.forms.folders import Found, look_into
from treadle.tui.forms.functions import names_in
from treadle.tui.forms.odd import shown

SHOWN = 500
"""The most entries that are shown at once; typing finds the others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A line of the list.

    Attributes:
        text: What it says.
        does: Go into a folder (or a file of functions), or take what is there.
        path: The folder, the file, or ``FILE.py:NAME``.
    """

    text: str
    does: Literal["open", "take"]
    path: str


class _Find(Input):
    """What is typed to find an entry; backspace in it goes up once it is empty."""

    class Emptied(Message):
        """Backspace, though nothing is left to delete."""

    def action_delete_left(self) -> None:
        """Delete a character, or go up."""
        if self.value:
            super().action_delete_left()
        else:
            self.post_message(self.Emptied())


class PickPath(ModalScreen[list[str] | None]):
    """
    A dialog to pick paths. Its result is what was picked; None for Escape.

    Paths below the current folder come as relative ones.

    Args:
        title: What they are for.
        kind: Files, folders, either, or functions in files.
        several: More than one can be picked.
        made: It need not be there: a name can be typed.
        start: Where to begin; default: the current folder.
    """

    DEFAULT_CSS = """
    PickPath { align: center middle; }
    PickPath > Vertical {
        width: 90; max-width: 100%; height: 30; max-height: 100%;
        padding: 0 1; background: $surface; border: round $primary;
    }
    PickPath #where { text-style: bold; height: auto; max-height: 2; }
    PickPath OptionList { height: 1fr; border: none; }
    PickPath #chosen { height: auto; max-height: 3; color: $text-success; }
    PickPath #problem { height: auto; color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("enter", "nothing", "Open or take", show=True),
        Binding("ctrl+s", "finish", "Take"),
        Binding("backspace", "up", "Folder above"),
        Binding("f2", "toggle_hidden", "Hidden files"),
        Binding("down", "move('cursor_down')", show=False),
        Binding("up", "move('cursor_up')", show=False),
        Binding("pagedown", "move('page_down')", show=False),
        Binding("pageup", "move('page_up')", show=False),
    ]

    def __init__(
        self,
        title: str,
        kind: Kind = Kind.PATH,
        *,
        several: bool = False,
        made: bool = False,
        start: Path | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._kind = kind
        self._several = several
        self._made = made
        self._hidden = False
        self._file: Path | None = None  # whose functions are shown
        self._found = Found((start or Path()).absolute())
        self._from = self._found.folder  # where one was before
        self._entries: list[Entry] = []
        self._chosen: list[str] = []

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label(self._title, markup=False)
            yield Static("", id="where", markup=False)
            what = "a new name, or what to find" if self._made else "what to find, or a path"
            hint = f"type {what}   enter opens or takes, backspace goes up"
            yield _Find(placeholder=hint, compact=True)
            yield OptionList(markup=False)
            yield Static("", id="problem", markup=False)
            yield Static("", id="chosen", markup=False)
            yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.open_folder(self._found.folder)

    # ── what is shown ───────────────────────────────────────────────────────────────────────

    def open_folder(self, folder: Path) -> None:
        """Show what is in *folder*."""
        self._look_into(folder)

    @work(thread=True, exclusive=True, group="look")
    def _look_into(self, folder: Path) -> None:
        worker = get_current_worker()
        found = look_into(Path(os.path.normpath(folder)))
        if not worker.is_cancelled:
            self.app.call_from_thread(self._show_found, found)

    def _show_found(self, found: Found) -> None:
        self._from = self._found.folder if self._file is None else self._file
        self._found, self._file = found, None
        find = self.query_one(_Find)
        if find.value:
            find.value = ""  # whose change shows the entries
        else:
            self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        self._entries = self._listed()
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Content(each.text) for each in self._entries])
        options.highlighted = self._first()
        where = self._found.folder if self._file is None else self._file
        self.query_one("#where", Static).update(shown(str(where)))
        problem = self._found.problem
        self.query_one("#problem", Static).update(f"✗ {problem}; backspace goes up" * bool(problem))
        chosen = ", ".join(map(shown, self._chosen))
        self.query_one("#chosen", Static).update(
            f"✓ {len(self._chosen)} chosen, ctrl+s takes them: {chosen}" if self._chosen else ""
        )

    def _first(self) -> int | None:
        """Return what is highlighted first: the folder one comes from, else not the way up."""
        texts = [each.text for each in self._entries]
        from_below = f"{shown(self._from.name)}/"
        if self._from.parent == self._found.folder and from_below in texts:
            return texts.index(from_below)
        return min(int(texts[0] == "../"), len(texts) - 1) if texts else None

    def _listed(self) -> list[Entry]:
        typed = self.query_one(_Find).value
        if self._file is not None:
            names = [each for each in names_in(self._file) if typed.casefold() in each.casefold()]
            specs = [(each, f"{self._short(self._file)}:{each}") for each in names]
            return [Entry(f"{name}()", "take", spec) for name, spec in specs]
        fitting = [each for each in self._found.names if self._fits(each, typed)]
        entries = self._on_top(typed) + [self._entry(*each) for each in fitting[:SHOWN]]
        if len(fitting) > SHOWN:
            more = f"… {number(len(fitting) - SHOWN)} more: type to find them"
            entries.append(Entry(more, "open", str(self._found.folder)))
        return entries

    def _on_top(self, typed: str) -> list[Entry]:
        """Return what stands above the names in the folder."""
        folder, entries = self._found.folder, []
        names = {name for name, _ in self._found.names}
        if self._made and typed and typed not in names and not _is_path(typed):
            entries.append(Entry(f"+ new: {typed}", "take", str(folder / typed)))
        if self._takes_folders and not typed:
            entries.append(Entry("✓ take this folder", "take", str(folder)))
        if not typed and folder.parent != folder:
            entries.append(Entry("../", "open", str(folder.parent)))
        return entries

    def _fits(self, named: tuple[str, bool], typed: str) -> bool:
        name, is_folder = named
        if name.startswith(".") and not self._hidden and not typed.startswith("."):
            return False
        if not is_folder and self._kind is Kind.FOLDER:
            return False
        if not is_folder and self._kind is Kind.FUNCTION and not name.endswith(".py"):
            return False
        return _is_path(typed) or typed.casefold() in shown(name).casefold()

    def _entry(self, name: str, is_folder: bool) -> Entry:
        path = str(self._found.folder / name)
        if is_folder:
            return Entry(f"{shown(name)}/", "open", path)
        mark = "✓ " if self._short(Path(path)) in self._chosen else ""
        does: Literal["open", "take"] = "open" if self._kind is Kind.FUNCTION else "take"
        return Entry(mark + shown(name), does, path)

    @property
    def _takes_folders(self) -> bool:
        return self._kind in (Kind.FOLDER, Kind.PATH)

    # ── what is done ────────────────────────────────────────────────────────────────────────

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what fits; go into a folder whose path was typed to its end."""
        event.stop()
        typed = event.value
        if _is_path(typed) and typed.endswith(os.sep) and self._typed_path(typed).is_dir():
            self.open_folder(self._typed_path(typed))
        else:
            self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go into what is highlighted, or take it."""
        event.stop()
        typed = event.value
        if _is_path(typed):
            self._go_to(self._typed_path(typed))
            return
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self._do(self._entries[at])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go into what was clicked, or take it."""
        event.stop()
        self._do(self._entries[event.option_index])
        self.query_one(_Find).focus()

    def on__find_emptied(self) -> None:
        """Go up."""
        self.action_up()

    def _typed_path(self, typed: str) -> Path:
        return self._found.folder / Path(typed).expanduser()

    def _go_to(self, path: Path) -> None:
        if path.is_dir():
            self.open_folder(path)
        elif path.is_file() and self._kind is Kind.FUNCTION:
            self._do(Entry("", "open", str(path)))
        elif path.is_file() and self._kind is Kind.FOLDER:
            self.app.notify(f"{shown(str(path))} is no folder", severity="error", markup=False)
        elif path.is_file() or self._made:
            self._do(Entry("", "take", str(path)))
        else:
            self.app.notify(f"there is no {shown(str(path))}", severity="error", markup=False)

    def _do(self, entry: Entry) -> None:
        path = Path(entry.path)
        if entry.does == "open" and path.is_dir():
            self.open_folder(path)
        elif entry.does == "open":
            self._open_file(path)
        else:
            self._take(entry.path)

    def _open_file(self, path: Path) -> None:
        if not names_in(path):
            self.app.notify(
                f"{shown(path.name)} defines no function", severity="warning", markup=False
            )
            return
        self._file = path
        find = self.query_one(_Find)
        if find.value:
            find.value = ""
        else:
            self._show()

    def _take(self, path: str) -> None:
        picked = path if self._file is not None else self._short(Path(path))
        if not self._several:
            self.dismiss([picked])
            return
        if picked in self._chosen:
            self._chosen.remove(picked)
        else:
            self._chosen.append(picked)
        at = self.query_one(OptionList).highlighted
        self._show()
        self.query_one(OptionList).highlighted = at

    def _short(self, path: Path) -> str:
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

    def action_finish(self) -> None:
        """Return what is chosen; if nothing is, what is highlighted."""
        at = self.query_one(OptionList).highlighted
        if not self._chosen and at is not None:
            entry = self._entries[at]
            is_right = entry.does == "take" or (self._takes_folders and Path(entry.path).is_dir())
            if is_right:
                spec = entry.path if self._file is not None else self._short(Path(entry.path))
                self._chosen = [spec]
        if self._chosen:
            self.dismiss(self._chosen)

    def action_up(self) -> None:
        """Go to the folder above, or out of a file."""
        self.open_folder(self._found.folder.parent if self._file is None else self._file.parent)

    def action_toggle_hidden(self) -> None:
        """Show names that begin with a dot, or no longer."""
        self._hidden = not self._hidden
        self._show()

    def action_move(self, where: str) -> None:
        """Move the highlight while something is typed."""
        getattr(self.query_one(OptionList), f"action_{where}")()

    def action_nothing(self) -> None:
        """Do nothing: what is typed, or the list, takes the key; the footer names it."""

    def action_leave(self) -> None:
        """Return nothing."""
        self.dismiss(None)


def _is_path(typed: str) -> bool:
    return os.sep in typed or typed.startswith("~")
