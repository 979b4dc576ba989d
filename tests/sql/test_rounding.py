"""Rounding in SQL against the decimal arithmetic of the standard library."""

from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from math import ceil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.model import Column, Contract, Share, load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.rounding import round_columns

CATALOGUE = load_catalogue(load_settings().contracts)
MART = CATALOGUE.get("marts", "usage_by_environment_daily")
TEMPLATE = MART.column("visitors")
DAY = date(2026, 11, 2)
PEOPLE = "people"
STEPS = (0.000001, 0.01, 0.1, 1, 5)

counts = st.integers(-(10**12), 10**12)
# As many digits as a double tells apart, on and beside the halves of every step.
figures = st.integers(-(10**11), 10**11).map(lambda number: number / 1000) | st.floats(-1000, 1000)


def column(name: str, kind: str, step: float | None, share: Share | None = None, limits=None) -> Column:
    return replace(TEMPLATE, name=name, physical_type=kind, round_to=step, share_of=share, limits=limits or {})


def mart(*columns: Column, cells: bool) -> Contract:
    properties = {
        "periodColumn": "event_date",
        "primaryKey": ["event_date", "label"],
        "minimumPeople": 10,
        "peopleColumn": PEOPLE,
        "cells": {"within": [], "dimensions": ["label"]} if cells else None,
    }
    keys = (column("event_date", "date", None), column("label", "string", None))
    return replace(MART, columns=(*keys, *columns), properties=properties)


def round_in_sql(contract: Contract, rows: list[dict[str, object]], seed: int = 1) -> pl.DataFrame:
    kinds = {"int64": pl.Int64, "float64": pl.Float64, "string": pl.String, "date": pl.Date}
    schema = {each.name: kinds[each.physical_type] for each in contract.columns}
    keyed = [{"event_date": DAY, "label": f"{number:04}", **row} for number, row in enumerate(rows)]
    with open_engine(options={}) as engine:
        engine.execute("CREATE SCHEMA cells; CREATE TABLE cells.seeds (event_date DATE, seed HUGEINT)")
        engine.execute("INSERT INTO cells.seeds VALUES (?, ?)", [DAY, seed])
        engine.register("rows", pl.DataFrame(keyed, schema=schema))
        return engine.sql(round_columns(contract, "FROM rows")).pl()


def written(figure: float) -> Decimal:
    """A double as it is stored in decimals: to nine places."""
    return Decimal(figure).quantize(Decimal("1e-9"), ROUND_HALF_UP)


