"""Rows leave the lake when their contract says so, unless a hold keeps them, and take their bytes with them."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from anonymization.keyring import DAILY_PURPOSE
from pipelines.cli import app
from pipelines.contracts.derive import polars_schema
from pipelines.control.day_keys import find_day_keys, open_visitor_keys
from pipelines.control.holds import list_holds, release_hold
from pipelines.errors import ConfigurationError
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.house import House
from pipelines.journeys.retain import TableReport, place_hold, retain
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import file_uris, table_dates
from pipelines.lake.rewrite import multiset_hash
from tests.integration.houses import found_house

MANY = 12
TABLES = ("security_events", "rejected_lines")


def store_days(house: House, table: str, days: list[date], batch: str = "days") -> None:
    contract = house.catalogue.get("lake", table)
    blank = pl.DataFrame(schema=polars_schema(contract))
    dated = pl.DataFrame({contract.retention_column: days}).with_columns(
        subject_bucket=pl.lit(0, pl.Int32), file_id=pl.lit(batch)
    )
    rows = pl.concat([blank, dated.select(set(dated.columns) & set(blank.columns))], how="diagonal")
    commit_parts(house.lake, contract, write_parts(house.lake, contract, rows), f"{table}-{batch}")


def report_of(house: House, table: str) -> TableReport:
    return next(report for report in retain(house).tables if report.table == table)


def files_on_disk(house: House, table: str) -> set[str]:
    on_disk = Path(house.lake.table_uri(table)).rglob("*.parquet")
    return {str(path) for path in on_disk if "_delta_log" not in str(path)}


def live_on_disk(house: House, table: str) -> set[str]:
    return set(file_uris(house.lake, house.catalogue.get("lake", table)))


def test_rows_go_the_day_after_their_last_day_and_their_files_with_them(house: House):
    contract = house.catalogue.get("lake", "security_events")
    today = house.now().date()
    last_kept = today - timedelta(days=contract.retention_days)
    store_days(house, "security_events", [last_kept - timedelta(days=1), last_kept, today])
    report = report_of(house, "security_events")
    assert (report.expired_rows, report.expired_files, report.removed_files) == (1, 1, 1)
    assert table_dates(house.lake, contract) == (last_kept, today)
    assert files_on_disk(house, "security_events") == live_on_disk(house, "security_events")


def test_each_table_keeps_its_own_age(house: House):
    old = house.now().date() - timedelta(days=31)
    for table in ("security_events", "page_views", "rejected_lines"):
        store_days(house, table, [old])
    expired = {report.table: report.expired_rows for report in retain(house).tables}
    assert (expired["security_events"], expired["page_views"], expired["rejected_lines"]) == (1, 0, 1)


def test_small_files_of_past_days_are_merged_and_the_old_ones_leave_the_disk(house: House):
    yesterday = house.now().date() - timedelta(days=1)
    for number in range(MANY):
        store_days(house, "security_events", [yesterday, house.now().date()], str(number))
    report = report_of(house, "security_events")
    assert (report.merged_files, report.written_files, report.removed_files) == (MANY, 1, MANY)
    assert len(files_on_disk(house, "security_events")) == MANY + 1
    assert files_on_disk(house, "security_events") == live_on_disk(house, "security_events")


def test_doing_it_again_does_nothing_more(house: House):
    fill(house)
    retain(house)
    again = retain(house)
    assert again.destroyed_keys == ()
    for report in again.tables:
        assert report == TableReport(report.table, None, 0, 0, 0, 0, 0)


def test_files_that_an_open_plan_names_are_not_merged(town):
    """The rows of who leaves stay where the plan says they are, so that the plan still runs."""
    accept_landed(town.house)
    for number in range(MANY):
        store_days(town.house, "page_views", [date.fromisoformat(town.days[0])], str(number))
    digest = town.approve()
    assert sum(report.merged_files for report in retain(town.house).tables) >= MANY  # and a neighbour of no leaver
    assert len(town.finish(digest)) == 2


def test_nothing_under_a_hold_is_dropped_until_it_ends_or_is_released(house: House):
    today, old = house.now().date(), date(2020, 1, 1)
    for table in TABLES:
        store_days(house, table, [old])
    hold = place_hold(house, "security_events", legal_basis="case 7", ends_on=today, placed_by="officer")
    report = report_of(house, "security_events")
    assert (report.held_until, report.expired_rows) == (today, 0)
    assert table_dates(house.lake, house.catalogue.get("lake", "rejected_lines")) == ()
    assert not hold.protects_on(today + timedelta(days=1))
    release_hold(house.ledger, hold.hold_id, released_at=house.now(), released_by="officer")
    assert report_of(house, "security_events").expired_rows == 1
    [kept] = list_holds(house.ledger)
    assert (kept.placed_by, kept.released_by, kept.legal_basis) == ("officer", "officer", "case 7")


def test_two_holds_protect_until_the_later_one_ends(house: House):
    today = house.now().date()
    for days in (9, 3):
        place_hold(house, "page_views", legal_basis="law", ends_on=today + timedelta(days=days), placed_by="officer")
    assert report_of(house, "page_views").held_until == today + timedelta(days=9)


def test_hold_that_would_protect_nothing_is_refused(house: House):
    today = house.now().date()
    with pytest.raises(ConfigurationError, match=r"no lake table .* page_views"):
        place_hold(house, "usage_daily", legal_basis="law", ends_on=today, placed_by="officer")
    with pytest.raises(ConfigurationError, match="protect nothing"):
        place_hold(house, "page_views", legal_basis="law", ends_on=date(2020, 1, 1), placed_by="officer")
    with pytest.raises(ConfigurationError, match="no hold of that id"):
        release_hold(house.ledger, "none", released_at=house.now(), released_by="officer")


def run_command(house: House, *arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, env={"TOKUMEI_HOME": str(house.settings.home)})
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_commands_place_list_and_release_holds_and_report_what_retention_did(house: House):
    store_days(house, "security_events", [date(2020, 1, 1)])
    hold_id = run_command(house, "hold", "place", "security_events", "--basis", "case 7", "--until", "2099-12-31")
    assert "security_events until 2099-12-31 protects" in run_command(house, "hold", "list")
    assert "security_events: 0 rows in 0 files expired" in run_command(house, "retain")
    run_command(house, "hold", "release", hold_id)
    report = json.loads(run_command(house, "retain", "--json"))
    assert {item["table"]: item["expired_rows"] for item in report["tables"]}["security_events"] == 1
    assert json.loads(run_command(house, "hold", "list", "--json"))["holds"][0]["protects"] is False


def fill(house: House) -> None:
    """Something of every kind to do: a key to destroy, rows to expire, files to merge."""
    today = house.now().date()
    past = house.now() - timedelta(days=9)
    open_visitor_keys(house.settings, [past.date()], past)
    for table in TABLES:
        store_days(house, table, [date(2020, 1, 1), today])
        for number in range(MANY):
            store_days(house, table, [today - timedelta(days=1)], str(number))


def describe(house: House) -> tuple[object, ...]:
    rows = [multiset_hash(pl.read_parquet(sorted(live_on_disk(house, table)))) for table in TABLES]
    live = [len(live_on_disk(house, table)) for table in TABLES]
    return rows, live, find_day_keys(house.settings, DAILY_PURPOSE).read_text().count("secret")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = found_house(tmp_path_factory.mktemp("filled") / "home")
    fill(house)
    house.ledger.dispose()
    return house.settings.home


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, filled: Path) -> Sequence[object]:
    house = found_house(shutil.copytree(filled, tmp_path_factory.mktemp("undisturbed") / "home"))
    retain(house)
    return describe(house)


STEPS = ("destroy_overdue", "expired", "written", "merged", "vacuum", "create_checkpoint", "cleanup_metadata", "swept")


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_retention_ends_the_same_after_a_crash(tmp_path: Path, filled: Path, undisturbed, step: str):
    home = shutil.copytree(filled, tmp_path / "home")
    script = Path(__file__).with_name("retain_until.py")
    died = subprocess.run([sys.executable, script, home, step, "1"], check=False, timeout=120)
    assert died.returncode == -signal.SIGKILL
    house = found_house(home)
    retain(house)
    assert describe(house) == undisturbed
    orphans = sum(len(files_on_disk(house, table) - live_on_disk(house, table)) for table in TABLES)
    assert orphans == (1 if step == "written" else 0)  # swept once it is older than any write takes
