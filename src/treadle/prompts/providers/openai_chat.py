"""Chat completions: what OpenAI began and nearly every other server understands.

Any base URL will do: vLLM, llama.cpp, LiteLLM, Azure, Groq, Mistral, Together, and so on. Only
OpenAI's own needs a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from treadle.prompts import errors, faults
from treadle.prompts.providers.base import (
    HttpProvider,
    HttpReply,
    HttpRequest,
    attempt,
    tokens,
)
from treadle.prompts.values import Answer, Ask, LaneSettings, Usage


class OpenAIChat(HttpProvider):
    """``POST {url}/chat/completions``, as OpenAI and those that are compatible have it."""

    name = "openai"
    url = "https://api.openai.com/v1"
    url_env = "OPENAI_BASE_URL"
    key_env = "OPENAI_API_KEY"
    header_envs = MappingProxyType({"OpenAI-Organization": "OPENAI_ORG_ID"})

    def key_needed(self, lane: LaneSettings) -> bool:
        """Tell whether *lane* is the provider's own site, and has no header to be known by."""
        if {header.lower() for header in lane.headers} & {"authorization", "api-key"}:
            return False
        return self.is_own(lane)

    def headers(self, lane: LaneSettings) -> dict[str, str]:
        """Return the headers of each request."""
        key = self.key(lane)
        return {"Authorization": f"Bearer {key}", **lane.headers} if key else dict(lane.headers)

    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send: the model, the messages, the parameters, and nothing else."""
        body: dict[str, Any] = {
            **ask.params,
            "model": ask.model,
            "messages": [
                {"role": message.role, "content": message.content} for message in ask.messages
            ],
        }
        headers = {**self.named(ask, lane), **self.headers(lane)}
        return streamed(
            HttpRequest(self.endpoint(lane, "/chat/completions"), headers, body),
            lane,
            stream_options={"include_usage": True},
        )

    def named(self, ask: Ask, lane: LaneSettings) -> dict[str, str]:
        """
        Return the header by which OpenAI finds a request in its logs, be it without an answer.

        Other servers do not know it.
        """
        if not self.is_own(lane):
            return {}
        digest = ask.key.rpartition(":")[2]  # what stands before it is of the user's table
        return {"X-Client-Request-Id": f"treadle-{digest}-{attempt()}"}

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """Return the text of *reply*; all of them, as a JSON list, where several were asked for."""
        value = reply.json
        choices = value["choices"]
        if not choices:
            raise errors.BadReply(
                f"HTTP {reply.status}: the reply has no answer in it: {faults.excerpt(reply)}",
                status=reply.status,
                request_id=faults.request_id(reply),
            )
        if any(choice.get("error") for choice in choices):
            raise faults.failure_of(reply, provider=ask.lane)
        text, finish, warnings = _read(choices[0])
        if len(choices) > 1:  # n=3 was asked, and paid, for
            read = [_read(choice) for choice in choices]
            text = json.dumps([each for each, _, _ in read], ensure_ascii=False)
            finish = next((each for _, each, _ in read if each != "stop"), "stop")
            warnings = (f"{len(choices)} answers came: the text is a JSON list of them",)
        return Answer(
            text=text,
            finish=finish,
            model=value.get("model") or "",
            usage=usage_of(value.get("usage")),
            warnings=warnings,
        )

    def models_request(self, lane: LaneSettings) -> HttpRequest:
        """Return what to send for a list of models."""
        return HttpRequest(self.endpoint(lane, "/models"), self.headers(lane), method="GET")

    def folded(self, events: Sequence[Mapping[str, Any]]) -> Any:
        """
        Return what the pieces come to.

        Raises:
            BadReply: The last one is missing.
        """
        whole: dict[str, Any] = {}
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            for name in ("id", "model", "usage"):
                if event.get(name):
                    whole[name] = event[name]
            for part in event.get("choices") or ():
                _add(choices.setdefault(part.get("index") or 0, {"message": {}}), part)
        if not choices or not all(choice.get("finish_reason") for choice in choices.values()):
            raise errors.BadReply(f"the answer was cut off after {len(events)} pieces")
        for choice in choices.values():
            _close(choice["message"])
        return {**whole, "choices": [choices[index] for index in sorted(choices)]}

    def has_text(self, event: Mapping[str, Any]) -> bool:
        """Tell whether there is more in *event* than whose turn it is."""
        deltas = [choice.get("delta") or {} for choice in event.get("choices") or ()]
        return any(value for delta in deltas for name, value in delta.items() if name != "role")


def streamed(request: HttpRequest, lane: LaneSettings, **further: Any) -> HttpRequest:
    """
    Return *request*, changed to ask for an answer in pieces where the lane, or a parameter, does.

    Args:
        request: What is to be sent.
        lane: Where to; its options ``stream`` and ``idle_timeout`` count.
        **further: What is asked for beside it, if nothing is said of it already.
    """
    if lane.options.get("stream") or request.json.get("stream"):
        request.json = {**further, **request.json, "stream": True}
        request.stream = True
        request.idle = lane.options.get("idle_timeout")
    return request


def usage_of(usage: Any) -> Usage:
    """Return the tokens that a reply counts, in the dialects of chat completions."""
    cached = tokens(usage, "prompt_tokens_details", "cached_tokens")
    if cached is None:
        cached = tokens(usage, "prompt_cache_hit_tokens")  # DeepSeek
    written = tokens(usage, "prompt_tokens_details", "cache_write_tokens")  # OpenRouter
    if written is None:
        written = tokens(usage, "cache_creation_input_tokens")  # LiteLLM
    sent, output = tokens(usage, "prompt_tokens"), tokens(usage, "completion_tokens")
    reasoning = tokens(usage, "completion_tokens_details", "reasoning_tokens")
    total = tokens(usage, "total_tokens")
    if total is not None and sent is not None and output is not None:
        beside = total - sent - output
        # xAI counts its reasoning in the total only. Gemini does not even name it there.
        if reasoning is None and beside > 0 and not (cached or written):
            reasoning = beside
        if reasoning is not None and beside >= reasoning:
            output += reasoning
    return Usage(
        input=sent, output=output, cached=cached, cache_written=written, reasoning=reasoning
    )


def _read(choice: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, the finish and the warnings of one choice."""
    message = choice["message"]
    finish = str(choice.get("finish_reason") or "").lower()
    content = message.get("content")
    if content.__class__ is str and content:
        return content, finish, ()
    if isinstance(content, list) and (text := "".join(map(_part, content))):
        return text, finish, ()
    if refusal := message.get("refusal"):
        return refusal, "refusal", ()
    if calls := _calls(message):
        return (
            json.dumps(calls, ensure_ascii=False),
            finish or "tool_calls",
            ("the answer is a call of a tool: the text is that call in JSON",),
        )
    return "", finish, ()


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if part.get("type", "text") == "text" else None  # not its reasoning
    return text if isinstance(text, str) else ""


def _calls(message: Mapping[str, Any]) -> list[Any]:
    calls = [call.get("function") or call for call in message.get("tool_calls") or ()]
    legacy = message.get("function_call")
    return calls or ([legacy] if legacy else [])


def _add(choice: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add one piece of a streamed answer to *choice*."""
    message = choice["message"]
    delta = part.get("delta") or {}
    for name in ("content", "refusal"):
        if isinstance(delta.get(name), str):
            message.setdefault(name, []).append(delta[name])
    for call in delta.get("tool_calls") or ():
        known = message.setdefault("tool_calls", {})
        function = known.setdefault(call.get("index") or 0, {"name": "", "arguments": ""})
        for name, text in (call.get("function") or {}).items():
            function[name] = function.get(name, "") + (text or "")
    for name in ("finish_reason", "error"):
        if part.get(name):
            choice[name] = part[name]


def _close(message: dict[str, Any]) -> None:
    """Give a message that was put together the form of one that came whole."""
    for name in ("content", "refusal"):
        if isinstance(message.get(name), list):
            message[name] = "".join(message[name])
    if isinstance(message.get("tool_calls"), dict):
        calls = message["tool_calls"]
        message["tool_calls"] = [{"function": calls[index]} for index in sorted(calls)]
