"""A provider that says again what it was asked: at once, without a network, a key or a price."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from treadle.prompts.providers.base import Provider
from treadle.prompts.values import Answer, Ask, LaneSettings, Model

if TYPE_CHECKING:
    import aiohttp


class Echo(Provider):
    """Answers with the prompt itself: the text of the last message."""

    name: ClassVar[str] = "echo"
    needs_key: ClassVar[bool] = False

    async def ask(self, ask: Ask, lane: LaneSettings, session: aiohttp.ClientSession) -> Answer:
        """Answer with the last message of *ask*."""
        del lane, session
        text = ask.messages[-1].content if ask.messages else ""
        return Answer(text=text, finish="stop", model=ask.model)

    async def models(self, lane: LaneSettings, session: aiohttp.ClientSession) -> list[Model]:
        """Return the one model that stands for all: any name can be asked."""
        del lane, session
        return [Model(id="echo")]
