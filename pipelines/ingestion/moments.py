"""Times as logs write them, to moments in UTC; what names no moment is null, and a leap second is the one before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl

from anonymization import distinct

CLF, ISO_8601 = "%d/%b/%Y:%H:%M:%S", "%+"
# Parsers take more than servers write: other cases, signs, missing zeros, any white space.
HOUR, MINUTE, OFFSET = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]", "[+-](?:[01][0-9]|2[0-3])"
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
CLF_FORM = f"^[0-9]{{2}}/{MONTH}/[0-9]{{4}}:{HOUR}:{MINUTE}:(?:{MINUTE}|60) {OFFSET}{MINUTE}$"
ISO_START = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{HOUR}:{MINUTE}"
ISO_FORM = f"^{ISO_START}:{MINUTE}(?:\\.[0-9]+)?(?:Z|{OFFSET}:?{MINUTE})$"
# What the column's parser leaves: leap seconds, and times of a declared zone.
ISO_ANY = re.compile(f"{ISO_START}:(?:{MINUTE}|60)(?:\\.[0-9]+)?(?:Z|{OFFSET}:?{MINUTE})?")
LEAP_SECOND = ":60"
OFFSET_LENGTH = len(" +0900")
PARTS_OF_SECOND = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
# Digits and a point, with room for neither an exponent nor a number that only a clock gone wrong would write.
EPOCH = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
EPOCH_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = pl.Datetime("us", "UTC")


def read_moments(texts: pl.Series, written: str | None, timezone: str | None) -> pl.Series:
    """Moments of a column of texts, written as a Field says; nulls stay null.

    A time without an offset is of the timezone, the first of two where clocks are set back; without one it is none.
    """
    if written == "clf":
        return distinct.map_distinct(texts, _read_clf)["moment"]
    moments = pl.repeat(None, len(texts), dtype=MOMENTS, eager=True)
    if written in (None, "iso8601"):
        moments = distinct.map_distinct(texts, _read_iso)["moment"]
    if moments.null_count() == texts.null_count():
        return moments
    rest = pl.select(pl.when(moments.is_null()).then(texts)).to_series()
    exact = map_distinct(rest, lambda text: _read_moment(text, written, timezone), MOMENTS)
    return pl.select(pl.coalesce(moments, exact)).to_series()


def map_distinct(texts: pl.Series, function: Callable[[str], object], kind: pl.DataType) -> pl.Series:
    """What a function makes of each text, asked once for each distinct one; nulls stay null."""
    known = texts.drop_nulls().unique()
    answers = pl.Series([function(text) for text in known.to_list()], dtype=kind)
    return texts.replace_strict(known, answers, default=None, return_dtype=kind)


def _keep_form(texts: pl.Series, form: str) -> pl.Series:
    """The texts that have a form, null for the others."""
    return pl.select(pl.when(texts.str.contains(form)).then(texts)).to_series()


def _read_iso(texts: pl.Series) -> pl.DataFrame:
    """Column moment of distinct texts, null for those that are left to `_read_moment`."""
    return pl.DataFrame({"moment": _keep_form(texts, ISO_FORM).str.to_datetime(ISO_8601, time_unit="us", strict=False)})


def _read_clf(texts: pl.Series) -> pl.DataFrame:
    """Column moment of distinct texts; most of a log's lines share their second with others."""
    strict = _keep_form(texts, CLF_FORM)
    is_leap = strict.str.contains(f"{LEAP_SECOND} ", literal=True)
    if not is_leap.any():
        return _read_strict_clf(strict).to_frame("moment")
    moments = _read_strict_clf(strict.str.replace(f"{LEAP_SECOND} ", ":59 ", literal=True))
    ends_day = (moments.dt.hour() == 23) & (moments.dt.minute() == 59)
    return pl.select(moment=pl.when(~is_leap | ends_day).then(moments))


def _read_strict_clf(texts: pl.Series) -> pl.Series:
    """Moments of texts that all have the form; there are few offsets, and without them a parser is much faster."""
    local = texts.str.head(-OFFSET_LENGTH).str.to_datetime(CLF, time_unit="us", time_zone="UTC", strict=False)
    return local - distinct.map_distinct(texts.str.tail(OFFSET_LENGTH), _read_offsets)["offset"]


def _read_offsets(texts: pl.Series) -> pl.DataFrame:
    """Column offset of what ends a time of the common log format, as +0900: how far its clocks are ahead of UTC."""
    offset, whole = pl.col("text"), pl.Int64()
    hours, minutes = offset.str.slice(1, 3).cast(whole), (offset.str.slice(1, 1) + offset.str.tail(2)).cast(whole)
    return texts.to_frame("text").select(offset=pl.duration(hours=hours, minutes=minutes))


def _read_moment(text: str, written: str | None, timezone: str | None) -> datetime | None:
    """One moment in UTC, exact to the microsecond; None where the text names none that a calendar has."""
    try:
        if written in PARTS_OF_SECOND:
            return _read_epoch(text, PARTS_OF_SECOND[written])
        if ISO_ANY.fullmatch(text) is None:
            return None
        moment = _place_moment(datetime.fromisoformat(text.replace(LEAP_SECOND, ":59")), timezone)
    except (ValueError, OverflowError):
        return None
    # Leap seconds end a day everywhere at once, so by UTC, and nowhere else is there a sixtieth second.
    is_wrong = LEAP_SECOND in text and moment is not None and (moment.hour, moment.minute) != (23, 59)
    return None if is_wrong else moment


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
