"""From the thread of a worker to that of the screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.worker import get_current_worker


def tell(app: App[Any], function: Callable[..., object], *arguments: Any) -> None:
    """Call something in the thread of the screens; not where nobody waits for it any more."""
    if not get_current_worker().is_cancelled:
        app.call_from_thread(function, *arguments)
