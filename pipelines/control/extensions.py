"""What ingestion adds to open requests, apart from what their moves carry, so that neither overwrites the other."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa

from pipelines.control.ledger import deletion_requests, transaction
from pipelines.control.requests import FOLLOWING, DeletionRequest
from pipelines.control.tombstone_rows import CLOSED_STATES

OPEN = tuple(state for state in FOLLOWING if state not in CLOSED_STATES)


def store_extensions(
    engine: sa.Engine, request_ids: Collection[str], extend: Callable[[DeletionRequest], bytes | None]
) -> int:
    """Ask for the new sealed extension of each of some requests that are still open, and store all or none.

    extend: None for a request that stays as it is. Returns how many were extended.
    """
    columns = deletion_requests.c
    extended = 0
    with transaction(engine) as connection:
        wanted = columns.request_id.in_(list(request_ids)) & columns.state.in_(OPEN)
        for row in connection.execute(sa.select(deletion_requests).where(wanted).with_for_update()).all():
            request = DeletionRequest(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
            if (sealed := extend(request)) is not None:
                own = columns.request_id == request.request_id
                connection.execute(sa.update(deletion_requests).where(own).values(sealed_extension=sealed))
                extended += 1
    return extended
