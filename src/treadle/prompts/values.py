"""The values that travel through an experiment: what is asked, of whom, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["ok", "truncated", "filtered", "empty"]

_TRUNCATED = frozenset(
    {"length", "max_tokens", "max_output_tokens", "incomplete", "model_context_window_exceeded"}
)
_FILTERED = frozenset({"content_filter", "refusal", "safety"})


class Secret:
    """A key that no message, log or record shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the key itself, for the header of a request and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, ("",))  # never pickled


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat: role (system, user, assistant) and text."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    One request: what a row, a prompt, a model and a repeat come to.

    Attributes:
        key: Stable name, made of what is sent: see ``items``.
        index: Position among all requests, from 0.
        row: Number of the row, from 1.
        prompt: Name of the prompt file; ``"-"`` for stdin.
        prompt_hash: First 12 hex digits of the SHA-256 of the prompt's own text, unfilled.
        lane: Name of the lane.
        model: The model, as the provider calls it.
        messages: What is sent.
        params: Generation parameters to send along, such as ``{"temperature": 0.2}``.
        repeat: Which repetition, from 1.
        warnings: What is odd about it, such as a variable that is missing.
        output: The results file it belongs to; empty for stdout.
        cells: The cells of the row, by column, untouched; what is copied to the results.
        problem: Why it cannot be sent at all, such as a row without a model; empty when it can.
    """

    key: str
    index: int
    row: int
    prompt: str
    prompt_hash: str
    lane: str
    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 1
    warnings: tuple[str, ...] = ()
    output: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes of all messages as UTF-8."""
        return sum(len(message.content.encode("utf-8", "replace")) for message in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    Tokens of one request; None where nobody said.

    Attributes:
        input: Tokens of the prompt, cached ones included.
        output: Tokens of the answer, reasoning included.
        cached: Those of `input` that were read from a cache.
        cache_written: Those of `input` that were written to a cache (Anthropic).
        reasoning: Those of `output` that are not in the answer.
        source: ``"usage"`` when the server has counted, ``"estimate"`` when we have.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None
    source: Literal["usage", "estimate"] = "usage"


@dataclass(slots=True, kw_only=True)
class Answer:
    """
    What came back.

    Attributes:
        text: The answer, as it came.
        finish: Why it ended, as the provider says: ``"stop"``, ``"length"``, ...
        model: The model that the server names; empty when it names none.
        usage: Tokens.
        cost: US dollars; None where neither the provider nor a price list says.
        cost_source: ``"provider"``, the name and date of the price list, or ``""``.
        http_status: Such as 200; 0 where no HTTP was spoken.
        request_id: The provider's name for the request; empty when there is none.
        ttft: Seconds to the first token; None when the answer was not streamed.
        latency: Seconds from sending to the end of the answer.
        warnings: What is odd about it.
        limits: Headers of the reply that speak of rate limits, raw.
        scores: What scorers said, by name.
        raw: The reply's JSON; None unless it was asked for.
    """

    text: str
    finish: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    cost_source: str = ""
    http_status: int = 0
    request_id: str = ""
    ttft: float | None = None
    latency: float = 0.0
    warnings: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    raw: Any = None

    @property
    def status(self) -> Status:
        """How good it is: cut off, filtered, without any text, or ok."""
        if self.finish in _TRUNCATED:
            return "truncated"
        if self.finish in _FILTERED:
            return "filtered"
        return "ok" if self.text.strip() else "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """
    A model that a provider lists.

    Attributes:
        id: As the provider calls it.
        context_window: Tokens of prompt and answer together; None when it is not said.
        max_output: Tokens of an answer; None when it is not said.
    """

    id: str
    context_window: int | None = None
    max_output: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """
    How one provider is reached, and how fast.

    Attributes:
        name: What the ``provider`` column and ``--model LANE/MODEL`` call it.
        provider: Name of the :class:`~treadle.prompts.providers.base.Provider` that speaks to it.
        url: Base URL, without a slash at the end; empty where there is none (mock).
        key: Its key; None when it needs none or none is set.
        key_env: The environment variable that the key comes from; empty when none is needed.
        headers: Further headers of each request.
        concurrency: Most requests in flight of each model; None to find the limit by trying.
        rpm, tpm: Requests and tokens per minute; None for what the server announces.
        input_tpm, output_tpm: The same for tokens in and out where they are limited apart.
        timeout: Seconds for each attempt.
        shared: The limits count for all models of the lane together.
        local: On this machine or beside it: becomes slow instead of refusing.
        options: What else stands in its section of the settings, for the provider.
    """

    name: str
    provider: str
    url: str = field(default="", repr=False)  # it may hold a password, or a key in its query
    key: Secret | None = None
    key_env: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | None = None
    rpm: float | None = None
    tpm: float | None = None
    input_tpm: float | None = None
    output_tpm: float | None = None
    timeout: float = 300.0
    shared: bool = False
    local: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    How a request ended, as the results say it.

    Attributes:
        status: Of the answer: ok, truncated, filtered, empty; or ``"error"``; or ``"skipped"`` for
            one that was left because its lane was closed or the money was spent.
        answer: What came back; None where nothing did.
        error_type: The kind of error in a word, or ``"bad_row"``, ``"budget"``,
            ``"closed"``, ``"stopped"``; empty for none.
        error: What was wrong; empty for nothing.
        http_status: Of the last reply; 0 where there was none.
        attempts: Times that it was sent.
        waited: Seconds between attempts, all together.
        started: When the last attempt began, in seconds since the epoch; 0.0 when none did.
        request_id: The provider's name for the last request; empty when there is none.
    """

    status: str
    answer: Answer | None = None
    error_type: str = ""
    error: str = ""
    http_status: int = 0
    attempts: int = 0
    waited: float = 0.0
    started: float = 0.0
    request_id: str = ""
