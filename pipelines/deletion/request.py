"""A deletion request as it arrives: the identifier becomes pseudonyms under every live key, and is not kept."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from anonymization.keyring import Keyring, seal, unseal
from anonymization.operators import pseudonyms_of
from pipelines.control.kept_subjects import KeptSubject
from pipelines.control.requests import DeletionRequest, enter_requests
from pipelines.control.subjects import RESTORE, AccountFacts, Tombstone
from pipelines.errors import ConfigurationError

SUBJECT_PURPOSES = ("usage", "satisfaction", "security", "membership")
REQUEST_NAMESPACE = uuid.UUID("5f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11")

Pseudonyms = Mapping[str, tuple[bytes, ...]]  # by purpose


@dataclass(frozen=True, slots=True)
class Subject:
    """One data subject as the lake knows them: pseudonyms by purpose, and account facts given with the request.

    users holds the member's pseudonyms under every live key; devices those of devices that were theirs alone. aliases:
    pseudonyms by purpose, under keys that came later, of devices by their membership pseudonym, whoever else uses them.
    """

    users: Mapping[str, tuple[bytes, ...]] = field(hash=False)
    devices: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict, hash=False)
    facts: AccountFacts | None = None
    aliases: Mapping[bytes, Mapping[str, tuple[bytes, ...]]] = field(default_factory=dict, hash=False)

    def pseudonyms(self, purpose: str) -> tuple[bytes, ...]:
        """Everything that stands for this subject under one purpose."""
        return (*self.users.get(purpose, ()), *self.devices.get(purpose, ()))


def identify_subject(user_id: str, keyring: Keyring, facts: AccountFacts | None = None) -> Subject:
    """The pseudonyms of a member under every live key of every purpose that stores them."""
    return replace(identify_subjects([user_id], keyring)[0], facts=facts)


def identify_subjects(user_ids: Sequence[str], keyring: Keyring) -> list[Subject]:
    """As `identify_subject`, of many members in their order."""
    names = [user_id.strip() for user_id in user_ids]
    if not all(names):
        raise ConfigurationError("the user id is empty", hint="give the member's id as the logs write it")
    columns = {
        purpose: list(zip(*(pseudonyms_of(names, "user", key) for key in keyring.live(purpose)), strict=True))
        for purpose in SUBJECT_PURPOSES
    }
    return [Subject({purpose: column[row] for purpose, column in columns.items()}) for row in range(len(names))]


def new_request(  # noqa: PLR0913 - a request has these facts
    keyring: Keyring,
    user_id: str,
    *,
    request_key: str,
    channel: str,
    requested_at: datetime,
    facts: AccountFacts | None = None,
) -> DeletionRequest:
    """A request to enter in the ledger; its id follows from its key, so that filing it twice is filing it once."""
    request = _make_request(request_key, channel, requested_at, identify_subject(user_id, keyring, facts), keyring)
    return replace(request, known_keys=name_keys(keyring))


def request_of_subject(  # noqa: PLR0913 - a request has these facts
    keyring: Keyring, subject: Subject, known_keys: str, *, request_key: str, channel: str, requested_at: datetime
) -> DeletionRequest:
    """As `new_request`, of a member whose id nobody gives: known_keys are those under which the subject is known."""
    return replace(_make_request(request_key, channel, requested_at, subject, keyring), known_keys=known_keys)


def request_of_nobody(request_key: str, channel: str, requested_at: datetime, keyring: Keyring) -> DeletionRequest:
    """A request whose member is not known, to be entered as refused: it holds no subject."""
    return replace(_make_request(request_key, channel, requested_at, Subject({}), keyring), sealed_subject=None)


def request_id_of(request_key: str) -> str:
    """The id of the request that is filed under a key, whatever right it asks for."""
    return str(uuid.uuid5(REQUEST_NAMESPACE, request_key))


def repeat_request(kept: KeptSubject, subject: Subject, keyring: Keyring, now: datetime) -> DeletionRequest:
    """The request that repeats a completed one, whose subject is stored again; filing it twice is filing it once."""
    return _make_request(f"{RESTORE}-{kept.request_id}", RESTORE, now, subject, keyring)


def accept_requests(engine: sa.Engine, keyring: Keyring, rows: pl.DataFrame) -> int:
    """File a request for each row of the requests source; returns how many were new."""
    known_keys, subjects = name_keys(keyring), identify_subjects(rows["user_id"].to_list(), keyring)
    asked = rows.select("request_key", "channel", "event_at").iter_rows()
    requests = [
        _make_request(request_key, channel, requested_at, subject, keyring)
        for (request_key, channel, requested_at), subject in zip(asked, subjects, strict=True)
    ]
    return enter_requests(engine, [replace(request, known_keys=known_keys) for request in requests])


def _make_request(
    request_key: str, channel: str, requested_at: datetime, subject: Subject, keyring: Keyring
) -> DeletionRequest:
    return DeletionRequest(
        request_id=request_id_of(request_key),
        request_key=request_key,
        channel=channel,
        requested_at=requested_at,
        state="received",
        reason=None,
        eligible_on=None,
        sealed_subject=seal_subject(subject, keyring),
        plan_digest=None,
        completed_at=None,
    )


def name_keys(keyring: Keyring) -> str:
    """The ids of the keys under which a subject is identified, as a request notes them."""
    return " ".join(key.id for purpose in SUBJECT_PURPOSES for key in keyring.live(purpose))


def list_tombstones(request: DeletionRequest, subject: Subject, effective_at: datetime) -> list[Tombstone]:
    """A tombstone for each membership pseudonym of a subject: the member's own, and those of their devices."""
    kinds = (("user", subject.users), ("device", subject.devices))
    return [
        Tombstone(kind, pseudonym, "membership", request.request_id, effective_at)
        for kind, by_purpose in kinds
        for pseudonym in by_purpose.get("membership", ())
    ]


