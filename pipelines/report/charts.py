"""The charts that several sections share: a figure by day, and the values of a dimension by their share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from pipelines.report.drawing import Bar, Column, draw_bars, draw_columns
from pipelines.report.figures import Pair, Ranked, Weeks, first_of, share_of_merged
from pipelines.report.parts import Chart, Headline, Table
from pipelines.report.wording import MERGED, Wording

MOST_ROWS = 6
HALF = 0.5  # whatever is merged beyond it leads, and says nothing
Write = Callable[[float | None], str]


def chart_days(weeks: Weeks, column: str, title: str, wording: Wording, *, is_rate: bool = False) -> tuple[Chart, ...]:
    """A count or a rate by day, beside the week before; none when no day of the week has it."""
    days = weeks.by_day(column) if weeks.has(column) else ()
    if all(pair.now is None for _, pair in days):
        return ()
    write = wording.percent if is_rate else wording.count
    columns = [
        Column(wording.short_weekday(day), pair.now, pair.before, _write_top(pair.now, wording, is_rate=is_rate))
        for day, pair in days
    ]
    return (
        Chart(
            title=wording.text(title),
            message=_tell_extremes(days, wording, write, "highest_rate" if is_rate else "highest_lowest"),
            svg=draw_columns(columns),
            legend=wording.text("legend.columns"),
            table=Table(
                _name_columns(wording, "column.day"),
                tuple((wording.day(day), write(pair.now), write(pair.before)) for day, pair in days),
            ),
        ),
    )


def chart_ranking(
    ranked: Sequence[Ranked], title: str, wording: Wording, name: Callable[[str], str] | None = None
) -> tuple[Chart, ...]:
    """The most frequent values of a dimension, then all others in one, then the merged ones."""
    if not ranked:
        return ()
    named = name or wording.name
    kept = tuple(each for each in shorten(ranked) if each.measure or each.share_before)
    names = [_name_row(each, len(ranked), wording, named) for each in kept]
    return (
        Chart(
            title=wording.text(title),
            message=tell_leaders(ranked, wording, named),
            svg=draw_bars(
                [
                    Bar(label, each.share, each.share_before, wording.percent(each.share))
                    for label, each in zip(names, kept, strict=True)
                ],
                whole=1,
            ),
            legend=wording.text("legend.bars" if kept[0].share_before is not None else "legend.bars_only"),
            table=Table(
                (wording.text(title), *(wording.text(f"column.{each}") for each in ("count", "share", "share_before"))),
                tuple(_write_row(named_row, each, wording) for named_row, each in zip(names, kept, strict=True)),
            ),
        ),
    )


def tell_leaders(ranked: Sequence[Ranked], wording: Wording, name: Callable[[str], str]) -> str:
    """Which values come first, in a sentence."""
    leaders = first_of(ranked) or tuple(ranked)
    first = {"name": name(leaders[0].value), "share": wording.percent(leaders[0].share)}
    if HALF < (merged := share_of_merged(ranked)) < 1:
        return wording.text("leads_of_told", told=wording.percent(1 - merged), **first)
    if len(leaders) == 1:
        return wording.text("leads", **first)
    second = {"second": name(leaders[1].value), "second_share": wording.percent(leaders[1].share)}
    return wording.text("leads_two", **first, **second)


def shorten(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The greatest, what remains as one without a name of its own, and the merged."""
    named = first_of(ranked)
    merged = tuple(each for each in ranked if each.value == MERGED)
    if len(named) <= MOST_ROWS + 1:
        return named + merged
    rest = named[MOST_ROWS:]
    before = None if rest[0].share_before is None else sum(each.share_before or 0 for each in rest)
    others = Ranked("", sum(each.measure for each in rest), sum(each.share for each in rest), before)
    return (*named[:MOST_ROWS], others, *merged)


def show_count(pair: Pair, label: str, wording: Wording) -> Headline:
    return Headline(wording.text(label), wording.count(pair.now), wording.change(pair.now, pair.before))


def show_rate(pair: Pair, label: str, wording: Wording) -> Headline:
    return Headline(wording.text(label), wording.percent(pair.now), wording.shift(pair.now, pair.before))


def warn_of_missing_days(weeks: Weeks, wording: Wording) -> tuple[str, ...]:
    """A note when the week is not whole."""
    if weeks.days >= len(weeks.week.days):
        return ()
    return (wording.text("days_missing", count=wording.count(weeks.days)),)


def _name_row(row: Ranked, count: int, wording: Wording, name: Callable[[str], str]) -> str:
    # Only what shorten() made has an empty name and cannot be merged.
    if row.value:
        return wording.name(row.value) if row.value == MERGED else name(row.value)
    return wording.text("value.rest", count=wording.count(count - MOST_ROWS))


def _write_row(name: str, row: Ranked, wording: Wording) -> tuple[str, ...]:
    return name, wording.count(row.measure), wording.percent(row.share), wording.percent(row.share_before)


def _write_top(value: float | None, wording: Wording, *, is_rate: bool) -> str:
    if value is None:
        return wording.text("no_figure")
    return wording.percent(value) if is_rate else wording.short(value)


def _name_columns(wording: Wording, first: str) -> tuple[str, ...]:
    return wording.text(first), wording.text("this_week"), wording.text("week_before")


def _tell_extremes(days: Sequence[tuple[date, Pair]], wording: Wording, write: Write, key: str) -> str:
    known = [(pair.now, day) for day, pair in days if pair.now is not None]
    (lowest, lowest_day), (highest, highest_day) = min(known), max(known)
    if len(known) == 1:
        return wording.text("only_day", day=wording.weekday(highest_day), value=write(highest))
    return wording.text(
        key,
        highest_day=wording.weekday(highest_day),
        highest=write(highest),
        lowest_day=wording.weekday(lowest_day),
        lowest=write(lowest),
    )
