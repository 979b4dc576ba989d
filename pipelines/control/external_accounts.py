"""By which accounts elsewhere members log in, under pseudonyms: how a login provider's callback finds a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import external_accounts
from pipelines.control.ledger import transaction


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """One account at a provider and the member who logs in by it, as the accounts source said on the day linked_at.

    known_keys: ids of the keys that the sealed subject's pseudonyms were made under, separated by spaces.
    """

    provider: str
    external_pseudonym: bytes
    user_pseudonym: bytes
    sealed_subject: bytes
    known_keys: str
    linked_at: datetime


def list_accounts(
    engine: sa.Engine, provider: str, external_pseudonyms: Sequence[bytes]
) -> dict[bytes, ExternalAccount]:
    """The accounts that are known among these, by their pseudonyms."""
    found: dict[bytes, ExternalAccount] = {}
    with transaction(engine) as connection:
        for batch in split_batches(external_pseudonyms):
            rows = connection.execute(sa.select(external_accounts).where(_is_one_of(provider, batch)))
            found |= {bytes(row.external_pseudonym): _read(row) for row in rows}
    return found


def store_accounts(engine: sa.Engine, accounts: Sequence[ExternalAccount]) -> int:
    """Enter accounts, each in place of what was known of it, but for a later day's; returns how many were written."""
    written = 0
    with transaction(engine) as connection:
        for batch in split_batches(accounts):
            for provider in sorted({account.provider for account in batch}):
                own = [account for account in batch if account.provider == provider]
                written += _store_batch(connection, provider, own)
    return written


def _store_batch(connection: sa.Connection, provider: str, accounts: Sequence[ExternalAccount]) -> int:
    is_one = _is_one_of(provider, [account.external_pseudonym for account in accounts])
    stored = {bytes(row.external_pseudonym): _read(row) for row in connection.execute(_select(is_one))}
    latest = [each for each in accounts if _is_not_older(each, stored.get(each.external_pseudonym))]
    if latest:
        replaced = _is_one_of(provider, [account.external_pseudonym for account in latest])
        connection.execute(sa.delete(external_accounts).where(replaced))
        connection.execute(sa.insert(external_accounts), [asdict(account) for account in latest])
    return len(latest)


def _select(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(external_accounts).where(condition).with_for_update()


def _is_not_older(account: ExternalAccount, stored: ExternalAccount | None) -> bool:
    return stored is None or stored.linked_at <= account.linked_at


def forget_within(connection: sa.Connection, user_pseudonyms: Sequence[bytes]) -> None:
    """Delete the accounts of these members, as part of the caller's transaction."""
    is_theirs = external_accounts.c.user_pseudonym.in_(list(user_pseudonyms))
    connection.execute(sa.delete(external_accounts).where(is_theirs))


def _is_one_of(provider: str, external_pseudonyms: Sequence[bytes]) -> sa.ColumnElement[bool]:
    columns = external_accounts.c
    return (columns.provider == provider) & columns.external_pseudonym.in_(list(external_pseudonyms))


def _read(row: sa.Row[Any]) -> ExternalAccount:
    return ExternalAccount(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
