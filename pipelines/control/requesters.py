"""Who filed the requests of a plan, of every right alike."""

from __future__ import annotations

import sqlalchemy as sa

from pipelines.control.desk_tables import rights_requests
from pipelines.control.ledger import deletion_requests, transaction


def list_requesters(engine: sa.Engine, digest: str) -> frozenset[str]:
    """Names of those who filed, for a member, any request that this plan covers."""
    queries = [
        sa.select(table.c.requested_by).where(table.c.plan_digest == digest, table.c.requested_by.is_not(None))
        for table in (deletion_requests, rights_requests)
    ]
    with transaction(engine) as connection:
        return frozenset(connection.execute(sa.union(*queries)).scalars())
