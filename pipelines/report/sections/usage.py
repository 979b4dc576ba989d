"""How much the service was used."""

from __future__ import annotations

from pipelines.report.charts import chart_days, show_count, show_rate, warn_of_missing_days
from pipelines.report.figures import Marts, Pair, Weeks, split_weeks
from pipelines.report.parts import Chart, Headline, Section
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

READS = {
    "usage_daily": (
        "event_date", "page_views", "visits", "visitors", "members", "bounce_rate", "mean_visit_seconds",
        "request_count", "bot_request_count",
    )
}  # fmt: skip


def tell_usage(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Page views, visits, visitors and members, with how long visits are and what robots did."""
    if "usage_daily" not in marts:
        return None
    weeks = split_weeks(marts["usage_daily"], week)
    title = wording.text("usage")
    if weeks.now.is_empty():
        return Section("usage", title, (wording.text("section_empty"),))
    return Section(
        key="usage",
        title=title,
        sentences=(*_tell_totals(weeks, wording), *_tell_bots(weeks, wording)),
        headlines=_show_figures(weeks, wording),
        charts=_draw(weeks, wording),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("usage.note")),
    )


def _tell_totals(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    return tuple(_tell_total(weeks.total(column), column, wording) for column in ("visits", "page_views"))


def _tell_total(total: Pair, column: str, wording: Wording) -> str:
    key = {"visits": "usage.visits", "page_views": "usage.pages"}[column]
    count, change = wording.count(total.now), wording.change(total.now, total.before)
    if not change:
        return wording.text(key, **{column: count})
    return wording.text(f"{key}_compared", change=change, **{column: count})


def _tell_bots(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    share = weeks.ratio("bot_request_count", "request_count").now
    return () if share is None else (wording.text("usage.bots", share=wording.percent(share)),)


def _show_figures(weeks: Weeks, wording: Wording) -> tuple[Headline, ...]:
    seconds = weeks.weighted("mean_visit_seconds", "visits")
    minutes = None if seconds.now is None else wording.decimal(seconds.now / 60)
    time = Headline(
        wording.text("visit_minutes"),
        wording.text("none") if minutes is None else wording.text("minutes", minutes=minutes),
        wording.change(seconds.now, seconds.before, words=("longer", "shorter")),
    )
    return (
        show_count(weeks.total("visits"), "visits", wording),
        show_count(weeks.total("page_views"), "page_views", wording),
        show_count(weeks.mean("visitors"), "visitors_mean", wording),
        show_count(weeks.mean("members"), "members_mean", wording),
        show_rate(weeks.weighted("bounce_rate", "visits"), "bounce_rate", wording),
        time,
    )


def _draw(weeks: Weeks, wording: Wording) -> tuple[Chart, ...]:
    shown = {"visits": "visits", "page_views": "page_views", "visitors": "visitors", "members": "members_by_day"}
    return tuple(chart for column, title in shown.items() for chart in chart_days(weeks, column, title, wording))
