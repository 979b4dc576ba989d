"""Where each Delta table lies, how it is created from its contract, and which files hold it now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import polars as pl
import pyarrow.fs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError, StorageBusyError
from pipelines.lake.evolution import add_new_columns, delta_schema

T = TypeVar("T")
READ_ATTEMPTS = 20

# No column statistics in the log, and nothing in it older than its last checkpoint: pseudonyms must be erasable.
TABLE_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.logRetentionDuration": "interval 0 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}


@dataclass(frozen=True, slots=True)
class Lake:
    """The place of all Delta tables: an absolute local path or an object-store URI, with its credentials."""

    uri: str
    storage_options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def directory(self) -> Path | None:
        """Where a lake on this machine lies; None for one in an object store."""
        return None if "://" in self.uri else Path(self.uri)

    def table_uri(self, table: str) -> str:
        return f"{self.uri.rstrip('/')}/{table}"

    def open_files(self, table: str) -> tuple[pyarrow.fs.FileSystem, str]:
        """The file system of a table, and the table's root in it."""
        return open_files(self.table_uri(table))


@dataclass(frozen=True, slots=True)
class DataFile:
    """One live file of a table: its path within the table, rows, bytes and partition values."""

    path: str
    row_count: int
    byte_count: int
    partition: Mapping[str, str | None] = field(hash=False)


def open_lake(uri: str, storage_options: Mapping[str, str] | None = None) -> Lake:
    """The lake at a URI; a local one may be given as a path, relative or not, or as file://."""
    if uri.startswith("file://"):
        uri = unquote(urlsplit(uri).path)
    return Lake(uri if "://" in uri else str(Path(uri).absolute()), storage_options or {})


def open_files(uri: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The file system behind a URI or absolute path, and the path in it."""
    filesystem, root = pyarrow.fs.FileSystem.from_uri(uri)
    return filesystem, root


def list_entries(lake: Lake) -> tuple[str, ...]:
    """Every name directly below the lake, each of which should be a table."""
    filesystem, root = open_files(lake.uri)
    entries = filesystem.get_file_info(pyarrow.fs.FileSelector(root, allow_not_found=True))
    return tuple(sorted(entry.base_name for entry in entries))


def open_table(lake: Lake, contract: Contract) -> DeltaTable:
    """The Delta table of a contract, created empty when it does not exist yet, with the columns it gained since.

    ConfigurationError when the contract changed in a way that stored rows cannot follow.
    """
    return read_log(contract.name, lambda: _open_or_create(lake, contract))


def open_batch(lake: Lake, contract: Contract, batch: str) -> tuple[DeltaTable, int]:
    """The table, and the version at which a batch stands in it: 0 when it was never committed.

    Both at once, for the log that tells the version may be gone the moment after.
    """

    def read() -> tuple[DeltaTable, int]:
        table = _open_or_create(lake, contract)
        return table, table.transaction_version(batch) or 0

    return read_log(contract.name, read)


def read_log(table: str, read: Callable[[], T]) -> T:
    """Read from a log, again when a purge took away what was being read; StorageBusyError when it stays away."""
    for attempt in range(READ_ATTEMPTS):
        try:
            return read()
        except (DeltaError, FileNotFoundError):
            time.sleep(0.02 * attempt)
    raise StorageBusyError(
        f"the log of table {table} cannot be read",
        hint="run the step again; if this stays, restore the table from its backup",
    )


def _open_or_create(lake: Lake, contract: Contract) -> DeltaTable:
    table = find_table(lake, contract)
    if table is None:
        table = DeltaTable.create(
            lake.table_uri(contract.name),
            schema=delta_schema(contract),
            mode="ignore",
            partition_by=list(contract.partition_columns),
            configuration=TABLE_CONFIGURATION,
            storage_options=dict(lake.storage_options),
        )
    add_new_columns(table, contract)
    return table


def find_table(lake: Lake, contract: Contract) -> DeltaTable | None:
    """The Delta table of a contract as it lies there, under whichever version of the contract; None without one."""
    try:
        return DeltaTable(lake.table_uri(contract.name), storage_options=dict(lake.storage_options))
    except TableNotFoundError:
        return None


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
    return pl.concat([pl.DataFrame(schema=schema), *read_files(lake, contract, list(schema))])


def read_files(lake: Lake, contract: Contract, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some stored columns of a table, file by file, so that memory holds one file at a time."""
    for file in live_files(open_table(lake, contract)):
        yield read_file(lake, contract, file.path, columns)


def read_file(lake: Lake, contract: Contract, path: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of one file of a table, without the columns that its partition directories name.

    A column that came with a later version of the contract than the file is null. ConfigurationError when the file
    holds what the contract does not declare.
    """
    stored = {name: kind for name, kind in polars_schema(contract).items() if name not in contract.partition_columns}
    try:
        return pl.read_parquet(
            f"{lake.table_uri(contract.name)}/{path}",
            columns=None if columns is None else list(columns),
            schema=stored,
            missing_columns="insert",
            glob=False,
            hive_partitioning=False,
            storage_options=dict(lake.storage_options) or None,
        )
    except pl.exceptions.SchemaError:
        raise ConfigurationError(
            f"a file of table {contract.name} holds a column that its contract does not declare, or as another type",
            hint="declare it as it was when the file was written",
        ) from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
