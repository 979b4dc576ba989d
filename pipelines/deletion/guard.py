"""Against a plan that takes far more than anybody meant: its share of each dataset, and of all members."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from pipelines.deletion.plan import GUARD, Document
from pipelines.errors import PlanTooLargeError

GUARDED_ROWS = 1_000  # of a smaller dataset few rows are a large share, and no mistake
MEMBERS = "members"


def guard_plan(
    document: Document, *, leaving_count: int, member_count: int, limit: float, accepted: float | None
) -> Document:
    """The plan with a note of its shares and of what was accepted; PlanTooLargeError when a share is beyond both.

    leaving_count: people in the plan. member_count: members who are known. limit, accepted: shares from 0 to 1, the
    second None unless a person allowed this plan more than the first.
    """
    shares = measure_shares(document, leaving_count, member_count)
    most, allowed = max(shares, key=lambda name: shares[name], default=""), max(limit, accepted or 0)
    if shares and shares[most] > allowed:
        raise PlanTooLargeError(
            f"the plan would take {shares[most]:.1%} of {most}, more than {allowed:.1%}; nothing was planned",
            hint=f"if that many are meant, run `tokumei delete plan --accept-share {ceil(shares[most] * 100) / 100}`",
        )
    return {**document, GUARD: {"limit": limit, "accepted_share": accepted, "shares": shares}}


def measure_shares(document: Document, leaving_count: int, member_count: int) -> dict[str, float]:
    """The share that a plan takes of each lake table that it removes rows from, and of all members."""
    totals = {MEMBERS: (leaving_count, member_count)} | {
        dataset["table"]: (dataset["row_count"], dataset["stored_rows"])
        for dataset in document["datasets"]
        if (dataset["layer"], dataset["strategy"]) == ("lake", "delete")
    }
    return {name: min(1.0, taken / stored) for name, (taken, stored) in totals.items() if stored >= GUARDED_ROWS}


def find_accepted_share(document: Mapping[str, Any]) -> float | None:
    """What a person accepted for a plan that was made earlier; plans of before there was a guard note nothing."""
    accepted = document.get(GUARD, {}).get("accepted_share")
    return None if accepted is None else float(accepted)