def seal_subject(subject: Subject, keyring: Keyring) -> bytes:
    """The subject as bytes that only the keyring opens, so that the ledger's file holds no pseudonym of theirs."""
    facts = subject.facts
    document = {
        "users": _write_pseudonyms(subject.users),
        "devices": _write_pseudonyms(subject.devices),
        "facts": None
        if facts is None
        else [facts.open_listings, facts.open_trades, str(facts.last_transaction_date or ""), str(facts.as_of or "")],
        "aliases": {device.hex(): _write_pseudonyms(aliases) for device, aliases in subject.aliases.items()},
    }
    return seal(keyring, json.dumps(document).encode())


def unseal_subject(request: DeletionRequest | KeptSubject, keyring: Keyring) -> Subject:
    """The subject of a request that is not completed, or that is kept, with all that ingestion added to it."""
    if request.sealed_subject is None:
        raise ConfigurationError(f"request {request.request_id} is closed", hint="see `tokumei delete status`")
    subject = read_subject(unseal(keyring, request.sealed_subject))
    if request.sealed_extension is None:
        return subject
    return extend_subject(subject, read_subject(unseal(keyring, request.sealed_extension)))


def extend_subject(subject: Subject, other: Subject) -> Subject:
    """A subject with what another one, of the same person, knows besides."""
    aliases = {
        device: unite_pseudonyms(subject.aliases.get(device, {}), other.aliases.get(device, {}))
        for device in (*subject.aliases, *other.aliases)
    }
    return replace(subject, users=unite_pseudonyms(subject.users, other.users), aliases=aliases)


def unite_pseudonyms(first: Pseudonyms, second: Pseudonyms) -> dict[str, tuple[bytes, ...]]:
    """The pseudonyms of both by purpose, each once, the first one's first."""
    purposes = dict.fromkeys((*first, *second))
    return {name: tuple(dict.fromkeys((*first.get(name, ()), *second.get(name, ())))) for name in purposes}


def read_subject(content: bytes) -> Subject:
    """A subject from what `seal_subject` sealed."""
    document = json.loads(content)
    aliases = document.get("aliases", {})
    return Subject(
        users=_read_pseudonyms(document["users"]),
        devices=_read_pseudonyms(document["devices"]),
        facts=None if document["facts"] is None else _read_facts(*document["facts"]),
        aliases={bytes.fromhex(device): _read_pseudonyms(texts) for device, texts in aliases.items()},
    )


def _write_pseudonyms(pseudonyms: Pseudonyms) -> dict[str, list[str]]:
    return {purpose: [value.hex() for value in values] for purpose, values in pseudonyms.items()}


def _read_pseudonyms(texts: Mapping[str, list[str]]) -> dict[str, tuple[bytes, ...]]:
    return {purpose: tuple(bytes.fromhex(text) for text in values) for purpose, values in texts.items()}


def _read_facts(open_listings: int, open_trades: int, last_transaction: str, as_of: str = "") -> AccountFacts:
    last_transaction_date, day = (date.fromisoformat(text) if text else None for text in (last_transaction, as_of))
    return AccountFacts(open_listings, open_trades, last_transaction_date, day)
