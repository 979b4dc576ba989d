"""What the ledger knows of data subjects, under membership pseudonyms: account facts, consent, tombstones.

A tombstone stands for ever, unless its member returns and consents anew: then it ends at that moment, what is older
stays away, and a new epoch begins. A member who leaves again closes it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.external_accounts import forget_within
from pipelines.control.ledger import account_facts, deletion_requests, tombstones, transaction
from pipelines.control.tombstone_rows import new_mark, recall_stone, remember_stone, select_stones

MOMENT = pl.Datetime("us", "UTC")
DEVICE_SCHEMA = pl.Schema({"device": pl.Binary(), "until": MOMENT})
RETURNED_SCHEMA = pl.Schema({"user": pl.Binary(), "until": MOMENT})
DEPARTED_SCHEMA = pl.Schema({"user": pl.Binary(), "left_at": MOMENT})
RESTORE = "restore"  # the channel of requests that repeat a completed deletion


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
        for batch in split_batches(rows):
            connection.execute(sa.delete(account_facts).where(_is_one_of([row["user_pseudonym"] for row in batch])))
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
        for batch in split_batches(pseudonyms):
            for row in connection.execute(sa.select(account_facts).where(_is_one_of(batch))):
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
            for batch in split_batches(pseudonyms)
        ]
    return frozenset(bytes(pseudonym) for batch in found for pseudonym in batch)


def count_members(engine: sa.Engine) -> int:
    """How many members are known by their facts."""
    with transaction(engine) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(account_facts)).scalar_one()


def forget_account_facts(engine: sa.Engine, pseudonyms: Sequence[bytes]) -> None:
    """Delete the facts of these members, and by which accounts elsewhere they log in."""
    with transaction(engine) as connection:
        for batch in split_batches(pseudonyms):
            forget_within(connection, batch)
            connection.execute(sa.delete(account_facts).where(_is_one_of(batch)))


def _is_one_of(pseudonyms: Sequence[bytes]) -> sa.ColumnElement[bool]:
    return account_facts.c.user_pseudonym.in_(list(pseudonyms))


def raise_tombstones(engine: sa.Engine, stones: Sequence[Tombstone]) -> None:
    """Enter tombstones; from here on nothing of these subjects is stored.

    One that stands already stays as it is while its request is open. Later requests take it over: a member who had
    returned leaves again, a device has had another owner. Those that repeat a deletion leave its moment as it was.
    """
    with transaction(engine) as connection:
        for each_once in _split_rounds(stones):
            for batch in split_batches(each_once):
                _raise_batch(connection, batch)


def _split_rounds(stones: Sequence[Tombstone]) -> list[list[Tombstone]]:
    """Rounds in which no tombstone comes twice, since the second one is measured by what the first one did."""
    rounds = defaultdict[int, list[Tombstone]](list)
    seen = Counter[tuple[str, bytes]]()
    for stone in stones:
        rounds[seen[stone.kind, stone.pseudonym]].append(stone)
        seen[stone.kind, stone.pseudonym] += 1
    return list(rounds.values())


def _raise_batch(connection: sa.Connection, stones: Sequence[Tombstone]) -> None:
    found = _find_standing(connection, stones)
    paired = [(stone, found.get((stone.kind, stone.pseudonym))) for stone in stones]
    new = [asdict(stone) | {"mark": new_mark()} for stone, standing in paired if standing is None]
    if new:
        connection.execute(sa.insert(tombstones), new)
    taken = [(stone, standing) for stone, standing in paired if standing and _is_taken_over(standing, stone)]
    if taken:
        _take_over(connection, taken)


def _find_standing(connection: sa.Connection, stones: Sequence[Tombstone]) -> dict[tuple[str, bytes], Any]:
    kinds, pseudonyms = {stone.kind for stone in stones}, [stone.pseudonym for stone in stones]
    is_one = tombstones.c.kind.in_(kinds) & tombstones.c.pseudonym.in_(pseudonyms)
    return {(row.kind, bytes(row.pseudonym)): row for row in connection.execute(select_stones().where(is_one))}


def _is_taken_over(standing: Any, stone: Tombstone) -> bool:  # noqa: ANN401 - a row
    return standing.request_id != stone.request_id and bool(standing.is_closed or standing.until)


def _take_over(connection: sa.Connection, taken: Sequence[tuple[Tombstone, Any]]) -> None:
    repeating = _find_repeating(connection, {stone.request_id for stone, _ in taken})
    is_same = (tombstones.c.kind == sa.bindparam("same_kind")) & (
        tombstones.c.pseudonym == sa.bindparam("same_pseudonym")
    )
    changes = [
        asdict(stone)
        | {"effective_at": standing.effective_at if stone.request_id in repeating else stone.effective_at}
        | {"mark": new_mark(), "same_kind": stone.kind, "same_pseudonym": stone.pseudonym}
        | remember_stone(standing)
        for stone, standing in taken
    ]
    connection.execute(sa.update(tombstones).where(is_same), changes)


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
            changed = {"request_id": heir} if heir else recall_stone(stone)
            connection.execute(sa.update(tombstones).where(is_same).values({**changed, "mark": new_mark()}))
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
        departed = _list_departed(connection.execute(select_stones()).all())
        returning = find_returning(departed, consents)
        for user, until in returning.iter_rows():
            is_theirs = (tombstones.c.kind == "user") & (tombstones.c.pseudonym == user)
            connection.execute(sa.update(tombstones).where(is_theirs).values(until=until, mark=new_mark()))
    return returning.height


def find_returning(departed: pl.DataFrame, consents: pl.DataFrame) -> pl.DataFrame:
    """Columns user and until: who of the departed (user, left_at) consented (user, consented_at) since, and when."""
    since = consents.join(departed, on="user").filter(pl.col("consented_at") > pl.col("left_at"))
    return since.group_by("user").agg(until=pl.col("consented_at").min()).cast(RETURNED_SCHEMA)


def read_suppression(engine: sa.Engine) -> Suppression:
    """Everybody to leave out now. Any failure to read it propagates: without tombstones nothing may be ingested."""
    refusing = sa.select(account_facts.c.user_pseudonym).where(account_facts.c.consent.is_(False))
    with transaction(engine) as connection:
        stones = connection.execute(select_stones()).all()
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


def _list_departed(stones: Sequence[Any]) -> pl.DataFrame:
    free = [stone for stone in stones if stone.kind == "user" and stone.until is None and stone.is_closed]
    rows = [(bytes(stone.pseudonym), stone.effective_at) for stone in free]
    return pl.DataFrame(rows, schema=DEPARTED_SCHEMA, orient="row")


def _find_repeating(connection: sa.Connection, request_ids: Collection[str]) -> frozenset[str]:
    is_one = deletion_requests.c.request_id.in_(request_ids) & (deletion_requests.c.channel == RESTORE)
    return frozenset(connection.execute(sa.select(deletion_requests.c.request_id).where(is_one)).scalars())
