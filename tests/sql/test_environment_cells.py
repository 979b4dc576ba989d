"""Merging small cells, in SQL, against the same rule written out step by step."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.cells import gather_cells
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import select_mart
from pipelines.warehouse.people import create_people
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MART = CATALOGUE.get("marts", "usage_by_environment_daily")
QUERY = read_query(SETTINGS.sql, MART.name)
DAY = date(2026, 11, 2)

browsers_and_visitors = st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(0, 12)), max_size=60)


def merge_step_by_step(views: list[tuple[str, int]], minimum: int) -> dict[str, int]:
    """Visitors of each browser shown: take cells, smallest first, until none is small and the taken have enough."""
    visitors = defaultdict(set)
    for browser, visitor in views:
        visitors[browser].add(visitor)
    cells = sorted(visitors.items(), key=lambda cell: (len(cell[1]), cell[0]))
    merged: set[int] = set()
    while cells and (len(cells[0][1]) < minimum or 0 < len(merged) < minimum):
        merged |= cells.pop(0)[1]
    if len(merged) >= minimum:
        cells.append(("(other)", merged))
    return {browser: len(people) for browser, people in cells}


def merge_in_sql(views: list[tuple[str, int]], minimum: int) -> Mapping[str, int]:
    rows = [
        {
            "event_date": DAY,
            "is_page_view": True,
            "device_class": "desktop",
            "os_family": "Linux",
            "browser_family": browser,
            "visitor_pseudonym": bytes([visitor]),
        }
        for browser, visitor in views
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(CATALOGUE.get("lake", "page_views")))
    with open_engine(options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.page_views": frame})
        create_people(engine, SETTINGS.sql)
        gather_cells(engine, MART, SETTINGS.sql, [DAY], minimum)
        mart = select_mart(engine, MART, QUERY, [DAY], minimum).pl()
    assert int(mart["page_views"].sum()) in (0, len(views))
    return dict(mart.select("browser_family", "visitors").iter_rows())


@given(browsers_and_visitors, st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_cells_shown_are_those_of_the_rule(views: list[tuple[str, int]], minimum: int):
    shown = merge_in_sql(views, minimum)
    assert shown == merge_step_by_step(views, minimum)
    assert all(visitors >= minimum for visitors in shown.values())
