"""Bots by rate, told from people when marts are built, over all files of a day; the lake keeps rows as they came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts.model import Catalogue
from pipelines.warehouse.marts import Mart, inputs_of
from pipelines.warehouse.statements import bind_select, read_rule

RELATION = "lake.page_views"
MEMBERS_ALONE = {"people.member_days"}
# What the marts read under the table's own name from then on.
MARKED = """
CREATE VIEW lake.page_views AS
SELECT stored.* REPLACE (
    if(bots_by_rate.event_date IS NULL, bot_family, coalesce(bot_family, 'rate')) AS bot_family,
    if(bots_by_rate.event_date IS NULL, device_class, 'bot') AS device_class,
    is_page_view AND bots_by_rate.event_date IS NULL AS is_page_view
)
FROM lake.stored_page_views AS stored
LEFT JOIN lake.bots_by_rate USING (event_date, visitor_pseudonym)
"""


def mark_bots_by_rate(
    engine: duckdb.DuckDBPyConnection, catalogue: Catalogue, sql_directory: Path, marts: Iterable[Mart]
) -> None:
    """Make lake.page_views show bot_family `rate` where a visitor exceeds the rates that its contract declares.

    Such a visitor's rows are no page views for their whole day. Days of which no mart tells visitors are not judged.
    """
    readers = [mart for mart in marts if RELATION in inputs_of(mart.contract)]
    if not readers or "botRates" not in (rates := catalogue.get("lake", "page_views").properties):
        return
    declared = rates["botRates"]
    parameters = {
        "event_dates": sorted(_days_read(readers)),
        "per_minute": declared["perMinute"],
        "per_hour": declared["perHour"],
        "uncounted_groups": declared["uncountedGroups"],
    }
    bind_select(engine, read_rule(sql_directory, "bots_by_rate"), parameters).create("lake.bots_by_rate")
    engine.execute(f"ALTER {_kind_of_relation(engine)} lake.page_views RENAME TO stored_page_views")
    engine.execute(MARKED)


def _days_read(marts: Iterable[Mart]) -> frozenset[date]:
    """All days that the marts read, whichever rows they make anew, so that these are the same whatever else is.

    A mart that reads members alone, and half a year of them, needs no judgement: they are people whatever they do.
    """
    return frozenset[date]().union(*(mart.read_days for mart in marts if mart.reads != MEMBERS_ALONE))


def _kind_of_relation(engine: duckdb.DuckDBPyConnection) -> str:
    views = engine.execute(
        "SELECT count(*) FROM duckdb_views() WHERE schema_name = 'lake' AND view_name = 'page_views'"
    )
    return "VIEW" if views.fetchone() == (1,) else "TABLE"
