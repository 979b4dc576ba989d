"""Each assertion of checks.sql passes on sound rows and finds the one row that breaks it."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings
from pipelines.warehouse.checks import CheckResult, run_checks
from pipelines.warehouse.marts import define_table
from pipelines.warehouse.statements import read_checks

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MARTS = CATALOGUE.layer("marts")
MONDAY = date(2026, 11, 2)

SCORES = {
    "csat_count": 30,
    "csat_rate": 0.8,
    "csat_low": 0.63,
    "csat_high": 0.9,
    "csat_top_rate": 0.33,
    "csat_top_low": 0.19,
    "csat_top_high": 0.51,
    "nps_count": 30,
    "nps": 30.0,
    "nps_low": 1.0,
    "nps_high": 54.0,
    "ces_count": 30,
    "ces_mean": None,
    "ces_low": None,
    "ces_high": None,
}
SOUND = {
    "usage_daily": {
        "event_date": MONDAY,
        "page_views": 100,
        "visits": 60,
        "visitors": 50,
        "members": 20,
        "pages_per_visit": 100 / 60,
        "bounce_rate": 0.5,
        "mean_visit_seconds": 30.0,
        "median_visit_seconds": 0.0,
        "p95_visit_seconds": 120.0,
        "request_count": 150,
        "bot_request_count": 40,
        "declared_bot_request_count": 0,
        "rate_bot_request_count": 40,
        "error_rate": 0.0,
        "response_bytes": 1000,
    },
    "active_users_daily": {
        "event_date": MONDAY,
        "dau": 20,
        "wau": 30,
        "mau": 40,
        "wau_days": 7,
        "mau_days": 20,
        "stickiness": 0.5,
        "new_visitors": 5,
        "returning_visitors": 25,
    },
    "retention_weekly": {
        "cohort_week": MONDAY,
        "week_number": 0,
        "cohort_members": 40,
        "active_members": 40,
        "retention_rate": 1.0,
        "history_weeks": 8,
        "week_days": 7,
    },
    "usage_by_environment_daily": {
        "event_date": MONDAY,
        "device_class": "(other)",
        "browser_family": "(other)",
        "browser_major": "(other)",
        "os_family": "(other)",
        "os_major": "(other)",
        "language": "(other)",
        "page_views": 100,
        "visitors": 50,
    },
    "usage_by_page_daily": {
        "event_date": MONDAY,
        "page_group": "item",
        "route": "/item/{id}",
        "page_views": 100,
        "visitors": 50,
        "entries": 60,
        "exits": 60,
        "exit_rate": 0.6,
    },
    "traffic_sources_daily": {
        "event_date": MONDAY,
        "channel": "search_engine",
        "source": "google",
        "utm_medium": "(none)",
        "visits": 60,
        "visitors": 50,
        "page_views": 100,
        "bounce_rate": 0.5,
    },
    "bots_daily": {"event_date": MONDAY, "bot_family": "rate", "request_count": 40},
    "search_terms_daily": {
        "event_date": MONDAY,
        "term": "camera",
        "search_count": 20,
        "zero_result_count": 5,
        "click_count": 3,
        "people_at_least": 10,
    },
    "search_daily": {
        "event_date": MONDAY,
        "searches": 40,
        "result_pages": 60,
        "distinct_terms": 12,
        "zero_result_rate": 0.1,
        "click_rate": 0.4,
        "pages_per_search": 1.5,
        "search_visits": 20,
        "search_page_views": 30,
        "refinement_rate": 1 / 3,
        "search_exit_rate": 0.25,
    },
    "satisfaction_weekly": {
        "week_start": MONDAY,
        "survey_id": "after_sale",
        "response_count": 40,
        "respondents": 35,
        "response_rate": 0.2,
        **SCORES,
    },
    "satisfaction_by_segment_weekly": {
        "week_start": MONDAY,
        "survey_id": "after_sale",
        "segment": "buyer",
        "response_count": 40,
        "respondents": 35,
        **SCORES,
    },
    "security_daily": {
        "event_date": MONDAY,
        "event_count": 9000,
        "bot_event_count": 20,
        "login_failure_count": 50,
        "accounts_with_login_failures": 30,
        "accounts": 1000,
        "clients": 1200,
        "median_events_per_client": 3.0,
        "p99_events_per_client": 40,
        "mean_devices_per_account": 1.2,
        "p99_devices_per_account": 4,
        "p99_accounts_per_device": None,
        "datacentre_share": None,
        "addresses": 900,
        "networks": 800,
    },
    "data_quality_daily": {
        "received_date": MONDAY,
        "source": "access",
        "file_count": 1,
        "read_count": 10,
        "accepted_count": 6,
        "rejected_count": 1,
        "duplicate_count": 1,
        "suppressed_count": 2,
        "late_count": 6,
        "duplicate_file_count": 1,
        "undeclared_count": 4,
        "reject_rate": 0.1,
    },
    "deletions_monthly": {
        "month": MONDAY.replace(day=1),
        "received_count": 14,
        "completed_count": 12,
        "refused_count": 1,
        "held_count": 1,
        "overdue_count": 1,
        "median_days": 2.5,
        "maximum_days": 31.0,
        "erased_row_count": 900,
        "canary_expected_count": 30,
        "canary_absent_count": 29,
        "canary_recall": 29 / 30,
    },
}
SATISFACTION = ("satisfaction_weekly", "satisfaction_by_segment_weekly")
BROKEN_SCORES = [
    ("weeks_start_on_monday", "week_start = DATE '2026-11-03'"),
    ("people_and_scores_are_among_the_answers", "response_count = 25"),
    ("every_score_has_its_interval", "nps_low = NULL"),
    ("scores_lie_within_their_intervals", "csat_high = 0.7"),
    ("the_top_box_is_one_of_the_top_two", "csat_rate = 0.3, csat_low = 0.2"),
]
ONE_OF_TWO_WITHHELD = """ces_count = 20;
INSERT INTO marts.satisfaction_by_segment_weekly FROM marts.satisfaction_by_segment_weekly
SELECT * REPLACE ('seller' AS segment, 35 AS ces_count, 5 AS ces_mean, 4 AS ces_low, 6 AS ces_high)
"""
BROKEN = [
    ("usage_daily", "page_views_cover_visits_visitors_and_members", "visitors = page_views + 1"),
    ("usage_daily", "page_views_are_requests_of_people", "bot_request_count = 51"),
    ("usage_daily", "rates_exist_exactly_with_visits", "bounce_rate = NULL"),
    ("usage_daily", "bots_are_declared_or_told_by_rate", "declared_bot_request_count = 1"),
    ("usage_daily", "median_visit_is_within_the_long_ones", "median_visit_seconds = 121"),
    ("usage_by_page_daily", "no_page_is_about_few_people", "visitors = 9"),
    ("usage_by_page_daily", "entries_are_page_views", "entries = 101"),
    ("usage_by_page_daily", "exit_rates_exist_with_page_views", "exit_rate = NULL"),
    ("usage_by_page_daily", "pages_add_up_to_the_day", "exits = 65"),
    ("usage_by_page_daily", "only_days_of_few_people_are_withheld", "event_date = DATE '2026-11-03'"),
    ("traffic_sources_daily", "no_source_is_about_few_people", "visitors = 9"),
    ("traffic_sources_daily", "visits_lie_between_visitors_and_page_views", "page_views = 59"),
    ("traffic_sources_daily", "sources_add_up_to_the_visits_of_the_day", "visits = 65"),
    ("bots_daily", "families_add_up_to_the_bots_of_the_day", "request_count = 41"),
    ("bots_daily", "every_day_of_bots_is_a_day_of_usage", "event_date = DATE '2026-11-03'"),
    ("active_users_daily", "longer_windows_hold_no_fewer_members", "wau = 41"),
    ("active_users_daily", "longer_windows_hold_no_fewer_days", "wau_days = 21"),
    ("active_users_daily", "members_and_active_days_exist_together", "wau_days = 0"),
    ("active_users_daily", "windows_under_two_keys_stay_unknown", "wau = NULL"),
    ("active_users_daily", "stickiness_exists_exactly_with_members", "stickiness = NULL"),
    ("active_users_daily", "new_and_returning_visitors_are_known_together", "new_visitors = NULL"),
    ("retention_weekly", "no_cohort_is_of_few_people", "cohort_members = 9"),
    ("retention_weekly", "no_row_tells_of_few_people", "week_number = 1"),
    ("retention_weekly", "weeks_start_on_monday", "cohort_week = DATE '2026-11-03'"),
    ("retention_weekly", "all_of_a_cohort_are_active_in_its_own_week", "active_members = 30"),
    ("retention_weekly", "cohorts_begin_with_their_own_week_and_stay_the_same", "week_number = 1"),
    ("retention_weekly", "rates_exist_exactly_with_active_members", "retention_rate = NULL"),
    ("usage_by_environment_daily", "no_cell_is_about_few_people", "visitors = 9"),
    ("usage_by_environment_daily", "visitors_are_within_page_views", "visitors = 101"),
    ("usage_by_environment_daily", "cells_add_up_to_the_day_but_for_rounding", "page_views = 95"),
    ("usage_by_environment_daily", "what_is_merged_is_merged_in_every_column", "os_major = 'unknown'"),
    ("usage_by_environment_daily", "only_days_of_few_people_are_withheld", "event_date = DATE '2026-11-03'"),
    ("search_terms_daily", "no_term_is_about_few_people", "people_at_least = 9"),
    ("search_terms_daily", "searches_cover_those_without_results", "zero_result_count = 21"),
    ("search_daily", "result_pages_cover_searches_and_terms", "result_pages = 39"),
    ("search_daily", "search_page_views_cover_search_visits", "search_page_views = 19"),
    ("search_daily", "rates_exist_exactly_with_what_they_are_of", "search_exit_rate = NULL"),
    ("search_daily", "search_visits_are_visits_of_their_day", "search_visits = 61"),
    ("satisfaction_weekly", "no_row_is_about_few_people", "respondents = 5"),
    *((table, check, change) for table in SATISFACTION for check, change in BROKEN_SCORES),
    ("satisfaction_weekly", "scores_exist_exactly_from_thirty_answers", "csat_count = 25"),
    ("satisfaction_by_segment_weekly", "scores_exist_only_from_thirty_answers", "csat_count = 25"),
    ("satisfaction_by_segment_weekly", "no_segment_is_about_few_people", "respondents = 5"),
    ("satisfaction_by_segment_weekly", "segments_are_parts_of_their_survey", "response_count = 65"),
    ("satisfaction_by_segment_weekly", "withheld_scores_are_about_thirty_answers_or_none", ONE_OF_TWO_WITHHELD),
    ("security_daily", "parts_are_within_the_whole", "networks = 901"),
    ("security_daily", "nothing_is_told_of_few_clients", "clients = 999"),
    ("security_daily", "distinct_counts_are_known_together", "addresses = NULL"),
    ("data_quality_daily", "every_line_is_accounted_for", "accepted_count = 7"),
    ("data_quality_daily", "duplicate_files_are_files", "duplicate_file_count = 2"),
    ("data_quality_daily", "late_lines_are_accepted_lines", "late_count = 7"),
    ("data_quality_daily", "reject_rate_exists_exactly_with_lines", "reject_rate = NULL"),
    ("deletions_monthly", "months_start_on_their_first_day", "month = month + 1"),
    ("deletions_monthly", "days_exist_exactly_with_completed_requests", "median_days = NULL"),
    ("deletions_monthly", "median_is_within_maximum", "median_days = 32"),
    ("deletions_monthly", "no_row_count_is_about_few_people", "completed_count = 9"),
    ("deletions_monthly", "absent_canaries_were_expected", "canary_absent_count = 31"),
    ("deletions_monthly", "recall_exists_exactly_with_canaries", "canary_recall = NULL"),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of one sound row in each mart."""
    path = tmp_path_factory.mktemp("sound") / "w.duckdb"
    with duckdb.connect(str(path)) as engine:
        engine.execute("BEGIN; CREATE SCHEMA marts")
        for contract in MARTS:
            row = SOUND[contract.name]
            for statement in define_table(contract, f"marts.{contract.name}"):
                engine.execute(statement)
            markers = ", ".join("?" for _ in row)
            engine.execute(f"INSERT INTO marts.{contract.name} VALUES ({markers})", list(row.values()))
        engine.execute("COMMIT")
    return path


