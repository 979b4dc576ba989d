"""Days and periods: which days a mart's rows depend on, and which rows a touched day reaches; dates in, dates out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

WEEKS_AT_ONCE = 4
LAST_ORDINAL = date.max.toordinal()


@dataclass(frozen=True, slots=True)
class Reach:
    """How the rows of a mart follow days.

    A row stands for a period, one day or one ISO week, that is named by its first day. It depends on the events of its
    own days, of the `before` days before them and of the `after` days after them.
    """

    is_weekly: bool = False
    before: int = 0
    after: int = 0

    @property
    def length(self) -> int:
        """Days of a period."""
        return 7 if self.is_weekly else 1

    def find_periods(self, days: Iterable[date]) -> frozenset[date]:
        """The periods that the days lie in."""
        return frozenset(week_start(day) for day in days) if self.is_weekly else frozenset(days)

    def find_reached(self, touched: Iterable[date]) -> frozenset[date]:
        """The periods whose rows depend on the events of a touched day."""
        return self.find_periods(_surround(touched, self.after, self.before))

    def find_read(self, periods: Iterable[date]) -> frozenset[date]:
        """The days on whose events the rows of these periods depend."""
        return _surround(periods, self.before, self.length - 1 + self.after)

    def list_days(self, periods: Iterable[date]) -> frozenset[date]:
        """The days of these periods themselves."""
        return _surround(periods, 0, self.length - 1)


def week_start(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def split_days(days: Iterable[date]) -> Iterator[frozenset[date]]:
    """The days in turn, some whole ISO weeks at a time, so that memory holds those and not all that the lake keeps."""
    for _, span in groupby(sorted(days), lambda day: week_start(day).toordinal() // (7 * WEEKS_AT_ONCE)):
        yield frozenset(span)


def _surround(days: Iterable[date], before: int, after: int) -> frozenset[date]:
    """The days with those that lie at most so many before and after one of them, as far as the calendar goes."""
    ordinals = {ordinal for day in days for ordinal in range(day.toordinal() - before, day.toordinal() + after + 1)}
    return frozenset(date.fromordinal(ordinal) for ordinal in ordinals if 1 <= ordinal <= LAST_ORDINAL)
