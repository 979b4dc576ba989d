"""What the ledger knows of data subjects, under membership pseudonyms: account facts, consent, tombstones.

A tombstone stands for ever, unless its member returns and consents anew: then it ends at that moment, what is older
stays away, and a new epoch begins. A member who leaves again closes it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from pipelines.control.ledger import account_facts, deletion_requests, tombstones, transaction

BATCH = 500
MOMENT = pl.Datetime("us", "UTC")
DEVICE_SCHEMA = pl.Schema({"device": pl.Binary(), "until": MOMENT})
RETURNED_SCHEMA = pl.Schema({"user": pl.Binary(), "until": MOMENT})
DEPARTED_SCHEMA = pl.Schema({"user": pl.Binary(), "left_at": MOMENT})
CLOSED = ("completed", "refused")  # the states of a request in which nothing more is deleted for it
RESTORE = "restore"  # the channel of requests that repeat a completed deletion
MARKS = 2**40


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What decides whether a member may be deleted now; as_of is the day that the accounts source speaks of."""

    open_listings: int
    open_trades: int
    last_transaction_date: date | None
    as_of: date | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One pseudonym whose rows must never be stored again; of a user who returned, those up to a moment."""

    kind: str
    pseudonym: bytes
    key_id: str
    request_id: str
    effective_at: datetime
    until: datetime | None = None


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
    these devices up to that moment belong to someone who left. returned: columns user and until; lines of these
    members up to that moment are of an earlier epoch. departed: columns user and left_at, those of left who are free to
    return, since their deletion is done. version: changes whenever a tombstone does.
    """

    left: pl.Series
    refusing: pl.Series
    devices: pl.DataFrame
    returned: pl.DataFrame
    departed: pl.DataFrame
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
    """Enter tombstones; from here on nothing of these subjects is stored.

    One that stands already stays as it is while its request is open. Later requests take it over: a member who had
    returned leaves again, a device has had another owner. Those that repeat a deletion leave its moment as it was.
    """
    with transaction(engine) as connection:
        for stone in stones:
            is_same = (tombstones.c.kind == stone.kind) & (tombstones.c.pseudonym == stone.pseudonym)
            standing = connection.execute(_select_stones().where(is_same)).first()
            if standing is None:
                connection.execute(sa.insert(tombstones).values(asdict(stone) | {"mark": _new_mark()}))
            elif standing.request_id != stone.request_id and (standing.is_closed or standing.until):
                repeats = _find_channel(connection, stone.request_id) == RESTORE
                effective_at = standing.effective_at if repeats else stone.effective_at
                changed = asdict(stone) | {"effective_at": effective_at, "mark": _new_mark()} | _remember(standing)
                connection.execute(sa.update(tombstones).where(is_same).values(changed))


def withdraw_tombstones(connection: sa.Connection, request_id: str, heirs: Sequence[Heir] = ()) -> None:
    """Take back what one request raised, but for what its heirs need; part of the caller's transaction.

    A tombstone that it had taken over stands again as it did before: who returned stays returned, and nothing of their
    earlier epoch comes back.
    """
    own = tombstones.c.request_id == request_id
    needed = {(heir.kind, heir.pseudonym): heir.request_id for heir in heirs}
    for stone in connection.execute(sa.select(tombstones).where(own)).all():
        is_same = (tombstones.c.kind == stone.kind) & (tombstones.c.pseudonym == stone.pseudonym)
        heir = needed.get((stone.kind, bytes(stone.pseudonym)))
        if heir or stone.earlier_request_id:
            changed = {"request_id": heir} if heir else _recall(stone)
            connection.execute(sa.update(tombstones).where(is_same).values({**changed, "mark": _new_mark()}))
        else:
            connection.execute(sa.delete(tombstones).where(is_same))


def open_epochs(engine: sa.Engine, consents: pl.DataFrame) -> int:
    """Let members return who consented anew after they left; returns how many did.

    consents: columns user (membership pseudonym) and consented_at. The first consent after the tombstone counts. Nobody
    returns while a request of theirs is open, for it would take the new epoch with the old one.
    """
    if not consents.height:
        return 0
    with transaction(engine) as connection:
        departed = _list_departed(connection.execute(_select_stones()).all())
        returning = find_returning(departed, consents)
        for user, until in returning.iter_rows():
            is_theirs = (tombstones.c.kind == "user") & (tombstones.c.pseudonym == user)
            connection.execute(sa.update(tombstones).where(is_theirs).values(until=until, mark=_new_mark()))
    return returning.height


