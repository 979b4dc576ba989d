"""Merging small cells, in SQL, against the same rule written out step by step, for any dimensions and groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.model import Contract, load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.cells import gather_cells, split_periods
from pipelines.warehouse.engine import open_engine

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
ENVIRONMENT = CATALOGUE.get("marts", "usage_by_environment_daily")
PROPERTIES = {**ENVIRONMENT.properties, "cells": {"within": ["survey"], "dimensions": ["browser", "system"]}}
MART = replace(ENVIRONMENT, name="anything", properties=PROPERTIES)
CELLS = "SELECT * FROM given WHERE list_contains($event_dates, event_date)"
DAY = date(2026, 11, 2)
SCHEMA = {
    "event_date": pl.Date,
    "survey": pl.String,
    "browser": pl.String,
    "system": pl.String,
    "person": pl.Binary,
    "page_views": pl.Int64,
}
Row = tuple[date, str, str, str, bytes | None, int]
Cell = tuple[date, str, str, str]

persons = st.one_of(st.none(), st.integers(0, 12).map(lambda number: bytes([number])))
days = st.sampled_from([DAY, DAY + timedelta(days=1)])
rows = st.lists(
    st.tuples(days, st.sampled_from("st"), st.sampled_from("ABC"), st.sampled_from("xy'"), persons, st.integers(1, 3)),
    max_size=70,
)


def merge_step_by_step(found: Sequence[Row], minimum: int) -> dict[Cell, tuple[int, int]]:
    """People and page views of each cell shown."""
    people, views = defaultdict(set), defaultdict(int)
    for day, survey, browser, system, person, count in found:
        people[day, survey, browser, system] |= {person} - {None}
        views[day, survey, browser, system] += count
    shown = {}
    for group in sorted({cell[:2] for cell in people}):
        cells = sorted((cell for cell in people if cell[:2] == group), key=lambda cell: (len(people[cell]), cell))
        merged, merged_views = set(), 0
        is_merging = len(people[cells[0]]) < minimum
        while cells and (len(people[cells[0]]) < minimum or (is_merging and len(merged) < minimum)):
            merged |= people[cells[0]]
            merged_views += views[cells.pop(0)]
        if is_merging and len(merged) >= minimum:
            shown[*group, "(other)", "(other)"] = len(merged), merged_views
        shown |= {cell: (len(people[cell]), views[cell]) for cell in cells}
    return shown


def merge_in_sql(directory: Path, found: Sequence[Row], minimum: int, blur: int = 1) -> Mapping[Cell, tuple[int, int]]:
    with open_engine(options={}) as engine:
        engine.register("rows", pl.DataFrame(found, schema=SCHEMA, orient="row"))
        engine.execute("CREATE TABLE given AS FROM rows")
        gather_cells(engine, MART, directory, [DAY, DAY + timedelta(days=1)], minimum, blur=blur)
        shown = engine.sql(
            "SELECT event_date, survey, browser, system, count(DISTINCT person), sum(page_views)::INT "
            "FROM cells.anything GROUP BY ALL"
        ).fetchall()
    return {(day, *labels): (people, views) for day, *labels, people, views in shown}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sql") / "marts" / "anything"
    folder.mkdir(parents=True)
    (folder / "cells.sql").write_text(CELLS)
    return folder.parents[1]


@pytest.mark.slow
@given(found=rows, minimum=st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_cells_shown_are_those_of_the_rule(directory: Path, found: list[Row], minimum: int):
    shown = merge_in_sql(directory, found, minimum)
    assert shown == merge_step_by_step(found, minimum)
    assert all(people >= minimum for people, _ in shown.values())


@given(found=rows, minimum=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_blurred_threshold_still_shows_enough_people_and_loses_no_page_view(directory: Path, found, minimum: int):
    shown = merge_in_sql(directory, found, minimum, blur=5)
    assert all(people >= minimum for people, _ in shown.values())
    for group in {row[:2] for row in found}:
        told = [views for cell, (_, views) in shown.items() if cell[:2] == group]
        assert sum(told) in ({sum(row[-1] for row in found if row[:2] == group)} if told else {0})


@given(found=rows, minimum=st.integers(1, 6), seed=st.randoms())
@settings(max_examples=20, deadline=None)
def test_order_of_rows_changes_no_cell(directory: Path, found: list[Row], minimum: int, seed):
    shuffled = seed.sample(found, len(found))
    assert merge_in_sql(directory, found, minimum) == merge_in_sql(directory, shuffled, minimum)


def test_weeks_are_taken_one_by_one():
    days = [DAY + timedelta(days=offset) for offset in (0, 6, 7, 13, 14)]
    assert list(split_periods(MART, days)) == [set(days[:2]), set(days[2:4]), set(days[4:])]
    assert list(split_periods(CATALOGUE.get("marts", "usage_daily"), days)) == [set(days)]


@pytest.mark.parametrize("contract", CATALOGUE.layer("marts"), ids=lambda contract: contract.name)
def test_mart_has_cells_exactly_where_its_contract_says_so(contract: Contract):
    folder = SETTINGS.sql / "marts" / contract.name
    assert (folder / "cells.sql").exists() is (contract.cells is not None)
    if contract.cells is not None:
        assert f"cells.{contract.name}" in (folder / "query.sql").read_text()
