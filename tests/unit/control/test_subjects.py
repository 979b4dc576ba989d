"""What the ledger knows of people: the newest facts, who is to be left out, and who is gone for good."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from pipelines.control.kept_subjects import forget_kept, list_kept
from pipelines.control.ledger import open_ledger, tombstones
from pipelines.control.moves import Move
from pipelines.control.requests import DeletionRequest, enter_request, get_request, move_requests
from pipelines.control.subjects import (
    RESTORE,
    AccountFacts,
    Heir,
    Tombstone,
    count_members,
    find_account_facts,
    find_members_with_facts,
    forget_account_facts,
    open_epochs,
    raise_tombstones,
    read_departed,
    read_suppression,
    store_account_facts,
    suppression_version,
    withdraw_tombstones,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
STATES = ("ready", "planned", "approved", "running", "verifying", "completed")
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


def received(request_id: str) -> DeletionRequest:
    return DeletionRequest(request_id, request_id, "web", NOON, "received", None, None, b"", None, None)


def complete(ledger: sa.Engine, request_id: str) -> None:
    for state in STATES:
        request = get_request(ledger, request_id)
        closed = replace(request, sealed_subject=None) if state == "completed" else request
        move_requests(ledger, [closed], Move(state, NOON, "test"))


def consents(*given: tuple[bytes, datetime]) -> pl.DataFrame:
    schema = {"user": pl.Binary, "consented_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame(list(given), schema=schema, orient="row")


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
        assert read_suppression(ledger).version == versions[-1]
    assert versions[0] == 0
    assert versions[1] == versions[2]
    assert len(set(versions)) == 3


def test_version_changes_when_an_epoch_opens_and_when_one_tombstone_takes_anothers_place(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER)])
    before = suppression_version(ledger)
    assert open_epochs(ledger, consents((USER, LATER))) == 1
    opened = suppression_version(ledger)
    with ledger.begin() as connection:
        connection.execute(sa.delete(tombstones))
    raise_tombstones(ledger, [stone("user", OTHER)])
    assert len({before, opened, suppression_version(ledger)}) == 3


@pytest.mark.parametrize(("consented_at", "returns"), [(NOON, False), (NOON + timedelta(seconds=1), True)])
def test_member_returns_with_a_consent_given_after_they_left(ledger: sa.Engine, consented_at: datetime, returns: bool):  # noqa: FBT001
    raise_tombstones(ledger, [stone("user", USER), stone("user", OTHER), stone("device", USER)])
    assert open_epochs(ledger, consents((USER, consented_at))) == int(returns)
    suppression = read_suppression(ledger)
    assert suppression.left.to_list() == ([OTHER] if returns else [USER, OTHER])
    assert suppression.returned.rows() == ([(USER, consented_at)] if returns else [])
    assert suppression.devices.rows() == [(USER, NOON)], "a device comes back to nobody"


def test_first_consent_since_begins_the_epoch_and_later_ones_move_it_no_more(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER)])
    assert open_epochs(ledger, consents((USER, LATER + timedelta(days=1)), (USER, LATER))) == 1
    assert open_epochs(ledger, consents((USER, LATER + timedelta(days=2)))) == 0
    assert read_suppression(ledger).returned.rows() == [(USER, LATER)]


def test_nobody_returns_while_their_request_is_open(ledger: sa.Engine):
    enter_request(ledger, received("open"))
    raise_tombstones(ledger, [stone("user", USER, "open")])
    assert open_epochs(ledger, consents((USER, LATER))) == 0
    complete(ledger, "open")
    assert read_departed(ledger) == (USER,)
    assert open_epochs(ledger, consents((USER, LATER))) == 1
    assert read_departed(ledger) == (), "who returned is no residue"


def test_member_who_leaves_again_is_left_out_for_ever_again(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER)])
    open_epochs(ledger, consents((USER, LATER)))
    again = replace(stone("user", USER, "again"), effective_at=LATER + timedelta(days=9))
    raise_tombstones(ledger, [again])
    assert read_suppression(ledger).left.to_list() == [USER]
    assert open_epochs(ledger, consents((USER, LATER))) == 0, "that consent was taken back"


def test_device_of_a_second_leaver_is_left_out_until_the_second_leaves(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("device", DEVICE)])
    raise_tombstones(ledger, [replace(stone("device", DEVICE, "second"), effective_at=LATER)])
    assert read_suppression(ledger).devices.rows() == [(DEVICE, LATER)]


def test_tombstone_of_an_open_request_is_not_taken_over(ledger: sa.Engine):
    enter_request(ledger, received("open"))
    raise_tombstones(ledger, [stone("device", DEVICE, "open")])
    raise_tombstones(ledger, [replace(stone("device", DEVICE, "second"), effective_at=LATER)])
    assert read_suppression(ledger).devices.rows() == [(DEVICE, NOON)]


def test_repeated_deletion_leaves_the_moment_of_the_first_one(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER), stone("device", DEVICE)])
    open_epochs(ledger, consents((USER, LATER)))
    enter_request(ledger, replace(received("repeat"), channel=RESTORE))
    later = [stone("user", USER, "repeat"), stone("device", DEVICE, "repeat")]
    raise_tombstones(ledger, [replace(each, effective_at=LATER) for each in later])
    suppression = read_suppression(ledger)
    assert (suppression.left.to_list(), suppression.devices.rows()) == ([USER], [(DEVICE, NOON)])
    complete(ledger, "repeat")
    assert open_epochs(ledger, consents((USER, LATER))) == 1, "the consent that was given since still holds"


def withdraw(ledger: sa.Engine, request_id: str, *heirs: Heir) -> None:
    with ledger.begin() as connection:
        withdraw_tombstones(connection, request_id, heirs)


def test_withdrawn_tombstones_are_gone_but_for_what_an_heir_needs(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER), stone("device", DEVICE), stone("user", OTHER, "another")])
    version = suppression_version(ledger)
    withdraw(ledger, "request", Heir("device", DEVICE, "heir"))
    suppression = read_suppression(ledger)
    assert (suppression.left.to_list(), suppression.devices.rows()) == ([OTHER], [(DEVICE, NOON)])
    assert suppression.version != version
    withdraw(ledger, "heir")
    assert read_suppression(ledger).devices.height == 0


def test_earlier_epoch_stays_away_when_the_member_who_returned_is_refused(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("user", USER)])
    open_epochs(ledger, consents((USER, LATER)))
    version = suppression_version(ledger)
    raise_tombstones(ledger, [replace(stone("user", USER, "again"), effective_at=LATER + timedelta(days=9))])
    withdraw(ledger, "again")
    suppression = read_suppression(ledger)
    assert (suppression.left.to_list(), suppression.returned.rows()) == ([], [(USER, LATER)])
    assert suppression.version != version


def test_subject_of_a_completed_request_is_kept_until_no_copy_holds_it(ledger: sa.Engine, tmp_path: Path):
    enter_request(ledger, replace(received("done"), sealed_subject=b"sealed subject"))
    complete(ledger, "done")
    assert get_request(ledger, "done").sealed_subject is None
    [kept] = list_kept(ledger)
    assert (kept.request_id, kept.sealed_subject, kept.completed_at) == ("done", b"sealed subject", NOON)
    assert forget_kept(ledger, NOON) == 0
    assert forget_kept(ledger, LATER) == 1
    assert list_kept(ledger) == ()
    assert b"sealed subject" not in (tmp_path / "control.db").read_bytes()


def test_first_tombstone_stands(ledger: sa.Engine):
    raise_tombstones(ledger, [stone("device", DEVICE)])
    raise_tombstones(ledger, [replace(stone("device", DEVICE), effective_at=datetime(2027, 1, 1, tzinfo=UTC))])
    assert read_suppression(ledger).devices.rows() == [(DEVICE, NOON)]


def test_departed_are_members_of_completed_requests_and_no_devices(ledger: sa.Engine):
    for request_id, user in (("done", USER), ("open", OTHER)):
        enter_request(ledger, received(request_id))
        raise_tombstones(ledger, [stone("user", user, request_id), stone("device", DEVICE, request_id)])
    for state in STATES:
        assert read_departed(ledger) == ()
        move_requests(ledger, [get_request(ledger, "done")], Move(state, NOON, "test"))
    assert read_departed(ledger) == (USER,)
