"""Visits in SQL against the rule told step by step: however events are split into files, arrive, and are built."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.build import BuiltWarehouse, build_warehouse
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.people import create_people, gather_visits
from pipelines.warehouse.query import run_query
from pipelines.warehouse.relations import Inputs, create_relations
from pipelines.warehouse.serve import publish_warehouse

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
PAGE_VIEWS = polars_schema(CATALOGUE.get("lake", "page_views"))
NO_FILES = pl.DataFrame(schema={"received_date": pl.Date, "source": pl.String, "state": pl.String}).with_columns(
    pl.lit(None, pl.Int64).alias(f"{name}_count")
    for name in ("read", "accepted", "rejected", "duplicate", "suppressed", "late", "undeclared")
)
BUILT_AT = datetime(2026, 11, 22, tzinfo=UTC)
HOURS = 40  # before and after a midnight
TOLD = [
    "visitor_pseudonym",
    "start_date",
    "started_at",
    "ended_at",
    "page_views",
    "entry_route",
    "exit_route",
    "channel",
]
VISITORS = (b"a", b"b", None)


@dataclass(frozen=True, order=True)
class View:
    """A page view; the order is that in which a visitor's page views are told, but for the visitor."""

    event_at: datetime
    is_internal: bool
    route: str
    visitor: bytes | None

    def day(self, zone: str) -> date:
        return self.event_at.astimezone(ZoneInfo(zone)).date()


@st.composite
def walks(draw: st.DrawFn, midnight: datetime) -> list[View]:
    """Page views of one visitor: around a midnight, anywhere near it, or on and on for up to three days."""
    visitor = draw(st.sampled_from(VISITORS))
    start = draw(st.integers(-45, 15) | st.integers(-HOURS * 60, HOURS * 60))
    steps = draw(st.lists(st.sampled_from([1, 20, 30, 31, 0]), min_size=1, max_size=6))
    half_hours = draw(st.sampled_from([0, 0, 0, 24, 38, 40, 46, 60, 144]))
    minutes = accumulate([start, *steps, *[30] * half_hours])
    return [
        View(midnight + timedelta(minutes=each), draw(st.booleans()), draw(st.sampled_from(["/", "/item"])), visitor)
        for each in minutes
    ]


