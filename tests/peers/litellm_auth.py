"""Keys whose name says their limit, for a LiteLLM proxy without a database.

The proxy loads it from beside its configuration. ``sk-rpm-40-test`` may send 40 requests in a
window, ``sk-tpm-300-test`` 300 tokens, ``sk-parallel-2-test`` two at once, ``sk-free-0-test``
anything; the last part keeps the counters of tests apart. All other keys are refused.
"""

from __future__ import annotations

from fastapi import Request
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

LIMITS = {
    "rpm": "rpm_limit",
    "tpm": "tpm_limit",
    "parallel": "max_parallel_requests",
}


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Return the limits of a key."""
    match api_key.split("-"):
        case ["sk", "free", _, _]:
            return UserAPIKeyAuth(api_key=api_key)
        case ["sk", kind, number, _] if kind in LIMITS:
            return UserAPIKeyAuth(api_key=api_key, **{LIMITS[kind]: int(number)})
    raise ProxyException("no such key", type="auth_error", param="None", code=401)
