"""Lake and ledger into marts: a new, complete DuckDB file beside the published one, for `serve` to put in its place."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from pipelines.contracts.model import Catalogue, Contract
from pipelines.errors import ConfigurationError
from pipelines.warehouse.directory import (
    PUBLISHED_NAME,
    FileIdentity,
    discard_on_failure,
    identify_file,
    lock_directory,
    spill_directory,
)
from pipelines.warehouse.engine import engine_errors, open_engine, quote_text
from pipelines.warehouse.marts import Mart, create_mart, fill_mart, inputs_of, plan_marts
from pipelines.warehouse.people import VISITS, create_people, gather_person_days, gather_visits
from pipelines.warehouse.periods import split_days
from pipelines.warehouse.rates import mark_bots_by_rate
from pipelines.warehouse.relations import Inputs, create_relations
from pipelines.warehouse.statements import find_reads

SCHEMAS = """
CREATE SCHEMA warehouse.marts;
CREATE SCHEMA warehouse.meta;
CREATE TABLE warehouse.meta.build (
    built_at TIMESTAMPTZ NOT NULL,
    event_dates DATE[] NOT NULL,
    contract_versions MAP(VARCHAR, VARCHAR) NOT NULL
);
COMMENT ON TABLE warehouse.meta.build IS 'When this file was built, for which days, under which contracts; one row.';
CREATE TABLE warehouse.meta.tables (
    "table" VARCHAR PRIMARY KEY,
    purpose VARCHAR NOT NULL,
    grain VARCHAR NOT NULL,
    limitations VARCHAR NOT NULL,
    contract_version VARCHAR NOT NULL,
    row_count BIGINT NOT NULL
);
COMMENT ON TABLE warehouse.meta.tables IS 'What each mart is for and what its figures cannot tell; one row per mart.';
"""


@dataclass(frozen=True, slots=True)
class BuiltWarehouse:
    """A complete, closed warehouse file that nobody reads yet.

    tables: name and row count of each mart. event_dates: the days of events whose rows were made anew.
    based_on: the published file whose other rows were carried over, None without one.
    """

    path: Path
    tables: tuple[tuple[str, int], ...]
    event_dates: tuple[date, ...]
    based_on: FileIdentity | None


def build_warehouse(  # noqa: PLR0913 - each is a different thing that a build is made from
    target_directory: Path,
    catalogue: Catalogue,
    sql_directory: Path,
    inputs: Inputs,
    event_dates: Sequence[date] | None,
    *,
    timezone: str,
    memory_limit: str,
    built_at: datetime,
) -> BuiltWarehouse:
    """Build every mart into a new file in target_directory; a failed build leaves nothing behind.

    inputs: each lake table whole, as Parquet files (only the partitions that are needed get read) or as a frame, and
    control.<facts>. event_dates: the service days whose events changed; the rows of all periods that these do not
    reach are carried over from the published file. None rebuilds the days found in the inputs, while days that have
    aged out of the lake keep the rows they had: a day that a deletion emptied must therefore be named. A mart that is
    new, or published under another contract version, is rebuilt as with None; marts of the ledger always are.
    StorageBusyError while another build runs; what DuckDB raises becomes one of our errors, without its text.
    """
    published = target_directory / PUBLISHED_NAME
    building = target_directory / f"{PUBLISHED_NAME}.{secrets.token_hex(8)}.building"
    with (
        lock_directory(target_directory),
        spill_directory(target_directory) as spill,
        discard_on_failure(building),
        engine_errors("building the marts"),
        open_engine(timezone=timezone, options={"memory_limit": memory_limit, "temp_directory": str(spill)}) as engine,
    ):
        selected = _select_inputs(catalogue, inputs)
        create_relations(engine, catalogue, selected)
        _create_file(engine, building)
        versions = _attach_published(engine, published)
        marts = [
            replace(mart, reads=find_reads(sql_directory, mart.name))
            for mart in plan_marts(engine, catalogue.layer("marts"), event_dates, versions)
        ]
        mark_bots_by_rate(engine, catalogue, sql_directory, marts)
        create_people(engine, sql_directory)
        gather_person_days(engine, sql_directory, marts)
        _build_tables(engine, marts, sql_directory)
        tables = [(mart.name, len(engine.table(mart.table))) for mart in marts]
        days = sorted(_unite((*(mart.periods for mart in marts if mart.is_daily), frozenset(event_dates or ()))))
        _describe_build(engine, catalogue, built_at, days, dict(tables))
        engine.execute("CHECKPOINT warehouse; DETACH warehouse")
        return BuiltWarehouse(building, tuple(tables), tuple(days), identify_file(published))


def _select_inputs(catalogue: Catalogue, inputs: Inputs) -> Inputs:
    """Those inputs that some mart reads."""
    wanted = {name: contract.name for contract in catalogue.layer("marts") for name in inputs_of(contract)}
    for name, mart in wanted.items():
        if name not in inputs:
            raise ConfigurationError(f"marts.{mart} reads {name}", hint=f"pass {name} to the build")
    return {name: inputs[name] for name in wanted}


def _create_file(engine: duckdb.DuckDBPyConnection, building: Path) -> None:
    engine.execute(f"ATTACH {quote_text(str(building))} AS warehouse")
    building.chmod(0o600)
    engine.execute(SCHEMAS)


def _attach_published(engine: duckdb.DuckDBPyConnection, published: Path) -> dict[str, str]:
    """Open the published file for reading, when there is one; the contract version of each mart in it."""
    if not published.exists():
        return {}
    engine.execute(f"ATTACH {quote_text(str(published))} AS published (READ_ONLY)")
    return dict(engine.table("published.meta.tables").select("table", "contract_version").fetchall())


def _build_tables(engine: duckdb.DuckDBPyConnection, marts: Sequence[Mart], sql_directory: Path) -> None:
    for mart in marts:
        create_mart(engine, mart)
    visited = _unite(mart.made_anew for mart in marts if VISITS in mart.reads)
    for days in split_days(_unite(mart.made_anew for mart in marts)):
        if starts := days & visited:
            gather_visits(engine, sql_directory, starts)
        for mart in marts:
            fill_mart(engine, mart, sql_directory, days)


def _unite(days: Iterable[frozenset[date]]) -> frozenset[date]:
    return frozenset[date]().union(*days)


def _describe_build(
    engine: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    built_at: datetime,
    days: Sequence[date],
    row_counts: dict[str, int],
) -> None:
    versions = {f"{contract.layer}.{contract.name}": contract.version for contract in catalogue.contracts}
    engine.execute(
        "INSERT INTO warehouse.meta.build VALUES (?, ?::DATE[], map(?::VARCHAR[], ?::VARCHAR[]))",
        [built_at, days, list(versions), list(versions.values())],
    )
    engine.executemany(
        "INSERT INTO warehouse.meta.tables VALUES (?, ?, ?, ?, ?, ?)",
        [_describe_mart(contract, row_counts[contract.name]) for contract in catalogue.layer("marts")],
    )


def _describe_mart(contract: Contract, row_count: int) -> tuple[str | int, ...]:
    return (
        contract.name,
        contract.purpose,
        contract.grain,
        contract.limitations,
        contract.version,
        row_count,
    )
