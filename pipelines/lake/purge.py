"""What a rewrite leaves behind: old files, old versions of the log, and files that no version names."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow.fs

from pipelines.contracts.model import Contract
from pipelines.lake.layout import Lake, live_files, open_table, read_log

LOG_DIRECTORY = "_delta_log"
LONGEST_WRITE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Purge:
    """How many files were removed because the log had ended them, and how many because no version named them."""

    table: str
    ended_count: int
    orphan_count: int


def purge_table(lake: Lake, contract: Contract, *, orphan_age: float = LONGEST_WRITE_SECONDS) -> Purge:
    """Leave only the current version on disk: no ended files, no older log entries, no orphans over orphan_age seconds.

    The age spares files that a running ingest has written and not committed yet.
    """
    ended_count = read_log(contract.name, lambda: _forget_history(lake, contract))
    return Purge(contract.name, ended_count, _sweep_orphans(lake, contract, orphan_age))


def _forget_history(lake: Lake, contract: Contract) -> int:
    ended = open_table(lake, contract).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    open_table(lake, contract).create_checkpoint()
    open_table(lake, contract).cleanup_metadata()
    return len(ended)


def _sweep_orphans(lake: Lake, contract: Contract, orphan_age: float) -> int:
    filesystem, root = lake.open_files(contract.name)
    written_before = time.time() - orphan_age
    stored = filesystem.get_file_info(pyarrow.fs.FileSelector(root, recursive=True))
    old = [info.path for info in stored if _is_data(info) and _written_at(info) < written_before]
    # Only now: what is committed after the listing counts as live, so that nothing just committed is swept.
    live = {f"{root}/{file.path}" for file in live_files(open_table(lake, contract))}
    orphans = [path for path in old if path not in live]
    for path in orphans:
        filesystem.delete_file(path)
    return len(orphans)


def _is_data(info: pyarrow.fs.FileInfo) -> bool:
    return bool(info.type == pyarrow.fs.FileType.File and f"/{LOG_DIRECTORY}/" not in info.path)


def _written_at(info: pyarrow.fs.FileInfo) -> float:
    """A store that tells no time tells no age either, so its files stay."""
    return info.mtime.timestamp() if info.mtime else float("inf")
