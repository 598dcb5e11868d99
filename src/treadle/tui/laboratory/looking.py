"""What every screen with a plot can do: save it, and open it in the viewer of the desktop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.screen import Screen

from treadle import TreadleError
from treadle.tui.laboratory import saving
from treadle.tui.telling import tell

if TYPE_CHECKING:
    from treadle.lab.plotting import Plot
    from treadle.tui.app import TreadleApp


class LabPage(Screen[None]):
    """A screen of the laboratory; ``plot`` is what it shows, once there is something to show."""

    plot: Plot | None = None
    plot_name: str = "plot"

    @property
    def treadle_app(self) -> TreadleApp:
        """The application."""
        return cast("TreadleApp", self.app)

    def complain(self, error: TreadleError) -> None:
        """Say what is wrong."""
        self.treadle_app.complain(error)

    def action_save_plot(self) -> None:
        """Ask where to, and save the plot."""
        if self.plot is None:
            self.app.notify("there is no plot yet", severity="warning")
            return
        self.app.push_screen(saving.SaveDialog(self.plot, self._file_name(self.plot)))

    def action_view_plot(self) -> None:
        """Open a picture of the plot in the viewer of the desktop."""
        if self.plot is None:
            self.app.notify("there is no plot yet", severity="warning")
            return
        self._view(self.plot, saving.folder() / self._file_name(self.plot))

    @work(thread=True, exclusive=True, group="view")
    def _view(self, plot: Plot, to: Path) -> None:
        try:
            path = saving.write(plot, to)
        except TreadleError as error:
            self.in_ui(self.complain, error)
            return
        self.in_ui(self.treadle_app.show_file, path)

    def _file_name(self, plot: Plot) -> str:
        return saving.file_name(plot, self.plot_name)

    def in_ui(self, function: Any, *arguments: Any) -> None:
        """Call something in the thread of the UI, from a worker; not when the screen is gone."""
        if self.is_running:
            tell(self.app, function, *arguments)
