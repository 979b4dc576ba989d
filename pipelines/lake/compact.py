"""Many small files of one partition into few large ones, row for row, so that readers and rewrites open fewer.

Every merge is one Add/Remove commit like a rewrite's, and a data change: of a merge and a rewrite of the same file, one
gives way and reads again. A merge that claimed to change no data would let a late rewrite bring removed rows back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from pipelines.contracts.model import Contract
from pipelines.errors import DataQualityError
from pipelines.lake.append import (
    MOVED_OR_PURGED,
    add_action,
    commit_actions,
    discard_parts,
    remove_action,
    require_stored,
    until_committed,
    write_file,
)
from pipelines.lake.layout import DataFile, Lake, live_files, open_batch, read_file
from pipelines.lake.rewrite import hash_stored

COMPACTION = "compaction"


@dataclass(frozen=True, slots=True)
class Aim:
    """Which files are merged, and into how large ones.

    before: only partitions of earlier days. few_files: how many small files in a partition are not worth it.
    most_rows: of one merged file, since memory holds it whole. spared: paths left alone, say because a plan names them.
    """

    before: date
    target_bytes: int
    few_files: int = 8
    most_rows: int = 500_000
    spared: Collection[str] = ()

    def is_small(self, file: DataFile) -> bool:
        """Less than half of what one may be, so that two always make one."""
        return file.byte_count < self.target_bytes / 2 and file.row_count < self.most_rows / 2


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many files of one table were merged, and into how many."""

    table: str
    merged_count: int
    written_count: int


def compact_table(lake: Lake, contract: Contract, aim: Aim) -> Compaction:
    """Merge the small files of past days, with a commit for each merged file, until no partition has many.

    Repeating it changes nothing. StorageBusyError when the table changes again and again, DataQualityError when a
    merged file does not read back.
    """

    def merge_once() -> list[DataFile]:
        table, number = open_batch(lake, contract, COMPACTION)
        group = _find_group(contract, table, aim)
        if group:
            _merge(lake, contract, table, group, number + 1)
        return group

    merged = written = 0
    while group := until_committed(merge_once, contract.name, hint="run retain again", conflicts=MOVED_OR_PURGED):
        merged, written = merged + len(group), written + 1
    return Compaction(contract.name, merged, written)


def _find_group(contract: Contract, table: DeltaTable, aim: Aim) -> list[DataFile]:
    """Files of one partition to be merged; empty when no partition has many."""
    partitions = defaultdict[tuple[str | None, ...], list[DataFile]](list)
    for file in live_files(table):
        is_past = (file.partition[contract.retention_column] or "") < aim.before.isoformat()
        if is_past and aim.is_small(file) and file.path not in aim.spared:
            partitions[tuple(file.partition.values())].append(file)
    crowded = (files for files in partitions.values() if len(files) > aim.few_files)
    return next((_take_smallest(files, aim) for files in crowded), [])


def _take_smallest(files: Iterable[DataFile], aim: Aim) -> list[DataFile]:
    """As many as one merged file may hold."""
    taken: list[DataFile] = []
    byte_count = row_count = 0
    for file in sorted(files, key=lambda file: file.byte_count):
        if byte_count >= aim.target_bytes or row_count + file.row_count > aim.most_rows:
            break
        taken.append(file)
        byte_count, row_count = byte_count + file.byte_count, row_count + file.row_count
    return taken


def _merge(lake: Lake, contract: Contract, table: DeltaTable, group: Sequence[DataFile], number: int) -> None:
    """Write one file of the group's rows and put it in their place; it is discarded when the table moved on."""
    rows = pl.concat(read_file(lake, contract, file.path) for file in group)
    new = write_file(lake, contract.name, group[0].partition, rows)
    try:
        _require_equal(lake, contract, new, rows)
        require_stored(lake, contract, [new])
        commit_actions(table, [add_action(new), *map(remove_action, group)], COMPACTION, number)
    except (CommitFailedError, DataQualityError):
        discard_parts(lake, contract, [new])
        raise


def _require_equal(lake: Lake, contract: Contract, new: DataFile, rows: pl.DataFrame) -> None:
    if hash_stored(lake, contract, new, rows) is None:
        raise DataQualityError(
            f"a merged file of {contract.name} does not read back equal",
            hint="nothing was committed; check the disk, then run retain again",
        )
