"""Where visits come from, and which pages they see."""

from __future__ import annotations

from pipelines.report.charts import chart_ranking, warn_of_missing_days
from pipelines.report.figures import Marts, Weeks, first_of, split_weeks
from pipelines.report.parts import Chart, Section
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

READS = {
    "traffic_sources_daily": ("event_date", "channel", "source", "visits"),
    "usage_by_page_daily": ("event_date", "route", "page_views", "entries", "exits"),
}
PAGE_MEASURES = ("page_views", "entries", "exits")


def tell_sources(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Channels and sources by their shares of visits."""
    if "traffic_sources_daily" not in marts:
        return None
    weeks = split_weeks(marts["traffic_sources_daily"], week)
    title = wording.text("sources")
    if weeks.now.is_empty():
        return Section("sources", title, (wording.text("section_empty"),))
    charts = [
        chart for each in ("channel", "source") for chart in _draw(weeks, each, "visits", f"sources.{each}", wording)
    ]
    return Section(
        key="sources",
        title=title,
        sentences=_tell_channels(weeks, wording),
        charts=tuple(charts),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("sources.note")),
    )


def tell_pages(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Pages by how often they are seen, and begin and end visits."""
    if "usage_by_page_daily" not in marts:
        return None
    weeks = split_weeks(marts["usage_by_page_daily"], week)
    title = wording.text("pages")
    if weeks.now.is_empty():
        return Section("pages", title, (wording.text("section_empty"),))
    charts = [chart for each in PAGE_MEASURES for chart in _draw(weeks, "route", each, f"pages.{each}", wording)]
    return Section(
        key="pages",
        title=title,
        sentences=_tell_pages(weeks, wording),
        charts=tuple(charts),
        notes=(*warn_of_missing_days(weeks, wording), wording.text("pages.note")),
    )


def _draw(weeks: Weeks, dimension: str, measure: str, title: str, wording: Wording) -> tuple[Chart, ...]:
    if not weeks.has(dimension, measure):
        return ()
    # A route such as (other) is a merged one; every other is shown as it is written.
    return chart_ranking(weeks.rank(dimension, measure), title, wording, str if dimension == "route" else None)


def _tell_channels(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    known = first_of(weeks.rank("channel", "visits"))
    if not known:
        return ()
    return (
        wording.text(
            "sources.sentence",
            name=wording.name(known[0].value),
            share=wording.percent(known[0].share),
            count=wording.count(weeks.total("visits").now),
        ),
    )


def _tell_pages(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    known = first_of(weeks.rank("route", "page_views"))
    if not known:
        return ()
    return (wording.text("pages.sentence", name=known[0].value, share=wording.percent(known[0].share)),)
