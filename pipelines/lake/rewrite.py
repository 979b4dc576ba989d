"""Subjects out of a Delta table: only the files that hold them are rewritten, in one commit, everyone else's rows equal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from pipelines.contracts.model import Contract
from pipelines.errors import DeletionIncompleteError, StorageBusyError
from pipelines.lake.append import ATTEMPTS, add_action, commit_actions, discard_parts, remove_action, write_file
from pipelines.lake.layout import DataFile, Lake, live_files, open_table

Subjects = Mapping[str, Sequence[bytes]]  # pseudonyms by column
Requests = Mapping[str, Subjects]  # subjects by request id, all served in one pass


@dataclass(frozen=True, slots=True)
class TouchedFile:
    """A live file that holds rows of the subjects, and how many for each request."""

    file: DataFile
    hits: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What one rewrite did. The survivor hashes are equal sums over all other rows of the touched files."""

    table: str
    file_count: int
    row_count: int
    survivor_count: int
    survivor_hash: str
    event_dates: tuple[str, ...] = field(default=())


def locate_subjects(lake: Lake, contract: Contract, requests: Requests) -> tuple[TouchedFile, ...]:
    """The live files that hold any row of the requests' subjects; each file's subject columns are read once."""
    return _locate(lake, contract, open_table(lake, contract), requests)


def remove_subjects(lake: Lake, contract: Contract, requests: Requests) -> Rewrite:
    """Rewrite every file that holds the subjects without them, in one transaction; again when the table moved on."""
    for attempt in range(ATTEMPTS):
        table = open_table(lake, contract)
        touched = _locate(lake, contract, table, requests)
        if not touched:
            return Rewrite(contract.name, 0, 0, 0, _hash_text(0))
        written, outcome = _rewrite_files(lake, contract, touched, requests)
        actions = [*(add_action(file) for file in written), *(remove_action(hit.file) for hit in touched)]
        try:
            commit_actions(table, actions, batch=None)
        except CommitFailedError:
            discard_parts(lake, contract, written)
            time.sleep(0.05 * attempt)
        else:
            return outcome
    raise StorageBusyError(f"table {contract.name} changed {ATTEMPTS} times in a row", hint="run the deletion again")


def _locate(lake: Lake, contract: Contract, table: DeltaTable, requests: Requests) -> tuple[TouchedFile, ...]:
    columns = sorted({name for subjects in requests.values() for name in subjects})
    counts = [_is_subject(subjects).sum().alias(request) for request, subjects in requests.items()]
    filesystem, root = lake.open_files(contract.name)
    touched = []
    for file in live_files(table):
        with filesystem.open_input_file(f"{root}/{file.path}") as stream:
            rows = pl.read_parquet(stream, columns=columns, hive_partitioning=False)
        hits = {request: count for request, count in rows.select(counts).row(0, named=True).items() if count}
        if hits:
            touched.append(TouchedFile(file, hits))
    return tuple(touched)


def _rewrite_files(
    lake: Lake, contract: Contract, touched: Sequence[TouchedFile], requests: Requests
) -> tuple[list[DataFile], Rewrite]:
    filesystem, root = lake.open_files(contract.name)
    is_anyone = pl.any_horizontal([_is_subject(subjects) for subjects in requests.values()])
    written: list[DataFile] = []
    removed = survivors = total = 0
    for hit in touched:
        with filesystem.open_input_file(f"{root}/{hit.file.path}") as stream:
            rows = pl.read_parquet(stream, hive_partitioning=False)
        kept = rows.filter(~is_anyone)
        removed += rows.height - kept.height
        survivors += kept.height
        total += multiset_hash(kept)
        if kept.height:
            written.append(_write_checked(lake, contract, hit.file, kept))
    dates = {str(hit.file.partition[contract.partition_columns[0]]) for hit in touched}
    return written, Rewrite(contract.name, len(touched), removed, survivors, _hash_text(total), tuple(sorted(dates)))


def _write_checked(lake: Lake, contract: Contract, old: DataFile, kept: pl.DataFrame) -> DataFile:
    """Write survivors and read them back: same schema, same multiset of rows, or the deletion stops."""
    new = write_file(lake, contract.name, old.partition, kept)
    filesystem, root = lake.open_files(contract.name)
    with filesystem.open_input_file(f"{root}/{new.path}") as stream:
        stored = pl.read_parquet(stream, hive_partitioning=False)
    if stored.schema != kept.schema or multiset_hash(stored) != multiset_hash(kept):
        discard_parts(lake, contract, [new])
        raise DeletionIncompleteError(
            f"a rewritten file of {contract.name} does not read back equal",
            hint="nothing was committed; check the disk and run the deletion again",
        )
    return new


def multiset_hash(rows: pl.DataFrame) -> int:
    """A number that is equal for equal rows in any order (sum of row hashes modulo 2**64); stable within a version."""
    return int(rows.hash_rows(seed=1).sum() or 0)


def _is_subject(subjects: Subjects) -> pl.Expr:
    members = [pl.col(name).is_in(list(values)).fill_null(value=False) for name, values in subjects.items() if values]
    return pl.any_horizontal(members) if members else pl.lit(value=False)


def _hash_text(total: int) -> str:
    return f"{total % 2**64:016x}"
