"""OpenRouter: chat completions of many providers, with what each request cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from treadle.prompts.providers.base import HttpReply
from treadle.prompts.providers.openai_chat import OpenAIChat
from treadle.prompts.values import Answer, Ask, LaneSettings


class OpenRouter(OpenAIChat):
    """
    ``POST {url}/chat/completions``, as OpenRouter has it.

    The options ``referer`` and ``title`` of its lane say which application asks.
    """

    name = "openrouter"
    url = "https://openrouter.ai/api/v1"
    url_env = "OPENROUTER_BASE_URL"
    key_env = "OPENROUTER_API_KEY"
    header_envs = MappingProxyType({})

    def headers(self, lane: LaneSettings) -> dict[str, str]:
        """Return the headers of each request."""
        ours = {"X-Title": lane.options.get("title") or "treadle"}
        if referer := lane.options.get("referer"):
            ours["HTTP-Referer"] = referer
        return {**ours, **super().headers(lane)}

    def named(self, ask: Ask, lane: LaneSettings) -> dict[str, str]:
        """Return no header: OpenRouter names requests itself."""
        del ask, lane
        return {}

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """Return the text of *reply*, and what it cost."""
        answer = super().answer(reply, ask)
        answer.request_id = reply.json.get("id") or ""  # what its site finds the request by
        cost = cost_of(reply.json.get("usage"))
        if cost is not None:
            answer.cost, answer.cost_source = cost, "provider"
        return answer


def cost_of(usage: Any) -> Decimal | None:
    """Return the US dollars that *usage* names; with a key of one's own, those spent there too."""
    if not isinstance(usage, Mapping):
        return None
    cost = _dollars(usage.get("cost"))
    details = usage.get("cost_details")
    if cost is not None and usage.get("is_byok") and isinstance(details, Mapping):
        cost += _dollars(details.get("upstream_inference_cost")) or 0
    return cost


def _dollars(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))  # of the shortest text: 0.1 is no 0.1000000000000000055
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
