"""Between lake and marts: what people did who may be counted, which every mart reads in the place of the lake.

They name visitors, so they are views, and a table in memory, that live as long as a build and are never in its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.warehouse.statements import bind_select, read_people

PEOPLE_SOURCE = "lake.page_views"
# What each view is made of, in an order in which each finds those that it reads.
VIEWS = {
    "traffic": PEOPLE_SOURCE,
    "requests": PEOPLE_SOURCE,
    "page_views": PEOPLE_SOURCE,
    "device_events": "lake.device_events",
    "answers": "lake.survey_responses",
    "security_events": "lake.security_events",
}
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
