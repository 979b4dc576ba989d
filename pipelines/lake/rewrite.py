"""Subjects out of a Delta table: only files that hold them are rewritten, in one commit, all other rows equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from pipelines.contracts.model import Contract
from pipelines.errors import DeletionIncompleteError, TableChangingError
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
from pipelines.lake.layout import DataFile, Lake, live_files, open_batch, open_table, read_file, read_log
from pipelines.lake.search import NOBODY, Match, Search, bucket_of, open_search

T = TypeVar("T")
WORKERS = 2
ROWS_AT_ONCE = 250_000  # by each worker
Subjects = Mapping[str, Sequence[bytes]]  # pseudonyms by column
Requests = Mapping[str, Subjects]  # subjects by request id, all served in one pass


@dataclass(frozen=True, slots=True)
class TouchedFile:
    """A live file that holds rows of the subjects, and how many for each request."""

    file: DataFile
    hits: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What one commit does to a table: the rows and files of each request, and what survives in the touched files.

    number counts the commits of one plan on one table, from 1. survivor_hash is the sum of the survivors' row hashes,
    the same before and after.
    """

    table: str
    number: int
    row_counts: Mapping[str, int] = field(hash=False)
    file_counts: Mapping[str, int] = field(hash=False)
    survivor_count: int
    survivor_hash: str


def locate_subjects(lake: Lake, contract: Contract, requests: Requests) -> tuple[TouchedFile, ...]:
    """The live files that hold any row of the requests' subjects; each file's subject columns are read once."""
    removal = _Removal(lake, contract, open_search(contract, requests))
    return read_log(contract.name, lambda: removal.locate(open_table(lake, contract)))


def remove_subjects(  # noqa: PLR0913 - where, whose rows, under which name, and how it is told and searched
    lake: Lake,
    contract: Contract,
    requests: Requests,
    *,
    plan: str,
    announce: Callable[[Rewrite], None],
    commit: bool = True,
    trusts_buckets: bool = True,
) -> Rewrite | None:
    """Rewrite every file that holds the subjects without them, in one transaction; again when the table moved on.

    announce hears what a commit will do just before it does it, so that a crash in between loses no figure: the next
    attempt announces the same number again, and a later commit the next one. None when nobody is there to remove.
    commit: False for a rehearsal, whose new files are discarded where they would have been committed.
    trusts_buckets: False to search also where the partition says that the subjects cannot be.
    """
    removal = _Removal(lake, contract, open_search(contract, requests, trusts_buckets=trusts_buckets))

    def rewrite_once() -> Rewrite | None:
        table, version = open_batch(lake, contract, plan)
        touched = removal.locate(table)
        written = removal.write_survivors(touched)
        if not touched:
            return None
        require_stored(lake, contract, [new.file for new in written])
        rewrite = _describe(contract, version + 1, touched, written)
        announce(rewrite)
        if commit:
            commit_actions(table, _list_actions(touched, written), plan, rewrite.number)
        return rewrite

    try:
        return until_committed(rewrite_once, contract.name, hint="run the deletion again", conflicts=MOVED_OR_PURGED)
    except TableChangingError:  # after any other error a commit may stand, and hold the survivors' files
        removal.write_survivors(())
        raise
    finally:
        if not commit:
            removal.write_survivors(())


def count_rows(touched: Sequence[TouchedFile]) -> dict[str, int]:
    """The rows of each request."""
    counts = Counter[str]()
    for hit in touched:
        counts.update(hit.hits)
    return dict(counts)


def multiset_hash(rows: pl.DataFrame) -> int:
    """A number that is equal for equal rows in any order (sum of row hashes modulo 2**64); stable within a version."""
    return int(rows.hash_rows(seed=1).sum() or 0)


def hash_stored(lake: Lake, contract: Contract, file: DataFile, rows: pl.DataFrame) -> int | None:
    """The multiset hash of what a file holds; None when that is not, row for row, what it was written with."""
    stored = read_file(lake, contract, file.path)
    return multiset_hash(stored) if stored.schema == rows.schema and stored.equals(rows) else None


@dataclass(frozen=True, slots=True)
class _Survivors:
    """A new file of everybody else's rows, and their hash."""

    file: DataFile
    hash: int


