"""What locks of the ledger are made of: a file beside SQLite's, a number in PostgreSQL."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def open_lock_file(engine: sa.Engine, name: str) -> Iterator[int]:
    """The descriptor of a file to lock, since SQLite's own lock would also keep out whoever only reads."""
    handle = os.open(f"{engine.url.database}-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def number_lock(name: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(hashlib.sha256(f"tokumei {name}".encode()).digest()[:8], "big", signed=True)
