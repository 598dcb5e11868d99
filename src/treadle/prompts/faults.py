"""Say what a failed request means: by its status, by what the reply says, and by its headers.

None of these can be trusted alone: a 429 may mean too fast, too many at once, nothing left to
spend, or too long for any limit; its body may call itself an internal error; and an error may come
with status 200. Words that name a cause count first, then the status.
"""

from __future__ import annotations

import base64
import html
import operator
import os
import re
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote_plus, urlsplit

from treadle.prompts import errors, headers

if TYPE_CHECKING:
    from treadle.prompts.providers.base import HttpReply
    from treadle.prompts.values import Answer

SHOWN = 300
"""Characters of a server's own words that a message holds."""


def failure_of(reply: HttpReply, *, provider: str) -> errors.RequestFailed:
    """
    Return the failure that *reply* means: a status of 300 or more, or an ``error`` with less.

    Args:
        reply: What came back.
        provider: Who was asked, for messages.
    """
    said = _said(reply)
    told = headers.announced(
        reply.headers,
        status=said.status,
        body=reply.body.decode("utf-8", "replace"),
        now=time.time(),
    )
    kind = _kind(said, told.exceeded)
    words = redacted(said.text, reply.secrets)[:SHOWN] or excerpt(reply)
    status = f"HTTP {reply.status}"
    if said.status != reply.status:
        status += f" with error {said.status}"
    failure = kind(
        f"{status}: {words or 'without a word'}",
        hint=_hint(kind, said, provider),
        status=reply.status,
        request_id=request_id(reply),
        retry_after=told.retry_after,
        limits=headers.kept(reply.headers),
    )
    if isinstance(failure, errors.ModelNotFound):
        failure.missing = _missing(said)
    return failure


def no_json(reply: HttpReply, *, provider: str) -> errors.BadReply:
    """Return the failure of a *reply* that claims success and is empty, cut off or no JSON."""
    shown = excerpt(reply)
    what = "the reply is no JSON, or cut off" if reply.body.strip() else "the reply is empty"
    return errors.BadReply(
        f"HTTP {reply.status}: {what}" + (f": {shown}" if shown else ""),
        hint=f"does the url of {provider} end where the API begins, often in /v1?",
        status=reply.status,
        request_id=request_id(reply),
        limits=headers.kept(reply.headers),
    )


