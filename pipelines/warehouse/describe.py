"""What is written into schema meta when a file is built, and of the gates before it is published."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from pathlib import Path

import duckdb

from pipelines.contracts.derive import duckdb_schema, lake_tables_of
from pipelines.contracts.model import Catalogue, Contract
from pipelines.warehouse.directory import name_building
from pipelines.warehouse.engine import engine_errors, open_engine, quote_text
from pipelines.warehouse.meta import QUALITY
from pipelines.warehouse.relations import Inputs, digest_restricted, list_days

Row = tuple[object, ...]
ACCOUNTS = "control.source_files"
BUILD = "INSERT INTO warehouse.meta.build VALUES (?, ?, ?, ?::DATE[], map(?::VARCHAR[], ?::VARCHAR[]), ?)"
SOURCE_FILES = """
SELECT received_date, source, count(*), sum(read_count), sum(accepted_count)
FROM control.source_files
WHERE state = 'committed'
GROUP BY ALL
ORDER BY ALL
"""
RECEIVED = "SELECT source, max(received_date) FROM control.source_files WHERE state = 'committed' GROUP BY ALL"


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What a build says of itself: row_counts by mart, event_dates as in BuiltWarehouse."""

    built_at: datetime
    timezone: str
    event_dates: Sequence[date]
    row_counts: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class QualityRow:
    """One figure that a gate compared with its limits, as a row of meta.quality; never a value of the data."""

    table: str
    rule: str
    severity: str
    unit: str
    observed: float | None
    minimum: float | None
    maximum: float | None
    passed: bool


def describe_build(engine: duckdb.DuckDBPyConnection, catalogue: Catalogue, inputs: Inputs, facts: BuildFacts) -> None:
    """Fill schema meta of the warehouse that is being built, from the contracts, the inputs and the facts given."""
    versions = {f"{contract.layer}.{contract.name}": contract.version for contract in catalogue.contracts}
    build_id = secrets.token_hex(8)
    names, restricted = list(versions), digest_restricted(inputs)
    build = (build_id, facts.built_at, facts.timezone, facts.event_dates, names, list(versions.values()), restricted)
    has_accounts = ACCOUNTS in inputs
    received = dict(engine.sql(RECEIVED).fetchall()) if has_accounts else {}
    engine.execute(BUILD, build)
    _write(engine, "tables", (_describe_mart(mart, facts.row_counts) for mart in catalogue.layer("marts")))
    _write(engine, "columns", chain.from_iterable(map(_describe_columns, catalogue.layer("marts"))))
    _write(engine, "freshness", _describe_freshness(catalogue, inputs, received))
    _write(engine, "source_files", engine.sql(SOURCE_FILES).fetchall() if has_accounts else [])
    _write(engine, "lineage", _describe_lineage(catalogue))


def record_quality(path: Path, rows: Iterable[QualityRow]) -> None:
    """Write what the gates found into a built file that nobody reads yet, in place of what they found before.

    A file in which that freed blocks is written anew: the proof of a deletion cannot look into free blocks.
    """
    found = [tuple(getattr(row, name) for name in QUALITY.columns) for row in rows]
    with engine_errors("noting what the gates found"), open_engine(options={}) as engine:
        engine.execute(f"ATTACH {quote_text(str(path))} AS warehouse")
        engine.execute("TRUNCATE warehouse.meta.quality")
        _write(engine, "quality", found)
        engine.execute("CHECKPOINT warehouse")
        [(free,)] = engine.sql(
            "SELECT free_blocks FROM pragma_database_size() WHERE database_name = 'warehouse'"
        ).fetchall()
        if free:
            _write_anew(engine, path)


def _write_anew(engine: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy the attached file into one without free blocks, under its name."""
    copy = name_building(path.parent)
    engine.execute(f"ATTACH {quote_text(str(copy))} AS copy")
    copy.chmod(0o600)
    engine.execute("COPY FROM DATABASE warehouse TO copy; CHECKPOINT copy; DETACH copy; DETACH warehouse")
    copy.replace(path)


def _write(engine: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    if expressions := [tuple(duckdb.ConstantExpression(value) for value in row) for row in rows]:
        engine.values(*expressions).insert_into(f"warehouse.meta.{table}")


def _describe_mart(contract: Contract, row_counts: Mapping[str, int]) -> Row:
    return (
        contract.name,
        contract.purpose,
        contract.grain,
        contract.limitations,
        contract.version,
        row_counts[contract.name],
    )


def _describe_columns(contract: Contract) -> Iterator[Row]:
    inputs, types = contract.properties["inputs"], duckdb_schema(contract)
    for column in contract.columns:
        yield contract.name, column.name, types[column.name], column.description, list(column.origins or inputs)


def _describe_freshness(catalogue: Catalogue, inputs: Inputs, received: Mapping[str, date]) -> list[Row]:
    return [
        (table.name, source, max(list_days(name, inputs[name]), default=None), received.get(source))
        for table in catalogue.layer("lake")
        if is_event_table(table) and (name := f"lake.{table.name}") in inputs
        for source in sources_of(catalogue, table.name)
    ]


def is_event_table(contract: Contract) -> bool:
    """Whether a table of the lake lies by days of events, and not by days of receipt."""
    return contract.partition_columns[:1] == ("event_date",)


def sources_of(catalogue: Catalogue, lake_table: str) -> tuple[str, ...]:
    """The sources that feed a table of the lake, in name order."""
    names = (source.name for source in catalogue.layer("sources"))
    return tuple(name for name in names if lake_table in {table.name for table in lake_tables_of(catalogue, name)})


def _describe_lineage(catalogue: Catalogue) -> Iterator[Row]:
    for mart in catalogue.layer("marts"):
        for name in mart.properties["inputs"]:
            layer, _, table = name.partition(".")
            sources = sources_of(catalogue, table) if layer == "lake" else ()
            for source in sources or (None,):
                yield mart.name, name, source
