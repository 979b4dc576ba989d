"""When the policy lets a member be deleted: nothing in trade, nothing listed, a month after the last transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from dateutil.relativedelta import relativedelta

from pipelines.control.subjects import AccountFacts

WAITING_PERIOD = relativedelta(months=1)
GIVEN = "the facts given with the request"
NO_FACTS = "no account facts are known yet"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether deletion may go on today, why or why not, and the first day on which it may, when that is known."""

    is_eligible: bool
    eligible_on: date | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a member on the day of a decision.

    given: facts that came with the request, as of its day unless they say another. stored: those of the accounts
    source. heard_on: the last day that the accounts source spoke of, whoever it was about. is_leaving: another request
    of the same member is under way. is_repeated: a completed deletion is done again, since a copy was restored.
    """

    requested_on: date
    given: AccountFacts | None = None
    stored: AccountFacts | None = None
    heard_on: date | None = None
    is_leaving: bool = False
    is_repeated: bool = False


def decide_request(evidence: Evidence, today: date) -> Eligibility:
    """Decide by the newest evidence, and name it in the reason.

    Facts given with a request stand in until the accounts source speaks of a later day. A member whom it does not know
    on a later day has no account to close first, nor has one whose account another request is closing.
    """
    if evidence.is_repeated:
        return Eligibility(is_eligible=True, eligible_on=today, reason="it repeats a deletion that was carried out")
    facts, source = _choose_facts(evidence)
    if facts is None:
        return _decide_unknown(evidence, today)
    decided = decide_eligibility(facts, today)
    return replace(decided, reason=f"{decided.reason}, by {source}" if decided.reason else f"by {source}")


def _choose_facts(evidence: Evidence) -> tuple[AccountFacts | None, str]:
    given, stored = evidence.given, evidence.stored
    if stored and (given is None or (stored.as_of or date.min) > (given.as_of or evidence.requested_on)):
        return stored, f"account facts of {stored.as_of}"
    return (None if evidence.is_leaving and stored is None else given), GIVEN


def _decide_unknown(evidence: Evidence, today: date) -> Eligibility:
    if evidence.is_leaving:
        return Eligibility(is_eligible=True, eligible_on=today, reason="another request of the member goes on")
    if evidence.heard_on and evidence.heard_on > evidence.requested_on:
        reason = f"the accounts source does not know the member on {evidence.heard_on}"
        return Eligibility(is_eligible=True, eligible_on=today, reason=reason)
    return decide_eligibility(None, today)


def decide_eligibility(facts: AccountFacts | None, today: date) -> Eligibility:
    """Apply the policy to a member's account facts; unknown facts wait, for deletion cannot be undone."""
    if facts is None:
        return Eligibility(is_eligible=False, eligible_on=None, reason=NO_FACTS)
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
