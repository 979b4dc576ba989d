"""What gates found is kept as figures, a row for each day, table and rule, and let go of after 90 days."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.control.ledger import open_ledger, quality_results, transaction
from pipelines.control.quality_results import (
    Judgement,
    RuleFigures,
    insert_or_join,
    latest_results,
    list_results,
    record_judgement,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NULLS = RuleFigures(
    "lake",
    "page_views",
    "1.0.0",
    100,
    "route__nulls",
    "critical",
    "rows",
    0,
    0,
    0,
    passed=True,
    description="route is never null",
)


@pytest.fixture
def ledger(tmp_path):
    return open_ledger(f"sqlite:///{tmp_path}/control.db")


def judge(ledger: sa.Engine, *figures: RuleFigures, hours: float = 0, run_id: str = "run") -> Judgement:
    moment = NOON + timedelta(hours=hours)
    judgement = Judgement(f"{run_id}-{hours}", moment.date(), moment, figures)
    record_judgement(ledger, judgement)
    return judgement


def test_figures_come_back_as_they_were_entered(ledger):
    judgement = judge(ledger, NULLS)
    (found,) = list_results(ledger)
    assert found.figures == NULLS
    assert (found.run_id, found.judged_on, found.judged_at) == ("run-0", date(2026, 11, 20), judgement.judged_at)
    assert (found.judged_count, found.failed_count) == (1, 0)


def test_rows_of_a_day_s_files_add_up_and_a_failure_stays_on_record(ledger):
    judge(ledger, replace(NULLS, observed=3, passed=False))
    judge(ledger, replace(NULLS, row_count=50), hours=1)
    (found,) = list_results(ledger)
    assert (found.figures.observed, found.figures.row_count) == (3, 150)
    assert (found.figures.passed, found.judged_count, found.failed_count) == (True, 2, 1)
    assert found.run_id == "run-1"


def test_percentage_of_a_day_s_files_is_of_all_their_rows(ledger):
    share = replace(NULLS, rule="utm_source__share", unit="percent", maximum=90)
    judge(ledger, replace(share, observed=10, row_count=300))
    judge(ledger, replace(share, observed=50, row_count=100), hours=1)
    judge(ledger, replace(share, observed=0, row_count=0), hours=2)
    (found,) = list_results(ledger)
    assert found.figures.observed == pytest.approx(20)
    assert found.figures.row_count == 400


def test_schema_figure_of_a_day_is_the_worst_of_its_files(ledger):
    schema = replace(NULLS, rule="_schema__extra_columns", unit="columns")
    for hours, observed in enumerate((0, 2, 1)):
        judge(ledger, replace(schema, observed=observed), hours=hours)
    assert [found.figures.observed for found in list_results(ledger)] == [2]


def test_mart_is_judged_whole_so_that_its_last_figures_count(ledger):
    mart = replace(NULLS, layer="marts", table="usage_daily")
    judge(ledger, replace(mart, observed=3, passed=False))
    judge(ledger, replace(mart, row_count=120), hours=1)
    (found,) = list_results(ledger)
    assert (found.figures.observed, found.figures.row_count, found.figures.passed) == (0, 120, True)
    assert found.failed_count == 1


def test_days_are_kept_apart_and_the_latest_is_what_the_last_run_judged(ledger):
    gone = replace(NULLS, rule="gone__nulls")
    judge(ledger, NULLS, gone)
    judge(ledger, NULLS, hours=24)
    assert len(list_results(ledger)) == 3
    assert {
        name: [each.figures.rule for each in found] for name, found in latest_results(list_results(ledger)).items()
    } == {("lake", "page_views"): ["route__nulls"]}


def test_rule_that_is_judged_no_longer_leaves_the_latest_on_the_same_day(ledger):
    judge(ledger, NULLS, replace(NULLS, rule="gone__nulls"))
    judge(ledger, NULLS, hours=1)
    ((found,),) = latest_results(list_results(ledger)).values()
    assert found.figures.rule == "route__nulls"


def test_what_is_older_than_ninety_days_is_let_go_of(ledger):
    judge(ledger, NULLS)
    judge(ledger, NULLS, hours=90 * 24)
    assert len(list_results(ledger)) == 2
    judge(ledger, NULLS, hours=91 * 24)
    assert min(found.judged_on for found in list_results(ledger)) == date(2026, 11, 20) + timedelta(days=90)


def test_either_database_can_be_told_to_join_figures():
    from sqlalchemy.dialects import postgresql

    told = str(insert_or_join("postgresql").compile(dialect=postgresql.dialect()))
    assert "ON CONFLICT (judged_on, layer, table_name, rule) DO UPDATE" in told


def test_many_may_enter_at_once_and_none_is_lost(ledger, tmp_path):
    url = f"sqlite:///{tmp_path}/control.db"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: judge(open_ledger(url), replace(NULLS, row_count=number)), range(8)))
    (found,) = list_results(ledger)
    assert (found.judged_count, found.figures.row_count) == (8, sum(range(8)))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.booleans()), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_figures_of_a_day_s_files_do_not_depend_on_their_order(ledger, files):
    for order in (files, files[::-1]):
        with transaction(ledger) as connection:
            connection.execute(sa.delete(quality_results))
        for observed, row_count, passed in order:
            judge(ledger, replace(NULLS, observed=observed, row_count=row_count, passed=passed))
        (found,) = list_results(ledger)
        assert found.figures.observed == sum(observed for observed, _, _ in files)
        assert found.figures.row_count == sum(row_count for _, row_count, _ in files)
        assert (found.judged_count, found.failed_count) == (len(files), sum(not passed for _, _, passed in files))
