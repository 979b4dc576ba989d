"""Who was deleted, sealed, for as long as a copy may be restored that still holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from pipelines.control.ledger import deletion_requests, kept_subjects, transaction


@dataclass(frozen=True, slots=True)
class KeptSubject:
    """The subject of one completed request, as it was sealed for the run, and what ingestion added."""

    request_id: str
    sealed_subject: bytes
    sealed_extension: bytes | None
    completed_at: datetime


def keep_subject(connection: sa.Connection, request_id: str, completed_at: datetime) -> None:
    """Keep the subject of a request that is just being completed, in the same transaction."""
    columns = deletion_requests.c
    found = connection.execute(
        sa.select(columns.sealed_subject, columns.sealed_extension).where(columns.request_id == request_id)
    ).first()
    is_kept = sa.select(kept_subjects.c.request_id).where(kept_subjects.c.request_id == request_id)
    if found is None or found.sealed_subject is None or connection.execute(is_kept).first():
        return
    row = {"request_id": request_id, "completed_at": completed_at, **found._mapping}  # noqa: SLF001 - public
    connection.execute(sa.insert(kept_subjects).values(row))


def list_kept(engine: sa.Engine) -> tuple[KeptSubject, ...]:
    """Every kept subject, the oldest first."""
    query = sa.select(kept_subjects).order_by(kept_subjects.c.completed_at, kept_subjects.c.request_id)
    with transaction(engine) as connection:
        return tuple(KeptSubject(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public


def forget_kept(engine: sa.Engine, completed_before: datetime) -> int:
    """Forget the subjects that no copy can hold any longer; returns how many."""
    is_old = kept_subjects.c.completed_at < completed_before
    with transaction(engine) as connection:
        return connection.execute(sa.delete(kept_subjects).where(is_old)).rowcount
