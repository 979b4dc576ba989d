"""How satisfied people are, with how sure that is, and with what is withheld named as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipelines.report.drawing import Interval, Scale, draw_intervals
from pipelines.report.figures import Marts
from pipelines.report.parts import Chart, Headline, Section, Table
from pipelines.report.weeks import Week
from pipelines.report.wording import Wording


@dataclass(frozen=True, slots=True)
class Score:
    """A score's columns: its answers, its value and the ends of its interval, and its scale."""

    value: str
    count: str
    low: str
    high: str
    scale: Scale

    def write(self, value: float | None, wording: Wording) -> str:
        if self.value == "csat_rate":
            return wording.percent(value)
        return wording.decimal(value) if self.value == "ces_mean" else wording.count(value)


CSAT = Score("csat_rate", "csat_count", "csat_low", "csat_high", Scale(0, 1, (0, 0.25, 0.5, 0.75, 1), ".0%"))
NPS = Score("nps", "nps_count", "nps_low", "nps_high", Scale(-100, 100, (-100, -50, 0, 50, 100), "d"))
CES = Score("ces_mean", "ces_count", "ces_low", "ces_high", Scale(1, 7, (1, 2, 3, 4, 5, 6, 7), "d"))
SCORES = {"csat": CSAT, "nps": NPS, "ces_mean": CES}
FEWEST_ANSWERS = 30
SCORE_COLUMNS = tuple(
    column for score in SCORES.values() for column in (score.value, score.count, score.low, score.high)
)
READS = {
    "satisfaction_weekly": ("week_start", "survey_id", "response_count", "response_rate", *SCORE_COLUMNS),
    "satisfaction_by_segment_weekly": ("week_start", "survey_id", "segment", *SCORE_COLUMNS),
}
Row = Mapping[str, Any]
Place = tuple[str, ...]


def tell_satisfaction(marts: Marts, week: Week, wording: Wording) -> Section | None:
    """CSAT, NPS and CES of each survey and, where the mart exists, of each segment."""
    if "satisfaction_weekly" not in marts:
        return None
    rows = marts["satisfaction_weekly"]
    title = wording.text("satisfaction")
    if rows.filter(pl.col("week_start") == week.monday).is_empty():
        return Section("satisfaction", title, (wording.text("section_empty"),))
    charts = [chart for key in SCORES for chart in _draw(rows, ("survey_id",), key, week, wording)]
    if (segments := marts.get("satisfaction_by_segment_weekly")) is not None:
        charts += [chart for key in SCORES for chart in _draw(segments, ("survey_id", "segment"), key, week, wording)]
    return Section(
        key="satisfaction",
        title=title,
        sentences=_tell_scores(rows, week, wording),
        headlines=_show_response(rows, week, wording),
        charts=tuple(charts),
        notes=(wording.text("satisfaction.note"),),
    )


def _tell_scores(rows: pl.DataFrame, week: Week, wording: Wording) -> tuple[str, ...]:
    told = rows.filter((pl.col("week_start") == week.monday) & pl.col("csat_rate").is_not_null()).sort("survey_id")
    return tuple(
        wording.text(
            "satisfaction.sentence",
            survey=row["survey_id"],
            share=wording.percent(row["csat_rate"]),
            low=wording.percent(row["csat_low"]),
            high=wording.percent(row["csat_high"]),
            count=wording.count(row["csat_count"]),
        )
        for row in told.iter_rows(named=True)
    )


def _show_response(rows: pl.DataFrame, week: Week, wording: Wording) -> tuple[Headline, ...]:
    """How many answered of the members who visited, by survey, where that can be told."""
    if "response_rate" not in rows.columns:
        return ()
    rated = rows.filter((pl.col("week_start") == week.monday) & pl.col("response_rate").is_not_null())
    note = wording.text("satisfaction.response_note")
    return tuple(
        Headline(row["survey_id"], wording.percent(row["response_rate"]), note)
        for row in rated.sort("survey_id").iter_rows(named=True)
    )


