"""A screen of this application: it knows which one that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

if TYPE_CHECKING:
    from treadle.tui.app import TreadleApp


class AppScreen(Screen[None]):
    """A screen that asks the application for what all screens can ask for."""

    @property
    def ui(self) -> TreadleApp:
        """The application."""
        return cast("TreadleApp", self.app)
