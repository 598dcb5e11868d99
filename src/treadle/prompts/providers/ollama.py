"""The API of Ollama, which runs models on this machine.

Not its imitation of OpenAI's: only its own has ``num_ctx`` and says when a prompt does not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from treadle.prompts import errors, faults
from treadle.prompts.providers.base import HttpProvider, HttpReply, HttpRequest, tokens
from treadle.prompts.values import Answer, Ask, LaneSettings, Model, Usage

if TYPE_CHECKING:
    import aiohttp

# Parameters that stand beside the messages; all others are options of the model.
_BESIDE = frozenset(
    {"format", "keep_alive", "logprobs", "shift", "think", "tools", "top_logprobs", "truncate"}
)
_RENAMED = {
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "max_output_tokens": "num_predict",
    "reasoning_effort": "think",
}
_OF_LANE = ("keep_alive", "num_ctx", "think")

_NUM_CTX = re.compile(r"^\s*num_ctx\s+(\d{1,12})\s*$", re.MULTILINE | re.ASCII)


class Ollama(HttpProvider):
    """
    ``POST {url}/api/chat``.

    The parameters ``max_tokens``, ``response_format`` and ``reasoning_effort`` are sent by the
    names that they have here, so that one table serves several providers. A lane may set
    ``num_ctx``, ``keep-alive`` and ``think`` for all its requests.

    A prompt that does not fit is an error: left to itself, Ollama would cut off its beginning and
    answer what is left. Older ones do so all the same.
    """

    name = "ollama"
    url = "http://localhost:11434"
    url_env = "OLLAMA_BASE_URL"
    key_env = "OLLAMA_API_KEY"
    needs_key = False
    local = True

    def headers(self, lane: LaneSettings) -> dict[str, str]:
        """Return the headers of each request; a key is for ollama.com, or what stands before it."""
        key = self.key(lane)
        return {"Authorization": f"Bearer {key}", **lane.headers} if key else dict(lane.headers)

    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send."""
        beside, options = _sorted({**_of_lane(lane), **_translated(ask.params)})
        body: dict[str, Any] = {
            "truncate": False,
            **beside,
            "model": ask.model,
            "messages": [
                {"role": message.role, "content": message.content} for message in ask.messages
            ],
            "stream": False,
        }
        if options:
            body["options"] = options
        return HttpRequest(self.endpoint(lane, "/api/chat"), self.headers(lane), body)

    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """
        Return what *reply* says.

        Raises:
            BadReply: It is not the whole answer.
        """
        del ask
        value = reply.json
        if not value["done"]:
            raise errors.BadReply(
                f"HTTP {reply.status}: the answer is not whole: {faults.excerpt(reply)}",
                status=reply.status,
            )
        message = value["message"]
        text = message.get("content") or ""
        warnings: tuple[str, ...] = ()
        calls = [_call(call["function"]) for call in message.get("tool_calls") or ()]
        if calls and not text:
            text = json.dumps(calls, ensure_ascii=False)
            warnings = ("the answer is a call of a tool: the text is that call in JSON",)
        return Answer(
            text=text,
            finish=value.get("done_reason") or "stop",
            model=value.get("model") or "",
            usage=Usage(
                input=tokens(value, "prompt_eval_count"),
                output=tokens(value, "eval_count"),
                cached=tokens(value, "prompt_eval_cached_count"),
            ),
            warnings=warnings,
        )

    async def ask(self, ask: Ask, lane: LaneSettings, session: aiohttp.ClientSession) -> Answer:
        """
        Send *ask* once and return what comes back.

        Raises:
            RequestFailed: Nothing useful came back; the class says why.
        """
        try:
            return await super().ask(ask, lane, session)
        except errors.ModelNotFound as error:
            if error.missing != "address":
                error.hint = f"ollama pull {ask.model}"
            raise
        except errors.NetworkError as error:
            error.hint = "start it by `ollama serve`, or say where it runs in OLLAMA_BASE_URL"
            raise

    def models_request(self, lane: LaneSettings) -> HttpRequest:
        """Return what to send for a list of the models that are installed."""
        return HttpRequest(self.endpoint(lane, "/api/tags"), self.headers(lane), method="GET")

    def models_from(self, reply: HttpReply) -> list[Model]:
        """Return the models that *reply* lists; how large they are, only `prepare` finds out."""
        return [Model(id=each["name"]) for each in reply.json["models"]]

    async def prepare(
        self, model: str, lane: LaneSettings, session: aiohttp.ClientSession
    ) -> Model | None:
        """
        Return *model* with its context window.

        That is what it was trained for, or less where ``num_ctx`` says so in the lane or in the
        model's own file. None where Ollama does not tell.
        """
        from treadle.prompts.providers import wire

        url = self.endpoint(lane, "/api/show")
        request = HttpRequest(url, self.headers(lane), {"model": model})
        try:
            reply = await wire.send(
                session, request, timeout=min(lane.timeout, 30.0), provider=lane.name
            )
        except errors.RequestFailed:
            return None  # the first request will say it, and more of it
        return Model(id=model, context_window=_window(reply.json, lane))


def _window(shown: Any, lane: LaneSettings) -> int | None:
    """Return the context window that a model has when *lane* asks it."""
    if not isinstance(shown, Mapping):
        return None
    info = shown.get("model_info")
    named = info.items() if isinstance(info, Mapping) else ()
    trained = next((value for name, value in named if name.endswith(".context_length")), None)
    own = _NUM_CTX.search(str(shown.get("parameters") or ""))
    asked = lane.options.get("num_ctx") or (int(own[1]) if own else None)
    known = [value for value in (asked, trained) if isinstance(value, int)]
    return min(known, default=None)


def _of_lane(lane: LaneSettings) -> dict[str, Any]:
    return {name: lane.options[name] for name in _OF_LANE if name in lane.options}


def _translated(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return *params* as Ollama calls and writes them."""
    translated = {_RENAMED.get(name, name): value for name, value in params.items()}
    if isinstance(translated.get("stop"), str):
        translated["stop"] = [translated["stop"]]
    if "response_format" in translated:
        wanted = translated.pop("response_format")
        translated.setdefault("format", _format(wanted))
    return translated


def _format(wanted: Any) -> Any:
    """Return what OpenAI calls ``response_format`` in the words of Ollama."""
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return schema
        case {"type": "json_object"}:
            return "json"
        case {"type": "text"}:
            return ""
        case _:
            return wanted


def _sorted(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those of *params* that stand beside the messages, and the options of the model."""
    beside = {name: value for name, value in params.items() if name in _BESIDE}
    given = params.get("options")
    options = dict(given) if isinstance(given, Mapping) else {}
    known = _BESIDE | {"options", "stream"}  # an answer always comes in one piece
    options |= {name: value for name, value in params.items() if name not in known}
    return beside, options


def _call(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(function.get("arguments"), ensure_ascii=False)
    return {"name": function.get("name"), "arguments": arguments}
