"""One run at a time that rewrites what tables hold already: deletions, merges and retention never interleave.

Ingestion takes no part: it only adds, and each of these runs lets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pipelines.control.locks import hold_lock

WAIT_SECONDS = 900.0
NAME = "maintenance"


@contextmanager
def hold_maintenance(engine: sa.Engine, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep every other such run out until this block ends, or its process; not to be entered twice.

    StorageBusyError when another one is still under way after wait_seconds.
    """
    busy = f"another deletion or retention run did not end within {wait_seconds:.0f} seconds"
    with hold_lock(engine, NAME, wait_seconds, busy=busy):
        yield
