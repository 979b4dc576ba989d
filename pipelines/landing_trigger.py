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

Look = frozenset[tuple[int, int, int, int]]  # device, inode, size and moment of change of each file; no name


class LandingTrigger(BaseEventTrigger):
    """Fires when files that were not there before have kept still from one look to the next; tells how many.

    A file that stays, because it is held, is told once. After a start of the triggerer everything there is new.
    """

    def __init__(self, poll_seconds: float = POLL_SECONDS) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Endless; where landing is comes from the environment, so that no path is stored."""
        landing = load_settings().landing
        before: Look = frozenset()
        told: Look = frozenset()
        while True:
            now = await asyncio.to_thread(look_at, landing)
            arrived = (now & before) - told
            if arrived:
                yield TriggerEvent({"file_count": len(arrived)})
            told, before = (told | arrived) & now, now
            await asyncio.sleep(self.poll_seconds)


def look_at(landing: Path) -> Look:
    """Every finished file below the watched sources; one that is gone before it is looked at is left out."""
    return frozenset(seen for source in WATCHED_SOURCES for seen in _look_below(landing / source))


def _look_below(directory: Path) -> Iterator[tuple[int, int, int, int]]:
    for parent, _, names in os.walk(directory):
        for name in names:
            if not name.startswith("."):
                try:
                    found = os.stat(os.path.join(parent, name))  # noqa: PTH116, PTH118 - thousands at every look
                except OSError:
                    continue
                yield found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
