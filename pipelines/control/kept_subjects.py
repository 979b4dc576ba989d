"""Who was deleted, sealed, for as long as a copy may be restored that still holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from pipelines.control.ledger import deletion_requests, kept_subjects, transaction
from pipelines.control.schema import Instant


@dataclass(frozen=True, slots=True)
class KeptSubject:
    """The subject of one completed request, as it was sealed for the run, and what ingestion added."""

    request_id: str
    sealed_subject: bytes
    sealed_extension: bytes | None
    completed_at: datetime


def keep_subjects(connection: sa.Connection, request_ids: Sequence[str], completed_at: datetime) -> None:
    """Keep the subjects of requests that are just being completed, in the same transaction."""
    columns, moment = deletion_requests.c, sa.literal(completed_at, Instant())
    is_kept = columns.request_id.in_(sa.select(kept_subjects.c.request_id))
    to_keep = columns.request_id.in_(request_ids) & columns.sealed_subject.is_not(None) & ~is_kept
    found = sa.select(columns.request_id, columns.sealed_subject, columns.sealed_extension, moment).where(to_keep)
    names = ["request_id", "sealed_subject", "sealed_extension", "completed_at"]
    connection.execute(sa.insert(kept_subjects).from_select(names, found))


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
