"""Which source files arrived, what became of each line, and which event dates they touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from pipelines.control.ledger import contents, deliveries, touched_dates, transaction
from pipelines.control.quality_results import Judgement, add_judgement

COUNTED = ("read", "accepted", "rejected", "duplicate", "suppressed", "late", "undeclared")
REASON_LENGTH = 1000
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
        "late_count": pl.Int64(),
        "undeclared_count": pl.Int64(),
    },
)


@dataclass(frozen=True, slots=True)
class LineCounts:
    """What became of a file's lines. late: those of the accepted that came too late for the key of their visitor.

    undeclared: fields, not lines, that no contract declares; they were dropped.
    """

    read: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    suppressed: int = 0
    late: int = 0
    undeclared: int = 0

    def __add__(self, other: LineCounts) -> LineCounts:
        return LineCounts(
            self.read + other.read,
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.duplicate + other.duplicate,
            self.suppressed + other.suppressed,
            self.late + other.late,
            self.undeclared + other.undeclared,
        )

    @property
    def reconciled(self) -> bool:
        return self.read == self.accepted + self.rejected + self.duplicate + self.suppressed


@dataclass(frozen=True, slots=True)
class Delivery:
    """One arrival of one file. state: committed, duplicate or held; left, for one still written, is never entered.

    file_name: relative to the source's directory in landing. reason: why it is held or left.
    settled: its landing file is gone.
    """

    content_digest: str
    source: str
    file_name: str
    state: str
    received_at: datetime
    received_date: date
    counts: LineCounts
    event_dates: tuple[date, ...] = ()
    reason: str | None = None
    settled: bool = False


def find_deliveries(engine: sa.Engine, source: str, content_digest: str) -> tuple[Delivery, ...]:
    """Every delivery of one content so far, whatever its names, oldest first; without event dates."""
    query = sa.select(deliveries).where(_is_of(source, content_digest)).order_by(deliveries.c.delivery_id)
    with transaction(engine) as connection:
        return tuple(_read_delivery(row) for row in connection.execute(query))


def find_held(engine: sa.Engine) -> tuple[Delivery, ...]:
    """Every file that waits for a person, by source and name."""
    query = sa.select(deliveries).where(deliveries.c.state == "held")
    with transaction(engine) as connection:
        rows = connection.execute(query.order_by(deliveries.c.source, deliveries.c.file_name))
        return tuple(_read_delivery(row) for row in rows)


def _read_delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        content_digest=row.content_digest,
        source=row.source,
        file_name=row.file_name,
        state=row.state,
        received_at=row.received_at,
        received_date=row.received_date,
        counts=LineCounts(*(getattr(row, f"{name}_count") for name in COUNTED)),
        reason=row.reason,
        settled=row.settled,
    )


def record_delivery(engine: sa.Engine, delivery: Delivery, judgement: Judgement | None = None) -> bool:
    """Enter one delivery, in place of any earlier hold of the file or its content, and the event dates it touched.

    judgement: what the gate found in what is committed, which is entered with it and as often.

    False, with nothing entered, when another run entered the same content as committed meanwhile.
    """
    with transaction(engine) as connection:
        if delivery.state == "committed" and _is_committed(connection, delivery):
            return False
        held = deliveries.c.state == "held"
        same = _is_of(delivery.source, delivery.content_digest) | _is_named(delivery.source, delivery.file_name)
        connection.execute(sa.delete(deliveries).where(held & same))
        connection.execute(sa.insert(deliveries).values(_write_delivery(delivery)))
        if delivery.state == "committed":
            _touch(connection, delivery.content_digest, delivery.event_dates)
            _close_content(connection, delivery)
        if judgement:
            add_judgement(connection, judgement)
    return True


def _write_delivery(delivery: Delivery) -> dict[str, Any]:
    counts = {f"{name}_count": getattr(delivery.counts, name) for name in COUNTED}
    return counts | {
        "content_digest": delivery.content_digest,
        "source": delivery.source,
        "file_name": delivery.file_name,
        "state": delivery.state,
        "settled": delivery.settled,
        "reason": delivery.reason and delivery.reason[:REASON_LENGTH],
        "received_at": delivery.received_at,
        "received_date": delivery.received_date,
    }


def _is_of(source: str, content_digest: str) -> sa.ColumnElement[bool]:
    return (deliveries.c.source == source) & (deliveries.c.content_digest == content_digest)


def _is_named(source: str, file_name: str) -> sa.ColumnElement[bool]:
    return (deliveries.c.source == source) & (deliveries.c.file_name == file_name)


def _is_committed(connection: sa.Connection, delivery: Delivery) -> bool:
    matches = _is_of(delivery.source, delivery.content_digest) & (deliveries.c.state == "committed")
    return connection.execute(sa.select(deliveries.c.delivery_id).where(matches)).first() is not None


def touch_dates(engine: sa.Engine, cause: str, dates: Iterable[date]) -> None:
    """Have the marts of some dates built anew, once more however often that was asked for.

    cause: names what changed them, where a file's digest stands; 64 characters at most.
    """
    with transaction(engine) as connection:
        _touch(connection, cause, dates)


def _touch(connection: sa.Connection, cause: str, dates: Iterable[date]) -> None:
    """The dates whose marts change; touched again when the content comes again after a failure."""
    rows = [{"content_digest": cause, "event_date": day, "built": False} for day in dates]
    connection.execute(sa.delete(touched_dates).where(touched_dates.c.content_digest == cause))
    if rows:
        connection.execute(sa.insert(touched_dates), rows)


def _close_content(connection: sa.Connection, delivery: Delivery) -> None:
    same = (contents.c.source == delivery.source) & (contents.c.content_digest == delivery.content_digest)
    connection.execute(sa.update(contents).where(same).values(is_open=False))


def settle_file(engine: sa.Engine, source: str, file_name: str) -> None:
    """Note that a landing file is gone: what was entered of it is done with, and a hold on it is lifted."""
    named = _is_named(source, file_name)
    with transaction(engine) as connection:
        connection.execute(sa.delete(deliveries).where(named & (deliveries.c.state == "held")))
        connection.execute(sa.update(deliveries).where(named).values(settled=True))


def unsettled_files(engine: sa.Engine) -> tuple[tuple[str, str], ...]:
    """Source and name of each file that was entered, or held, and was still in landing then."""
    query = sa.select(deliveries.c.source, deliveries.c.file_name).where(deliveries.c.settled.is_(False)).distinct()
    with transaction(engine) as connection:
        return tuple((row.source, row.file_name) for row in connection.execute(query))


def was_entered(engine: sa.Engine, source: str, file_name: str) -> bool:
    """True when a file of this name was taken in before."""
    taken = _is_named(source, file_name) & (deliveries.c.state != "held")
    with transaction(engine) as connection:
        return connection.execute(sa.select(deliveries.c.delivery_id).where(taken)).first() is not None


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