def network_failure(
    error: BaseException,
    *,
    provider: str = "the server",
    url: str = "",
    timeout: float | None = None,
    idle: float | None = None,
    secrets: Sequence[str] = (),
) -> errors.RequestFailed:
    """
    Return the failure that *error* means, which was raised while a request was on its way.

    Args:
        error: Of aiohttp or of the system.
        provider: Who was asked, for messages.
        url: Where the request went.
        timeout: The seconds that it had, for messages.
        idle: The seconds between two pieces that it had, for messages.
        secrets: What the request held and no message may show.
    """
    import aiohttp

    place = site_of(url)
    words = redacted(_words(error), secrets)[:SHOWN]
    match error:
        case aiohttp.ConnectionTimeoutError():
            return errors.NetworkError(
                f"no connection to {place} in time",
                hint=f"is the address of {provider} right, and does a proxy stand before it?",
            )
        case aiohttp.SocketTimeoutError():
            return errors.NoReply(
                f"nothing more came from {place}" + (f" for {idle:g} s" if idle else ""),
                hint="a longer idle-timeout may help",
            )
        case TimeoutError():
            return errors.NoReply(
                f"no answer from {place}" + (f" within {timeout:g} s" if timeout else " in time"),
                hint="a longer --timeout may help, or a smaller max_tokens",
            )
        case aiohttp.ClientPayloadError():
            return errors.BadReply(f"the reply of {place} was cut off: {words}")
        case aiohttp.ClientConnectorDNSError():
            return errors.NetworkError(
                f"no address is known for {place}: {_system_words(error.os_error)}",
                hint=f"look at the url of {provider}, and at the network",
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return errors.NetworkError(
                f"no secure connection to {place}: {words}",
                hint="a server without a certificate is reached by http://, and a company's own"
                " authority is named by SSL_CERT_FILE",
            )
        case aiohttp.ClientConnectorError():
            return errors.NetworkError(
                f"no connection to {place}: {_system_words(error.os_error)}",
                hint=f"does {provider} run, and is its url right?",
            )
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            failure = errors.ModelNotFound(
                f"{place} is no address", hint=f"look at the url of {provider}: http://host:port/v1"
            )
            failure.missing = "address"
            return failure
        case aiohttp.ClientResponseError():
            return errors.BadReply(
                f"{place} does not answer in HTTP: {words}",
                hint=f"look at the url of {provider}: its port may be another program's",
            )
        case aiohttp.ClientError() | OSError():
            return errors.ConnectionLost(f"the connection to {place} broke: {words}")
        case _ if isinstance(error, ValueError) and hasattr(error, "doc"):  # of the json module
            return errors.BadReply(f"a piece of the answer of {place} is no JSON: {words}")
        case _:
            return errors.BadRequest(
                f"the request to {place} cannot be sent: {words}",
                hint=f"look at the url and the headers of {provider}",
            )


def _words(error: BaseException) -> str:
    """Return what *error* says, without the whole url, which some put behind it."""
    import aiohttp

    said = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return said or type(error).__name__


def _system_words(error: OSError) -> str:
    """Return what the system calls *error*: asyncio writes the address into it once more."""
    if isinstance(error, socket.gaierror) or not error.errno or error.errno < 0:
        return _line(error.strerror or str(error))[:SHOWN]
    return os.strerror(error.errno).lower()


def request_id(reply: HttpReply) -> str:
    """Return what the provider calls the request; empty when it does not say."""
    for name in _REQUEST_IDS:
        if found := reply.headers.get(name):
            return found
    value = reply.json
    if not isinstance(value, dict):
        return ""
    found = value.get("id") or value.get("request_id")
    return found if isinstance(found, str) else ""


_REQUEST_IDS = (
    "x-request-id",
    "request-id",  # Anthropic
    "apim-request-id",  # Azure
    "x-litellm-call-id",
    "x-generation-id",  # OpenRouter
)


def excerpt(reply: HttpReply) -> str:
    """
    Return the beginning of the body of *reply* as one line of text; of a page in HTML, its words.

    What the request held and no message may show is not in it.
    """
    body = reply.body[: 40 * SHOWN].decode("utf-8", "replace")
    # Half of what was looked through goes: a secret that it ends with is none to be recognised.
    text = redacted(body, reply.secrets)[: 20 * SHOWN]
    if _PAGE.match(text):
        title = _TITLE.search(text)
        text = title[1] if title and title[1].strip() else _TAGS.sub(" ", text)
        text = html.unescape(text)
    return _line(text)[:SHOWN]


_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)<", re.IGNORECASE)
_TAGS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


# --- secrets --------------------------------------------------------------------------------------


