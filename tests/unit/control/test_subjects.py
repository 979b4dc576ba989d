"""What the ledger knows of people: the newest facts, who is to be left out, and who is gone for good."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from pipelines.control.ledger import open_ledger
from pipelines.control.requests import DeletionRequest, Move, enter_request, get_request, move_requests
from pipelines.control.subjects import (
    AccountFacts,
    Tombstone,
    count_members,
    find_account_facts,
    find_members_with_facts,
    forget_account_facts,
    raise_tombstones,
    read_departed,
    read_suppression,
    store_account_facts,
    suppression_version,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER, OTHER, DEVICE = (bytes([number]) * 16 for number in (1, 2, 3))
FACTS = {
    "user_pseudonym": USER,
    "as_of": date(2026, 11, 20),
    "open_listings": 1,
    "open_trades": 2,
    "last_transaction_date": date(2026, 10, 1),
    "consent": True,
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


def store(ledger: sa.Engine, *rows: dict) -> int:
    return store_account_facts(ledger, pl.DataFrame([FACTS | row for row in rows]))


def stone(kind: str, pseudonym: bytes, request_id: str = "request") -> Tombstone:
    return Tombstone(kind, pseudonym, "membership", request_id, NOON)


def test_newest_facts_stand_in_whatever_order_they_come(ledger: sa.Engine):
    store(ledger, {"as_of": date(2026, 11, 21), "open_trades": 3}, {"as_of": date(2026, 11, 19), "open_trades": 9})
    assert store(ledger, {"open_trades": 8}) == 0
    assert find_account_facts(ledger, [USER]) == AccountFacts(1, 3, date(2026, 10, 1))
    assert store(ledger, {"as_of": date(2026, 11, 22), "open_trades": 0, "last_transaction_date": None}) == 1
    assert find_account_facts(ledger, [USER]) == AccountFacts(1, 0, None)
    assert find_members_with_facts(ledger, [USER]) == {USER}


def test_facts_are_found_under_any_of_a_members_pseudonyms_and_under_no_other(ledger: sa.Engine):
    store(ledger, {})
    assert find_account_facts(ledger, [OTHER, USER]) is not None
    assert find_account_facts(ledger, [OTHER]) is None


def test_forgetting_takes_one_members_facts_and_leaves_no_byte_of_them(ledger: sa.Engine, tmp_path: Path):
    store(ledger, {}, {"user_pseudonym": OTHER})
    assert USER in (tmp_path / "control.db").read_bytes()
    forget_account_facts(ledger, [USER])
    forget_account_facts(ledger, [USER])
    assert find_members_with_facts(ledger, [USER, OTHER]) == {OTHER}
    assert count_members(ledger) == 1
    assert USER not in (tmp_path / "control.db").read_bytes()


def test_suppression_names_who_left_who_refuses_and_devices_until_their_owner_left(ledger: sa.Engine):
    store(ledger, {"user_pseudonym": OTHER, "consent": False})
    raise_tombstones(ledger, [stone("user", USER), stone("device", DEVICE)])
    suppression = read_suppression(ledger)
    assert suppression.left.to_list() == [USER]
    assert suppression.refusing.to_list() == [OTHER]
    assert suppression.devices.rows() == [(DEVICE, NOON)]


def test_suppression_of_nobody_has_its_types(ledger: sa.Engine):
    suppression = read_suppression(ledger)
    assert (suppression.left.dtype, suppression.refusing.dtype, suppression.version) == (pl.Binary, pl.Binary, 0)
    assert suppression.devices.schema == {"device": pl.Binary, "until": pl.Datetime("us", "UTC")}


def test_version_changes_with_each_new_tombstone_and_with_nothing_else(ledger: sa.Engine):
    versions = [suppression_version(ledger)]
    for stones in ([stone("user", USER)], [stone("user", USER)], [stone("device", USER), stone("user", OTHER)]):
        raise_tombstones(ledger, stones)
        versions.append(suppression_version(ledger))
    assert versions == [0, 1, 1, 3]


def test_first_tombstone_stands(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("device", DEVICE)])
    raise_tombstones(ledger, [replace(stone("device", DEVICE), effective_at=datetime(2027, 1, 1, tzinfo=UTC))])
    assert read_suppression(ledger).devices.rows() == [(DEVICE, NOON)]


def test_departed_are_members_of_completed_requests_and_no_devices(ledger: sa.Engine):
    for request_id, user in (("done", USER), ("open", OTHER)):
        request = DeletionRequest(request_id, request_id, "web", NOON, "received", None, None, b"", None, None)
        enter_request(ledger, request)
        raise_tombstones(ledger, [stone("user", user, request_id), stone("device", DEVICE, request_id)])
    for state in ("ready", "planned", "approved", "running", "verifying", "completed"):
        assert read_departed(ledger) == ()
        move_requests(ledger, [get_request(ledger, "done")], Move(state, NOON, "test"))
    assert read_departed(ledger) == (USER,)
