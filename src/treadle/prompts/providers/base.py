"""What every provider is: something that answers an ask. How it is reached is left to ``wire``.

Most speak HTTP and JSON. Those derive from :class:`HttpProvider` and write two pure functions: what
to send, and what came back. A provider of another package is a class like these; see
``examples/prompts_provider.py`` and ``registry``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import treadle
from treadle.prompts import errors, faults, headers
from treadle.prompts.values import Answer, Ask, LaneSettings, Model

if TYPE_CHECKING:
    import aiohttp


@dataclass(slots=True)
class HttpRequest:
    """
    What is sent.

    Attributes:
        url: Where to, whole.
        headers: All headers of ours; content type and length are added.
        json: The body; None for none.
        method: ``"POST"`` or ``"GET"``.
        stream: The answer comes in pieces, as server-sent events.
        idle: Seconds without a piece after which a streamed answer is given up; None for no limit
            but the timeout.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    json: Any = None
    method: str = "POST"
    stream: bool = False
    idle: float | None = None


@dataclass(slots=True)
class HttpReply:
    """
    What came back.

    Attributes:
        status: Such as 200.
        headers: By name in lower case.
        body: As it came, uncompressed.
        json: The body, parsed; None where it is no JSON. Of a streamed answer: its pieces, put
            together by `HttpProvider.folded`.
        seconds: From sending to the last byte.
        ttft: Seconds to the first token; None when the answer was not streamed.
        secrets: What the request held and no message may show, should the server repeat it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any = None
    seconds: float = 0.0
    ttft: float | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Provider(ABC):
    """
    Somebody who answers.

    One object serves all lanes and all requests of a run, many at a time, in one event loop.

    Attributes:
        name: What ``provider`` in the settings calls it, and the lane that it has by default.
        url: Base URL where a lane has none of its own; empty where there is none.
        url_env: The environment variable that names another base URL; empty for none.
        key_env: The environment variable that its key comes from; empty where it has none.
        header_envs: Further headers, each with the environment variable that it comes from where
            that is set; for its own `url` only, not for lanes that lead elsewhere.
        needs_key: Without a key nothing can be asked.
        local: It usually runs on this machine, and becomes slow instead of refusing.
    """

    name: ClassVar[str]
    url: ClassVar[str] = ""
    url_env: ClassVar[str] = ""
    key_env: ClassVar[str] = ""
    header_envs: ClassVar[Mapping[str, str]] = MappingProxyType({})
    needs_key: ClassVar[bool] = True
    local: ClassVar[bool] = False

    @abstractmethod
    async def ask(self, ask: Ask, lane: LaneSettings, session: aiohttp.ClientSession) -> Answer:
        """
        Send *ask* once and return what comes back.

        Raises:
            RequestFailed: Nothing useful came back; the class says why.
        """

    async def models(self, lane: LaneSettings, session: aiohttp.ClientSession) -> list[Model]:
        """
        Return the models that can be asked.

        Raises:
            UsageError: The provider cannot list them.
            RequestFailed: It did not.
        """
        del lane, session
        raise treadle.UsageError(
            f"the provider {self.name!r} cannot list its models",
            hint="look them up on its site; any name can be asked",
        )

    async def prepare(
        self, model: str, lane: LaneSettings, session: aiohttp.ClientSession
    ) -> Model | None:
        """
        Return what is known of *model* beyond its name, such as its context window.

        Called before its first request, once for each model, and waited for no longer than a few
        seconds. What it says is a note, never a gate: None where nothing is known. Then the list
        that `models` returns is looked into.
        """
        del model, lane, session
        return None

    def key_needed(self, lane: LaneSettings) -> bool:
        """Tell whether *lane* cannot be asked without a key."""
        del lane
        return self.needs_key

    def is_own(self, lane: LaneSettings) -> bool:
        """Tell whether *lane* leads to the provider's own site."""
        return not lane.url or site(lane.url) == site(self.url)


