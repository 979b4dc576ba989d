"""What people searched for, and what they did not find."""

from __future__ import annotations

import polars as pl

from pipelines.report.charts import chart_days, show_count, show_rate, warn_of_missing_days
from pipelines.report.drawing import Bar, draw_bars
from pipelines.report.figures import Marts, Weeks, split_weeks
from pipelines.report.parts import Chart, Headline, Section, Table
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

READS = {
    "search_daily": ("event_date", "searches", "zero_result_rate", "click_rate"),
    "search_terms_daily": ("event_date", "term", "search_count", "zero_result_count", "click_count"),
}
MOST_TERMS = 10


def tell_search(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Searches by day, how many found nothing, and the terms that many people typed."""
    found = [split_weeks(marts[name], week) for name in READS if name in marts]
    if not found:
        return None
    title = wording.text("search")
    if all(weeks.now.is_empty() for weeks in found):
        return Section("search", title, (wording.text("section_empty"),))
    totals = split_weeks(marts["search_daily"], week) if "search_daily" in marts else None
    section = _tell_totals(totals, wording) if totals and not totals.now.is_empty() else Section("search", title)
    terms = (
        _draw_terms(split_weeks(marts["search_terms_daily"], week), wording) if "search_terms_daily" in marts else ()
    )
    notes = (*section.notes, wording.text("search.note"))
    return Section("search", title, section.sentences, section.headlines, (*section.charts, *terms), notes)


def _tell_totals(weeks: Weeks, wording: Wording) -> Section:
    searches = weeks.total("searches")
    sentences = [wording.text("search.sentence", count=wording.count(searches.now))]
    charts = [*chart_days(weeks, "searches", "search.searches_by_day", wording)]
    if weeks.has("zero_result_rate"):
        share = weeks.weighted("zero_result_rate", "searches").now
        sentences += [] if share is None else [wording.text("search.zero", share=wording.percent(share))]
        charts += chart_days(weeks, "zero_result_rate", "search.zero_result_rate", wording, is_rate=True)
    notes = warn_of_missing_days(weeks, wording)
    headlines = _show_figures(weeks, wording)
    return Section("search", wording.text("search"), tuple(sentences), headlines, tuple(charts), notes)


def _show_figures(weeks: Weeks, wording: Wording) -> tuple[Headline, ...]:
    rates = [rate for rate in ("zero_result_rate", "click_rate") if weeks.has(rate)]
    return (
        show_count(weeks.total("searches"), "search.searches", wording),
        *(show_rate(weeks.weighted(rate, "searches"), f"search.{rate}", wording) for rate in rates),
    )


def _draw_terms(weeks: Weeks, wording: Wording) -> tuple[Chart, ...]:
    counts = _sum_terms(weeks.now).head(MOST_TERMS)
    if counts.is_empty():
        return ()
    before = dict(_sum_terms(weeks.before).select("term", "search_count").iter_rows())
    terms = list(counts.iter_rows())
    first, most, *_ = terms[0]
    bars = [Bar(term, searches, before.get(term), wording.count(searches)) for term, searches, *_ in terms]
    counted = tuple(wording.text(f"search.{each}") for each in ("searches", "found_nothing", "clicks"))
    return (
        Chart(
            title=wording.text("search.terms"),
            message=wording.text("search.terms_message", name=first, count=wording.count(most)),
            svg=draw_bars(bars),
            legend=wording.text("legend.bars" if before else "legend.bars_only"),
            table=Table(
                (wording.text("column.term"), *counted, wording.text("week_before")),
                tuple((row[0], *map(wording.count, (*row[1:], before.get(row[0])))) for row in terms),
            ),
        ),
    )


def _sum_terms(rows: pl.DataFrame) -> pl.DataFrame:
    """term, search_count, zero_result_count and click_count over all days shown, most searched first."""
    sums = rows.group_by("term").agg(pl.col("search_count", "zero_result_count", "click_count").sum())
    return sums.sort(["search_count", "term"], descending=[True, False])