def secrets_in(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return what no message may show of a request: its key, wherever it stands.

    Args:
        url: Where it goes: names and passwords in it, and the values of its query.
        headers: All of them but those that are known to be harmless.
    """
    found: list[str] = []
    try:
        parts = urlsplit(url)
        found += [parts.username or "", parts.password or ""]
    except ValueError:  # the rest of it is looked through all the same
        pass
    for pair in url.partition("?")[2].partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        if name.lower() not in _HARMLESS_PARAMETERS:
            found += [value, unquote_plus(value), quote(unquote_plus(value), safe="")]
    for name, value in headers.items():
        if name.lower() not in _HARMLESS:
            last = value.rpartition(" ")[2]
            found += [value, last]
            if value.lower().startswith("basic "):
                found.append(_password(last))
    return tuple(dict.fromkeys(text for text in map(str.strip, found) if len(text) >= _SHORTEST))


# A shorter one would blacken innocent letters.
_SHORTEST = 4
_HARMLESS_PARAMETERS = {"", "api-version", "beta", "limit"}
_HARMLESS = {
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "http-referer",
    "user-agent",
    "x-client-request-id",
    "x-title",
}


def _password(encoded: str) -> str:
    """Return the password in the value of a header, as `lane_settings` makes it of a url."""
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""


def keys_in(key: str, url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return what no answer may show, should a server repeat it: what can be nothing but a key.

    Messages hide more. In an answer, each word that is blackened may be one that was paid for:
    local servers get ``ollama`` or ``anything`` for a key.

    Args:
        key: Of the lane; empty when it has none.
        url: Its base URL.
        headers: Those of its settings.
    """
    named = {name: value for name, value in headers.items() if is_secret_header(name)}
    found = (key.strip(), *secrets_in(url, named))
    # The longest first: one may begin with another.
    return tuple(sorted({*filter(_is_unmistakable, found)}, key=len, reverse=True))


def _is_unmistakable(text: str) -> bool:
    return len(text) >= _LONG or (len(text) >= _TELLING and not text.isalpha())


# Words that people use for a key where none is needed are shorter, or letters alone.
_TELLING, _LONG = 8, 16


def is_secret_header(name: str) -> bool:
    """Tell whether the value of the header *name* is a key, by the name alone."""
    return _SECRET_HEADER.search(name) is not None


_SECRET_HEADER = re.compile(
    r"authorization$|cookie$|(?:^|[-_])(?:api-?)?(?:key|token|secret|password)$", re.IGNORECASE
)


def clean(answer: Answer, secrets: Sequence[str]) -> None:
    """Take the *secrets* out of all that *answer* says, should a server repeat them."""
    for name in ("text", "finish", "model", "request_id", "warnings", "limits", "raw"):
        said = getattr(answer, name)
        if said and (cleaned := _without(said, secrets)) is not said:
            setattr(answer, name, cleaned)


def _without(value: Any, secrets: Sequence[str], depth: int = 0) -> Any:
    """Return *value*, itself where none of the *secrets* is in it; what is too deep is None."""
    if isinstance(value, str):
        for secret in secrets:
            if secret in value:
                value = value.replace(secret, "***")
        return value
    if isinstance(value, (Mapping, list, tuple)) and depth > _DEEP:
        return None
    if isinstance(value, Mapping):
        names = _without(list(value), secrets, depth)
        items = _without(list(value.values()), secrets, depth)
        is_same = _are_same(names, value) and _are_same(items, value.values())
        return value if is_same else dict(zip(names, items, strict=True))
    if isinstance(value, (list, tuple)):
        items = [_without(each, secrets, depth + 1) for each in value]
        return value if _are_same(items, value) else type(value)(items)
    return value


# Levels of JSON that nobody writes, and that a walk through them could not bear.
_DEEP = 100


def _are_same(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return all(map(operator.is_, new, old))


def redacted(text: str, secrets: Sequence[str] = ()) -> str:
    """Return *text* without the *secrets*, and without what looks like a key."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin with another
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return _KEYS.sub(lambda match: f"{match[1] or match[2]}***", text)


def redact(error: BaseException, secrets: Sequence[str]) -> None:
    """Take the *secrets* out of all that *error* says and a record keeps: notes, causes too."""
    if isinstance(error, errors.RequestFailed):
        error.args = (redacted(error.message, secrets),)
        error.hint = None if error.hint is None else redacted(error.hint, secrets)
        error.request_id = redacted(error.request_id, secrets)
    notes = getattr(error, "__notes__", None)
    if notes:
        notes[:] = [redacted(str(note), secrets) for note in notes]
    if cause_of(error.__cause__ or error.__context__, secrets) is None:
        error.__cause__ = error.__context__ = None


def cause_of(error: BaseException | None, secrets: Sequence[str]) -> BaseException | None:
    """Return *error* as the cause of another one; None when its own words, or causes, tell."""
    each, seen = error, set[int]()
    while each is not None and id(each) not in seen:
        said = f"{each} {each!r} {getattr(each, '__notes__', '')}"
        if redacted(said, secrets) != said:
            return None
        seen.add(id(each))
        each = each.__cause__ or each.__context__
    return error


# The keys of OpenAI, Anthropic and OpenRouter (sk-), of Google, Groq, xAI and Hugging Face.
_KEYS = re.compile(
    r"\b(sk-|AIza|gsk_|xai-|hf_)[\w*.\-]{6,}|\b(Bearer\s+)[\w*.\-/+=]{6,}", re.IGNORECASE
)


@dataclass(slots=True)
class _Said:
    """
    What a reply says of its error.

    Attributes:
        status: Its HTTP status, or the one that its body names where that claims success.
        words: All codes and types in it, in lower case.
        text: Its message.
    """

    status: int
    words: frozenset[str]
    text: str


def _said(reply: HttpReply) -> _Said:
    found = _error_in(reply.json)
    entries = _entries(found)
    words = {
        str(value).lower()
        for entry in entries
        for name in ("code", "type", "status", "reason", "error_type")
        if (value := entry.get(name)) and isinstance(value, (str, int))
    }
    return _Said(_status(reply.status, words), frozenset(words), _line(_text(found)))


def _error_in(value: Any) -> Any:
    """Return the error in the JSON of a reply, wherever its dialect keeps it."""
    if isinstance(value, list) and value:  # Google
        value = value[0]
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    if value.get("error"):
        error = value["error"]
        # Ollama, proxies: text beside other fields. FastAPI keeps all of it in `detail`.
        return error if isinstance(error, dict) else {**value, "message": error}
    choices = value.get("choices")
    if isinstance(choices, list):  # OpenRouter
        broken = (choice.get("error") for choice in choices if isinstance(choice, dict))
        return next(filter(None, broken), None)
    detail = value.get("detail")
    if isinstance(detail, dict):
        return _error_in(detail) if detail.get("error") else detail
    return value


def _entries(error: Any) -> list[Mapping[str, Any]]:
    """Return *error* and what is nested in it: Azure, OpenRouter and Google keep causes there."""
    if not isinstance(error, dict):
        return []
    nested = [error.get("innererror"), error.get("metadata")]
    details = error.get("details")
    nested += details if isinstance(details, list) else []
    return [error, *(entry for entry in nested if isinstance(entry, dict))]


def _text(error: Any) -> str:
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    message = next(
        (error[name] for name in ("message", "detail", "error", "msg", "title") if error.get(name)),
        "",
    )
    if isinstance(message, list):  # FastAPI: one entry for each field that is wrong
        message = "; ".join(_field(entry) for entry in message)
    text = message if isinstance(message, str) else str(message)
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if raw and isinstance(metadata, dict):  # OpenRouter: what the one behind it said
        text += f" ({metadata.get('provider_name') or 'upstream'}: {raw})"
    return text


def _field(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    place = entry.get("loc")
    name = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{name}: {entry.get('msg', entry)}" if name else str(entry.get("msg", entry))


def _status(status: int, words: set[str]) -> int:
    if status >= 300:
        return status
    named = (int(word) for word in words if word.isascii() and word.isdigit() and len(word) == 3)
    return next((number for number in named if 400 <= number < 600), status)


def _line(text: str) -> str:
    """Return *text* in one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _kind(said: _Said, exceeded: str | None) -> type[errors.RequestFailed]:
    """Return the class of the failure."""
    words, text, status = said.words, said.text[:_READ].lower(), said.status
    if status == 402 or words & _QUOTA or (status in _QUOTA_TEXTS and _QUOTA_TEXTS[status](text)):
        return errors.OutOfQuota
    text = _unquoted(text)
    if words & _OVERFLOW or (status not in {401, 403} and _OVERFLOW_TEXT.search(text)):
        return errors.ContextOverflow
    if words & _FILTER or (status in {400, 403} and _FILTER_TEXT.search(text)):
        return errors.Filtered
    if words & _NO_MODEL or (status in {400, 422} and _NO_MODEL_TEXT.search(text)):
        return errors.ModelNotFound
    if status == 429 or words & _TOO_FAST:
        at_once = exceeded == "max_parallel_requests" or (
            exceeded is None and _AT_ONCE_TEXT.search(text)
        )
        return errors.TooManyAtOnce if at_once else errors.RateLimited
    if status in {401, 403, 407} or words & _KEY:
        return errors.Unauthorized
    return _by_status(status, words)


def _unquoted(text: str) -> str:
    """Return *text* without what it quotes, which are the words of others; names stay."""
    if '{"' in text or "{'" in text:  # a proxy hands on the reply of another server in its own
        return text
    return _QUOTED.sub(lambda match: match[0] if match[2].split() == [match[2]] else "", text)


# An apostrophe stands behind a letter, and opens nothing.
_QUOTED = re.compile(r"(?<!\w)(['\"`])(.{1,2000}?)\1(?!\w)", re.DOTALL)
_READ = 8_000  # characters of a message that are looked at


def _missing(said: _Said) -> Literal["model", "address", ""]:
    """Return what is not there, where no other reading is possible."""
    if said.words & _NO_MODEL:
        return "model"
    if said.status == 405 or not said.text:
        return "address"
    return "address" if _NO_PATH_TEXT.match(said.text[:_READ].lower()) else ""


def _by_status(status: int, words: frozenset[str]) -> type[errors.RequestFailed]:
    """Return the class where nothing but the status, or the general kind of error, tells."""
    if status in {503, 529} or words & _OVERLOADED:
        return errors.Overloaded
    if status == 413:
        return errors.ContextOverflow
    if status in {404, 405, 410}:
        return errors.ModelNotFound
    if status in {408, 409, 425} or (status >= 500 and status not in {501, 505}):
        return errors.ServerError
    if status < 300 and not words & {"invalid_request_error", "invalid_prompt"}:
        return errors.ServerError  # it had begun, and broke
    return errors.BadRequest


_QUOTA = {
    "access_terminated",
    "billing_hard_limit_reached",
    "billing_not_active",
    "budget_exceeded",  # LiteLLM
    "insufficient_balance",
    "insufficient_credits",
    "insufficient_quota",
    "payment_required",
}
_QUOTA_TEXT = re.compile(
    r"insufficient_quota|insufficient (?:credits|balance|funds)|credit balance is too low"
    r"|budget has been exceeded"
)
# With any other status a text is about the request, whose own words it may repeat.
_QUOTA_TEXTS = {
    400: re.compile(r"^your credit balance is too low|balance is too low to access the").search,
    403: _QUOTA_TEXT.search,
    429: _QUOTA_TEXT.search,
}
_OVERFLOW = {
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context_size_error",  # llama.cpp
    "string_above_max_length",
}
_OVERFLOW_TEXT = re.compile(
    r"maximum context length|context_length_exceeded|contextwindowexceeded"
    r"|exceeds? the (?:available |maximum |model'?s? )*context|longer than the (?:\w+ )*context"
    r"|prompt is too long|input is too long"
    # No waiting helps with one request that is larger than what a whole minute allows.
    r"|request too large .*requested"
)
_FILTER = {
    "blocked",
    "content_filter",
    "content_policy_violation",
    "data_inspection_failed",
    "moderation_blocked",
    "prohibited_content",
    "responsibleaipolicyviolation",  # Azure
}
_FILTER_TEXT = re.compile(
    r"content management policy|content_filter|content ?policy|flagged|usage polic"
)
_NO_MODEL = {
    "deploymentnotfound",  # Azure
    "invalid_model",
    "model_not_found",
    "model_not_available",
}
_NO_MODEL_TEXT = re.compile(
    r"invalid model name|not a valid model|no such model|unknown model"
    r"|\bmodel:?(?: \S{1,200})?(?: was| is)? (?:not found|does not exist|not exist)"
)
# What servers say of a path that they do not have.
_NO_PATH_TEXT = re.compile(
    r"(?:404 )?(?:(?:page|file|resource|path|route|endpoint|url|the requested url) )?(?:was )?"
    r"not found\W*$|invalid url|cannot (?:get|post) |no (?:such )?route|unknown (?:path|url|route)"
    r"|method not allowed"
)
_TOO_FAST = {
    "rate_limit_error",
    "rate_limit_exceeded",
    "resource_exhausted",  # Google
    "throttling_error",
    "too_many_requests",
}
_AT_ONCE_TEXT = re.compile(
    r"max_parallel|parallel requests|concurren|simultaneous|too many (?:open |active )?connections"
)
_KEY = {
    "api_key_invalid",  # Google
    "authentication_error",
    "invalid_api_key",
    "no_db_connection",  # LiteLLM without a database: any other key than its own
    "permission_error",
}
_OVERLOADED = {"overloaded", "overloaded_error", "engine_overloaded", "unavailable"}


def _hint(kind: type[errors.RequestFailed], said: _Said, provider: str) -> str | None:
    if 300 <= said.status < 400:
        return f"the server is elsewhere: look at the url of {provider}"
    if kind is errors.ContextOverflow and "request too large" in said.text.lower():
        return "a shorter prompt or a smaller max_tokens, or a higher limit of tokens per minute"
    if kind is errors.ModelNotFound and "model" not in said.text.lower():
        return f"nothing is asked there: look at the url of {provider}, which often ends in /v1"
    hint = _HINTS.get(kind)
    return hint.format(provider=provider) if hint else None


_HINTS: dict[type[errors.RequestFailed], str] = {
    errors.Unauthorized: "look at the key of {provider}, and at what it is allowed to do",
    errors.OutOfQuota: "look at the balance and the limits of the account at {provider}",
    errors.ContextOverflow: "a shorter prompt, or a model with a larger context window",
    errors.ModelNotFound: "`treadle prompts models {provider}` lists those that there are",
    errors.Filtered: "the provider refuses this content; other words may pass",
}


def site_of(url: str) -> str:
    """Return scheme, host and port of *url*: what stands around them may be secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "the url"
    if not host:
        return redacted(url) or "the server"
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
