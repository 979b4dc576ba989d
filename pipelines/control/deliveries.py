"""Which source files arrived, what became of each line, and which event dates they touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from pipelines.control.ledger import deliveries, touched_dates, transaction

ACCOUNT_SCHEMA = pl.Schema(
    {
        "received_date": pl.Date(),
        "source": pl.String(),
        "state": pl.String(),
        "read_count": pl.Int64(),
        "accepted_count": pl.Int64(),
        "rejected_count": pl.Int64(),
        "duplicate_count": pl.Int64(),
        "suppressed_count": pl.Int64(),
    },
)


@dataclass(frozen=True, slots=True)
class LineCounts:
    """What became of a file's lines."""

    read: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    suppressed: int = 0

    def __add__(self, other: LineCounts) -> LineCounts:
        return LineCounts(
            self.read + other.read,
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.duplicate + other.duplicate,
            self.suppressed + other.suppressed,
        )

    @property
    def reconciled(self) -> bool:
        return self.read == self.accepted + self.rejected + self.duplicate + self.suppressed


@dataclass(frozen=True, slots=True)
class Delivery:
    """One arrival of one file. state: committed, duplicate or held; reason says why it is held."""

    content_digest: str
    source: str
    file_name: str
    state: str
    received_at: datetime
    received_date: date
    counts: LineCounts
    event_dates: tuple[date, ...] = ()
    reason: str | None = None


def record_delivery(engine: sa.Engine, delivery: Delivery) -> None:
    """Enter one delivery, in place of any earlier hold of the same content, and the event dates it touched.

    Content that another run committed meanwhile is not entered as committed twice.
    """
    counts = delivery.counts
    with transaction(engine) as connection:
        if delivery.state == "committed" and _is_committed(connection, delivery.content_digest):
            return
        held = (deliveries.c.content_digest == delivery.content_digest) & (deliveries.c.state == "held")
        connection.execute(sa.delete(deliveries).where(held))
        connection.execute(
            sa.insert(deliveries).values(
                content_digest=delivery.content_digest,
                source=delivery.source,
                file_name=delivery.file_name,
                state=delivery.state,
                settled=delivery.state == "held",
                reason=delivery.reason,
                received_at=delivery.received_at,
                received_date=delivery.received_date,
                read_count=counts.read,
                accepted_count=counts.accepted,
                rejected_count=counts.rejected,
                duplicate_count=counts.duplicate,
                suppressed_count=counts.suppressed,
            ),
        )
        if delivery.state == "committed":
            _touch(connection, delivery)


def _is_committed(connection: sa.Connection, content_digest: str) -> bool:
    matches = (deliveries.c.content_digest == content_digest) & (deliveries.c.state == "committed")
    return connection.execute(sa.select(deliveries.c.delivery_id).where(matches)).first() is not None


def _touch(connection: sa.Connection, delivery: Delivery) -> None:
    """The dates whose marts change; touched again when the content comes again after a failure."""
    rows = [
        {"content_digest": delivery.content_digest, "event_date": day, "built": False} for day in delivery.event_dates
    ]
    connection.execute(sa.delete(touched_dates).where(touched_dates.c.content_digest == delivery.content_digest))
    if rows:
        connection.execute(sa.insert(touched_dates), rows)


def settle_delivery(engine: sa.Engine, content_digest: str, file_name: str) -> None:
    """Note that the landing file of a delivery is gone."""
    matches = (deliveries.c.content_digest == content_digest) & (deliveries.c.file_name == file_name)
    with transaction(engine) as connection:
        connection.execute(sa.update(deliveries).where(matches).values(settled=True))


def is_unsettled(engine: sa.Engine, content_digest: str, file_name: str) -> bool:
    """True when this very delivery was entered but its landing file was not yet removed."""
    query = sa.select(sa.literal(1)).where(
        (deliveries.c.content_digest == content_digest)
        & (deliveries.c.file_name == file_name)
        & deliveries.c.settled.is_(False),
    )
    with transaction(engine) as connection:
        return connection.execute(query).first() is not None


def find_committed(engine: sa.Engine, content_digest: str) -> LineCounts | None:
    """The counts of content that was ingested before, under whatever name."""
    query = sa.select(deliveries.c.read_count).where(
        (deliveries.c.content_digest == content_digest) & (deliveries.c.state == "committed"),
    )
    with transaction(engine) as connection:
        found = connection.execute(query).first()
    return None if found is None else LineCounts(read=found.read_count)


def unbuilt_dates(engine: sa.Engine) -> tuple[date, ...]:
    """Event dates that were touched since marts were last built."""
    query = sa.select(touched_dates.c.event_date).where(touched_dates.c.built.is_(False)).distinct()
    with transaction(engine) as connection:
        return tuple(sorted(connection.execute(query.order_by(touched_dates.c.event_date)).scalars()))


def mark_built(engine: sa.Engine, dates: Iterable[date], digests: Sequence[str]) -> None:
    """Note that marts of these dates now hold what these files brought."""
    matches = touched_dates.c.event_date.in_(list(dates)) & touched_dates.c.content_digest.in_(list(digests))
    with transaction(engine) as connection:
        connection.execute(sa.update(touched_dates).where(matches).values(built=True))


def unbuilt_digests(engine: sa.Engine) -> tuple[str, ...]:
    """Content whose dates wait for a build; read before the build, marked after it."""
    query = sa.select(touched_dates.c.content_digest).where(touched_dates.c.built.is_(False)).distinct()
    with transaction(engine) as connection:
        return tuple(connection.execute(query).scalars())


def file_accounts(engine: sa.Engine) -> pl.DataFrame:
    """One row for each delivery, for data_quality_daily; columns as in ACCOUNT_SCHEMA."""
    query = sa.select(*(deliveries.c[name] for name in ACCOUNT_SCHEMA))
    with transaction(engine) as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=ACCOUNT_SCHEMA, orient="row")


def held_files(engine: sa.Engine) -> tuple[tuple[str, str, str], ...]:
    """Source, file name and reason of each file that waits for a person."""
    query = sa.select(deliveries.c.source, deliveries.c.file_name, deliveries.c.reason)
    with transaction(engine) as connection:
        rows = connection.execute(query.where(deliveries.c.state == "held").order_by(deliveries.c.file_name))
        return tuple((row.source, row.file_name, row.reason or "") for row in rows)
