"""Times as logs write them, to moments in UTC; what names no moment is null, and a leap second is the one before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl

# The second reads most spellings of ISO 8601, and leaves the others to be read one by one.
CLF, ISO_8601 = "%d/%b/%Y:%H:%M:%S %z", "%+"
LEAP_SECOND = re.compile(r"([T ][0-9]{2}:[0-9]{2}):60")
PARTS_OF_SECOND = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
# Digits and a point, with room for neither an exponent nor a number that only a clock gone wrong would write.
EPOCH = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
EPOCH_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = pl.Datetime("us", "UTC")


def read_moments(texts: pl.Series, written: str | None, timezone: str | None) -> pl.Series:
    """Moments of a column of texts, each distinct text read once; nulls stay null. written: as a Field says."""
    if written == "clf":
        return _read_clf(texts)
    moments = pl.repeat(None, len(texts), dtype=MOMENTS, eager=True)
    if written in (None, "iso8601"):
        usual = pl.select(pl.when(~texts.str.contains(":60", literal=True)).then(texts)).to_series()
        moments = usual.str.to_datetime(ISO_8601, time_unit="us", strict=False)
    if moments.null_count() == texts.null_count():
        return moments
    rest = pl.select(pl.when(moments.is_null()).then(texts)).to_series()
    exact = map_distinct(rest, lambda text: read_moment(text, written, timezone), MOMENTS)
    return pl.select(pl.coalesce(moments, exact)).to_series()


def map_distinct(texts: pl.Series, function: Callable[[str], object], kind: pl.DataType) -> pl.Series:
    """What a function makes of each text, asked once for each distinct one; nulls stay null."""
    distinct = texts.drop_nulls().unique()
    answers = pl.Series([function(text) for text in distinct.to_list()], dtype=kind)
    return texts.replace_strict(distinct, answers, default=None, return_dtype=kind)


def _read_clf(texts: pl.Series) -> pl.Series:
    is_leap = texts.str.contains(":60 ", literal=True)
    if is_leap.any():
        texts = texts.str.replace(":60 ", ":59 ", literal=True)
    return texts.str.to_datetime(CLF, time_unit="us", strict=False)


def read_moment(text: str, written: str | None, timezone: str | None) -> datetime | None:
    """One moment in UTC, exact to the microsecond; None where the text names none that a calendar has.

    A time without an offset is of the timezone, the first of two where clocks are set back; without one it is none.
    """
    try:
        if written in PARTS_OF_SECOND:
            return _read_epoch(text, PARTS_OF_SECOND[written])
        if written == "clf":
            return datetime.strptime(text.replace(":60 ", ":59 "), CLF).astimezone(UTC)
        moment = datetime.fromisoformat(LEAP_SECOND.sub(r"\1:59", text) if ":60" in text else text)
        return _place_moment(moment, timezone)
    except (ValueError, OverflowError):
        return None


def _read_epoch(text: str, parts: int) -> datetime | None:
    """Whole microseconds since 1970; in decimal, since a float holds no nanoseconds of our time."""
    if EPOCH.fullmatch(text) is None:
        return None
    second, microsecond = divmod(int(Decimal(text) * 1_000_000 // parts), 1_000_000)
    return EPOCH_BEGINNING + timedelta(seconds=second, microseconds=microsecond)


def _place_moment(moment: datetime, timezone: str | None) -> datetime | None:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if timezone is None:
        return None
    placed = moment.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    # Clocks that are set forward skip an hour, which no clock has shown.
    return placed if placed.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) == moment else None
