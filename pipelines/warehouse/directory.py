"""The warehouse directory: which files may lie in it, who may write it, and what is swept from it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.errors import HomeUnwritableError, StorageBusyError

PUBLISHED_NAME, EXPORT_NAME, SPILL_NAME = "tokumei.duckdb", "parquet", "spill"
FileIdentity = tuple[int, int]


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Be the only builder or publisher in a warehouse directory, which is made when missing (mode 0700).

    StorageBusyError when another process is; the lock dies with its process, so what lies about under it is dead.
    """
    descriptor = _open_directory(directory)
    try:
        _acquire_lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def spill_directory(directory: Path) -> Iterator[Path]:
    """An empty directory (mode 0700) for what DuckDB spills, gone afterwards.

    Spilled rows hold pseudonyms, so what a killed build left behind is wiped before anything new is written.
    """
    spill = directory / SPILL_NAME
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(mode=0o700)
    try:
        yield spill
    finally:
        shutil.rmtree(spill)


def identify_file(path: Path) -> FileIdentity | None:
    """What tells one published file from the next: inode and modification time; None when there is no file."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def name_building(directory: Path) -> Path:
    """Where a file is written that may be published later."""
    return directory / f"{PUBLISHED_NAME}.{secrets.token_hex(8)}.building"


def name_export(directory: Path) -> Path:
    """Where the Parquet files are written that are published with a file."""
    return directory / f"{EXPORT_NAME}.{secrets.token_hex(8)}.building"


@contextmanager
def discard_on_failure(building: Path) -> Iterator[None]:
    """Leave no unfinished database file, nor its write-ahead log, when the work on it fails."""
    try:
        yield
    except BaseException:
        discard_buildings(building.parent, building.name)
        raise


def discard_buildings(directory: Path, name: str = f"{PUBLISHED_NAME}.*.building") -> None:
    """Remove the unpublished files of a warehouse directory, or the one named, with their write-ahead logs."""
    for leftover in (*directory.glob(name), *directory.glob(f"{name}.wal")):
        leftover.unlink()


def discard_exports(directory: Path) -> None:
    """Remove the Parquet files of publications that were killed before these could take their place."""
    for leftover in directory.glob(f"{EXPORT_NAME}.*.building"):
        shutil.rmtree(leftover, ignore_errors=True)


def sweep_dead_builds(directory: Path) -> None:
    """Remove what killed builds left, also when nothing has to be built; while a build runs, that is its own affair."""
    with suppress(StorageBusyError), lock_directory(directory):
        discard_buildings(directory)
        discard_exports(directory)
        shutil.rmtree(directory / SPILL_NAME, ignore_errors=True)


def sync_to_disk(path: Path) -> None:
    """Have a file, or a directory's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_directory(directory: Path) -> int:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise HomeUnwritableError(
            f"{directory} cannot be written ({error.strerror})", hint="point TOKUMEI_HOME at a directory that you own"
        ) from None


def _acquire_lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageBusyError(
            f"another build or publication is running in {directory}", hint="try again when it has ended"
        ) from None
