"""Deletion waits as the policy says: nothing in trade, nothing listed, a month after the last transaction."""

from dataclasses import replace
from datetime import date

import pytest

from pipelines.control.subjects import AccountFacts
from pipelines.deletion.eligibility import Evidence, decide_eligibility, decide_request

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("last_transaction", "first_day"),
    [
        ("2026-10-22", "2026-11-22"),
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-03-31", "2026-04-30"),
        ("2026-02-28", "2026-03-28"),
        ("2026-12-15", "2027-01-15"),
        ("2026-12-31", "2027-01-31"),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last_of_a_shorter_month(last_transaction: str, first_day: str):
    facts = AccountFacts(0, 0, date.fromisoformat(last_transaction))
    eligible_on = date.fromisoformat(first_day)
    assert decide_eligibility(facts, eligible_on).is_eligible
    waiting = decide_eligibility(facts, date.fromordinal(eligible_on.toordinal() - 1))
    assert (waiting.is_eligible, waiting.eligible_on) == (False, eligible_on)
    assert waiting.reason == "a month since the last transaction"


@pytest.mark.parametrize(
    ("listings", "trades", "reason"),
    [
        (1, 0, "there are open listings"),
        (0, 1, "there are open trades"),
        (2, 3, "there are open trades and open listings"),
    ],
)
def test_what_is_open_blocks_without_a_date(listings: int, trades: int, reason: str):
    decided = decide_eligibility(AccountFacts(listings, trades, date(2020, 1, 1)), TODAY)
    assert (decided.is_eligible, decided.eligible_on, decided.reason) == (False, None, reason)


def test_member_who_never_traded_may_go_today():
    decided = decide_eligibility(AccountFacts(0, 0, None), TODAY)
    assert (decided.is_eligible, decided.eligible_on, decided.reason) == (True, TODAY, None)


def test_unknown_facts_wait():
    decided = decide_eligibility(None, TODAY)
    assert (decided.is_eligible, decided.reason) == (False, "no account facts are known yet")


REQUESTED = date(2026, 11, 20)
OPEN, DONE = AccountFacts(0, 1, None), AccountFacts(0, 0, None)


def decide(**known: object) -> tuple[bool, str | None]:
    decided = decide_request(Evidence(requested_on=REQUESTED, **known), TODAY)
    return decided.is_eligible, decided.reason


@pytest.mark.parametrize(
    ("as_of", "basis", "is_eligible"),
    [
        ("2026-11-19", "the facts given with the request", True),
        ("2026-11-20", "the facts given with the request", True),
        ("2026-11-21", "account facts of 2026-11-21", False),
    ],
)
def test_given_facts_stand_in_until_the_accounts_source_speaks_of_a_later_day(as_of: str, basis: str, is_eligible):
    stored = replace(OPEN, as_of=date.fromisoformat(as_of))
    decided, reason = decide(given=DONE, stored=stored)
    assert (decided, str(reason).endswith(f"by {basis}")) == (is_eligible, True)


def test_facts_that_were_given_later_than_the_member_asked_stand_in_from_that_day():
    given, stored = replace(DONE, as_of=TODAY), replace(OPEN, as_of=date(2026, 11, 21))
    assert decide(given=given, stored=stored) == (True, "by the facts given with the request")


def test_stored_facts_of_any_day_count_when_none_were_given():
    assert decide(stored=replace(DONE, as_of=date(2026, 11, 1))) == (True, "by account facts of 2026-11-01")
    reason = "there are open trades, by account facts of 2026-11-01"
    assert decide(stored=replace(OPEN, as_of=date(2026, 11, 1))) == (False, reason)


def test_member_whom_the_accounts_source_does_not_know_on_a_later_day_has_nothing_to_wait_for():
    assert decide(heard_on=date(2026, 11, 21)) == (
        True,
        "the accounts source does not know the member on 2026-11-21",
    )
    for heard_on in (None, REQUESTED):
        assert decide(heard_on=heard_on) == (False, "no account facts are known yet")


def test_given_facts_outlast_a_source_that_does_not_know_the_member():
    decided, reason = decide(given=OPEN, heard_on=date(2026, 11, 21))
    assert (decided, reason) == (False, "there are open trades, by the facts given with the request")


def test_second_request_of_who_is_leaving_goes_with_the_first():
    for given in (None, OPEN):
        assert decide(given=given, is_leaving=True) == (True, "another request of the member goes on")


def test_who_came_back_is_known_by_their_account_and_decided_like_anybody():
    newer, older = (replace(OPEN, as_of=date(2026, 11, day)) for day in (21, 19))
    assert not decide(stored=newer, is_leaving=True)[0]
    assert not decide(given=OPEN, stored=older, is_leaving=True)[0]


def test_repeated_deletion_waits_for_nothing():
    trading = AccountFacts(2, 3, TODAY)
    decided = decide_request(Evidence(requested_on=REQUESTED, stored=trading, is_repeated=True), TODAY)
    assert (decided.is_eligible, decided.eligible_on) == (True, TODAY)
