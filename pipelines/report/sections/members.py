"""How many members were active, and who came anew."""

from __future__ import annotations

import polars as pl

from pipelines.report.charts import chart_days, show_count, show_rate, warn_of_missing_days
from pipelines.report.figures import Marts, Pair, Weeks, split_weeks
from pipelines.report.parts import Chart, Headline, Section
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

READS = {
    "active_users_daily": ("event_date", "dau", "wau", "mau", "stickiness", "new_visitors", "returning_visitors"),
}


def tell_members(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Members active on a day, in a week and in four, and new and returning visitors."""
    if "active_users_daily" not in marts:
        return None
    weeks = split_weeks(marts["active_users_daily"], week)
    title = wording.text("members")
    if weeks.now.is_empty():
        return Section("members", title, (wording.text("section_empty"),))
    return Section(
        key="members",
        title=title,
        sentences=_tell_activity(weeks, wording),
        headlines=_show_figures(weeks, wording),
        charts=_draw(weeks, wording),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("members.key_note")),
    )


def _tell_activity(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    dau, wau, mau = weeks.mean("dau").now, _read_last(weeks.now, "wau"), _read_last(weeks.now, "mau")
    if dau is None or wau is None or mau is None:
        return ()
    last = wording.full_date(weeks.now["event_date"].max())  # type: ignore[arg-type]  # a date, of a date column with rows
    figures = {"dau": wording.count(dau), "wau": wording.count(wau), "mau": wording.count(mau)}
    return (wording.text("members.sentence", date=last, **figures),)


def _show_figures(weeks: Weeks, wording: Wording) -> tuple[Headline, ...]:
    at_end = {
        each: Pair(_read_last(weeks.now, each), _read_last(weeks.before, each)) for each in ("wau", "mau", "stickiness")
    }
    stickiness = show_rate(at_end["stickiness"], "members.stickiness", wording)
    return (
        show_count(weeks.mean("dau"), "members.dau_mean", wording),
        _show_or_withhold(show_count(at_end["wau"], "members.wau", wording), at_end["wau"], wording),
        _show_or_withhold(show_count(at_end["mau"], "members.mau", wording), at_end["mau"], wording),
        _show_or_withhold(
            Headline(stickiness.label, stickiness.value, wording.text("members.stickiness_note")),
            at_end["stickiness"],
            wording,
        ),
    )


def _show_or_withhold(headline: Headline, pair: Pair, wording: Wording) -> Headline:
    """A figure over several days is null where they are of two key periods; the section's note says why."""
    return headline if pair.now is not None else Headline(headline.label, wording.text("withheld"))


def _draw(weeks: Weeks, wording: Wording) -> tuple[Chart, ...]:
    shown = {"dau": "members.dau", "new_visitors": "members.new", "returning_visitors": "members.returning"}
    return tuple(chart for column, title in shown.items() for chart in chart_days(weeks, column, title, wording))


def _read_last(rows: pl.DataFrame, column: str) -> float | None:
    """The figure of the last day."""
    value: float | None = None if rows.is_empty() else rows.sort("event_date")[column][-1]
    return value
