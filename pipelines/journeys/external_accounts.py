"""Members who log in by an account elsewhere: linked as the accounts source tells, found when the provider calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

import polars as pl

from anonymization.keyring import unseal
from anonymization.operators import pseudonym_of, pseudonymise
from pipelines.control.external_accounts import ExternalAccount, list_accounts, store_accounts
from pipelines.deletion.extension import read_key_ids
from pipelines.deletion.request import Subject, identify_subjects, name_keys, read_subject, seal_subject
from pipelines.journeys.house import House

FACEBOOK = "facebook"
ID_COLUMN = "facebook_user_id"


def link_accounts(house: House, rows: pl.DataFrame) -> int:
    """Note by which Facebook account members of an accounts file log in; returns how many were written.

    An account that is known already is written anew when its member changed, or when a key came that it does not
    know its member under: so that links follow every rotation at the next file. Safe to repeat.
    """
    if ID_COLUMN not in rows.columns:
        return 0
    key = house.keyring.current("membership")
    linked = (
        rows.select(
            "user_id",
            as_of="event_date",
            external=pseudonymise(pl.col(ID_COLUMN), FACEBOOK, key),
            user=pseudonymise(pl.col("user_id"), "user", key),
        )
        .drop_nulls()
        .sort("as_of")
        .unique("external", keep="last")
    )
    if not linked.height:
        return 0
    known, key_ids = list_accounts(house.ledger, FACEBOOK, linked["external"].to_list()), read_key_ids(house.keyring)
    is_current = [_is_current(known.get(external), user, key_ids) for external, user in _pair(linked)]
    return store_accounts(house.ledger, _make_accounts(house, linked.filter(~pl.Series(is_current, dtype=pl.Boolean))))


def find_member(house: House, facebook_user_id: str) -> tuple[Subject, str] | None:
    """The member who logs in by a Facebook account, and the ids of the keys that they are known under; None else."""
    external = pseudonym_of(facebook_user_id, FACEBOOK, house.keyring.current("membership"))
    account = list_accounts(house.ledger, FACEBOOK, [external]).get(external)
    if account is None:
        return None
    return read_subject(unseal(house.keyring, account.sealed_subject)), account.known_keys


def _pair(linked: pl.DataFrame) -> Iterator[tuple[bytes, bytes]]:
    return zip(linked["external"].to_list(), linked["user"].to_list(), strict=True)


def _is_current(account: ExternalAccount | None, user: bytes, key_ids: frozenset[str]) -> bool:
    return account is not None and account.user_pseudonym == user and key_ids.issubset(account.known_keys.split())


def _make_accounts(house: House, linked: pl.DataFrame) -> list[ExternalAccount]:
    subjects, known_keys = identify_subjects(linked["user_id"].to_list(), house.keyring), name_keys(house.keyring)
    return [
        ExternalAccount(
            provider=FACEBOOK,
            external_pseudonym=external,
            user_pseudonym=user,
            sealed_subject=seal_subject(subject, house.keyring),
            known_keys=known_keys,
            linked_at=datetime.combine(as_of, time(), UTC),
        )
        for subject, (external, user), as_of in zip(subjects, _pair(linked), linked["as_of"].to_list(), strict=True)
    ]
