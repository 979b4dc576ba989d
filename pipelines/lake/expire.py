"""Whole partitions out of a Delta table once their date is too old to be held."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date

from deltalake.exceptions import CommitFailedError

from pipelines.contracts.model import Contract
from pipelines.errors import StorageBusyError
from pipelines.lake.append import ATTEMPTS, commit_actions, remove_action
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
    for attempt in range(ATTEMPTS):
        table, number = open_batch(lake, contract, RETENTION)
        old = [file for file in live_files(table) if _date_of(file, contract) < oldest.isoformat()]
        if not old:
            return Expiry(contract.name, 0, 0)
        try:
            commit_actions(table, [remove_action(file) for file in old], RETENTION, number + 1)
        except CommitFailedError:
            time.sleep(0.05 * attempt)
        else:
            return Expiry(contract.name, len(old), sum(file.row_count for file in old))
    raise StorageBusyError(f"table {contract.name} changed {ATTEMPTS} times in a row", hint="run retain again")


def _date_of(file: DataFile, contract: Contract) -> str:
    """The partition's date as ISO text, which sorts like the date."""
    return file.partition[contract.retention_column] or ""
