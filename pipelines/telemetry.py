"""One JSON event per finished step: names and figures, never a value from the data."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

logger = logging.getLogger("tokumei")

Figure = int | float | str


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
        milliseconds = round((time.monotonic() - started) * 1000)
        event = {"step": name, "dataset": dataset, "outcome": outcome, "duration_ms": milliseconds, **step.figures}
        logger.info("%s", json.dumps(event))


def log_to_stderr(*, verbose: bool) -> None:
    """Send events to stderr, one a line; without verbose, only warnings."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
