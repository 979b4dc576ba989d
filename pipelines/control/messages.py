"""Rows of the outbox and of what became of them, as values; each id is entered once, whoever enters it how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import notices, outbox


@dataclass(frozen=True, slots=True)
class Message:
    """One message that is not settled. state: waiting, for something to say; pending; or dead, until it is retried.

    kind: user or recipient. attempt_count and next_attempt_at: of a claimed message, this attempt's number, and when
    its claim ends. failure: the kind of the last one. plan_digest: of a recipient's message, what was carried out.
    """

    message_id: str
    kind: str
    request_id: str
    channel: str
    template: str | None
    sealed_address: bytes = field(repr=False)
    state: str
    created_at: datetime
    export_id: str | None = None
    recipient_id: str | None = None
    language: str | None = None
    sealed_content: bytes | None = field(default=None, repr=False)
    attempt_count: int = 0
    next_attempt_at: datetime | None = None
    failure: str | None = None
    died_at: datetime | None = None
    plan_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of a message; told_at is None where nobody could be told."""

    message_id: str
    kind: str
    request_id: str
    channel: str
    template: str
    created_at: datetime
    attempt_count: int
    told_at: datetime | None
    confirmed_at: datetime | None
    export_id: str | None = None
    recipient_id: str | None = None
    plan_digest: str | None = None


def enter(connection: sa.Connection, messages: Sequence[Message]) -> int:
    """Enter those whose ids are neither in the outbox nor among what was settled; returns how many."""
    entered = 0
    for batch in split_batches(messages):
        ids = [message.message_id for message in batch]
        known = _find_known(connection, outbox, ids) | _find_known(connection, notices, ids)
        rows = [asdict(message) for message in batch if message.message_id not in known]
        if rows:
            connection.execute(sa.insert(outbox), rows)
        entered += len(rows)
    return entered


def note(connection: sa.Connection, settled: Sequence[Notice]) -> int:
    """Note those that are not noted yet; returns how many."""
    noted = 0
    for batch in split_batches(settled):
        ids = [notice.message_id for notice in batch]
        known = _find_known(connection, notices, ids)
        rows = [asdict(notice) for notice in batch if notice.message_id not in known]
        if rows:
            connection.execute(sa.insert(notices), rows)
        noted += len(rows)
    return noted


def make_notice(message: Message, told_at: datetime | None, confirmed_at: datetime | None) -> Notice:
    """What became of a message."""
    return Notice(
        message_id=message.message_id,
        kind=message.kind,
        request_id=message.request_id,
        channel=message.channel,
        template=message.template or "",
        created_at=message.created_at,
        attempt_count=message.attempt_count,
        told_at=told_at,
        confirmed_at=confirmed_at,
        export_id=message.export_id,
        recipient_id=message.recipient_id,
        plan_digest=message.plan_digest,
    )


def read_messages(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> tuple[Message, ...]:
    """The messages that a query of whole rows finds."""
    return tuple(Message(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public


def read_notices(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> tuple[Notice, ...]:
    """The notices that a query of whole rows finds."""
    return tuple(Notice(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public


def _find_known(connection: sa.Connection, table: sa.Table, message_ids: Sequence[str]) -> frozenset[str]:
    found = connection.execute(sa.select(table.c.message_id).where(table.c.message_id.in_(message_ids)))
    return frozenset(found.scalars())
