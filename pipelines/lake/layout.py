"""Where each Delta table lies, how it is created from its contract, and which files hold it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import unquote

import polars as pl
import pyarrow.fs
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract

# No column statistics in the log, and nothing in it older than its last checkpoint: pseudonyms must be erasable.
TABLE_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.logRetentionDuration": "interval 0 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}


@dataclass(frozen=True, slots=True)
class Lake:
    """The place of all Delta tables: a local directory or an object-store URI, with its credentials."""

    uri: str
    storage_options: Mapping[str, str] = field(default_factory=dict, hash=False)

    def table_uri(self, table: str) -> str:
        return f"{self.uri.rstrip('/')}/{table}"

    def open_files(self, table: str) -> tuple[pyarrow.fs.FileSystem, str]:
        """The file system of a table, and the table's root in it."""
        filesystem, root = pyarrow.fs.FileSystem.from_uri(self.table_uri(table))
        return filesystem, root


@dataclass(frozen=True, slots=True)
class DataFile:
    """One live file of a table: its path within the table, rows, bytes and partition values."""

    path: str
    row_count: int
    byte_count: int
    partition: Mapping[str, str | None] = field(hash=False)


def open_table(lake: Lake, contract: Contract) -> DeltaTable:
    """The Delta table of a contract, created empty when it does not exist yet."""
    uri, options = lake.table_uri(contract.name), dict(lake.storage_options)
    try:
        return DeltaTable(uri, storage_options=options)
    except TableNotFoundError:
        schema = pl.DataFrame(schema=polars_schema(contract)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        return DeltaTable.create(
            uri,
            schema=schema,
            mode="ignore",
            partition_by=list(contract.partition_columns),
            configuration=TABLE_CONFIGURATION,
            storage_options=options,
        )


def live_files(table: DeltaTable, dates: Sequence[date] | None = None) -> tuple[DataFile, ...]:
    """The files of the table's current version, by path; only those of some dates when these are given."""
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    partitions = table.metadata().partition_columns
    files = (
        DataFile(
            path=unquote(row["path"]),
            row_count=row["num_records"],
            byte_count=row["size_bytes"],
            partition={name: _text(row[f"partition.{name}"]) for name in partitions},
        )
        for row in actions.iter_rows(named=True)
    )
    wanted = None if dates is None else {day.isoformat() for day in dates}
    kept = (file for file in files if wanted is None or file.partition[partitions[0]] in wanted)
    return tuple(sorted(kept, key=lambda file: file.path))


def file_uris(lake: Lake, contract: Contract, dates: Sequence[date] | None = None) -> tuple[str, ...]:
    """Full paths of a table's live files, for engines that read Parquet."""
    root = lake.table_uri(contract.name)
    return tuple(f"{root}/{file.path}" for file in live_files(open_table(lake, contract), dates))


def table_dates(lake: Lake, contract: Contract) -> tuple[date, ...]:
    """The event dates that a table holds."""
    name = contract.partition_columns[0]
    found = {file.partition[name] for file in live_files(open_table(lake, contract))}
    return tuple(sorted(date.fromisoformat(text) for text in found if text))


def read_columns(lake: Lake, contract: Contract, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a whole table; for tables that are small beside the events."""
    schema = {name: kind for name, kind in polars_schema(contract).items() if name in columns}
    filesystem, root = lake.open_files(contract.name)
    frames = [pl.DataFrame(schema=schema)]
    for file in live_files(open_table(lake, contract)):
        with filesystem.open_input_file(f"{root}/{file.path}") as stream:
            frames.append(pl.read_parquet(stream, columns=list(schema), hive_partitioning=False))
    return pl.concat(frames)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
