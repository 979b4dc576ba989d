"""Rows into a Delta table, exactly once: files first, unseen by anyone, then one commit that names its batch."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import StorageBusyError
from pipelines.lake.layout import DataFile, Lake, open_table

ATTEMPTS = 20
BATCH_VERSION = 1


def write_parts(lake: Lake, contract: Contract, frame: pl.DataFrame) -> tuple[DataFile, ...]:
    """Write rows as one Parquet file per partition; no reader sees them before they are committed."""
    ordered = frame.select(pl.col(name).cast(kind) for name, kind in polars_schema(contract).items())
    groups = ordered.partition_by(list(contract.partition_columns), as_dict=True, maintain_order=True)
    return tuple(_write_part(lake, contract, values, rows) for values, rows in groups.items())


def _write_part(lake: Lake, contract: Contract, values: tuple[object, ...], rows: pl.DataFrame) -> DataFile:
    partition = {name: str(value) for name, value in zip(contract.partition_columns, values, strict=True)}
    return write_file(lake, contract.name, partition, rows.drop(contract.partition_columns))


def write_file(lake: Lake, table: str, partition: Mapping[str, str | None], rows: pl.DataFrame) -> DataFile:
    """Write one Parquet file into its partition, without column statistics."""
    directory = "/".join(f"{name}={value}" for name, value in partition.items())
    path = f"{directory}/part-{uuid.uuid4()}.parquet"
    filesystem, root = lake.open_files(table)
    filesystem.create_dir(f"{root}/{directory}", recursive=True)
    with filesystem.open_output_stream(f"{root}/{path}") as stream:
        rows.write_parquet(stream, compression="zstd", compression_level=1, statistics=False)
    byte_count = filesystem.get_file_info(f"{root}/{path}").size
    return DataFile(path, rows.height, byte_count, partition)


def commit_parts(lake: Lake, contract: Contract, parts: Sequence[DataFile], batch: str) -> bool:
    """Make parts visible in one transaction named after its batch; False when that batch was committed before."""
    for attempt in range(ATTEMPTS):
        table = open_table(lake, contract)
        if table.transaction_version(batch) is not None:
            return False
        try:
            commit_actions(table, [add_action(part) for part in parts], batch)
        except CommitFailedError:
            time.sleep(0.05 * attempt)
        else:
            return True
    raise StorageBusyError(f"table {contract.name} changed {ATTEMPTS} times in a row", hint="run the step again")


def commit_actions(table: DeltaTable, actions: Sequence[AddAction | RemoveAction], batch: str | None) -> None:
    """One Delta commit of add and remove actions, optionally named after a batch."""
    transactions = [Transaction(batch, BATCH_VERSION, int(time.time() * 1000))] if batch else None
    table.create_write_transaction(
        list(actions),
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
        post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
    )


def discard_parts(lake: Lake, contract: Contract, parts: Sequence[DataFile]) -> None:
    """Remove files that were written but are not to be committed."""
    filesystem, root = lake.open_files(contract.name)
    for part in parts:
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
