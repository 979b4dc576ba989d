"""A disclosure as a page that people read: one document in both languages, which loads nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
from babel import dates, numbers

from pipelines.deletion.disclosure.datasets import Disclosure
from pipelines.languages import Language, Texts, read_languages


def read_texts() -> Texts:
    """Every text by language and key."""
    return read_languages(Path(__file__).with_name("texts.yaml"))


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts, values and moments as readers of a language expect them; nothing given to it is read as a template."""

    language: Language
    zone: ZoneInfo

    def text(self, key: str, **values: str) -> str:
        return read_texts()[self.language][key].format_map(values)

    def name(self, kind: str, value: str) -> str:
        """What people call a table, a column or a code of ours; by its own name where there is no word for it."""
        return read_texts()[self.language].get(f"{kind}.{value}", value)

    def count(self, value: int) -> str:
        return numbers.format_decimal(value, locale=self.language)

    def value(self, value: object) -> str:
        """One value of a row; text as it is stored."""
        if value is None or value == "":
            return self.text("none")
        if isinstance(value, bool):
            return self.text("yes" if value else "no")
        if isinstance(value, int):
            return self.count(value)
        if isinstance(value, datetime):
            return self.moment(value)
        if isinstance(value, date):
            return self.day(value)
        return str(value)

    def day(self, day: date) -> str:
        return dates.format_date(day, format="medium", locale=self.language)

    def moment(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        return f"{self.day(local.date())} {dates.format_time(local, format='HH:mm:ss', locale=self.language)}"


def write_page(disclosure: Disclosure) -> str:
    """The whole of a disclosure as one HTML document, in Japanese and in English; all that is stored is escaped."""
    zone, style = ZoneInfo(disclosure.timezone), _read("page.css")
    return _template().render(
        disclosure=disclosure,
        wordings=[Wording(language, zone) for language in ("ja", "en")],
        style=style,
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


@cache
def _template() -> jinja2.Template:
    house = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return house.get_template("page.html.j2")


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
