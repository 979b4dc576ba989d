"""Which week a report is about: ISO weeks, Monday to Sunday, in the service's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week by its Monday."""

    monday: date

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(self.monday + timedelta(days=offset) for offset in range(7))

    @property
    def before(self) -> Week:
        return Week(self.monday - WEEK)

    @property
    def name(self) -> str:
        """As ISO 8601 writes it, such as 2026-W47."""
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02}"


def find_week(day: date) -> Week:
    """The week in which a day lies."""
    return Week(day - timedelta(days=day.weekday()))


def find_last_complete_week(today: date) -> Week:
    """The newest week that is over."""
    return find_week(today).before
