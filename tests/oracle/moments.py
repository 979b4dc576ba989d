"""The two spellings of a moment in logs, read by their digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from tests.oracle.lines import RejectedLineError

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
COMBINED = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-][0-9]{2}[0-5][0-9])"
)
ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:?[0-5][0-9])"
)
# Python's calendar has neither the year 0 nor the years beyond 9999, other calendars do; no clock of a log means them.
BEFORE_ALL, LEAP_YEAR = datetime(1, 1, 1, tzinfo=UTC), 2000
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def read_combined_time(text: str) -> datetime:
    """A moment such as 22/Nov/2026:10:45:00 +0900, in UTC."""
    match = COMBINED.fullmatch(text)
    if match is None or match[2] not in MONTHS:
        raise RejectedLineError("impossible_time")
    month = MONTHS.index(match[2]) + 1
    return _build((int(match[3]), month, int(match[1]), int(match[4]), int(match[5])), int(match[6]), 0, match[7])


def read_iso_time(text: str) -> datetime:
    """A moment such as 2026-11-22T10:45:00.123+09:00, in UTC."""
    match = ISO.fullmatch(text)
    if match is None:
        raise RejectedLineError("impossible_time")
    year, month, day, hour, minute = (int(match[place]) for place in range(1, 6))
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    return _build((year, month, day, hour, minute), int(match[6]), microsecond, match[8].replace(":", ""))


def check_clock(moment: datetime) -> None:
    """RejectedLineError a moment that no clock of a log can have meant."""
    if not EARLIEST <= moment < LATEST:
        raise RejectedLineError("impossible_time")


def _build(until_minute: tuple[int, int, int, int, int], second: int, microsecond: int, offset: str) -> datetime:
    """A leap second, which only ends a day of UTC, counts as the second before it."""
    year, *others = until_minute
    try:
        local = datetime(year or LEAP_YEAR, *others, min(second, 59), microsecond, tzinfo=_read_offset(offset))
        moment = local.astimezone(UTC)
    except ValueError:
        raise RejectedLineError("impossible_time") from None
    except OverflowError:
        moment = BEFORE_ALL
    if second > 60 or (second == 60 and (moment.hour, moment.minute) != (23, 59)):
        raise RejectedLineError("impossible_time")
    return moment if year else BEFORE_ALL


def _read_offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    distance = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return timezone(-distance if text[0] == "-" else distance)