@given(st.sampled_from([1, 2, 5, 10]), st.lists(st.one_of(st.none(), counts), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_count_goes_to_the_nearest_and_halves_away_from_zero(step: int, found: list[int | None]):
    rounded = round_in_sql(mart(column("n", "int64", step), cells=False), [{"n": each} for each in found])["n"]
    assert rounded.to_list() == [
        None if each is None else int((Decimal(each) / step).quantize(Decimal(1), ROUND_HALF_UP)) * step
        for each in found
    ]


@given(st.sampled_from(STEPS), st.lists(st.one_of(st.none(), figures), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_figure_goes_to_the_nearest_in_decimals(step: float, found: list[float | None]):
    rounded = round_in_sql(mart(column("x", "float64", step), cells=False), [{"x": each} for each in found])["x"]
    exact = Decimal(str(step)) if step != 0.000001 else Decimal("0.000001")
    for figure, told in zip(found, rounded, strict=True):
        if figure is None:
            assert told is None
        else:
            assert told == float((written(figure) / exact).quantize(Decimal(1), ROUND_HALF_UP) * exact)


@pytest.mark.parametrize(
    ("step", "figure", "told"),
    [(0.01, 0.145, 0.15), (0.01, 1.005, 1.01), (0.01, 0.29, 0.29), (1, -12.5, -13.0), (0.1, 6.25, 6.3), (5, -7.5, -10)],
)
def test_halves_are_those_that_people_write(step: float, figure: float, told: float):
    assert round_in_sql(mart(column("x", "float64", step), cells=False), [{"x": figure}])["x"].item() == told


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.floats(-100, 100)), min_size=1, max_size=20),
    st.integers(0, 2**62),
)
@settings(max_examples=40, deadline=None)
def test_figures_of_cells_are_less_than_a_step_off_and_keep_their_order(found, seed: int):
    contract = mart(column(PEOPLE, "int64", 5), column("views", "int64", 5), column("nps", "float64", 1), cells=True)
    rows = [{PEOPLE: min(pair), "views": max(pair), "nps": nps} for *pair, nps in found]
    rounded = round_in_sql(contract, rows, seed)
    for row, told in zip(rows, rounded.iter_rows(named=True), strict=True):
        for name in (PEOPLE, "views"):
            exact = Decimal(row[name]) / 5
            assert told[name] / 5 in {exact.quantize(Decimal(1), each) for each in (ROUND_FLOOR, ROUND_CEILING)}
        assert told[PEOPLE] <= told["views"]
        assert abs(Decimal(told["nps"]) - written(row["nps"])) < 1


def test_rounding_at_random_is_right_on_average():
    contract = mart(column(PEOPLE, "int64", 5), cells=True)
    rounded = round_in_sql(contract, [{PEOPLE: 12}] * 20_000)[PEOPLE]
    assert set(rounded) == {10, 15}
    assert rounded.mean() == pytest.approx(12, abs=0.08)


def test_share_of_few_is_no_finer_than_one_of_them():
    share = Share(PEOPLE, 1)
    contract = mart(column(PEOPLE, "int64", 5), column("rate", "float64", 0.01, share), cells=True)
    rows = [{PEOPLE: people, "rate": numerator / people} for people in range(10, 60) for numerator in range(people + 1)]
    rounded = round_in_sql(contract, rows)
    for row, (people, rate) in zip(rows, rounded.select(PEOPLE, "rate").iter_rows(), strict=True):
        assert abs(rate - row["rate"]) < 1 / max(10, people - 4) + 0.01
        assert rate == round(rate, 2)


def test_large_counts_keep_their_shares_to_the_step_declared():
    contract = mart(column(PEOPLE, "int64", 5), column("rate", "float64", 0.01, Share(PEOPLE, 1)), cells=True)
    rounded = round_in_sql(contract, [{PEOPLE: 5000, "rate": 0.123}] * 50)["rate"]
    assert set(rounded) == {0.12, 0.13}


def possible_counts(told: int, rate: float, step: float) -> list[int]:
    """The counts between 10 and the next steps of which some whole share is what a rate tells."""
    return [
        people
        for people in range(max(10, told - 4), told + 5)
        if any(abs(part / people - rate) < step for part in range(people + 1))
    ]


def test_share_times_count_does_not_undo_the_rounding():
    columns = column(PEOPLE, "int64", 5), column("rate", "float64", 0.01, Share(PEOPLE, 1))
    rows = [{PEOPLE: people, "rate": part / people} for people in range(10, 60) for part in range(people + 1)]
    for told, rate in round_in_sql(mart(*columns, cells=True), rows).select(PEOPLE, "rate").iter_rows():
        step = max(1, ceil(100 / max(10, told - 4))) / 100
        assert possible_counts(told, rate, step) == list(range(max(10, told - 4), told + 5))


def test_share_in_hundredths_would_undo_the_rounding():
    columns = column(PEOPLE, "int64", 5), column("rate", "float64", 0.01)
    rounded = round_in_sql(mart(*columns, cells=False), [{PEOPLE: 19, "rate": 7 / 19}])
    assert possible_counts(*rounded.select(PEOPLE, "rate").row(0), step=0.005) == [19]


@pytest.mark.parametrize(("rate", "seed"), [(rate, seed) for rate in (0.0, 0.98, 1.0) for seed in range(20)])
def test_share_stays_within_the_limits_of_its_column(rate: float, seed: int):
    limits = {"minimum": 0, "maximum": 1}
    share = column("rate", "float64", 0.01, Share(PEOPLE, 1), limits)
    rounded = round_in_sql(mart(column(PEOPLE, "int64", 5), share, cells=True), [{PEOPLE: 33, "rate": rate}], seed)
    assert 0 <= rounded["rate"].item() <= 1
