"""What the ledger holds of a member, as they are told of it: no contract declares these tables, so this does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MEMBER, SERVICE = "member", "service"
ACCOUNTS = {"accounts": "Membership accounts."}
ASKED = {MEMBER: "What was asked for by the member, or for them."}
DONE = {SERVICE: "What was done in answer to a request."}


@dataclass(frozen=True, slots=True)
class LedgerDataset:
    """Why it is held, where it comes from, and for each column that is told its type and description."""

    purpose: str
    policy_clause: str
    sources: Mapping[str, str] = field(hash=False)
    columns: Mapping[str, tuple[str, str]] = field(hash=False)


LEDGER_DATASETS: Mapping[str, LedgerDataset] = MappingProxyType(
    {
        "account_facts": LedgerDataset(
            purpose="Decides when a membership can be cancelled, and whether its data may be used.",
            policy_clause="membership-cancellation",
            sources=ACCOUNTS,
            columns={
                "as_of": ("date", "The day that these facts speak of."),
                "open_listings": ("int64", "Items that were listed."),
                "open_trades": ("int64", "Trades that were not finished."),
                "last_transaction_date": ("date", "Day of the last transaction."),
                "consent": ("boolean", "Whether the use of data is consented to."),
            },
        ),
        "restrictions": LedgerDataset(
            purpose="Keeps the data of a member out of every metric.",
            policy_clause="accountability",
            sources={**ASKED, **ACCOUNTS},
            columns={
                "ground": ("string", "Asked for (request), or consent is missing (consent)."),
                "restricted_at": ("timestamp", "Since when, UTC."),
                "reason": ("string", "What was noted with it."),
            },
        ),
        "external_accounts": LedgerDataset(
            purpose="Finds the member when a login provider passes on a request.",
            policy_clause="membership-cancellation",
            sources=ACCOUNTS,
            columns={
                "provider": ("string", "The login provider."),
                "linked_at": ("timestamp", "When the account was linked, UTC."),
            },
        ),
        "departures": LedgerDataset(
            purpose="Keeps what was deleted when the member left from coming back.",
            policy_clause="membership-cancellation",
            sources=DONE,
            columns={
                "effective_at": ("timestamp", "When the member left, UTC."),
                "until": ("timestamp", "When they returned, UTC; nothing when they did not."),
            },
        ),
        "requests": LedgerDataset(
            purpose="Answers the requests of the member, and proves that they were answered.",
            policy_clause="accountability",
            sources={**ASKED, **DONE},
            columns={
                "request_id": ("string", "The request's number."),
                "kind": ("string", "What was asked for."),
                "channel": ("string", "How it arrived."),
                "requested_at": ("timestamp", "When it was asked for, UTC."),
                "state": ("string", "How far it is."),
                "reason": ("string", "Why it is there."),
                "due_on": ("date", "The last day that was promised."),
                "completed_at": ("timestamp", "When it was done, UTC."),
            },
        ),
        "messages": LedgerDataset(
            purpose="Tells the member what became of a request; the address is forgotten once that is done.",
            policy_clause="accountability",
            sources={**ASKED, **DONE},
            columns={
                "channel": ("string", "How it is sent."),
                "template": ("string", "Which text; nothing while there is nothing to say."),
                "created_at": ("timestamp", "Since when, UTC."),
                "told_at": ("timestamp", "When it was delivered, UTC."),
                "state": ("string", "How far it is."),
            },
        ),
    }
)
