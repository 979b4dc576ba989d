"""What comes late lands on its own day, changes the rows of that day alone, and is counted when nobody can place it."""

import hashlib
from datetime import date

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.control.deliveries import find_deliveries
from pipelines.errors import ConfigurationError
from pipelines.journeys.build_marts import build_marts, rebuild_marts
from pipelines.warehouse.extract import read_mart

LONG_AGO = "2026-09-01"
AFTER_MIDNIGHT = {"time": "2026-09-02T00:10:00+09:00"}


def read_rows(town, table: str) -> dict[str, dict[str, object]]:
    rows = read_mart(town.house.settings.warehouse_file, table).to_dicts()
    return {str(row["event_date"]): row for row in rows}


def change_mart(town, table: str, change: str) -> None:
    """Change the published rows, so that those which are made anew can be told from those carried over."""
    with duckdb.connect(str(town.house.settings.warehouse_file)) as engine:
        engine.execute(f"UPDATE marts.{table} SET {change}")


def land_long_ago(town) -> None:
    """A member before a midnight long ago, and somebody who only passed by."""
    member = (town.neighbour, town.phone(town.neighbour))
    evening = town.visit(*member, LONG_AGO, 0, time="2026-09-01T23:50:00+09:00")
    town.land("access", "late.jsonl", [evening, town.visit(None, None, LONG_AGO, 5)])
    town.take_in()


def test_late_file_makes_a_day_of_its_own_and_leaves_every_other_row(town):
    change_mart(town, "usage_daily", "response_bytes = 7")
    before = read_rows(town, "usage_daily")
    land_long_ago(town)
    assert build_marts(town.house).event_dates == (date(2026, 9, 1),)
    after = read_rows(town, "usage_daily")
    assert after.pop(LONG_AGO)["page_views"] == 2
    assert after == before


def test_later_event_beside_midnight_rebuilds_the_day_before_too(town):
    land_long_ago(town)
    build_marts(town.house)
    change_mart(town, "usage_daily", "response_bytes = 7")
    member = (town.neighbour, town.phone(town.neighbour))
    town.land("access", "later.jsonl", [town.visit(*member, LONG_AGO, 0, **AFTER_MIDNIGHT)])
    town.take_in()
    assert build_marts(town.house).event_dates == (date(2026, 9, 1), date(2026, 9, 2))
    rows = read_rows(town, "usage_daily")
    assert [rows[day]["visits"] for day in (LONG_AGO, "2026-09-02")] == [1, 0]
    assert rows[LONG_AGO]["mean_visit_seconds"] == 1200
    assert {day for day, row in rows.items() if row["response_bytes"] == 7} == set(town.days)


def test_line_too_late_for_its_visitor_is_stored_without_one_and_counted(town):
    member = (town.neighbour, town.phone(town.neighbour))
    path = town.land("access", "late.jsonl", [town.visit(*member, LONG_AGO, 1), town.visit(None, None, LONG_AGO, 5)])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    town.take_in()
    (delivery,) = find_deliveries(town.house.ledger, "access", digest)
    assert (delivery.counts.accepted, delivery.counts.late) == (2, 1)
    assert town.rows("page_views")["visitor_pseudonym"].null_count() == 1
    build_marts(town.house)
    quality = read_mart(town.house.settings.warehouse_file, "data_quality_daily")
    assert quality["late_count"].sum() == 1
    usage = read_rows(town, "usage_daily")[LONG_AGO]
    assert (usage["page_views"], usage["visitors"], usage["visits"]) == (2, 1, 1)


def test_dates_of_an_interval_are_rebuilt_from_the_lake_and_no_other(town):
    land_long_ago(town)
    build_marts(town.house)
    before = read_rows(town, "usage_daily")
    change_mart(town, "usage_daily", "response_bytes = 7")
    assert rebuild_marts(town.house, date(2026, 8, 1), date(2026, 9, 30)).event_dates == (date(2026, 9, 1),)
    rows = read_rows(town, "usage_daily")
    assert rows.keys() == before.keys()
    assert rows[LONG_AGO] == before[LONG_AGO]
    assert {day for day, row in rows.items() if row["response_bytes"] == 7} == set(town.days)


def test_interval_without_events_in_the_lake_changes_no_row(town):
    before = read_rows(town, "usage_daily")
    assert rebuild_marts(town.house, last=date(2026, 8, 1)).event_dates == ()
    assert read_rows(town, "usage_daily") == before


def test_interval_that_ends_before_it_begins_is_refused(town):
    with pytest.raises(ConfigurationError, match="2026-09-02 is after 2026-09-01"):
        rebuild_marts(town.house, date(2026, 9, 2), date(2026, 9, 1))


def test_command_rebuilds_the_dates_named(town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKUMEI_HOME", str(town.home))
    done = CliRunner().invoke(app, ["build-marts", "--from", "2026-11-21", "--to", "2026-11-21"])
    assert done.exit_code == 0, done.output
    assert "2 dates rebuilt" in done.output
    assert read_rows(town, "usage_daily").keys() == set(town.days)
