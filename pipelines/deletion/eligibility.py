"""When the policy lets a member be deleted: nothing in trade, nothing listed, a month after the last transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

from pipelines.control.subjects import AccountFacts

WAITING_PERIOD = relativedelta(months=1)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether deletion may go on today; if not, why, and the first day on which it may, when that is known."""

    is_eligible: bool
    eligible_on: date | None
    reason: str | None


def decide_eligibility(facts: AccountFacts | None, today: date) -> Eligibility:
    """Apply the policy to a member's account facts; unknown facts wait, for deletion cannot be undone."""
    if facts is None:
        return Eligibility(is_eligible=False, eligible_on=None, reason="no account facts are known yet")
    blocking = [
        name
        for name, count in (("open trades", facts.open_trades), ("open listings", facts.open_listings))
        if count > 0
    ]
    if blocking:
        return Eligibility(is_eligible=False, eligible_on=None, reason=f"there are {' and '.join(blocking)}")
    if facts.last_transaction_date is None:
        return Eligibility(is_eligible=True, eligible_on=today, reason=None)
    eligible_on = facts.last_transaction_date + WAITING_PERIOD
    if today < eligible_on:
        return Eligibility(is_eligible=False, eligible_on=eligible_on, reason="a month since the last transaction")
    return Eligibility(is_eligible=True, eligible_on=eligible_on, reason=None)
