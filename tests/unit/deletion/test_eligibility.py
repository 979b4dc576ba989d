"""Deletion waits as the policy says: nothing in trade, nothing listed, a month after the last transaction."""

from datetime import date

import pytest

from pipelines.control.subjects import AccountFacts
from pipelines.deletion.eligibility import decide_eligibility

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
