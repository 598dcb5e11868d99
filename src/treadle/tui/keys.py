"""Keys in the order in which they were pressed, each where the one before it has led.

Textual hands a key to what has the focus, and the next one at once, whether or not the first has
been acted on. On a busy machine letters then overtake the key that was to move the focus, or to
open what they are meant for: they go into the wrong field, or are commands where they were text.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from textual import events
from textual.app import App, ReturnType
from textual.message_pump import MessagePump

_PATIENCE = 5.0  # seconds that a key waits for what the one before it has begun


class KeysInTurn(App[ReturnType]):
    """An app in which a key is handed out once the one before it has been acted on."""

    _pressed: deque[events.Key | events.Paste]
    _is_handing_out = False

    async def on_event(self, event: events.Event) -> None:
        """Have keys, and what is pasted, wait for their turn."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if not hasattr(self, "_pressed"):
            self._pressed = deque()
        self._pressed.append(event)
        if not self._is_handing_out:
            self._is_handing_out = True
            self.run_worker(self._hand_out(), group="keys")

    async def _hand_out(self) -> None:
        try:
            while self._pressed:
                taker = self.focused or self.screen
                await super().on_event(self._pressed.popleft())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._settle(taker), _PATIENCE)
        finally:
            self._is_handing_out = False

    async def _settle(self, taker: MessagePump) -> None:
        """Wait until all is done that a key has led to, from its *taker* up to the app."""
        was_quiet = False
        while True:
            await asyncio.sleep(0)  # none of them may take anything any more
            now = self.focused or self.screen
            # What one of them does is told to the one above it, or to itself.
            pumps = list(dict.fromkeys([*_upwards(taker), *_upwards(now), self]))
            for pump in pumps:
                done = asyncio.Event()
                if pump.call_later(done.set):
                    await done.wait()
            is_quiet = not any(pump.message_queue_size for pump in pumps)
            if is_quiet and was_quiet:
                return
            was_quiet = is_quiet


def _upwards(pump: MessagePump) -> list[MessagePump]:
    found = [pump]
    while (above := found[-1]._parent) is not None:  # noqa: SLF001  of what is no widget, too
        found.append(above)
    return found
