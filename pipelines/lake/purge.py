"""What a rewrite leaves behind: old files, old versions of the log, and files that no version names."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow.fs

from pipelines.contracts.model import Contract
from pipelines.lake.layout import Lake, live_files, open_table

LOG_DIRECTORY = "_delta_log"
LONGEST_WRITE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Purge:
    """How many files were removed because the log had ended them, and how many because no version named them."""

    table: str
    ended_count: int
    orphan_count: int


def purge_table(lake: Lake, contract: Contract, *, orphan_age: float = LONGEST_WRITE_SECONDS) -> Purge:
    """Leave only the current version on disk: ended files, older log entries, and orphans older than orphan_age seconds.

    The age spares files that a running ingest has written and not committed yet.
    """
    table = open_table(lake, contract)
    ended = table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table = open_table(lake, contract)
    table.create_checkpoint()
    open_table(lake, contract).cleanup_metadata()
    return Purge(contract.name, len(ended), _sweep(lake, contract, orphan_age))


def _sweep(lake: Lake, contract: Contract, orphan_age: float) -> int:
    filesystem, root = lake.open_files(contract.name)
    live = {f"{root}/{file.path}" for file in live_files(open_table(lake, contract))}
    oldest_kept = time.time() - orphan_age
    orphans = [
        info.path
        for info in filesystem.get_file_info(pyarrow.fs.FileSelector(root, recursive=True))
        if info.type == pyarrow.fs.FileType.File
        and f"/{LOG_DIRECTORY}/" not in info.path
        and info.path not in live
        and info.mtime.timestamp() < oldest_kept
    ]
    for path in orphans:
        filesystem.delete_file(path)
    return len(orphans)
