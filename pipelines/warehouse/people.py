"""Between lake and marts: what people did who may be counted, which every mart reads in the place of the lake.

They name people, so they are views, and tables in memory, that live as long as a build and are never in
its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.warehouse.marts import Mart
from pipelines.warehouse.periods import split_days
from pipelines.warehouse.relations import find_dates
from pipelines.warehouse.statements import bind_select, read_people

PEOPLE_SOURCE = "lake.page_views"
# What each view is made of, in an order in which each finds those that it reads.
VIEWS = {
    "traffic": PEOPLE_SOURCE,
    "requests": PEOPLE_SOURCE,
    "bot_requests": PEOPLE_SOURCE,
    "page_views": PEOPLE_SOURCE,
    "device_events": "lake.device_events",
    "app_opens": "lake.device_events",
    "answers": "lake.survey_responses",
    "security_events": "lake.security_events",
}
VISITS = "people.visits"
# Who was there on which day: distinct days of each person, for figures over many days.
PERSON_DAYS = ("people.member_days", "people.visitor_days")
PERSON_DAY_SOURCES = ("lake.page_views", "lake.device_events")
DAY = timedelta(days=1)


def create_people(engine: duckdb.DuckDBPyConnection, sql_directory: Path) -> None:
    """Create the views people.<name> over those lake tables that are there, less who is in control.restrictions."""
    engine.execute("CREATE SCHEMA people")
    found = engine.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'lake'").fetchall()
    present = {f"lake.{name}" for (name,) in found}
    for name in (name for name, source in VIEWS.items() if source in present):
        engine.execute(f"CREATE VIEW people.{name} AS\n{read_people(sql_directory, name)}")


def gather_visits(engine: duckdb.DuckDBPyConnection, sql_directory: Path, days: Iterable[date]) -> None:
    """Make people.visits hold the visits that start on these days, in the place of those of any other days."""
    wanted = frozenset(days)
    read = wanted.union(day + offset for day in wanted for offset in (-DAY, DAY))
    parameters = {"event_dates": sorted(wanted), "read_dates": sorted(read)}
    engine.execute("DROP TABLE IF EXISTS people.visits")
    bind_select(engine, read_people(sql_directory, "visits"), parameters).to_table("people.visits")


def gather_person_days(engine: duckdb.DuckDBPyConnection, sql_directory: Path, marts: Iterable[Mart]) -> None:
    """Make people.member_days and people.visitor_days of all days that some mart reads them for, once for the build.

    `note_days` comes first.
    """
    readers = tuple(marts)
    for relation in PERSON_DAYS:
        read = frozenset[date]().union(*(mart.read_days for mart in readers if relation in mart.reads))
        if any(relation in mart.reads for mart in readers):
            held = frozenset[date]().union(*(find_dates(engine, name, read) for name in PERSON_DAY_SOURCES))
            _gather_days(engine, sql_directory, relation, held)


def _gather_days(engine: duckdb.DuckDBPyConnection, sql_directory: Path, relation: str, days: Iterable[date]) -> None:
    """Some weeks at a time: what tells days apart is held for these alone."""
    sql = read_people(sql_directory, relation.removeprefix("people."))
    bind_select(engine, sql, {"event_dates": []}).to_table(relation)
    for span in split_days(days):
        bind_select(engine, sql, {"event_dates": sorted(span)}).insert_into(relation)
