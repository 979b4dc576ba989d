"""Rows into a Delta table, exactly once: files first, unseen by anyone, then one commit that names its batch."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, TypeVar, cast

import polars as pl
import pyarrow.fs
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import StorageBusyError, TableChangingError
from pipelines.lake.layout import DataFile, Lake, open_batch, read_log

T = TypeVar("T")
Conflicts = tuple[type[Exception], ...]
MOVED_OR_PURGED: Conflicts = (CommitFailedError, FileNotFoundError)  # for attempts that read files someone may end
ATTEMPTS = 20
BATCH_VERSION = 1


def write_parts(lake: Lake, contract: Contract, frame: pl.DataFrame) -> tuple[DataFile, ...]:
    """Write rows as one Parquet file per partition; no reader sees them before they are committed."""
    ordered = frame.select(pl.col(name).cast(kind) for name, kind in polars_schema(contract).items())
    partitions = ordered.select(contract.partition_columns).unique(maintain_order=True)
    return tuple(_write_part(lake, contract, partition, ordered) for partition in partitions.iter_rows(named=True))


def _write_part(lake: Lake, contract: Contract, partition: Mapping[str, object], rows: pl.DataFrame) -> DataFile:
    """Only one partition's rows are copied at a time: a second copy of them all would be the peak of the memory."""
    is_within = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(value)) for name, value in partition.items())
    named = {name: str(value) for name, value in partition.items()}
    return write_file(lake, contract.name, named, rows.filter(is_within).drop(contract.partition_columns))


def write_file(lake: Lake, table: str, partition: Mapping[str, str | None], rows: pl.DataFrame) -> DataFile:
    """Write one Parquet file into its partition, without column statistics."""
    directory = "/".join(f"{name}={value}" for name, value in partition.items())
    path = f"{directory}/part-{uuid.uuid4()}.parquet"
    filesystem, root = lake.open_files(table)
    filesystem.create_dir(f"{root}/{directory}", recursive=True)
    with filesystem.open_output_stream(f"{root}/{path}") as stream:
        rows.write_parquet(cast("IO[bytes]", stream), compression="zstd", compression_level=1, statistics=False)
    byte_count = filesystem.get_file_info(f"{root}/{path}").size
    return DataFile(path, rows.height, byte_count, partition)


def commit_parts(lake: Lake, contract: Contract, parts: Sequence[DataFile], batch: str) -> bool:
    """Make parts visible in one transaction named after its batch; False when that batch was committed before.

    StorageBusyError when a part is gone, or when the table changes again and again; nothing is then committed.
    """
    require_stored(lake, contract, parts)

    def commit_once() -> bool:
        table, version = open_batch(lake, contract, batch)
        if version:
            return False
        commit_actions(table, [add_action(part) for part in parts], batch)
        return True

    return until_committed(commit_once, contract.name, hint="run the step again")


def require_stored(lake: Lake, contract: Contract, parts: Sequence[DataFile]) -> None:
    """StorageBusyError when a purge swept parts that waited for too long: committed, they would break the table."""
    filesystem, root = lake.open_files(contract.name)
    found = filesystem.get_file_info([f"{root}/{part.path}" for part in parts])
    if any(info.type != pyarrow.fs.FileType.File for info in found):
        raise StorageBusyError(
            f"parts of {contract.name} were swept before they were committed", hint="run the step again"
        )


def until_committed(
    attempt: Callable[[], T], table: str, *, hint: str, conflicts: Conflicts = (CommitFailedError,)
) -> T:
    """What the first attempt that meets no conflict returns; each opens the table anew, and makes one commit at most.

    conflicts: the errors by which an attempt tells that the table moved on. TableChangingError when every attempt did.
    """
    for number in range(ATTEMPTS):
        try:
            return attempt()
        except conflicts:
            time.sleep(0.05 * number)
    raise TableChangingError(f"table {table} changed {ATTEMPTS} times in a row", hint=hint)


def commit_actions(
    table: DeltaTable, actions: Sequence[AddAction | RemoveAction], batch: str, version: int = BATCH_VERSION
) -> None:
    """One Delta commit on the table as it was opened, which leaves the batch at this version.

    CommitFailedError when the table moved on meanwhile: whether the actions still fit is for the caller to see.
    """
    opened_version = table.version()
    try:
        table.create_write_transaction(
            list(actions),
            mode="append",
            schema=table.schema(),
            partition_by=table.metadata().partition_columns,
            commit_properties=_name_batch(batch, version),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )
    except DeltaError:
        # A purge may take the log away at any moment: then neither success nor failure is what the error says.
        if _find_version(table, batch) == version:
            return
        if table.version() == opened_version:
            raise
        raise CommitFailedError("the table moved on") from None


def _find_version(table: DeltaTable, batch: str) -> int | None:
    """Where a batch stands in the table as it is now, which the table then is."""

    def read() -> int | None:
        table.update_incremental()
        return table.transaction_version(batch)

    return read_log(table.table_uri.rpartition("/")[2], read)


def _name_batch(batch: str, version: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(batch, version, _now())], max_commit_retries=0)


def discard_parts(lake: Lake, contract: Contract, parts: Sequence[DataFile]) -> None:
    """Remove files that were written but are not to be committed; one that is gone already is no matter."""
    filesystem, root = lake.open_files(contract.name)
    for part in parts:
        with suppress(FileNotFoundError):
            filesystem.delete_file(f"{root}/{part.path}")


def add_action(file: DataFile) -> AddAction:
    """The Delta action that makes a file live; its only statistic is the row count."""
    statistics = json.dumps({"numRecords": file.row_count})
    return AddAction(file.path, file.byte_count, dict(file.partition), _now(), True, statistics)  # noqa: FBT003


def remove_action(file: DataFile) -> RemoveAction:
    """The Delta action that ends a file; as a data change, so that concurrent rewrites conflict."""
    return RemoveAction(file.path, True, _now(), file.byte_count, dict(file.partition))  # noqa: FBT003


def _now() -> int:
    return int(time.time() * 1000)
