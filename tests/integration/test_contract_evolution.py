"""A lake from before a column came serves every journey as one that always had it, null in the rows of before."""

import shutil
from dataclasses import dataclass, replace
from datetime import date

import pytest
from polars.testing import assert_frame_equal

from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError
from pipelines.journeys.build_marts import build_marts, rebuild_marts
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.doctor import Finding, examine
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.retain import retain
from pipelines.lake.append import commit_parts, write_file
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.layout import live_files, open_table, read_file
from pipelines.warehouse.extract import read_mart

NEW = {"page_views": "country", "device_events": "event_pseudonym"}
PLACE = ["file_id", "line_number"]


def drop_column(contract: Contract, name: str) -> Contract:
    return replace(contract, columns=tuple(column for column in contract.columns if column.name != name))


def make_older(town, table: str, column: str) -> None:
    """Leave a table's rows as a version of its contract without the column would have stored them."""
    lake, contract = town.house.lake, town.house.catalogue.get("lake", table)
    stored = [(file, read_file(lake, contract, file.path)) for file in live_files(open_table(lake, contract))]
    shutil.rmtree(lake.table_uri(table))
    older = drop_column(contract, column)
    parts = [write_file(lake, table, file.partition, rows.drop(column)) for file, rows in stored]
    assert commit_parts(lake, older, parts, "older")


def examine_lake(town) -> Finding:
    return next(finding for finding in examine(town.house.settings) if finding.subject == "lake")


@dataclass(frozen=True)
class Twins:
    """Two copies of a town: the tables of one were made by older contracts, those of the other never knew any."""

    aged: object
    young: object

    def do(self, step) -> list:
        return [step(town) for town in (self.aged, self.young)]

    def require_equal_rows(self) -> None:
        """All but for the new columns, which rows of before have not."""
        for table, column in NEW.items():
            aged, young = self.do(lambda town, table=table: town.rows(table).sort(PLACE))
            assert_frame_equal(aged.drop(column), young.drop(column))
            told = aged[column].is_not_null()
            assert_frame_equal(aged.filter(told), young.filter(told))

    def require_equal_marts(self) -> None:
        for contract in self.aged.house.catalogue.layer("marts"):
            aged, young = self.do(lambda town, name=contract.name: read_mart(town.house.settings.warehouse_file, name))
            assert_frame_equal(aged, young, check_row_order=False)


@pytest.fixture
def twins(open_town) -> Twins:
    aged = open_town()
    for table, column in NEW.items():
        make_older(aged, table, column)
    return Twins(aged, open_town())


def land_another_day(town) -> None:
    day = "2026-11-22"
    visits = [town.visit(user, town.phone(user), day, 5) for user in (town.leaver, town.neighbour)]
    town.land("access", "next.jsonl", visits)
    opening = {"event": "app_open", "platform": "ios", "user_id": None, "device_id": town.phone(town.neighbour)}
    times = [f"{each}T09:30:00+09:00" for each in (town.days[0], day)]  # beside older files, and where there are none
    openings = [{**opening, "time": at, "event_id": f"{number:032}"} for number, at in enumerate(times)]
    town.land("devices", "next.jsonl", openings)
    assert {delivery.state for delivery in ingest(town.house, find_files(town.house))} == {"committed"}


def finish_deletion(town) -> list[tuple[str, str, int]]:
    accept_landed(town.house)
    certified = town.finish(town.approve())
    return sorted(
        (part.dataset, part.outcome, part.row_count) for each in certified for part in each.certificate.datasets
    )


def merge(town, table: str) -> int:
    aim = Aim(date(2026, 12, 31), 1 << 30, few_files=1)
    return compact_table(town.house.lake, town.house.catalogue.get("lake", table), aim).merged_count


@pytest.mark.slow
def test_every_journey_finds_what_it_would_without_the_past(twins):
    twins.do(lambda town: rebuild_marts(town.house))
    twins.require_equal_rows()
    twins.require_equal_marts()

    twins.do(land_another_day)
    twins.do(lambda town: build_marts(town.house))
    twins.require_equal_rows()
    twins.require_equal_marts()
    assert twins.aged.rows("page_views")["country"].drop_nulls().to_list() == ["unknown", "unknown"]
    assert twins.aged.rows("device_events")["event_pseudonym"].drop_nulls().len() == 2

    aged, young = twins.do(finish_deletion)
    assert aged == young
    assert {"erased"} <= {outcome for _, outcome, _ in aged}
    twins.require_equal_rows()
    twins.require_equal_marts()


def test_retention_and_merges_keep_every_row(twins):
    twins.do(land_another_day)
    for table in NEW:
        aged, young = twins.do(lambda town, table=table: merge(town, table))
        assert aged == young
    aged, young = twins.do(lambda town: [report.expired_rows for report in retain(town.house).tables])
    assert aged == young
    twins.require_equal_rows()


def test_doctor_and_journeys_name_what_no_stored_row_can_follow(open_town):
    town = open_town()
    make_older(town, "page_views", "status_code")
    finding = examine_lake(town)
    assert not finding.is_well
    assert "table page_views was made without column status_code, which its contract requires" in finding.detail
    with pytest.raises(ConfigurationError, match="column status_code"):
        rebuild_marts(town.house)


def test_doctor_says_which_columns_will_come_and_adds_none_itself(twins):
    first, second = (examine_lake(twins.aged) for _ in range(2))
    assert first.is_well
    assert first == second
    assert "page_views.country" in first.detail
    assert "device_events.event_pseudonym" in first.detail
    twins.aged.rows("page_views")
    assert "page_views" not in examine_lake(twins.aged).detail
