"""The Responses API of OpenAI, which llama.cpp and others have too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from treadle.prompts import errors, faults
from treadle.prompts.providers.base import HttpReply, HttpRequest, tokens
from treadle.prompts.providers.openai_chat import OpenAIChat, streamed
from treadle.prompts.values import Answer, Ask, LaneSettings, Usage


class OpenAIResponses(OpenAIChat):
    """
    ``POST {url}/responses``.

    The parameters ``max_tokens`` and ``reasoning_effort`` are sent by the names that they have
    here, so that one table serves both APIs.
    """

    name = "openai-responses"

    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send: the model, the messages, the parameters, and nothing else."""
        body: dict[str, Any] = {
            **_renamed(ask.params),
            "model": ask.model,
            "input": [
                {"role": message.role, "content": message.content} for message in ask.messages
            ],
        }
        headers = {**self.named(ask, lane), **self.headers(lane)}
        return streamed(HttpRequest(self.endpoint(lane, "/responses"), headers, body), lane)

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """Return the text of *reply*; of its reasoning only the tokens."""
        del ask
        value = reply.json
        text, finish, warnings = _read(value["output"])
        status = value.get("status") or "completed"
        if status == "incomplete":
            finish = (value.get("incomplete_details") or {}).get("reason") or "incomplete"
        elif status != "completed":
            # One that goes on behind our back is paid for, and so would be the next one.
            under_way = status in {"in_progress", "queued"}
            kind = errors.NotUnderstood if under_way else errors.BadReply
            raise kind(
                f"HTTP {reply.status}: the answer is {status!r}, not completed",
                hint="leave out the parameter background" if "background" in value else None,
                status=reply.status,
                request_id=faults.request_id(reply),
            )
        return Answer(
            text=text,
            finish=finish,
            model=value.get("model") or "",
            usage=_usage(value.get("usage")),
            warnings=warnings,
        )

    def folded(self, events: Sequence[Mapping[str, Any]]) -> Any:
        """
        Return the response that the last event holds.

        Raises:
            BadReply: It is missing.
        """
        for event in reversed(events):
            if event.get("type") in _LAST:
                return event["response"]
            if event.get("type") == "error":
                return {"error": {**event, "type": "error"}}
        raise errors.BadReply(f"the answer was cut off after {len(events)} pieces")

    def has_text(self, event: Mapping[str, Any]) -> bool:
        """Tell whether *event* adds to the answer, or to the thoughts before it."""
        return str(event.get("type")).endswith(".delta")


_LAST = {"response.completed", "response.incomplete", "response.failed"}


def _renamed(params: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {
        "max_output_tokens" if name in {"max_tokens", "max_completion_tokens"} else name: value
        for name, value in params.items()
        if name != "reasoning_effort"
    }
    if "reasoning_effort" in params:
        given = renamed.get("reasoning")
        others = given if isinstance(given, Mapping) else {}
        renamed["reasoning"] = {"effort": params["reasoning_effort"], **others}
    return renamed


def _read(output: Iterable[Mapping[str, Any]]) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, the finish and the warnings of what came out."""
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[dict[str, Any]] = []
    for item in output:
        if item.get("type") == "function_call":
            calls.append({"name": item.get("name"), "arguments": item.get("arguments")})
        for part in (item.get("content") or ()) if item.get("type") == "message" else ():
            texts.append(part.get("text") or "" if part["type"] == "output_text" else "")
            refusals.append(part.get("refusal") or "" if part["type"] == "refusal" else "")
    if text := "".join(texts):
        return text, "stop", ()
    if refusal := "".join(refusals):
        return refusal, "refusal", ()
    if calls:
        warning = "the answer is a call of a tool: the text is that call in JSON"
        return json.dumps(calls, ensure_ascii=False), "tool_calls", (warning,)
    return "", "stop", ()


def _usage(usage: Any) -> Usage:
    return Usage(
        input=tokens(usage, "input_tokens"),
        output=tokens(usage, "output_tokens"),
        cached=tokens(usage, "input_tokens_details", "cached_tokens"),
        reasoning=tokens(usage, "output_tokens_details", "reasoning_tokens"),
    )
