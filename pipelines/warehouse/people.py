"""Between lake and marts: the requests, page views and visits of people, and those of bots, which marts of usage read.

They name visitors, so they are views, and a table in memory, that live as long as a build and are never in its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.warehouse.statements import bind_select, read_people

PEOPLE_SOURCE = "lake.page_views"
VIEWS = ("requests", "page_views", "bot_requests")
DAY = timedelta(days=1)


def create_people(engine: duckdb.DuckDBPyConnection, sql_directory: Path) -> None:
    """Create the views of people.requests, page_views and bot_requests over lake.page_views."""
    engine.execute("CREATE SCHEMA people")
    for name in VIEWS:
        engine.execute(f"CREATE VIEW people.{name} AS\n{read_people(sql_directory, name)}")


def gather_visits(engine: duckdb.DuckDBPyConnection, sql_directory: Path, days: Iterable[date]) -> None:
    """Make people.visits hold the visits that start on these days, in the place of those of any other days."""
    wanted = frozenset(days)
    read = wanted.union(day + offset for day in wanted for offset in (-DAY, DAY))
    parameters = {"event_dates": sorted(wanted), "read_dates": sorted(read)}
    engine.execute("DROP TABLE IF EXISTS people.visits")
    bind_select(engine, read_people(sql_directory, "visits"), parameters).to_table("people.visits")
