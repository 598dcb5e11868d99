"""A page for each browser window, and a process of the UI behind each page."""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import textual_serve.server
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from treadle.tui.web.access import TOKEN, Access, add_headers, only_ours

_STATIC = Path(textual_serve.server.__file__).parent / "static"
_PAGE = Path(__file__).with_name("page.html")
_PATIENCE = 3.0  # seconds in which a process of the UI is to end by itself
_HEARTBEAT = 15.0  # seconds after which a browser that has gone without a word is noticed
_LARGEST = 1000  # columns or rows; more is no window


class Pages:
    """
    What the server answers.

    Args:
        command: Starts the UI, as a program and its arguments.
        access: Who may connect.
    """

    def __init__(self, command: Sequence[str], access: Access) -> None:
        # Without ``exec``, the shell in between would be all that is ended.
        self._command = f"exec {shlex.join(command)}"
        self._access = access
        self._downloads = DownloadManager()
        self._open: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        """Return it as aiohttp serves it."""
        made = web.Application(middlewares=[only_ours])
        made.on_response_prepare.append(add_headers)
        made.on_shutdown.append(self._close_all)
        made.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws/{shown}", self._session),
                web.get("/download/{key}", self._download),
                web.static("/static", _STATIC),
            ]
        )
        return made

    async def _page(self, request: web.Request) -> web.StreamResponse:
        nonce = secrets.token_urlsafe(16)
        scheme = "wss" if request.scheme == "https" else "ws"
        text = _PAGE.read_text(encoding="utf-8")
        text = text.replace("{{ nonce }}", nonce).replace("{{ token }}", TOKEN)
        text = text.replace("{{ websocket }}", f"{scheme}://{_quoted(request.host)}/ws")
        response = web.Response(text=text, content_type="text/html")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'strict-dynamic'; "
            f"style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {scheme}://{_quoted(request.host)}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response

    async def _session(self, request: web.Request) -> web.StreamResponse:
        if not self._access.is_known(request.match_info["shown"]):
            raise web.HTTPForbidden
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT)
        await socket.prepare(request)
        self._open.add(socket)
        service = AppService(
            self._command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,  # type: ignore[arg-type]  # its result is not looked at
            download_manager=self._downloads,
        )
        try:
            await service.start(_size(request, "width", 80), _size(request, "height", 24))
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    await _pass_on(message.json(), socket, service)
        finally:
            self._open.discard(socket)
            # Shielded: a browser that goes away cancels this, and the process must end even so.
            await asyncio.shield(_end(service))
        return socket

    async def _download(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]  # which nobody can guess: it is drawn for one download
        try:
            about = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound from None
        response = web.StreamResponse()
        response.content_type = about.mime_type or "application/octet-stream"
        # Never shown in place: a file must not become a page of this server.
        response.headers["Content-Disposition"] = f"attachment; filename={_quoted(about.file_name)}"
        await response.prepare(request)
        async for piece in self._downloads.download(key):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _close_all(self, _: web.Application) -> None:
        for socket in list(self._open):
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)


async def _pass_on(said: Any, socket: web.WebSocketResponse, service: AppService) -> None:
    """Pass on what the page says; what it cannot have said is not heard."""
    match said:
        case ["stdin", str(keys)]:
            await service.send_bytes(keys.encode())
        case ["resize", {"width": int(width), "height": int(height)}] if (
            0 < width <= _LARGEST and 0 < height <= _LARGEST
        ):
            await service.set_terminal_size(width, height)
        case ["ping", what]:
            await socket.send_json(["pong", what])
        case ["focus", *_]:
            await service.focus()
        case ["blur", *_]:
            await service.blur()
        case _:
            pass


async def _end(service: AppService) -> None:
    """Have the process of the UI end, kindly at first."""
    process = service._process  # noqa: SLF001  what it gives out has no way to kill
    if process is None:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            with suppress(ConnectionError):  # it has ended by itself
                await service.stop()
            await process.wait()
    if process.returncode is None:
        # The process alone: the runs that it has started are to go on without it.
        with suppress(psutil.NoSuchProcess):
            psutil.Process(process.pid).kill()
        await process.wait()


def _size(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, "")
    return min(int(text), _LARGEST) if text.isdecimal() and int(text) else usual


def _quoted(text: str) -> str:
    """Leave nothing in *text* that could end an attribute or a header."""
    return "".join(each for each in text if each.isalnum() or each in ".:-_[]")