def _draw(rows: pl.DataFrame, place: Place, key: str, week: Week, wording: Wording) -> tuple[Chart, ...]:
    """The intervals of one score, one row per place that was asked for it in the week or the one before."""
    score = SCORES[key]
    if not {score.value, score.count} <= set(rows.columns):
        return ()
    now, before = (_find_asked(rows, place, score, monday) for monday in (week.monday, week.before.monday))
    places = sorted({*now, *before})
    if not places:
        return ()
    drawn = [_describe(each, now.get(each), before.get(each), score, wording) for each in places]
    title = wording.text(f"satisfaction.{key}")
    is_split = len(place) > 1
    return (
        Chart(
            title=wording.text("satisfaction.segment_of", score=title) if is_split else title,
            message=wording.text(f"satisfaction.{key}_message"),
            svg=draw_intervals(drawn, score.scale),
            legend=wording.text("legend.intervals"),
            table=_write_table(places, now, before, score, wording),
        ),
    )


def _find_asked(rows: pl.DataFrame, place: Place, score: Score, monday: date) -> dict[Place, Row]:
    """The rows of a week in which somebody answered this question."""
    asked = rows.filter((pl.col("week_start") == monday) & (pl.col(score.count) > 0))
    return {tuple(row[part] for part in place): row for row in asked.iter_rows(named=True)}


def _describe(place: Place, now: Row | None, before: Row | None, score: Score, wording: Wording) -> Interval:
    value, low, high = (None if now is None else now.get(column) for column in (score.value, score.low, score.high))
    reference = None if before is None else before[score.value]
    return Interval(_name(place, wording), value, low, high, reference, _label(now, score, wording))


def _label(row: Row | None, score: Score, wording: Wording) -> str:
    """The value with its range, or why there is none."""
    if row is None:
        return wording.text("satisfaction.withheld_people")
    if row[score.value] is None:
        return wording.text(f"satisfaction.{_tell_reason(row, score)}")
    range_ = _range(row, score, wording)
    return score.write(row[score.value], wording) + (f" ({range_})" if range_ else "")


def _tell_reason(row: Row, score: Score) -> str:
    """Too few answers or, in a segment only, another one's sake; a rounded count at the limit may be either."""
    count = row[score.count]
    if "segment" not in row or count < FEWEST_ANSWERS:
        return "withheld_few"
    return "withheld_near" if count == FEWEST_ANSWERS else "withheld_other"


def _range(row: Row, score: Score, wording: Wording) -> str:
    low, high = row.get(score.low), row.get(score.high)
    if low is None or high is None:
        return ""
    # A dash between numbers of which one is negative would read as a minus.
    joint = " … " if low < 0 else "–"
    return f"{score.write(low, wording)}{joint}{score.write(high, wording)}"


def _name(place: Place, wording: Wording) -> str:
    return " · ".join(part if at == 0 else wording.name(part) for at, part in enumerate(place))


def _write_table(
    places: Sequence[Place],
    now: Mapping[Place, Row],
    before: Mapping[Place, Row],
    score: Score,
    wording: Wording,
) -> Table:
    columns = ("column.survey", "column.answers", "column.score", "column.range", "week_before")
    return Table(
        tuple(wording.text(key) for key in columns),
        tuple(_write_row(place, now.get(place), before.get(place), score, wording) for place in places),
    )


def _write_row(place: Place, row: Row | None, before: Row | None, score: Score, wording: Wording) -> tuple[str, ...]:
    earlier = score.write(None if before is None else before[score.value], wording)
    if row is None or row[score.value] is None:
        answers = wording.count(None if row is None else row[score.count])
        return _name(place, wording), answers, _label(row, score, wording), wording.text("none"), earlier
    return (
        _name(place, wording),
        wording.count(row[score.count]),
        score.write(row[score.value], wording),
        _range(row, score, wording) or wording.text("none"),
        earlier,
    )
