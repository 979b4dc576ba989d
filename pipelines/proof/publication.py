"""How certificates reach their directory: one issuer at a time, each file whole or not there at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import HomeUnwritableError

LEFTOVER = ".tmp"


@contextmanager
def lock(directory: Path) -> Iterator[BinaryIO]:
    """Hold the directory against every other process, making it if need be; gives the file that notes are kept in.

    Removes what an issuer that died left behind. Raises HomeUnwritableError when the directory cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(directory, error) from None
    with os.fdopen(descriptor, "r+b", buffering=0) as notebook:
        fcntl.flock(notebook, fcntl.LOCK_EX)
        for leftover in directory.glob(f".*{LEFTOVER}"):
            leftover.unlink()
        yield notebook


def read_note(notebook: BinaryIO) -> str:
    notebook.seek(0)
    return notebook.read().decode("utf-8", "replace")


def note(notebook: BinaryIO, text: str) -> None:
    """Replace the note, durably: it must never be older than the file that it names."""
    notebook.seek(0)
    notebook.truncate()
    notebook.write(text.encode())
    os.fsync(notebook)


def write_atomically(path: Path, content: bytes) -> Path:
    """Make `path` hold the content, mode 0600, in one durable step; raises HomeUnwritableError and changes nothing."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=LEFTOVER)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file)
        Path(temporary).replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from None
    return path


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(directory: Path, error: OSError) -> HomeUnwritableError:
    what = f"certificates cannot be written to {directory}: {(error.strerror or type(error).__name__).lower()}"
    return HomeUnwritableError(what, hint="make it a directory that this user may write, with free space")
