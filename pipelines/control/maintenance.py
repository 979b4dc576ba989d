"""One run at a time that rewrites what tables hold already: deletions, merges and retention never interleave.

Ingestion takes no part: it only adds, and each of these runs lets it.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pipelines.control.locks import number_lock, open_lock_file
from pipelines.errors import StorageBusyError

WAIT_SECONDS = 900.0
LOOK_SECONDS = 0.2
NAME = "maintenance"


@contextmanager
def hold_maintenance(engine: sa.Engine, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep every other such run out until this block ends, or its process; not to be entered twice.

    StorageBusyError when another one is still under way after wait_seconds.
    """
    open_lock = _open_file if engine.dialect.name == "sqlite" else _open_session
    with open_lock(engine) as try_lock:
        deadline = time.monotonic() + wait_seconds
        while not try_lock():
            if time.monotonic() >= deadline:
                raise StorageBusyError(
                    f"another deletion or retention run did not end within {wait_seconds:.0f} seconds",
                    hint="nothing was changed; run this again when that one is done",
                )
            time.sleep(LOOK_SECONDS)
        yield


@contextmanager
def _open_file(engine: sa.Engine) -> Iterator[Callable[[], bool]]:
    with open_lock_file(engine, NAME) as handle:

        def try_lock() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock


@contextmanager
def _open_session(engine: sa.Engine) -> Iterator[Callable[[], bool]]:
    """A session of PostgreSQL for nothing else: no transaction stays open for hours, and its end frees the lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed at the end, where the pool would keep it, and the lock with it
        query = sa.select(sa.func.pg_try_advisory_lock(number_lock(NAME)))
        yield lambda: bool(connection.execute(query).scalar_one())
