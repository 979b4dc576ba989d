"""Bots from their lines to the marts: told by agent or by rate, reported, and in no figure about people."""

import pytest

from pipelines.journeys.build_marts import build_marts
from pipelines.warehouse.extract import read_mart

OF_PEOPLE = ("usage_by_environment_daily", "usage_by_page_daily", "traffic_sources_daily")
COUNTS_OF_BOTS = ["request_count", "bot_request_count", "declared_bot_request_count", "rate_bot_request_count"]
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
DEVICE = "7d444840-9dc0-4a1d-8f5c-{:012}".format


@pytest.fixture
def visited(town):
    """The town with a dozen passers-by, so that no day is about few people."""
    passers = [town.visit(None, DEVICE(number), town.days[0], number) for number in range(12)]
    town.land("access", "passers.jsonl", passers)
    town.take_in()
    build_marts(town.house)
    return town


def read_figures(town) -> dict[str, list[tuple[object, ...]]]:
    path = town.house.settings.warehouse_file
    usage = read_mart(path, "usage_daily").drop(COUNTS_OF_BOTS)
    return {"usage_daily": usage.rows()} | {name: read_mart(path, name).rows() for name in OF_PEOPLE}


@pytest.mark.slow
def test_bots_by_agent_and_by_rate_are_reported_and_change_no_figure_of_people(visited):
    before = read_figures(visited)
    assert all(before.values())
    day = visited.days[0]
    declared = [visited.visit(None, DEVICE(0), day, 3, http_user_agent=GOOGLEBOT) for _ in range(3)]
    at_a_rate = [
        visited.visit(
            None, DEVICE(99), day, 4, time=f"{day}T11:00:{number % 60:02}+09:00", http_referer="https://x.com/"
        )
        for number in range(121)
    ]
    visited.land("access", "bots.jsonl", declared + at_a_rate)
    visited.take_in()
    build_marts(visited.house)
    assert read_figures(visited) == before
    path = visited.house.settings.warehouse_file
    assert [(str(at), *rest) for at, *rest in read_mart(path, "bots_daily").rows()] == [
        (day, "rate", 121),
        (day, "search_engine", 3),
    ]
    (usage,) = (row for row in read_mart(path, "usage_daily").to_dicts() if str(row["event_date"]) == day)
    assert [usage[name] for name in COUNTS_OF_BOTS[1:]] == [124, 3, 121]


@pytest.mark.slow
def test_bot_whose_line_comes_too_late_for_its_visitor_is_still_told_by_its_agent(visited):
    long_ago = "2026-09-01"
    visited.land("access", "late.jsonl", [visited.visit(None, None, long_ago, 1, http_user_agent=GOOGLEBOT)])
    visited.take_in()
    build_marts(visited.house)
    path = visited.house.settings.warehouse_file
    assert visited.rows("page_views")["visitor_pseudonym"].null_count() == 1
    assert (long_ago, "search_engine", 1) in [(str(at), *rest) for at, *rest in read_mart(path, "bots_daily").rows()]
    (usage,) = (row for row in read_mart(path, "usage_daily").to_dicts() if str(row["event_date"]) == long_ago)
    assert (usage["page_views"], usage["request_count"], usage["declared_bot_request_count"]) == (0, 1, 1)
