"""Who may use the UI in a browser: whoever has the token, from a page of ours.

Whoever reaches the UI can run any command on this machine as this user. Other users of the machine
can reach the port, and so can every web page that is open in the browser.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TOKEN = "token"  # noqa: S105  the name of what the address carries

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Access:
    """
    Lets in who has the token, in the address of the first page or in the cookie since.

    Args:
        token: What is to be known.
        port: Of the server. Cookies know no ports: two servers need two names.
    """

    def __init__(self, token: str, port: int) -> None:
        self._token = token
        self._cookie = f"treadle-{port}"

    def admit(self, response: web.StreamResponse) -> None:
        """Give the cookie to who has shown the token."""
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict", path="/")

    @property
    def guard(self) -> Middleware:
        """What every request passes through, those for what is not there included."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._is_known(request) or not _is_ours(request):
                return web.Response(
                    status=403,
                    text="403: open the address that treadle ui has printed\n",
                    headers=_HEADERS,
                )
            return await handler(request)

        return check

    def _is_known(self, request: web.Request) -> bool:
        shown = [request.cookies.get(self._cookie, "")]
        if request.path == "/":
            shown.append(request.query.get(TOKEN, ""))
        # In constant time: how long it takes tells nothing about how much was right.
        token = self._token.encode()
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), token) for each in shown)


def _is_ours(request: web.Request) -> bool:
    """Tell whether a request comes from a page of this server, as browsers say it themselves."""
    origin = request.headers.get("Origin")
    if origin is None:
        # For a page or an image there is none; with a websocket, every browser sends it.
        return "upgrade" not in request.headers.get("Connection", "").lower()
    address = urlsplit(origin)
    return address.scheme in {"http", "https"} and address.netloc == request.host


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Keep what is sent out of caches, frames and the hands of other pages."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
