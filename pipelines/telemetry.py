"""One JSON event per finished step: names and figures, never a value from the data."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

logger = logging.getLogger("tokumei")

Figure = int | float | str


@dataclass(frozen=True, slots=True)
class Event:
    """What one step came to: done or failed, or progress while it goes on; every log record carries it as `event`."""

    step: str
    dataset: str
    outcome: str
    milliseconds: int
    figures: Mapping[str, Figure]

    def __str__(self) -> str:
        described = {"step": self.step, "dataset": self.dataset, "outcome": self.outcome}
        return json.dumps({**described, "duration_ms": self.milliseconds, **self.figures})


@dataclass(slots=True)
class Step:
    """The figures of one running step; add to it with `count`."""

    name: str
    dataset: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def count(self, **figures: Figure) -> None:
        self.figures.update(figures)


@contextmanager
def record_step(name: str, dataset: str) -> Iterator[Step]:
    """Log one event when the step ends: its outcome, duration in milliseconds, and the figures it counted."""
    step, started = Step(name, dataset), time.monotonic()
    outcome = "failed"
    try:
        yield step
        outcome = "done"
    finally:
        _log(Event(name, dataset, outcome, round((time.monotonic() - started) * 1000), step.figures))


def record_progress(name: str, dataset: str, **figures: Figure) -> None:
    """Log how much more of a long step is done."""
    _log(Event(name, dataset, "progress", 0, figures))


def _log(event: Event) -> None:
    logger.info("%s", event, extra={"event": event})


def log_to_stderr(*, verbose: bool) -> None:
    """Send events to stderr, one a line; without verbose, only warnings."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
