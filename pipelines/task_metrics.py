"""Figures of steps as Airflow's own metrics, StatsD or OpenTelemetry, as `[metrics]` of its configuration says.

Each step gives `tokumei.STEP.DATASET.FIGURE` (a counter for every figure), `….duration` (a timer) and `….done` or
`….failed` (a counter). Names and numbers come from the program; no text from the data can become one.
"""

from __future__ import annotations

import logging
import re

from airflow.sdk.observability import stats

from pipelines.telemetry import Event, logger

PREFIX = "tokumei"


class MetricsHandler(logging.Handler):
    """Turns the event of a log record into metrics."""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            send_event(event)


def send_metrics() -> None:
    """From here on every step of this process is measured; safe to call again."""
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, MetricsHandler) for handler in logger.handlers):
        logger.addHandler(MetricsHandler())


def send_event(event: Event) -> None:
    """One step's metrics. Texts among its figures are left out, but for the state of a file, which is one of a few."""
    name = ".".join((PREFIX, _as_word(event.step), _as_word(event.dataset)))
    for figure, value in event.figures.items():
        if figure == "state":
            stats.incr(f"{name}.{_as_word(str(value))}")
        elif isinstance(value, int):
            stats.incr(f"{name}.{figure}", value)
    if event.outcome != "progress":
        stats.incr(f"{name}.{event.outcome}")
        stats.timing(f"{name}.duration", event.milliseconds)


def send_gauges(dataset: str, **figures: int) -> None:
    """How much there is of something now."""
    for figure, value in figures.items():
        stats.gauge(f"{PREFIX}.{dataset}.{figure}", value)


def send_counts(dataset: str, **figures: int) -> None:
    """How many more there were of something."""
    for figure, value in figures.items():
        stats.incr(f"{PREFIX}.{dataset}.{figure}", value)


def _as_word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", text)
