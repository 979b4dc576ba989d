"""Who gets exports, and which: each with recipient, purpose, fields and the days of its events, never a row of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipelines.control.desk_tables import exports, recipients
from pipelines.control.ledger import transaction
from pipelines.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who gets exports: a contractor, an analyst, or the public. endpoint: where notices go, None for nowhere.

    A closed one gets nothing more, and is still told of deletions that touch what it has.
    """

    recipient_id: str
    kind: str
    purpose: str
    endpoint: str | None
    registered_at: datetime
    registered_by: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What left the house once. first_date and last_date: of the events that are in its rows, or behind its figures."""

    export_id: str
    recipient_id: str
    kind: str
    purpose: str
    layer: str
    dataset: str
    fields: tuple[str, ...]
    first_date: date
    last_date: date
    row_count: int
    content_digest: str
    exported_at: datetime
    exported_by: str


def enter_recipient(engine: sa.Engine, recipient: Recipient) -> None:
    """Enter a recipient; ConfigurationError when there is one of that id."""
    known = sa.select(recipients.c.recipient_id).where(recipients.c.recipient_id == recipient.recipient_id)
    with transaction(engine) as connection:
        if connection.execute(known).first() is not None:
            raise ConfigurationError("there is a recipient of that id", hint="see `tokumei recipient list`")
        connection.execute(sa.insert(recipients).values(asdict(recipient)))


def list_recipients(engine: sa.Engine) -> tuple[Recipient, ...]:
    """Every recipient there ever was, in the order of their ids."""
    with transaction(engine) as connection:
        rows = connection.execute(sa.select(recipients).order_by(recipients.c.recipient_id))
        return tuple(Recipient(**row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name


def close_recipient(engine: sa.Engine, recipient_id: str, *, closed_at: datetime) -> None:
    """Let a recipient get nothing more; ConfigurationError when there is no open one of that id."""
    is_open = (recipients.c.recipient_id == recipient_id) & recipients.c.closed_at.is_(None)
    with transaction(engine) as connection:
        changed = connection.execute(sa.update(recipients).where(is_open).values(closed_at=closed_at))
    if changed.rowcount != 1:
        raise ConfigurationError("there is no open recipient of that id", hint="see `tokumei recipient list`")


def enter_exports(engine: sa.Engine, entered: Sequence[Export]) -> None:
    """Enter what leaves the house, all or none; ConfigurationError unless its recipients are there and open."""
    wanted = {export.recipient_id for export in entered}
    is_open = recipients.c.recipient_id.in_(wanted) & recipients.c.closed_at.is_(None)
    with transaction(engine) as connection:
        found = frozenset(connection.execute(sa.select(recipients.c.recipient_id).where(is_open)).scalars())
        if found != wanted:
            raise ConfigurationError(
                "there is no open recipient of that id", hint="add one with `tokumei recipient add`"
            )
        if entered:
            connection.execute(sa.insert(exports), [asdict(export) for export in entered])


def list_exports(engine: sa.Engine, recipient_id: str | None = None) -> tuple[Export, ...]:
    """Everything that left the house, or what one recipient got, the oldest first."""
    query = sa.select(exports).order_by(exports.c.exported_at, exports.c.export_id)
    if recipient_id is not None:
        query = query.where(exports.c.recipient_id == recipient_id)
    with transaction(engine) as connection:
        return tuple(Export(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public
