"""A page on disk: whole or not there at all, for its owner's eyes only."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pipelines.errors import HomeUnwritableError

LEFTOVER = ".tmp"


def release_page(page: str, path: Path) -> Path:
    """Put a page at path, mode 0600, in one durable step; HomeUnwritableError, and nothing changes, when that fails."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, page.encode())
    except OSError as error:
        raise HomeUnwritableError(
            f"the report cannot be written to {path.parent} ({error.strerror or type(error).__name__})",
            hint="make it a directory that this user may write, with free space",
        ) from None
    return path


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=LEFTOVER)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
