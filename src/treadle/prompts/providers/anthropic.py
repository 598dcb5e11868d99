"""The Messages API of Anthropic, which llama.cpp and several gateways have too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from treadle.prompts import errors
from treadle.prompts.providers.base import HttpProvider, HttpReply, HttpRequest, tokens, window
from treadle.prompts.providers.openai_chat import streamed
from treadle.prompts.values import Answer, Ask, LaneSettings, Model, Usage

VERSION = "2023-06-01"

MAX_TOKENS = 4096
"""What is sent where nothing else is said: without it nothing is answered."""

_RENAMED = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
}


class Anthropic(HttpProvider):
    """
    ``POST {url}/v1/messages``.

    The parameters ``stop`` and ``max_output_tokens`` are sent by the names that they have here, so
    that one table serves several providers.
    """

    name = "anthropic"
    url = "https://api.anthropic.com"
    url_env = "ANTHROPIC_BASE_URL"
    key_env = "ANTHROPIC_API_KEY"

    def key_needed(self, lane: LaneSettings) -> bool:
        """Tell whether *lane* is Anthropic itself, and has no other header to be known by."""
        host = urlsplit(lane.url or self.url).hostname or ""
        named = {header.lower() for header in lane.headers}
        return host.endswith("anthropic.com") and not named & {"authorization", "x-api-key"}

    def headers(self, lane: LaneSettings) -> dict[str, str]:
        """Return the headers of each request."""
        key = self.key(lane)
        own = {"x-api-key": key} if key else {}
        return {**own, "anthropic-version": VERSION, **lane.headers}

    def endpoint(self, lane: LaneSettings, path: str) -> str:
        """Return the whole URL of *path*; a base URL may end in ``/v1``, as those of others do."""
        return super().endpoint(lane, path).replace("/v1/v1/", "/v1/")

    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send: the system prompt has a field of its own."""
        system = "\n\n".join(m.content for m in ask.messages if m.role == "system")
        body: dict[str, Any] = {
            "max_tokens": MAX_TOKENS,
            **({"system": system} if system else {}),
            **_renamed(ask.params),
            "model": ask.model,
            "messages": [
                {"role": message.role, "content": message.content}
                for message in ask.messages
                if message.role != "system"
            ],
        }
        url = self.endpoint(lane, "/v1/messages")
        return streamed(HttpRequest(url, self.headers(lane), body), lane)

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """Return what *reply* says."""
        value = reply.json
        finish = value.get("stop_reason") or ""
        text, warnings = _read(value["content"])
        if finish == "refusal":
            details = value.get("stop_details") or {}
            why = details.get("explanation") or details.get("category")
            warnings += (f"refused: {why}",) if why else ()
        elif finish == "model_context_window_exceeded":
            finish = "length"
            warnings += ("the answer has filled the context window of the model",)
        elif finish == "pause_turn":
            warnings += ("the answer is not whole: a tool of the server has paused it",)
        elif finish == "max_tokens" and "max_tokens" not in _renamed(ask.params):
            warnings += (f"cut off after {MAX_TOKENS} tokens, for max_tokens is not set",)
        return Answer(
            text=text,
            finish=finish,
            model=value.get("model") or "",
            usage=_usage(value.get("usage")),
            warnings=warnings,
        )

    def models_request(self, lane: LaneSettings) -> HttpRequest:
        """Return what to send for a list of models."""
        url = self.endpoint(lane, "/v1/models?limit=1000")  # the most that a page may hold
        return HttpRequest(url, self.headers(lane), method="GET")

    def models_from(self, reply: HttpReply) -> list[Model]:
        """Return the models that *reply* lists."""
        return [
            Model(id=each["id"], context_window=window(each), max_output=each.get("max_tokens"))
            for each in reply.json["data"]
        ]

    def folded(self, events: Sequence[Mapping[str, Any]]) -> Any:
        """
        Return the message that the *events* come to.

        Raises:
            BadReply: The last event is missing.
        """
        whole: dict[str, Any] = {}
        blocks: dict[int, dict[str, Any]] = {}
        for event in events:
            match event.get("type"):
                case "message_start":
                    whole = dict(event["message"])
                case "content_block_start":
                    blocks[event["index"]] = dict(event["content_block"])
                case "content_block_delta":
                    _add(blocks[event["index"]], event["delta"])
                case "message_delta":
                    counted = event.get("usage") or {}  # of all so far, not of this piece
                    known = {name: count for name, count in counted.items() if count is not None}
                    usage = {**(whole.get("usage") or {}), **known}
                    whole |= {**event["delta"], "usage": usage}
        if not events or events[-1].get("type") != "message_stop":
            raise errors.BadReply(f"the answer was cut off after {len(events)} pieces")
        return {**whole, "content": [_closed(blocks[index]) for index in sorted(blocks)]}

    def has_text(self, event: Mapping[str, Any]) -> bool:
        """Tell whether *event* holds a token, be it of a thought."""
        return event.get("type") == "content_block_delta"


def _renamed(params: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {_RENAMED.get(name, name): value for name, value in params.items()}
    if isinstance(renamed.get("stop_sequences"), str):
        renamed["stop_sequences"] = [renamed["stop_sequences"]]
    return renamed


def _read(blocks: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the text and the warnings of the parts of an answer; its thoughts are none of it."""
    texts = []
    calls = []
    for block in blocks:
        if block["type"] == "text":
            texts.append(block["text"])
        elif block["type"] == "tool_use":
            arguments = json.dumps(block.get("input"), ensure_ascii=False)
            calls.append({"name": block.get("name"), "arguments": arguments})
    text = "".join(texts)
    if text or not calls:
        return text, ()
    warning = "the answer is a call of a tool: the text is that call in JSON"
    return json.dumps(calls, ensure_ascii=False), (warning,)


def _usage(usage: Any) -> Usage:
    """Return the tokens; here those that a cache was read or written for are counted apart."""
    cached = tokens(usage, "cache_read_input_tokens")
    written = tokens(usage, "cache_creation_input_tokens")
    sent = tokens(usage, "input_tokens")
    return Usage(
        input=None if sent is None else sent + (cached or 0) + (written or 0),
        output=tokens(usage, "output_tokens"),
        cached=cached,
        cache_written=written,
    )


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add one piece of a streamed answer to its *block*."""
    if delta.get("type") == "text_delta":
        block.setdefault("pieces", []).append(delta["text"])
    elif delta.get("type") == "input_json_delta":
        block.setdefault("pieces", []).append(delta["partial_json"])


def _closed(block: dict[str, Any]) -> dict[str, Any]:
    """Give a block that was put together the form of one that came whole."""
    pieces = "".join(block.pop("pieces", ()))
    if block["type"] == "text":
        block["text"] = block.get("text", "") + pieces
    elif block["type"] == "tool_use" and pieces:
        block["input"] = json.loads(pieces)
    return block
