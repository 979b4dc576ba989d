"""Between lake and marts: the requests, page views, visits and answers of people, which every mart about people reads.

They name visitors, so they are views, and a table in memory, that live as long as a build and are never in its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.warehouse.statements import bind_select, read_people

PEOPLE_SOURCE = "lake.page_views"
# In the order in which they can be made, and what each is made from.
VIEWS = {"requests": PEOPLE_SOURCE, "page_views": PEOPLE_SOURCE, "answers": "lake.survey_responses"}
DAY = timedelta(days=1)


def create_people(engine: duckdb.DuckDBPyConnection, sql_directory: Path) -> None:
    """Create the view people.<name> of each lake table that marts read."""
    engine.execute("CREATE SCHEMA people")
    found = {f"lake.{name}" for (name,) in engine.sql("SHOW TABLES FROM lake").fetchall()}
    for name, source in VIEWS.items():
        if source in found:
            engine.execute(f"CREATE VIEW people.{name} AS\n{read_people(sql_directory, name)}")


def gather_visits(engine: duckdb.DuckDBPyConnection, sql_directory: Path, days: Iterable[date]) -> None:
    """Make people.visits hold the visits that start on these days, in the place of those of any other days."""
    wanted = frozenset(days)
    read = wanted.union(day + offset for day in wanted for offset in (-DAY, DAY))
    parameters = {"event_dates": sorted(wanted), "read_dates": sorted(read)}
    engine.execute("DROP TABLE IF EXISTS people.visits")
    bind_select(engine, read_people(sql_directory, "visits"), parameters).to_table("people.visits")
