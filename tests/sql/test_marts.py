"""Each case folder below marts/<table>/ holds input rows, parameters, and the mart's rows as computed by hand."""

import re
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract, load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.cells import gather_cells
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import Mart, inputs_of, reach_of, select_mart
from pipelines.warehouse.people import VISITS, create_people, gather_person_days, gather_visits
from pipelines.warehouse.relations import PEOPLE_TABLES, RESTRICTIONS, create_relations, note_days
from pipelines.warehouse.statements import find_reads, read_cells, read_checks, read_people, read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MARTS = CATALOGUE.layer("marts")
READS = find_reads(SETTINGS.sql, [contract.name for contract in MARTS])
CASES = sorted(path.parent for path in Path(__file__).parent.glob("marts/*/*/expect.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_mart_has_the_rows_computed_by_hand(case: Path):
    contract = CATALOGUE.get("marts", case.parent.name)
    params = yaml.safe_load((case / "params.yaml").read_bytes())
    query = read_query(SETTINGS.sql, contract.name)
    with open_engine(timezone=params.get("timezone", "Asia/Tokyo"), options={}) as engine:
        inputs = {name: read_rows(case, name) for name in inputs_of(contract)}
        note_days(engine, inputs)
        create_relations(engine, CATALOGUE, inputs)
        gather_people(engine, contract, params["event_dates"])
        gather_cells(engine, contract, SETTINGS.sql, params["event_dates"], params.get("minimum_people", 0))
        mart = select_mart(engine, contract, query, params["event_dates"], params.get("minimum_people", 0)).pl()
    schema = polars_schema(contract)
    expected = pl.DataFrame(yaml.safe_load((case / "expect.yaml").read_bytes()), schema=schema)
    assert_frame_equal(mart.cast(schema), expected, rel_tol=1e-9)


def gather_people(engine: duckdb.DuckDBPyConnection, contract: Contract, days: list[date]) -> None:
    """What a build puts between the lake and this mart."""
    periods = reach_of(contract).find_periods(days)
    mart = Mart(contract, periods, periods, has_history=False, reads=READS[contract.name])
    create_people(engine, SETTINGS.sql)
    if VISITS in mart.reads:
        gather_visits(engine, SETTINGS.sql, days)
    gather_person_days(engine, SETTINGS.sql, [mart])


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_every_mart_has_cases_checks_and_a_headed_query(contract: Contract):
    assert sum(case.parent.name == contract.name for case in CASES) >= 3
    assert read_checks(SETTINGS.sql, contract.name)
    purpose, grain, *_ = read_query(SETTINGS.sql, contract.name).splitlines()
    assert purpose == f"-- purpose: {contract.purpose}"
    assert grain.startswith("-- grain: one row per ")


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_query_reads_exactly_the_inputs_of_its_contract(contract: Contract):
    assert find_stored(read_query(SETTINGS.sql, contract.name)) == set(inputs_of(contract))


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_mart_reads_of_people_only_what_leaves_out_who_is_restricted(contract: Contract):
    has_cells = "cells" in contract.properties
    queries = [
        read_query(SETTINGS.sql, contract.name),
        *([read_cells(SETTINGS.sql, contract.name)] if has_cells else []),
    ]
    assert all(PEOPLE_TABLES.isdisjoint(find_read(query)) for query in queries)


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_mart_of_visits_reaches_the_days_around(contract: Contract):
    reach = reach_of(contract)
    if VISITS in READS[contract.name]:
        assert min(reach.before, reach.after) >= 1


def find_stored(query: str) -> set[str]:
    """The stored relations behind a query, through those of people."""
    read = find_read(query)
    people = {name for name in read if name.startswith("people.")}
    behind = (find_stored(read_people(SETTINGS.sql, name.removeprefix("people."))) for name in people)
    cells = {name for name in read if name.startswith("cells.")}
    before = (find_stored(read_cells(SETTINGS.sql, name.removeprefix("cells."))) for name in cells)
    return (read - people - cells).union(*behind, *before)


def find_read(query: str) -> set[str]:
    with open_engine(options={}) as engine:
        return engine.get_table_names(re.sub(r"\$\w+", "NULL", query), qualified=True)


def read_rows(case: Path, name: str) -> pl.DataFrame:
    """Input rows typed by their contract: pseudonyms as hexadecimal text, left-out columns null, `times` repeats.

    Without a file of restrictions nobody is restricted.
    """
    path = case / f"{name}.yaml"
    written = yaml.safe_load(path.read_bytes()) if name != RESTRICTIONS or path.exists() else []
    rows = [row for row in written for _ in range(row.pop("times", 1))]
    layer, _, table = name.partition(".")
    if name == RESTRICTIONS:
        schema = pl.Schema({"purpose": pl.String(), "pseudonym": pl.Binary()})
    elif layer != "lake":
        return pl.DataFrame(rows)
    else:
        schema = polars_schema(CATALOGUE.get("lake", table))
    pseudonyms = [column for column, kind in schema.items() if kind == pl.Binary]
    typed = [row | {name: bytes.fromhex(row[name]) for name in pseudonyms if row.get(name)} for row in rows]
    return pl.DataFrame(typed, schema=schema)
