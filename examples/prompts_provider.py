"""A provider of your own for `treadle prompts`: say what to send, and what came back.

This one speaks to the completion endpoint of llama.cpp, which knows no chat. A package announces it
in its pyproject.toml, and its name can be used like any other:

    [project.entry-points."treadle.prompts.providers"]
    llamacpp = "prompts_provider:LlamaCpp"

Errors, time limits, retries and rate limits are taken care of, and so is a reply without what is
looked for: that request fails with what came instead.
"""

from __future__ import annotations

from treadle.prompts.providers.base import HttpProvider, HttpReply, HttpRequest
from treadle.prompts.values import Answer, Ask, LaneSettings, Usage


class LlamaCpp(HttpProvider):
    """``POST {url}/completion``."""

    name = "llamacpp"
    url = "http://localhost:8080"
    needs_key = False
    local = True

    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send."""
        prompt = "\n\n".join(message.content for message in ask.messages)
        body = {**ask.params, "prompt": prompt}
        return HttpRequest(self.endpoint(lane, "/completion"), lane.headers, body)

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """Return what came back."""
        said = reply.json
        return Answer(
            text=said["content"],
            finish="length" if said["stop_type"] == "limit" else "stop",
            model=ask.model,
            usage=Usage(input=said["tokens_evaluated"], output=said["tokens_predicted"]),
        )