@dataclass(frozen=True, slots=True)
class _Removal:
    """Everything read and written so far: files never change, so a table that moved on costs only its new ones."""

    lake: Lake
    contract: Contract
    search: Search
    matches: dict[str, Match] = field(default_factory=dict)
    survivors: dict[str, _Survivors | None] = field(default_factory=dict)

    def locate(self, table: DeltaTable) -> tuple[TouchedFile, ...]:
        """The files of a table's version that hold the subjects."""
        live = live_files(table)
        _share_out(self._search, _group_files([file for file in live if file.path not in self.matches]))
        found = ((file, self.matches[file.path].row_counts) for file in live)
        return tuple(TouchedFile(file, row_counts) for file, row_counts in found if row_counts)

    def write_survivors(self, touched: Sequence[TouchedFile]) -> list[_Survivors]:
        """One new file for each touched one, unless the subjects were all that it held; any others are discarded."""
        files = {hit.file.path: hit.file for hit in touched}
        for path in self.survivors.keys() - files.keys():
            gone = self.survivors.pop(path)
            discard_parts(self.lake, self.contract, [gone.file] if gone else [])
        unwritten = [file for path, file in files.items() if path not in self.survivors]
        _share_out(self._keep_survivors, [file for file in unwritten if file.row_count > ROWS_AT_ONCE], workers=1)
        _share_out(self._keep_survivors, [file for file in unwritten if file.row_count <= ROWS_AT_ONCE])
        return [new for new in self.survivors.values() if new]

    def _search(self, files: Sequence[DataFile]) -> None:
        """Only the columns that may hold a subject are read, and not even those in a bucket that holds none."""
        wanted, matches = self.search.narrow(files[0]), [NOBODY] * len(files)
        if wanted:
            columns = [read_file(self.lake, self.contract, file.path, list(wanted)) for file in files]
            matches = self.search.match(columns, wanted)
        self.matches.update(zip((file.path for file in files), matches, strict=True))

    def _keep_survivors(self, file: DataFile) -> None:
        """Noted file by file, so that what was written is known when another one fails."""
        positions = self.matches[file.path].positions
        kept = read_file(self.lake, self.contract, file.path).filter(~pl.int_range(pl.len()).is_in(positions.implode()))
        self.survivors[file.path] = _write_checked(self.lake, self.contract, file, kept) if kept.height else None


def _group_files(files: Sequence[DataFile]) -> list[list[DataFile]]:
    """Files of one bucket together, as many as memory may hold the subject columns of."""
    groups: list[list[DataFile]] = []
    for _, alike in groupby(sorted(files, key=bucket_of), bucket_of):
        row_count = ROWS_AT_ONCE
        for file in alike:
            if row_count + file.row_count > ROWS_AT_ONCE:
                groups.append([])
                row_count = 0
            groups[-1].append(file)
            row_count += file.row_count
    return groups


def _share_out(work: Callable[[T], None], items: Sequence[T], workers: int = WORKERS) -> None:
    """Some work on each item, several at once, in threads: what takes time in it is done by Polars."""
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass


def _write_checked(lake: Lake, contract: Contract, old: DataFile, kept: pl.DataFrame) -> _Survivors:
    """Write survivors and read them back: same schema, same multiset of rows, or the deletion stops."""
    new = write_file(lake, contract.name, old.partition, kept)
    stored_hash = hash_stored(lake, contract, new, kept)
    if stored_hash is None:
        discard_parts(lake, contract, [new])
        raise DeletionIncompleteError(
            f"a rewritten file of {contract.name} does not read back equal",
            hint="nothing was committed; check the disk and run the deletion again",
        )
    return _Survivors(new, stored_hash)


def _list_actions(touched: Sequence[TouchedFile], written: Sequence[_Survivors]) -> list[AddAction | RemoveAction]:
    return [*(add_action(new.file) for new in written), *(remove_action(hit.file) for hit in touched)]


def _describe(
    contract: Contract, number: int, touched: Sequence[TouchedFile], written: Sequence[_Survivors]
) -> Rewrite:
    return Rewrite(
        table=contract.name,
        number=number,
        row_counts=count_rows(touched),
        file_counts=dict(Counter(request for hit in touched for request in hit.hits)),
        survivor_count=sum(new.file.row_count for new in written),
        survivor_hash=f"{sum(new.hash for new in written) % 2**64:016x}",
    )