def test_sound_rows_break_no_check(sound: Path):
    results = run_checks(sound, CATALOGUE, SETTINGS.sql)
    assert not any(result.violation_count for result in results)
    assert {(result.table, result.check) for result in results} == {(table, check) for table, check, _ in BROKEN}


@pytest.mark.parametrize(("table", "check", "change"), BROKEN, ids=[check for _, check, _ in BROKEN])
def test_check_finds_the_row_that_breaks_it(sound: Path, tmp_path: Path, table: str, check: str, change: str):
    path = Path(shutil.copy(sound, tmp_path))
    with duckdb.connect(str(path)) as engine:
        engine.execute(f"UPDATE marts.{table} SET {change}")
    alone = Catalogue((CATALOGUE.get("marts", table),))
    assert CheckResult(table, check, 1) in run_checks(path, alone, SETTINGS.sql)


def test_mart_without_checks_is_refused(sound: Path, tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"checks\.sql cannot be read"):
        run_checks(sound, CATALOGUE, tmp_path)


def test_check_names_come_from_their_headers(tmp_path: Path):
    folder = tmp_path / "marts" / "usage_daily"
    folder.mkdir(parents=True)
    (folder / "checks.sql").write_text(
        "-- About.\n\n-- check: one\nSELECT 1;\n-- a remark\n\n-- check: two\nSELECT 2\n"
    )
    assert list(read_checks(tmp_path, "usage_daily")) == ["one", "two"]
