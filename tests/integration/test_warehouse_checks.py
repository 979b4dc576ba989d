"""Each assertion of checks.sql passes on sound rows and finds the one row that breaks it."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings
from pipelines.warehouse.checks import CheckResult, run_checks
from pipelines.warehouse.marts import define_table
from pipelines.warehouse.statements import read_checks

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MARTS = CATALOGUE.layer("marts")
MONDAY = date(2026, 11, 2)

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
        "request_count": 150,
        "bot_request_count": 40,
        "error_rate": 0.0,
        "response_bytes": 1000,
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
    "search_terms_daily": {
        "event_date": MONDAY,
        "term": "camera",
        "search_count": 20,
        "zero_result_count": 5,
        "click_count": 3,
        "people_at_least": 10,
    },
    "satisfaction_weekly": {
        "week_start": MONDAY,
        "survey_id": "after_sale",
        "response_count": 40,
        "csat_count": 30,
        "csat_rate": 0.8,
        "csat_low": 0.63,
        "csat_high": 0.9,
        "nps_count": 30,
        "nps": 30.0,
        "nps_low": 0.7,
        "nps_high": 53.9,
        "ces_count": 29,
        "ces_mean": None,
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
BROKEN = [
    ("usage_daily", "page_views_cover_visits_visitors_and_members", "visitors = page_views + 1"),
    ("usage_daily", "page_views_are_requests_of_people", "bot_request_count = 51"),
    ("usage_daily", "rates_exist_exactly_with_visits", "bounce_rate = NULL"),
    ("usage_by_environment_daily", "no_cell_is_about_few_people", "visitors = 9"),
    ("usage_by_environment_daily", "visitors_are_within_page_views", "visitors = 101"),
    ("usage_by_environment_daily", "cells_add_up_to_the_day_but_for_rounding", "page_views = 95"),
    ("usage_by_environment_daily", "what_is_merged_is_merged_in_every_column", "os_major = 'unknown'"),
    ("usage_by_environment_daily", "only_days_of_few_people_are_withheld", "event_date = DATE '2026-11-03'"),
    ("search_terms_daily", "no_term_is_about_few_people", "people_at_least = 9"),
    ("search_terms_daily", "searches_cover_those_without_results", "zero_result_count = 21"),
    ("satisfaction_weekly", "no_row_is_about_few_people", "response_count = 9"),
    ("satisfaction_weekly", "weeks_start_on_monday", "week_start = DATE '2026-11-03'"),
    ("satisfaction_weekly", "scores_are_among_the_answers", "response_count = 29"),
    ("satisfaction_weekly", "scores_exist_exactly_from_thirty_answers", "ces_mean = 4.5"),
    ("satisfaction_weekly", "scores_lie_within_their_intervals", "csat_high = 0.7"),
    ("data_quality_daily", "every_line_is_accounted_for", "accepted_count = 7"),
    ("data_quality_daily", "late_lines_are_accepted_lines", "late_count = 7"),
    ("data_quality_daily", "reject_rate_exists_exactly_with_lines", "reject_rate = NULL"),
    ("deletions_monthly", "months_start_on_their_first_day", "month = month + 1"),
    ("deletions_monthly", "days_exist_exactly_with_completed_requests", "median_days = NULL"),
    ("deletions_monthly", "median_is_within_maximum", "median_days = 32"),
    ("deletions_monthly", "no_row_count_is_about_few_people", "completed_count = 9"),
    ("deletions_monthly", "absent_canaries_were_expected", "canary_absent_count = 31"),
    ("deletions_monthly", "recall_exists_exactly_with_canaries", "canary_recall = NULL"),
]


def write_warehouse(path: Path, *changes: str) -> Path:
    with duckdb.connect(str(path)) as engine:
        engine.execute("CREATE SCHEMA marts")
        for contract in MARTS:
            row = SOUND[contract.name]
            for statement in define_table(contract, f"marts.{contract.name}"):
                engine.execute(statement)
            markers = ", ".join("?" for _ in row)
            engine.execute(f"INSERT INTO marts.{contract.name} VALUES ({markers})", list(row.values()))
        for change in changes:
            engine.execute(change)
    return path


def test_sound_rows_break_no_check(tmp_path: Path):
    results = run_checks(write_warehouse(tmp_path / "w.duckdb"), CATALOGUE, SETTINGS.sql)
    assert not any(result.violation_count for result in results)
    assert {(result.table, result.check) for result in results} == {(table, check) for table, check, _ in BROKEN}


@pytest.mark.parametrize(("table", "check", "change"), BROKEN, ids=[check for _, check, _ in BROKEN])
def test_check_finds_the_row_that_breaks_it(tmp_path: Path, table: str, check: str, change: str):
    path = write_warehouse(tmp_path / "w.duckdb", f"UPDATE marts.{table} SET {change}")
    assert CheckResult(table, check, 1) in run_checks(path, CATALOGUE, SETTINGS.sql)


def test_mart_without_checks_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"checks\.sql cannot be read"):
        run_checks(write_warehouse(tmp_path / "w.duckdb"), CATALOGUE, tmp_path)


def test_check_names_come_from_their_headers(tmp_path: Path):
    folder = tmp_path / "marts" / "usage_daily"
    folder.mkdir(parents=True)
    (folder / "checks.sql").write_text(
        "-- About.\n\n-- check: one\nSELECT 1;\n-- a remark\n\n-- check: two\nSELECT 2\n"
    )
    assert list(read_checks(tmp_path, "usage_daily")) == ["one", "two"]
