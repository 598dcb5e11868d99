"""Keys that come faster than they are acted on go where each of them is meant to go."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.app import App
from textual.screen import Screen
from textual.widgets import Input, Select

from treadle.tui.keys import KeysInTurn


class Form(Screen):
    """Builds its fields as a busy machine does, at its beginning and with each choice."""

    async def on_mount(self):
        await self.mount(Select([("one", "one"), ("two", "two")], value="one", allow_blank=False))
        await self.build()

    async def on_select_changed(self):
        await self.build()

    async def build(self):
        await self.query(Input).remove()
        for _ in range(50):
            await asyncio.sleep(0)
        await self.mount(Input(), Input())
        self.query(Input).first().focus()


class Busy(KeysInTurn, App):
    BINDINGS: ClassVar = [("n", "new", "New"), ("q", "exit", "Quit")]

    def action_new(self):
        self.push_screen(Form())


def test_letters_are_text_once_a_key_has_led_to_a_field(until):
    async def walk():
        app = Busy()
        async with app.run_test() as pilot:
            keys = ["n", *"no", "shift+tab", "enter", "down", "enter", *"queen", "tab", *"in"]
            for key in keys:
                app.post_message(events.Key(key, key if len(key) == 1 else None))
            app.post_message(events.Paste(" turn"))
            await until(
                pilot,
                lambda: [each.value for each in app.screen.query(Input)] == ["queen", "in turn"],
                "the text in its fields",
            )
            assert app.screen.query_one(Select).value == "two"

    asyncio.run(walk())
