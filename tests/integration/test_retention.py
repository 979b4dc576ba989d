"""Rows leave the lake when their contract says so, and take their bytes with them."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import make_keys
from pipelines.journeys.retain import retain
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import file_uris, table_dates
from pipelines.settings import load_settings, prepare_home


@pytest.fixture
def house(tmp_path: Path) -> House:
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


def store_days(house: House, table: str, days: list[date]) -> None:
    contract = house.catalogue.get("lake", table)
    blank = pl.DataFrame(schema=polars_schema(contract))
    dated = pl.DataFrame({contract.retention_column: days}).with_columns(subject_bucket=pl.lit(0, pl.Int32))
    rows = pl.concat([blank, dated.select(set(dated.columns) & set(blank.columns))], how="diagonal")
    commit_parts(house.lake, contract, write_parts(house.lake, contract, rows), f"{table}-days")


def test_rows_go_the_day_after_their_last_day_and_their_files_with_them(house: House):
    contract = house.catalogue.get("lake", "security_events")
    today = house.now().date()
    last_kept = today - timedelta(days=contract.retention_days)
    store_days(house, "security_events", [last_kept - timedelta(days=1), last_kept, today])
    expired = {expiry.table: expiry.row_count for expiry in retain(house)}
    assert expired["security_events"] == 1
    assert table_dates(house.lake, contract) == (last_kept, today)
    on_disk = Path(house.lake.table_uri("security_events")).rglob("*.parquet")
    assert {str(path) for path in on_disk if "_delta_log" not in str(path)} == set(file_uris(house.lake, contract))


def test_each_table_keeps_its_own_age(house: House):
    old = house.now().date() - timedelta(days=31)
    for table in ("security_events", "page_views", "rejected_lines"):
        store_days(house, table, [old])
    expired = {expiry.table: expiry.row_count for expiry in retain(house)}
    assert (expired["security_events"], expired["page_views"], expired["rejected_lines"]) == (1, 0, 1)


def test_doing_it_again_removes_nothing_more(house: House):
    store_days(house, "rejected_lines", [date(2020, 1, 1)])
    assert sum(expiry.row_count for expiry in retain(house)) == 1
    assert sum(expiry.row_count for expiry in retain(house)) == 0
