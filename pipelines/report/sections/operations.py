"""What became of every line and of every deletion request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from pipelines.report.drawing import Bar, Column, draw_bars, draw_columns
from pipelines.report.figures import Marts
from pipelines.report.parts import Chart, Headline, Section, Table
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording

OUTCOMES = ("rejected", "duplicate", "suppressed")
COUNTS = tuple(f"{outcome}_count" for outcome in OUTCOMES)
READS = {
    "data_quality_daily": ("received_date", "source", "read_count", "accepted_count", *COUNTS),
    "deletions_monthly": (
        "month", "received_count", "completed_count", "refused_count", "held_count", "overdue_count", "median_days",
        "erased_row_count", "canary_recall",
    ),
}  # fmt: skip
MONTHS = 6
Row = Mapping[str, Any]


def tell_quality(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Lines by outcome and source, of the week and of the seven days in which its last files arrive."""
    if "data_quality_daily" not in marts:
        return None
    received = pl.col("received_date").is_between(week.monday, week.sunday + timedelta(days=7))
    sums = marts["data_quality_daily"].filter(received).group_by("source").agg(pl.exclude("received_date").sum())
    rows = sums.sort("source").rows(named=True)
    title, notes = wording.text("quality"), (wording.text("quality.note"),)
    read, accepted = (sum(row[f"{each}_count"] for row in rows) for each in ("read", "accepted"))
    if not read:
        return Section("quality", title, (wording.text("section_empty"),), notes=notes)
    share = wording.percent(accepted / read)
    said = wording.text("quality.sentence", accepted=wording.count(accepted), read=wording.count(read), share=share)
    clean = () if read > accepted else (wording.text("quality.clean"),)
    return Section("quality", title, (said, *clean), charts=_draw_outcomes(rows, wording), notes=notes)


def _draw_outcomes(rows: list[dict[str, Any]], wording: Wording) -> tuple[Chart, ...]:
    found = [
        (row[f"{outcome}_count"] / row["read_count"], row["source"], outcome)
        for row in rows
        for outcome in OUTCOMES
        if row[f"{outcome}_count"]
    ]
    if not found:
        return ()
    bars = [
        Bar(_name_outcome(source, outcome, wording), share, None, wording.percent(share))
        for share, source, outcome in sorted(found, key=lambda each: (-each[0], each[1:]))
    ]
    counts = ("read", "accepted", *OUTCOMES)
    return (
        Chart(
            title=wording.text("quality.chart"),
            message=wording.text("quality.chart_message", name=bars[0].name, share=bars[0].label),
            svg=draw_bars(bars),
            legend="",
            table=Table(
                (wording.text("quality.source"), *(wording.text(f"quality.{each}") for each in counts)),
                tuple((row["source"], *(wording.count(row[f"{each}_count"]) for each in counts)) for row in rows),
            ),
        ),
    )


def _name_outcome(source: str, outcome: str, wording: Wording) -> str:
    return wording.text("quality.outcome", source=source, outcome=wording.text(f"quality.{outcome}"))


def tell_deletions(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """Requests of the week's month and of those before it."""
    if "deletions_monthly" not in marts:
        return None
    rows = marts["deletions_monthly"].filter(pl.col("month") <= week.sunday).sort("month").tail(MONTHS).rows(named=True)
    title, notes = wording.text("deletions"), (wording.text("deletions.note"),)
    if not rows:
        return Section("deletions", title, (wording.text("deletions.empty"),))
    return Section(
        key="deletions",
        title=title,
        sentences=_tell_requests(rows[-1], wording),
        headlines=_show_proof(rows[-1], wording),
        charts=(_draw_months(rows, wording),),
        notes=notes,
    )


def _tell_requests(row: Row, wording: Wording) -> tuple[str, ...]:
    late = row["overdue_count"]
    return (
        wording.text(
            "deletions.sentence",
            month=wording.month(row["month"]),
            received=wording.count(row["received_count"]),
            completed=wording.count(row["completed_count"]),
        ),
        wording.text("deletions.overdue", count=wording.count(late))
        if late
        else wording.text("deletions.none_overdue"),
    )


def _show_proof(row: Row, wording: Wording) -> tuple[Headline, ...]:
    figures = (
        ("deletions.median_days", wording.decimal(row["median_days"]), row["median_days"]),
        ("deletions.recall", wording.percent(row["canary_recall"]), row["canary_recall"]),
    )
    return tuple(Headline(wording.text(key), value) for key, value, figure in figures if figure is not None)


def _draw_months(rows: list[dict[str, Any]], wording: Wording) -> Chart:
    columns = [
        Column(wording.short_month(row["month"]), row["received_count"], row["completed_count"], _label(row, wording))
        for row in rows
    ]
    counts = ("received", "completed", "refused", "held", "overdue")
    names = ("received", "completed", "refused", "held", "late", "erased")
    return Chart(
        title=wording.text("deletions.chart"),
        message=wording.text(
            "deletions.chart_message",
            month=wording.month(rows[-1]["month"]),
            received=wording.count(rows[-1]["received_count"]),
            completed=wording.count(rows[-1]["completed_count"]),
        ),
        svg=draw_columns(columns),
        legend=wording.text("deletions.legend"),
        table=Table(
            (wording.text("deletions.month"), *(wording.text(f"deletions.{name}") for name in names)),
            tuple(
                (
                    wording.month(row["month"]),
                    *(wording.count(row[f"{each}_count"]) for each in counts),
                    _erased(row, wording),
                )
                for row in rows
            ),
        ),
    )


def _label(row: Row, wording: Wording) -> str:
    return wording.count(row["received_count"])


def _erased(row: Row, wording: Wording) -> str:
    """Rows erased, which the mart withholds when few people asked."""
    count = row["erased_row_count"]
    return wording.text("withheld") if count is None else wording.count(count)
