"""What the compliance desk reads of the ledger: rows as they are shown, nothing sealed among them; and audits kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import (
    desk_acts,
    notices,
    outbox,
    residue_audits,
    rights_requests,
)
from pipelines.control.ledger import canary_checks, deletion_requests, plans, tombstones, transaction

MOST_ACTS = 50
MOST_CHECKS = 60


@dataclass(frozen=True, slots=True)
class RightsRow:
    """A request of a right other than deletion."""

    request_id: str
    kind: str
    channel: str
    requested_at: datetime
    requested_by: str
    state: str
    reason: str | None
    plan_digest: str | None
    due_on: date
    completed_at: datetime | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is not settled: waiting, pending or dead. failure: its kind alone."""

    message_id: str
    kind: str
    request_id: str
    export_id: str | None
    recipient_id: str | None
    channel: str
    template: str | None
    language: str | None
    state: str
    attempt_count: int
    next_attempt_at: datetime | None
    created_at: datetime
    failure: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of a message. told_at: None when nobody could be told."""

    message_id: str
    kind: str
    request_id: str
    export_id: str | None
    recipient_id: str | None
    channel: str
    template: str
    created_at: datetime
    attempt_count: int
    told_at: datetime | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """One look for deleted canaries: how many should be absent, and how many are."""

    checked_at: datetime
    expected_count: int
    absent_count: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One audit of everything that is stored. failure: the kind of what was not in order, None when all was."""

    started_at: datetime
    finished_at: datetime
    certificate_count: int
    tombstone_count: int
    file_count: int
    byte_count: int
    failure: str | None

    @property
    def is_clean(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did at the desk, or was refused."""

    acted_at: datetime
    actor: str
    act: str
    object_id: str | None
    outcome: str
    reason: str | None


Row = TypeVar("Row", RightsRow, Message, Notice, Check, AuditRow, Act)


def list_rights_rows(engine: sa.Engine) -> tuple[RightsRow, ...]:
    """Every request of a right other than deletion, oldest first."""
    return _read(engine, RightsRow, sa.select(rights_requests).order_by(rights_requests.c.requested_at))


def list_sealed_rights(engine: sa.Engine) -> dict[str, bytes]:
    """The sealed subjects that are kept of such requests, by request id."""
    columns = rights_requests.c
    query = sa.select(columns.request_id, columns.sealed_subject).where(columns.sealed_subject.is_not(None))
    with transaction(engine) as connection:
        return {row.request_id: row.sealed_subject for row in connection.execute(query)}


def get_sealed_detail(engine: sa.Engine, request_id: str) -> bytes | None:
    """What a request of such a right is to correct, sealed; None when there is nothing, or no longer."""
    columns = rights_requests.c
    query = sa.select(columns.sealed_detail).where(columns.request_id == request_id)
    with transaction(engine) as connection:
        return connection.execute(query).scalar()


def list_messages(engine: sa.Engine, request_id: str | None = None) -> tuple[Message, ...]:
    """Messages that are not settled, of one request or of all; dead ones first, then oldest first."""
    is_meant = sa.true() if request_id is None else outbox.c.request_id == request_id
    query = sa.select(outbox).where(is_meant).order_by(outbox.c.state, outbox.c.created_at)
    return _read(engine, Message, query)


def list_notices(engine: sa.Engine, request_id: str | None = None, *, most: int = 200) -> tuple[Notice, ...]:
    """What became of messages, of one request or of all, newest first."""
    is_meant = sa.true() if request_id is None else notices.c.request_id == request_id
    query = sa.select(notices).where(is_meant).order_by(notices.c.created_at.desc()).limit(most)
    return _read(engine, Notice, query)


def list_checks(engine: sa.Engine) -> tuple[Check, ...]:
    """The last looks for canaries, newest first."""
    query = sa.select(canary_checks).order_by(canary_checks.c.checked_at.desc()).limit(MOST_CHECKS)
    return _read(engine, Check, query)


def record_audit(engine: sa.Engine, audit: AuditRow) -> None:
    """Keep what an audit came to."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(residue_audits).values(asdict(audit)))


def list_audits(engine: sa.Engine) -> tuple[AuditRow, ...]:
    """The last audits of everything that is stored, newest first."""
    query = sa.select(residue_audits).order_by(residue_audits.c.finished_at.desc()).limit(MOST_CHECKS)
    return _read(engine, AuditRow, query)


def list_acts(engine: sa.Engine) -> tuple[Act, ...]:
    """The last acts at the desk, newest first."""
    return _read(engine, Act, sa.select(desk_acts).order_by(desk_acts.c.act_id.desc()).limit(MOST_ACTS))


def find_tombstoned(engine: sa.Engine, members: Sequence[bytes]) -> frozenset[str]:
    """Ids of the requests that raised tombstones for any of these membership pseudonyms."""
    columns = tombstones.c
    found = set[str | None]()
    with transaction(engine) as connection:
        for batch in split_batches(members):
            is_meant = (columns.kind == "user") & columns.pseudonym.in_(list(batch))
            for row in connection.execute(sa.select(columns.request_id, columns.earlier_request_id).where(is_meant)):
                found |= {row.request_id, row.earlier_request_id}
    return frozenset(request_id for request_id in found if request_id)


def list_proved_plans(engine: sa.Engine, *, most: int = 50) -> tuple[tuple[datetime, Mapping[str, Any]], ...]:
    """When the last of each plan's requests was certified, and the plan's document; newest first."""
    columns = deletion_requests.c
    proved_at = sa.func.max(columns.completed_at, type_=columns.completed_at.type).label("proved_at")
    is_done = columns.state == "completed"
    newest = sa.select(columns.plan_digest, proved_at).where(is_done).group_by(columns.plan_digest).subquery()
    query = sa.select(newest.c.proved_at, plans.c.document).join(plans, plans.c.digest == newest.c.plan_digest)
    with transaction(engine) as connection:
        rows = connection.execute(query.order_by(newest.c.proved_at.desc()).limit(most)).all()
    return tuple((row.proved_at, row.document) for row in rows)


def _read(engine: sa.Engine, kind: type[Row], query: sa.Select[Any]) -> tuple[Row, ...]:
    """Rows as instances of a dataclass; what it has no field for is not read."""
    names = [field.name for field in fields(kind)]
    chosen = query.with_only_columns(*(query.selected_columns[name] for name in names))
    with transaction(engine) as connection:
        return tuple(kind(**row._mapping) for row in connection.execute(chosen))  # noqa: SLF001 - SQLAlchemy's public name
