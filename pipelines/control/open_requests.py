"""Requests of every kind that are not closed: how they stand and what was promised; nothing of whom they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipelines.control.desk_tables import rights_requests
from pipelines.control.ledger import deletion_requests, transaction
from pipelines.control.tombstone_rows import CLOSED_STATES


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """due_on: the last day of the time that was promised, None until a deletion was first decided."""

    request_id: str
    is_deletion: bool
    state: str
    reason: str | None
    requested_at: datetime
    due_on: date | None


def list_open_requests(engine: sa.Engine, request_id: str | None = None) -> tuple[OpenRequest, ...]:
    """Those of every kind, or the one of an id when it is open."""
    with transaction(engine) as connection:
        return tuple(
            OpenRequest(row.request_id, table is deletion_requests, row.state, row.reason, row.requested_at, row.due_on)
            for table in (deletion_requests, rights_requests)
            for row in connection.execute(_select_open(table, request_id))
        )


def _select_open(table: sa.Table, request_id: str | None) -> sa.Select[tuple[object, ...]]:
    columns = table.c
    shown = (columns.request_id, columns.state, columns.reason, columns.requested_at, columns.due_on)
    query = sa.select(*shown).where(columns.state.not_in(CLOSED_STATES))
    return query if request_id is None else query.where(columns.request_id == request_id)