@st.composite
def towns(draw: st.DrawFn) -> tuple[str, list[View]]:
    """A time zone, and page views there around the first midnight of a day that may have 25 hours."""
    zone = draw(st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "UTC"]))
    midnight = datetime(2026, 10, 25, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return zone, [view for walk in draw(st.lists(walks(midnight), min_size=1, max_size=4)) for view in walk]


def visit_step_by_step(views: Sequence[View], zone: str) -> Iterator[list[View]]:
    """Each visit's page views in order: more than 30 minutes end it, and so does a midnight after 20 hours."""
    for visitor in {view.visitor for view in views} - {None}:
        mine = sorted(view for view in views if view.visitor == visitor)
        visit = mine[:1]
        for before, view in pairwise(mine):
            since = next(each for each in visit if each.day(zone) == before.day(zone)).event_at
            is_long = view.day(zone) != before.day(zone) and before.event_at - since >= timedelta(hours=20)
            if view.event_at - before.event_at > timedelta(minutes=30) or is_long:
                yield visit
                visit = []
            visit.append(view)
        yield visit


def tell_visit(visit: Sequence[View], zone: str) -> tuple[object, ...]:
    first, last = visit[0], visit[-1]
    channel = "internal" if first.is_internal else "portal"
    return (first.visitor, first.day(zone), first.event_at, last.event_at, len(visit), first.route, last.route, channel)


def frame_of(views: Sequence[View], zone: str) -> pl.DataFrame:
    rows = [
        {
            "event_at": view.event_at,
            "event_date": view.day(zone),
            "subject_bucket": 0,
            "visitor_pseudonym": view.visitor,
            "route": view.route,
            "referrer_channel": "internal" if view.is_internal else "portal",
            "is_page_view": True,
            "status_code": 200,
        }
        for view in views
    ]
    return pl.DataFrame(rows, schema=PAGE_VIEWS)


def gather(engine: duckdb.DuckDBPyConnection, day: date) -> list[tuple[object, ...]]:
    """The visits of one day, which are known from it and its neighbours alone."""
    gather_visits(engine, SETTINGS.sql, [day])
    found = engine.table("people.visits").select(*TOLD).pl()
    return found.with_columns(pl.col("started_at", "ended_at").dt.convert_time_zone("UTC")).rows()


@pytest.mark.slow
@given(towns())
@settings(max_examples=30, deadline=None)
def test_visits_in_sql_are_those_of_the_rule(town: tuple[str, list[View]]):
    zone, views = town
    dates = sorted({view.day(zone) for view in views})
    with open_engine(timezone=zone, options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.page_views": frame_of(views, zone)})
        create_people(engine, SETTINGS.sql)
        found = [visit for day in dates for visit in gather(engine, day)]
    assert sorted(found) == sorted(tell_visit(visit, zone) for visit in visit_step_by_step(views, zone))


def usage_step_by_step(views: Sequence[View], zone: str) -> list[dict[str, object]]:
    """What usage_daily says of page views and visits, one row per day that has page views."""
    visits = defaultdict(list)
    for visit in visit_step_by_step(views, zone):
        visits[visit[0].day(zone)].append(visit)
    rows = []
    for day in sorted({view.day(zone) for view in views}):
        seen, count = [view for view in views if view.day(zone) == day], len(visits[day])
        seconds = [(visit[-1].event_at - visit[0].event_at).total_seconds() for visit in visits[day]]
        row = {
            "event_date": day.isoformat(),
            "page_views": len(seen),
            "visitors": len({view.visitor for view in seen} - {None}),
            "visits": count,
            "pages_per_visit": sum(map(len, visits[day])) / count if count else None,
            "bounce_rate": sum(len(visit) == 1 for visit in visits[day]) / count if count else None,
            "mean_visit_seconds": pytest.approx(sum(seconds) / count) if count else None,
        }
        rows.append(row)
    return rows


def build(directory: Path, page_views: pl.DataFrame | Sequence[str], days: Sequence[date] | None, zone: str):
    empty = {f"lake.{table}": [] for table in ("searches", "survey_responses", "security_events", "device_events")}
    ledger = {"control.source_files": NO_FILES, "control.deletion_facts": [], "control.restrictions": []}
    inputs: Inputs = {**empty, **ledger, "lake.page_views": page_views}
    built: BuiltWarehouse = build_warehouse(
        directory, CATALOGUE, SETTINGS.sql, inputs, days, timezone=zone, memory_limit="500MB", built_at=BUILT_AT
    )
    return publish_warehouse(built, directory / "tokumei.duckdb")


def read_rows(warehouse: Path, table: str) -> list[dict[str, object]]:
    return json.loads(run_query(warehouse, f"FROM marts.{table} ORDER BY ALL", format="json"))


def write_file(frame: pl.DataFrame, directory: Path, name: str) -> list[str]:
    """One delivery as the lake keeps it: a file below each of its days."""
    paths = []
    for (day, bucket), rows in frame.partition_by(
        "event_date", "subject_bucket", as_dict=True, include_key=False
    ).items():
        folder = directory / f"event_date={day}" / f"subject_bucket={bucket}"
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(folder / f"{name}.parquet")
        paths.append(str(folder / f"{name}.parquet"))
    return paths


def deliver(data: st.DataObject, views: Sequence[View], zone: str) -> dict[int, list[View]]:
    """The page views of each file: whole days, or any page view in any file."""
    by_day, deliveries = data.draw(st.booleans()), defaultdict(list)
    file_of_day = defaultdict(lambda: data.draw(st.integers(0, 3)))
    for view in views:
        number = file_of_day[view.day(zone)] if by_day else data.draw(st.integers(0, 3))
        deliveries[number].append(view)
    return deliveries


@pytest.mark.slow
@given(st.data(), towns())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_split_order_and_sequence_of_builds_gives_the_usage_of_the_rule(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, town: tuple[str, list[View]]
):
    zone, views = town
    deliveries = deliver(data, views, zone)
    lake, directory = tmp_path_factory.mktemp("lake"), tmp_path_factory.mktemp("incremental")
    files: list[str] = []
    touched: set[date] = set()
    arrivals = data.draw(st.permutations(sorted(deliveries)))
    for number in arrivals:
        files += write_file(frame_of(deliveries[number], zone), lake, f"part-{number}")
        touched |= {view.day(zone) for view in deliveries[number]}
        if number == arrivals[-1] or data.draw(st.booleans()):
            published = build(directory, files, sorted(touched), zone)
            touched = set()
    expected = usage_step_by_step(views, zone)
    found = read_rows(published, "usage_daily")
    assert [{name: row[name] for name in expected[0]} for row in found] == expected
    full = build(tmp_path_factory.mktemp("full"), frame_of(views, zone), None, zone)
    assert found == read_rows(full, "usage_daily")
    assert read_rows(published, "usage_by_environment_daily") == read_rows(full, "usage_by_environment_daily")
