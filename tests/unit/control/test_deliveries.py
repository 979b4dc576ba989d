"""The ledger's account of every file that arrived."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pipelines.control.deliveries import (
    Delivery,
    LineCounts,
    file_accounts,
    find_deliveries,
    held_files,
    mark_built,
    record_delivery,
    settle_file,
    unbuilt_dates,
    unbuilt_digests,
    unsettled_files,
    was_entered,
)
from pipelines.control.ledger import open_ledger

DAY = date(2026, 11, 22)
FIRST = Delivery(
    content_digest="a" * 64,
    source="access",
    file_name="one.log",
    state="committed",
    received_at=datetime(2026, 11, 22, 3, tzinfo=UTC),
    received_date=DAY,
    counts=LineCounts(read=10, accepted=7, rejected=2, duplicate=0, suppressed=1),
    event_dates=(DAY,),
)
AGAIN = replace(FIRST, file_name="two.log", state="duplicate", counts=LineCounts(10, 0, 0, 10, 0), event_dates=())
HELD = replace(FIRST, state="held", counts=LineCounts(), event_dates=(), reason="too many bad lines")


@pytest.fixture
def ledger(tmp_path):
    return open_ledger(f"sqlite:///{tmp_path}/control.db")


def test_delivery_is_found_by_its_content_as_it_was_entered(ledger):
    assert record_delivery(ledger, FIRST)
    assert record_delivery(ledger, AGAIN)
    assert find_deliveries(ledger, "access", "a" * 64) == (replace(FIRST, event_dates=()), AGAIN)
    assert find_deliveries(ledger, "devices", "a" * 64) == ()


def test_content_is_committed_once_whatever_its_name(ledger):
    assert record_delivery(ledger, FIRST)
    assert not record_delivery(ledger, replace(FIRST, file_name="two.log"))
    assert file_accounts(ledger)["read_count"].sum() == 10


def test_counts_add_up_and_are_checked():
    assert FIRST.counts + AGAIN.counts == LineCounts(20, 7, 2, 10, 1)
    assert FIRST.counts.reconciled
    assert not LineCounts(read=1).reconciled


def test_hold_ends_when_the_file_is_taken_in(ledger):
    record_delivery(ledger, HELD)
    assert held_files(ledger) == (("access", "one.log", "too many bad lines"),)
    assert not was_entered(ledger, "access", "one.log")
    record_delivery(ledger, FIRST)
    assert held_files(ledger) == ()
    assert was_entered(ledger, "access", "one.log")


def test_hold_ends_when_a_mended_file_comes_under_the_same_name(ledger):
    record_delivery(ledger, HELD)
    record_delivery(ledger, replace(FIRST, content_digest="b" * 64))
    assert held_files(ledger) == ()


def test_hold_ends_when_the_file_is_gone(ledger):
    record_delivery(ledger, HELD)
    assert unsettled_files(ledger) == (("access", "one.log"),)
    settle_file(ledger, "access", "one.log")
    assert held_files(ledger) == ()
    assert unsettled_files(ledger) == ()


def test_file_held_again_is_one_hold(ledger):
    record_delivery(ledger, HELD)
    record_delivery(ledger, replace(HELD, reason="x" * 5000))
    ((_, _, reason),) = held_files(ledger)
    assert reason == "x" * 1000


def test_settling_one_file_leaves_the_others(ledger):
    record_delivery(ledger, FIRST)
    record_delivery(ledger, AGAIN)
    settle_file(ledger, "access", "one.log")
    assert unsettled_files(ledger) == (("access", "two.log"),)
    assert [each.settled for each in find_deliveries(ledger, "access", "a" * 64)] == [True, False]


def test_dates_wait_until_their_marts_are_built(ledger):
    record_delivery(ledger, FIRST)
    record_delivery(ledger, replace(FIRST, content_digest="b" * 64, event_dates=(DAY, date(2026, 11, 23))))
    assert unbuilt_dates(ledger) == (DAY, date(2026, 11, 23))
    mark_built(ledger, [DAY], ["b" * 64])
    assert unbuilt_dates(ledger) == (DAY, date(2026, 11, 23))
    mark_built(ledger, [DAY, date(2026, 11, 23)], unbuilt_digests(ledger))
    assert unbuilt_dates(ledger) == ()
