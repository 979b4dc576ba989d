"""What the intake service answered, entered together with what it answered for: receipts, nonces, status codes.

Of clients' own words only keyed digests are kept, since anything may be in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

import sqlalchemy as sa

from pipelines.control.desk_tables import (
    intake_nonces,
    intake_receipts,
    notices,
    outbox,
    rights_requests,
    status_codes,
)
from pipelines.control.ledger import deletion_requests, transaction
from pipelines.control.tombstone_rows import CLOSED_STATES

DELETION = "deletion"
TIMESTAMP_SECONDS = 300  # how far the clock of a client may be off
# A timestamp from the future is accepted for twice as long, and no nonce may be forgotten before its timestamp.
NONCE_LIFE = timedelta(seconds=2 * TIMESTAMP_SECONDS + 60)

EnterRequest = Callable[[sa.Connection], object]


class Entered(Enum):
    """What became of a receipt. KNOWN: the same was answered before, and is to be answered again."""

    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request as it was answered. idempotency_key and content_mark: keyed digests of what the client sent."""

    client_id: str
    idempotency_key: str
    content_mark: str
    request_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class AskedRight:
    """A request as its status page needs it: kind is deletion, access, restrict, unrestrict or correct."""

    request_id: str
    kind: str
    state: str
    reason: str | None
    requested_at: datetime
    due_on: date | None
    eligible_on: date | None
    completed_at: datetime | None


def enter_receipt(
    engine: sa.Engine, receipt: Receipt, code_digest: str, *, nonce: str | None, enter_request: EnterRequest
) -> Entered:
    """Enter a receipt, its nonce, its status code and its request, all at once, unless they were entered before.

    nonce: a keyed digest; None where replays are known by their idempotency key alone.
    """
    with transaction(engine) as connection:
        if nonce is not None and not _spend_nonce(connection, receipt, nonce):
            return Entered.REPLAYED
        known = connection.execute(sa.select(intake_receipts.c.content_mark).where(_is_same(receipt))).scalar()
        if known is not None:
            return Entered.KNOWN if known == receipt.content_mark else Entered.CONFLICT
        connection.execute(sa.insert(intake_receipts).values(asdict(receipt)))
        _issue_code(connection, receipt, code_digest)
        enter_request(connection)
    return Entered.NEW


def withdraw_receipt(engine: sa.Engine, receipt: Receipt) -> None:
    """Take back a receipt whose request could not be filed, with its status code and the contact that came with it."""
    request_id = receipt.request_id
    with transaction(engine) as connection:
        connection.execute(sa.delete(intake_receipts).where(_is_same(receipt)))
        connection.execute(sa.delete(status_codes).where(status_codes.c.request_id == request_id))
        connection.execute(sa.delete(outbox).where((outbox.c.request_id == request_id) & (outbox.c.kind == "user")))


def forget_receipts(engine: sa.Engine, received_before: datetime) -> int:
    """Forget what was answered before a moment, and its codes, unless the request is still open; returns how many."""
    is_open = [
        sa.select(table.c.request_id).where(table.c.state.notin_(CLOSED_STATES))
        for table in (deletion_requests, rights_requests)
    ]
    old_codes, old = status_codes.c.issued_at < received_before, intake_receipts.c.received_at < received_before
    open_ids = sa.union_all(*is_open).subquery().c.request_id
    with transaction(engine) as connection:
        still_shown = status_codes.c.request_id.in_(sa.select(open_ids))
        connection.execute(sa.delete(status_codes).where(old_codes & ~still_shown))
        is_done = intake_receipts.c.request_id.notin_(sa.select(open_ids))
        return connection.execute(sa.delete(intake_receipts).where(old & is_done)).rowcount


def has_contact(engine: sa.Engine, request_id: str) -> bool:
    """Whether it is known how to tell the user of a request, or they were told of it already."""
    found = [
        sa.select(table.c.request_id).where((table.c.request_id == request_id) & (table.c.kind == "user"))
        for table in (outbox, notices)
    ]
    with transaction(engine) as connection:
        return any(connection.execute(query.limit(1)).first() is not None for query in found)


def find_asked_right(engine: sa.Engine, code_digest: str) -> tuple[AskedRight, datetime] | None:
    """The request that a status code stands for, and when the code was issued; None when there is none."""
    by_code = sa.select(status_codes).where(status_codes.c.code_digest == code_digest)
    with transaction(engine) as connection:
        code = connection.execute(by_code).first()
        if code is None:
            return None
        found = [row for query in _asked_rights(code.request_id) for row in connection.execute(query)]
    return (AskedRight(**found[0]._mapping), code.issued_at) if found else None  # noqa: SLF001 - SQLAlchemy's name


def _asked_rights(request_id: str) -> Iterator[sa.Select[Any]]:
    """Whatever right it is, it is in one of two tables."""
    shown = ("request_id", "state", "reason", "requested_at", "due_on", "completed_at")
    deletion, right = deletion_requests.c, rights_requests.c
    kind, eligible_on = sa.literal(DELETION).label("kind"), sa.null().label("eligible_on")
    yield sa.select(*(deletion[name] for name in shown), kind, deletion.eligible_on).where(
        deletion.request_id == request_id
    )
    yield sa.select(*(right[name] for name in shown), right.kind, eligible_on).where(right.request_id == request_id)


def _is_same(receipt: Receipt) -> sa.ColumnElement[bool]:
    columns = intake_receipts.c
    return (columns.client_id == receipt.client_id) & (columns.idempotency_key == receipt.idempotency_key)


def _spend_nonce(connection: sa.Connection, receipt: Receipt, nonce: str) -> bool:
    """False when it was spent before. Those whose timestamps nobody accepts any more are forgotten."""
    columns = intake_nonces.c
    connection.execute(sa.delete(intake_nonces).where(columns.seen_at < receipt.received_at - NONCE_LIFE))
    spent = (columns.client_id == receipt.client_id) & (columns.nonce == nonce)
    if connection.execute(sa.select(columns.nonce).where(spent)).first() is not None:
        return False
    row = {"client_id": receipt.client_id, "nonce": nonce, "seen_at": receipt.received_at}
    connection.execute(sa.insert(intake_nonces).values(row))
    return True


def _issue_code(connection: sa.Connection, receipt: Receipt, code_digest: str) -> None:
    row = {"code_digest": code_digest, "request_id": receipt.request_id, "issued_at": receipt.received_at}
    connection.execute(sa.insert(status_codes).values(row))
