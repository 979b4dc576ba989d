"""The process that serves: no log of who asked for what, no name of the software, nothing but HTTP."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

MOST_CONNECTIONS = 256
IDLE_SECONDS = 5


def serve(application: ASGIApp, host: str, port: int) -> None:
    """Serve until the process is told to end."""
    uvicorn.run(
        application,
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        log_level="warning",
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
    )
