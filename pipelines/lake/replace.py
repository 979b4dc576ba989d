"""Small tables changed as a whole: rows changed in place, or every row taken out, in one commit each."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from pipelines.contracts.model import Contract
from pipelines.lake.append import (
    add_action,
    commit_actions,
    discard_parts,
    remove_action,
    require_stored,
    until_committed,
    write_file,
)
from pipelines.lake.layout import DataFile, Lake, live_files, open_batch, open_table, read_file
from pipelines.lake.rewrite import Rewrite

EVERYBODY = "everybody"  # stands where a request id does, for rows that are taken out whoever they are of
NO_SURVIVORS = f"{0:016x}"


def replace_rows(lake: Lake, contract: Contract, change: Callable[[pl.DataFrame], pl.DataFrame], *, batch: str) -> int:
    """Replace every file that a change touches, in one commit; returns how many there were.

    change: given a file's rows without its partition's columns, the rows that take their place. It is asked again when
    the table moved on, and must leave what it has changed as it is.
    """

    def replace_once() -> int:
        table, number = open_batch(lake, contract, batch)
        replaced = _write_changed(lake, contract, table, change)
        written = [new for _, new in replaced if new]
        if not replaced:
            return 0
        require_stored(lake, contract, written)
        actions: list[AddAction | RemoveAction] = [
            *map(add_action, written),
            *(remove_action(old) for old, _ in replaced),
        ]
        try:
            commit_actions(table, actions, batch, number + 1)
        except CommitFailedError:
            discard_parts(lake, contract, written)
            raise
        return len(replaced)

    return until_committed(replace_once, contract.name, hint="run the step again")


def empty_table(lake: Lake, contract: Contract, *, plan: str, announce: Callable[[Rewrite], None]) -> Rewrite | None:
    """Take every row out of a table, in one commit; announce hears of it just before, as `remove_subjects` tells it.

    None when there is no row. The files stay on disk until the table is purged.
    """

    def empty_once() -> Rewrite | None:
        table, number = open_batch(lake, contract, plan)
        files = live_files(table)
        if not files:
            return None
        rows = sum(file.row_count for file in files)
        counts = ({EVERYBODY: rows}, {EVERYBODY: len(files)})
        rewrite = Rewrite(contract.name, number + 1, *counts, survivor_count=0, survivor_hash=NO_SURVIVORS)
        announce(rewrite)
        commit_actions(table, [remove_action(file) for file in files], plan, rewrite.number)
        return rewrite

    return until_committed(empty_once, contract.name, hint="run the deletion again")


def count_stored(lake: Lake, contract: Contract) -> tuple[int, int]:
    """How many rows and files a table holds now."""
    files = live_files(open_table(lake, contract))
    return sum(file.row_count for file in files), len(files)


def _write_changed(
    lake: Lake, contract: Contract, table: DeltaTable, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> list[tuple[DataFile, DataFile | None]]:
    """Each live file that changes, with the one that takes its place, none when no row is left."""
    replaced = []
    for file in live_files(table):
        rows = read_file(lake, contract, file.path)
        changed = change(rows)
        if not changed.equals(rows):
            new = write_file(lake, contract.name, file.partition, changed) if changed.height else None
            replaced.append((file, new))
    return replaced
