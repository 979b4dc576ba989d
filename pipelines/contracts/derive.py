"""What follows from a contract and from nothing else: schema, treatments, expectations, deletion targets, retention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from anonymization.treatment import Treatment
from pipelines.contracts.model import Catalogue, Column, Contract, QualityRule

POLARS_TYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "binary16": pl.Binary(),
    "binary": pl.Binary(),
}
DUCKDB_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "binary16": "BLOB",
    "binary": "BLOB",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """A figure that a table is measured by, and the bounds it must keep.

    check: nulls, range, pattern, length, unlisted (rows breaking it are counted), rows, or sql (non-zero rows counted).
    unit: rows, or percent of all rows.
    """

    id: str
    column: str | None
    check: str
    arguments: Mapping[str, Any] = field(hash=False)
    unit: str
    minimum: float | None
    maximum: float | None
    severity: str
    dimension: str
    description: str


@dataclass(frozen=True, slots=True)
class DeletionTarget:
    """Where one subject's rows are found in one stored table, and what a deletion does there."""

    table: str
    layer: str
    strategy: str
    reason: str | None
    subject_keys: tuple[str, ...]
    key_purpose: str | None


def polars_schema(contract: Contract) -> pl.Schema:
    """Column names and Polars types, in the contract's order."""
    return pl.Schema({column.name: POLARS_TYPES[column.physical_type] for column in contract.columns})


def duckdb_schema(contract: Contract) -> dict[str, str]:
    """Column names and DuckDB types, in the contract's order."""
    return {column.name: DUCKDB_TYPES[column.physical_type] for column in contract.columns}


def treatments(contract: Contract, source: str) -> tuple[Treatment, ...]:
    """What is done to one source's columns to make this lake table's; derived columns are left to enrichment."""
    return tuple(
        Treatment(
            output=column.name,
            kind=column.treatment_kind,
            inputs=_inputs(column, source),
            options={key: value for key, value in column.treatment.items() if key != "kind"},
        )
        for column in contract.columns
        if column.treatment_kind != "derive" and _inputs(column, source)
    )


def _inputs(column: Column, source: str) -> tuple[str, ...]:
    prefix = f"{source}."
    return tuple(origin.removeprefix(prefix) for origin in column.origins if origin.startswith(prefix))


def lake_tables_of(catalogue: Catalogue, source: str) -> tuple[Contract, ...]:
    """The lake tables that one source feeds, in name order."""
    return tuple(
        contract
        for contract in catalogue.layer("lake")
        if any(origin.startswith(f"{source}.") for column in contract.columns for origin in column.origins)
    )


def find_event_column(catalogue: Catalogue, source: str) -> tuple[Contract, Column] | None:
    """The lake table and column that keep the pseudonyms of a source's event ids; None where it names no event id."""
    event_id = catalogue.get("sources", source).properties.get("eventId")
    for table in catalogue.layer("lake"):
        for column in table.columns:
            if event_id and f"{source}.{event_id}" in column.origins:
                return table, column
    return None


def expectations(contract: Contract) -> tuple[Expectation, ...]:
    """Every figure that the contract bounds: required columns, limits, and its own quality rules."""
    implied = (found for column in contract.columns for found in _implied(column))
    declared = (_declared(rule, column.name) for column in contract.columns for rule in column.quality)
    of_table = (_declared(rule, None) for rule in contract.quality)
    return (*implied, *declared, *of_table)


def _implied(column: Column) -> Iterator[Expectation]:
    name, limits = column.name, column.limits
    if column.required:
        yield _violations(name, "nulls", {}, "completeness", f"{name} is never null")
    if {"minimum", "maximum"} & limits.keys():
        yield _violations(name, "range", limits, "conformity", f"{name} lies within its limits")
    if {"minLength", "maxLength"} & limits.keys():
        yield _violations(name, "length", limits, "conformity", f"{name} keeps its length")
    if "pattern" in limits:
        yield _violations(name, "pattern", limits, "conformity", f"{name} has its form")


def _violations(column: str, check: str, arguments: Mapping[str, Any], dimension: str, description: str) -> Expectation:
    identifier = f"{column}__{check}"
    return Expectation(identifier, column, check, arguments, "rows", 0, 0, "critical", dimension, description)


CHECK_OF_METRIC = {"nullValues": "nulls", "missingValues": "nulls", "invalidValues": "unlisted", "rowCount": "rows"}


def _declared(rule: QualityRule, column: str | None) -> Expectation:
    check = "sql" if rule.kind == "sql" else CHECK_OF_METRIC[str(rule.metric)]
    arguments = {"query": rule.query} if rule.kind == "sql" else rule.arguments
    return Expectation(
        id=f"{column or '_table'}__{rule.id}",
        column=column,
        check=check,
        arguments=arguments,
        unit=rule.unit or "rows",
        minimum=rule.minimum,
        maximum=rule.maximum,
        severity=rule.severity,
        dimension=rule.dimension,
        description=rule.description or f"{column or 'table'}: {rule.id.replace('_', ' ')}",
    )


def deletion_targets(catalogue: Catalogue) -> tuple[DeletionTarget, ...]:
    """Every lake table and mart with its deletion strategy; sources expire with landing."""
    return tuple(
        DeletionTarget(
            table=contract.name,
            layer=contract.layer,
            strategy=contract.deletion_strategy,
            reason=contract.deletion_reason,
            subject_keys=contract.subject_keys,
            key_purpose=contract.properties.get("keyPurpose"),
        )
        for layer in ("lake", "marts")
        for contract in catalogue.layer(layer)
    )


def retention_limits(catalogue: Catalogue, today: date) -> dict[str, date]:
    """For each lake table the first date that may still be held."""
    return {contract.name: today - timedelta(days=contract.retention_days) for contract in catalogue.layer("lake")}