def find_returning(departed: pl.DataFrame, consents: pl.DataFrame) -> pl.DataFrame:
    """Columns user and until: who of the departed (user, left_at) consented (user, consented_at) since, and when."""
    since = consents.join(departed, on="user").filter(pl.col("consented_at") > pl.col("left_at"))
    return since.group_by("user").agg(until=pl.col("consented_at").min()).cast(RETURNED_SCHEMA)


def read_suppression(engine: sa.Engine) -> Suppression:
    """Everybody to leave out now. Any failure to read it propagates: without tombstones nothing may be ingested."""
    refusing = sa.select(account_facts.c.user_pseudonym).where(account_facts.c.consent.is_(False))
    with transaction(engine) as connection:
        stones = connection.execute(_select_stones()).all()
        unwilling = [bytes(pseudonym) for pseudonym in connection.execute(refusing).scalars()]
    left = [bytes(stone.pseudonym) for stone in stones if stone.kind == "user" and stone.until is None]
    returned = [(bytes(stone.pseudonym), stone.until) for stone in stones if stone.kind == "user" and stone.until]
    devices = [(bytes(stone.pseudonym), stone.effective_at) for stone in stones if stone.kind == "device"]
    return Suppression(
        left=pl.Series("user", left, dtype=pl.Binary),
        refusing=pl.Series("user", unwilling, dtype=pl.Binary),
        devices=pl.DataFrame(devices, schema=DEVICE_SCHEMA, orient="row"),
        returned=pl.DataFrame(returned, schema=RETURNED_SCHEMA, orient="row"),
        departed=_list_departed(stones),
        version=len(stones) + sum(stone.mark for stone in stones),
    )


def read_departed(engine: sa.Engine) -> tuple[bytes, ...]:
    """Members whose deletion is completed and who did not return.

    Not their devices, which somebody else may use from then on.
    """
    completed = sa.select(deletion_requests.c.request_id).where(deletion_requests.c.state == "completed")
    stands = (tombstones.c.kind == "user") & tombstones.c.until.is_(None)
    query = sa.select(tombstones.c.pseudonym).where(stands & tombstones.c.request_id.in_(completed))
    with transaction(engine) as connection:
        return tuple(bytes(pseudonym) for pseudonym in connection.execute(query).scalars())


def suppression_version(engine: sa.Engine) -> int:
    """Changes whenever a tombstone is raised, ends, or is taken away, in whatever order these come."""
    counted = sa.select(sa.func.count() + sa.func.coalesce(sa.func.sum(tombstones.c.mark), 0)).select_from(tombstones)
    with transaction(engine) as connection:
        return int(connection.execute(counted).scalar_one())


def _select_stones() -> sa.Select[Any]:
    """Every tombstone, and whether its request is closed; one that is not in the ledger asks for nothing."""
    state = deletion_requests.c.state
    joined = tombstones.outerjoin(deletion_requests, deletion_requests.c.request_id == tombstones.c.request_id)
    is_closed = sa.or_(state.is_(None), state.in_(CLOSED)).label("is_closed")
    return sa.select(tombstones, is_closed).select_from(joined)


def _list_departed(stones: Sequence[Any]) -> pl.DataFrame:
    free = [stone for stone in stones if stone.kind == "user" and stone.until is None and stone.is_closed]
    rows = [(bytes(stone.pseudonym), stone.effective_at) for stone in free]
    return pl.DataFrame(rows, schema=DEPARTED_SCHEMA, orient="row")


def _remember(standing: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    return {
        "earlier_request_id": standing.request_id,
        "earlier_at": standing.effective_at,
        "earlier_until": standing.until,
    }


def _recall(stone: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    before = {"request_id": stone.earlier_request_id, "effective_at": stone.earlier_at, "until": stone.earlier_until}
    return {**before, "earlier_request_id": None, "earlier_at": None, "earlier_until": None}


def _find_channel(connection: sa.Connection, request_id: str) -> str | None:
    query = sa.select(deletion_requests.c.channel).where(deletion_requests.c.request_id == request_id)
    return connection.execute(query).scalar()


def _new_mark() -> int:
    """Drawn, not counted: a tombstone that goes and another one that comes must not look like nothing."""
    return secrets.randbelow(MARKS) + 1
