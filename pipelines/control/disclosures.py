"""What the ledger holds of one member, for their disclosure; and the access requests whose exports are still there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import exports, external_accounts, notices, outbox, recipients, rights_requests
from pipelines.control.ledger import (
    account_facts,
    deletion_requests,
    kept_subjects,
    restrictions,
    tombstones,
    transaction,
)
from pipelines.control.rights_sightings import CLOSED

Row = dict[str, Any]
DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class SealedSubject:
    """Somebody whom a request is about, as it was sealed."""

    request_id: str
    sealed_subject: bytes


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request for access; expires_on is the last day of its export, None until it was completed."""

    request_id: str
    state: str
    sealed_subject: bytes | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Handover:
    """An export that was handed to somebody: of which dataset, with events of which days."""

    recipient_id: str
    recipient_kind: str
    purpose: str
    layer: str
    dataset: str
    fields: tuple[str, ...]
    first_date: date
    last_date: date
    exported_at: datetime


def list_member_rows(engine: sa.Engine, members: Sequence[bytes]) -> dict[str, list[Row]]:
    """What is stored under these membership pseudonyms, which are in no row, by the name of what it tells."""
    is_user = tombstones.c.kind == "user"
    queries = {
        "account_facts": _select(account_facts, members, "user_pseudonym"),
        "restrictions": _select(restrictions, members, "user_pseudonym"),
        "external_accounts": _select(external_accounts, members, "user_pseudonym"),
        "departures": _select(tombstones, members, "pseudonym").where(is_user),
    }
    with transaction(engine) as connection:
        return {name: [dict(row._mapping) for row in connection.execute(query)] for name, query in queries.items()}  # noqa: SLF001 - public


def _select(table: sa.Table, members: Sequence[bytes], column: str) -> sa.Select[Any]:
    """Every column but those of pseudonyms, of what is sealed and of keys."""
    hidden = ("pseudonym", "sealed", "key", "mark")
    shown = [each for each in table.columns if not any(word in each.name for word in hidden)]
    return sa.select(*shown).where(table.c[column].in_(list(members)))


def list_sealed_subjects(engine: sa.Engine) -> tuple[SealedSubject, ...]:
    """Everybody whom a request of any kind is about, as long as the ledger knows."""
    with transaction(engine) as connection:
        return tuple(
            SealedSubject(row.request_id, row.sealed_subject)
            for table in (deletion_requests, kept_subjects, rights_requests)
            for row in connection.execute(
                sa.select(table.c.request_id, table.c.sealed_subject).where(table.c.sealed_subject.is_not(None))
            )
        )


def list_requests_told(engine: sa.Engine, request_ids: Collection[str]) -> list[Row]:
    """Some requests of any kind, oldest first."""
    names = ("request_id", "channel", "requested_at", "state", "reason", "due_on", "completed_at")
    found: list[Row] = []
    with transaction(engine) as connection:
        for table in (deletion_requests, rights_requests):
            kind = table.c.kind if "kind" in table.c else sa.literal(DELETION).label("kind")
            query = sa.select(kind, *(table.c[name] for name in names))
            found += _select_all(connection, query, table.c.request_id, request_ids)
    return sorted(found, key=lambda row: (row["requested_at"], row["request_id"]))


def list_messages(engine: sa.Engine, request_ids: Collection[str]) -> list[Row]:
    """The messages to the member about some requests, waiting or settled, without address or content."""
    with transaction(engine) as connection:
        waiting = sa.select(
            outbox.c.channel, outbox.c.template, outbox.c.created_at, sa.null().label("told_at"), outbox.c.state
        )
        settled = sa.select(
            notices.c.channel,
            notices.c.template,
            notices.c.created_at,
            notices.c.told_at,
            sa.literal("settled").label("state"),
        )
        found = [
            *_select_all(connection, waiting.where(outbox.c.kind == "user"), outbox.c.request_id, request_ids),
            *_select_all(connection, settled.where(notices.c.kind == "user"), notices.c.request_id, request_ids),
        ]
    return sorted(found, key=lambda row: row["created_at"])


def _select_all(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Collection[str]
) -> Iterator[Row]:
    for batch in split_batches(sorted(values)):
        for row in connection.execute(query.where(column.in_(list(batch)))):
            yield dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def list_handovers(engine: sa.Engine) -> tuple[Handover, ...]:
    """Every export that was registered, oldest first."""
    names = ("purpose", "layer", "dataset", "fields", "first_date", "last_date", "exported_at")
    query = sa.select(exports.c.recipient_id, recipients.c.kind, *(exports.c[name] for name in names))
    query = query.join_from(exports, recipients, exports.c.recipient_id == recipients.c.recipient_id, isouter=True)
    with transaction(engine) as connection:
        rows = connection.execute(query.order_by(exports.c.exported_at, exports.c.export_id))
        return tuple(Handover(row[0], row[1] or "", *row[2:]) for row in rows)


def list_access_requests(engine: sa.Engine) -> tuple[AccessRequest, ...]:
    """Every request for access, open or closed."""
    columns = rights_requests.c
    query = sa.select(columns.request_id, columns.state, columns.sealed_subject, columns.expires_on)
    with transaction(engine) as connection:
        return tuple(AccessRequest(*row) for row in connection.execute(query.where(columns.kind == "access")))


def forget_export_subjects(engine: sa.Engine, request_ids: Collection[str]) -> None:
    """Forget whom closed requests for access were about, now that nothing of theirs is exported any more."""
    columns = rights_requests.c
    with transaction(engine) as connection:
        for batch in split_batches(sorted(request_ids)):
            is_one = columns.request_id.in_(list(batch)) & columns.state.in_(CLOSED)
            connection.execute(sa.update(rights_requests).where(is_one).values(sealed_subject=None))
