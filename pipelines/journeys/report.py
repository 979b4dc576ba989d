"""From the published warehouse to a page that people read: the figures of one week beside those of the week before."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.languages import Language
from pipelines.report.page import READS, write_page
from pipelines.report.release import release_page
from pipelines.report.weeks import Week, find_last_complete_week, find_week
from pipelines.report.wording import Wording
from pipelines.settings import Settings
from pipelines.telemetry import record_step
from pipelines.warehouse.query import read_periods

# Deletions are told of by month, and the last files of a week arrive in the days after it.
LOOK_BACK, LOOK_AHEAD = timedelta(days=190), timedelta(days=7)


def report(settings: Settings, day: date | None = None, language: Language = "en", out: Path | None = None) -> Path:
    """Write the page of the week in which a day lies, by default the last complete one; gives the path of the page.

    It reads the published warehouse and nothing else. ConfigurationError when there is none yet.
    """
    week = find_week(day) if day else find_last_complete_week(datetime.now(settings.zone).date())
    with record_step("report", "reports") as step:
        extract = read_periods(settings.warehouse_file, READS, week.monday - LOOK_BACK, week.sunday + LOOK_AHEAD)
        page = write_page(extract.marts, week, Wording(language), extract.built_at.astimezone(settings.zone))
        step.count(marts=len(extract.marts))
        return release_page(page, out or name_report(settings, week, language))


def name_report(settings: Settings, week: Week, language: Language) -> Path:
    """Where the page of a week is kept."""
    return settings.home / "reports" / f"usage-{week.name}.{language}.html"
