"""Turns the signals that end a program into exceptions, so that `with` blocks clean up, and holds them while they do."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class EndingSignals:
    """Raises KeyboardInterrupt or SystemExit where a signal arrives, or after the block that holds it back."""

    _holding: bool = False
    _held: list[int] = field(default_factory=list)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Install the handlers for the block; signals belong to the main thread, so elsewhere do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._receive) for number in ENDING}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block finish first: a half-started or half-stopped process would be left behind."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._held:
            _raise_for(self._held.pop())

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if not self._holding:
            _raise_for(number)
        self._held.append(number)


def _raise_for(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
