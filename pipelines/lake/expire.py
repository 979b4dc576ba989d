"""Whole partitions out of a Delta table once their date is too old to be held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.contracts.model import Contract
from pipelines.lake.append import commit_actions, remove_action, until_committed
from pipelines.lake.layout import DataFile, Lake, live_files, open_batch

RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Expiry:
    """How much of one table had reached its age."""

    table: str
    file_count: int
    row_count: int


def expire_rows(lake: Lake, contract: Contract, oldest: date) -> Expiry:
    """End every partition dated before oldest, in one commit; its files stay on disk until the table is purged."""

    def expire_once() -> Expiry:
        table, number = open_batch(lake, contract, RETENTION)
        old = [file for file in live_files(table) if _date_of(file, contract) < oldest.isoformat()]
        if old:
            commit_actions(table, [remove_action(file) for file in old], RETENTION, number + 1)
        return Expiry(contract.name, len(old), sum(file.row_count for file in old))

    return until_committed(expire_once, contract.name, hint="run retain again")


def _date_of(file: DataFile, contract: Contract) -> str:
    """The partition's date as ISO text, which sorts like the date."""
    return file.partition[contract.retention_column] or ""