class HttpProvider(Provider):
    """
    A provider that is reached by HTTP and speaks JSON.

    A class of this kind says what to send and what a reply means. It need not look for what is
    missing in a reply: a ``KeyError`` and its like become ``NotUnderstood``. Time, status, request
    id and rate limits are filled in.
    """

    @abstractmethod
    def request(self, ask: Ask, lane: LaneSettings) -> HttpRequest:
        """Return what to send."""

    @abstractmethod
    def answer(self, reply: HttpReply, ask: Ask) -> Answer:
        """
        Return what *reply* to *ask* says: its text, finish, model and usage.

        *reply* has a status below 300, and JSON that is no error.
        """

    def models_request(self, lane: LaneSettings) -> HttpRequest | None:
        """Return what to send for a list of models; None where there is no list."""
        del lane
        return None

    def models_from(self, reply: HttpReply) -> list[Model]:
        """Return the models that *reply* lists; as OpenAI and its like do, if not overridden."""
        return [
            Model(id=each["id"], context_window=window(each), max_output=max_output(each))
            for each in reply.json["data"]
        ]

    def folded(self, events: Sequence[Mapping[str, Any]]) -> Any:
        """
        Return what the *events* of a streamed answer come to: the JSON of one that was not.

        Raises:
            BadReply: The last piece is missing.
        """
        raise NotImplementedError(f"{type(self).__name__} does not stream ({len(events)} events)")

    def has_text(self, event: Mapping[str, Any]) -> bool:
        """Tell whether *event* of a streamed answer holds a token."""
        del event
        return True

    async def ask(self, ask: Ask, lane: LaneSettings, session: aiohttp.ClientSession) -> Answer:
        """Send what `request` makes of *ask*, and return what `answer` makes of the reply."""
        from treadle.prompts.providers import wire

        request = self.request(ask, lane)
        if request.stream:
            reply = await wire.stream_send(
                session,
                request,
                timeout=lane.timeout,
                provider=lane.name,
                folded=self.folded,
                has_text=self.has_text,
            )
        else:
            reply = await wire.send(session, request, timeout=lane.timeout, provider=lane.name)
        try:
            answer = self.answer(reply, ask)
        except treadle.TreadleError:
            raise
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            cause = faults.cause_of(error, reply.secrets)
            raise _not_understood(reply, lane, error) from cause
        answer.latency = reply.seconds
        answer.ttft = reply.ttft
        answer.http_status = reply.status
        answer.limits = headers.kept(reply.headers)
        answer.request_id = answer.request_id or faults.request_id(reply)
        if odd := ", ".join(odd_counts(reply.json)):
            answer.warnings += (f"the server has counted what cannot be, which is left out: {odd}",)
        if lane.options.get("raw"):
            answer.raw = reply.json
        return answer

    async def models(self, lane: LaneSettings, session: aiohttp.ClientSession) -> list[Model]:
        """Return the models that the server lists."""
        from treadle.prompts.providers import wire

        request = self.models_request(lane)
        if request is None:
            return await super().models(lane, session)
        reply = await wire.send(
            session, request, timeout=min(lane.timeout, 30.0), provider=lane.name
        )
        try:
            return self.models_from(reply)
        except treadle.TreadleError:
            raise
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            cause = faults.cause_of(error, reply.secrets)
            raise _not_understood(reply, lane, error) from cause

    def endpoint(self, lane: LaneSettings, path: str) -> str:
        """
        Return the whole URL of *path*, such as ``"/chat/completions"``.

        Raises:
            UsageError: The lane has no base URL, and the provider none of its own.
        """
        base = lane.url or self.url
        if not base:
            raise treadle.UsageError(
                f"the lane {lane.name!r} has no url",
                hint=f'set url = "https://..." in [prompts.lanes.{lane.name}] of treadle.toml',
            )
        base, mark, query = base.partition("?")  # Azure: ?api-version=...
        return f"{base.rstrip('/')}{path}{mark}{query}"

    def key(self, lane: LaneSettings) -> str:
        """
        Return the key of *lane*, for a header; empty where there is none and none is needed.

        Raises:
            Unauthorized: It is missing, or cannot stand in a header.
        """
        name = lane.key_env or self.key_env
        text = lane.key.reveal().strip() if lane.key is not None else ""
        if not text and self.key_needed(lane):
            raise errors.Unauthorized(
                f"the lane {lane.name!r} has no key: {name or 'its variable'} is not set",
                hint=f"export {name}=... or write it into .env" if name else None,
            )
        if not (text.isascii() and text.isprintable()):
            raise errors.Unauthorized(
                f"the key of the lane {lane.name!r} holds characters that no key has",
                hint=f"look at {name}: a line break or a quote may have slipped in",
            )
        return text


