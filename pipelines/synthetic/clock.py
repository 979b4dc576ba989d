"""Time as the service writes it: milliseconds since midnight in Asia/Tokyo become the texts of the log formats."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Stream, Weights

MILLISECONDS_PER_DAY = 86_400_000
OFFSET = "+09:00"  # Japan has no summer time

# Share of the day's visits by hour: asleep at four, a bump at lunch, the bidding rush before midnight.
HOURLY_SHARES = (
    35, 20, 12, 8, 7, 10, 18, 34, 42, 44, 46, 50, 66, 54, 48, 48, 50, 56, 66, 82, 98, 110, 102, 68,
)  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def draw_times(stream: Stream, count: int) -> Weights:
    """Milliseconds since midnight, following the service's daily curve."""
    edges = np.concatenate(([0.0], np.cumsum(HOURLY_SHARES)))
    times: Weights = np.interp(stream.random(count) * edges[-1], edges, np.arange(25) * 3_600_000.0)
    return times


def write_iso_times(milliseconds: pl.Series, day: date) -> pl.Series:
    """ISO 8601 with offset and millisecond precision."""
    seconds, thousandths = milliseconds // 1000, milliseconds % 1000
    return pl.select(
        pl.concat_str(
            pl.lit(f"{day.isoformat()}T"),
            _texts_of_seconds().gather(seconds),
            pl.lit("."),
            _texts_of_thousandths().gather(thousandths),
            pl.lit(OFFSET),
        ).alias("time")
    ).to_series()


def write_combined_times(milliseconds: pl.Series, day: date) -> pl.Series:
    """The `$time_local` of nginx, such as 22/Nov/2026:10:45:00 +0900."""
    head = f"{day.day:02}/{_MONTHS[day.month - 1]}/{day.year:04}:"
    return head + _texts_of_seconds().gather(milliseconds // 1000) + " +0900"


@cache
def _texts_of_seconds() -> pl.Series:
    minutes = [f"{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60)]
    return pl.Series([f"{minute}{second:02}" for minute in minutes for second in range(60)])


@cache
def _texts_of_thousandths() -> pl.Series:
    return pl.Series([f"{thousandth:03}" for thousandth in range(1000)])
