"""Which days of the warehouse a build makes anew, which it carries over; built in steps or at once it is the same."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.model import Catalogue
from pipelines.warehouse.checks import run_checks
from tests.integration.warehouses import (
    CATALOGUE,
    MONDAY,
    RESTRICTED,
    SETTINGS,
    Row,
    all_marts,
    answer,
    build,
    busy_inputs,
    inputs_from,
    publish,
    received_file,
    rows_of,
    search,
    view,
)


def test_only_the_named_days_and_those_that_they_reach_are_made_anew(tmp_path: Path):
    """Visits run on over midnight, so a day of usage needs its neighbours; a day of environments stands by itself.

    Windows of active members end on the 28 days from the named one on, of which the lake holds three.
    """
    publish(build(tmp_path, busy_inputs(days=5)))
    fewer = [view(MONDAY + timedelta(days=offset), person) for offset in range(5) for person in range(20)]
    inputs = inputs_from(page_views=fewer, restrictions=RESTRICTED)
    built = build(tmp_path, inputs, [MONDAY + timedelta(days=2)])
    usage = rows_of(built.path, "marts.usage_daily")
    assert [row["visitors"] for row in usage] == [40, 20, 20, 20, 40]
    environments = "(SELECT event_date, sum(page_views) < 30 AS fewer FROM marts.usage_by_environment_daily GROUP BY 1)"
    assert [row["fewer"] for row in rows_of(built.path, environments)] == [False, False, True, False, False]
    assert built.event_dates == tuple(MONDAY + timedelta(days=offset) for offset in (1, 2, 3, 4))
    active = rows_of(built.path, "marts.active_users_daily")
    assert [(row["dau"], row["mau"]) for row in active] == [(20, 20), (20, 20), (10, 10), (10, 10), (10, 10)]


def test_named_day_that_the_lake_holds_nothing_of_has_no_row_as_in_a_full_build(tmp_path: Path):
    views = [view(MONDAY + timedelta(days=offset), 1) for offset in range(3)]
    publish(build(tmp_path, inputs_from(page_views=views)))
    emptied = inputs_from(page_views=[views[0], views[2]])
    built = build(tmp_path, emptied, [MONDAY + timedelta(days=1)])
    assert all_marts(built.path) == all_marts(build(tmp_path / "full", emptied).path)
    active = rows_of(built.path, "marts.active_users_daily")
    assert [(row["event_date"], row["mau_days"]) for row in active] == [("2026-11-02", 1), ("2026-11-04", 2)]


@pytest.mark.parametrize("late", [0, 1])
def test_late_event_beside_midnight_changes_the_visits_of_both_days(tmp_path: Path, late: int):
    """Events are from noon in Tokyo on: one ten minutes before midnight, one ten minutes after it."""
    views = [view(MONDAY, 1, minute=12 * 60 - 10), view(MONDAY + timedelta(days=1), 1, minute=-12 * 60 + 10)]
    publish(build(tmp_path, inputs_from(page_views=[views[1 - late]]), [views[1 - late]["event_date"]]))
    built = build(tmp_path, inputs_from(page_views=views), [views[late]["event_date"]])
    usage = rows_of(built.path, "marts.usage_daily")
    assert [(row["visits"], row["pages_per_visit"]) for row in usage] == [(1, 2), (0, None)]


def test_reached_days_that_the_lake_does_not_hold_keep_the_rows_that_they_have(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=3)))
    late = inputs_from(page_views=[view(MONDAY + timedelta(days=1), 7)])
    built = build(tmp_path, late, [MONDAY + timedelta(days=1)])
    assert [row["visitors"] for row in rows_of(built.path, "marts.usage_daily")] == [40, 1, 40]
    assert built.event_dates == (MONDAY + timedelta(days=1),)
    apart = build(tmp_path / "new", late, [MONDAY + timedelta(days=1)])
    assert len(rows_of(apart.path, "marts.usage_daily")) == 1


def test_a_named_day_makes_its_whole_week_anew(tmp_path: Path):
    sunday, next_monday = MONDAY + timedelta(days=6), MONDAY + timedelta(days=7)
    answers = [answer(day, person) for day in (MONDAY, sunday, next_monday) for person in range(10)]
    publish(build(tmp_path, inputs_from(survey_responses=answers)))
    late = [answer(MONDAY + timedelta(days=2), person) for person in range(95, 100)]
    rows = rows_of(
        build(tmp_path, inputs_from(survey_responses=answers + late), [late[0]["event_date"]]).path,
        "marts.satisfaction_weekly",
    )
    assert [(row["week_start"], row["response_count"]) for row in rows] == [("2026-11-02", 25), ("2026-11-09", 10)]


def test_ledger_mart_is_whole_whatever_days_are_named(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    files = [received_file(MONDAY, read=5, rejected=5), received_file(MONDAY + timedelta(days=9), read=1, accepted=1)]
    rows = rows_of(build(tmp_path, inputs_from(source_files=files), [MONDAY]).path, "marts.data_quality_daily")
    assert [(row["received_date"], row["read_count"]) for row in rows] == [("2026-11-02", 5), ("2026-11-11", 1)]


def test_days_that_have_aged_out_of_the_lake_keep_their_rows(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    later = inputs_from(page_views=[view(MONDAY + timedelta(days=400), 1)])
    usage = rows_of(build(tmp_path, later).path, "marts.usage_daily")
    assert [(row["event_date"], row["visitors"]) for row in usage] == [("2026-11-02", 40), ("2027-12-07", 1)]


def test_days_that_had_aged_out_before_a_mart_was_added_break_none_of_its_checks(tmp_path: Path):
    added = {"usage_by_page_daily", "traffic_sources_daily", "bots_daily"}
    usage = CATALOGUE.get("marts", "usage_daily")
    new = {"median_visit_seconds", "p95_visit_seconds", "declared_bot_request_count", "rate_bot_request_count"}
    fewer = replace(usage, version="2.0.0", columns=tuple(each for each in usage.columns if each.name not in new))
    before = Catalogue(
        tuple(fewer if each == usage else each for each in CATALOGUE.contracts if each.name not in added)
    )
    publish(build(tmp_path, busy_inputs(days=1), catalogue=before))
    later = inputs_from(page_views=[view(MONDAY + timedelta(days=400), person) for person in range(10)])
    built = build(tmp_path, later)
    assert [row["rate_bot_request_count"] for row in rows_of(built.path, "marts.usage_daily")] == [None, 0]
    assert not any(result.violation_count for result in run_checks(built.path, CATALOGUE, SETTINGS.sql))


def test_mart_of_another_contract_version_is_made_anew_from_all_days(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=2)))
    contracts = (replace(c, version="2.0.0") if c.name == "usage_daily" else c for c in CATALOGUE.contracts)
    views = [view(MONDAY, 1), view(MONDAY + timedelta(days=1), 1)]
    inputs = inputs_from(page_views=views, restrictions=RESTRICTED)
    marts = all_marts(build(tmp_path, inputs, [MONDAY], catalogue=Catalogue(tuple(contracts))).path)
    assert [row["visitors"] for row in marts["usage_daily"]] == [1, 1]
    assert {row["event_date"] for row in marts["usage_by_environment_daily"]} == {MONDAY + timedelta(days=1)}


days = st.integers(0, 20).map(lambda offset: MONDAY + timedelta(days=offset))
batches = st.lists(
    st.tuples(
        st.lists(st.builds(view, days, st.integers(0, 15), st.integers(0, 90)), min_size=1, max_size=60),
        st.lists(st.builds(search, days, st.integers(0, 12), st.sampled_from(["camera", "lens"])), max_size=60),
        st.lists(st.builds(answer, days, st.integers(0, 40), st.integers(1, 5)), max_size=60),
    ),
    min_size=2,
    max_size=3,
)


@pytest.mark.slow
@given(batches)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_building_batch_by_batch_equals_building_all_at_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[Row], ...]]
):
    directory = tmp_path_factory.mktemp("incremental")
    views, searches, answers = [], [], []
    for batch in batches:
        viewed = {row["event_date"] for row in batch[0]}
        # A day that is named has a row of zeros in usage_daily, so only days with page views are compared.
        views += batch[0]
        searches += [row for row in batch[1] if row["event_date"] in viewed]
        answers += [row for row in batch[2] if row["event_date"] in viewed]
        inputs = inputs_from(page_views=views, searches=searches, survey_responses=answers)
        published = publish(build(directory, inputs, sorted(viewed)))
    at_once = build(tmp_path_factory.mktemp("full"), inputs)
    assert all_marts(published) == all_marts(at_once.path)
    assert not any(result.violation_count for result in run_checks(published, CATALOGUE, SETTINGS.sql))
