"""Rows of the lake as they are stored, counted and compared by code that did not write them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.proof.delta_log import list_live_files

Wanted = Mapping[str, Collection[bytes]]  # pseudonyms by column
BATCH_ROWS = 65536


@dataclass(frozen=True, slots=True)
class OthersRows:
    """Everybody else's rows of a table: how many, and the sum of their hashes, the same in any order and any files."""

    row_count: int
    rows_hash: str


def count_rows(table: Path, wanted: Wanted) -> int:
    """How many rows hold one of these values in one of these columns."""
    return sum(mask_rows(batch, wanted).true_count for _, batch in read_batches(table, list(wanted)))


def count_values(table: Path, wanted: Wanted, attribute: str, value: str, event_date: str | None = None) -> int:
    """How many of those rows show a value, written as text, in another column, and were of a day when one is given."""
    count = 0
    for partition, batch in read_batches(table, [*wanted, attribute]):
        if event_date is not None and f"event_date={event_date}" not in partition.split("/"):
            continue
        own = batch.filter(mask_rows(batch, wanted)).column(attribute).to_pylist()
        count += sum(str(stored) == value for stored in own)
    return count


def hash_others(table: Path, wanted: Wanted) -> OthersRows:
    """All rows but those; with the partition that each lies in."""
    count = total = 0
    for partition, batch in read_batches(table, None):
        for row in batch.filter(pc.invert(mask_rows(batch, wanted))).to_pylist():
            count += 1
            total += int.from_bytes(hashlib.sha256(f"{partition}{describe_row(row)}".encode()).digest()[:8], "big")
    return OthersRows(count, f"{total % 2**64:016x}")


def describe_row(row: Mapping[str, Any]) -> str:
    """A column that came with a later version of a contract is null in older files, or not there at all."""
    return repr(sorted((name, value) for name, value in row.items() if value is not None))


def read_batches(table: Path, columns: list[str] | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of a table with the directories that each file lies in; a column that a file lacks is null."""
    for path in list_live_files(table):
        partition = str(path.parent.relative_to(table))
        with pq.ParquetFile(path) as reader:
            names = reader.schema_arrow.names
            present = None if columns is None else [name for name in columns if name in names]
            for batch in reader.iter_batches(BATCH_ROWS, columns=present):
                absent = [name for name in columns or () if name not in names]
                yield partition, add_nulls(batch, absent)


def add_nulls(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    for name in names:
        batch = batch.append_column(name, pa.nulls(batch.num_rows, pa.binary()))
    return batch


def mask_rows(batch: pa.RecordBatch, wanted: Wanted) -> pa.BooleanArray:
    mask = pa.array([False] * batch.num_rows, pa.bool_())
    for name, values in wanted.items():
        if name in batch.schema.names:
            column = batch.column(name)
            mask = pc.or_(mask, pc.is_in(column, value_set=pa.array(list(values), type=column.type)))
    return mask
