"""What becomes of a table created under an earlier version of its contract: it gains columns, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, PostCommitHookProperties, Schema

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError


def delta_schema(contract: Contract) -> Schema:
    """The contract's columns as a Delta table declares them, all nullable: only the contract knows which are not."""
    return _convert_schema(tuple(polars_schema(contract).items()))


@cache
def _convert_schema(columns: tuple[tuple[str, pl.DataType], ...]) -> Schema:
    """Kept, for a table is opened for every commit and every read of its files."""
    empty = pl.DataFrame(schema=dict(columns)).to_arrow(compat_level=pl.CompatLevel.oldest())
    return Schema.from_arrow(empty.schema)


def add_new_columns(table: DeltaTable, contract: Contract) -> None:
    """Give a table the columns that its contract gained, in one commit of metadata; rows stored before have null there.

    ConfigurationError when the contract changed in any other way. CommitFailedError when the table moved on meanwhile.
    """
    for misfit in find_misfits(table, contract):
        raise misfit
    if new := find_new_columns(table, contract):
        table.alter.add_columns(
            new,
            commit_properties=CommitProperties(max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )


def find_new_columns(table: DeltaTable, contract: Contract) -> list[Field]:
    """The contract's columns that a table has not, in the contract's order."""
    held = {field.name for field in table.schema().fields}
    return [field for field in delta_schema(contract).fields if field.name not in held]


def find_misfits(table: DeltaTable, contract: Contract) -> Iterator[ConfigurationError]:
    """Everything in which a table differs from its contract, but for new columns that may be null."""
    name, declared = contract.name, {field.name: field.type for field in delta_schema(contract).fields}
    held = {field.name: field.type for field in table.schema().fields}
    for column in contract.columns:
        if column.required and column.name not in held:
            yield ConfigurationError(
                f"table {name} was made without column {column.name}, which its contract requires",
                hint="declare it `required: false`, and rows that are stored already read as null",
            )
    for column_name, kind in held.items():
        if column_name not in declared:
            yield ConfigurationError(
                f"table {name} holds column {column_name}, which its contract does not declare",
                hint="declare it again: a stored column stays as long as its table",
            )
        elif declared[column_name] != kind:
            yield ConfigurationError(
                f"table {name} holds column {column_name} as another type than its contract declares",
                hint="declare the type that it had, and a column of another name for the new one",
            )
    if table.metadata().partition_columns != list(contract.partition_columns):
        yield ConfigurationError(
            f"table {name} is partitioned by other columns than its contract declares",
            hint="declare `partitionBy` as it was",
        )
