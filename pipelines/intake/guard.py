"""Stands before the application: rates, sizes, slow bodies, and whatever nobody foresaw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.intake.problems import DEFECT, SLOW, TOO_LARGE, TOO_MANY, Problem
from pipelines.intake.rates import Buckets, Limits, name_asker
from pipelines.journeys.chunk import describe_error
from pipelines.telemetry import logger

STATUS_PATH = "/status/"
ALWAYS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
NO_CONTENT_OF_OTHERS = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Guard:
    """An ASGI application that lets through what keeps to the limits, its body read whole."""

    def __init__(self, application: ASGIApp, limits: Limits) -> None:
        self._application, self._limits = application, limits
        self._addresses, self._pages = Buckets(limits.address), Buckets(limits.pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        answered = _Answer(send)
        try:
            await self._let_through(scope, receive, answered)
        except Exception as error:  # noqa: BLE001 - the server would log it with whatever it holds
            logger.error("tokumei: a request could not be handled: %s", describe_error(error))
            if not answered.is_begun:
                await DEFECT.respond()(scope, receive, answered)

    async def _let_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_within_rates(scope):
            await TOO_MANY.respond()(scope, receive, send)
            return
        body = await self._read_body(Headers(scope=scope), receive)
        if isinstance(body, Problem):
            await body.respond()(scope, receive, send)
            return
        await self._application(scope, _give(body, receive), send)

    def _is_within_rates(self, scope: Scope) -> bool:
        asker = name_asker((scope.get("client") or ("",))[0])
        is_page = scope["path"].startswith(STATUS_PATH)
        return self._addresses.take(asker) and (not is_page or self._pages.take(asker))

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes | Problem:
        """The body, or what is wrong with it; nothing more is read than the limit and one piece."""
        declared = headers.get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()) or int(declared[:18]) > self._limits.body_bytes:
            return TOO_LARGE
        pieces, size, is_ended = list[bytes](), 0, False
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while not is_ended:
                    message = await receive()
                    pieces.append(message.get("body", b""))
                    size += len(pieces[-1])
                    is_ended = message["type"] != "http.request" or not message.get("more_body", False)
                    if size > self._limits.body_bytes:
                        return TOO_LARGE
        except TimeoutError:
            return SLOW
        return b"".join(pieces)


class _Answer:
    """Sends a response on with the headers that each of them has."""

    def __init__(self, send: Send) -> None:
        self._send, self.is_begun = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers[name] = value
            headers.setdefault("Content-Security-Policy", NO_CONTENT_OF_OTHERS)
        await self._send(message)


def _give(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, once; then whatever the server says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give
