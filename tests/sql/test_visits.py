"""people.visits, row by row: where a visit starts and ends, what it is told by, and what it does not depend on."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.people import create_people, gather_visits
from pipelines.warehouse.relations import create_relations

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
PAGE_VIEWS = polars_schema(CATALOGUE.get("lake", "page_views"))
MONDAY = date(2026, 11, 2)
MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)


def view(hours: float, route: str = "/", channel: str = "internal", visitor: bytes | None = b"a") -> dict[str, object]:
    """A page view so many hours after Monday's midnight, in UTC."""
    event_at = MIDNIGHT + timedelta(hours=hours)
    return {
        "event_at": event_at,
        "event_date": event_at.date(),
        "visitor_pseudonym": visitor,
        "route": route,
        "page_group": f"group of {route}",
        "referrer_channel": channel,
        "referrer_source": f"source of {channel}",
        "utm_medium": f"medium of {channel}",
        "is_page_view": True,
    }


def walk(start: float, end: float) -> list[dict[str, object]]:
    """A page every quarter of an hour."""
    return [view(quarter / 4) for quarter in range(int(start * 4), int(end * 4) + 1)]


def find_visits(views: Iterable[dict[str, object]], days: int = 4) -> list[dict[str, object]]:
    """The visits that start on Monday or on the days after."""
    frame = pl.DataFrame(list(views), schema=PAGE_VIEWS)
    with open_engine(options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.page_views": frame})
        create_people(engine, SETTINGS.sql)
        gather_visits(engine, SETTINGS.sql, [MONDAY + timedelta(days=offset) for offset in range(days)])
        return engine.table("people.visits").order("start_date, started_at").pl().to_dicts()


def test_visit_tells_its_first_and_last_page_and_where_it_came_from():
    (visit,) = find_visits([view(1.2, "/bid"), view(1, "/item", "portal"), view(1.1, "/list", "social")])
    assert visit == {
        "visitor_pseudonym": b"a",
        "start_date": MONDAY,
        "started_at": MIDNIGHT + timedelta(hours=1),
        "ended_at": MIDNIGHT + timedelta(hours=1.2),
        "visit_microseconds": 720_000_000,
        "page_views": 3,
        "is_bounce": False,
        "entry_page_group": "group of /item",
        "entry_route": "/item",
        "exit_page_group": "group of /bid",
        "exit_route": "/bid",
        "channel": "portal",
        "source": "source of portal",
        "utm_medium": "medium of portal",
    }


def test_single_page_is_a_bounce_that_took_no_time():
    (visit,) = find_visits([view(1, "/item")])
    assert (visit["is_bounce"], visit["visit_microseconds"]) == (True, 0)
    assert visit["entry_route"] == visit["exit_route"] == "/item"


def test_page_views_without_a_visitor_are_in_no_visit():
    assert find_visits([view(1, visitor=None), view(1.1, visitor=None)]) == []


def test_visit_over_midnight_is_one_and_belongs_to_its_first_day():
    (visit,) = find_visits([view(23.9, "/item"), view(24.1, "/bid")])
    assert (visit["start_date"], visit["page_views"], visit["exit_route"]) == (MONDAY, 2, "/bid")


@pytest.mark.parametrize("order", [1, -1])
def test_of_pages_of_one_moment_the_one_reached_from_elsewhere_comes_first(order: int):
    views = [view(1, "/a"), view(1, "/z", "portal"), view(1, "/b")][::order]
    (visit,) = find_visits(views)
    assert (visit["entry_route"], visit["channel"], visit["exit_route"]) == ("/z", "portal", "/b")


def test_no_visit_runs_on_over_a_second_midnight():
    visits = find_visits(walk(23, 75))
    assert [(visit["start_date"].day, visit["page_views"]) for visit in visits] == [(2, 4 + 96), (4, 96), (5, 13)]


@pytest.mark.parametrize(("start", "ends"), [(4, [1 + 24]), (3.75, [23.75, 1 + 24])])
def test_what_has_run_for_twenty_hours_before_a_midnight_ends_there(start: float, ends: list[float]):
    visits = find_visits(walk(start, 25))
    assert [visit["ended_at"] for visit in visits] == [MIDNIGHT + timedelta(hours=end) for end in ends]


@pytest.mark.parametrize("before", [0, 24, 48])
def test_visits_of_a_day_do_not_depend_on_days_further_off_than_its_neighbours(before: int):
    alone = find_visits(walk(-24, 47.75), days=1)
    assert find_visits(walk(-24 - before, 47.75 + before), days=1) == alone
