"""What the ledger knows of data subjects, under membership pseudonyms: account facts, consent, tombstones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from secrets import token_bytes

import polars as pl
import sqlalchemy as sa

from pipelines.control.ledger import account_facts, deletion_requests, tombstones, transaction

BATCH = 500
DEVICE_SCHEMA = pl.Schema({"device": pl.Binary(), "until": pl.Datetime("us", "UTC")})


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What decides whether a member may be deleted now; as_of is the day that the accounts source speaks of."""

    open_listings: int
    open_trades: int
    last_transaction_date: date | None
    as_of: date | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One pseudonym whose rows must never be stored again."""

    kind: str
    pseudonym: bytes
    key_id: str
    request_id: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Heir:
    """A request that needs a tombstone which another one raised."""

    kind: str
    pseudonym: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """Whose lines are left out on ingestion, under membership pseudonyms.

    left and refusing: members who left, and who do not consent (Binary). devices: columns device and until; lines of
    these devices up to that moment belong to someone who left. version: changes whenever a tombstone is raised.
    """

    left: pl.Series
    refusing: pl.Series
    devices: pl.DataFrame
    version: int


def store_account_facts(engine: sa.Engine, facts: pl.DataFrame) -> int:
    """Replace the facts of each member by newer ones; returns the rows written. Columns as in account_facts."""
    newest = facts.sort("as_of").unique("user_pseudonym", keep="last")
    with transaction(engine) as connection:
        known = connection.execute(sa.select(account_facts.c.user_pseudonym, account_facts.c.as_of))
        stored = {bytes(pseudonym): as_of for pseudonym, as_of in known}
        rows = [row for row in newest.to_dicts() if stored.get(row["user_pseudonym"], date.min) <= row["as_of"]]
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            keys = [row["user_pseudonym"] for row in batch]
            connection.execute(sa.delete(account_facts).where(account_facts.c.user_pseudonym.in_(keys)))
            connection.execute(sa.insert(account_facts), batch)
    return len(rows)


def find_account_facts(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> AccountFacts | None:
    """The facts of one member, who may be stored under any of these pseudonyms."""
    found = list_account_facts(engine, pseudonyms)
    return next(iter(found.values()), None)


def list_account_facts(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> dict[bytes, AccountFacts]:
    """The facts of many members, by the pseudonyms under which they are stored."""
    found: dict[bytes, AccountFacts] = {}
    with transaction(engine) as connection:
        for start in range(0, len(pseudonyms), BATCH):
            keys = list(pseudonyms[start : start + BATCH])
            query = sa.select(account_facts).where(account_facts.c.user_pseudonym.in_(keys))
            for row in connection.execute(query):
                facts = AccountFacts(row.open_listings, row.open_trades, row.last_transaction_date, row.as_of)
                found[bytes(row.user_pseudonym)] = facts
    return found


def find_newest_facts_day(engine: sa.Engine) -> date | None:
    """The last day that the accounts source spoke of, whoever it was about."""
    with transaction(engine) as connection:
        newest: date | None = connection.execute(sa.select(sa.func.max(account_facts.c.as_of))).scalar_one()
    return newest


def find_members_with_facts(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> frozenset[bytes]:
    """Those of these pseudonyms under which facts are stored."""
    with transaction(engine) as connection:
        found = [
            connection.execute(sa.select(account_facts.c.user_pseudonym).where(_is_one_of(batch))).scalars().all()
            for batch in _split(pseudonyms)
        ]
    return frozenset(bytes(pseudonym) for batch in found for pseudonym in batch)


def count_members(engine: sa.Engine) -> int:
    """How many members are known by their facts."""
    with transaction(engine) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(account_facts)).scalar_one()


def forget_account_facts(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> None:
    """Delete the facts of these members."""
    with transaction(engine) as connection:
        for batch in _split(pseudonyms):
            connection.execute(sa.delete(account_facts).where(_is_one_of(batch)))


def _split(pseudonyms: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Batches that fit into one statement."""
    return (pseudonyms[start : start + BATCH] for start in range(0, len(pseudonyms), BATCH))


def _is_one_of(pseudonyms: Sequence[bytes]) -> sa.ColumnElement[bool]:
    return account_facts.c.user_pseudonym.in_(list(pseudonyms))


def raise_tombstones(engine: sa.Engine, stones: Sequence[Tombstone]) -> None:
    """Enter tombstones that are not there yet; from here on nothing of these subjects is stored."""
    with transaction(engine) as connection:
        for stone in stones:
            matches = (tombstones.c.kind == stone.kind) & (tombstones.c.pseudonym == stone.pseudonym)
            if connection.execute(sa.select(tombstones.c.kind).where(matches)).first() is None:
                connection.execute(sa.insert(tombstones).values(asdict(stone)))


def withdraw_tombstones(connection: sa.Connection, request_id: str, heirs: Sequence[Heir]) -> None:
    """Take back what one request raised, but for what its heirs need; part of the caller's transaction.

    Rows that name nobody stay behind, one more than there were tombstones: their count is the version of all, by which
    an ingestion in flight knows that they changed.
    """
    own = tombstones.c.request_id == request_id
    raised = {(stone.kind, bytes(stone.pseudonym)) for stone in connection.execute(sa.select(tombstones).where(own))}
    for heir in heirs:
        if (heir.kind, heir.pseudonym) in raised:
            same = own & (tombstones.c.kind == heir.kind) & (tombstones.c.pseudonym == heir.pseudonym)
            connection.execute(sa.update(tombstones).where(same).values(request_id=heir.request_id))
    withdrawn = connection.execute(sa.delete(tombstones).where(own)).rowcount
    if withdrawn:
        void = {"kind": "void", "key_id": "none", "request_id": request_id, "effective_at": datetime.now(UTC)}
        connection.execute(
            sa.insert(tombstones), [{**void, "pseudonym": token_bytes(16)} for _ in range(withdrawn + 1)]
        )


def read_suppression(engine: sa.Engine) -> Suppression:
    """Everybody to leave out now. Any failure to read it propagates: without tombstones nothing may be ingested."""
    refusing = sa.select(account_facts.c.user_pseudonym).where(account_facts.c.consent.is_(False))
    with transaction(engine) as connection:
        stones = connection.execute(sa.select(tombstones)).all()
        unwilling = [bytes(pseudonym) for pseudonym in connection.execute(refusing).scalars()]
    left = [bytes(stone.pseudonym) for stone in stones if stone.kind == "user"]
    devices = [(bytes(stone.pseudonym), stone.effective_at) for stone in stones if stone.kind == "device"]
    return Suppression(
        left=pl.Series("user", left, dtype=pl.Binary),
        refusing=pl.Series("user", unwilling, dtype=pl.Binary),
        devices=pl.DataFrame(devices, schema=DEVICE_SCHEMA, orient="row"),
        version=len(stones),
    )


def read_departed(engine: sa.Engine) -> tuple[bytes, ...]:
    """Members whose deletion is completed. Not their devices, which somebody else may use from then on."""
    completed = sa.select(deletion_requests.c.request_id).where(deletion_requests.c.state == "completed")
    query = sa.select(tombstones.c.pseudonym).where(
        (tombstones.c.kind == "user") & tombstones.c.request_id.in_(completed)
    )
    with transaction(engine) as connection:
        return tuple(bytes(pseudonym) for pseudonym in connection.execute(query).scalars())


def suppression_version(engine: sa.Engine) -> int:
    """Changes whenever a tombstone is raised."""
    with transaction(engine) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tombstones)).scalar_one()
