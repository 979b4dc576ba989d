"""Locks of the ledger, each by its name: a file beside SQLite's, an advisory lock in PostgreSQL."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pipelines.errors import StorageBusyError

LOOK_SECONDS = 0.2


@contextmanager
def hold_lock(engine: sa.Engine, name: str, wait_seconds: float, *, busy: str) -> Iterator[None]:
    """Keep everybody else out of what goes by this name until this block ends, or its process; not to be entered twice.

    busy: what StorageBusyError says when somebody else is still in there after wait_seconds.
    """
    open_lock = _open_file if engine.dialect.name == "sqlite" else _open_session
    with open_lock(engine, name) as try_lock:
        deadline = time.monotonic() + wait_seconds
        while not try_lock():
            if time.monotonic() >= deadline:
                raise StorageBusyError(busy, hint="nothing was changed; run this again when that one is done")
            time.sleep(LOOK_SECONDS)
        yield


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


@contextmanager
def _open_file(engine: sa.Engine, name: str) -> Iterator[Callable[[], bool]]:
    with open_lock_file(engine, name) as handle:

        def try_lock() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock


@contextmanager
def _open_session(engine: sa.Engine, name: str) -> Iterator[Callable[[], bool]]:
    """A session of PostgreSQL for nothing else: no transaction stays open for hours, and its end frees the lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed at the end, where the pool would keep it, and the lock with it
        query = sa.select(sa.func.pg_try_advisory_lock(number_lock(name)))
        yield lambda: bool(connection.execute(query).scalar_one())
