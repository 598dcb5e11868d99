"""Why a request failed: one class for each kind, for each has another cure.

    RequestFailed            catch this to catch all of them
    ├── RateLimited          429: too fast; wait
    ├── TooManyAtOnce        429: too many in flight; shrink
    ├── Overloaded           503, 529: the provider has too much to do
    ├── ServerError          5xx, and others that pass by themselves
    ├── NetworkError         no connection can be made
    │   └── ConnectionLost   it broke
    ├── NoReply              no answer within the timeout (also TimeoutError)
    ├── BadReply             the reply makes no sense: cut off, no JSON, nothing in it
    │   └── NotUnderstood    it is whole, but no answer as this provider writes it
    ├── Unauthorized         401, 403: the key is wrong
    ├── OutOfQuota           402, insufficient_quota: nothing left to spend
    ├── BadRequest           400, 422 and the like: the request is wrong
    ├── ContextOverflow      the prompt is too long for the model
    ├── ModelNotFound        404: no such model, or a wrong address
    └── Filtered             the provider refuses the content

The column ``_error_type`` has the ``kind`` of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import treadle

REQUEST_ID_NOTE = "request id: "
"""How the note of an exception begins that keeps the request's name in a record."""


class RequestFailed(treadle.TreadleError):
    """
    A request without an answer.

    Args:
        message: What is wrong: a lower-case fragment. Never holds a key.
        hint: What to do about it.
        status: The HTTP status; 0 when there was no reply.
        request_id: The provider's name for the request; empty when there is none.
        retry_after: Seconds that the server asks to wait; None when it does not.
        limits: Headers of the reply that speak of rate limits, raw.

    Attributes:
        kind: The kind in a word, as in the column ``_error_type``.
        again: The same request may succeed later.
        lane_fault: The lane rather than the request is at fault: repeated, it closes the lane.
        closes_lane: No request of this lane can succeed until somebody does something.
    """

    kind: ClassVar[str] = "failed"
    again: ClassVar[bool] = False
    lane_fault: bool = False
    closes_lane: bool = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int = 0,
        request_id: str = "",
        retry_after: float | None = None,
        limits: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.limits = dict(limits or {})
        if request_id:
            self.add_note(f"{REQUEST_ID_NOTE}{request_id}")  # notes stay in the record of a run


class RateLimited(RequestFailed):
    """The lane was too fast; it must wait."""

    kind = "rate_limited"
    again = True


class TooManyAtOnce(RequestFailed):
    """Too many requests were in flight; the lane must shrink, not wait."""

    kind = "too_many_at_once"
    again = True


class Overloaded(RequestFailed):
    """The provider has too much to do."""

    kind = "overloaded"
    again = True


class ServerError(RequestFailed):
    """The provider failed; it may be better the next time."""

    kind = "server_error"
    again = True


class NetworkError(RequestFailed):
    """No connection could be made."""

    kind = "network"
    again = True
    lane_fault = True


class ConnectionLost(NetworkError):
    """The connection broke: bad luck of one request rather than of the lane."""

    lane_fault = False


class NoReply(RequestFailed, TimeoutError):
    """No answer came in time."""

    kind = "timeout"
    again = True


class BadReply(RequestFailed):
    """The reply cannot be understood: cut off, no JSON, or without an answer."""

    kind = "bad_reply"
    again = True


class NotUnderstood(BadReply):
    """
    The reply is whole, but in another form than this provider's.

    It may be paid for, and the next one would look the same: it is not asked for again.
    """

    kind = "not_understood"
    again = False


class Unauthorized(RequestFailed):
    """The key is missing, wrong or not allowed to do this."""

    kind = "unauthorized"
    closes_lane = True


class OutOfQuota(RequestFailed):
    """The account has nothing left to spend."""

    kind = "out_of_quota"
    closes_lane = True


class BadRequest(RequestFailed):
    """The provider does not understand the request."""

    kind = "bad_request"


class ContextOverflow(BadRequest):
    """The prompt is too long for the model."""

    kind = "context_overflow"


class ModelNotFound(RequestFailed):
    """
    There is no such model, or nothing at that address.

    Attributes:
        missing: What is not there, where the reply leaves no doubt; empty when it might also be
            something that only this request names.
    """

    kind = "not_found"
    missing: Literal["model", "address", ""] = ""


class Filtered(RequestFailed):
    """The provider refuses to answer for the content."""

    kind = "filtered"


def is_perhaps_charged(kind: type[BaseException] | None, status: int) -> bool:
    """
    Tell whether an attempt that failed may have been answered, and charged for, all the same.

    That is so unless the provider has refused it or was never reached: a gateway gives up while the
    model goes on, and a connection that breaks may have brought half of an answer.

    Args:
        kind: The class of the failure; None for one that is not known.
        status: The HTTP status of the reply; 0 when there was none.
    """
    if kind is not None and issubclass(kind, treadle.BadRowError):
        return False
    if kind is not None and issubclass(kind, NetworkError):
        return issubclass(kind, ConnectionLost)
    return not 400 <= status < 500


KINDS: dict[str, type[RequestFailed]] = {}
"""All kinds by the qualified name of their class, as a record of a run has it."""


def _collect(parent: type[RequestFailed]) -> None:
    KINDS[f"{parent.__module__}.{parent.__qualname__}"] = parent
    for child in parent.__subclasses__():
        _collect(child)


_collect(RequestFailed)
