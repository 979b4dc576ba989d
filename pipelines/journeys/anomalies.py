"""Volume and freshness of what comes, beside the weeks before: what is unlike them is told, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import sqlalchemy as sa

from pipelines.control.arrivals import accepted_by_day, first_arrivals
from pipelines.control.quality_results import RuleFigures, record_judgement
from pipelines.journeys.house import House
from pipelines.journeys.verdicts import new_judgement
from pipelines.quality.anomalies import LIMIT, WEEKS, Comparison, Series, compare_days, fill_days
from pipelines.telemetry import logger, record_step
from pipelines.warehouse.extract import read_mart


def compare_with_weeks_before(ledger: sa.Engine, warehouse: Path, now: datetime) -> tuple[Comparison, ...]:
    """The last complete day of every source and of the page views. now: in the service's time zone."""
    day = now.date() - timedelta(days=1)
    since = day - timedelta(weeks=WEEKS)
    series = [*_volumes(ledger, since, day), *_delays(ledger, since, now, day), *_page_views(warehouse, day)]
    return compare_days(series, day)


def watch_quality(house: House) -> tuple[Comparison, ...]:
    """Compare, enter the figures in the ledger, and warn of each anomaly; what was compared is returned."""
    with record_step("watch_quality", "anomalies") as step:
        compared = compare_with_weeks_before(house.ledger, house.settings.warehouse_file, house.now())
        record_judgement(house.ledger, new_judgement(house, [map(_as_figures, compared)]))
        anomalies = [comparison for comparison in compared if comparison.is_anomaly]
        step.count(compared=len(compared), anomalies=len(anomalies))
    for anomaly in anomalies:
        logger.warning("tokumei: %s", anomaly)
    return compared


def _volumes(ledger: sa.Engine, since: date, day: date) -> Iterator[Series]:
    for source, accepted in accepted_by_day(ledger, since).items():
        yield Series(source, "accepted", "lines", fill_days(accepted, day))


def _delays(ledger: sa.Engine, since: date, now: datetime, day: date) -> Iterator[Series]:
    """Hours from a day's beginning until its first lines came; for a day of which none came, hours until now."""
    for source, arrivals in first_arrivals(ledger, since).items():
        waited = {each: _hours_since(each, moment, now) for each, moment in arrivals.items()}
        yield Series(source, "delay", "hours", {day: _hours_since(day, now, now)} | waited, only_high=True)


def _hours_since(day: date, moment: datetime, now: datetime) -> float:
    return (moment - datetime.combine(day, time(), now.tzinfo)) / timedelta(hours=1)


def _page_views(warehouse: Path, day: date) -> Iterator[Series]:
    if warehouse.exists():
        rows = read_mart(warehouse, "usage_daily").select("event_date", "page_views").iter_rows()
        yield Series("usage_daily", "page_views", "pages", fill_days(dict(rows), day))


def _as_figures(comparison: Comparison) -> RuleFigures:
    return RuleFigures(
        layer="anomalies",
        table=comparison.dataset,
        contract_version="",
        row_count=0,
        rule=comparison.measure,
        severity="warning",
        unit="z-score",
        observed=comparison.z_score,
        minimum=None if comparison.only_high else -LIMIT,
        maximum=LIMIT,
        passed=not comparison.is_anomaly,
        description=f"{comparison.measure} of the last complete day beside that weekday of the {WEEKS} weeks before",
    )
