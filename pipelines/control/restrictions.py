"""Members whose data may not be used for now: kept, sealed, until the restriction is lifted or they are deleted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.ledger import account_facts, restrictions, touched_dates, transaction

REQUEST, CONSENT = "request", "consent"  # the grounds: somebody asked for it, or accounts say that consent is refused
MARK = "restrictions-"  # begins what stands in the place of a file's digest
NOBODY = f"{MARK}none"


@dataclass(frozen=True, slots=True)
class Restriction:
    """One member under one ground, under their membership pseudonym; all others are sealed.

    known_keys: ids of the keys that these were made under, separated by spaces.
    """

    restriction_id: str
    user_pseudonym: bytes
    ground: str
    sealed_subject: bytes
    known_keys: str
    restricted_at: datetime
    restricted_by: str
    reason: str | None = None


def enter_restrictions(engine: sa.Engine, entered: Sequence[Restriction]) -> int:
    """Enter those that do not stand already, all or none; returns how many."""
    with transaction(engine) as connection:
        standing = {(each.user_pseudonym, each.ground) for each in _list_standing(connection)}
        new = {(each.user_pseudonym, each.ground): each for each in entered}
        rows = [asdict(each) for key, each in new.items() if key not in standing]
        for batch in split_batches(rows):
            connection.execute(sa.insert(restrictions), list(batch))
    return len(rows)


def list_restrictions(engine: sa.Engine) -> tuple[Restriction, ...]:
    """Every restriction that stands."""
    with transaction(engine) as connection:
        return _list_standing(connection)


def lift_restrictions(engine: sa.Engine, pseudonyms: Sequence[bytes], ground: str | None = None) -> int:
    """Remove the restrictions of these members, those of one ground or all; returns how many."""
    is_meant = sa.true() if ground is None else restrictions.c.ground == ground
    with transaction(engine) as connection:
        return sum(
            connection.execute(
                sa.delete(restrictions).where(is_meant & restrictions.c.user_pseudonym.in_(list(batch)))
            ).rowcount
            for batch in split_batches(pseudonyms)
        )


def change_restrictions(
    engine: sa.Engine, restriction_ids: Collection[str], change: Callable[[Restriction], Restriction]
) -> int:
    """Replace what some restrictions that still stand know of their member, all or none; returns how many changed."""
    columns = restrictions.c
    changed = 0
    with transaction(engine) as connection:
        for batch in split_batches(sorted(restriction_ids)):
            wanted = sa.select(restrictions).where(columns.restriction_id.in_(list(batch))).with_for_update()
            for standing in [_read(row) for row in connection.execute(wanted)]:
                latest = change(standing)
                if latest != standing:
                    own = columns.restriction_id == standing.restriction_id
                    values = {"sealed_subject": latest.sealed_subject, "known_keys": latest.known_keys}
                    connection.execute(sa.update(restrictions).where(own).values(values))
                    changed += 1
    return changed


def find_refusing(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> frozenset[bytes]:
    """Those of these members whose newest facts say that they do not consent."""
    refuses = account_facts.c.consent.is_(False)
    found = set[bytes]()
    with transaction(engine) as connection:
        for batch in split_batches(pseudonyms):
            query = sa.select(account_facts.c.user_pseudonym)
            query = query.where(refuses & account_facts.c.user_pseudonym.in_(list(batch)))
            found |= {bytes(value) for value in connection.execute(query).scalars()}
    return frozenset(found)


def touch_all(engine: sa.Engine, digest: str, list_dates: Callable[[], Iterable[date]]) -> None:
    """Have the marts of all dates built anew, unless that was asked for under this digest before.

    digest: of who is restricted, NOBODY or another text that begins with MARK.
    """
    columns = touched_dates.c
    is_mark = columns.content_digest.startswith(MARK, autoescape=True)
    with transaction(engine) as connection:
        known = set(connection.execute(sa.select(columns.content_digest).where(is_mark).distinct()).scalars())
        if known == {digest} or (not known and digest == NOBODY):
            return
    rows = [{"content_digest": digest, "event_date": day, "built": False} for day in list_dates()]
    with transaction(engine) as connection:
        connection.execute(sa.delete(touched_dates).where(is_mark))
        if rows:
            connection.execute(sa.insert(touched_dates), rows)


def _list_standing(connection: sa.Connection) -> tuple[Restriction, ...]:
    query = sa.select(restrictions).order_by(restrictions.c.restricted_at, restrictions.c.restriction_id)
    return tuple(_read(row) for row in connection.execute(query))


def _read(row: sa.Row[Any]) -> Restriction:
    return Restriction(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
