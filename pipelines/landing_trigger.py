"""Watches landing in Airflow's triggerer, so that ingestion starts seconds after a file arrived; looks, never reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from pipelines.settings import SOURCES, load_settings

WATCHED_SOURCES = tuple(source for source in SOURCES if source != "requests")
POLL_SECONDS = 2.0
AGAIN_SECONDS = 90.0

Seen = tuple[int, int, int, int]  # a file by its device, inode, size and moment of change: no name


class LandingTrigger(BaseEventTrigger):
    """Fires when files have kept still from one look to the next, and once more for those that stayed; tells how many.

    A file stays when it is held, or when ingestion could not tell yet whether somebody was still writing it.
    """

    def __init__(self, poll_seconds: float = POLL_SECONDS, again_seconds: float = AGAIN_SECONDS) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self.again_seconds = again_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"poll_seconds": self.poll_seconds, "again_seconds": self.again_seconds}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Endless; where landing is comes from the environment, so that no path is stored."""
        landing, looks = load_settings().landing, dict[Seen, int]()
        telling = {1, round(self.again_seconds / self.poll_seconds)}
        while True:
            seen = await asyncio.to_thread(look_at, landing)
            looks = {file: looks.get(file, -1) + 1 for file in seen}
            at_rest = sum(count in telling for count in looks.values())
            if at_rest:
                yield TriggerEvent({"file_count": at_rest})
            await asyncio.sleep(self.poll_seconds)


def look_at(landing: Path) -> frozenset[Seen]:
    """Every finished file below the watched sources; one that is gone before it is looked at is left out."""
    return frozenset(seen for source in WATCHED_SOURCES for seen in _look_below(landing / source))


def _look_below(directory: Path) -> Iterator[Seen]:
    for parent, _, names in os.walk(directory):
        for name in names:
            if not name.startswith("."):
                try:
                    found = os.stat(os.path.join(parent, name))  # noqa: PTH116, PTH118 - thousands at every look
                except OSError:
                    continue
                yield found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
