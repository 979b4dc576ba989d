"""What the page says and how it writes figures, in one of its languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from babel import Locale, dates, numbers

from pipelines.languages import Language, Texts, read_languages
from pipelines.report.weeks import Week

MERGED, UNKNOWN, NOTHING = "(other)", "(unknown)", "(none)"
# Less than half a percent of change, or of a point, reads as none.
SMALLEST_CHANGE = 0.005


def read_texts() -> Texts:
    """Every text by language and key."""
    return read_languages(Path(__file__).with_name("texts.yaml"))


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts, numbers and dates as readers of a language expect them; nothing given to it is ever read as a template."""

    language: Language

    def text(self, key: str, **values: str) -> str:
        return read_texts()[self.language][key].format_map(values)

    def name(self, value: str | None) -> str:
        """A value of a mart's dimension, as people say it where they have a word for it."""
        special = {MERGED: "value.merged", UNKNOWN: "value.unknown", NOTHING: "value.nothing", None: "value.unknown"}
        key = special.get(value, f"value.{value}")
        return read_texts()[self.language].get(key, value or "")

    def language_name(self, tag: str) -> str:
        """The name of a language by its primary subtag."""
        return Locale(self.language).languages.get(tag) or self.name(tag)

    def count(self, value: float | None) -> str:
        return self.decimal(value, "#,##0")

    def decimal(self, value: float | None, pattern: str = "#,##0.0") -> str:
        if value is None:
            return self.text("none")
        return numbers.format_decimal(value, format=pattern, locale=self.language).replace("-", "−")

    def short(self, value: float | None) -> str:
        """A count in the room above a column: thousands and more are shortened."""
        if value is None or value < 10_000:
            return self.count(value)
        return numbers.format_compact_decimal(value, locale=self.language, fraction_digits=1)

    def percent(self, share: float | None) -> str:
        """A share of one as a percentage; small ones with one decimal."""
        if share is None:
            return self.text("none")
        pattern = "#,##0%" if share == 0 or abs(share) >= 0.0995 else "0.0%"
        return numbers.format_percent(share, format=pattern, locale=self.language)

    def full_date(self, day: date) -> str:
        return dates.format_date(day, format="long", locale=self.language)

    def month(self, day: date) -> str:
        return dates.format_skeleton("yMMMM", day, locale=self.language)

    def short_month(self, day: date) -> str:
        return dates.format_skeleton("MMM", day, locale=self.language)

    def weekday(self, day: date) -> str:
        return dates.format_date(day, format="EEEE", locale=self.language)

    def short_weekday(self, day: date) -> str:
        return dates.format_date(day, format="EEE", locale=self.language)

    def day(self, day: date) -> str:
        return dates.format_skeleton("MMMEd", day, locale=self.language)

    def moment(self, moment: datetime) -> str:
        return f"{self.full_date(moment)} {dates.format_time(moment, format='HH:mm', locale=self.language)}"

    def dates(self, week: Week) -> str:
        return str(dates.format_interval(week.monday, week.sunday, "yMMMMd", locale=self.language))

    def change(self, now: float | None, before: float | None, *, words: tuple[str, str] = ("more", "fewer")) -> str:
        """How a count compares with that of the week before; nothing where there is nothing to compare with."""
        if now is None or not before:
            return ""
        change = now / before - 1
        if abs(change) < SMALLEST_CHANGE:
            return self.text("change.same")
        return self.text(f"change.{words[change < 0]}", percent=self.percent(abs(change)))

    def shift(self, now: float | None, before: float | None) -> str:
        """How a share compares with that of the week before, in points of a hundred."""
        if now is None or before is None:
            return ""
        shift = 100 * (now - before)
        if abs(shift) < 100 * SMALLEST_CHANGE:
            return self.text("change.unchanged")
        return self.text("change.higher" if shift > 0 else "change.lower", points=self.decimal(abs(shift)))
