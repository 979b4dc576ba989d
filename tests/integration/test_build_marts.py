"""Marts are built when something came that changes them, and not otherwise."""

from dataclasses import replace
from datetime import date

import pytest

from pipelines.errors import GateFailedError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.delete import accept_landed
from pipelines.warehouse.directory import identify_file
from pipelines.warehouse.extract import read_mart


def published(town):
    return identify_file(town.house.settings.warehouse_file)


def count_files(town) -> int:
    return read_mart(town.house.settings.warehouse_file, "data_quality_daily")["file_count"].sum()


def change_mart(house, name: str, **changes: object):
    contracts = [
        replace(each, **changes) if (each.layer, each.name) == ("marts", name) else each
        for each in house.catalogue.contracts
    ]
    return replace(house, catalogue=replace(house.catalogue, contracts=tuple(contracts)))


def test_nothing_is_built_when_nothing_came(town):
    before = published(town)
    found = build_marts(town.house)
    assert published(town) == before
    assert found.event_dates == ()
    marts = {contract.name for contract in town.house.catalogue.layer("marts")}
    assert found.tables.keys() == marts
    assert found.tables["usage_daily"] == read_mart(found.path, "usage_daily").height


@pytest.mark.slow
def test_dates_that_are_named_are_built_anew_and_those_that_they_reach(town):
    before = published(town)
    found = build_marts(town.house, also=[date(2026, 11, 20)])
    assert published(town) != before
    assert found.event_dates == (date(2026, 11, 20), date(2026, 11, 21))


@pytest.mark.slow
def test_new_events_are_built_with_their_day_and_once(town):
    town.land("access", "more.jsonl", [town.visit(town.neighbour, None, "2026-11-23", 5)])
    town.take_in()
    assert build_marts(town.house).event_dates == (date(2026, 11, 23),)
    assert build_marts(town.house).event_dates == ()


@pytest.mark.slow
def test_delivery_that_touches_no_day_still_counts_in_data_quality(town):
    files = count_files(town)
    town.land("access", "once.jsonl", [town.visit(town.neighbour, None, "2026-11-21", 5)])
    town.take_in()
    town.land("access", "twice.jsonl", [town.visit(town.neighbour, None, "2026-11-21", 5)])
    build_marts(town.house)
    town.take_in()
    before = published(town)
    build_marts(town.house)
    assert published(town) != before
    assert count_files(town) == files + 2
    accept_landed(town.house)
    build_marts(town.house)
    assert count_files(town) == files + 3


@pytest.mark.slow
def test_fields_that_no_contract_declares_are_counted_and_not_stored(town):
    town.land(
        "access", "more.jsonl", [town.visit(town.neighbour, None, "2026-11-21", 5, loyalty_tier="gold", tone="a")]
    )
    town.take_in()
    build_marts(town.house)
    quality = read_mart(town.house.settings.warehouse_file, "data_quality_daily")
    assert dict(quality.group_by("source").agg("undeclared_count").explode("undeclared_count").rows())["access"] == 2


@pytest.mark.slow
def test_missing_warehouse_is_built_whole(town):
    before = read_mart(town.house.settings.warehouse_file, "usage_daily")
    town.house.settings.warehouse_file.unlink()
    build_marts(town.house)
    assert read_mart(town.house.settings.warehouse_file, "usage_daily").equals(before)


def test_mart_whose_contract_changed_is_built_anew(town):
    before = published(town)
    build_marts(change_mart(town.house, "usage_daily", version="9.0.0"))
    assert published(town) != before


@pytest.mark.slow
def test_build_that_breaks_a_rule_leaves_the_last_good_marts_and_nothing_else(town):
    before = published(town)
    columns = town.house.catalogue.get("marts", "usage_daily").columns
    forbidden = [replace(each, limits={"maximum": -1}) if each.name == "page_views" else each for each in columns]
    broken = change_mart(town.house, "usage_daily", columns=tuple(forbidden))
    with pytest.raises(GateFailedError, match="usage_daily"):
        build_marts(broken, also=[date(2026, 11, 20)])
    assert published(town) == before
    left = {path.name for path in town.house.settings.warehouse_directory.iterdir()}
    assert left == {"tokumei.duckdb", "parquet"}


def test_export_that_a_killed_publication_left_behind_is_made_anew(town):
    exported = town.house.settings.warehouse_directory / "parquet" / "usage_daily.parquet"
    exported.unlink()
    assert build_marts(town.house).event_dates == ()
    assert exported.exists()
    before = published(town)
    build_marts(town.house)
    assert published(town) == before
