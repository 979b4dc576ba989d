"""Figures of a week and of the week before, out of a mart's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.report.weeks import Week
from pipelines.report.wording import MERGED

Marts = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure of the week and, where the two can be compared, that of the week before."""

    now: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """One value of a dimension: its measure and its share in the week, and its share in the week before."""

    value: str
    measure: float
    share: float
    share_before: float | None


@dataclass(frozen=True, slots=True)
class Weeks:
    """The rows of a daily mart in a week and in the one before."""

    week: Week
    now: pl.DataFrame
    before: pl.DataFrame

    @property
    def days(self) -> int:
        return self.now["event_date"].n_unique()

    @property
    def comparable(self) -> bool:
        """Whether as many days have figures in both."""
        return 0 < self.days == self.before["event_date"].n_unique()

    def has(self, *columns: str) -> bool:
        return set(columns) <= set(self.now.columns)

    def total(self, column: str) -> Pair:
        """The sum over days."""
        return self._measure(pl.col(column).sum(), compare=self.comparable)

    def mean(self, column: str) -> Pair:
        """The mean of days."""
        return self._measure(pl.col(column).mean(), compare=not self.before.is_empty())

    def weighted(self, column: str, weight: str) -> Pair:
        """The mean over what the weight counts, such as a rate of visits over visits; null days weigh nothing."""
        weights = pl.when(pl.col(column).is_not_null()).then(pl.col(weight))
        mean = (pl.col(column) * weights).sum() / weights.sum()
        return self._measure(pl.when(weights.sum() > 0).then(mean), compare=not self.before.is_empty())

    def ratio(self, part: str, whole: str) -> Pair:
        """Sum by sum."""
        share = pl.when(pl.col(whole).sum() > 0).then(pl.col(part).sum() / pl.col(whole).sum())
        return self._measure(share, compare=not self.before.is_empty())

    def by_day(self, column: str) -> tuple[tuple[date, Pair], ...]:
        """The figure of each day of the week, beside that of the same weekday before."""
        now, before = _map_days(self.now, column), _map_days(self.before, column)
        pairs = zip(self.week.days, self.week.before.days, strict=True)
        return tuple((day, Pair(now.get(day), before.get(earlier))) for day, earlier in pairs)

    def rank(self, dimension: str, measure: str) -> tuple[Ranked, ...]:
        """The values of a dimension by their share of the measure, greatest first, the merged ones last."""
        now, before = _sum_by(self.now, dimension, measure), _sum_by(self.before, dimension, measure)
        whole, whole_before = sum(now.values()), sum(before.values())
        if not whole:
            return ()
        ranked = [
            Ranked(value, sum_, sum_ / whole, before.get(value, 0) / whole_before if whole_before else None)
            for value, sum_ in now.items()
        ]
        return tuple(sorted(ranked, key=lambda each: (each.value == MERGED, -each.measure, each.value)))

    def _measure(self, expression: pl.Expr, *, compare: bool) -> Pair:
        return Pair(_single(self.now, expression), _single(self.before, expression) if compare else None)


def split_weeks(mart: pl.DataFrame, week: Week, period: str = "event_date") -> Weeks:
    """The rows of a mart in the week and in the one before; their period is event_date from here on."""
    rows = mart.rename({period: "event_date"})
    return Weeks(week, _between(rows, week), _between(rows, week.before))


def _between(rows: pl.DataFrame, week: Week) -> pl.DataFrame:
    return rows.filter(pl.col("event_date").is_between(week.monday, week.sunday))


def _single(rows: pl.DataFrame, expression: pl.Expr) -> float | None:
    value: float | None = None if rows.is_empty() else rows.select(expression).item()
    return value


def _map_days(rows: pl.DataFrame, column: str) -> dict[date, float | None]:
    return dict(rows.select("event_date", column).iter_rows())


def _sum_by(rows: pl.DataFrame, dimension: str, measure: str) -> dict[str, float]:
    named = rows.group_by(pl.col(dimension).fill_null("(unknown)")).agg(pl.col(measure).sum())
    return {value: float(sum_) for value, sum_ in named.iter_rows()}


def share_of_merged(ranked: Sequence[Ranked]) -> float:
    """What part is of combinations that too few people share."""
    return sum(each.share for each in ranked if each.value == MERGED)


def first_of(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Those that are not merged."""
    return tuple(each for each in ranked if each.value != MERGED)