@lru_cache(maxsize=256)  # asked for with each request
def site(url: str) -> list[str]:
    """Return the last two parts of the name of the host in *url*: whose it is."""
    return (urlsplit(url).hostname or "").lower().split(".")[-2:]


def attempt() -> int:
    """Return which attempt at its ask the calling code is, from 1; 1 outside of a run."""
    try:
        return treadle.current().attempt
    except treadle.UsageError:
        return 1


def tokens(usage: Any, *path: str) -> int | None:
    """Return the number that *usage* has at *path*; None where there is none, or nonsense."""
    for name in path:
        if not isinstance(usage, dict):
            return None
        usage = usage.get(name)
    if isinstance(usage, float) and usage.is_integer():
        usage = int(usage)
    is_whole = isinstance(usage, int) and not isinstance(usage, bool)
    return usage if is_whole and usage >= 0 else None


def odd_counts(reply: Any) -> Iterator[str]:
    """Yield the counts of tokens in the JSON of a reply that `tokens` does not take, by name."""
    if not isinstance(reply, dict):
        return
    usage = reply.get("usage")
    if usage is not None and not isinstance(usage, dict):
        yield f"usage = {usage!r:.40}"
    for name, count in (*_counts(usage), *_counts_of_ollama(reply)):
        if count is not None and tokens({name: count}, name) is None:
            yield f"{name} = {count!r:.40}"


def _counts(usage: Any) -> Iterator[tuple[str, Any]]:
    for name, value in usage.items() if isinstance(usage, dict) else ():
        if isinstance(value, dict):
            yield from _counts(value)
        elif name.endswith("tokens"):
            yield name, value


def _counts_of_ollama(reply: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (
        (name, reply[name]) for name in ("prompt_eval_count", "eval_count") if name in reply
    )


def window(entry: Mapping[str, Any]) -> int | None:
    """Return the context window that an entry of a list of models names, in any dialect."""
    meta = entry.get("meta")
    served = meta.get("n_ctx") if isinstance(meta, Mapping) else None
    named = (entry.get(name) for name in _WINDOWS)
    return next((value for value in (served, *named) if _is_count(value)), None)


def max_output(entry: Mapping[str, Any]) -> int | None:
    """Return the longest answer that an entry of a list of models names, in any dialect."""
    top = entry.get("top_provider")
    nested = top.get("max_completion_tokens") if isinstance(top, Mapping) else None
    named = (nested, entry.get("max_output_tokens"), entry.get("max_completion_tokens"))
    return next((value for value in named if _is_count(value)), None)


# OpenRouter and Together; vLLM; LiteLLM; Groq.
_WINDOWS = ("context_length", "max_model_len", "max_input_tokens", "context_window")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _not_understood(reply: HttpReply, lane: LaneSettings, error: Exception) -> errors.NotUnderstood:
    what = f"no {error} in it" if isinstance(error, LookupError) else str(error)
    what = faults.redacted(what, reply.secrets)[: faults.SHOWN]
    return errors.NotUnderstood(
        f"HTTP {reply.status}: the reply of {lane.name} is not what was expected ({what}): "
        f"{faults.excerpt(reply)}",
        hint="is the provider of the lane the right one for this server?",
        status=reply.status,
        request_id=faults.request_id(reply),
        limits=headers.kept(reply.headers),
    )
