"""The plugin by which Airflow shows the compliance pages: 'Privacy' in its navigation, served below /privacy.

Every component of Airflow loads its plugins, the processor of DAG files too, so nothing heavy is imported here; the
pages are made at their first request.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/privacy"
MOST_BYTES = 64 * 1024  # of what a form may send

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class LazyConsole:
    """An ASGI application that becomes the console at the first request."""

    def __init__(self) -> None:
        self._console: FastAPI | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if is_too_large(scope):
            await refuse(send)
            return
        console: FastAPI = await asyncio.to_thread(self._build) if self._console is None else self._console
        await console(scope, receive, send)

    def _build(self) -> FastAPI:
        with self._lock:
            if self._console is None:
                self._console = build_console()
            return self._console


def build_console() -> FastAPI:
    """The console over the installation that the environment names."""
    from pipelines.console.airflow_login import AirflowAuthority
    from pipelines.console.application import create_application
    from pipelines.journeys.house import House, open_house
    from pipelines.settings import load_settings

    def open_current_house() -> House:
        return open_house(load_settings())

    return create_application(open_current_house, AirflowAuthority(open_current_house))


def is_too_large(scope: Scope) -> bool:
    """Tell whether a request brings more than any of our forms, or does not say how much."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length) > MOST_BYTES


async def refuse(send: Send) -> None:
    """Answer 413 without reading what is sent."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"The form is too large."})


APPLICATIONS = [{"app": LazyConsole(), "url_prefix": PREFIX, "name": "Privacy"}]
VIEWS = [
    {
        "name": "Privacy",
        "href": f"{PREFIX}/",
        "destination": "nav",
        "url_route": "privacy",
        "nav_top_level": True,
    }
]


class PrivacyPlugin(AirflowPlugin):
    """What Airflow reads: the pages, and where its navigation shows them."""

    name = "tokumei_privacy"
    fastapi_apps: list[Any] = APPLICATIONS
    external_views: list[Any] = VIEWS
