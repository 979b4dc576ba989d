"""Telling members that their requests take long: once past half of the promised time, once past the end of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from pipelines.control.ledger import transaction
from pipelines.control.open_requests import OpenRequest, list_open_requests
from pipelines.control.outbox import tell_all
from pipelines.deletion.deadline import Promise
from pipelines.deletion.eligibility import NO_FACTS
from pipelines.journeys.decide import promise_of
from pipelines.journeys.house import House
from pipelines.telemetry import record_step

DELAYED, OVERDUE = "delayed", "overdue"
# Why a request is open, by its state, as the texts of messages know it.
REASONS = {
    "ready": "approval",
    "planned": "approval",
    "approved": "work",
    "running": "work",
    "verifying": "work",
    "held": "held",
}


def tell_delays(house: House) -> int:
    """Tell the members of requests that are late, of each stage once however often it runs; returns how many are late.

    Whose contact nobody knows is told nothing; who hears only now that a request is past its due date hears that alone.
    """
    with record_step("tell_delays", "requests") as step:
        late = find_late(list_open_requests(house.ledger), promise_of(house), house.now().date())
        step.count(delayed=len(late[DELAYED]), overdue=len(late[OVERDUE]))
        with transaction(house.ledger) as connection:
            for stage, request_ids in late.items():
                tell_all(connection, request_ids, stage, house.now())
    return sum(map(len, late.values()))


def find_late(requests: Iterable[OpenRequest], promise: Promise, today: date) -> dict[str, list[str]]:
    """The ids of late requests by how late they are; what a law holds is never past its due date."""
    late: dict[str, list[str]] = {DELAYED: [], OVERDUE: []}
    for request in requests:
        filed_on = request.requested_at.astimezone(promise.zone).date()
        due_on = request.due_on or filed_on + timedelta(days=promise.days)
        if today > due_on and request.state != "held":
            late[OVERDUE].append(request.request_id)
        elif 2 * (today - filed_on) > due_on - filed_on:
            late[DELAYED].append(request.request_id)
    return late


def find_delay_reason(house: House, request_id: str) -> str:
    """Why a request is not done yet, as one word for which messages have a text; unknown when it is not open."""
    return next((name_reason(request) for request in list_open_requests(house.ledger, request_id)), "unknown")


def name_reason(request: OpenRequest) -> str:
    """The class of reasons that keeps a request open, which says nothing of the member."""
    if not request.is_deletion or request.state in REASONS:
        return REASONS.get(request.state, "unknown")
    return "checking" if request.state == "received" or request.reason == NO_FACTS else "dealings"
