"""What the console says, in one of its languages: texts, names of states and kinds, numbers, days and moments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import dates, numbers

from pipelines.languages import LANGUAGES, Language, Texts, read_languages

# How a deletion's eligibility names what it was decided by.
DECIDED_BY = re.compile(
    r"(?:(?P<why>.+), )?by (?:account facts of (?P<day>\d{4}-\d\d-\d\d)|the facts given with the request)"
)


def read_texts() -> Texts:
    """Every text by language and key."""
    return read_languages(Path(__file__).with_name("texts.yaml"))


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts, numbers and times as readers of a language expect them; nothing given to it is ever read as a template."""

    language: Language
    zone: ZoneInfo

    def text(self, key: str, **values: str) -> str:
        return read_texts()[self.language][key].format_map(values)

    def name(self, kind: str, value: str) -> str:
        """What people call a state, a kind of request, a strategy; the value itself where nobody has a word for it."""
        return read_texts()[self.language].get(f"{kind}.{value}", value)

    def because(self, reason: str) -> str:
        """A reason that the pipeline wrote, in this language where we have words for it, else as it was written."""
        ground, colon, note = reason.partition(": ")
        if colon and f"ground.{ground}" in read_texts()[self.language]:
            return f"{self.name('ground', ground)}: {note}"
        decided = DECIDED_BY.fullmatch(reason)
        if decided is None:
            return self.name("because", reason)
        if decided["day"]:
            source = self.text("because.facts_of", day=self.day(date.fromisoformat(decided["day"])))
        else:
            source = self.text("because.given")
        if decided["why"] is None:
            return source
        return self.text("because.by", why=self.name("because", decided["why"]), source=source)

    def count(self, value: int) -> str:
        return str(numbers.format_decimal(value, format="#,##0", locale=self.language))

    def bytes(self, value: int) -> str:
        return f"{numbers.format_decimal(value / 2**20, format='#,##0.0', locale=self.language)} MiB"

    def day(self, day: date) -> str:
        return str(dates.format_date(day, format="medium" if self.language == "en" else "long", locale=self.language))

    def moment(self, moment: datetime) -> str:
        """Day and time in the service's time zone."""
        local = moment.astimezone(self.zone)
        return f"{self.day(local.date())} {dates.format_time(local, format='HH:mm', locale=self.language)}"

    def days(self, days: int) -> str:
        return self.text("days.one" if days == 1 else "days.many", days=self.count(days))

    def left(self, days: int) -> str:
        """How long there is until a due date, or how long ago it was."""
        if days == 0:
            return self.text("left.today")
        return self.text("left.more" if days > 0 else "left.over", days=self.days(abs(days)))


def choose_language(asked: str | None, kept: str | None, accepted: str) -> Language:
    """The language that is asked for, else the one of last time, else the browser's first that we speak."""
    for wish in (asked, kept, *(part.partition(";")[0] for part in accepted.split(","))):
        for language in LANGUAGES:
            if wish and wish.strip().lower().partition("-")[0] == language:
                return language
    return "en"
