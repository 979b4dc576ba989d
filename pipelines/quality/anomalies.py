"""Days that are unlike the same weekday of the weeks before, by a robust z-score; they warn and never stop anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

LIMIT = 3.5  # Iglewicz and Hoaglin, How to detect and handle outliers, 1993
WEEKS = 8
LEAST_WEEKS = 4
CONSISTENCY = 1.4826  # the median absolute deviation of normal values, times this, is their standard deviation
FLOOR_SHARE = 0.05  # of the median: what never varied may vary by so much


@dataclass(frozen=True, slots=True)
class Series:
    """A figure for each day. only_high: a low figure is good, as a delay's is. floor: the least deviation, in unit."""

    dataset: str
    measure: str
    unit: str
    by_day: Mapping[date, float] = field(hash=False)
    floor: float = 1
    only_high: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """One day of a series beside the same weekday of weeks before: the figure, their median, and the robust z-score."""

    dataset: str
    measure: str
    unit: str
    day: date
    observed: float
    usual: float
    z_score: float
    only_high: bool

    @property
    def is_anomaly(self) -> bool:
        return self.z_score > LIMIT or (self.z_score < -LIMIT and not self.only_high)

    def __str__(self) -> str:
        return (
            f"{self.dataset}: {self.measure} of {self.day} is {self.observed:.6g} {self.unit}, "
            f"usually {self.usual:.6g} on that weekday (z {self.z_score:.1f})"
        )


def compare_days(series: Iterable[Series], day: date) -> tuple[Comparison, ...]:
    """One day of each series that has it and at least four of the last eight same weekdays."""
    return tuple(found for each in series if (found := compare_day(each, day)))


def compare_day(series: Series, day: date) -> Comparison | None:
    """None without the day itself or without enough weeks; both are no anomaly, for nothing is known."""
    before = (day - timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1))
    history = [series.by_day[each] for each in before if each in series.by_day]
    if day not in series.by_day or len(history) < LEAST_WEEKS:
        return None
    usual, observed = median(history), series.by_day[day]
    spread = CONSISTENCY * median(abs(value - usual) for value in history)
    z_score = (observed - usual) / max(spread, FLOOR_SHARE * abs(usual), series.floor)
    return Comparison(
        series.dataset, series.measure, series.unit, day, observed, usual, z_score, only_high=series.only_high
    )


def fill_days(by_day: Mapping[date, float], last: date) -> dict[date, float]:
    """A figure for every day from the first known one: nothing came on the others."""
    if not by_day:
        return {}
    first = min(by_day)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: by_day.get(day, 0) for day in days}
