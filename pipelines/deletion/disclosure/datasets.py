"""What is told of each dataset: why and for how long it is held, its source and form, who received it, which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.contracts.model import LAYERS, Catalogue, Column, Contract
from pipelines.control.disclosures import Handover
from pipelines.deletion.disclosure.ledger import LEDGER_DATASETS, LedgerDataset

MADE_BY_HOUSE = frozenset({"subject_bucket", "key_id", "file_id", "line_number"})  # where a row lies, and under what
OF_MANY = "statistics, of which every figure is about many people"
HIDDEN_TYPES = frozenset({"binary16", "binary"})


@dataclass(frozen=True, slots=True)
class Field:
    """One column, by its name in the contract."""

    name: str
    description: str
    kind: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from: a kind of log, or the member."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One table as its member is told of it. rows has the shown columns, by name; withheld says what else is held.

    retention_days counts from retention_column; None for as long as the membership lasts.
    """

    table: str
    layer: str
    purpose: str
    policy_clause: str
    form: str
    sources: tuple[Source, ...]
    retention_days: int | None
    retention_column: str | None
    recipients: tuple[Handover, ...]
    shown: tuple[Field, ...]
    withheld: tuple[Field, ...]
    rows: pl.DataFrame = field(hash=False)


@dataclass(frozen=True, slots=True)
class Unattributable:
    """A table in which nobody, ourselves included, can tell what is whose; and why."""

    table: str
    layer: str
    purpose: str
    form: str
    reason: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """All that one request for access is answered with."""

    request_id: str
    made_at: datetime
    timezone: str
    datasets: tuple[Dataset, ...]
    unattributable: tuple[Unattributable, ...]

    @property
    def row_counts(self) -> dict[str, int]:
        return {dataset.table: dataset.rows.height for dataset in self.datasets}


def describe_tables(
    catalogue: Catalogue, rows: Mapping[str, pl.DataFrame], handovers: Sequence[Handover]
) -> tuple[Dataset, ...]:
    """The lake's tables with the subject's rows in them."""
    contracts = (contract for contract in catalogue.layer("lake") if contract.name in rows)
    return tuple(_describe_table(catalogue, each, rows[each.name], handovers) for each in contracts)


def describe_ledger(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Dataset, ...]:
    """The ledger's facts of the subject, by the names of LEDGER_DATASETS."""
    return tuple(_describe_facts(name, each, rows[name]) for name, each in LEDGER_DATASETS.items())


def list_unattributable(catalogue: Catalogue) -> tuple[Unattributable, ...]:
    """Every stored table in which no row can be told to be anybody's."""
    contracts = [each for each in catalogue.contracts if each.layer != "sources" and not each.subject_keys]
    return tuple(
        Unattributable(each.name, each.layer, each.purpose, each.form, each.deletion_reason or OF_MANY)
        for each in sorted(contracts, key=lambda each: LAYERS.index(each.layer))
    )


def is_shown(column: Column) -> bool:
    """Whether a value tells the member anything: pseudonyms, and the house's own marks of rows, do not."""
    return column.physical_type not in HIDDEN_TYPES and column.name not in MADE_BY_HOUSE


def _describe_table(
    catalogue: Catalogue, contract: Contract, rows: pl.DataFrame, handovers: Sequence[Handover]
) -> Dataset:
    shown = [column for column in contract.columns if is_shown(column)]
    return Dataset(
        table=contract.name,
        layer=contract.layer,
        purpose=contract.purpose,
        policy_clause=contract.policy_clause,
        form=contract.form,
        sources=_find_sources(catalogue, contract),
        retention_days=contract.retention_days,
        retention_column=contract.retention_column,
        recipients=tuple(each for each in handovers if _reaches(catalogue, contract, rows, each)),
        shown=_list_fields(shown),
        withheld=_list_fields([column for column in contract.columns if not is_shown(column)]),
        rows=rows.select(column.name for column in shown),
    )


def _list_fields(columns: Sequence[Column]) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.description, column.physical_type) for column in columns)


def _find_sources(catalogue: Catalogue, contract: Contract) -> tuple[Source, ...]:
    """The sources of a table's columns, through the table that it was copied from where it was."""
    origins = [origin.split(".") for column in contract.columns for origin in column.origins]
    copied = [catalogue.get("lake", origin[1]) for origin in origins if origin[0] == "lake"]
    names = {origin[0] for origin in origins if origin[0] != "lake"}
    names |= {source.name for table in copied for source in _find_sources(catalogue, table)}
    return tuple(Source(name, catalogue.get("sources", name).purpose) for name in sorted(names))


def _reaches(catalogue: Catalogue, contract: Contract, rows: pl.DataFrame, handover: Handover) -> bool:
    """Whether an export was made of this table, or of statistics on it, on any day of the subject's rows."""
    is_same = (handover.layer, handover.dataset) == ("lake", contract.name)
    made_of = [each.properties.get("inputs", ()) for each in catalogue.contracts if _is_of(each, handover)]
    if not is_same and not any(f"lake.{contract.name}" in inputs for inputs in made_of):
        return False
    days = rows[contract.partition_columns[0]]
    return bool(days.is_between(handover.first_date, handover.last_date).any())


def _is_of(contract: Contract, handover: Handover) -> bool:
    return (contract.layer, contract.name) == (handover.layer, handover.dataset)


def _describe_facts(name: str, facts: LedgerDataset, rows: Sequence[Mapping[str, Any]]) -> Dataset:
    schema = {each: FACT_TYPES[kind] for each, (kind, _) in facts.columns.items()}
    return Dataset(
        table=name,
        layer="control",
        purpose=facts.purpose,
        policy_clause=facts.policy_clause,
        form="pseudonymised",
        sources=tuple(Source(source, purpose) for source, purpose in facts.sources.items()),
        retention_days=None,
        retention_column=None,
        recipients=(),
        shown=tuple(Field(each, description, kind) for each, (kind, description) in facts.columns.items()),
        withheld=(),
        rows=pl.DataFrame([{each: row[each] for each in schema} for row in rows], schema=schema),
    )


FACT_TYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "int64": pl.Int64(),
}
