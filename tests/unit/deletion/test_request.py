"""A request turns its identifier into pseudonyms at once, and the ledger's file never shows whose it is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
import sqlalchemy as sa

from anonymization.keyring import Keyring
from pipelines.control.ledger import open_ledger
from pipelines.control.requests import enter_request, list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.deletion.request import (
    SUBJECT_PURPOSES,
    Subject,
    accept_requests,
    identify_subject,
    list_tombstones,
    new_request,
    seal_subject,
    unseal_subject,
)
from pipelines.errors import ConfigurationError
from pipelines.proof.scan import scan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER = "u123456789"
FACTS = AccountFacts(1, 2, date(2026, 10, 1), as_of=date(2026, 11, 22))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


def make_request(keyring: Keyring, key: str = "key", facts: AccountFacts | None = FACTS):
    return new_request(keyring, USER, request_key=key, channel="web", requested_at=NOON, facts=facts)


def list_identifiers(subject: Subject) -> list[str | bytes]:
    return [USER, *(value for purpose in SUBJECT_PURPOSES for value in subject.pseudonyms(purpose))]


def test_subject_has_a_pseudonym_for_every_live_key_of_every_purpose(keyring: Keyring):
    users = identify_subject(USER, keyring).users
    assert {purpose: len(values) for purpose, values in users.items()} == {
        "usage": 2,
        "satisfaction": 1,
        "security": 1,
        "membership": 1,
    }
    every = [value for values in users.values() for value in values]
    assert len(set(every)) == len(every)
    assert {len(value) for value in every} == {16}


@pytest.mark.parametrize("written", [f" {USER}", f"{USER}\n"])
def test_space_around_the_identifier_names_nobody_else(keyring: Keyring, written: str):
    assert identify_subject(written, keyring) == identify_subject(USER, keyring)


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_identifier_is_refused(keyring: Keyring, empty: str):
    with pytest.raises(ConfigurationError, match="user id is empty"):
        identify_subject(empty, keyring)


def test_request_id_follows_from_the_key_alone(keyring: Keyring):
    first, again, other = (make_request(keyring, key) for key in ("key", "key", "another"))
    assert first.request_id == again.request_id != other.request_id
    assert UUID(first.request_id).version == 5


@pytest.mark.parametrize("facts", [None, FACTS, AccountFacts(0, 0, None)])
def test_sealed_subject_opens_to_what_it_was(keyring: Keyring, facts: AccountFacts | None):
    subject = replace(identify_subject(USER, keyring, facts), devices={"usage": (bytes(16), b"\xff" * 16)})
    request = replace(make_request(keyring), sealed_subject=seal_subject(subject, keyring))
    opened = unseal_subject(request, keyring)
    assert opened == subject
    assert (opened.facts and opened.facts.as_of) == (facts and facts.as_of)


def test_closed_request_has_no_subject(keyring: Keyring):
    with pytest.raises(ConfigurationError, match="is closed"):
        unseal_subject(replace(make_request(keyring), sealed_subject=None), keyring)


def test_ledger_file_shows_neither_identifier_nor_pseudonym_of_a_request(
    keyring: Keyring, ledger: sa.Engine, tmp_path: Path
):
    subject = identify_subject(USER, keyring)
    enter_request(ledger, make_request(keyring))
    assert scan([tmp_path], list_identifiers(subject)).clean
    (tmp_path / "unsealed").write_bytes(subject.users["usage"][0])
    assert not scan([tmp_path], list_identifiers(subject)).clean, "the positive control"


def test_rows_of_the_source_become_requests_once_for_each_key(keyring: Keyring, ledger: sa.Engine):
    rows = pl.DataFrame(
        {
            "request_key": ["a", "b", "a"],
            "user_id": [USER, "u987654321", USER],
            "channel": ["web", "phone", "web"],
            "event_at": [NOON] * 3,
        }
    )
    assert accept_requests(ledger, keyring, rows) == 2
    assert accept_requests(ledger, keyring, rows) == 0
    assert sorted(request.channel for request in list_requests(ledger)) == ["phone", "web"]
    assert {request.state for request in list_requests(ledger)} == {"received"}


def test_requests_filed_together_know_the_pseudonyms_of_each_filed_alone(keyring: Keyring, ledger: sa.Engine):
    users = [USER, f" {USER}\n", "u987654321", "ユーザー", USER, "U123456789"]
    keys = [f"{number}" for number in range(len(users))]
    rows = pl.DataFrame({"request_key": keys, "user_id": users}).with_columns(channel=pl.lit("web"), event_at=NOON)
    assert accept_requests(ledger, keyring, rows) == len(users)
    alone = [
        new_request(keyring, user, request_key=key, channel="web", requested_at=NOON)
        for key, user in zip(keys, users, strict=True)
    ]
    filed = list_requests(ledger)
    assert {each.request_id: unseal_subject(each, keyring) for each in filed} == {
        each.request_id: unseal_subject(each, keyring) for each in alone
    }
    blank = {"sealed_subject": None}
    assert {replace(each, **blank) for each in filed} == {replace(each, **blank) for each in alone}


def test_one_request_without_an_identifier_keeps_all_of_its_file_out(keyring: Keyring, ledger: sa.Engine):
    rows = pl.DataFrame({"request_key": ["a", "b"], "user_id": [USER, " "], "channel": "web", "event_at": NOON})
    with pytest.raises(ConfigurationError, match="user id is empty"):
        accept_requests(ledger, keyring, rows)
    assert list_requests(ledger) == ()


def test_tombstones_stand_under_membership_pseudonyms_only(keyring: Keyring):
    request = make_request(keyring)
    devices = {"usage": (b"usage device",), "membership": (b"membership device",)}
    subject = replace(identify_subject(USER, keyring), devices=devices)
    stones = list_tombstones(request, subject, NOON)
    assert [(stone.kind, stone.pseudonym) for stone in stones] == [
        ("user", subject.users["membership"][0]),
        ("device", b"membership device"),
    ]
    assert {(stone.request_id, stone.effective_at) for stone in stones} == {(request.request_id, NOON)}
